"""The gate on clips: checks that passed and fail now, bands, other frames, students, and which frames it is about."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from reports.comparison_record import RowVerdict
from reports.gate.admit import admitted
from reports.gate.baseline import Baseline, Change, read_baseline, samples_in, with_sample, write_baseline
from reports.gate.checks import frames_text
from reports.gate.judge import GateError, judge
from reports.gate.judge_metric import Rules
from reports.gate.judge_quality import FRAMES
from reports.gate.numbers import Standing, Student
from reports.gate.table import markdown, reasons, tally, text_table
from reports.gate.verdict import CaseVerdict, QualityVerdict, exit_code, worst
from reports.judged import Floor, JudgedFloor
from reports.limits import judge_limits
from reports.paired import Band, Bands, Distance, PairedComparison, judged_pair
from reports.record import CaseRecord, Run
from tests.gate_samples import (
    BRIGHT,
    CASE,
    DARK,
    LIMITS,
    WHO,
    baseline_runs,
    clip_of,
    floored,
    gate_case,
    gate_run,
    metric_of,
    runs_of,
    samples,
    with_student,
)

NAME = "y_std, its own limits"
# What is said of a margin, and its width: in the metric's unit, or in percent of the teacher's.
Margined = tuple[RowVerdict, float | None, float | None]


def verdict_on(*cases: CaseRecord, base: CaseRecord | None = None) -> CaseVerdict:
    """Judge runs of these cases, a run each, against five of the baseline's."""
    new = [gate_run(n, case) for n, case in enumerate(cases)]
    (found,) = judge(samples(runs_of(base or clip_of(BRIGHT))), samples(new))
    return found


def row_of(found: CaseVerdict, check: str) -> QualityVerdict:
    """Give the row of a check."""
    return next(row for row in found.quality if row.check == check)


def test_metric_that_passed_and_fails_is_a_regression_that_names_frames() -> None:
    """A case that passed all the same (--quality report) is one, too: metric, value, limit, and the frames below it."""
    found = verdict_on(clip_of(DARK))
    row = row_of(found, NAME)
    assert (found.verdict, row.verdict, row.base, row.new) == (
        "REGRESSION",
        "REGRESSION",
        "within 20 codes",
        "broken 2.907 codes",
    )
    assert (row.limit, row.frames) == ("at least 5 codes", list(range(10, 81)))
    assert "y_std 2.907 codes is below its fail limit of 5 codes" in found.why
    assert "frames 10 to 80" in found.why


def test_frame_that_is_at_its_limit_is_not_named() -> None:
    """It keeps the limit."""
    assert row_of(verdict_on(clip_of([5.0] * 10 + [0.5] * 71)), NAME).frames == list(range(10, 81))


def test_clip_that_failed_its_case_names_the_frames() -> None:
    """As under the default, --quality enforce, where the case has failed already."""
    failed = msgspec.structs.replace(clip_of(DARK), status="failed", reason="y_std is below its limit")
    found = verdict_on(failed)
    assert found.verdict == "REGRESSION"
    assert found.why == (
        "it passed in the baseline, now: failed: y_std is below its limit; y_std, its own limits: frames 10 to 80"
    )


def test_frames_of_a_case_that_failed_without_a_clip_are_not_told() -> None:
    """Its rounds made none, so they do not differ."""
    lost = msgspec.structs.replace(clip_of(BRIGHT), status="error", reason="it raised", measurement=None)
    found = verdict_on(lost)
    assert (found.verdict, found.notes) == ("REGRESSION", [])
    assert FRAMES not in {row.check for row in found.quality}


def test_value_that_is_only_worth_a_look_is_no_regression() -> None:
    """A warn limit fails no case, so it fails no gate."""
    assert verdict_on(clip_of([10.0] * 81)).verdict == "PASS"


def test_most_runs_decide() -> None:
    """One broken clip of three is undecided, two are a regression; broken in the baseline, too, is no regression."""
    bright, dark = clip_of(BRIGHT), clip_of(DARK)
    assert verdict_on(bright, dark, bright).verdict == "AMBIGUOUS"
    assert verdict_on(dark, dark, bright).verdict == "REGRESSION"
    assert verdict_on(dark, dark, bright, bright).verdict == "AMBIGUOUS"
    same = verdict_on(dark, base=dark)
    assert (same.verdict, row_of(same, NAME).why[:51]) == (
        "PASS",
        "y_std, its own limits is broken as in the baseline:",
    )
    assert same.notes


def test_check_that_is_gone_is_missing_and_a_new_one_is_told() -> None:
    """Who takes a limit away has not kept it."""
    none = clip_of(BRIGHT, metrics=[metric_of(BRIGHT, limits=None)])
    gone = verdict_on(none)
    assert (gone.verdict, row_of(gone, NAME).verdict) == ("MISSING", "MISSING")
    new = verdict_on(clip_of(DARK), base=none)
    assert (new.verdict, row_of(new, NAME).verdict, len(new.notes)) == ("PASS", "NEW", 1)


