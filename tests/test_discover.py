"""Models are found by looking in a folder; a file that is no model is an error naming it."""

import subprocess
import sys
from pathlib import Path

import pytest

from models import discover as discover_module
from models.discover import ModelFileError, discover
from models.spec import Recipe, Request, RequestError
from tests.recording_probe import RecordingProbe

EXAMPLES = Path(__file__).parent / "examples" / "ltx_models"


def test_every_file_of_the_folder_is_found() -> None:
    """One model a file: as many models as files that are not the suite's own."""
    files = {path.stem for path in discover_module.HERE.glob("*.py")} - discover_module.SUPPORT
    models = discover()
    assert len(models) == len(files)
    assert {"wan2.1-t2v-1.3b", "wan2.1-t2v-14b", "wan2.1-t2v-tiny"} <= set(models)
    assert all(name == model.id for name, model in models.items())


def test_models_outside_the_tree_come_on_top() -> None:
    """A folder of one's own adds models and takes none away."""
    assert set(discover(EXAMPLES)) == {*discover(), "ltx-tiny"}


def test_dataclass_in_a_file_outside_the_tree_works(tmp_path: Path) -> None:
    """Dataclasses look up the module they are written in."""
    text = (EXAMPLES / "ltx_video.py").read_text()
    extra = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass Box:\n    size: int\n"
    )
    (tmp_path / "with_dataclass.py").write_text(extra + text.replace('"""', "#", 1).replace('"""', "", 1))
    assert "ltx-tiny" in discover(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "broken.py: a model file must hold a constant MODEL of type ModelSpec; found NoneType"),
        ("MODEL = 'wan'\n", "broken.py: a model file must hold a constant MODEL of type ModelSpec; found str"),
        (
            "import no_such_module\n",
            "broken.py: this model file fails to import: ModuleNotFoundError: .*no_such_module",
        ),
        ("def :\n", "broken.py: this model file fails to import: SyntaxError"),
        ("1 / 0\n", "broken.py: this model file fails to import: ZeroDivisionError"),
    ],
)
def test_file_that_is_no_model_is_named(tmp_path: Path, text: str, message: str) -> None:
    """A model that silently is not measured would be worse than none."""
    (tmp_path / "broken.py").write_text(text)
    with pytest.raises(ModelFileError, match=message):
        discover(tmp_path)


def test_id_that_is_taken_names_both_files(tmp_path: Path) -> None:
    """Two models of one name would be one in every table."""
    (tmp_path / "mine.py").write_text("from models.wan21_t2v_tiny import MODEL\n")
    with pytest.raises(ModelFileError, match=r"mine\.py: .*'wan2\.1-t2v-tiny' is already that of .*wan21_t2v_tiny\.py"):
        discover(tmp_path)


def test_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """A typing error in an option must not end in the built-in models alone."""
    with pytest.raises(ModelFileError, match="nowhere: no such folder"):
        discover(tmp_path / "nowhere")


def test_finding_models_imports_no_heavy_library() -> None:
    """Cases are listed on machines without torch, and in a second."""
    code = (
        "import sys; from pathlib import Path; from models.discover import discover;"
        f" discover(Path({str(EXAMPLES)!r}));"
        " print(*{'torch', 'diffusers', 'transformers', 'numpy'} & set(sys.modules))"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_example_outside_the_tree_generates_in_sixty_lines() -> None:
    """LTX-Video is another family with other rules; a model of one's own is one short file."""
    import torch

    assert len((EXAMPLES / "ltx_video.py").read_text().splitlines()) <= 60
    model = discover(EXAMPLES)["ltx-tiny"]
    pipeline = model.load(
        Recipe(
            model=model.id,
            weights="tiny",
            device="cpu",
            transformer_dtype="float32",
            text_encoder_dtype="float32",
            vae_dtype="float32",
            attention="native",
        )
    )

    def clip(seed: int, frames: int = 17) -> torch.Tensor:
        request = Request(
            prompt="two dogs",
            width=64,
            height=64,
            frames=frames,
            fps=24.0,
            steps=2,
            guidance_scale=3.0,
            shift=1.0,
            seed=seed,
        )
        model.check(request)
        probe = RecordingProbe()
        (frames_BTCHW,) = pipeline.generate(request, pipeline.draw_noise(request), probe)
        steps = ["denoise begins", "step 1/2", "step 2/2", "denoise ends"]
        assert probe.events == [*steps, "decode begins", "decode ends"]
        assert all(values.isfinite().all() for values in probe.finite.values())
        assert list(probe.finite) == ["latents", "frames"]
        assert pipeline.facts(request).forwards == 2
        return frames_BTCHW

    frames_BTCHW = clip(0)
    assert frames_BTCHW.shape == (1, 17, 3, 64, 64)
    assert frames_BTCHW.dtype == torch.uint8
    assert torch.equal(clip(0), frames_BTCHW)
    assert not torch.equal(clip(1), frames_BTCHW)
    with pytest.raises(RequestError, match="8k"):
        clip(0, frames=16)
