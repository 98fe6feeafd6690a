"use strict";
// Blinded pairs: order and sides are drawn anew for each voter, a vote is one key, and votes are kept by the browser
// until they are saved as a file. The page knows clips by random names alone.
(() => {
  const at = (id) => document.getElementById(id);
  const stage = at("stage");
  const key = stage.dataset.key;
  const place = `blinded comparison ${key}`;
  const videos = [at("left"), at("right")];
  const trials = [...at("trials").children].map((item) => ({ ...item.dataset, text: item.textContent }));

  const random = (below) => Math.floor((crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32) * below);
  function shuffled(items) {
    const left = [...items];
    return items.map(() => left.splice(random(left.length), 1)[0]);
  }

  let keeps = true; // a browser may keep nothing for pages from a disk: then only the saved file has the votes
  function recall() {
    try {
      const kept = JSON.parse(localStorage.getItem(place));
      if (kept && Array.isArray(kept.votes)) return kept;
    } catch {
      keeps = false;
    }
    return { voter: `voter ${random(2 ** 32).toString(16)}`, votes: [] };
  }
  const state = recall();
  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch {
      keeps = false;
    }
    at("kept").textContent = keeps
      ? "This browser keeps your votes until you save them; you may close the page and go on later."
      : "This browser keeps no votes: save them before you close the page.";
  }

  const voted = () => new Set(state.votes.map((vote) => vote.trial));
  let waiting = shuffled(trials.filter((trial) => !voted().has(trial.id)));
  let names = []; // of the clips that are shown, left and right
  let player = null;

  function show() {
    keep();
    const done = trials.length - waiting.length;
    at("progress").textContent = `${done} of ${trials.length} pairs voted on`;
    at("done").hidden = waiting.length > 0;
    stage.hidden = !waiting.length;
    at("undo").disabled = !state.votes.length;
    player?.stop();
    if (waiting.length) present(waiting[0]);
    else at("save").focus();
  }

  function present(trial) {
    const [fps, frames] = [Number(trial.fps), Number(trial.frames)];
    names = shuffled(trial.clips.split(" "));
    at("fault").hidden = true;
    at("prompt").textContent = trial.text;
    at("scrub").max = frames - 1;
    videos.forEach((video, side) => {
      video.src = `clips/${names[side]}`;
      video.load();
    });
    player = inStep(videos, fps, frames, (frame, playing) => {
      at("scrub").value = frame;
      at("frame").textContent = `${frame + 1} of ${frames}`;
      at("play").firstChild.textContent = playing ? "pause " : "play ";
    });
    player.setRate(isHalf() ? 0.5 : 1);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) player.seek(0);
    else player.play(0);
  }

  const isHalf = () => at("half").getAttribute("aria-pressed") === "true";
  function half() {
    at("half").setAttribute("aria-pressed", String(!isHalf()));
    player.setRate(isHalf() ? 0.5 : 1);
  }

  function vote(side) {
    if (!waiting.length || videos.some((video) => video.error)) return;
    const [trial] = waiting.splice(0, 1);
    const better = side === null ? null : names[side];
    state.votes.push({ trial: trial.id, better, left: names[0], at: new Date().toISOString() });
    show();
  }

  function skip() {
    if (waiting.length > 1) waiting.push(waiting.shift());
    show();
  }

  function undo() {
    const last = state.votes.pop();
    if (last) waiting.unshift(trials.find((trial) => trial.id === last.trial));
    show();
  }

  function save() {
    state.voter = at("voter").value.trim() || state.voter;
    keep();
    const votes = { kind: "blinded comparison: votes", schema_version: 1, key, voter: state.voter, votes: state.votes };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(votes, null, 1)], { type: "application/json" }));
    link.download = `votes-${state.voter.replace(/[^A-Za-z0-9]+/g, "-")}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  const keys = {
    1: () => vote(0), ArrowLeft: () => vote(0),
    2: () => vote(1), ArrowRight: () => vote(1),
    0: () => vote(null), ArrowDown: () => vote(null),
    ",": () => player?.step(-1), ".": () => player?.step(1), " ": () => player?.toggle(), h: half, n: skip, u: undo, s: save,
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input") || (event.target.matches("button") && event.key === " ");
    if (typing || event.ctrlKey || event.altKey || event.metaKey || event.repeat || !Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
  const clicks = { back: ",", play: " ", forth: ".", half: "h", "vote-left": 1, "vote-none": 0, "vote-right": 2, skip: "n", undo: "u", save: "s" };
  for (const [id, name] of Object.entries(clicks)) at(id).addEventListener("click", () => keys[name]());
  at("scrub").addEventListener("input", () => player.seek(Number(at("scrub").value)));
  at("voter").addEventListener("change", () => {
    state.voter = at("voter").value.trim() || state.voter;
    keep();
  });
  for (const video of videos) {
    video.addEventListener("click", () => player.toggle());
    video.addEventListener("error", () => {
      at("fault").textContent = `${video.getAttribute("aria-label")} cannot be played: this pair takes no vote. Are the page and its folder “clips” whole?`;
      at("fault").hidden = false;
    });
  }

  at("voter").value = state.voter;
  at("saving").hidden = false;
  show();
})();