def test_broken_floor_names_its_frames() -> None:
    """A suite's floor on a metric without limits; of a series that never leaves it the farthest frame."""
    series = [12.0] * 80 + [11.0]

    def judged(actual: float, verdict: str) -> CaseRecord:
        floor = Floor(metric="y_std", source="quick", at_least=11.9)
        one = JudgedFloor(floor=floor, actual=actual, verdict=verdict, explanation="too dark")  # type: ignore[arg-type]
        return clip_of(series, metrics=[metric_of(series, limits=None)], floors=[one])

    found = verdict_on(judged(11.0, "fail"), base=judged(12.0, "within"))
    row = row_of(found, "y_std, floor of quick")
    assert (found.verdict, row.limit) == ("REGRESSION", "at least 11.9 codes")
    assert verdict_on(judged(12.0, "not judged"), base=judged(12.0, "within")).verdict == "MISSING"


@pytest.mark.parametrize(
    ("base", "new", "value", "expected", "told"),
    [
        ([18, 5], [18, 5], 20.0, "PASS", ""),
        ([18, 5], [5, 18], 20.0, "PASS", ""),
        ([18, 5], [18, 5], 14.0, "REGRESSION", "below 18"),
        ([5, 18], [5, 18], 14.0, "REGRESSION", "below 18"),
        ([18, 5], [5], 14.0, "MISSING", "y_std, floor of quick (2) was not judged in 1 of 1 runs under test"),
        ([18, 5], [18], 20.0, "MISSING", "floor of quick (2) was not judged"),
        ([18, 5], [10, 5], 14.0, "AMBIGUOUS", "limit at least 10 codes, the base had at least 18 codes"),
        ([18, 5], [10, 5], 19.0, "PASS", "limit at least 10 codes, the base had at least 18 codes"),
        ([5], [18, 5], 14.0, "PASS", "(2) has no baseline, and is broken: below 18"),
        ([5, 5], [5], 14.0, "MISSING", "floor of quick (2)"),
    ],
)
def test_each_of_several_floors_of_one_metric_is_judged(
    base: list[float], new: list[float], value: float, expected: str, told: str
) -> None:
    """The last one of a metric stood for all: a stricter one could be broken, or taken away, without a word."""
    found = verdict_on(floored([value] * 81, *new), base=floored([20.0] * 81, *base))
    assert found.verdict == expected
    assert told in "; ".join([found.why, *found.notes])
    assert told or found.notes == []


def test_bands_to_references_of_one_long_name_are_judged_each() -> None:
    """Names are shortened, so two may read alike."""
    (near,) = _pairs(pair_of(40.0))
    (far,) = _pairs(pair_of(30.0))
    two = [msgspec.structs.replace(one, reference=f"{'x' * 100} {n}") for n, one in enumerate((far, near))]
    good = [msgspec.structs.replace(near, reference=one.reference) for one in two]
    assert verdict_on(clip_of(BRIGHT, pairs=two), base=clip_of(BRIGHT, pairs=good)).verdict == "REGRESSION"


def _pairs(case: CaseRecord) -> list[PairedComparison]:
    assert case.measurement is not None
    return case.measurement.pairs


def limited(value: float, fail_below: float, together_with: str | None = None) -> CaseRecord:
    """Give a case whose clip has this value of a metric with this limit."""
    limits = msgspec.structs.replace(LIMITS, warn_below=None, fail_below=fail_below, together_with=together_with)
    alone, partner = metric_of([value] * 81, limits=limits), metric_of(BRIGHT)
    return clip_of([value] * 81, metrics=judge_limits([alone, msgspec.structs.replace(partner, id="sharp")]))


@pytest.mark.parametrize(
    ("value", "limit", "together_with", "expected"),
    [
        (20.0, 5.0, None, "PASS"),
        (4.0, 3.0, None, "AMBIGUOUS"),
        (4.0, 5.0, "sharp", "AMBIGUOUS"),
        (6.0, 3.0, None, "PASS"),
        (5.0, 3.0, None, "PASS"),
        (6.0, 7.0, None, "REGRESSION"),
    ],
)
def test_other_limit_of_a_check_is_told_and_what_breaks_the_bases_is_ambiguous(
    value: float, limit: float, together_with: str | None, expected: str
) -> None:
    """Who loosens the limit that a clip would break has not kept it; a limit that is met exactly is kept."""
    found = verdict_on(limited(value, limit, together_with), base=limited(20.0, 5.0))
    row, is_other = row_of(found, NAME), (limit, together_with) != (5.0, None)
    assert (found.verdict, row.verdict) == (expected, expected)
    assert ("the base had at least 5 codes" in row.why) is is_other
    assert ("worse or cannot be told" in row.why) is (expected == "AMBIGUOUS")
    assert row.why in "; ".join([found.why, *found.notes])
    assert (NAME in text_table([found])) is is_other


def test_other_limit_that_no_record_holds_in_numbers_is_ambiguous() -> None:
    """As of a baseline that was stored before it kept them, where the words differ."""
    old = samples(runs_of(limited(20.0, 5.0)))
    without = {NAME: msgspec.structs.replace(old[0].checks[NAME], bounds=[])}
    base = [msgspec.structs.replace(one, checks=without) for one in old]
    for limit, expected in ((3.0, "AMBIGUOUS"), (5.0, "PASS")):
        (found,) = judge(base, samples([gate_run(1, limited(20.0, limit))]))
        assert found.verdict == expected


