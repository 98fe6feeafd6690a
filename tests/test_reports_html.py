"""The page shows every case, plays the clips, and lets no text become markup."""

import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from reports.environment import ContainerLimits, GpuUse
from reports.html import render_html
from reports.media import UnsafePathError, clip_url
from reports.record import Attempt, CaseRecord, WeightsRecord
from tests.reports_samples import case_of, measured, planned, run_of

PAYLOADS = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "<!--",
    "<svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "NUL \x00 BEL \x07",
    "<b>" * 34_000,
]


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def infested(payload: str) -> CaseRecord:
    """Put the payload wherever a text of a run can come from outside."""
    plan = planned(text=payload)
    plan = msgspec.structs.replace(
        plan,
        id=f"bench_speed.py::bench_generate[{payload}]",
        setting=payload,
        reproduce=payload,
        sources={payload: payload},
        model=msgspec.structs.replace(plan.model, id=payload, title=payload, licence=payload),
        prompt=msgspec.structs.replace(plan.prompt, extended_text=payload, source=payload),
    )
    attempt = Attempt(
        number=1, status="error", reason=payload, worker=payload, started_at="", finished_at=None, measurement=None
    )
    outcome = msgspec.structs.replace(measured(4.0, video=payload), reasons={"peak": payload})
    return CaseRecord(id=plan.id, status="error", reason=payload, plan=plan, measurement=outcome, attempts=[attempt])


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: ascii(payload[:20]))
def test_text_from_outside_stays_text(payload: str) -> None:
    """Prompts, errors and ids bring in no element, no handler and no address, and are still readable."""
    run = run_of(infested(payload), banners=(payload,))
    run = msgspec.structs.replace(run, suite=payload, command=payload, run_id=payload)
    page, clean = Page(render_html(run)), Page(render_html(run_of(infested("plain"), banners=("plain",))))
    known = {tag: len(clean.all(tag)) for tag in ("script", "img", "svg", "b")}
    assert known["b"] == 0
    assert {tag: len(page.all(tag)) for tag in known} == known
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert {tag for tag, _ in page.elements} | {"video", "wbr"} == {tag for tag, _ in clean.elements} | {"wbr"}
    assert all(a["href"] and re.match(r"#(case-\d+|[a-z]+)$", a["href"]) for a in page.all("a"))
    assert re.sub("[\x00\x07]", "\N{REPLACEMENT CHARACTER}", payload) in page.text
    assert not re.search("[\x00-\x08]", page.text)


def test_long_text_is_cut_for_display_and_whole_on_demand() -> None:
    """A prompt of 100 KB stands on the page once in full, inside of `<details>`."""
    prompt = "".join(f"{number} dogs, " for number in range(10_000))
    text = render_html(run_of(case_of(planned(text=prompt), 4.0)))
    assert text.count(prompt) == 1
    assert re.search(
        r"<details[^>]*><summary><bdi[^>]*>0 dogs, .{200,300}…</bdi> <span[^>]*>\(\d+,\d{3} characters\)", text
    )


def test_page_needs_nothing_from_outside() -> None:
    """No style sheet, no font, no address that leaves the run folder; the policy allows our style and scripts only."""
    text = render_html(run_of(case_of(planned(), 4.0, video="media/causvid.mp4")))
    page = Page(text)
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not page.all("link")
    assert not [attributes for attributes in page.all("script") if attributes]
    assert "http://" not in text
    assert "https://" not in text
    assert not [attributes for _, attributes in page.elements if "style" in attributes]


def test_clip_is_played_from_the_run_folder() -> None:
    """A `<video>` a clip with controls, its address quoted and relative."""
    page = Page(render_html(run_of(case_of(planned(), 4.0, video="media/two dogs #1.mp4"))))
    (video,) = page.all("video")
    assert (video["controls"], video["preload"], video["src"]) == (None, "none", "media/two%20dogs%20%231.mp4")
    assert "CausVid 1.3B, 480p81" in page.text
    assert "Matched track, random weights: speed passed" in page.text


@pytest.mark.parametrize(
    "video",
    ["../x.mp4", "media/../../x.mp4", "/etc/x.mp4", "//host/x.mp4", "https://host/x.mp4", "javascript:x", "C:\\x.mp4",
     "..\\x.mp4", "", "media/\x00.mp4", "file:///x.mp4"],
)  # fmt: skip
def test_clip_outside_of_the_run_folder_is_refused(video: str) -> None:
    """Nothing is linked, and the page says why."""
    with pytest.raises(UnsafePathError, match="does not stay inside the run folder"):
        clip_url(video)
    page = Page(render_html(run_of(case_of(planned(), 4.0, video=video))))
    assert not page.all("video")
    assert "does not stay inside the run folder, so it is not linked" in page.text


