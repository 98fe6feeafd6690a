"""Pages in a real Chromium: what they ask for, what they complain of, and what they look like, is seen and judged.

`visit` opens a page from the disk. When the test ends, no page may have said anything on its console, thrown anything,
opened a dialog, or asked for a file outside of its own folder. Debian's package serves; without it these tests are
skipped, but fail where `CI` is set: there it must not be missing unnoticed.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WITHIN_MS = 10_000
Visit = Callable[..., Any]


@dataclass
class Heard:
    """What pages did besides being looked at."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def dialog(self, dialog: Any) -> None:
        """Complain of a dialog, which is what most payloads open, and close it."""
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def nothing(self) -> None:
        """Hold that nothing was complained of, nor asked for outside of the pages' folders."""
        own = ("blob:", "data:", *self.allowed)
        strange = [f"asked for {url}" for url in self.requests if not url.startswith(own)]
        assert self.complaints + strange == []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Start Chromium once a session."""
    path = shutil.which("chromium")
    if path is None:
        told = "no `chromium` is on the PATH: the pages are not tried in a browser (Debian: apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def heard() -> Heard:
    """Give what the test's pages do; a test that expects a complaint takes it out."""
    return Heard()


@pytest.fixture
def visit(chromium: Any, heard: Heard) -> Iterator[Visit]:
    """Open pages from the disk: `visit(path, width=390, color_scheme="dark")`; other arguments are the context's."""
    contexts = []

    def opened(path: Path, width: int = 1280, height: int = 900, **arguments: Any) -> Any:
        context = chromium.new_context(viewport={"width": width, "height": height}, **arguments)
        contexts.append(context)
        context.set_default_timeout(WITHIN_MS)
        heard.allowed.append(f"{path.parent.resolve().as_uri()}/")
        page = context.new_page()
        page.on("console", lambda message: heard.complaints.append(f"console {message.type}: {message.text}"))
        page.on("pageerror", lambda error: heard.complaints.append(f"thrown: {error}"))
        page.on("dialog", heard.dialog)
        page.on("request", lambda request: heard.requests.append(request.url))
        page.goto(path.resolve().as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    heard.nothing()


# How far apart the frames are that the visible videos show, while they play: how many were seen, the worst distance,
# and how often the first video began again. A loop's last and first frame are neighbours.
WATCHED = """async (duration_ms) => {
  const videos = [...document.querySelectorAll("video")].filter((video) => video.currentSrc);
  const fps = 16, frames = Math.round(videos[0].duration * fps);
  const shown = videos.map(() => null);
  let seen = 0, worst = 0, loops = 0, going = true;
  videos.forEach((video, which) => {
    const look = (_, { mediaTime }) => {
      const frame = Math.floor(mediaTime * fps + 0.01);
      if (which === 0 && shown[0] > frame) loops += 1;
      shown[which] = frame;
      seen += 1;
      if (going) video.requestVideoFrameCallback(look);
    };
    video.requestVideoFrameCallback(look);
  });
  const until = performance.now() + duration_ms;
  while (performance.now() < until) {
    await new Promise(requestAnimationFrame);
    if (shown.some((frame) => frame === null)) continue;
    const apart = Math.max(...shown) - Math.min(...shown);
    worst = Math.max(worst, Math.min(apart, frames - apart));
  }
  going = false;
  return { frames: seen, worst, loops };
}"""

FRAMES_SHOWN = """() => [...document.querySelectorAll("video")].filter((video) => video.currentSrc)
  .map((video) => Math.floor(video.currentTime * 16))"""