def test_wider_bands_and_lower_floors_are_judged_by_the_bases_too() -> None:
    """Each of the clip's checks that has a limit."""
    for psnr_db, expected in ((31.0, "AMBIGUOUS"), (33.0, "PASS")):
        found = verdict_on(pair_of(psnr_db, at_least=30.0), base=pair_of(40.0))
        row = row_of(found, "bands near to eager")
        assert (found.verdict, "limit psnr worst 30, the base had psnr worst 32" in row.why) == (expected, True)

    for value, expected in ((10.0, "AMBIGUOUS"), (12.0, "PASS")):
        assert verdict_on(floored([value] * 81, 9.0), base=floored([12.0] * 81, 11.9)).verdict == expected


def by_formula(
    series: list[float], formula: str, weights_sha256: str = "", floors: Sequence[JudgedFloor] = ()
) -> CaseRecord:
    """Give a case whose clip's metric has its value from this code and these weights."""
    metric = msgspec.structs.replace(metric_of(series), formula=formula, weights_sha256=weights_sha256)
    return clip_of(series, metrics=[metric], floors=list(floors))


@pytest.mark.parametrize(
    ("base", "new", "told"),
    [
        (("aa", ""), ("bb", ""), "measured by formula bb, the base by aa: values of two formulas do not compare"),
        (("aa", "3f"), ("aa", "51"), "measured by weights 51, the base by 3f: values of two networks do not compare"),
        (("aa", "3f"), ("aa", "3f"), ""),
        (("", ""), ("bb", "51"), ""),
        (("aa", ""), ("", ""), "measured by formula (unknown), the base by aa: values of two formulas do not compare"),
        (
            ("aa", "3f"),
            ("aa", ""),
            "measured by weights (unknown), the base by 3f: values of two networks do not compare",
        ),
    ],
)
def test_check_by_another_formula_is_undecided_not_passed(
    base: tuple[str, str], new: tuple[str, str], told: str
) -> None:
    """A dark clip that a changed metric calls bright would else pass; what the base's records lack is no other."""
    found = verdict_on(by_formula(BRIGHT, *new), base=by_formula(BRIGHT, *base))
    row = row_of(found, NAME)
    assert found.verdict == row.verdict == ("AMBIGUOUS" if told else "PASS")
    assert (row.why, found.why) == ((f"{NAME}: {told}",) * 2 if told else ("", ""))
    floor = JudgedFloor(floor=Floor(metric="y_std", source="quick", at_least=9.0), actual=20.0, verdict="within")
    old, now = (by_formula(BRIGHT, *one, floors=[floor]) for one in (base, new))
    assert row_of(verdict_on(now, base=old), "y_std, floor of quick").verdict == row.verdict


def test_other_formula_hides_no_broken_clip_and_is_told_beside_it() -> None:
    """Broken by its own formula, too, it is a regression; broken in the base it has nothing to lose, but is told."""
    dark, bright = by_formula(DARK, "bb"), by_formula(BRIGHT, "aa")
    found = verdict_on(dark, base=bright)
    assert (found.verdict, "; measured by formula bb, the base by aa" in found.why) == ("REGRESSION", True)
    better = verdict_on(by_formula(BRIGHT, "bb"), base=by_formula(DARK, "aa"))
    assert (better.verdict, "measured by formula bb" in better.notes[0]) == ("PASS", True)
    both = verdict_on(bright, by_formula(BRIGHT, "bb"), base=bright)
    assert (both.verdict, exit_code([both])) == ("AMBIGUOUS", 2)


def test_students_margin_by_another_formula_is_undecided() -> None:
    """Its verdict is of one formula for both, which may have become blind to what the student lost."""
    runs = [with_student(run, {"y_std": "PASS"}) for run in runs_of(by_formula(BRIGHT, "aa"))]
    kept = samples_in([stored(*runs)])
    for formula, told in (("aa", ""), ("bb", "measured by formula bb"), ("", "measured by formula (unknown)")):
        new = samples([with_student(gate_run(1, by_formula(BRIGHT, formula)), {"y_std": "PASS"})])
        for old in (samples(runs), kept):
            found = judge(old, new)[1]
            assert found.verdict == ("AMBIGUOUS" if told else "PASS")
            assert bool(told) is (f"{told}, the base by aa" in found.why)


def test_students_diversity_is_of_the_features_formula() -> None:
    """It is no metric of a clip; of a student whose first case failed the next one tells."""
    case = clip_of(BRIGHT)
    assert case.measurement is not None
    fields = {"features": {"clip": [1.0]}, "features_formula": "aa", "features_weights_sha256": "3f"}
    made = msgspec.structs.replace(case, measurement=msgspec.structs.replace(case.measurement, **fields))
    plan = msgspec.structs.replace(case.plan, id="first")
    failed = msgspec.structs.replace(case, plan=plan, status="failed", measurement=None)
    (first, _) = samples([with_student(gate_run(1, failed, made), {"seed_diversity": "PASS"})])
    standing = first.students[WHO].margins["seed_diversity, higher is better"]
    assert (standing.formula, standing.weights_sha256) == ("aa", "3f")