def test_banner_stands_before_the_first_table() -> None:
    """What limits the numbers is read before them."""
    text = render_html(run_of(case_of(planned(), 4.0), banners=("RANDOM WEIGHTS",)))
    assert text.index("RANDOM WEIGHTS") < text.index("<table")


@pytest.mark.parametrize(
    "status", ["failed", "oom", "nan", "error", "timeout", "crashed", "invalid_env", "skipped", "not_run"]
)
def test_case_that_did_not_pass_is_marked_with_its_reason(status: str) -> None:
    """Its row is of another class than a passed one's, and the reason stands below it."""
    broken = msgspec.structs.replace(case_of(planned()), status=status, reason="what went wrong")
    page = Page(render_html(run_of(broken, case_of(planned("other"), 4.0))))
    marked = [row["class"] for row in page.all("tr") if "unsound" in str(row.get("class"))]
    assert marked == ["unsound reasoned", "unsound"]
    assert "what went wrong" in page.text
    assert f"2 cases: 1 passed, 1 {status}." in page.text.replace("\n", " ")


def test_failure_stands_with_its_last_lines_and_its_command() -> None:
    """What did not pass has a part of its own: reason, output of the last attempt, command; else there is none."""
    attempt = Attempt(
        number=1, status="error", reason="r", worker="w", started_at="", finished_at="", measurement=None, output="boom"
    )
    broken = msgspec.structs.replace(case_of(planned(), status="error", reason="it broke"), attempts=[attempt])
    page = Page(render_html(run_of(broken))).text
    part = page[page.index("What did not pass") :]
    for text in ("it broke", "Last lines of output", "boom", broken.plan.reproduce):
        assert text in part
    assert "What did not pass" not in render_html(run_of(case_of(planned(), 4.0)))


def test_row_leads_to_its_case_with_command_and_attempts() -> None:
    """From a number to the command that repeats it is one click."""
    attempts = [
        Attempt(
            number=1, status="oom", reason="no room", worker="gw0", started_at="t0", finished_at="t1", measurement=None
        ),
        Attempt(
            number=2, status="passed", reason="", worker="gw0", started_at="t2", finished_at="t3", measurement=None
        ),
    ]
    case = msgspec.structs.replace(case_of(planned(), 4.0), attempts=attempts)
    page = Page(render_html(run_of(case)))
    assert {a["href"] for a in page.all("a") if "case-" in str(a["href"])} == {"#case-1"}
    assert [d["id"] for d in page.all("details") if "id" in d] == ["case-1"]
    assert case.plan.reproduce in page.text
    assert "Attempt 1 (gw0, t0 to t1): oom: no room" in page.text
    assert "Attempt 2 (gw0, t2 to t3): passed" in page.text


@pytest.mark.parametrize(
    ("revision", "resolved", "shown"),
    [
        ("abc", None, "owner/name model.pt at abc (MIT)"),
        (None, None, "owner/name model.pt at UNPINNED (MIT)"),
        (None, "def", "owner/name model.pt at UNPINNED (loaded def) (MIT)"),
    ],
)
def test_unpinned_weights_name_the_commit_that_was_loaded(
    revision: str | None, resolved: str | None, shown: str
) -> None:
    """What "the newest" was on that day stands beside the numbers."""
    weights = WeightsRecord(
        repository="owner/name", path="model.pt", licence="MIT", revision=revision, resolved_revision=resolved
    )
    plan = planned()
    plan = msgspec.structs.replace(plan, model=msgspec.structs.replace(plan.model, weights=[weights]))
    assert shown in Page(render_html(run_of(case_of(plan, 4.0)))).text


