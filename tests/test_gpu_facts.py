"""What is said of GPUs, with a fake NVML and a fake torch in place of the driver and the wheel."""

import os
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from fixtures.device import nvml as nvml_module
from fixtures.device.gpu import (
    Gpu,
    device_used_bytes,
    gpu_facts,
    gpu_state,
    gpu_use,
    other_processes,
    torch_problem,
    visible_gpus,
)
from tests.fake_nvml import GIB, FakeGpu, FakeNvml, fake_nvml, install

H200 = Gpu(index=0, uuid="GPU-a", name="NVIDIA H200", memory_bytes=GIB, driver="550.54.15", compute_capability=(9, 0))
TWO = "GPU-aaaa0000-0000-0000-0000-000000000000", "GPU-aabb0000-0000-0000-0000-000000000000"


@pytest.fixture
def device_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a folder that stands for /dev, without any device file yet."""
    monkeypatch.setattr("fixtures.device.nvml.DEVICE_FILE", tmp_path / "nvidiactl")
    monkeypatch.setattr("fixtures.device.gpu.DEVICE_FILE", tmp_path / "nvidiactl")
    return tmp_path


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    instance = FakeGpu(uuid="MIG-cccc", name="NVIDIA H200 MIG 1g.18gb", memory_bytes=18 * GIB)
    gpus = [FakeGpu(uuid=TWO[0]), FakeGpu(uuid=TWO[1], name="NVIDIA H100", instances=[instance])]
    return install(monkeypatch, fake_nvml(gpus))


def torch_like(
    *,
    version: str = "2.13.0+cu130",
    cuda: str | None = "13.0",
    available: bool = False,
    warning: str = "",
    architectures: tuple[str, ...] = ("sm_80", "sm_90", "compute_90"),
) -> Any:
    def is_available() -> bool:
        if warning:
            warnings.warn(warning, stacklevel=1)
        return available

    cuda_module = SimpleNamespace(is_available=is_available, get_arch_list=lambda: list(architectures))
    return SimpleNamespace(__version__=version, version=SimpleNamespace(cuda=cuda), cuda=cuda_module)


def test_gpu_is_described_and_nvml_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU gives its facts and the driver's, and every nvmlInit has its nvmlShutdown."""
    fake = install(monkeypatch, fake_nvml([FakeGpu(uuid="GPU-a")], driver="550.54.15", cuda=12040))
    state = gpu_state()
    assert (state.driver, state.driver_cuda, state.problem) == ("550.54.15", "12.4", None)
    assert state.gpus == (
        Gpu(
            index=0,
            uuid="GPU-a",
            name="NVIDIA H200",
            memory_bytes=141 * GIB,
            driver="550.54.15",
            compute_capability=(9, 0),
        ),
    )
    assert fake.sessions == 0


@pytest.mark.parametrize(
    ("visible", "uuids"),
    [
        ("0", [TWO[0]]),
        ("1,0", [TWO[1], TWO[0]]),
        (" 1 , 0 ", [TWO[1], TWO[0]]),
        ("1,-1,0", [TWO[1]]),
        ("0,7,1", [TWO[0]]),
        (TWO[1], [TWO[1]]),
        ("GPU-aab", [TWO[1]]),
        ("gpu-aab,0", []),
        ("GPU-AABB,0", [TWO[1], TWO[0]]),
        ("MIG-cccc", ["MIG-cccc"]),
        (f"MIG-{TWO[1]}/3/0", [TWO[1]]),
    ],
)
def test_visible_devices_are_read_as_cuda_does(
    monkeypatch: pytest.MonkeyPatch, two_gpus: FakeNvml, visible: str, uuids: list[str]
) -> None:
    """Order, prefixes and MIG count; the list ends at the first entry that names no GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu.uuid for gpu in visible_gpus()] == uuids
    assert two_gpus.sessions == 0


def test_mig_instance_has_its_own_memory_and_its_parents_index(
    monkeypatch: pytest.MonkeyPatch, two_gpus: FakeNvml
) -> None:
    """A slice of a GPU is described as the slice that it is."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-cccc")
    (gpu,) = visible_gpus()
    assert (gpu.index, gpu.name, gpu.memory_bytes) == (1, "NVIDIA H200 MIG 1g.18gb", 18 * GIB)


