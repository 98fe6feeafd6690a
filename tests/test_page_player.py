"""In a browser, a row of clips plays in step, steps and scrubs by frames, and shows where clips differ."""

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest

from reports.html import render_html, render_page
from reports.measured import Stills
from reports.media import Source
from reports.record import CaseRecord
from tests.browser import FRAMES_SHOWN, WATCHED, Heard, Visit
from tests.clip_samples import write_clip
from tests.reports_samples import a_round, case_of, planned, replaced, run_of

FRAMES = 24
PLAYED_AT_ONCE = """async () => {
  document.querySelector(".row").scrollIntoView();
  while (!document.querySelector("[data-does=toggle]")) await new Promise((done) => setTimeout(done, 1));
  document.querySelector("[data-does=toggle]").click();
}"""
# The seconds that pass in the first row's clips for one on the wall, from their 2nd frame on.
SPEEDS = """async () => {
  const videos = [...document.querySelectorAll(".row")[0].querySelectorAll("video")];
  const turn = () => new Promise(requestAnimationFrame);
  while (videos.some((video) => video.paused || video.currentTime < 1 / 16)) await turn();
  const [from, began] = [videos.map((video) => video.currentTime), performance.now()];
  while (performance.now() - began < 700) await turn();
  const passed_s = (performance.now() - began) / 1000;
  return videos.map((video, which) => (video.currentTime - from[which]) / passed_s);
}"""
# What `inStep` does in one picture to the second of two clips that is `ahead` by so many of 16 frames a second: the
# rates of both afterwards, and by how many frames the second is ahead then.
FOLLOWED = """async ([ahead, rate]) => {
  class Clip extends EventTarget {
    time = 0; playbackRate = 9; duration = 4; readyState = 4; ended = false; seeking = false; error = null;
    get currentTime() { return this.time; }
    set currentTime(time) { this.time = time; queueMicrotask(() => this.dispatchEvent(new Event("seeked"))); }
    play() { return Promise.resolve(); }
    pause() {}
  }
  const [fps, clips, pictures] = [16, [new Clip(), new Clip()], []];
  const before = window.requestAnimationFrame;
  window.requestAnimationFrame = (draw) => pictures.push(draw);
  const row = inStep(clips, fps, 64, () => {});
  row.setRate(rate);
  await row.play(0);
  clips[0].time = 1;
  clips[1].time = 1 + ahead / fps;
  pictures.shift()();
  window.requestAnimationFrame = before;
  row.stop();
  return [clips[0].playbackRate, clips[1].playbackRate, (clips[1].time - clips[0].time) * fps];
}"""
MANY = 500
# Code values of the clips' grounds: 40 + 32 is half of what the difference's scale ends at.
GROUNDS = {"causvid-1.3b": 72, "wan2.1-t2v-1.3b": 40, "third": 40}


