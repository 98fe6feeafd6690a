"""Bad input ends the session with exit code 4 and one sentence, before torch could be imported."""

import sys
from pathlib import Path

import pytest

from models.discover import discover
from tests.fake_nvml import FakeGpu, fake_nvml, install
from tests.inner_session import ROOT, bench, collect, poison_torch
from tests.reports_samples import plan_of, planned, write_run

SUITE = """
description = "one toy case"

[matched]
transformer_dtype = "float32"
text_encoder_dtype = "float32"
vae_dtype = "float32"
attention = "native_math"

[settings.small]
width = 64
height = 64
frames = 9

[[cases]]
scenario = "speed"
models = ["causvid-tiny"]
settings = ["small"]
prompts = ["dogs"]
seeds = [0]
"""


@pytest.fixture(autouse=True)
def bare_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without a GPU, without weights and without torch."""
    poison_torch(monkeypatch)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments: object) -> str:
    """Run the session, see it refused with one ERROR line, and give that line."""
    ended = bench(*arguments)
    assert ended.code == pytest.ExitCode.USAGE_ERROR, ended.output
    errors = [line for line in ended.output.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1, ended.output
    assert "Traceback" not in ended.output
    return errors[0]


def test_without_the_module_that_asks_for_gpus_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether there is a GPU cannot be told: no toy run instead, and no traceback."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert "install the package nvidia-ml-py" in refused("--suite", "tiny", "--collect-only")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--suite", "nix"],
            "suite 'nix': no such suite or file; known suites: paper, paper-14b, quick, settings, smoke, tiny",
        ),
        (["--suite", "../prompts/suite"], "no such suite or file"),
        (["--model", "nix"], "suite tiny: unknown model 'nix'; known: causvid-tiny, causvid-tiny-bidirectional, wan2"),
        (["--prompt", "nix"], "unknown prompt 'nix'; known: dogs, "),
        (["--setting", "nix"], "unknown setting 'nix'; known: 64p9, 96p21"),
        (["--suite", "quik"], "settings, smoke, tiny; nearest: `quick`"),
        (["--model", "causvid-tny"], "causvid-tiny-bidirectional, wan2.1-t2v-tiny; nearest: `causvid-tiny`"),
        (["--prompt", "dog,sailbot"], "; nearest: `dogs`, `sailboat`"),
        (["--setting", "64p"], "; nearest: `64p9`"),
        (["--setting", ","], "--setting ',': no value"),
        (["--set", "speed=1"], "--set speed=1: unknown field 'speed'; known: width, height, frames"),
        (["--set", "vae_dtype=int4"], "--set vae_dtype=int4: Invalid enum value 'int4' - at `$.vae_dtype`"),
        (["--set", "frames=many"], "--set frames=many: Expected `int | null`, got `str` - at `$.frames`"),
        (["--set", "fps=inf"], "Expected `float` <= 240.0 - at `$.fps`"),
        (["--set", "fps=1e12"], "Expected `float` <= 240.0 - at `$.fps`"),
        (["--resume", ""], "--resume '': is empty"),
        (["--suite", ""], "--suite '': is empty"),
        (["--set", "fps=nan"], "Expected `float` >= 1.0 - at `$.fps`"),
        (["--set", "attention=magic"], "`attention` 'magic' is unknown; known: flash, flash_3"),
        (
            ["--set", "decode=late"],
            "--set decode=late: Invalid enum value 'late' - at `$.decode`; known: streamed, whole",
        ),
        (
            ["--set", "numerics=reference"],
            "causvid-tiny-bidirectional: numerics is 'reference', but the model supports diffusers",
        ),
        (
            ["--model", "wan2.1-t2v-tiny", "--set", "weights_dtype=float8", "--set", "compile=transformer"],
            "wan2.1-t2v-tiny: weights_dtype float8 cannot be compiled, but compile is 'transformer'",
        ),
        (
            ["--set", "compile=decoder"],
            "Invalid enum value 'decoder' - at `$.compile`; known: none, transformer, all",
        ),
        (["--set", "negative_prompt=a b"], "holds other than letters"),
        (["--set", "negative_prompt=" + "a" * 200], "characters, limit 200"),
        (["--set", "vae_dtype"], "--set vae_dtype: no value; write vae_dtype=VALUE"),
        (["--set", "vae_dtype=,"], "--set vae_dtype=,: no value"),
        (
            ["--set", "width=72"],
            "`$.settings.64p9` with --set width=72 with causvid-tiny: causvid-tiny: width is 72, but must be",
        ),
        (["--set", "start_clip=nix.mp4", "--setting", "96p21"], "nix.mp4: no such file"),
        (["--seed", "x"], "--seed x: not a whole number"),
        (["--seed", "-1"], "--seed -1: out of range; the least is 0"),
        (["--seed", str(2**62 + 1)], "out of range"),
        (["--rounds", "0"], "--rounds 0: out of range; the least is 1"),
        (["--rounds", "2"], "2 rounds are fewer than the 3 that bench_speed.py needs; give --rounds 3 or more"),
        (["--case-timeout", "-3"], "--case-timeout -3.0: out of range"),
        (["--case-timeout", "nan"], "--case-timeout nan: out of range"),
        (["--weights", "bogus"], "--weights bogus: unknown source; known: hub, random"),
        (
            ["--weights", "random"],
            "--weights random: causvid-tiny, causvid-tiny-bidirectional, wan2.1-t2v-tiny have toy",
        ),
        (["--suite", "quick"], "causvid-1.3b needs a CUDA device, and none is visible; --suite tiny runs on a CPU"),
        (
            ["--model", "causvid-tiny", "--suite", "paper"],
            "suite paper does not run causvid-tiny, another --suite may: unknown model 'causvid-tiny'; known: causvid",
        ),
        (["-n", "2"], "-n on benchmarks/: pytest-benchmark measures nothing under pytest-xdist"),
        (["--tx", "2*popen", "--dist", "load"], "--tx on benchmarks/: pytest-benchmark measures nothing"),
        (["-d"], "--dist on benchmarks/: pytest-benchmark measures nothing under pytest-xdist"),
        (["-p", "no:benchmark"], "benchmarks/ needs the plugin pytest-benchmark"),
        (["--benchmark-disable"], "--benchmark-disable on benchmarks/: it makes one call and keeps no statistics"),
        (["--metric", "nowhere.py"], "nowhere.py: no such file; name a Python file that holds a METRIC"),
        (["--resume", "nowhere"], "nowhere/plan.json: cannot be read (No such file or directory)"),
        (["--prompts", "nowhere.txt"], "nowhere.txt: cannot be read (No such file or directory)"),
        (["--models-dir", "nowhere"], "nowhere: no such folder of model files"),
        (["--list-models", "--models-dir", "nowhere"], "nowhere: no such folder of model files"),
        (["--benchmark-json", "/proc/nowhere/out.json"], "folder /proc/nowhere: not writable"),
        (["--benchmark-json", "."], "--benchmark-json .: is a folder; name a file"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_option_is_refused_in_one_sentence(arguments: list[str], said: str) -> None:
    """An option that cannot work names itself, its value and the known ones or the limit."""
    assert said in refused(*arguments)


@pytest.mark.parametrize("option", ["--rounds", "--case-timeout"])
def test_option_that_is_no_number_is_refused(option: str) -> None:
    """Argparse's own refusal has exit code 4 too."""
    ended = bench(option, "x")
    assert ended.code == pytest.ExitCode.USAGE_ERROR
    assert f"argument {option}: invalid" in ended.output


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[matched]", "[matched", "not readable as TOML: Expected ']' at the end of a table declaration (at line 4"),
        ("[settings.small]", "[settings.small]\n[settings.small]", "Cannot declare ('settings', 'small') twice"),
        ("one toy case", "\udcff", "not readable as TOML: 'utf-8' codec can't decode byte 0xff"),
        ("width", "wdth", "Object contains unknown field `wdth` - at `$.settings.small`"),
        ('attention = "n', 'speed = "n', "Object contains unknown field `speed` - at `$.matched`"),
        ("frames = 9", 'frames = "9"', "Expected `int | null`, got `str` - at `$.settings.small.frames`"),
        ("frames = 9", "frames = 0", "Expected `int` >= 1 - at `$.settings.small.frames`"),
        ("width = 64", "width = -64", "Expected `int` >= 1 - at `$.settings.small.width`"),
        ("width = 64", "width = 72", "`$.settings.small` with causvid-tiny: causvid-tiny: width is 72, but must be a"),
        ("frames = 9", "frames = 11", "causvid-tiny: frames is 11, but must be whole blocks of"),
        ("frames = 9", "frames = 13", "causvid-tiny: frames is 13, but must be whole blocks of"),
        ('"float32"', '"int4"', "Invalid enum value 'int4' - at `$.matched.transformer_dtype`"),
        ('"native_math"', '"magic"', "`attention` 'magic' is unknown"),
        ("seeds = [0]", "seeds = [0, 0]", "`seeds` lists 0 twice - at `$.cases[0]`"),
        ('["dogs"]', '["dogs", "dogs"]', "`prompts` lists dogs twice - at `$.cases[0]`"),
        ("seeds = [0]", "seeds = [-1]", "Expected `int` >= 0 - at `$.cases[0].seeds[0]`"),
        ("seeds = [0]", "seeds = []", "Expected `array` of length >= 1 - at `$.cases[0].seeds`"),
        ('"speed"', '"sped"', "unknown scenario 'sped'; known: audit, cold_start, parity, quality, speed"),
        ('["small"]', '["large"]', "`$.cases[0].settings`: unknown setting 'large'; known: small"),
        ('["dogs"]', '["cats"]', "`$.cases[0].prompts`: unknown prompt 'cats'; known: dogs, "),
        ('["causvid-tiny"]', '["nix"]', "`$.cases[0].models`: unknown model 'nix'; known: "),
        ("[[cases]]", '[[cases]]\ntrack = "fair"', "Invalid enum value 'fair' - at `$.cases[0].track`"),
        ("[[cases]]", '[[cases]]\ntrack = "published"\nrounds = 0', "Expected `int` >= 1 - at `$.cases[0].rounds`"),
        ('attention = "native_math"', "", "nothing says attention for causvid-tiny; add it to [matched]"),
        ("seeds = [0]\n", "seeds = [0]\n" + SUITE[SUITE.index("[[cases]]") :], "is listed twice; give one of the"),
        ("[matched]", 'prompts = "mine.toml"\n[matched]', "mine.toml: cannot be read"),
        (SUITE, "", "Object missing required field `description` - at `$`"),
    ],
)
def test_bad_suite_file_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    """A suite file that cannot become cases is named, and the path in it."""
    assert old in SUITE
    Path("my.toml").write_bytes(SUITE.replace(old, new, 1).encode(errors="surrogateescape"))
    message = refused("--suite", "my.toml")
    assert said in message
    assert "my.toml" in message or "mine.toml" in message


