"use strict";
// Several videos as one: play, pause, step by a frame, scrub, loop and slow down, each within a frame of the others.
// A frame is addressed by its middle, (k + 0.5) / fps, as its edges round either way. While playing, the first video
// leads: who is off by more than a quarter of a frame plays a little faster or slower until it is back, who is two frames off
// is moved. Loops restart together. A video that has to wait for its file stops all; one that cannot be played is left
// out. `tell(frame, playing)` is called whenever what is shown has changed.
function inStep(videos, fps, frames, tell) {
  let alive = [...videos];
  let playing = false;
  let looping = true;
  let rate = 1;
  let turn = 0; // of what was asked for last: what is older gives up

  const middle = (frame) => (frame + 0.5) / fps;
  const end = (video) => Math.min(frames / fps, Number.isFinite(video.duration) ? video.duration : Infinity);
  const leader = () => alive.reduce((best, video) => (end(video) > end(best) + 0.5 / fps ? video : best), alive[0]);
  const bounded = (frame) => Math.max(0, Math.min(frames - 1, frame));
  const shown = () => (alive.length ? bounded(Math.floor(leader().currentTime * fps + 0.01)) : 0);

  const heard = (video, ...names) =>
    new Promise((resolve) => {
      for (const name of [...names, "error"]) video.addEventListener(name, resolve, { once: true });
    });

  async function until(video, state) {
    if (video.readyState >= state || video.error) return;
    video.preload = "auto";
    if (video.readyState === 0 && video.networkState !== HTMLMediaElement.NETWORK_LOADING) video.load();
    while (video.readyState < state && !video.error) await heard(video, "loadeddata", "canplay", "seeked");
  }

  async function ready(state) {
    await Promise.all(alive.map((video) => until(video, state)));
    alive = alive.filter((video) => !video.error);
  }

  async function place(frame) {
    const moves = alive.map(async (video) => {
      const time = Math.min(middle(frame), Math.max(0, end(video) - 0.5 / fps));
      if (Math.abs(video.currentTime - time) < 1e-6 && !video.seeking) return;
      const done = heard(video, "seeked");
      video.currentTime = time;
      await done;
    });
    await Promise.all(moves);
  }

  function halt() {
    turn += 1;
    playing = false;
    for (const video of alive) video.pause();
    return turn;
  }

  async function seek(frame) {
    const mine = halt();
    await ready(HTMLMediaElement.HAVE_CURRENT_DATA); // Chromium never ends a seek in a data: clip that begins earlier
    if (mine !== turn) return;
    await place(bounded(frame));
    if (mine === turn) tell(shown(), false);
  }

  async function play(from = shown()) {
    const mine = halt();
    const start = from >= frames - 1 ? 0 : bounded(from);
    playing = true;
    tell(start, true);
    await ready(HTMLMediaElement.HAVE_CURRENT_DATA); // Chromium never ends a seek in a data: clip that begins earlier
    if (mine !== turn || !alive.length) return;
    await place(start);
    if (start < frames - 2) await ready(HTMLMediaElement.HAVE_FUTURE_DATA);
    if (mine !== turn) return;
    for (const video of alive) video.playbackRate = rate;
    const refusals = await Promise.all(alive.map((video) => video.play().then(() => null, (refusal) => refusal)));
    if (mine !== turn) return; // which is also why a play is refused: something newer has paused it
    if (refusals.some(Boolean)) seek(shown());
    else requestAnimationFrame(() => watch(mine));
  }

  function watch(mine) {
    if (mine !== turn) return;
    const first = leader();
    if (alive.every(isOver)) {
      if (looping) play(0);
      else seek(frames - 1);
      return;
    }
    const running = alive.filter((video) => !isOver(video));
    if (running.some((video) => video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA && !isAtLast(video))) {
      play(shown());
      return;
    }
    for (const video of running) if (video !== first) follow(video, first);
    tell(shown(), true);
    requestAnimationFrame(() => watch(mine));
  }

  // Who is at its end waits there for the others: a loop goes from everybody's last frame to everybody's first.
  const isOver = (video) => video.ended || video.currentTime >= end(video) - 0.1 / fps;
  const isAtLast = (video) => video.currentTime >= end(video) - 1.5 / fps;

  function follow(video, first) {
    const ahead = (video.currentTime - first.currentTime) * fps;
    if (Math.abs(ahead) > 2 && !video.seeking && first.currentTime < end(video)) video.currentTime = first.currentTime;
    else video.playbackRate = rate * (Math.abs(ahead) > 0.25 ? 1 - Math.max(-0.3, Math.min(0.3, ahead / 4)) : 1);
  }

  return {
    play,
    seek,
    stop: halt,
    toggle: () => (playing ? seek(shown()) : play()),
    step: (by) => seek(shown() + by),
    isPlaying: () => playing,
    frame: shown,
    setLooping: (value) => (looping = value),
    setRate(value) {
      rate = value;
      for (const video of alive) video.playbackRate = rate;
    },
  };
}
