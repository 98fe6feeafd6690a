"""Is it fair and valid: GPU, weights, differing axes, throttling, failed or missing cases."""

from collections import Counter
from collections.abc import Sequence

from reports.answers.answer import Anchor, Answer, Seen, not_measured
from reports.answers.subject import Subject, cases_seen, device_name
from reports.comparison_lines import barred_lines
from reports.record import Run
from reports.rows import counted

ID, QUESTION = "validity", "Is it fair and valid?"
WEIGHTS = {
    "random": "random weights: work and memory are the models' own, time but for what values do to power and clock, "
    "the clips are noise",
    "tiny": "toy models: their numbers say nothing of the real ones",
}
# What NVML says of a GPU that is slowed down, apart from a software power cap, which is normal under load.
SLOWED = ("hw_thermal_slowdown", "sw_thermal_slowdown", "hw_power_brake_slowdown", "hw_slowdown")
CAP = "sw_power_cap"
STATUSES = {"oom": "out of memory", "nan": "with values that are no numbers"}
MARKS = {
    "clocks": "clocks disagree",
    "shared_gpu": "other processes were on the GPU",
    "validity": "the GPU's state was not judged",
}


def answer(runs: Sequence[Run], _subject: Subject) -> Answer:
    """Say what spoils the numbers, then what limits them; nothing of either is what "valid" means."""
    seen = cases_seen(runs)
    if not seen:
        return not_measured(ID, QUESTION, "No case was planned.", "pytest benchmarks/")
    faults, limits = _faults(seen), _limits(seen, runs)
    unfinished = any(run.finished_at is None for run in runs)
    passed = sum(one.case.status == "passed" for one in seen)
    return Answer(
        id=ID,
        question=QUESTION,
        headline="Not as it stands" if faults else "With reservations" if limits else "Yes",
        interval=f"{passed} of {counted(seen, 'case')} passed" + (", the run did not finish" if unfinished else ""),
        sentence=f"On {_gpus(seen)}. {_listed([*faults, *limits]) or 'Nothing that would spoil a number was found'}.",
        tone="bad" if faults else "neutral" if limits else "good",
        lines=(
            *(line for run in runs for line in barred_lines(run)),
            *_capped(seen),
        ),
        anchors=tuple(Anchor(one.number, one.case.id, ("status", "reason")) for one in seen if _spoils(one))[:20],
    )


def _spoils(one: Seen) -> bool:
    return one.case.status not in ("passed", "skipped")


def _faults(seen: Sequence[Seen]) -> list[str]:
    statuses = Counter(one.case.status for one in seen if _spoils(one))
    other = sum(one.case.measurement is not None and one.case.measurement.deterministic is False for one in seen)
    return [f"{count} {STATUSES.get(status, status.replace('_', ' '))}" for status, count in statuses.items()] + (
        [f"{other} not deterministic"] if other else []
    )


def _limits(seen: Sequence[Seen], runs: Sequence[Run]) -> list[str]:
    sources = dict.fromkeys(one.case.plan.model.weights_source for one in seen)
    reasons = Counter(
        mark for one in seen if one.case.measurement for mark in MARKS if mark in one.case.measurement.reasons
    )
    slowed = sorted({name for one in seen for name in _shares(one) if name in SLOWED})
    gpus = {name for one in seen if (name := device_name(one))}
    skipped = sum(one.case.status == "skipped" for one in seen)
    return [
        *(WEIGHTS[source] for source in sources if source in WEIGHTS),
        *(f"{MARKS[mark]} in {count}" for mark, count in reasons.items()),
        *(f"{name.replace('_', ' ')} was seen" for name in slowed),
        *([f"{len(gpus)} kinds of device, whose times must not be compared"] if len(gpus) > 1 else []),
        *([f"{skipped} skipped"] if skipped else []),
        *_code(runs),
    ]


def _code(runs: Sequence[Run]) -> list[str]:
    seen = [run.environment for run in runs]
    told = {
        "the code had changes that are not committed": any(one.git_dirty for one in seen),
        "the commit of the code is not known": any(one.git_commit is None for one in seen),
        "whether the code had changes that are not committed is not known": any(
            one.git_commit is not None and one.git_dirty is None for one in seen
        ),
    }
    return [text for text, is_so in told.items() if is_so]


def _shares(one: Seen) -> dict[str, float]:
    state = one.case.measurement.state if one.case.measurement else None
    return {name: share for name, share in (state.event_shares or {}).items() if share} if state else {}


def _gpus(seen: Sequence[Seen]) -> str:
    return ", ".join(dict.fromkeys(name for one in seen if (name := device_name(one)))) or "a device that is not known"


def _capped(seen: Sequence[Seen]) -> list[str]:
    shares = [share for one in seen if (share := _shares(one).get(CAP)) is not None]
    if not shares:
        return []
    span = f"{min(shares):.0%} to {max(shares):.0%}" if min(shares) < max(shares) else f"{shares[0]:.0%}"
    return [f"Under the software power cap for {span} of the timed rounds, which is normal under load."]


def _listed(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:]