def test_frames_that_are_not_4k_plus_1_are_refused() -> None:
    """Wan names its own rule."""
    Path("my.toml").write_text(SUITE.replace("causvid-tiny", "wan2.1-t2v-tiny").replace("frames = 9", "frames = 10"))
    assert "`$.settings.small` with wan2.1-t2v-tiny: wan2.1-t2v-tiny: frames is 10, but must be 4k + 1" in refused(
        "--suite", "my.toml"
    )


def test_published_case_with_a_fixed_recipe_is_refused() -> None:
    """A published case runs the model's own sampling and precision, so a setting may fix its size only."""
    for field in ("steps = 3", 'vae_dtype = "float32"'):
        text = SUITE.replace("frames = 9", f"frames = 9\n{field}").replace(
            "[[cases]]", '[[cases]]\ntrack = "published"'
        )
        Path("my.toml").write_text(text)
        assert f"setting 'small' fixes {field.split()[0]}, but a published case" in refused("--suite", "my.toml")


def test_selection_without_a_case_is_refused() -> None:
    """Models and settings that the suite never combines leave nothing to run, and that is said."""
    second = SUITE[SUITE.index("[[cases]]") :].replace("causvid-tiny", "wan2.1-t2v-tiny").replace("small", "other")
    Path("my.toml").write_text(SUITE.replace("[[cases]]", "[settings.other]\n\n[[cases]]") + second)
    message = refused("--suite", "my.toml", "--model", "wan2.1-t2v-tiny", "--setting", "small")
    assert "suite my: the selection leaves no case" in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p.txt", b"", "p.txt: holds no prompts"),
        ("p.txt", b"a\0b\n", "holds NUL (U+0000) at line 1, character 2"),
        ("p.txt", b"\xff\n", "p.txt: not UTF-8 at byte offset 0"),
        ("p.toml", b"[[prompts]]\nid='a'\ntext=' '\nlicence='x'\nsource='x'\n", "prompt text is empty"),
        ("p.toml", b"[[prompts]]\nid='a'\ntext='a'\nlicence='x'\nsource='x'\n" * 2, "prompt ids must be unique"),
        ("p.json", b"[{}]", "p.json: Object missing required field `prompt_en`"),
        ("p.csv", b"a", "unknown kind of prompt file '.csv'"),
    ],
)
def test_bad_prompts_file_is_refused(name: str, content: bytes, said: str) -> None:
    """A prompts file that cannot be used is named, with the place in it."""
    Path(name).write_bytes(content)
    assert said in refused("--prompts", name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1 / 0", "mine/bad.py: this model file fails to import: ZeroDivisionError: division by zero"),
        ("MODEL = 1", "mine/bad.py: a model file must hold a constant MODEL of type ModelSpec; found int"),
        ("from models.causvid_tiny import MODEL", "mine/bad.py: its model id 'causvid-tiny' is already that of"),
    ],
)
def test_bad_model_file_is_refused(content: str, said: str) -> None:
    """A person's model file that is none is an error naming it, never a model left out."""
    Path("mine").mkdir()
    Path("mine/bad.py").write_text(content)
    assert said in refused("--models-dir", "mine")