def pair_of(psnr_db: float, at_least: float = 32.0) -> CaseRecord:
    """Give a case whose clip lies so near to its baseline's setting, worst at frame 7."""
    bands = Bands(id="near", why="here", bands=[Band(distance="psnr", statistic="worst", at_least=at_least)])
    of = {"id": "psnr", "of": "frames", "unit": "dB", "better": "higher", "value": 35.0, "worst_frame": 7}
    one, wrong = (Distance(**(of | {"worst": worst})) for worst in (psnr_db, 9.0))  # type: ignore[arg-type] # by name
    return clip_of(BRIGHT, pairs=[judged_pair("eager", {}, bands, [one], ("another seed", [wrong]))])


def banded(*bands: Band, latents: float | None = 0.99, psnr: str = "aa") -> CaseRecord:
    """Give a case that lies in these bands of its frames and, where they are shown (not None), its latents.

    `psnr` is the formula of its PSNR.
    """
    asked = Bands(id="near", why="here", bands=list(bands))
    frames = {"of": "frames", "better": "higher", "worst_frame": 7}
    far = [
        Distance(id="psnr", unit="dB", value=35.0, worst=33.0, formula=psnr, **frames),  # type: ignore[arg-type] # by name
        Distance(id="ssim", unit="1", value=0.9, worst=0.9, **frames),  # type: ignore[arg-type] # by name
        Distance(id="cosine", of="latents", unit="1", better="higher", value=latents, not_applicable=latents is None),
    ]
    wrong = [msgspec.structs.replace(one, value=-1.0, worst=-1.0) for one in far if not one.not_applicable]
    return clip_of(BRIGHT, pairs=[judged_pair("eager", {}, asked, far, ("another seed", wrong))])


PSNR = Band(distance="psnr", statistic="worst", at_least=32.0)
SSIM = Band(distance="ssim", statistic="worst", at_least=0.5)
COSINE = Band(distance="cosine", statistic="value", at_least=0.9)


def test_band_that_is_taken_away_is_kept_by_nothing() -> None:
    """The base had it, and no number of the change says that its clip keeps it."""
    found = verdict_on(banded(SSIM), base=banded(PSNR, SSIM))
    row = row_of(found, "bands near to eager")
    assert (row.new, found.verdict, row.verdict) == ("within within", "AMBIGUOUS", "AMBIGUOUS")
    assert verdict_on(banded(PSNR, SSIM), base=banded(SSIM)).verdict == "PASS"


@pytest.mark.parametrize(("before", "now", "expected"), [(None, None, "PASS"), (0.99, None, "AMBIGUOUS")])
def test_band_that_applies_to_no_clip_keeps_none_from_passing(
    before: float | None, now: float | None, expected: str
) -> None:
    """As of latents that a pipeline does not show, beside a band that is loosened; one that applied must be kept."""
    looser = msgspec.structs.replace(PSNR, at_least=31.0)
    found = verdict_on(banded(looser, COSINE, latents=now), base=banded(PSNR, COSINE, latents=before))
    assert found.verdict == expected


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("aa", "aa", ""),
        ("", "bb", ""),
        ("aa", "bb", "psnr measured by formula bb, the base by aa: values of two formulas do not compare"),
        ("aa", "", "psnr measured by formula (unknown), the base by aa: values of two formulas do not compare"),
    ],
)
def test_band_of_another_formula_is_undecided_not_passed(before: str, now: str, told: str) -> None:
    """A PSNR that a change made blind would else call every clip near."""
    runs = runs_of(banded(PSNR, SSIM, psnr=before))
    new = samples([gate_run(1, banded(PSNR, SSIM, psnr=now))])
    for old in (samples(runs), samples_in([stored(*runs)])):
        (found,) = judge(old, new)
        assert (found.verdict, found.why) == (("AMBIGUOUS", f"bands near to eager: {told}") if told else ("PASS", ""))
    # Nothing is judged by a distance that no band is of.
    assert verdict_on(banded(SSIM, psnr=now), base=banded(SSIM, psnr=before)).verdict == "PASS"


def test_pair_that_left_its_bands_is_a_regression_that_names_the_frame() -> None:
    """A setting that made the same clip as its baseline does not any more."""
    found = verdict_on(pair_of(30.0), base=pair_of(40.0))
    row = row_of(found, "bands near to eager")
    assert (found.verdict, row.verdict, row.frames) == ("REGRESSION", "REGRESSION", [7])
    assert "psnr 30 dB at its worst frame 7 is below 32 dB by 2 (frame 7)" in found.why
    assert verdict_on(pair_of(33.0), base=pair_of(40.0)).verdict == "PASS"


def test_other_frames_are_a_note_that_names_the_first() -> None:
    """Another order of additions makes them as well, so they fail nothing; told they are, also without a series."""
    found = verdict_on(clip_of([*BRIGHT[:30], 20.1, *BRIGHT[31:]], "b"))
    row = row_of(found, "frames, bit for bit")
    assert (found.verdict, row.verdict, row.frames) == ("PASS", "PASS", [30])
    assert found.notes == [
        "other frames than in the baseline from frame 30 on, 1 in all, though no version differs",
    ]
    assert reasons([found]) == [f"note {CASE}: {found.notes[0]}"]
    assert "other frames than in the baseline, though" in verdict_on(clip_of(BRIGHT, "b")).notes[0]
    assert verdict_on(clip_of(BRIGHT)).notes == []


