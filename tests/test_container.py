"""Limits of control groups, read from folders that stand for /proc and /sys."""

from pathlib import Path

import pytest

from fixtures.container import container_limits
from reports.environment import ContainerLimits

GIB = 2**30
UNLIMITED_V1 = "9223372036854771712"


def machine_with(folder: Path, groups: str, files: dict[str, str]) -> Path:
    """Write /proc/self/cgroup and files below /sys/fs/cgroup."""
    (folder / "proc" / "self").mkdir(parents=True)
    (folder / "proc" / "self" / "cgroup").write_text(groups, encoding="utf-8")
    for name, text in files.items():
        path = folder / "sys" / "fs" / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")
    return folder


V1 = "12:memory:/job/7\n5:cpu,cpuacct:/job/7\n1:name=systemd:/\n0::/\n"


@pytest.mark.parametrize(
    ("groups", "files", "limits"),
    [
        (
            "0::/\n",
            {"cgroup.controllers": "cpu memory", "memory.max": str(32 * GIB), "cpu.max": "150000 100000"},
            ("v2", 32 * GIB, 1.5),
        ),
        (
            "0::/\n",
            {"cgroup.controllers": "cpu memory", "memory.max": "max", "cpu.max": "max 100000"},
            ("v2", None, None),
        ),
        ("0::/\n", {"cgroup.controllers": "cpu memory"}, ("v2", None, None)),
        (
            "0::/slice/job\n",
            {
                "cgroup.controllers": "",
                "slice/memory.max": str(8 * GIB),
                "slice/job/memory.max": "max",
                "slice/cpu.max": "400000 100000",
                "slice/job/cpu.max": "200000 100000",
            },
            ("v2", 8 * GIB, 2.0),
        ),
        ("0::/../other\n", {"cgroup.controllers": "", "memory.max": str(GIB)}, ("v2", GIB, None)),
        (
            V1,
            {
                "memory/memory.limit_in_bytes": UNLIMITED_V1,
                "memory/job/7/memory.limit_in_bytes": str(4 * GIB),
                "cpu,cpuacct/job/7/cpu.cfs_quota_us": "50000",
                "cpu,cpuacct/job/7/cpu.cfs_period_us": "100000",
            },
            ("v1", 4 * GIB, 0.5),
        ),
        (
            V1,
            {
                "memory/memory.limit_in_bytes": UNLIMITED_V1,
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            ("v1", None, None),
        ),
    ],
    ids=["v2", "v2 unlimited", "v2 top", "v2 nested", "v2 outside its mount", "v1", "v1 unlimited"],
)
def test_least_limit_on_the_way_up_counts(
    tmp_path: Path, groups: str, files: dict[str, str], limits: tuple[str, int | None, float | None]
) -> None:
    """Both versions; a group above may be the stricter one, and "max", -1 and the largest number mean no limit."""
    found = container_limits(machine_with(tmp_path, groups, files))
    assert (found.cgroup, found.memory_bytes, found.cpus) == limits
    absent = [name for name in ("memory_bytes", "cpus") if getattr(found, name) is None]
    assert found.reason == ("no control group that is visible here limits " if absent else "") + " or ".join(absent)


def test_unknown_limits_have_a_reason(tmp_path: Path) -> None:
    """Without /proc, or without a mounted hierarchy, nothing is known, which is not the same as no limit."""
    assert container_limits(tmp_path).reason == "/proc/self/cgroup cannot be read: No such file or directory"
    found = container_limits(machine_with(tmp_path, "0::/\n", {}))
    assert found == ContainerLimits(reason=found.reason)
    assert "no control groups" in found.reason


def test_this_machine_is_read() -> None:
    """The real files of wherever this runs are understood."""
    found = container_limits()
    assert None not in (found.cgroup, found.memory_bytes, found.cpus) or found.reason
    assert found.memory_bytes is None or found.memory_bytes > 2**20
    assert found.cpus is None or found.cpus > 0
