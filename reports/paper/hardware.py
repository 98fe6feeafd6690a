"""Where it was measured: GPU, driver, libraries, processor and commit of every run."""

from collections.abc import Sequence

from reports.environment import WHOSE_MEMORY
from reports.paper.configurations import letter_of
from reports.paper.differences import differences
from reports.paper.document import Block, Code, Inline, Items, Paragraph, Said, Text, joined
from reports.paper.escape import short
from reports.paper.measures import Place, number
from reports.paper.numbers import Number
from reports.record import Run
from reports.rows import GIB

LIBRARIES = ("torch", "diffusers", "transformers")


def hardware(runs: Sequence[Run]) -> tuple[Block, ...]:
    """Tell each run's machine in an item of its own; several runs are named by letters from here on."""
    several = "Each run is named by a letter, which tables give beside its rows." if len(runs) > 1 else ""
    text = f"One device generates a clip. {several}".strip()
    if any(gpu.get("memory_bytes") for run in runs for gpu in run.environment.gpus):
        text += f" {WHOSE_MEMORY}"
    return Paragraph((text,)), Items(tuple(_machine(runs, run) for run in runs)), *differences(runs)


def _machine(runs: Sequence[Run], run: Run) -> Text:
    environment, letter = run.environment, letter_of(runs, run)
    parts: list[Text] = [_gpus(run)]
    for what, version in (("driver", environment.driver), ("CUDA", environment.cuda), ("cuDNN", environment.cudnn)):
        parts += [(f"{what} ", Said(short(version, 40)))] if version else []
    parts.append(("Python ", Said(short(environment.python, 40))))
    packages = environment.packages
    parts += [(Code(library), " ", Said(short(packages[library], 40))) for library in LIBRARIES if library in packages]
    parts.append((Said(short(environment.cpu, 60)), " with ", _count(run), " logical processors"))
    commit = environment.git_commit
    dirty = ", with uncommitted changes" if environment.git_dirty else ""
    parts.append(("commit ", Code(commit[:12]), dirty) if commit else ("no commit is known",))
    head: Text = (
        f"Run {letter} (" if letter else "Run (",
        Code(run.run_id),
        ", suite ",
        Code(run.suite),
        ", begun on ",
    )
    return (*head, Said(run.created_at[:10]), "): ", *joined(parts, ", "), ".")


def _gpus(run: Run) -> Text:
    names = [short(str(gpu.get("name")), 60) for gpu in run.environment.gpus]
    if not names:
        return ("no GPU",)
    memory = number("value", "GiB", [Place(run, None, "environment.gpus[0].memory_bytes")], decimals=1, divisor=GIB)
    power = number("value", "W", [Place(run, None, "environment.gpus[0].power_limit_w")], decimals=0)
    facts: list[Inline] = []
    if memory is not None:
        facts += [" with ", memory, " GiB by NVML"]
    if (offered := _offered(run)) is not None:
        facts += [" (", offered, " GiB by CUDA)"]
    if power is not None:
        facts += [", power limit ", power, " W"]
    others: Text = (" and further GPUs in the machine",) if len(names) > 1 else ()
    return (Said(names[0]), *facts, *others)


def _offered(run: Run) -> Number | None:
    """Give the memory that PyTorch was told of, from the first case that was measured on a GPU."""
    for case in run.cases:
        if case.measurement is not None and case.measurement.devices and case.measurement.devices[0].kind == "cuda":
            place = Place(run, case, "measurement.devices[0].memory_bytes")
            return number("value", "GiB", [place], decimals=1, divisor=GIB)
    return None


def _count(run: Run) -> Inline:
    found = number("value", "1", [Place(run, None, "environment.cpu_count")], decimals=0)
    assert found is not None, "every record has its processors' count"
    return found
