"""The record of a run: every view (run.json, pytest-benchmark JSON, HTML, tables) is rendered from these structs alone.

Times are seconds, memory is bytes, both unrounded. A measurement that is missing is `None` and `reasons` says why.
The five durations of a generation are defined in `DURATIONS`; `prompt_to_host_s` is the primary one.
`reports/run.schema.json` is this module as JSON Schema; a test keeps the two equal.
"""

import math
from typing import Annotated, Any, Literal, dataclass_transform

import msgspec

SCHEMA_VERSION = 1

Status = Literal["passed", "failed", "oom", "nan", "error", "timeout", "crashed", "invalid_env", "skipped", "not_run"]
Track = Literal["matched", "published"]
# What a budget or a claim may speak of, its unit at the end: GiB of 2^30 bytes, GB of 10^9 bytes, seconds.
Quantity = Literal[
    "peak_allocated_gib",
    "peak_allocated_gb",
    "peak_reserved_gib",
    "peak_reserved_gb",
    "peak_device_gib",
    "peak_device_gb",
    "sampling_s",
    "prompt_to_device_s",
    "prompt_to_host_s",
    "time_to_first_frame_s",
    "prompt_to_mp4_s",
    "cold_start_s",
    "phase_s",
]
BudgetVerdict = Literal["within", "over", "not judged"]

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


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Frozen(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all records: immutable, keyword only, unknown fields refused."""


class WeightsRecord(Frozen):
    """One file of weights; `revision` is None where it is UNPINNED.

    `resolved_revision` is the commit that was loaded from the cache; None where nothing was loaded from a hub.
    """

    repository: str
    path: str
    licence: str
    revision: str | None
    resolved_revision: str | None = None


class ModelRecord(Frozen):
    """Who was measured. `weights_source` tells real ("hub") from random and toy ("tiny") weights."""

    id: str
    title: str
    licence: str
    non_commercial: bool
    weights_source: Literal["hub", "random", "tiny"]
    weights: list[WeightsRecord]


class RecipeRecord(Frozen, forbid_unknown_fields=False):
    """What was loaded; field by field the `Recipe` of models/spec.py.

    Older runs have a `residency` that could only be "all": it is passed over, and the defaults below say the same.
    """

    model: str
    weights: Literal["hub", "random", "tiny"]
    device: Literal["cpu", "cuda"]
    transformer_dtype: str
    text_encoder_dtype: str
    vae_dtype: str
    attention: str
    compile: str
    numerics: str = "diffusers"
    text_encoder: str = "resident"
    weights_dtype: str = "same"
    decode: str = "streamed"
    lora: str | None = None
    lora_strength: float | None = None
    memory_limit_gib: float | None = None


class RequestRecord(Frozen):
    """What was asked; field by field the `Request` of models/spec.py (`prompt` is the text generated from).

    `start_clip` is the path of the video that is continued, "" for none; beside it stands the file's hash. `batch`
    clips are generated at once, clip i from the noise of `seed + i`.
    """

    prompt: str
    width: int
    height: int
    frames: int
    fps: float
    steps: int
    guidance_scale: float
    shift: float
    seed: int
    negative_prompt: str
    start_clip: str = ""
    start_clip_sha256: str = ""
    batch: int = 1


class PromptRecord(Frozen):
    """The prompt's own facts: generation uses `extended_text` where there is one, scoring `text`."""

    id: str
    text: str
    extended_text: str
    motion: str
    licence: str
    source: str
    sha256: str


class Budget(Frozen):
    """The most that a case may need of a quantity, in the unit that ends its name: in all or in one phase.

    `gpu` is the name, or whole words of the name, of the GPU that it is meant for; None for any. `source` says who set
    it: a suite's table or a marker.
    """

    quantity: Quantity
    limit: float
    phase: str | None
    gpu: str | None
    source: str


class JudgedBudget(Frozen):
    """A budget as judged: durations by the median of the timed rounds, memory by their peak.

    `actual` has the limit's unit. `explanation` says why it is over or not judged, and is empty otherwise.
    """

    budget: Budget
    actual: float | None
    verdict: BudgetVerdict
    explanation: str = ""


class Candidate(Frozen):
    """Configurations that a claim may be about: these models in these settings of a suite."""

    suite: str
    models: Annotated[list[str], msgspec.Meta(min_length=1)]
    settings: Annotated[list[str], msgspec.Meta(min_length=1)]


class Claim(Frozen):
    """A number that somebody claimed, to be held against what is measured.

    `quantities` are what the claim may mean, all in one unit, which is that of `value`. Measured on another GPU than
    `gpu` (whole words of its name; None: the claim names none), nothing is said of the claim.
    """

    id: str
    text: str
    quantities: Annotated[list[Quantity], msgspec.Meta(min_length=1)]
    value: Annotated[float, msgspec.Meta(gt=0)]
    tolerance_pct: Annotated[float, msgspec.Meta(ge=0, lt=100)]
    candidates: Annotated[list[Candidate], msgspec.Meta(min_length=1)]
    gpu: str | None = None

    def __post_init__(self) -> None:
        """Refuse readings of two units, which one value cannot have, and a phase's time, which names no phase."""
        if not math.isfinite(self.value):
            raise ValueError(f"`value` must be a finite number, not {self.value}")
        if "phase_s" in self.quantities:
            raise ValueError("`quantities` holds phase_s, but a claim is about a whole generation")
        if len(units := sorted({name.rpartition("_")[2] for name in self.quantities})) > 1:
            raise ValueError(f"`quantities` have the units {', '.join(units)}, but one value has one unit")


class PhaseWork(Frozen):
    """What a phase of one generation has to do at least, worked out from the request (models/work.py).

    `flop` is by kind of operation, a multiply-add counts 2; `dtype` is what the phase's network computes in.
    `least_bytes` of device memory must move: weights once a forward, what goes in and comes out, and a causal model's
    caches. Activations between layers are not in it.
    """

    dtype: str
    flop: dict[str, float]
    least_bytes: float


class PlannedCase(Frozen):
    """One case of the plan: a model × prompt × setting × seed in a scenario.

    `id` is the pytest node id below benchmarks/ ("bench_speed.py::bench_generate[causvid-1.3b-480p81-dogs-s0]").
    `sources` says where each value of a published recipe comes from. `estimate_s` is the time expected for one
    generation, or None where nobody can tell. `fresh_process`: each round is a process of its own, started cold. `work`
    is by phase, or None where the model's file does not tell it.
    """

    id: str
    scenario: str
    setting: str
    track: Track
    seed: int
    rounds: int
    warmup: bool
    model: ModelRecord
    prompt: PromptRecord
    recipe: RecipeRecord
    request: RequestRecord
    sources: dict[str, str]
    estimate_s: float | None
    reproduce: str
    budgets: list[Budget] = []
    fresh_process: bool = False
    work: dict[str, PhaseWork] | None = None


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


class PhaseMemory(Frozen):
    """Torch's peaks of one phase (or "outside", what lies between phases), and what made up the allocated one.

    `components_bytes` is what the pipeline kept on the device then, by component, as it tells itself.
    `activations_bytes` is the rest of the peak: activations, libraries' workspaces that torch allocates, weights that
    visit for a moment; None where the pipeline does not tell. A phase entered again is that of its highest peak.
    """

    phase: str
    peak_allocated_bytes: int
    peak_reserved_bytes: int
    components_bytes: dict[str, int] = {}
    activations_bytes: int | None = None


class PartMemory(Frozen):
    """Torch's allocator in one part of a case. `phases` stand in the order in which they were first entered.

    `peak_inactive_split_bytes` is free memory inside blocks that are in use in part: it cannot be given back. Reserved
    less allocated is all that fragmentation and caching take. `alloc_retries` counts allocations that first had to give
    cached blocks back to the device, which waits for it: where it is not 0 in the timed rounds, so do the times.
    `ooms` counts allocations that failed.
    """

    peak_allocated_bytes: int
    peak_reserved_bytes: int
    peak_inactive_split_bytes: int
    alloc_retries: int
    ooms: int
    phases: list[PhaseMemory]


class OutOfMemory(Frozen):
    """Where memory ran out: what torch held when the error left the phase, its tensors still alive.

    `requested_bytes` is read from torch's message, which rounds it to two decimals; None where it names no size.
    """

    part: Literal["load", "first_call", "rounds"]
    phase: str
    requested_bytes: int | None
    allocated_bytes: int
    reserved_bytes: int


class Memory(Frozen):
    """Memory of a case. The peaks are those of the timed rounds, allocated and reserved torch's own.

    `phases_peak_allocated_bytes` gives the allocated peak a phase; `parts` has loading, the first call and the timed
    rounds apart, in full. `host_peak_rss_bytes` is the process' highest resident set (Linux's VmHWM) since
    `host_peak_since`: the case's begin, or that of the process where its counter cannot be reset. It is host memory
    that was touched: shared pages count, page-locked memory may not. `snapshot` is the allocator's snapshot with its
    history, relative to the run's folder; one is written only where memory ran out or a budget was broken.

    `peak_device_bytes` is the most that NVML said is used on the device, by all its processes, in samples taken every
    `state.period_s` of the timed rounds: what lived shorter may have escaped it. Older runs, and those whose `reasons`
    say so, have one reading taken right after the rounds. `phases_peak_device_bytes` has only phases with a sample.
    """

    peak_allocated_bytes: int | None
    peak_reserved_bytes: int | None
    peak_device_bytes: int | None
    phases_peak_allocated_bytes: dict[str, int]
    phases_peak_device_bytes: dict[str, int] = {}
    parts: dict[Literal["load", "first_call", "rounds"], PartMemory] = {}
    out_of_memory: OutOfMemory | None = None
    host_peak_rss_bytes: int | None = None
    host_peak_since: Literal["case", "process"] | None = None
    snapshot: str | None = None


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

    `better` tells which direction is; `value` None has a `reason`.
    """

    id: str
    value: float | None
    unit: str
    better: Literal["lower", "higher", "neither"]
    reason: str = ""


class GpuProcess(Frozen):
    """A process that computes on a GPU, as NVML tells it; inside a container ids and names may be the host's."""

    pid: int
    name: str | None
    used_bytes: int | None


class Energy(Frozen):
    """What `videos` clips with together `frames` frames took, by the whole device.

    `counter_j` is what NVML's energy counter grew by in windows that begin and end with a synchronisation: the timed
    rounds ("rounds"), or where these are short one window of generations back to back outside of them ("repeated").
    `integrated_j` is power integrated over the same windows. `cross_check` says whether the two are within 5 % of each
    other; it is left out where a window is shorter than 15 s or NVML tells no instantaneous power.
    """

    source: Literal["rounds", "repeated"]
    windows_s: list[float]
    videos: int
    frames: int
    counter_j: float
    integrated_j: float | None
    cross_check: Literal["agrees", "disagrees", "not cross-checked"]


class DeviceState(Frozen):
    """The GPU during the timed rounds, from `samples` readings of NVML by a side process, one every `period_s`.

    `longest_gap_s` is the longest stretch of a round without a sample. `event_shares` is the share of samples in which
    each of NVML's clocks event reasons was active, those never active left out. Temperatures are those right before the
    first and after the last round. `other_processes` are those seen during the rounds, `other_processes_before` and
    `used_before_bytes` (device memory in use by anybody) what there was before this process touched the device.
    """

    period_s: float
    samples: int
    longest_gap_s: float | None
    mean_power_w: float | None
    sm_clock_median_mhz: float | None
    sm_clock_min_mhz: int | None
    temperature_before_c: int | None
    temperature_after_c: int | None
    event_shares: dict[str, float] | None
    used_before_bytes: int | None
    other_processes_before: list[GpuProcess] | None
    other_processes: list[GpuProcess] | None
    energy: Energy | None


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


class Measurement(Frozen):
    """What one attempt measured.

    `rounds` are the timed ones; `first_call` is apart and None where another case of the same recipe and shape warmed
    it up. `load_s` is None likewise when the recipe was already loaded. `video` is relative to the run folder; of a
    batch it is the first of its `clips`, each of which has `frames` frames. `cold_starts` holds a fresh process for
    each of `rounds`, which are their first calls; empty in other scenarios.
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
    state: DeviceState | None = None
    cold_starts: list[ColdStart] = []
    profile: Profile | None = None


class Attempt(Frozen):
    """One journal attempt at a case: a `finished` line's content, or what is known of a started-only one."""

    number: int
    status: Status
    reason: str
    worker: str
    started_at: str
    finished_at: str | None
    measurement: Measurement | None


class CaseRecord(Frozen):
    """A planned case with its outcome: that of the last attempt that finished, and all attempts."""

    id: str
    status: Status
    reason: str
    plan: PlannedCase
    measurement: Measurement | None
    attempts: list[Attempt]


class ContainerLimits(Frozen):
    """What control groups allow the process: `None` is no limit or, where `cgroup` is None too, unknown by `reason`.

    `cpus` is processor time a second: 1.5 is that of one and a half processors.
    """

    cgroup: Literal["v1", "v2"] | None = None
    memory_bytes: int | None = None
    cpus: float | None = None
    reason: str = ""


class GpuUse(Frozen):
    """Who used a GPU at one moment, this process left out of `processes` (`pid`, `name`, `used_bytes`).

    A container may hide other processes: an empty list beside many `used_bytes` proves nothing. `reason` says why
    something is None.
    """

    uuid: str
    used_bytes: int | None
    processes: list[dict[str, Any]] | None
    reason: str = ""


class Environment(Frozen):
    """Where it ran.

    `packages` maps distribution to version (with "+git.<commit>" for editable and git installs); `gpus` holds NVML's
    facts a device; `settings` the numeric flags that change speed or numbers. `attention_backends` lists those that the
    recipe may name here and that no package is missing for. `gpus_before` tells of the time before anything was loaded.
    """

    python: str
    platform: str
    host: str
    cpu: str
    cpu_count: int
    memory_bytes: int
    packages: dict[str, str]
    cuda: str | None
    cudnn: str | None
    driver: str | None
    gpus: list[dict[str, Any]]
    settings: dict[str, Any]
    git_commit: str | None
    git_dirty: bool | None
    container: ContainerLimits | None = None
    attention_backends: list[str] | None = None
    gpus_before: list[GpuUse] = []
    reasons: dict[str, str] = {}


class Ceiling(Frozen):
    """How fast a library was at one operation: `work` of a call (FLOP; bytes read and written for "copy"), and seconds.

    `calls_s` has the seconds a call of every round. `shape` is for people, `backend` the kernel's name or "".
    """

    operation: Literal["matmul", "attention", "convolution", "copy"]
    dtype: str
    shape: str
    backend: str
    work: float
    calls_s: list[float]


class Ceilings(Frozen):
    """What `benchmarks/bench_ceilings.py` measured on one GPU with one set of libraries."""

    gpu: str
    uuid: str
    driver: str | None
    torch: str
    cuda: str | None
    cudnn: str | None
    measured_at: str
    ceilings: list[Ceiling]


class Plan(Frozen):
    """plan.json: written before anything is loaded.

    `gpu_hour_price` is what a GPU-hour costs, in any currency. `ceilings` None has a `ceilings_reason`.
    """

    schema_version: int
    run_id: str
    suite: str
    suite_description: str
    command: str
    created_at: str
    banners: list[str]
    environment: Environment
    cases: list[PlannedCase]
    claims: list[Claim] = []
    gpu_hour_price: float | None = None
    ceilings: Ceilings | None = None
    ceilings_reason: str = ""


class Run(Frozen):
    """run.json: the plan with every case's outcome. Every planned case appears exactly once.

    `finished_at` is the time of the last journal line; `torn_journal_lines` counts last lines that a killed process
    left incomplete.
    """

    schema_version: int
    run_id: str
    suite: str
    suite_description: str
    command: str
    created_at: str
    finished_at: str | None
    banners: list[str]
    environment: Environment
    durations: Annotated[dict[str, str], msgspec.Meta(description="What each duration spans.", examples=[DURATIONS])]
    cases: list[CaseRecord]
    torn_journal_lines: int = 0
    claims: list[Claim] = []
    gpu_hour_price: float | None = None
    ceilings: Ceilings | None = None
    ceilings_reason: str = ""