def test_other_frames_by_another_commit_are_told_without_surprise() -> None:
    """The commit differs, and that is said elsewhere."""
    base = samples(runs_of(clip_of(BRIGHT)))
    (found,) = judge(base, samples([gate_run(1, clip_of(BRIGHT, "b"), git_commit="f" * 40)]))
    assert found.notes == ["other frames than in the baseline"]


def test_frames_are_not_compared_where_the_baselines_own_differ() -> None:
    """By round or by process; rounds that differ only now are told."""
    loose = clip_of(BRIGHT, deterministic=False)
    assert "frames, bit for bit" not in {row.check for row in verdict_on(clip_of(BRIGHT, "b"), base=loose).quality}
    apart = [gate_run(100 + n, clip_of(BRIGHT, "ab"[n % 2])) for n in range(5)]
    (found,) = judge(samples(apart), samples([gate_run(1, clip_of(BRIGHT, "c"))]))
    assert "frames, bit for bit" not in {row.check for row in found.quality}
    assert "do not make the same frames" in verdict_on(loose).notes[0]


def student_on(base: Mapping[str, RowVerdict], new: Mapping[str, RowVerdict], clips: int = 30) -> CaseVerdict:
    """Judge a student with these margins against five runs with those."""
    old = [with_student(run, base) for run in baseline_runs()]
    found = judge(samples(old), samples([with_student(gate_run(1, gate_case()), new, clips)]))
    assert [one.of for one in found] == ["case", "student"]
    assert (found[0].verdict, found[1].id) == ("PASS", WHO)
    return found[1]


@pytest.mark.parametrize(
    ("base", "new", "expected"),
    [
        ("PASS", "PASS", "PASS"),
        ("PASS", "FAIL", "REGRESSION"),
        ("PASS", "INCONCLUSIVE", "AMBIGUOUS"),
        ("PASS", "not measured", "MISSING"),
        ("PASS", "not applicable", "MISSING"),
        ("INCONCLUSIVE", "FAIL", "AMBIGUOUS"),
        ("INCONCLUSIVE", "INCONCLUSIVE", "PASS"),
        ("INCONCLUSIVE", "PASS", "PASS"),
        ("INCONCLUSIVE", "not measured", "MISSING"),
        ("INCONCLUSIVE", "not applicable", "MISSING"),
        ("FAIL", "not measured", "PASS"),
        ("not applicable", "FAIL", "AMBIGUOUS"),
        ("not applicable", "PASS", "PASS"),
        ("FAIL", "FAIL", "PASS"),
        ("FAIL", "PASS", "PASS"),
        ("not applicable", "not applicable", "PASS"),
    ],
)
def test_student_that_passed_must_pass(base: RowVerdict, new: RowVerdict, expected: str) -> None:
    """A FAIL after a PASS is a regression that names margin, difference and limit; what fails as before is told."""
    found = student_on({"y_std": base, "sharp": "PASS"}, {"y_std": new, "sharp": "PASS"})
    assert found.verdict == expected
    if expected == "REGRESSION":
        assert found.why == ("y_std, higher is better: PASS in the baseline, now FAIL: difference -2.5, limit -1")
    assert bool(found.notes) is (base == new == "FAIL")


def test_each_of_several_margins_of_one_metric_is_judged() -> None:
    """In whatever order the suite has them; the last one stood for all, and a stricter one's FAIL passed."""

    def student(*rows: Margined) -> Run:
        runs = [with_student(gate_run(1, gate_case()), {"y_std": one}, 30, *width) for one, *width in rows]
        margins = [run.verdicts[0].rows[0] for run in runs]
        verdict = msgspec.structs.replace(runs[0].verdicts[0], rows=margins)
        return msgspec.structs.replace(runs[0], verdicts=[verdict])

    wide: Margined = ("PASS", 2.0, None)
    narrow: Margined = ("PASS", 1.0, None)
    share: Margined = ("PASS", None, 20.0)
    base = samples([msgspec.structs.replace(student(wide, narrow, share), run_id=f"base-{n}") for n in range(5)])
    cases: tuple[tuple[tuple[Margined, ...], str], ...] = (
        ((share, narrow, wide), "PASS"),
        ((("FAIL", 1.0, None), wide, share), "REGRESSION"),
        ((wide, ("FAIL", 1.0, None), share), "REGRESSION"),
        ((wide, narrow, ("FAIL", None, 20.0)), "REGRESSION"),
        ((wide, share), "MISSING"),
        ((wide, narrow), "MISSING"),
        ((wide, ("PASS", 1.5, None), share), "AMBIGUOUS"),
    )
    for rows, expected in cases:
        assert judge(base, samples([student(*rows)]))[1].verdict == expected, rows


