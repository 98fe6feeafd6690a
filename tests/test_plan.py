"""Which cases a session runs: selection as pytest people expect it, defaults and why, and the command to repeat one."""

import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from tests.fake_nvml import FakeGpu, fake_nvml, install
from tests.inner_session import ROOT, bench, collect, poison_torch
from tests.reports_samples import finished, plan_of, planned, started, write_run
from tests.test_bad_input import SUITE
from tests.test_suite import PROMPT

SPEED = "bench_speed.py::bench_generate"


@pytest.fixture(autouse=True)
def bare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without a GPU, without weights and without torch."""
    poison_torch(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_no_gpu_chooses_tiny_and_says_why() -> None:
    """The header names suite, reason and what the numbers are worth; the count and the time follow."""
    ended = collect("-v")
    assert "video benchmark: suite tiny (default with no GPU): toy models on a CPU" in ended.output
    assert "TOY MODELS on the CPU" in ended.output
    assert "19 cases, 5 recipes, at least 2" in ended.output
    assert "NON-COMMERCIAL" not in ended.output
    assert len(ended.cases) == 19


def test_gpu_chooses_quick_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a GPU the student meets its teacher at full size, with random weights where none are in the cache."""
    install(monkeypatch, fake_nvml([FakeGpu(name="NVIDIA H100")]))
    ended = collect("-v")
    assert "video benchmark: suite quick (default with NVIDIA H100): CausVid 1.3B against Wan 2.1 1.3B" in ended.output
    assert "RANDOM WEIGHTS: work and memory are those of the published weights" in ended.output
    assert "NON-COMMERCIAL licence: causvid-1.3b (CC" in ended.output
    assert [case.model.id for case in ended.cases] == ["causvid-1.3b", "wan2.1-t2v-1.3b"]
    assert "2 tests collected" in ended.output


def test_price_of_a_gpu_hour_is_told_to_be_idle_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on a CPU alone has no cost a video, whatever a GPU-hour costs; a case on a GPU has one."""
    idle = "--gpu-hour-price has no effect"
    assert idle in collect("-v", "--gpu-hour-price", "2.4").output
    assert idle not in collect("-v").output
    install(monkeypatch, fake_nvml([FakeGpu(name="NVIDIA H100")]))
    assert idle not in collect("-v", "--gpu-hour-price", "2.4").output
    assert idle in collect("-v", "--suite", "tiny", "--gpu-hour-price", "2.4").output


@pytest.mark.parametrize("visible", ["", "-1", "NoDevFiles"])
def test_hidden_gpu_chooses_tiny(monkeypatch: pytest.MonkeyPatch, visible: str) -> None:
    """Hiding the GPU is the way to ask for the toy run."""
    install(monkeypatch, fake_nvml([FakeGpu()]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert {case.recipe.weights for case in collect().cases} == {"tiny"}


def test_toy_models_run_on_the_cpu_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite tiny means the same everywhere."""
    install(monkeypatch, fake_nvml([FakeGpu()]))
    assert {case.recipe.device for case in collect("--suite", "tiny").cases} == {"cpu"}


def test_keywords_and_node_ids_select() -> None:
    """`-k` and node ids work as in any pytest suite, also in another order of words."""
    assert len(collect("-k", "wan and 96p21").cases) == 1
    node = f"{SPEED}[causvid-tiny-96p21-dogs-s0]"
    assert collect(target=f"{ROOT}/benchmarks/{node}").ids == [node]
    assert {case.scenario for case in collect(target=f"{ROOT}/benchmarks/bench_quality.py").cases} == {"quality"}
    assert collect("-k", "nothing at all").code == pytest.ExitCode.USAGE_ERROR
    assert collect("-k", "nothing").code == pytest.ExitCode.NO_TESTS_COLLECTED


def test_options_select() -> None:
    """Options combine; a seed replaces the suite's."""
    ended = collect("--model", "wan2.1-t2v-tiny", "--setting", "64p9", "--prompt", "sailboat", "--seed", "3,4")
    assert [case.id.split("[")[1] for case in ended.cases if case.scenario == "quality"] == [
        "wan2.1-t2v-tiny-64p9-sailboat-s3]",
        "wan2.1-t2v-tiny-64p9-sailboat-s4]",
    ]
    assert len(ended.cases) == 4


def test_rounds_are_the_scenarios_unless_said() -> None:
    """Speed has three and takes more; what is judged is made once, cold; the audit has six pairs; a toy starts once."""
    once = {"quality": (1, False), "parity": (1, False)}
    by_default = {case.scenario: (case.rounds, case.warmup) for case in collect().cases}
    assert by_default == {"speed": (3, True), "audit": (12, True), "cold_start": (1, False), **once}
    asked = {case.scenario: case.rounds for case in collect("--rounds", "5").cases}
    assert asked == {"speed": 5, "audit": 5, "quality": 1, "cold_start": 5, "parity": 1}
    assert len(collect("--rounds", "2", "-k", "quality").cases) == 9