def test_times_of_a_case_are_told_where_the_whole_round_was_stamped() -> None:
    """Spread, playback and clocks stand in the case; a page of an older run stays as it was published."""
    case = case_of(planned(), 3.9, 4.0, 4.2)
    assert case.measurement is not None
    rounds = [
        msgspec.structs.replace(timed, device_clock_s=timed.prompt_to_host_s) for timed in case.measurement.rounds
    ]
    reasons = {"clocks": "the clocks are apart", "clocks_first_call": "its clocks are, too"}
    stamped = msgspec.structs.replace(case.measurement, rounds=rounds, first_call=rounds[2], reasons=reasons)
    page = Page(render_html(run_of(msgspec.structs.replace(case, measurement=stamped)))).text
    assert "prompt_to_host_s 4.00 [3.92, 4.15] 5.6 %, drift +7.5 %" in page
    assert "first on the device 3.92, on the host 3.96; playback never stalls from 4.16 on" in page
    assert "prompt to host frames [s]4.20 (its clocks are, too)" in page.replace("\n", "").replace("  ", "")
    assert "passed clocks disagree" in " ".join(page.split())
    old = Page(render_html(run_of(case))).text
    assert "drift" not in old
    assert "clocks" not in old


def test_ratio_definitions_and_environment_are_on_the_page() -> None:
    """The page stands alone: what was compared, what the words mean and where it ran."""
    run = run_of(case_of(planned(), 4.0), case_of(planned("wan2.1-t2v-1.3b"), 64.0))
    page = Page(render_html(run))
    for text in (
        "is 16.00× (one round each) as fast as",
        "Denoising.",
        "A CPU",
        "NVIDIA H200",
        "CausVid 1.3B (CC BY-NC-SA 4.0)",
    ):
        assert text in page.text


def test_container_and_company_are_on_the_page_and_an_older_run_has_no_row_for_them() -> None:
    """Limits, attention backends and who used the GPU before; a record from before these facts shows none."""
    run = run_of(case_of(planned(), 4.0))
    older = Page(render_html(run)).text
    assert "container" not in older
    assert "gpus_before" not in older
    other = {"pid": 7, "name": "train", "used_bytes": 5}
    here = msgspec.structs.replace(
        run.environment,
        container=ContainerLimits(cgroup="v2", memory_bytes=2**35, cpus=1.5),
        attention_backends=["flex", "native_cudnn"],
        gpus_before=[GpuUse(uuid="GPU-0", used_bytes=9, processes=[other])],
    )
    page = Page(render_html(msgspec.structs.replace(run, environment=here))).text
    for text in (
        "cgroup: v2; memory_bytes: 34359738368; cpus: 1.5",
        "flex, native_cudnn",
        "uuid: GPU-0; used_bytes: 9; processes: pid: 7; name: train; used_bytes: 5",
    ):
        assert text in page


def test_licence_that_forbids_commerce_is_said_in_banner_and_text() -> None:
    """The page names model and licence before any number, and again beside the results; a free model has neither."""
    banner = "NON-COMMERCIAL licence: causvid-1.3b (CC BY-NC-SA 4.0)."
    run = msgspec.structs.replace(run_of(case_of(planned(), 4.0)), banners=[banner])
    page = Page(render_html(run)).text
    assert page.index(banner) < page.index("4.00")
    assert "Under a licence that forbids commercial use: CausVid 1.3B (CC BY-NC-SA 4.0)." in page
    assert "commercial" not in Page(render_html(run_of(case_of(planned("wan2.1-t2v-1.3b"), 64.0)))).text


def test_empty_run_has_a_page() -> None:
    """A plan without cases renders and says so."""
    assert "0 cases: none was planned" in Page(render_html(run_of())).text


def test_clip_that_is_not_in_the_folder_is_told_as_absent(tmp_path: Path) -> None:
    """A page published without its clips shows no broken player; beside its clip it links it."""
    run = run_of(case_of(planned(), 4.0, video="media/a.mp4"))
    assert "<video" not in render_html(run, tmp_path)
    assert "The clip is not in this folder." in render_html(run, tmp_path)
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.mp4").write_bytes(b"clip")
    assert 'src="media/a.mp4"' in render_html(run, tmp_path)


@pytest.mark.parametrize(("reasons", "marked"), [({}, False), ({"load_s": "it includes importing 9 modules"}, True)])
def test_load_that_imported_libraries_is_marked(reasons: dict[str, str], marked: bool) -> None:
    """Else the first recipe of a process looks slower to load than the others."""
    case = case_of(planned(), 4.0)
    assert case.measurement is not None
    timed = [msgspec.structs.replace(timed, device_clock_s=4.0) for timed in case.measurement.rounds]
    measurement = msgspec.structs.replace(case.measurement, rounds=timed, reasons=reasons)
    page = render_html(run_of(msgspec.structs.replace(case, measurement=measurement)))
    assert ("12.50 (with imports)" in page) == marked
    assert "12.50" in page