def test_missing_hub_weights_are_named_with_both_ways_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--weights hub` without the files says which, how to get them, and what does without; collecting needs none."""
    install(monkeypatch, fake_nvml([FakeGpu()]))
    message = refused("--weights", "hub")
    assert "not in the hub's cache: " in message
    assert "Wan-AI/Wan2.1-T2V-1.3B-Diffusers/vae/" in message
    assert "`python -m models.prefetch causvid-1.3b wan2.1-t2v-1.3b`" in message
    assert "--weights random" in message
    assert len(collect("--weights", "hub").ids) == 2


def test_malformed_lock_of_weights_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file that decides which revision is loaded is read before anything is."""
    install(monkeypatch, fake_nvml([FakeGpu()]))
    (tmp_path / "weights.lock").write_text("{")
    monkeypatch.setattr("models.hub.lock.PATH", tmp_path / "weights.lock")
    assert "weights.lock: " in refused("--model", "causvid-1.3b")


def test_unusable_gpu_is_refused_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that does not answer is never a silent toy run; asking for the toy run on purpose works."""
    monkeypatch.setattr("fixtures.device.gpu.DEVICE_FILE", ROOT / "conftest.py")
    install(monkeypatch, fake_nvml(init_error="LibRmVersionMismatch"))
    message = refused()
    assert "there is an NVIDIA device but it cannot be used" in message
    assert "so reboot" in message
    assert "so reboot" in refused("--suite", "quick")
    assert "so reboot" in refused("--collect-only")
    assert len(collect("--suite", "tiny").ids) == 19


def test_run_folder_that_holds_a_run_is_refused(tmp_path: Path) -> None:
    """Two runs never mix in one folder."""
    write_run(tmp_path / "old", plan_of(planned()))
    assert "old: holds a run already; go on with it by --resume" in refused("--run-dir", "old")


def test_unwritable_run_folder_is_refused() -> None:
    """A folder that cannot be made is known before anything is loaded."""
    Path("taken").write_text("a file, no folder")
    assert "taken/run: not writable" in refused("--run-dir", "taken/run")


def test_foreign_folder_is_not_resumed() -> None:
    """A folder whose plan is none of ours is refused, naming the file."""
    Path("foreign").mkdir()
    Path("foreign/plan.json").write_text('{"name": "other"}')
    assert "plan.json: not a plan of schema version" in refused("--resume", "foreign")


def test_resume_refuses_other_selection_and_missing_models(tmp_path: Path) -> None:
    """The plan decides what a resumed run does; what the plan needs must be there."""
    write_run(tmp_path / "old", plan_of(planned()))
    message = refused("--resume", "old", "--suite", "tiny", "--model", "causvid-tiny", "--prompts", "p.txt")
    assert "leave out what selects others: --suite, --model, --prompts" in message
    assert "causvid-1.3b needs a CUDA device" in refused("--resume", "old")
    write_run(tmp_path / "other", plan_of(planned(model="theirs")))
    assert (
        "--resume other (give the same --models-dir as before): unknown model 'theirs'; known: causvid-1.3b, "
        in refused("--resume", "other")
    )


def test_missing_json_folder_is_created() -> None:
    """A folder that `--benchmark-json` names is made before the run, not missed after it."""
    Path("taken").write_text("a file, no folder")
    assert "taken/run: not writable" in refused("--benchmark-json", "new/deep/out.json", "--run-dir", "taken/run")
    assert Path("new/deep").is_dir()


def test_hub_only_model_without_its_files_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that cannot have random weights is never run with them."""
    spec = discover()["wan2.1-t2v-1.3b"]
    install(monkeypatch, fake_nvml([FakeGpu()]))
    Path("mine").mkdir()
    Path("mine/m.py").write_text(
        "from dataclasses import replace\nfrom models.wan21_t2v_1_3b import MODEL\n"
        "MODEL = replace(MODEL, id='mine', weights_sources=('hub',))\n"
    )
    Path("my.toml").write_text(SUITE.replace("causvid-tiny", "mine"))
    message = refused("--models-dir", "mine", "--suite", "my.toml")
    assert "mine has none; known for it: hub; missing in the hub's cache: " in message
    assert spec.weights[0].repository in message