@pytest.mark.parametrize("visible", ["", " ", "-1", "-1,0", "NoDevFiles"])
def test_hidden_gpus_are_no_problem(monkeypatch: pytest.MonkeyPatch, two_gpus: FakeNvml, visible: str) -> None:
    """Whoever hides all GPUs chose that, even with a broken driver."""
    two_gpus.init_error = "Unknown"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu_state().problem is None
    assert visible_gpus() == []


@pytest.mark.parametrize("visible", ["7", "0,0", "GPU-aa", "GPU-ffff", "MIG-dddd", "first"])
def test_names_of_no_gpu_are_a_problem(monkeypatch: pytest.MonkeyPatch, two_gpus: FakeNvml, visible: str) -> None:
    """An unknown, doubled or ambiguous entry hides all GPUs from CUDA, which nobody wanted: the GPUs are listed."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    state = gpu_state()
    assert state.gpus == ()
    assert state.problem is not None
    assert (
        f"CUDA_VISIBLE_DEVICES='{visible}' names none of this machine's GPUs (0 {TWO[0]}, 1 {TWO[1]})" in state.problem
    )


@pytest.mark.parametrize("error", ["LibraryNotFound", "DriverNotLoaded"])
def test_machine_without_driver_has_no_gpu_and_no_problem(
    monkeypatch: pytest.MonkeyPatch, device_files: Path, error: str
) -> None:
    """No device file and no NVML: an ordinary machine without a GPU."""
    install(monkeypatch, fake_nvml(init_error=error))
    state = gpu_state()
    assert (state.gpus, state.problem, state.driver, state.driver_cuda) == ((), None, None, None)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            "LibRmVersionMismatch",
            "NVML/RM version mismatch.': the driver was updated under a running kernel module, so r",
        ),
        ("LibraryNotFound", "in a container set NVIDIA_DRIVER_CAPABILITIES=compute,utility"),
        ("Unknown", "NVML says 'Unknown Error': run nvidia-smi"),
    ],
)
def test_driver_that_does_not_answer_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, device_files: Path, error: str, said: str
) -> None:
    """With a device file, failing NVML means a broken GPU machine, never a machine without a GPU."""
    (device_files / "nvidiactl").touch()
    install(monkeypatch, fake_nvml(init_error=error))
    problem = gpu_state().problem
    assert problem is not None
    assert said in problem


def test_driver_without_a_device_is_a_problem(monkeypatch: pytest.MonkeyPatch, device_files: Path) -> None:
    """CUDA is there and no GPU: a container that was given none, or a GPU that is gone; without the file, neither."""
    install(monkeypatch, fake_nvml([]))
    assert gpu_state().problem is None
    (device_files / "nvidiactl").touch()
    state = gpu_state()
    assert state.gpus == ()
    assert state.problem is not None
    assert "driver 580.65.06 answers, but it shows no device; look for a lost GPU with nvidia-smi" in state.problem


def test_closed_device_files_are_named_with_their_group(monkeypatch: pytest.MonkeyPatch, device_files: Path) -> None:
    """Without permission for the device files, the files and the group to join are told; other files do not count."""
    for name in ("nvidiactl", "nvidia0", "nvidia-uvm", "nvidia-modeset", "nvidia-caps"):
        (device_files / name).touch()
    install(monkeypatch, fake_nvml(init_error="NoPermission"))
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name == "nvidiactl")
    problem = gpu_state().problem
    assert problem is not None
    group = (device_files / "nvidia0").group()
    assert f"{device_files}/nvidia-uvm, {device_files}/nvidia0: join the group '{group}'" in problem
    assert "nvidia-modeset" not in problem


def test_lost_gpu_is_a_problem(monkeypatch: pytest.MonkeyPatch, device_files: Path) -> None:
    """An error while reading one GPU is told, and NVML is closed all the same."""
    (device_files / "nvidiactl").touch()
    fake = install(monkeypatch, fake_nvml([FakeGpu(values={"nvmlDeviceGetName": pynvml.NVMLError_GpuIsLost()})]))
    assert "GPU is lost" in str(gpu_state().problem)
    assert fake.sessions == 0


def test_facts_of_a_gpu_have_units(monkeypatch: pytest.MonkeyPatch) -> None:
    """Power is in watts, clocks in MHz; modes are the current ones."""
    gpu = FakeGpu()
    gpu.values |= {"nvmlDeviceGetEnforcedPowerLimit": 450_500, "nvmlDeviceGetEccMode": [0, 1]}
    install(monkeypatch, fake_nvml([gpu]))
    facts = gpu_facts(visible_gpus()[0])
    assert facts["power_limit_w"] == 450.5
    assert facts["ecc"] == 0
    assert (facts["sm_clock_max_mhz"], facts["pcie_generation_max"], facts["pcie_width_lanes"]) == (1980, 5, 16)
    assert facts["compute_capability"] == [9, 0]


@pytest.mark.parametrize(
    ("name", "module", "form"),
    [
        ("NVIDIA H100 80GB HBM3", 3, "SXM"),
        ("NVIDIA H100 80GB HBM3", 0, None),
        ("NVIDIA H100 80GB HBM3", None, None),
        ("NVIDIA A100-SXM4-80GB", None, "SXM"),
        ("NVIDIA A100-PCIE-40GB", None, "PCIe"),
        ("NVIDIA H100 PCIe", 0, "PCIe"),
        ("NVIDIA H200 NVL", None, "PCIe"),
        ("NVIDIA GeForce RTX 4090", 0, None),
    ],
)
def test_form_is_told_by_name_or_baseboard_only(
    monkeypatch: pytest.MonkeyPatch, name: str, module: int | None, form: str | None
) -> None:
    """A module number says that there is a baseboard; 0 and nothing say nothing, and nobody guesses from the rest."""
    gpu = FakeGpu(name=name)
    gpu.values["nvmlDeviceGetModuleId"] = pynvml.NVMLError_NotSupported() if module is None else module
    install(monkeypatch, fake_nvml([gpu]))
    facts = gpu_facts(visible_gpus()[0])
    assert (facts["form"], facts["pci_id"]) == (form, "10de:2335")


def test_mig_instance_tells_its_gpus_switches(monkeypatch: pytest.MonkeyPatch, two_gpus: FakeNvml) -> None:
    """Name and memory are the slice's, power limit and modes those of the GPU that it is a slice of."""
    two_gpus.gpus[1].instances[0].values.clear()
    two_gpus.gpus[1].values["nvmlDeviceGetMigMode"] = [1, 1]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-cccc")
    facts = gpu_facts(visible_gpus()[0])
    assert (facts["uuid"], facts["memory_bytes"], facts["mig_mode"]) == ("MIG-cccc", 18 * GIB, 1)
    assert facts["power_limit_w"] == 700


