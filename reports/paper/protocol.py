"""How it was measured: clock, rounds, spread, rounding, verdicts."""

from collections.abc import Sequence

from reports.paper.citations import cite
from reports.paper.configurations import configurations
from reports.paper.document import Block, Paragraph, Text, say
from reports.paper.measures import number
from reports.record import Run


def protocol(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Tell of the clock's boundaries, the rounds, the state of the GPU, statistics, and how numbers are rounded."""
    return (
        Paragraph(_clock()),
        Paragraph(_rounds(runs)),
        Paragraph(_state(runs)),
        Paragraph(_statistics(runs)),
        Paragraph(_rounding()),
    )


def _clock() -> Text:
    return say(
        "Every case is a test of pytest{pytest}, timed by pytest-benchmark{benchmark}. The primary number is the wall "
        "clock from handing over the prompt text to the last uint8 frame in host memory, with a device "
        "synchronisation at both ends. Inside the clock lie text encoding, denoising, decoding and the copy to the "
        "host; outside lie loading, compilation, drawing the noise, encoding the video file, hashing, and all "
        "metrics. Phases and denoising steps are told by stamps in the device's stream, which never make it wait.",
        pytest=cite(["pytest"]),
        benchmark=cite(["pytestbenchmark"]),
    )


def _rounds(runs: Sequence[Run]) -> Text:
    timed = [place for one in configurations(runs, "speed") for place in one.places("plan.rounds")]
    least, most = (number(kind, "1", timed, decimals=0) for kind in ("least", "greatest"))
    if least is None or most is None:
        return ("No case of the scenario that measures speed has a result.",)
    many: Text = (least,) if least.value == most.value else (least, " to ", most)
    return say(
        "For speed each model and setting is generated once to warm up; this first call is kept apart. Then {many} "
        "rounds are timed, of one prompt and seed; their frames are hashed and must be equal. All rounds are kept. "
        "Scenarios that judge quality generate a clip once, and their times are not reported. Whether a repeated "
        "prompt is faster than a new one, which would betray a cache, can be audited after the compliance test TEST04 "
        "of MLPerf Inference{mlperf}.",
        many=many,
        mlperf=cite(["mlperf"]),
    )


def _state(runs: Sequence[Run]) -> Text:
    first = next((one for one in configurations(runs) if one.measurement.state is not None), None)
    if first is None:
        return ("The state of a GPU was not sampled.",)
    period = number("value", "ms", [first.first("measurement.state.period_s")], decimals=0, divisor=0.001)
    assert period is not None, "a sampled state has its period"
    return say(
        "While rounds are timed, a process of its own reads power, clock, temperature, the reasons for lower clocks, "
        "memory in use and other processes from NVML every {period} ms. A case whose GPU was slowed down by heat or "
        "hardware, or used by others, is measured once more and, if it was so again, its numbers are not used.",
        period=period,
    )


def _statistics(runs: Sequence[Run]) -> Text:
    text = say(
        "Durations are medians over the timed rounds. A ratio is that of two medians, and its brackets are the "
        "extremes over all pairs of rounds.",
    )
    if not any(run.comparisons for run in runs):
        return text
    judged = say(
        " Whether a student's clips are as good as its teacher's is decided over prompts, seeds averaged, by the "
        "paired difference in each metric: it passes where a loss of the margin is excluded at a one-sided 5 %, by "
        "Student's t below 24 prompts and by the BCa bootstrap{bca} from there on; it fails where anything better "
        "than that loss is excluded; everything else is inconclusive.",
        bca=cite(["bca"]),
    )
    return *text, *judged


def _rounding() -> Text:
    return say(
        "After ± stands the distance of the round furthest from the median, rounded up to one or two digits; the "
        "value ends at the same digit. It describes the rounds of this run, and is no confidence interval. Numbers "
        "without ± are exact (counts, settings, the allocator's bytes) or come from one observation and have three "
        "digits. Every number in this text is listed with its run, case, field and aggregation in numbers.json beside "
        "it."
    )
