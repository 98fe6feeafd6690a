"""Records of made-up runs for the tests of the reports: each builder takes what its test is about."""

from pathlib import Path
from typing import Literal

import msgspec

from reports.device_record import DeviceState, Energy, GpuProcess
from reports.environment import Ceiling, Ceilings, Environment
from reports.journal import Finished, Started, append_line
from reports.judged import Budget, JudgedBudget
from reports.measured import Chunk, Device, Facts, Measurement, Rank, Round
from reports.memory_record import Memory
from reports.random_weights import Initialisation, ModelSpread
from reports.record import (
    SCHEMA_VERSION,
    CaseRecord,
    ModelRecord,
    PhaseWork,
    Plan,
    PlannedCase,
    PromptRecord,
    RecipeRecord,
    RequestRecord,
    Run,
    Status,
    Track,
)
from reports.strict_json import write_json_atomically

TITLES = {"causvid-1.3b": "CausVid 1.3B", "wan2.1-t2v-1.3b": "Wan 2.1 1.3B"}


def planned(
    model: str = "causvid-1.3b",
    prompt: str = "dogs",
    seed: int = 0,
    track: Track = "matched",
    text: str = "two dogs run along a beach",
    attention: str = "native_cudnn",
    width: int = 832,
    rounds: int = 3,
) -> PlannedCase:
    """Plan a case of the speed scenario at 480p; CausVid's has its three steps, any other's Wan's fifty."""
    student = model == "causvid-1.3b"
    setting = "480p81" if track == "matched" else "480p81-published"
    return PlannedCase(
        id=f"bench_speed.py::bench_generate[{model}-{setting}-{prompt}-s{seed}]",
        scenario="speed",
        setting=setting,
        track=track,
        seed=seed,
        rounds=rounds,
        warmup=True,
        model=ModelRecord(
            id=model,
            title=TITLES.get(model, model),
            licence="CC BY-NC-SA 4.0" if student else "Apache-2.0",
            non_commercial=student,
            weights_source="random",
            weights=[],
        ),
        prompt=PromptRecord(
            id=prompt, text=text, extended_text="", motion="high", licence="CC0-1.0", source="ours", sha256="0" * 64
        ),
        recipe=RecipeRecord(
            model=model,
            weights="random",
            device="cuda",
            transformer_dtype="bfloat16",
            text_encoder_dtype="bfloat16",
            vae_dtype="bfloat16",
            attention=attention,
            compile="none",
        ),
        request=RequestRecord(
            prompt=text,
            width=width,
            height=480,
            frames=81,
            fps=16.0,
            steps=3 if student else 50,
            guidance_scale=1.0 if student else 5.0,
            shift=8.0 if student else 3.0,
            seed=seed,
            negative_prompt="",
        ),
        sources={"steps": "the model's own configuration"},
        estimate_s=4.0,
        reproduce=f"pytest 'benchmarks/bench_speed.py::bench_generate[{model}-{setting}-{prompt}-s{seed}]'",
    )


def a_round(total_s: float) -> Round:
    """Give a round of `total_s` seconds from prompt to host frames."""
    return Round(
        prompt_to_host_s=total_s,
        prompt_to_device_s=0.99 * total_s,
        time_to_first_frame_s=0.25 * total_s,
        sampling_s=0.5 * total_s,
        phases_s={
            "text_encode": 0.01 * total_s,
            "denoise": 0.5 * total_s,
            "decode": 0.4 * total_s,
            "to_host": 0.09 * total_s,
        },
        steps_s=[0.1 * total_s] * 5,
        chunks=[Chunk(frames=81, device_s=0.98 * total_s, host_s=0.99 * total_s)],
        frames_sha256="a" * 64,
    )


