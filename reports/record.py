"""The record of a run: every view (run.json, pytest-benchmark JSON, HTML, tables) is rendered from these structs alone.

Times are seconds, memory is bytes, both unrounded. A measurement that is missing is `None` and `reasons` says why.
The five durations of a generation are defined in `DURATIONS`; `prompt_to_host_s` is the primary one.
`reports/run.schema.json` is this module as JSON Schema; a test keeps the two equal.
"""

from typing import Annotated, Any, Literal, dataclass_transform

import msgspec

SCHEMA_VERSION = 1

Status = Literal["passed", "failed", "oom", "nan", "error", "timeout", "crashed", "invalid_env", "skipped", "not_run"]
Track = Literal["matched", "published"]

DURATIONS = {
    "sampling_s": "The sum of the phases `denoise`: every transformer forward with its scheduler step and cache pass; "
    "text encoding and decoding, also those between blocks, are not in it. A model whose library does not separate "
    "phases says so.",
    "prompt_to_device_s": "From handing over the prompt text to the last uint8 frame lying in device memory.",
    "prompt_to_host_s": "From handing over the prompt text to the last uint8 frame lying in host memory; "
    "wall clock with a device synchronisation at both ends. The primary number.",
    "time_to_first_frame_s": "From handing over the prompt text to the first chunk's uint8 frames lying in "
    "host memory.",
    "prompt_to_mp4_s": "`prompt_to_host_s` plus the time to encode and write the mp4 file.",
    "frames_per_second": "Pixel frames of the clip divided by `prompt_to_host_s`.",
    "cold_start_s": "From starting `python` to an mp4 on disk, in a fresh process. Not measured yet: always null.",
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

    `start_clip` is the path of the video that is continued, "" for none; beside it stands the file's hash.
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


class PromptRecord(Frozen):
    """The prompt's own facts: generation uses `extended_text` where there is one, scoring `text`."""

    id: str
    text: str
    extended_text: str
    motion: str
    licence: str
    source: str
    sha256: str


class PlannedCase(Frozen):
    """One case of the plan: a model × prompt × setting × seed in a scenario.

    `id` is the pytest node id below benchmarks/ ("bench_speed.py::bench_generate[causvid-1.3b-480p81-dogs-s0]").
    `sources` says where each value of a published recipe comes from. `estimate_s` is the time expected for one
    generation, or None where nobody can tell.
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


class Chunk(Frozen):
    """One yielded chunk: its pixel frames, and when it lay on the device and on the host, from the prompt on."""

    frames: int
    device_s: float
    host_s: float


class Span(Frozen):
    """One visit to a phase, from `start_s` to `end_s` after the prompt was handed over, on the device's clock."""

    phase: str
    start_s: float
    end_s: float


class Round(Frozen):
    """One generation. `steps_s` holds every denoise step's time in order; `phases_s` sums the `spans` a phase."""

    prompt_to_host_s: Annotated[float, msgspec.Meta(description=DURATIONS["prompt_to_host_s"])]
    prompt_to_device_s: Annotated[float, msgspec.Meta(description=DURATIONS["prompt_to_device_s"])]
    time_to_first_frame_s: Annotated[float, msgspec.Meta(description=DURATIONS["time_to_first_frame_s"])]
    sampling_s: Annotated[float | None, msgspec.Meta(description=DURATIONS["sampling_s"])]
    phases_s: dict[str, float]
    steps_s: list[float]
    chunks: list[Chunk]
    frames_sha256: str
    spans: list[Span] = []


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

    `peak_device_bytes` is no sampled peak: it is what NVML says is used on the device, by all its processes, read once
    right after the timed rounds while torch still holds what it reserved. A peak outside torch's allocator escapes it.
    """

    peak_allocated_bytes: int | None
    peak_reserved_bytes: int | None
    peak_device_bytes: int | None
    phases_peak_allocated_bytes: dict[str, int]
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
    """What a metric says of the last round's clip. `better` tells which direction is; `value` None has a `reason`."""

    id: str
    value: float | None
    unit: str
    better: Literal["lower", "higher", "neither"]
    reason: str = ""


class Measurement(Frozen):
    """What one attempt measured.

    `rounds` are the timed ones; `first_call` is apart and None where another case of the same recipe and shape warmed
    it up. `load_s` is None likewise when the recipe was already loaded. `video` is relative to the run folder.
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


class Environment(Frozen):
    """Where it ran.

    `packages` maps distribution to version (with "+git.<commit>" for editable and git installs); `gpus` holds NVML's
    facts a device; `settings` the numeric flags that change speed or numbers.
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


class Plan(Frozen):
    """plan.json: written before anything is loaded."""

    schema_version: int
    run_id: str
    suite: str
    suite_description: str
    command: str
    created_at: str
    banners: list[str]
    environment: Environment
    cases: list[PlannedCase]


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
