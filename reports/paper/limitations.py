"""The limitations, each drawn from the record: all that it holds against its own numbers."""

from collections.abc import Iterator, Sequence

from reports.claims import answers
from reports.compare import is_shared
from reports.device_record import DeviceState
from reports.paper.configurations import configurations, is_sound, kinds_of_device, letter_of
from reports.paper.document import Code, Items, Paragraph, Quote, Said, Section, See, Text, joined, say
from reports.paper.escape import short
from reports.paper.measures import Place, counted, number
from reports.paper.quality import JUDGED
from reports.power_cap import CAP
from reports.random_weights import MARK, banners_of
from reports.record import CaseRecord, Run
from reports.rows import clocks_apart, not_deterministic

FEW_PROMPTS, FEW_ROUNDS = 8, 6
MOST_NAMED = 6
Pairs = list[tuple[Run, CaseRecord]]


def limitations(runs: Sequence[Run], judged: Run) -> Section:
    """Write the section; `judged` holds the verdicts, see `reports.paper.quality.together`."""
    before = (item for source in (_weights, _machine, _sample, _validity) for item in source(runs))
    items = (*before, *_quality(runs, judged), *_provenance(runs))
    blocks = (Items(items),) if items else (Paragraph(("The records hold nothing against these results.",)),)
    return Section("Limitations", "sec:limitations", blocks)


def _weights(runs: Sequence[Run]) -> Iterator[Text]:
    random = _with_weights(runs, "random")
    yield from _of(
        random,
        "{cases} ran on random weights ({models}): work and memory are those of the published weights, the clips are "
        "noise, energy is that of noise, and nothing is claimed of quality.",
    )
    yield from _banners(runs)
    yield from _of(
        _with_weights(runs, "tiny"),
        "{cases} ran toy models ({models}), which show that the suite works, and say nothing of any published model.",
    )
    yield from _of(
        [pair for pair in _cases(runs) if pair[1].plan.recipe.device == "cpu"],
        "{cases} ran on a CPU: memory and energy of a GPU were not measured, and the times compare with no GPU's.",
    )