def test_students_margin_that_is_gone_is_missing() -> None:
    """Who takes a margin away has not kept it, nor one that was undecided and may have failed by now."""
    for base in ("PASS", "INCONCLUSIVE"):
        found = student_on({"y_std": "PASS", "sharp": base}, {"y_std": "PASS"})
        assert found.verdict == "MISSING"
        assert found.why == (
            f"sharp, higher is better: {base} in the baseline, now not measured: not among the margins any more"
        )


def test_margin_that_was_undecided_or_failed_by_turns_and_is_gone_is_missing() -> None:
    """No verdict of it was that of most runs, but it was measured in all."""
    said: list[RowVerdict] = ["INCONCLUSIVE", "INCONCLUSIVE", "FAIL", "FAIL"]
    old = [with_student(run, {"y_std": "PASS", "sharp": one}) for run, one in zip(baseline_runs(4), said, strict=True)]
    new = samples([with_student(gate_run(1, gate_case()), {"y_std": "PASS"})])
    assert judge(samples(old), new)[1].verdict == "MISSING"


@pytest.mark.parametrize("now", ["PASS", "INCONCLUSIVE"])
@pytest.mark.parametrize(("absolute", "expected"), [(1.0, "PASS"), (0.5, "PASS"), (100.0, "AMBIGUOUS")])
def test_undecided_student_passes_by_no_wider_margin(now: RowVerdict, absolute: float, expected: str) -> None:
    """By its own it may have failed."""
    old = samples([with_student(run, {"y_std": "INCONCLUSIVE"}) for run in baseline_runs()])
    found = judge(old, samples([with_student(gate_run(1, gate_case()), {"y_std": now}, 30, absolute)]))[1]
    assert found.verdict == expected
    said = "passes" if now == "PASS" else "is undecided"
    told = f"y_std, higher is better: {said} by a margin of {absolute:g}, the base had 1"
    assert (told in "; ".join([found.why, *found.notes])) is (absolute != 1.0)


@pytest.mark.parametrize("clips", [0, 3, 29, 31])
@pytest.mark.parametrize("base", ["PASS", "INCONCLUSIVE", "FAIL", "not applicable"])
@pytest.mark.parametrize("new", ["PASS", "INCONCLUSIVE", "FAIL", "not measured"])
def test_student_over_another_number_of_clips_is_judged_as_over_the_same(
    clips: int, base: RowVerdict, new: RowVerdict
) -> None:
    """One clip less or more is no way past the gate; a larger set whose student passes passes; without a clip none."""
    before, after = {"y_std": base, "sharp": "PASS"}, {"y_std": new, "sharp": "PASS"}
    same, found = student_on(before, after), student_on(before, after, clips=clips)
    assert found.verdict == (worst([same.verdict, "MISSING"]) if clips == 0 else same.verdict)
    told = f"over {clips} clips, but the baseline's verdict is over 30"
    assert "; ".join(filter(None, [told, same.why])) == found.why
    assert (told in found.notes) is (found.verdict == "PASS")
    assert told in text_table([found])


@pytest.mark.parametrize("clips", [29, 31])
def test_margin_that_is_wider_or_gone_passes_over_no_number_of_clips(clips: int) -> None:
    """A prompt more beside a loosened margin would else be all that a worse student needs."""
    old = samples([with_student(run, {"y_std": "PASS", "sharp": "PASS"}) for run in baseline_runs()])

    def verdict(rows: Mapping[str, RowVerdict], absolute: float) -> str:
        new = with_student(gate_run(1, gate_case()), rows, clips, absolute)
        return judge(old, samples([new]))[1].verdict

    assert verdict({"y_std": "PASS", "sharp": "PASS"}, 100.0) == "AMBIGUOUS"
    assert verdict({"y_std": "PASS"}, 1.0) == "MISSING"
    assert verdict({"y_std": "PASS", "sharp": "PASS"}, 0.5) == "PASS"


def test_runs_over_the_baselines_clips_and_over_more_are_judged_together() -> None:
    """Where they differ, most of them decide, and a confirmation of a few cases does not."""
    old = samples([with_student(run, {"y_std": "PASS"}) for run in baseline_runs()])

    def found(*said: tuple[RowVerdict, int]) -> str:
        runs = [with_student(gate_run(n, gate_case()), {"y_std": one}, clips) for n, (one, clips) in enumerate(said)]
        return judge(old, samples(runs))[1].verdict

    assert found(("FAIL", 31), ("PASS", 30), ("FAIL", 31)) == "REGRESSION"
    assert found(("PASS", 31), ("FAIL", 30), ("FAIL", 30)) == "REGRESSION"
    assert found(("PASS", 30), ("not measured", 3), ("not measured", 3)) == "PASS"


def test_newest_number_of_clips_does_not_decide() -> None:
    """The most that a baseline's run had is the baseline's: a run over fewer is no other baseline."""
    old = [with_student(run, {"y_std": "PASS"}, 30 if n else 3) for n, run in enumerate(baseline_runs())]
    new = with_student(gate_run(1, gate_case()), {"y_std": "PASS"}, 30)
    (_, found) = judge(samples(old), samples([new]))
    assert (found.verdict, found.quality[0].base_runs) == ("PASS", 4)


