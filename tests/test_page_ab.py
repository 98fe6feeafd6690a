"""In a browser, a voter sees two clips in step without names, votes by a key, and saves what the command reads."""

from pathlib import Path
from typing import Any

import pytest

from reports.__main__ import main
from reports.ab.page import Shown, render_page
from reports.ab.record import Key, read_key, read_votes
from reports.strict_json import write_json_atomically
from tests.browser import FRAMES_SHOWN, WATCHED, Heard, Visit
from tests.clip_samples import write_clip
from tests.reports_samples import case_of, planned, replaced, run_of
from tests.test_page_cases import PAYLOADS

PROMPTS = ("dogs", "sea", "fire")
FRAMES = 24


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a blinded comparison of three pairs of real clips."""
    folder = tmp_path_factory.mktemp("ab")
    cases = []
    for number, prompt in enumerate(PROMPTS):
        for ground, model in ((30 + number, "causvid-1.3b"), (120 + number, "wan2.1-t2v-1.3b")):
            path = write_clip(folder / "run" / "media" / f"{model}-{prompt}.mp4", FRAMES, ground=ground)
            plan = planned(model=model, prompt=prompt, text=f"{prompt} <img src=x onerror=alert(1)>")
            video = str(path.relative_to(folder / "run"))
            cases.append(replaced(case_of(plan, 4.0, video=video), frames=FRAMES))
    write_json_atomically(folder / "run" / "run.json", run_of(*cases))
    assert main(["ab", str(folder / "run"), "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture
def key(comparison: Path) -> Key:
    """Give the comparison's key."""
    return read_key(comparison / "key.json")


@pytest.fixture
def page(comparison: Path, visit: Visit) -> Any:
    """Open the page."""
    return visit(comparison / "vote" / "index.html")


def saved(page: Any, tmp_path: Path, key: Key) -> Any:
    """Save the votes and read them as the command does."""
    with page.expect_download() as download:
        page.keyboard.press("s")
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    (votes,) = read_votes([path], key)
    return votes


def test_a_key_is_a_vote_and_all_votes_are_saved(page: Any, key: Key, tmp_path: Path) -> None:
    """Left, right and no difference become the clip that stood there, for trials of the key."""
    shown = []
    for press in ("1", "ArrowRight", "0"):
        shown.append([page.locator(side).get_attribute("src").removeprefix("clips/") for side in ("#left", "#right")])
        page.keyboard.press(press)
    assert page.locator("#done").is_visible()
    assert page.locator("#progress").inner_text() == "3 of 3 pairs voted on"
    votes = saved(page, tmp_path, key)
    assert [vote.better for vote in votes.votes] == [shown[0][0], shown[1][1], None]
    assert [vote.left for vote in votes.votes] == [left for left, _ in shown]
    assert {vote.trial for vote in votes.votes} == {trial.id for trial in key.trials}


def test_votes_outlive_a_reload_and_can_be_taken_back(page: Any, key: Key, tmp_path: Path) -> None:
    """A closed page goes on where it was; the last vote is asked again."""
    page.keyboard.press("2")
    page.keyboard.press("2")
    page.reload()
    assert page.locator("#progress").inner_text() == "2 of 3 pairs voted on"
    page.keyboard.press("u")
    assert page.locator("#progress").inner_text() == "1 of 3 pairs voted on"
    page.locator("#voter").fill("Ann <b>")
    page.locator("#voter").blur()
    votes = saved(page, tmp_path, key)
    assert (votes.voter, len(votes.votes)) == ("Ann <b>", 1)


def test_letters_of_a_name_are_no_votes(page: Any) -> None:
    """Keys count as votes outside of the field for the name alone."""
    page.locator("#voter").press_sequentially("120 us")
    assert page.locator("#progress").inner_text() == "0 of 3 pairs voted on"


def test_prompt_is_text(page: Any) -> None:
    """What a prompt holds of markup is shown, and does nothing."""
    assert page.locator("#prompt").inner_text().endswith(" <img src=x onerror=alert(1)>")
    assert page.locator("img").count() == 0


def test_no_payload_executes(comparison: Path, key: Key, visit: Visit) -> None:
    """A list of 30 prompts that would run a script if they could."""
    clips = sorted([key.trials[0].first.name, key.trials[0].second.name])
    trials = [Shown(f"t{number}", payload, clips, 16.0, FRAMES) for number, payload in enumerate(PAYLOADS)]
    path = comparison / "vote" / "payloads.html"
    path.write_text(render_page(key, trials), encoding="utf-8")
    page = visit(path)
    for _ in trials:
        page.keyboard.press("0")
    assert page.locator("#done").is_visible()
    assert page.evaluate("window.executed") is None
    assert len(PAYLOADS) >= 30


def test_pair_plays_within_a_frame_and_steps(page: Any) -> None:
    """While the pair plays and loops, the frames that are shown are at most one apart; paused, they are the same."""
    apart = page.evaluate(WATCHED, 2500)
    assert apart["frames"] > 20
    assert (apart["worst"] <= 1, apart["loops"] >= 1) == (True, True), apart
    page.keyboard.press(" ")
    page.wait_for_function("() => document.getElementById('play').textContent.startsWith('play')")
    page.locator("#scrub").evaluate("range => { range.value = 10; range.dispatchEvent(new Event('input')) }")
    page.keyboard.press(".")
    page.wait_for_function("() => document.getElementById('frame').textContent === '12 of 24'")
    assert page.evaluate(FRAMES_SHOWN) == [11, 11]


def test_clip_that_is_missing_takes_no_vote(comparison: Path, visit: Visit, heard: Heard, tmp_path: Path) -> None:
    """The page says so, and a vote is not counted."""
    broken = tmp_path / "index.html"
    broken.write_bytes((comparison / "vote" / "index.html").read_bytes())
    page = visit(broken)
    page.locator("#fault").wait_for()
    page.keyboard.press("1")
    assert page.locator("#progress").inner_text() == "0 of 3 pairs voted on"
    assert page.locator("#fault").inner_text().startswith("clip ")
    heard.complaints[:] = [told for told in heard.complaints if "ERR_FILE_NOT_FOUND" not in told]


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_page_fits_phone_and_dark(comparison: Path, visit: Visit, width: int, scheme: str) -> None:
    """Nothing is wider than the screen, every button has a name, and dark is dark."""
    page = visit(comparison / "vote" / "index.html", width=width, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert all(button.inner_text().strip() for button in page.locator("button").all())
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)")
    assert (max(shade) < 60) == (scheme == "dark")