def test_cases_are_ordered_so_that_a_recipe_is_loaded_once() -> None:
    """Over all scenarios the recipes come one after the other, and speed warms a shape up before quality uses it."""
    swept = collect("--set", "attention=native,native_math").cases
    cases = [case for case in swept if not case.fresh_process and case.pair is None]
    recipes = [case.recipe for case in cases]
    changes = sum(before != after for before, after in pairwise(recipes))
    assert changes + 1 == len(set(recipes)) == 6
    seen = set()
    for case in cases:
        key = (case.recipe, case.request.width)
        assert case.warmup or key in seen, case.id
        seen.add(key)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--suite", "tiny"],
        ["--set", "attention=native,native_math", "--set", "vae_dtype=float32,bfloat16", "--seed", "5,6"],
        ["--prompts", "my prompts.txt", "--rounds", "4"],
        ["--suite", "own.toml", "--model", "causvid-tiny"],
        ["--suite", "paper", "--prompt", "potter"],
        ["--suite", "paper", "--weights", "hub", "-k", "published"],
    ],
    ids=["matched", "swept", "own-prompts", "own-suite", "prompt", "published"],
)
def test_reproducing_command_selects_exactly_its_case(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Typed at the repository's root, a case's own command gives the same case again and nothing else."""
    Path("my prompts.txt").write_text("A kite.\nA boat's sail.\n")
    text = (ROOT / "benchmarks/suites/tiny.toml").read_text()
    Path("own.toml").write_text(text.replace("[matched]", 'prompts = "p.toml"\n[matched]').replace('"dogs"', '"mine"'))
    Path("p.toml").write_text(PROMPT + "".join(PROMPT.replace("mine", name) for name in ("campfire", "sailboat")))
    cases = collect(*arguments).cases
    assert len(cases) > 1
    monkeypatch.chdir(ROOT)
    for case in (cases[0], cases[-1]):
        program, target, *options = shlex.split(case.reproduce)
        assert program == "pytest"
        assert collect(*options, target=target).cases == (case,)


def test_prompt_text_stays_out_of_ids(tmp_path: Path) -> None:
    """Whatever a prompt holds, its case's id is ASCII and fit for a file's name, and its text is kept."""
    texts = ["<script>alert(1)</script>", "../../etc/passwd", "犬が走る", "كلب يركض", "x" * 100_000, "a 'b' \"c\" $d"]
    Path("odd.txt").write_text("\n".join(texts))
    cases = collect("--prompts", "odd.txt", "--model", "causvid-tiny", "-k", "quality").cases
    assert [case.prompt.text for case in cases] == texts
    assert [case.request.prompt for case in cases] == texts
    assert all(case.id.isascii() and not set(case.id) & set("/\\<> ") for case in cases)


def test_resumed_run_leaves_out_what_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished cases are not repeated, nor one that crashed twice; what crashed once or was interrupted is."""
    install(monkeypatch, fake_nvml([FakeGpu()]))
    cases = [planned(seed=seed) for seed in range(6)]
    journal = [finished(cases[0].id), finished(cases[1].id, "failed"), finished(cases[2].id, "not_run")]
    crashes = [started(cases[3].id), started(cases[4].id), started(cases[4].id, attempt=2)]
    write_run(tmp_path / "run", plan_of(*cases), *journal, *crashes)
    assert sorted(case.seed for case in collect("--resume", "run").cases) == [2, 3, 5]
    assert collect("--resume", "run").cases[0] in cases


def test_resumed_run_with_nothing_left_says_so(tmp_path: Path) -> None:
    """A finished run needs no GPU to be resumed, loads nothing and ends as a success; an unfinished one needs it."""
    case = planned()
    write_run(tmp_path / "run", plan_of(case), finished(case.id))
    ended = bench("--resume", "run")
    assert ended.code == 0, ended.output
    assert "nothing is left to do" in ended.output
    write_run(tmp_path / "two", plan_of(case, planned(seed=1)), finished(case.id))
    assert "causvid-1.3b needs a CUDA device" in bench("--resume", "two").output


def test_sweep_that_no_case_takes_is_refused(tmp_path: Path) -> None:
    """Published cases keep their recipe, so a sweep over nothing else would be ignored without a word."""
    suite = tmp_path / "published.toml"
    suite.write_text(SUITE.replace("[[cases]]", '[[cases]]\ntrack = "published"'), encoding="utf-8")
    ended = collect("--suite", suite, "--set", "attention=native_flash")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert "every case is of the published track or compared with a baseline, and keeps its recipe" in ended.output


def test_prompt_option_keeps_a_timed_scenario_to_one_prompt() -> None:
    """Time does not depend on the prompt: of several wanted ones a scenario that lists one takes the first."""
    ended = collect("--prompt", "campfire,sailboat", "--setting", "64p9", "--model", "causvid-tiny")
    by_scenario = {(case.scenario, case.prompt.id) for case in ended.cases}
    assert {prompt for scenario, prompt in by_scenario if scenario != "quality"} == {"campfire"}
    assert {prompt for scenario, prompt in by_scenario if scenario == "quality"} == {"campfire", "sailboat"}


def test_reproduce_command_needs_no_other_models_weights() -> None:
    """A case's command names its model, so that another model's missing weights cannot refuse it."""
    ended = collect("--model", "wan2.1-t2v-tiny")
    assert all("--model wan2.1-t2v-tiny" in case.reproduce for case in ended.cases)
    assert ended.cases