def test_unsupported_facts_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card or driver that cannot tell something gives None for it, memory included."""
    gpu = FakeGpu(values={"nvmlDeviceGetMemoryInfo": pynvml.NVMLError_NotSupported()})
    install(monkeypatch, fake_nvml([gpu]))
    facts = gpu_facts(visible_gpus()[0])
    known = {name for name, value in facts.items() if value is not None}
    assert known == {"index", "name", "uuid"}


def test_used_bytes_and_other_processes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others hold on a device is listed, this process left out."""
    gpu = FakeGpu(used_bytes=5 * GIB, processes=[(os.getpid(), GIB), (4321, 4 * GIB), (0, None)])
    fake = install(monkeypatch, fake_nvml([gpu]))
    assert device_used_bytes(gpu.uuid) == 5 * GIB
    gpu.used_bytes = 6 * GIB
    assert device_used_bytes(gpu.uuid) == 6 * GIB
    assert other_processes(gpu.uuid) == [
        {"pid": 4321, "name": "process-4321", "used_bytes": 4 * GIB},
        {"pid": 0, "name": None, "used_bytes": None},
    ]
    assert fake.sessions == 0


def test_unknown_device_and_missing_driver_give_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell: None, not 0 and not an empty list."""
    fake = install(monkeypatch, fake_nvml([FakeGpu()]))
    assert (device_used_bytes("GPU-other"), other_processes("GPU-other")) == (None, None)
    assert gpu_use("GPU-other").reason == "NVML cannot tell used_bytes and processes of this device"
    fake.init_error = "DriverNotLoaded"
    assert (device_used_bytes(FakeGpu().uuid), other_processes(FakeGpu().uuid)) == (None, None)
    assert nvml_module.cuda_of_driver() is None


def test_cpu_only_wheel_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU and a wheel without CUDA: install one for the driver's CUDA, or choose the toy run."""
    install(monkeypatch, fake_nvml(cuda=12040))
    said = torch_problem([H200], "550.54.15", torch_module=torch_like(version="2.13.0+cpu", cuda=None))
    assert said == (
        "torch 2.13.0+cpu is built without CUDA and cannot use NVIDIA H200 (driver 550.54.15, which supports CUDA up "
        'to 12.4): install a torch wheel built for CUDA 12.4 or older, or CUDA_VISIBLE_DEVICES="" chooses the toy '
        "run on the CPU on purpose"
    )