def filmed(model: str, video: str, prompt: str = "dogs", stills: Stills | None = None) -> CaseRecord:
    """Give a case of 24 frames of 96 x 64 with its clip; the teacher is the slowest."""
    slow_s = 60.0 if model.startswith("wan") else 4.0
    plan = planned(model=model, prompt=prompt, width=96)
    case = replaced(case_of(plan, slow_s, video=video), frames=FRAMES, height=64)
    assert case.measurement is not None
    rounds = [msgspec.structs.replace(a_round(slow_s), frames_sha256=model)]
    measurement = msgspec.structs.replace(case.measurement, rounds=rounds, stills=stills)
    return msgspec.structs.replace(case, measurement=measurement)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a page with a row of three clips, one of them broken in a second row, and one with 500 clips."""
    folder = tmp_path_factory.mktemp("player")
    cases = []
    for model, ground in GROUNDS.items():
        write_clip(folder / "media" / f"{model}.mp4", FRAMES, ground=ground)
        cases.append(filmed(model, f"media/{model}.mp4"))
    (folder / "media" / "broken.mp4").write_bytes(b"no mp4")
    write_clip(folder / "media" / "short.mp4", FRAMES // 2)
    broken = [
        filmed("causvid-1.3b", "media/broken.mp4", "sea"),
        filmed("third", "media/third.mp4", "sea"),
        filmed("short", "media/short.mp4", "sea"),
    ]
    (folder / "report.html").write_text(render_html(run_of(*cases, *broken), folder), encoding="utf-8")
    many = [filmed(m, f"media/{m}.mp4", f"p{n}") for n in range(MANY // 2) for m in ("causvid-1.3b", "third")]
    (folder / "many.html").write_text(render_html(run_of(*many), folder), encoding="utf-8")
    return folder


@pytest.fixture
def page(folder: Path, visit: Visit) -> Any:
    """Open the page and look at the first row."""
    page = visit(folder / "report.html")
    return at_row(page, 0)


def at_row(page: Any, number: int) -> Any:
    """Scroll to a row, wait for its controls, and put it into focus."""
    row = page.locator(".row").nth(number)
    row.scroll_into_view_if_needed()
    row.locator(".controls").wait_for()
    row.focus()
    return page


def shows(page: Any, text: str) -> None:
    """Wait until the first row tells this of its frame."""
    page.wait_for_function("text => document.querySelector('.row output').textContent.startsWith(text)", arg=text)


def test_row_plays_within_a_frame(page: Any) -> None:
    """While three clips play and loop, the frames that are shown are at most one apart; paused they are the same."""
    page.keyboard.press(" ")
    apart = page.evaluate(WATCHED, 2500)
    assert apart["frames"] > 30
    assert (apart["worst"] <= 1, apart["loops"] >= 1) == (True, True), apart
    page.keyboard.press(" ")
    page.wait_for_function("() => [...document.querySelectorAll('.row video')].every((video) => video.paused)")
    page.keyboard.press("Home")
    shows(page, "1 of 24")
    assert page.evaluate(FRAMES_SHOWN)[:3] == [0, 0, 0]


def test_clip_that_is_out_of_step_comes_back(page: Any) -> None:
    """A clip that is half a second off is fetched before the first one ends."""
    for key in "lh ":
        page.keyboard.press(key)
    clips = "[...document.querySelectorAll('.row')[0].querySelectorAll('video')]"
    page.wait_for_function(f"() => {clips}[0].currentTime * 16 > 1")
    page.evaluate(f"{clips}[1].currentTime += 0.5")
    apart = f"Math.abs({clips}[1].currentTime - {clips}[0].currentTime) * 16"
    page.wait_for_function(f"() => {clips}[0].currentTime * 16 < 22 && {apart} < 0.5")


def test_who_is_off_runs_slower_or_faster_or_is_moved(page: Any) -> None:
    """Below a quarter of a frame nothing is done, up to two frames the rate changes by at most 30 %, then it is moved.

    The clips are stand-ins whose time stands still, and each picture of the screen is asked for by the test.
    """
    speeds = {0.0: 1.0, 0.24: 1.0, -0.24: 1.0, 0.4: 0.9, -0.4: 1.1, 1.9: 0.7, -1.9: 1.3}
    for rate in (1.0, 0.5):
        for ahead, speed in speeds.items():
            assert page.evaluate(FOLLOWED, [ahead, rate]) == pytest.approx([rate, rate * speed, ahead]), ahead
        for ahead in (2.1, -8.0):
            first, _, left = page.evaluate(FOLLOWED, [ahead, rate])
            assert (first, left) == pytest.approx((rate, 0.0)), ahead


def test_row_steps_and_scrubs_by_frames(page: Any) -> None:
    """Keys, buttons and the slider each go to the frame that they say, in all clips."""
    for press, told, frame in ((".", "2 of 24, 0.06 s", 1), ("ArrowRight", "3 of 24", 2), (",", "2 of 24", 1)):
        page.keyboard.press(press)
        shows(page, told)
        assert page.evaluate(FRAMES_SHOWN)[:3] == [frame] * 3
    page.keyboard.press("End")
    shows(page, "24 of 24")
    page.keyboard.press(".")
    shows(page, "24 of 24")
    page.locator(".row [data-does=step]").first.click()
    shows(page, "23 of 24")
    page.locator(".row [data-does=scrub]").first.evaluate("r => { r.value = 10; r.dispatchEvent(new Event('input')) }")
    shows(page, "11 of 24")
    assert page.evaluate(FRAMES_SHOWN)[:3] == [10, 10, 10]


def test_row_ends_where_it_does_not_loop(page: Any) -> None:
    """The last frame stays, in every clip."""
    page.keyboard.press("l")
    assert not page.locator(".row [data-does=loop]").first.is_checked()
    page.keyboard.press(" ")
    shows(page, "24 of 24")
    page.wait_for_function("() => document.querySelector('.row [data-does=toggle]').textContent === 'play'")
    assert page.evaluate(FRAMES_SHOWN)[:3] == [23, 23, 23]


def test_row_of_a_single_file_plays(folder: Path, visit: Visit) -> None:
    """Clips inside of the page play as those beside it, also where they are asked to at once."""
    (folder / "alone").mkdir()
    cases = [filmed(model, f"media/{model}.mp4") for model in GROUNDS]
    embedded = render_page([Source(run_of(*cases), folder, embed=True)])
    (folder / "alone" / "report.html").write_text(embedded, encoding="utf-8")
    page = visit(folder / "alone" / "report.html")
    page.evaluate(PLAYED_AT_ONCE)
    page.wait_for_function("() => [...document.querySelectorAll('video')].every((video) => video.currentTime > 0.2)")
    assert page.evaluate("[...document.querySelectorAll('video')].every((video) => video.src.startsWith('data:'))")


def test_half_speed_takes_twice_as_long(page: Any) -> None:
    """In every clip half as many seconds pass as on the wall, and as many again once it is left."""
    page.keyboard.press("h")
    page.keyboard.press(" ")
    assert page.evaluate(SPEEDS) == pytest.approx([0.5] * 3, abs=0.15)
    page.keyboard.press("h")
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    assert page.evaluate(SPEEDS) == pytest.approx([1.0] * 3, abs=0.25)


def test_difference_is_drawn_against_the_teacher(page: Any) -> None:
    """32 codes apart is the middle of the scale, an equal clip is black, and the teacher has no picture of itself."""
    page.keyboard.press("d")
    canvases = page.locator(".row canvas")
    assert canvases.count() == 2
    assert canvases.first.get_attribute("aria-label") == (
        "difference of CausVid 1.3B, 480p81 (speed) from Wan 2.1 1.3B, 480p81 (speed)"
    )
    chosen = page.locator(".row select").first.evaluate("select => select.selectedOptions[0].textContent")
    assert chosen == "Wan 2.1 1.3B, 480p81 (speed)"
    page.keyboard.press(".")
    shows(page, "2 of 24")
    page.wait_for_timeout(300)
    middle, black = (middle_of(canvas) for canvas in canvases.all())
    assert black == (0, 0, 0)
    assert middle == pytest.approx((217, 51, 77), abs=25), "half of the scale, by the table of the filter"
    page.keyboard.press("d")
    assert canvases.count() == 0


def _middle(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Give the box of the pixel in the middle."""
    column, row = (extent // 2 for extent in size)
    return column, row, column + 1, row + 1


def middle_of(canvas: Any) -> tuple[int, ...]:
    """Give the colour in the middle of the canvas as the screen shows it."""
    from PIL import Image

    with Image.open(io.BytesIO(canvas.screenshot())) as shot:
        red, green, blue = shot.convert("RGB").resize((1, 1), box=_middle(shot.size)).tobytes()
        return red, green, blue


def test_clip_that_is_broken_says_so_and_the_others_play(page: Any) -> None:
    """One bad file does not stop its row."""
    at_row(page, 1)
    page.locator(".row .fault").wait_for()
    page.keyboard.press(" ")
    page.wait_for_function("() => document.querySelectorAll('.row')[1].querySelectorAll('video')[1].currentTime > 0.2")
    assert page.locator(".row .fault").all_text_contents() == [
        "This clip cannot be played: its file is missing or broken."
    ]


def test_browser_without_a_decoder_says_so(page: Any) -> None:
    """A file that is sound is not called broken where the browser cannot decode what it holds."""
    page.evaluate("HTMLMediaElement.prototype.canPlayType = () => ''")
    page.locator(".row video").first.dispatch_event("error")
    assert page.locator(".row .fault").first.text_content().endswith("this browser has no decoder for H.264.")


def test_clip_that_is_too_short_waits_at_its_end(page: Any) -> None:
    """Half as long as the others, it stays on its last frame until they are through, and begins again with them."""
    at_row(page, 1)
    page.keyboard.press("End")
    page.wait_for_function("() => document.querySelectorAll('.row output')[1].textContent.startsWith('24 of 24')")
    times = "[...document.querySelectorAll('.row ~ .row video')].slice(1).map((clip) => clip.currentTime * 16)"
    assert page.evaluate(times) == pytest.approx([23.5, 11.5], abs=0.1)
    page.keyboard.press(" ")
    page.wait_for_function(f"() => {times}[0] > 15 && {times}[0] < 20")
    assert page.evaluate(times)[1] == pytest.approx(12, abs=0.6)
    page.wait_for_function(f"() => {times}[0] > 2 && {times}[0] < 10 && Math.abs({times}[0] - {times}[1]) < 1")


def test_clip_of_a_case_that_is_filtered_away_goes_with_it(page: Any) -> None:
    """A clip is hidden with all cases that made it, and a row with all of its clips."""
    page.get_by_label("Only this model").select_option("short")
    assert page.locator("figure:visible").count() == 1
    assert page.locator(".row:visible").count() == 1


def test_page_of_500_clips_loads_those_in_sight(folder: Path, visit: Visit, heard: Heard) -> None:
    """It opens within seconds, few clips are loaded at a time, and far ones are given back."""
    page = visit(folder / "many.html")
    assert page.locator("video").count() == MANY
    assert page.evaluate("performance.timing.loadEventEnd - performance.timing.navigationStart") < 10_000
    loaded = "[...document.querySelectorAll('video')].filter((video) => video.readyState > 0).length"
    for number in (0, 100, 249):
        at_row(page, number)
        page.wait_for_function(f"() => {loaded} > 1")
        assert page.evaluate(loaded) < 40
    page.wait_for_function("() => document.querySelector('video').readyState === 0")
    assert sum(url.endswith(".mp4") for url in heard.requests) < 200


def test_controls_can_be_used_without_a_mouse(page: Any) -> None:
    """Every control of a row has a name, is reached by Tab, and shows that it is in focus."""
    reached = []
    for _ in range(8):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            "[document.activeElement.dataset.does, getComputedStyle(document.activeElement).outlineStyle,"
            " (document.activeElement.ariaLabel || document.activeElement.textContent"
            " || document.activeElement.labels?.[0]?.textContent || '').trim()]"
        )
        reached.append(focus)
    assert [does for does, _, _ in reached[:8]] == [
        "step", "toggle", "step", "scrub", "loop", "half", "difference", "reference",
    ]  # fmt: skip
    assert all(outline == "solid" and name for _, outline, name in reached)


