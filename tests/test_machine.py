"""The record of the machine: versions without imports, switches without secrets, commit and GPU facts."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from fixtures import machine
from fixtures.device.gpu import GpuState, gpu_state
from fixtures.machine import environment, machine_info_for_benchmark, package_versions
from fixtures.run import refuse_other_environment
from models.wan.attention import usable_attention
from reports.environment import Environment, GpuUse
from tests.fake_nvml import GIB, FakeGpu, fake_nvml, install

REPOSITORY = Path(__file__).resolve().parent.parent


def make_repository(folder: Path) -> str:
    """Make a git repository with one commit and give its hash."""
    folder.mkdir()
    (folder / "file").write_text("x", encoding="utf-8")
    git = [shutil.which("git") or pytest.skip("needs git"), "-C", str(folder)]
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q"], ["add", "file"], [*identity, "commit", "-q", "-m", "m"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return head.stdout.strip()


def fake_distributions(monkeypatch: pytest.MonkeyPatch, direct_urls: dict[str, str | None]) -> None:
    def distribution(name: str) -> Any:
        if name not in direct_urls:
            raise importlib.metadata.PackageNotFoundError(name)
        return SimpleNamespace(version="1.2.3", read_text=lambda _: direct_urls[name])

    monkeypatch.setattr("importlib.metadata.distribution", distribution)


def test_environment_describes_this_machine_and_survives_json() -> None:
    """The record round-trips through JSON and its plain facts are those of the interpreter."""
    record = environment(GpuState())
    assert msgspec.json.decode(msgspec.json.encode(record), type=Environment) == record
    assert record.python == ".".join(map(str, sys.version_info[:3]))
    assert 1 <= record.cpu_count <= (os.cpu_count() or 1)
    assert record.memory_bytes > 2**28
    assert record.cpu
    assert record.packages["pytest"] == pytest.__version__


def test_describing_the_machine_imports_no_torch() -> None:
    """Versions come from package metadata, so the record can be written before anything heavy is loaded."""
    code = (
        "import sys; from fixtures.device.gpu import GpuState; from fixtures.machine import environment\n"
        "record = environment(GpuState()); assert record.cuda is None and 'torch' in record.packages\n"
        "assert not {'torch', 'diffusers', 'numpy', 'pynvml'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_gpus_and_driver_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML's facts stand in the record, and the few that pytest-benchmark lacks in its machine info."""
    install(monkeypatch, fake_nvml([FakeGpu(uuid="GPU-a"), FakeGpu(uuid="GPU-b")], driver="580.65.06"))
    record = environment(gpu_state())
    assert [gpu["uuid"] for gpu in record.gpus] == ["GPU-a", "GPU-b"]
    assert record.gpus[0]["power_limit_w"] == 700
    info = machine_info_for_benchmark(record)
    assert info["gpus"] == [{"name": "NVIDIA H200", "memory_bytes": 141 * GIB, "power_limit_w": 700.0}] * 2
    assert info["driver"] == "580.65.06"
    json.dumps(info)


def test_switches_are_recorded_and_secrets_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed variables are kept under their names; a token in the environment reaches no part of the record."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    monkeypatch.setenv("HF_TOKEN", "hf_do_not_record")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    record = environment(GpuState())
    assert record.settings["OMP_NUM_THREADS"] == "3"
    assert record.settings["PYTORCH_CUDA_ALLOC_CONF"] == "expandable_segments:True"
    assert "CUDA_VISIBLE_DEVICES" not in record.settings
    assert b"hf_do_not_record" not in msgspec.json.encode(record)


def test_torchs_switches_are_read_in_either_way_of_setting_them() -> None:
    """TF32 set through the older and the newer interface is told alike, and neither raises here."""
    import torch

    def read() -> Any:
        return environment(GpuState(), torch_module=torch).settings["torch.backends.cuda.matmul.fp32_precision"]

    before = torch.backends.cuda.matmul.fp32_precision
    try:
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        assert read() == "ieee"
        torch.backends.cuda.matmul.allow_tf32 = True
        assert read() == "tf32"
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cuda.matmul.fp32_precision = before


def test_cuda_and_cudnn_are_the_wheels() -> None:
    """Versions come from the torch module given; the CPU wheel has none."""
    import torch

    assert environment(GpuState(), torch_module=torch).cuda == torch.version.cuda
    switches = {name: getattr(torch, name) for name in ("are_deterministic_algorithms_enabled", "get_num_threads")}
    cudnn = SimpleNamespace(
        version=lambda: 91900,
        conv=SimpleNamespace(fp32_precision="tf32"),
        enabled=True,
        benchmark=False,
        deterministic=False,
    )
    fake: Any = SimpleNamespace(
        version=SimpleNamespace(cuda="13.0"),
        backends=SimpleNamespace(cuda=torch.backends.cuda, cudnn=cudnn, fp32_precision="none"),
        cuda=SimpleNamespace(get_allocator_backend=lambda: "cudaMallocAsync"),
        **switches,
    )
    record = environment(GpuState(), torch_module=fake)
    assert (record.cuda, record.cudnn) == ("13.0", "91900")
    assert record.settings["torch.cuda.get_allocator_backend"] == "cudaMallocAsync"
    assert record.settings["torch.backends.cuda.flash_sdp_enabled"] is True


