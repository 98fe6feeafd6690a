"use strict";
// Rows of clips: each row that comes near gets its controls and loads its clips, and gives them back when it is far, so
// that a page with hundreds of clips holds few videos at a time. Differences are drawn, never read: a page from a disk
// may not look into its own clips, but may lay one over the other.
(() => {
  const controls = document.getElementById("row-controls");
  if (!controls || !("IntersectionObserver" in window)) return; // then each clip keeps the browser's own controls
  const NEAR = "600px";
  const H264 = 'video/mp4; codecs="avc1.640028"';

  function equip(row) {
    const [fps, frames] = [Number(row.dataset.fps), Number(row.dataset.frames)];
    const figures = [...row.querySelectorAll("figure")].filter((figure) => figure.querySelector("video"));
    const videos = figures.map((figure) => figure.querySelector("video"));
    const sources = videos.map((video) => video.getAttribute("src"));
    const bar = controls.content.cloneNode(true);
    const find = (does) => bar.querySelector(`[data-does=${does}]`);
    const [toggle, scrub, loop, half] = ["toggle", "scrub", "loop", "half"].map(find);
    const [difference, reference, output] = [find("difference"), find("reference"), bar.querySelector("output")];
    const legend = bar.querySelector(".heat-key");
    bar.querySelector(".controls").setAttribute("aria-label", `play the ${row.getAttribute("aria-label")}`);
    scrub.max = frames - 1;
    figures.forEach((figure, place) => reference.append(new Option(figure.dataset.name, place)));
    const all = [...row.querySelectorAll("figure")];
    const teacher = figures.indexOf(all[Number(row.dataset.reference)]);
    reference.value = Math.max(0, teacher);
    if (figures.length < 2) for (const part of bar.querySelectorAll(".against")) part.hidden = true;

    const canvases = new Map();
    function draw() {
      for (const [video, canvas] of canvases) {
        const other = videos[Number(reference.value)];
        if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || other.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) continue;
        const { width, height } = canvas;
        const pen = canvas.getContext("2d");
        pen.globalCompositeOperation = "copy";
        pen.drawImage(other, 0, 0, width, height);
        pen.globalCompositeOperation = "difference";
        pen.drawImage(video, 0, 0, width, height);
      }
    }
    function compare() {
      for (const canvas of canvases.values()) canvas.remove();
      canvases.clear();
      legend.hidden = !difference.checked;
      if (!difference.checked) return;
      videos.forEach((video, place) => {
        if (place === Number(reference.value)) return;
        const canvas = document.createElement("canvas");
        canvas.className = "heat";
        [canvas.width, canvas.height] = [video.width, video.height];
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `difference of ${figures[place].dataset.name} from ${figures[reference.value].dataset.name}`);
        video.after(canvas);
        canvases.set(video, canvas);
      });
      draw();
    }

    const clock = (frame) => `${frame + 1} of ${frames}, ${(frame / fps).toFixed(2)} s`;
    const player = inStep(videos, fps, frames, (frame, playing) => {
      scrub.value = frame;
      scrub.setAttribute("aria-valuetext", clock(frame));
      output.textContent = clock(frame);
      toggle.textContent = playing ? "pause" : "play";
      draw();
    });
    output.textContent = clock(0);
    for (const video of videos) {
      [video.controls, video.loop] = [false, false];
      video.addEventListener("click", player.toggle);
      video.addEventListener("error", () => complain(video));
      for (const event of ["loadeddata", "seeked"]) video.addEventListener(event, draw);
    }

    const flip = (box) => {
      box.checked = !box.checked;
      box.dispatchEvent(new Event("change"));
    };
    const keys = {
      " ": player.toggle, ",": () => player.step(-1), ".": () => player.step(1),
      ArrowLeft: () => player.step(-1), ArrowRight: () => player.step(1),
      Home: () => player.seek(0), End: () => player.seek(frames - 1),
      l: () => flip(loop), h: () => flip(half), d: () => figures.length > 1 && flip(difference),
    };
    row.addEventListener("keydown", (event) => {
      const own = event.target === row || event.target.matches(".controls button, .controls input[type=checkbox]");
      const pressing = event.target !== row && event.key === " ";
      const changed = event.ctrlKey || event.altKey || event.metaKey;
      if (!own || pressing || changed || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    });
    toggle.addEventListener("click", player.toggle);
    for (const button of bar.querySelectorAll("[data-does=step]")) {
      button.addEventListener("click", () => player.step(Number(button.dataset.by)));
    }
    scrub.addEventListener("input", () => player.seek(Number(scrub.value)));
    loop.addEventListener("change", () => player.setLooping(loop.checked));
    half.addEventListener("change", () => player.setRate(half.checked ? 0.5 : 1));
    difference.addEventListener("change", compare);
    reference.addEventListener("change", compare);
    row.tabIndex = 0;
    row.setAttribute("role", "group");
    row.querySelector(".clips").before(bar);

    let frame = 0;
    return {
      come() {
        videos.forEach((video, place) => {
          video.preload = "metadata";
          if (!video.hasAttribute("src")) video.src = sources[place];
        });
        if (frame) player.seek(frame);
      },
      leave() {
        frame = player.frame();
        player.stop();
        toggle.textContent = "play";
        for (const video of videos) {
          video.preload = "none";
          video.removeAttribute("src"); // or load() would load it again, whatever preload says
          video.load();
        }
      },
    };
  }

  function complain(video) {
    if (!video.hasAttribute("src") || video.nextElementSibling?.matches(".fault")) return;
    const told = document.createElement("p");
    told.className = "fault";
    told.textContent = video.canPlayType(H264)
      ? "This clip cannot be played: its file is missing or broken."
      : "This clip cannot be played: this browser has no decoder for H.264.";
    video.after(told);
  }

  const equipped = new Map();
  const observer = new IntersectionObserver((seen) => {
    for (const { target: row, isIntersecting } of seen) {
      if (isIntersecting) {
        if (!equipped.has(row)) equipped.set(row, equip(row));
        equipped.get(row).come();
      } else equipped.get(row)?.leave();
    }
  }, { rootMargin: `${NEAR} 0px` });
  const rows = [...document.querySelectorAll(".row")].filter((row) => row.querySelector("video"));
  for (const row of rows) observer.observe(row);
  for (const help of document.querySelectorAll(".player-help")) help.hidden = !rows.length;
})();