def test_one_undecided_run_of_three_is_undecided() -> None:
    """A student passed in every run of the baseline, and in two of three now."""
    old = [with_student(run, {"y_std": "PASS"}) for run in baseline_runs()]
    said: list[RowVerdict] = ["PASS", "INCONCLUSIVE", "PASS"]
    new = [with_student(gate_run(n, gate_case()), {"y_std": one}) for n, one in enumerate(said)]
    assert judge(samples(old), samples(new))[1].verdict == "AMBIGUOUS"


@pytest.mark.parametrize(
    ("absolute", "of_teacher_pct", "expected"),
    [(1.0, None, "PASS"), (0.5, None, "PASS"), (100.0, None, "AMBIGUOUS"), (None, 90.0, "AMBIGUOUS")],
)
def test_student_that_passes_by_a_wider_margin_is_undecided(
    absolute: float | None, of_teacher_pct: float | None, expected: str
) -> None:
    """The change under test may not set its own margin; older baselines hold none, and say nothing of it."""
    old = samples([with_student(run, {"y_std": "PASS"}) for run in baseline_runs()])
    run = with_student(gate_run(1, gate_case()), {"y_std": "PASS"}, 30, absolute, of_teacher_pct)
    new = samples([run])
    found = judge(old, new)[1]
    assert found.verdict == expected
    assert ("the base had 1" in "; ".join([found.why, *found.notes])) is (absolute != 1.0)
    standing = Student(clips=30, margins={"y_std, higher is better": Standing(verdict="PASS")})
    older = [msgspec.structs.replace(one, students={WHO: standing}) for one in old]
    assert judge(older, new)[1].verdict == "PASS"


def test_limit_of_a_check_is_that_of_the_newest_baseline_run_and_asked_of_each_run_under_test() -> None:
    """Its suite was reviewed last; one clip of two beyond it is not passed over."""
    old = [gate_run(100 + n, limited(20.0, 5.0 if n < 4 else 3.0)) for n in range(5)]
    assert judge(samples(old), samples([gate_run(1, limited(20.0, 3.0))]))[0].notes == []
    assert verdict_on(limited(4.0, 3.0), limited(20.0, 3.0), base=limited(20.0, 5.0)).verdict == "AMBIGUOUS"


def numberless(series: list[float], **changes: object) -> CaseRecord:
    """Give a case as a CPU's quality cases are: one cold round, no gated number, a clip that is judged."""
    case = clip_of(series, "a", **changes)
    assert case.measurement is not None
    memory = msgspec.structs.replace(case.measurement.memory, peak_allocated_bytes=None)
    return msgspec.structs.replace(
        case,
        plan=msgspec.structs.replace(case.plan, warmup=False),
        measurement=msgspec.structs.replace(case.measurement, memory=memory),
    )


@pytest.mark.parametrize(
    ("runs", "series", "expected", "code"),
    [
        (5, BRIGHT, "PASS", 0),
        (4, BRIGHT, "CALIBRATION_NEEDED", 2),
        (4, DARK, "REGRESSION", 1),
        (5, DARK, "REGRESSION", 1),
    ],
)
def test_case_without_a_number_is_judged_by_its_checks(
    runs: int, series: list[float], expected: str, code: int
) -> None:
    """As all quality cases of a CPU: a whole suite passes by them, and they may be stored."""
    base, new = runs_of(numberless(BRIGHT), runs), gate_run(1, numberless(series))
    for old in (samples(base), samples_in([stored(*base)])):
        found = judge(old, samples([new]))
        assert ([one.verdict for one in found], exit_code(found)) == ([expected], code)
    assert [len(admitted(run, [])) for run in base] == [1] * runs


def test_case_without_number_and_check_is_never_passed() -> None:
    """Nothing is judged of it; a first check of now has no baseline."""
    bare = numberless(BRIGHT, metrics=[])
    for new in (bare, numberless(BRIGHT)):
        assert verdict_on(new, base=bare).verdict == "CALIBRATION_NEEDED"
    floor = JudgedFloor(floor=Floor(metric="x", source="quick", at_least=1.0), actual=2.0, verdict="within")
    for new in (bare, numberless(BRIGHT, metrics=[], floors=[floor])):
        assert verdict_on(new, base=numberless(BRIGHT)).verdict == "MISSING"


def test_student_without_counterpart_is_new_or_missing() -> None:
    """On either side."""
    run, with_one = gate_run(1, gate_case()), with_student(gate_run(1, gate_case()), {"y_std": "FAIL"})
    base = [with_student(one, {"y_std": "PASS"}) for one in baseline_runs()]
    assert judge(samples(baseline_runs()), samples([with_one]))[1].verdict == "NEW"
    found = judge(samples(base), samples([run]))
    assert (found[1].verdict, exit_code(found), exit_code(found, ["MISSING"])) == ("MISSING", 2, 0)


def test_student_is_told_by_the_cases_of_its_own_scenario() -> None:
    """The speed case of the same model and setting is not among the clips that the verdict is over."""
    case = gate_case()
    quality = msgspec.structs.replace(case, plan=msgspec.structs.replace(case.plan, id="quality", scenario="quality"))
    found = samples([with_student(gate_run(1, case, quality), {"y_std": "PASS"})])
    assert [list(one.students) for one in found] == [[WHO], []]


