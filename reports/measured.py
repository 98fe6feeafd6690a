"""What one attempt at a case measured. Times are seconds, memory is bytes, energy is joules, all unrounded.

A measurement that is missing is `None` and `reasons` says why. The durations of a generation are defined in
`DURATIONS`; `prompt_to_host_s` is the primary one.
"""

from typing import Annotated, Literal

import msgspec

from reports.device_record import DeviceState
from reports.frozen import Frozen
from reports.judged import JudgedBudget, JudgedFloor, Limits, LimitVerdict
from reports.memory_record import Memory
from reports.paired import Distance, PairedComparison

DURATIONS = {
    "sampling_s": "The sum of the phases `denoise`: every transformer forward with its scheduler step and cache pass, "
    "each of which does a whole batch at once; "
    "text encoding and decoding, also those between blocks, are not in it. A model whose library does not separate "
    "phases says so.",
    "prompt_to_device_s": "From handing over the prompt text to the last uint8 frame lying in device memory.",
    "prompt_to_host_s": "From handing over the prompt text to the last uint8 frame lying in host memory; "
    "wall clock with a device synchronisation at both ends. The primary number.",
    "time_to_first_frame_s": "From handing over the prompt text to the first chunk's uint8 frames lying in "
    "host memory.",
    "prompt_to_mp4_s": "`prompt_to_host_s` plus the time to encode and write the mp4 file, of a batch that of its "
    "first clip alone.",
    "frames_per_second": "Pixel frames of the clip, of a batch those of all its clips, divided by `prompt_to_host_s`.",
    "cold_start_s": "From starting `python` to an mp4 on disk, in a fresh process: the median over the processes after "
    "the first, which finds the caches empty and stands apart; the first's own where it is the only one. "
    "Only the scenario `cold_start` measures it.",
}


class Chunk(Frozen):
    """One yielded chunk: its pixel frames, and when it lay on the device and on the host, from the prompt on."""

    frames: int
    device_s: float
    host_s: float


class Span(Frozen):
    """One visit to a phase, from `start_s` to `end_s` after the prompt was handed over, on the device's clock.

    `steps` of the round's `steps_s` lie in it. A causal model visits `denoise` once a block, and where a visit has one
    step more than the request, its first is the cache pass of the block before: `reports.timing.blocks` reads it so.
    """

    phase: str
    start_s: float
    end_s: float
    steps: int | None = None


class Round(Frozen):
    """One generation, of a batch as a whole.

    `steps_s` holds every denoise step's time in order; `phases_s` sums the `spans` a phase. A chunk counts one clip's
    frames; `frames_sha256` is of all clips. `device_clock_s` is the whole round on the device's clock, from its first
    stamp to its last; on the host's it is `prompt_to_host_s`. `take` tells rounds of another prompt than the case's
    apart: equal takes have one prompt.
    """

    prompt_to_host_s: Annotated[float, msgspec.Meta(description=DURATIONS["prompt_to_host_s"])]
    prompt_to_device_s: Annotated[float, msgspec.Meta(description=DURATIONS["prompt_to_device_s"])]
    time_to_first_frame_s: Annotated[float, msgspec.Meta(description=DURATIONS["time_to_first_frame_s"])]
    sampling_s: Annotated[float | None, msgspec.Meta(description=DURATIONS["sampling_s"])]
    phases_s: dict[str, float]
    steps_s: list[float]
    chunks: list[Chunk]
    frames_sha256: str
    spans: list[Span] = []
    device_clock_s: float | None = None
    take: int | None = None


class Facts(Frozen):
    """What really ran, as the pipeline tells it."""

    scheduler_class: str
    timesteps: list[float]
    sigmas: list[float]
    forwards: int
    prompt_tokens: int
    prompt_truncated: bool
    attention_resolved: str
    dtypes: dict[str, str]
    parameters: dict[str, int]


class Device(Frozen):
    """One device of a case, read inside the measuring process."""

    kind: Literal["cpu", "cuda"]
    index: int
    name: str
    uuid: str | None
    memory_bytes: int | None


class Rank(Frozen):
    """One process of a case."""

    rank: int
    host: str
    pid: int
    device: int


