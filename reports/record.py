"""The record of a run: every view (run.json, pytest-benchmark JSON, HTML, tables) is rendered from these structs alone.

What a case measured stands in reports/measured.py, the GPU and its memory in reports/device_record.py and
reports/memory_record.py, budgets and claims in reports/judged.py, the machine in reports/environment.py.
`reports/run.schema.json` is all of it as JSON Schema; a test keeps the two equal.
"""

from typing import Annotated, Literal

import msgspec

from reports.comparison_record import StudentTeacher, StudentVerdict
from reports.environment import Ceilings, Environment
from reports.frozen import Frozen
from reports.gate.limits import GateLimit
from reports.gate.outcome import GateOutcome
from reports.judged import Budget, Claim, Floor
from reports.measured import DURATIONS, Measurement
from reports.paired import Bands, Planted

SCHEMA_VERSION = 1
# Raised where a change to clock, rounds or memory's accounting makes numbers differ that are called the same.
PROTOCOL_VERSION = 1


Status = Literal["passed", "failed", "oom", "nan", "error", "timeout", "crashed", "invalid_env", "skipped", "not_run"]


Track = Literal["matched", "published"]


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


class PhaseWork(Frozen):
    """What a phase of one generation has to do at least, worked out from the request (models/work.py).

    `flop` is by kind of operation, a multiply-add counts 2; `dtype` is what the phase's network computes in.
    `least_bytes` of device memory must move: weights once a forward, what goes in and comes out, and a causal model's
    caches. Activations between layers are not in it.
    """

    dtype: str
    flop: dict[str, float]
    least_bytes: float


class PlannedPair(Frozen):
    """What a case's clip is compared with: that of setting `baseline`, loaded as `recipe`, of the same request.

    A `planted` wrong clip of the baseline must leave the `bands`, or they say nothing.
    """

    baseline: str
    recipe: RecipeRecord
    planted: Planted
    bands: Bands


class PlannedCase(Frozen):
    """One case of the plan: a model × prompt × setting × seed in a scenario.

    `id` is the pytest node id below benchmarks/ ("bench_speed.py::bench_generate[causvid-1.3b-480p81-dogs-s0]").
    `sources` says where each value of a published recipe comes from. `estimate_s` is the time expected for one
    generation, or None where nobody can tell. `fresh_process`: each round is a process of its own, started cold. `work`
    is by phase, or None where the model's file does not tell it. `scorers` are the learned ones
    that judge the clip. `seams_at` are the pixel frames where seams are looked for: where the model's blocks begin, or,
    of a clip in one piece, those of a model that a comparison holds it against.
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
    floors: list[Floor] = []
    gates: list[GateLimit] = []
    scorers: list[str] = []
    seams_at: list[int] = []
    fresh_process: bool = False
    pair: PlannedPair | None = None
    work: dict[str, PhaseWork] | None = None


class Attempt(Frozen):
    """One journal attempt at a case: a `finished` line's content, or what is known of a started-only one.

    `output` is the end of what pytest tells of an attempt that did not pass: traceback, and what it printed.
    """

    number: int
    status: Status
    reason: str
    worker: str
    started_at: str
    finished_at: str | None
    measurement: Measurement | None
    output: str = ""


class CaseRecord(Frozen):
    """A planned case with its outcome: that of the last attempt that finished, and all attempts."""

    id: str
    status: Status
    reason: str
    plan: PlannedCase
    measurement: Measurement | None
    attempts: list[Attempt]


class Plan(Frozen):
    """plan.json: written before anything is loaded.

    `gpu_hour_price` is what a GPU-hour costs, in any currency. `ceilings` None has a `ceilings_reason`. `lent` are a
    teacher's clips of an earlier run, which are not made again.
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
    comparisons: list[StudentTeacher] = []
    lent: list[CaseRecord] = []
    protocol_version: int = 1


class Run(Frozen):
    """run.json: the plan with every case's outcome. Every planned case appears exactly once.

    `finished_at` is the time of the last journal line; `torn_journal_lines` counts last lines that a killed process
    left incomplete. `verdicts` are those of `comparisons` by this run's cases and those that an earlier run `lent` it.
    `gate` is what was decided of it against a baseline, None where it was not gated.
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
    comparisons: list[StudentTeacher] = []
    verdicts: list[StudentVerdict] = []
    lent: list[CaseRecord] = []
    protocol_version: int = 1
    gate: GateOutcome | None = None