def test_driver_too_old_for_the_wheel_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel for a newer CUDA generation than the driver's: update the driver or change the wheel."""
    install(monkeypatch, fake_nvml(cuda=12040))
    said = torch_problem([H200], "550.54.15", torch_module=torch_like(warning="driver too old"))
    assert said is not None
    assert said.startswith("torch 2.13.0+cu130, built for CUDA 13.0, cannot use NVIDIA H200 (driver 550.54.15, ")
    assert "CUDA up to 12.4): update the driver, or install a torch wheel built for CUDA 12.4 or older, or " in said
    assert 'CUDA_VISIBLE_DEVICES=""' in said


def test_other_failures_give_the_device_files_or_torchs_own_reason(
    monkeypatch: pytest.MonkeyPatch, device_files: Path
) -> None:
    """Closed device files come first; else what torch warned of, which does not become an error here."""
    install(monkeypatch, fake_nvml(cuda=13000))
    said = torch_problem([H200], "580.65.06", torch_module=torch_like(warning="CUDA unknown error"))
    assert "; torch warns: CUDA unknown error; CUDA_VISIBLE_DEVICES" in str(said)
    (device_files / "nvidia0").touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    said = torch_problem([H200], "580.65.06", torch_module=torch_like(warning="CUDA unknown error"))
    assert f"this user may not open {device_files}/nvidia0: join the group" in str(said)


@pytest.mark.parametrize(
    ("capability", "architectures", "works"),
    [
        ((9, 0), ("sm_80", "sm_90"), True),
        ((8, 6), ("sm_80",), True),
        ((8, 0), ("sm_86",), False),
        ((6, 1), ("sm_75", "sm_90"), False),
        ((12, 0), ("sm_90", "compute_90"), True),
        ((12, 0), ("sm_90a", "sm_100"), False),
        ((9, 0), (), True),
    ],
)
def test_wheel_without_kernels_for_the_gpu_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], architectures: tuple[str, ...], works: bool
) -> None:
    """A cubin runs on later minors of its major, PTX on anything later; an unknown list is no reason to refuse."""
    install(monkeypatch, fake_nvml())
    gpu = Gpu(index=0, uuid="GPU-a", name="Card", memory_bytes=1, driver="1", compute_capability=capability)
    said = torch_problem([gpu], "1", torch_module=torch_like(available=True, architectures=architectures))
    assert (said is None) == works, said
    if said is not None:
        assert (
            f"holds no kernels for Card (sm_{capability[0]}{capability[1]}), only for {', '.join(architectures)}"
            in said
        )


def test_no_gpus_need_no_torch() -> None:
    """Without GPUs nothing is asked of torch, so it is not imported."""
    assert torch_problem([], None, torch_module=object()) is None
