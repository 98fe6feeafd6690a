"""Which weights and which device a run takes, and the banners that say so."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fixtures.choice import RANDOM, SHARED, banners, choose_cases, weights_sources
from fixtures.device.gpu import Gpu, GpuState
from fixtures.options import Options
from fixtures.suite import SuiteError
from models.discover import discover
from models.spec import ModelSpec, needed_weights
from reports.measured import MetricValue
from reports.random_weights import keep_random_weights
from tests.reports_samples import finished, measured, plan_of, planned, spread_of_initialisations, write_run

GPU = GpuState(gpus=(Gpu(index=0, uuid="GPU-a", name="NVIDIA H100", memory_bytes=None, driver="580"),))
SPECS = discover()
BIG = [SPECS["causvid-1.3b"], SPECS["wan2.1-t2v-1.3b"]]
TOY = SPECS["causvid-tiny"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty cache of weights."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of a published spread over initialisations, where there is none yet."""
    monkeypatch.setattr("fixtures.choice.PUBLISHED", tmp_path / "random-weights.json")
    return tmp_path / "random-weights.json"


def store(cache: Path, specs: list[ModelSpec]) -> None:
    """Put every file of the models' weights into the cache, empty."""
    parts = ("config.json", "model.safetensors", "tokenizer_config.json", "tokenizer.json")
    for file in (file for spec in specs for file in spec.weights):
        folder = cache / f"models--{file.repository.replace('/', '--')}"
        snapshot = folder / "snapshots" / (file.revision or "c0")
        snapshot.mkdir(parents=True, exist_ok=True)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(snapshot.name)
        for name in parts if file.path.endswith("/") else ("",):
            target = snapshot / (file.path + name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(b"x")


def sources(specs: list[ModelSpec], weights: str | None = None, gpu: GpuState = GPU) -> set[str]:
    """Give the sources that are decided on."""
    return set(weights_sources(specs, Options(weights=weights), gpu, collect_only=False).values())


def test_complete_cache_is_used_and_an_incomplete_one_is_not(cache: Path) -> None:
    """One source for all: a single missing file makes every full-size model random."""
    assert sources(BIG) == {"random"}
    store(cache, BIG[:1])
    assert sources(BIG) == {"random"}
    assert sources(BIG[:1]) == {"hub"}
    store(cache, BIG)
    assert sources(BIG) == {"hub"}
    assert sources(BIG, weights="random") == {"random"}
    assert sources([*BIG, TOY]) == {"hub", "tiny"}


def test_lora_that_is_not_run_by_default_need_not_be_there() -> None:
    """Of the two versions only the published recipe's is looked for before a run; the other when it is loaded."""
    spec = SPECS["wan2.1-t2v-14b-causvid-lora"]
    with pytest.raises(SuiteError, match=r"5 not in the hub's cache: .*lora_rank32\.safetensors; fetch them"):
        weights_sources([spec], Options(weights="hub"), GPU, collect_only=False)
    assert [file.lora for file in needed_weights(spec, "v2") if file.lora] == ["v2"]


def test_unusable_gpu_is_named_where_a_gpu_is_needed() -> None:
    """A full-size model without a GPU says which problem the GPU has; a toy needs none."""
    with pytest.raises(SuiteError, match=r"causvid-1.3b needs a CUDA device, and the driver sleeps; --suite tiny"):
        sources(BIG, gpu=GpuState(problem="the driver sleeps"))
    assert sources([TOY], gpu=GpuState(problem="the driver sleeps")) == {"tiny"}


def test_model_takes_only_the_weights_it_has() -> None:
    """A model without random weights is refused under --weights random, naming what it has."""
    with pytest.raises(SuiteError, match=r"--weights random: causvid-1.3b has none; known for it: hub$"):
        sources([replace(BIG[0], weights_sources=("hub",))], weights="random")


def test_banners_say_what_the_numbers_are_worth() -> None:
    """Random weights and a licence that forbids commerce are said; real weights and free ones are not."""
    assert RANDOM.endswith("and so is time but for what their values do to power and clock; the clips are noise.")
    assert banners([planned()]) == (
        RANDOM,
        "RANDOM WEIGHTS: how much the initialisation changes the time has not been measured.",
        "NON-COMMERCIAL licence: causvid-1.3b (CC BY-NC-SA 4.0).",
    )
    free = planned(model="wan2.1-t2v-1.3b")
    assert [line.split(":")[0] for line in banners([free])] == ["RANDOM WEIGHTS"] * 2


def test_published_spread_over_initialisations_accompanies_random_weights(published: Path) -> None:
    """What was measured of a model of the run is quoted; a broken file is told and stops nothing."""
    keep_random_weights(spread_of_initialisations(), published)
    assert banners([planned()])[1] == (
        "RANDOM WEIGHTS: three initialisations of causvid-1.3b differed by 2.0 % in time (normal 0.02 least), 25.0 % "
        "in power (normal 0.02 least) (3 steps, NVIDIA H100 80GB HBM3, commit 0123456)."
    )
    on_hub = msgspec.structs.replace(planned(), recipe=msgspec.structs.replace(planned().recipe, weights="hub"))
    assert not any("initialisation" in line for line in banners([on_hub]))
    published.write_text('{"models": 1}')
    assert f"cannot be told, {published} is not readable: Expected `array`" in banners([planned()])[1]


def test_allowed_sharing_is_a_banner_on_a_gpu_only() -> None:
    """Whoever reads the numbers must know that the GPU need not have been theirs alone."""
    assert banners([planned()], allow_shared_gpu=True)[2].startswith("SHARED GPU allowed: ")
    on_cpu = msgspec.structs.replace(planned(), recipe=msgspec.structs.replace(planned().recipe, device="cpu"))
    assert banners([on_cpu], allow_shared_gpu=True) == banners([on_cpu])


def test_resume_without_the_metrics_of_before_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later cases of a run must not be judged by fewer metrics than its earlier ones."""
    value = MetricValue(id="brightness", value=1.0, unit="levels", better="neither")
    measurement = msgspec.structs.replace(measured(4.0), metrics=[value])
    case, left = planned(), planned(seed=1)
    folder = write_run(tmp_path / "run", plan_of(case, left), finished(case.id, measurement=measurement))
    monkeypatch.setattr("fixtures.choice.gpu_state", lambda: GPU)
    monkeypatch.setattr("fixtures.choice.missing_weights", lambda _files: [])
    with pytest.raises(SuiteError, match=r"--resume: the run measured brightness, .*give the same --metric files"):
        choose_cases(Options(resume=str(folder)), collect_only=False)


def test_resume_tells_of_sharing_that_its_plan_did_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The banner joins the plan's own once; a price for the GPU is no selection."""
    folder = write_run(tmp_path / "run", plan_of(planned(), banners=("AS PLANNED",)))
    monkeypatch.setattr("fixtures.choice.gpu_state", lambda: GPU)
    monkeypatch.setattr("fixtures.choice.missing_weights", lambda _files: [])
    resumed = Options(resume=str(folder), gpu_hour_price=2.4)
    assert choose_cases(resumed, collect_only=False).banners == ("AS PLANNED",)
    shared = choose_cases(replace(resumed, allow_shared_gpu=True), collect_only=False)
    assert shared.banners == ("AS PLANNED", SHARED)
    again = write_run(tmp_path / "again", plan_of(planned(), banners=shared.banners))
    options = Options(resume=str(again), allow_shared_gpu=True)
    assert choose_cases(options, collect_only=False).banners == shared.banners