def _banners(runs: Sequence[Run]) -> Iterator[Text]:
    """Quote what runs say of their initialisation, with the runs that say it; that weights are random is said above."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        for banner in banners_of(run):
            if "initialisation" in banner:
                found.setdefault(banner, []).append(run)
    for banner, said_by in found.items():
        letters: list[Text] = [(letter_of(runs, run),) for run in said_by]
        shown = short(banner.removeprefix(f"{MARK}: "), 300)
        kept = next((run for run in said_by if banner in run.banners), None)
        place = kept and Place(kept, None, f"banners[{kept.banners.index(banner)}]")
        yield say(
            "{runs} of the initialisation: {banner}",
            runs="The run says" if len(runs) == 1 else (*_named_runs(letters),),
            banner=Quote(shown, place.source) if place else Said(shown),
        )


def _named_runs(letters: list[Text]) -> Text:
    return ("Run ", *letters[0], " says") if len(letters) == 1 else ("Runs ", *joined(letters), " say")


def _machine(runs: Sequence[Run]) -> Iterator[Text]:
    found = answers(runs)
    if other := dict.fromkeys(one.note for one in found if one.verdict == "not comparable"):
        notes = joined([(Said(short(note, 120)),) for note in other], "; ", "; ")
        yield say("Claims could not be judged where the machine is another: {notes}.", notes=notes)
    if any(one.verdict == "not measured" for one in found):
        yield say("Not every configuration that a claim may mean was measured ({section}).", section=See("sec:claims"))
    gpus = dict.fromkeys(gpu.get("uuid") for run in runs for gpu in run.environment.gpus if gpu.get("uuid"))
    if len(kinds := kinds_of_device(runs)) > 1:
        yield say(
            "The runs were made on several kinds of device ({kinds}), whose numbers do not compare; no number is of "
            "two of them.",
            kinds=joined([(Said(short(kind, 60)),) for kind in kinds]),
        )
    elif len(gpus) == 1:
        yield ("All numbers are those of one single GPU; how far another of its kind differs was not measured.",)
    elif len(gpus) > 1 and len(runs) > 1:
        yield ("The runs were made on several GPUs of one kind; no ratio is formed across runs.",)


def _sample(runs: Sequence[Run]) -> Iterator[Text]:
    hashes = [Place(run, None, "cases[*].plan.prompt.sha256") for run in runs]
    prompts = number("distinct", "1", hashes, decimals=0)
    if prompts is not None and prompts.value < FEW_PROMPTS:
        told = counted("distinct", hashes, "prompt")
        yield say("{told} stood for all, which is too few to say anything of quality in general.", told=told)
    planned = [place for one in configurations(runs, "speed") for place in one.places("plan.rounds")]
    rounds = number("least", "1", planned, decimals=0)
    if rounds is not None and rounds.value < FEW_ROUNDS:
        yield say(
            "Times rest on as few as {rounds} rounds: what stands after ± are extremes of these, and no 95 % interval "
            "of a median.",
            rounds=rounds,
        )


def _validity(runs: Sequence[Run]) -> Iterator[Text]:
    pairs = _cases(runs)
    yield from _of([pair for pair in pairs if not is_sound(pair[1])], "{cases} gave no sound result ({failed}).")
    yield from _of(
        [pair for pair in pairs if is_shared(pair[1])],
        "{cases} shared the GPU with other processes; no ratio is formed of them.",
    )
    states = [(pair, state) for pair in pairs if (state := _state(pair[1])) is not None]
    yield from _capped([pair for pair, state in states if (state.event_shares or {}).get(CAP)])
    yield from _of(
        [(run, case) for run in runs for case in not_deterministic(run)], "{cases} made different frames from one seed."
    )
    yield from _of(
        [(run, case) for run in runs for case, _ in clocks_apart(run)],
        "In {cases} host clock, device clock and the sum of the phases disagree by more than 1 %.",
    )
    yield from _of(
        [pair for pair, state in states if state.energy and state.energy.cross_check != "agrees"],
        "The energy of {cases} does not agree with integrated power, or was not cross-checked.",
    )


def _capped(pairs: Pairs) -> Iterator[Text]:
    """Say in how much of the samples the power limit held cases, from the least to the most."""
    places = [Place(run, case, f"measurement.state.event_shares.{CAP}") for run, case in pairs]
    least, most = (number(which, "%", places, divisor=0.01) for which in ("least", "greatest"))
    if least is not None and most is not None:
        yield say(
            "The GPU's power limit held {cases} in {least}{most} % of the samples, which is ordinary under load.",
            cases=_counted(pairs),
            least=least,
            most=() if least.text == most.text else (" to ", most),
        )


def _quality(runs: Sequence[Run], judged: Run) -> Iterator[Text]:
    rows = [row for one in judged.verdicts for row in one.rows]
    if len(kinds_of_device(runs)) > 1 and any(row.verdict in JUDGED for row in rows):
        yield ("Verdicts are of clips from all the runs, whose devices do not round alike.",)
    if undecided := dict.fromkeys(row.margin.metric for row in rows if row.verdict == "INCONCLUSIVE"):
        metrics = joined([(Code(name),) for name in undecided])
        yield say("The clips do not decide {metrics}: the tests are inconclusive.", metrics=metrics)
    if not any(case.plan.scorers for _, case in _cases(runs)):
        yield ("No learned scorer judged the clips, and no person did.",)


def _provenance(runs: Sequence[Run]) -> Iterator[Text]:
    yield from _of(
        [pair for pair in _with_weights(runs, "hub") if not _is_pinned(pair[1])],
        "The revision of the weights of {models} is not known.",
    )
    if any(run.environment.git_dirty for run in runs):
        yield ("The code had uncommitted changes.",)
    if any(run.environment.git_commit is None for run in runs):
        yield ("The commit of the code is not known.",)
    if any(run.environment.git_commit is not None and run.environment.git_dirty is None for run in runs):
        yield ("Whether the code had uncommitted changes is not known.",)
    yield from _of(
        [pair for pair in _cases(runs) if pair[1].plan.model.non_commercial],
        "The licence of {models} forbids commercial use.",
    )
    if any(run.torn_journal_lines for run in runs):
        yield ("A run was interrupted: lines of its journal were lost.",)


def _of(pairs: Pairs, sentence: str) -> Iterator[Text]:
    """Say a sentence of cases where there are any: {cases} counts them, {models} names theirs."""
    if pairs:
        yield say(sentence, cases=_counted(pairs), models=_named(pairs), failed=See("tab:failed"))


def _cases(runs: Sequence[Run]) -> Pairs:
    return [(run, case) for run in runs for case in run.cases]


def _with_weights(runs: Sequence[Run], source: str) -> Pairs:
    return [pair for pair in _cases(runs) if pair[1].plan.model.weights_source == source]


def _counted(pairs: Pairs) -> Text:
    return counted("count", [Place(run, case, "id") for run, case in pairs], "case")


def _named(pairs: Pairs) -> Text:
    names = list(dict.fromkeys(case.plan.model.id for _, case in pairs))
    more: list[Text] = [("others",)] if len(names) > MOST_NAMED else []
    return joined([*((Code(short(name, 60)),) for name in names[:MOST_NAMED]), *more])


def _state(case: CaseRecord) -> DeviceState | None:
    return case.measurement.state if case.measurement is not None else None


def _is_pinned(case: CaseRecord) -> bool:
    return all(weights.revision or weights.resolved_revision for weights in case.plan.model.weights)