def measured(*totals_s: float, video: str | None = None, peak_bytes: int | None = 24 * 2**30) -> Measurement:
    """Give what an attempt with a round for each of `totals_s` measured."""
    return Measurement(
        rounds=[a_round(total_s) for total_s in totals_s],
        first_call=None,
        load_s=12.5,
        mp4_encode_s=None,
        prompt_to_mp4_s=None,
        memory=Memory(
            peak_allocated_bytes=peak_bytes,
            peak_reserved_bytes=None,
            peak_device_bytes=None,
            phases_peak_allocated_bytes={},
        ),
        facts=Facts(
            scheduler_class="FlowMatch",
            timesteps=[1000.0, 757.0, 522.0],
            sigmas=[1.0, 0.757, 0.522],
            forwards=27,
            prompt_tokens=9,
            prompt_truncated=False,
            attention_resolved="native_cudnn",
            dtypes={"transformer": "bfloat16"},
            parameters={"transformer": 1_418_996_800},
        ),
        deterministic=True,
        width=832,
        height=480,
        frames=81,
        video=video,
        metrics=[],
        devices=[Device(kind="cuda", index=0, name="NVIDIA H200", uuid="GPU-0", memory_bytes=150 * 10**9)],
        ranks=[Rank(rank=0, host="bench", pid=1, device=0)],
        reasons={} if peak_bytes is not None else {"peak_allocated_bytes": "a CPU has no device memory"},
    )


def work_of(dtype: str = "bfloat16") -> dict[str, PhaseWork]:
    """Give work that `ceilings_of` makes easy sums of: 1 s of denoising, 0.5 s of decoding."""
    denoise = {"matmul": 400e12, "attention": 250e12}
    return {
        "denoise": PhaseWork(dtype="bfloat16", flop=denoise, least_bytes=1e12),
        "decode": PhaseWork(dtype=dtype, flop={"convolution": 100e12}, least_bytes=2e12),
    }


def ceilings_of(uuid: str = "GPU-0") -> Ceilings:
    """Give 800 TFLOP/s of matrix products, 500 of attention, 400 of convolutions, and 4 TB/s."""
    rates = {"matmul": 800e12, "attention": 500e12, "convolution": 400e12, "copy": 4e12}
    return Ceilings(
        gpu="NVIDIA H200",
        uuid=uuid,
        driver="580.1",
        torch="2.13.0",
        cuda="13.0",
        cudnn="9.19",
        measured_at="2026-11-22T11:00:00+00:00",
        ceilings=[
            Ceiling(
                operation=operation,  # type: ignore[arg-type] # keys of the mapping above
                dtype="bfloat16",
                shape="large",
                backend="",
                work=rate,
                calls_s=[1.1, 1.0, 0.9],
            )
            for operation, rate in rates.items()
        ],
    )


def case_of(
    plan: PlannedCase, *totals_s: float, status: Status = "passed", reason: str = "", video: str | None = None
) -> CaseRecord:
    """Give the outcome of `plan`: without `totals_s` it has no measurement."""
    measurement = measured(*totals_s, video=video) if totals_s else None
    return CaseRecord(id=plan.id, status=status, reason=reason, plan=plan, measurement=measurement, attempts=[])


def over_budget(case: CaseRecord) -> CaseRecord:
    """Give the case as one that failed by a budget of 1 s and nothing else."""
    budget = Budget(quantity="prompt_to_host_s", limit=1.0, phase=None, gpu=None, source="a suite")
    over = JudgedBudget(budget=budget, actual=4.0, verdict="over", explanation="over")
    measurement = case.measurement and msgspec.structs.replace(case.measurement, budgets=[over])
    return msgspec.structs.replace(case, status="failed", reason="over budget", measurement=measurement)


def run_of(*cases: CaseRecord, banners: tuple[str, ...] = ()) -> Run:
    """Give a run of these outcomes."""
    plan = plan_of(*(case.plan for case in cases), banners=banners)
    kept = {name: getattr(plan, name) for name in Plan.__struct_fields__ if name != "cases"}
    return Run(
        **kept, finished_at="2026-11-22T12:30:00+00:00", durations={"sampling_s": "Denoising."}, cases=list(cases)
    )


def plan_of(*cases: PlannedCase, banners: tuple[str, ...] = ()) -> Plan:
    """Give a plan of these cases."""
    return Plan(
        schema_version=SCHEMA_VERSION,
        run_id="20261122-120000-quick",
        suite="quick",
        suite_description="A first answer in under ten minutes.",
        command="pytest benchmarks/",
        created_at="2026-11-22T12:00:00+00:00",
        banners=list(banners),
        environment=Environment(
            python="3.11.9",
            platform="Linux-6.1-x86_64",
            host="bench",
            cpu="A CPU",
            cpu_count=16,
            memory_bytes=128 * 2**30,
            packages={"torch": "2.13.0"},
            cuda="13.0",
            cudnn="9.19",
            driver="580.1",
            gpus=[{"name": "NVIDIA H200", "uuid": "GPU-0"}],
            settings={"allow_tf32": False},
            git_commit="0123456789abcdef",
            git_dirty=False,
        ),
        cases=list(cases),
    )