def test_without_scripts_each_clip_has_the_browsers_controls(folder: Path, visit: Visit) -> None:
    """What plays in step with scripts plays alone without."""
    page = visit(folder / "report.html", java_script_enabled=False)
    assert page.locator("video[controls]").count() == 6
    assert page.locator(".controls").count() == 0


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_clips_fit_phone_and_dark(folder: Path, visit: Visit, width: int, scheme: str) -> None:
    """Nothing is wider than the screen, and two clips stand beside each other on a phone, too."""
    page = at_row(visit(folder / "report.html", width=width, color_scheme=scheme), 0)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    first, second = (page.locator(".row video").nth(number).bounding_box() for number in (0, 1))
    assert first["y"] == second["y"]


def test_print_has_strips_and_no_players(folder: Path, visit: Visit, tmp_path: Path) -> None:
    """On paper a clip is its frames."""
    from PIL import Image

    (tmp_path / "media").mkdir()
    Image.new("RGB", (80, 20), "red").save(tmp_path / "media" / "strip.jpg")
    stills = Stills(strip="media/strip.jpg", frames=[0, 23], xt="media/strip.jpg")
    write_clip(tmp_path / "media" / "clip.mp4", FRAMES)
    case = filmed("causvid-1.3b", "media/clip.mp4", stills=stills)
    (tmp_path / "report.html").write_text(render_html(run_of(case)), encoding="utf-8")
    page = visit(tmp_path / "report.html")
    page.emulate_media(media="print")
    page.locator("img.strip").scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelector('img.strip').naturalWidth === 80")
    assert page.locator("img.strip").is_visible()
    assert not page.locator("video").first.is_visible()
    assert not page.locator(".controls").first.is_visible()


def test_small_clip_is_named_above_and_not_blown_up(folder: Path, visit: Visit) -> None:
    """A clip of 96 px is at most twice as wide on a wide screen, and its model stands over it while it plays."""
    page = at_row(visit(folder / "report.html", width=1280), 0)
    video, caption = (page.locator(f".row {what}").first.bounding_box() for what in ("video", "figcaption"))
    assert video["width"] == 192
    assert caption["y"] + caption["height"] <= video["y"]