class MetricValue(Frozen):
    """What a metric says of the last round's clip, of a batch of its first.

    `better` tells which direction is; `value` None has a `reason`, and is `not_applicable` where no number was to be
    expected: of a metric with limits any other missing value fails. `per_frame` is its series in the same unit, to six
    digits, where it has one: an entry a frame, or one less where two frames make an entry. `verdict` is by `limits`,
    and `explanation` says what a broken one means (reports/limits.py). `formula` is a hash of the code that the value
    came from, "" in records from before it was kept: values of one id compare only where it is the same, and of a
    learned scorer's only where `weights_sha256`, a hash over the files of its weights, is the same, too. `unjudged`
    says why neither limit nor floor judges a value that is there to be compared with.
    """

    id: str
    value: float | None
    unit: str
    better: Literal["lower", "higher", "neither"]
    reason: str = ""
    not_applicable: bool = False
    per_frame: list[float] = []
    limits: Limits | None = None
    verdict: LimitVerdict = "not judged"
    explanation: str = ""
    formula: str = ""
    unjudged: str = ""
    weights_sha256: str = ""


class ColdStart(Frozen):
    """One fresh process, from starting `python` to an mp4 on disk. The `parts_s` are in order and sum up to `total_s`.

    `interpreter`: until the first statement of our own. `import`: every library and model file, also what the model
    imports while it loads. `load`: the rest of loading, the CUDA context included; with random weights that is building
    them. `compile`, only where the recipe compiles: what all phases but `text_encode` took longer than in a second call
    in the same process, which holds more than compiling (libraries start up); those phases are then the second call's.
    Every phase by its name. `file`: encoding and writing the mp4. `other`: noise, host memory, and what is between.

    `weights_cached_ratio` is how much of the weights' files lay in the page cache at the start, from 0 to 1; None where
    no files are read. `compile_cache` tells whether compiled kernels lay on the disk; None where nothing is compiled.
    """

    total_s: float
    parts_s: dict[str, float]
    weights_cached_ratio: float | None
    compile_cache: Literal["empty", "filled"] | None


class Kernel(Frozen):
    """One kernel, or operation on a CPU, of a profiled phase: how often it ran, and the seconds of all its runs."""

    name: str
    calls: int
    total_s: float


class Profile(Frozen):
    """One more round under torch.profiler, slower than the timed ones. `trace` is relative to the run folder.

    `phases` holds the twenty heaviest by phase: on CUDA kernels and copies, by the phase that launched them, on a CPU
    operations without those that they call. `idle_ratio` is the share of `round_s` in which the device ran none of
    them: None on a CPU, and where the profiler saw no kernels, as `reasons` then says.
    """

    trace: str
    round_s: float
    idle_ratio: float | None
    phases: dict[str, list[Kernel]]


class Stills(Frozen):
    """Two pictures of a clip, relative to the run folder.

    `strip` has the clip's `frames`, counted from 0, side by side; `xt` is its middle row over time, a line a frame.
    """

    strip: str
    frames: list[int]
    xt: str


class Measurement(Frozen):
    """What one attempt measured.

    `rounds` are the timed ones; `first_call` is apart and None where another case of the same recipe and shape warmed
    it up. `load_s` is None likewise when the recipe was already loaded; where it includes imports, `reasons` say so.
    `video` is relative to the run folder; of a batch it is the first of its `clips`, each of which has `frames` frames.
    `stills` are pictures of the same clip.
    `pairs` compares the last round's clips with the baseline of its setting, or with a golden. Where it is not
    `deterministic`, `spread` tells how far the frames of one more generation lie from the clip that
    was generated before it, which they may equal: what differed may have been the first call.
    `features` holds, by network, one feature of the clip that was judged, for diversity over seeds;
    `features_formula` and `features_weights_sha256` are of them what `formula` and `weights_sha256` are of a value.
    `cold_starts` holds a fresh process for each of `rounds`, which are their first calls; empty in other scenarios.
    """

    rounds: list[Round]
    first_call: Round | None
    load_s: float | None
    mp4_encode_s: float | None
    prompt_to_mp4_s: Annotated[float | None, msgspec.Meta(description=DURATIONS["prompt_to_mp4_s"])]
    memory: Memory
    facts: Facts | None
    deterministic: bool | None
    width: int
    height: int
    frames: int
    video: str | None
    metrics: list[MetricValue]
    devices: list[Device]
    ranks: list[Rank]
    reasons: dict[str, str]
    cold_start_s: Annotated[float | None, msgspec.Meta(description=DURATIONS["cold_start_s"])] = None
    clips: int = 1
    budgets: list[JudgedBudget] = []
    floors: list[JudgedFloor] = []
    state: DeviceState | None = None
    cold_starts: list[ColdStart] = []
    profile: Profile | None = None
    pairs: list[PairedComparison] = []
    features: dict[str, list[float]] = {}
    features_formula: str = ""
    stills: Stills | None = None
    spread: list[Distance] = []
    features_weights_sha256: str = ""