def started(case: str, attempt: int = 1, worker: str = "main") -> Started:
    """Give the line of a start, `attempt` minutes after noon."""
    return Started(case=case, attempt=attempt, worker=worker, at=f"2026-11-22T12:{attempt:02d}:00+00:00")


def finished(
    case: str, status: Status = "passed", attempt: int = 1, worker: str = "main", measurement: Measurement | None = None
) -> Finished:
    """Give the line of an end, half a minute after its start."""
    return Finished(
        case=case,
        attempt=attempt,
        worker=worker,
        started_at=started(case, attempt).at,
        at=f"2026-11-22T12:{attempt:02d}:30+00:00",
        status=status,
        reason="" if status == "passed" else f"it was {status}",
        measurement=measurement,
    )


def write_run(folder: Path, plan: Plan, *entries: Started | Finished) -> Path:
    """Write plan and journal into `folder` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json_atomically(folder / "plan.json", plan)
    for entry in entries:
        append_line(folder / "journal" / f"{entry.worker}.jsonl", entry)
    return folder


def replaced(case: CaseRecord, **changes: object) -> CaseRecord:
    """Return the case with fields of its plan's recipe or request, or of the plan itself, changed."""
    plan = case.plan
    for name, value in changes.items():
        part = next((p for p in ("recipe", "request") if hasattr(getattr(plan, p), name) and name != "seed"), None)
        inner = msgspec.structs.replace(getattr(plan, part), **{name: value}) if part else value
        plan = msgspec.structs.replace(plan, **{part or name: inner})
    return msgspec.structs.replace(case, plan=plan)


def state_of(
    event_shares: dict[str, float] | None = None,
    others: list[GpuProcess] | None = None,
    used_before_bytes: int | None = 0,
    energy: Energy | None = None,
) -> DeviceState:
    """Give a GPU's state during 4 s of rounds: 612.4 W, 45 to 61 °C."""
    return DeviceState(
        period_s=0.02,
        samples=200,
        longest_gap_s=0.025,
        mean_power_w=612.4,
        sm_clock_median_mhz=1980.0,
        sm_clock_min_mhz=1755,
        temperature_before_c=45,
        temperature_after_c=61,
        event_shares=event_shares,
        used_before_bytes=used_before_bytes,
        other_processes_before=[],
        other_processes=others,
        energy=energy,
    )


def energy_of(verdict: Literal["agrees", "disagrees", "not cross-checked"] = "agrees") -> Energy:
    """Give the joules of four clips of 81 frames."""
    return Energy(
        source="repeated",
        windows_s=[17.2],
        videos=4,
        frames=324,
        counter_j=10_530.0,
        integrated_j=10_480.0,
        cross_check=verdict,
    )


def spread_of_initialisations() -> ModelSpread:
    """Give CausVid's times, 4 to 4.08 s, and power, 500 to 400 W, with three initialisations."""
    measured = {"normal 0.02": (4.0, 400.0, 1980.0), "fan-in": (4.04, 500.0, 1800.0), "zeros": (4.08, 450.0, 1890.0)}
    return ModelSpread(
        model="causvid-1.3b",
        width=832,
        height=480,
        frames=81,
        steps=3,
        attention="native_cudnn",
        dtype="bfloat16",
        device="NVIDIA H100 80GB HBM3",
        driver="580",
        cuda="13.0",
        packages={"torch": "2.11.0"},
        python="3.12.3",
        git_commit="0123456" + "0" * 33,
        git_dirty=False,
        measured_at="2026-11-23T00:00:00+00:00",
        initialisations=[
            Initialisation(
                name=name,
                rounds_s=[time_s - 0.01, time_s, time_s + 0.02],
                step_s=0.6,
                power_w=power_w,
                sm_clock_mhz=clock_mhz,
            )
            for name, (time_s, power_w, clock_mhz) in measured.items()
        ],
    )