def test_tables_hold_quality_rows_and_count_students_apart() -> None:
    """Check, both values, frames and limit; a student is no case."""
    base = [with_student(run, {"y_std": "PASS"}) for run in runs_of(clip_of(BRIGHT))]
    found = judge(samples(base), samples([with_student(gate_run(1, clip_of(DARK)), {"y_std": "FAIL"})]))
    assert tally(found) == "1 case: 1 REGRESSION; 1 student: 1 REGRESSION"
    for text in (text_table(found), markdown(found)):
        for told in (
            "y\\_std, its own limits" if text.startswith("**") else NAME,
            "broken 2.907 codes",
            "frames 10 to 80",
        ):
            assert told in text
        assert "at least 5 codes" in text
        assert "PASS in the baseline, now FAIL" in text


def test_pipe_in_a_name_makes_no_column() -> None:
    """Of a case or of a check: each row of Markdown has its eight."""
    row = QualityVerdict(check="a|b", verdict="REGRESSION", why="", base="", new="", base_runs=5, new_runs=1)
    text = markdown([CaseVerdict(id="f.py::b[x|y]", verdict="REGRESSION", why="c|d", quality=[row])])
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")} == {9}
    assert "c|d" not in text


def test_text_of_a_verdict_is_text_in_markdown() -> None:
    """A mention calls nobody, an address is no link, and underscores are read as they are in a log."""
    why = "ask @someone, see https://attacker.invalid or <b>*this*</b>, phase_decode_s"
    told = markdown([CaseVerdict(id="f.py::b", verdict="REGRESSION", why=why)])
    assert r"ask \@someone, see https\://attacker.invalid or &lt;b&gt;\*this\*&lt;/b&gt;, phase\_decode\_s" in told


def stored(*runs: Run) -> Baseline:
    """Give the baseline that these runs of one case make."""
    change = Change(at="2026-11-22T12:00:00Z", who="Ada", why="first")
    baseline = None
    for sample in samples(list(runs)):
        baseline = with_sample(baseline, sample, "main", change)
    assert baseline is not None
    return baseline


def test_baselines_file_keeps_what_quality_needs(tmp_path: Path) -> None:
    """Series once a clip, checks and students a run: judged from the file as from the runs, and read from its lines."""
    runs = [with_student(run, {"y_std": "PASS"}) for run in runs_of(clip_of(BRIGHT))]
    write_baseline(tmp_path / "one.json", stored(*runs))
    kept = read_baseline(tmp_path / "one.json")
    assert kept == stored(*runs)
    assert [bool(entry.series) for entry in kept.entries] == [True, False, False, False, False]
    assert f'"y_std": [{", ".join(["20.0"] * 81)}]' in (tmp_path / "one.json").read_text(encoding="utf-8")
    first = msgspec.structs.replace(kept.entries[0], retired=kept.entries[0].added)
    left = samples_in([msgspec.structs.replace(kept, entries=[first, *kept.entries[1:]])])
    assert [one.series for one in left] == [{"y_std": BRIGHT}] * 4
    new = samples([with_student(gate_run(1, clip_of(DARK, "b")), {"y_std": "FAIL"})])
    assert judge(samples_in([kept]), new) == judge(samples(runs), new)


def test_baselines_file_of_version_1_is_read_and_grows(tmp_path: Path) -> None:
    """It holds numbers alone: these are judged, checks are new, and what is added makes it a file of version 2."""
    fields = msgspec.to_builtins(stored(*runs_of(clip_of(BRIGHT))))
    beside = ("limits", "checks", "students", "frames_sha256", "series", "parts_s", "kernels_s", "peaks_bytes")
    old = {
        **fields,
        "baseline_version": 1,
        "entries": [{name: value for name, value in e.items() if name not in beside} for e in fields["entries"]],
    }
    (tmp_path / "old.json").write_bytes(msgspec.json.encode(old))
    baseline = read_baseline(tmp_path / "old.json")
    (found,) = judge(samples_in([baseline]), samples([gate_run(1, clip_of(DARK, "b"))]))
    assert (found.verdict, [row.verdict for row in found.quality]) == ("PASS", ["NEW"])
    (added,) = samples([gate_run(1, clip_of(BRIGHT))])
    grown = with_sample(baseline, added, "main", Change(at="now", who="Ada", why="more"))
    assert (grown.baseline_version, len(grown.entries)) == (2, 6)


def test_run_with_a_broken_clip_becomes_no_baseline() -> None:
    """It passed only because quality was reported, not enforced."""
    with pytest.raises(GateError, match=r"is no baseline: y_std 2\.907 codes is below its fail limit"):
        admitted(gate_run(1, clip_of(DARK)), [])


def test_one_baseline_run_is_enough_for_a_broken_check() -> None:
    """A clip that broke needs no statistics, as a case that failed needs none."""
    (found,) = judge(samples(runs_of(clip_of(BRIGHT), 1)), samples([gate_run(1, clip_of(DARK))]), rules=Rules())
    assert found.verdict == "REGRESSION"


def test_frames_of_many_spans_are_shortened() -> None:
    """Six are named."""
    assert frames_text(range(0, 40, 2)) == "frames 0, 2, 4, 6, 8, 10 and 14 more"
