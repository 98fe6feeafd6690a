"""What must be the same before two numbers may be compared: what was asked for, and on what it ran.

Why it matters: another GPU, driver or power limit moves times by more than most regressions, and a changed prompt under
an old id is another case. Only what was declared is compared; what a library then chose by itself is recorded, and
where it is not what was asked for, the case fails: otherwise a silent fallback would open a cohort without a baseline.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from reports.environment import Environment
from reports.measured import Facts, Measurement
from reports.record import PlannedCase, RecipeRecord

# Of a request, what says only where the continued clip lies; its hash is compared.
PATHS = ("start_clip",)
# Facts that a package under test brings with it.
BROUGHT = {"torch": ("torch", "cuda", "cudnn")}
STACK = ("torch", "diffusers")
NO_GPU = "none"
ASKED = ("workload", "recipe", "weights")


def protocol_of(schema_version: int, protocol_version: int) -> str:
    """Name how a run was measured and kept."""
    return f"{schema_version}.{protocol_version}"


def facts_of(
    plan: PlannedCase, measurement: Measurement | None, environment: Environment, protocol: str
) -> dict[str, str]:
    """List the cohort's facts by name: those of `workload`, `recipe` and `weights`, then of machine and stack.

    Of a case that was not measured the device is the first GPU of the environment, if it was to run on one.
    """
    if measurement is not None:
        devices = [(device.name, device.uuid) for device in measurement.devices if device.kind == "cuda"]
    else:
        gpus = environment.gpus[:1] if plan.recipe.device == "cuda" else []
        devices = [(str(gpu.get("name")), gpu.get("uuid")) for gpu in gpus]
    return {name: str(value) for name, value in (_asked(plan) | _machine(devices, environment, protocol)).items()}


def differing(one: Mapping[str, str], other: Mapping[str, str], under_test: Collection[str] = ()) -> list[str]:
    """Name the facts that two cohorts differ in, less those that packages under test bring."""
    free = {fact for package in under_test for fact in BROUGHT.get(package, (package,))}
    names = dict.fromkeys([*one, *other])
    return [name for name in names if name not in free and one.get(name) != other.get(name)]


def is_asked(fact: str) -> bool:
    """Tell whether a fact is of what was asked for, and not of where it ran."""
    return fact.partition(".")[0] in ASKED


def device_of(facts: Mapping[str, str]) -> str:
    """Name what a cohort's cases ran on: the GPU, or of a run on the CPU the processor."""
    return facts["gpu"] if facts["gpu"] != NO_GPU else facts["cpu"]


def key_of(facts: Mapping[str, str]) -> str:
    """Give a cohort's key: the first 16 hex digits of the SHA-256 of its facts as canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(dict(facts), order="sorted")).hexdigest()[:16]


def request_mismatch(recipe: RecipeRecord, facts: Facts | None) -> str:
    """Say what ran otherwise than it was asked for, "" where nothing did or the choice was torch's ("native")."""
    if facts is None:
        return ""
    asked = recipe.attention
    wrong = [f"attention {facts.attention_resolved} instead of {asked}"] if facts.attention_resolved != asked else []
    if asked == "native":
        wrong = []
    # A transformer keeps some layers in float32: its dtypes are told as "bfloat16 + float32".
    for component in ("transformer", "text_encoder", "vae"):
        wanted, ran = getattr(recipe, f"{component}_dtype"), facts.dtypes.get(component)
        if ran is not None and wanted not in ran.split(" + "):
            wrong.append(f"{component} in {ran} instead of {wanted}")
    return ", ".join(wrong)


def _asked(plan: PlannedCase) -> dict[str, Any]:
    request = {name: value for name, value in msgspec.structs.asdict(plan.request).items() if name not in PATHS}
    weights = [(file.repository, file.path, file.resolved_revision or file.revision) for file in plan.model.weights]
    return {
        "workload.scenario": plan.scenario,
        "workload.track": plan.track,
        "workload.warmup": plan.warmup,
        "workload.fresh_process": plan.fresh_process,
        "workload.prompt_sha256": plan.prompt.sha256,
        **{f"workload.{name}": value for name, value in request.items()},
        **{f"recipe.{name}": value for name, value in msgspec.structs.asdict(plan.recipe).items()},
        "weights.source": plan.model.weights_source,
        "weights.files": sorted(weights, key=str),
    }


def _machine(devices: Sequence[tuple[str, str | None]], environment: Environment, protocol: str) -> dict[str, Any]:
    of_nvml = [next((gpu for gpu in environment.gpus if gpu.get("uuid") == uuid), {}) for _, uuid in devices]
    return {
        "gpu": " and ".join(sorted(name for name, _ in devices)) or NO_GPU,
        "gpu_count": len(devices),
        "cpu": "any" if devices else f"{environment.cpu} × {environment.cpu_count}",
        "power_limit_w": sorted({gpu.get("power_limit_w") for gpu in of_nvml}, key=str),
        "mig_mode": sorted({gpu.get("mig_mode") for gpu in of_nvml}, key=str),
        "driver_branch": (environment.driver or "none").partition(".")[0],
        "cuda": environment.cuda,
        "cudnn": environment.cudnn,
        **{package: environment.packages.get(package) for package in STACK},
        "protocol": protocol,
    }