def test_what_the_gpus_hold_before_the_run_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes in use and other processes; they are not part of what a resumed run has to find again."""
    gpu = FakeGpu(uuid="GPU-a", used_bytes=3 * GIB, processes=[(4321, 2 * GIB)])
    install(monkeypatch, fake_nvml([gpu]))
    record = environment(gpu_state())
    assert record.gpus_before == [
        GpuUse(
            uuid="GPU-a",
            used_bytes=3 * GIB,
            processes=[{"pid": 4321, "name": "process-4321", "used_bytes": 2 * GIB}],
        )
    ]
    gpu.used_bytes, gpu.processes = GIB, []
    refuse_other_environment(record, environment(gpu_state()))
    assert msgspec.json.decode(msgspec.json.encode(record), type=Environment) == record


def test_attention_backends_are_those_that_no_package_is_missing_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a GPU is visible they are listed; without one nobody asks, and a broken diffusers is told."""
    import torch

    install(monkeypatch, fake_nvml([FakeGpu()]))
    record = environment(gpu_state(), torch_module=torch)
    assert record.attention_backends == usable_attention()
    assert "attention_backends" not in record.reasons
    assert "GPU is visible" in environment(GpuState(), torch_module=torch).reasons["attention_backends"]

    def broken() -> list[str]:
        raise ImportError("no module named safetensors")

    monkeypatch.setattr(machine, "usable_attention", broken)
    record = environment(gpu_state(), torch_module=torch)
    assert record.attention_backends is None
    assert record.reasons["attention_backends"] == "diffusers cannot be imported: no module named safetensors"


def test_installs_from_git_and_folders_are_marked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A git install has its commit, an editable one its folder's commit or "+editable"; a missing one is left out."""
    commit = make_repository(tmp_path / "with git")
    (tmp_path / "without").mkdir()
    editable = {"dir_info": {"editable": True}}
    urls: dict[str, Any] = {
        "torch": None,
        "diffusers": {"url": "https://example.org/d.git", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}},
        "transformers": {"url": (tmp_path / "with git").as_uri(), **editable},
        "accelerate": {"url": (tmp_path / "without").as_uri(), **editable},
        "safetensors": {"url": (tmp_path / "with git").as_uri(), "dir_info": {}},
        "tokenizers": {"url": "https://example.org/t.whl", "archive_info": {}},
    }
    fake_distributions(monkeypatch, {name: json.dumps(url) if url else None for name, url in urls.items()})
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert package_versions() == {
        "torch": "1.2.3",
        "diffusers": f"1.2.3+git.{'a' * 40}",
        "transformers": f"1.2.3+git.{commit}",
        "accelerate": "1.2.3+editable",
        "safetensors": "1.2.3",
        "tokenizers": "1.2.3",
    }


def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Make the measured repository one with a single commit and this one's ignored files."""
    root = tmp_path / "repo"
    make_repository(root)
    shutil.copy(REPOSITORY / ".gitignore", root / ".git" / "info" / "exclude")
    monkeypatch.setattr(machine, "REPOSITORY", root)
    return root


def test_outputs_and_stored_baselines_are_no_dirt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A clean checkout is not dirty, nor one with new outputs, published runs or baselines, changed ones included."""
    root = repository(monkeypatch, tmp_path)
    git = [shutil.which("git") or "git", "-C", str(root)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    record = environment(GpuState())
    assert (record.git_commit, record.git_dirty) == (head, False)
    baseline = root / "reports" / "baselines" / "cpu" / "case.json"
    published = root / "reports" / "published" / "smoke" / "run.json"
    run = [root / "results" / "1" / name for name in (".lock", "run.json", "gate/.lock", "gate/base-1/run.json")]
    for output in (root / "compare.html", root / "out.json", root / "junit.xml", baseline, published, *run):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.touch()
    assert environment(GpuState()).git_dirty is False
    subprocess.run([*git, "add", "--force", str(baseline)], check=True)
    assert environment(GpuState()).git_dirty is False


@pytest.mark.parametrize(
    "name", ["new.py", "prompts.txt", "benchmarks/prompts/p.json", "pkg/x.so", "golden.pt", "file"]
)
def test_changed_file_and_any_new_one_that_can_be_read_is_dirt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Code, prompts, weights, a library, in the root or below it."""
    root = repository(monkeypatch, tmp_path)
    (tmp_path / ".lock").touch()
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("changed", encoding="utf-8")
    assert environment(GpuState()).git_dirty is True


@pytest.mark.parametrize("name", [".lock", "benchmarks/.lock", "reports/gate/.lock"])
def test_lock_among_the_code_hides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A run's folder is elsewhere."""
    root = repository(monkeypatch, tmp_path)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).touch()
    assert environment(GpuState()).git_dirty is True


def test_dirt_that_git_does_not_tell_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where its index is cut off; what one of its commands has seen stays seen."""
    root = repository(monkeypatch, tmp_path)
    (root / ".git" / "index").write_bytes(b"cut off")
    record = environment(GpuState())
    assert (record.git_commit is None, record.git_dirty) == (False, None)
    answers = {"status": "", "ls-files": None}
    monkeypatch.setattr(machine, "_git", lambda folder, what, *more: answers.get(what, "a"))
    assert environment(GpuState()).git_dirty is None
    answers["status"] = " M file"
    assert environment(GpuState()).git_dirty is True


@pytest.mark.parametrize("path", ["", None])
def test_missing_git_or_repository_gives_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str | None
) -> None:
    """Without the git program, or outside a repository, the commit is unknown and so is its dirt."""
    monkeypatch.setattr(machine, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if path is not None:
        monkeypatch.setenv("PATH", path)
    record = environment(GpuState())
    assert (record.git_commit, record.git_dirty) == (None, None)
