"""Slowdowns and company make a case invalid, a power cap does not; limits at their boundaries."""

import msgspec
import pytest

from fixtures.device.validity import IDLE_BYTES, OWN_BESIDE_TORCH_BYTES, InvalidEnvError, judge_environment
from fixtures.status import status_of
from reports.device_record import DeviceState, GpuProcess
from reports.measured import Measurement
from tests.reports_samples import measured, planned, state_of

GIB = 2**30
RESERVED_BYTES = 26 * GIB
OTHER = GpuProcess(pid=7, name="python", used_bytes=GIB)


def seen(state: DeviceState, beside_bytes: int = GIB) -> Measurement:
    """Measure on a device in this state, with so much of its memory in use beside torch's."""
    before = measured(4.0)
    memory = msgspec.structs.replace(
        before.memory, peak_reserved_bytes=RESERVED_BYTES, peak_device_bytes=RESERVED_BYTES + beside_bytes
    )
    return msgspec.structs.replace(before, state=state, memory=memory)


def judged(measurement: Measurement, *, shared: bool = False) -> dict[str, str]:
    return judge_environment(planned(), measurement, allow_shared_gpu=shared)


@pytest.mark.parametrize(
    "event", ["hw_slowdown", "sw_thermal_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown"]
)
def test_any_slowdown_makes_the_case_invalid(event: str) -> None:
    """One sample is enough; the message names case, event and share, and sharing allowed does not excuse it."""
    state = state_of(event_shares={event: 0.004, "sw_power_cap": 0.9})
    with pytest.raises(InvalidEnvError, match=rf"dogs-s0\]: not a valid environment: {event} \(.*\) in 0.4% of 200"):
        judged(seen(state), shared=True)


@pytest.mark.parametrize("shares", [{}, {"sw_power_cap": 1.0}, {"gpu_idle": 0.5, "applications_clocks_setting": 1.0}])
def test_power_cap_is_normal(shares: dict[str, float]) -> None:
    """A card at its power limit, a set clock and idle moments are no faults."""
    assert judged(seen(state_of(event_shares=shares))) == {}


def test_foreign_process_makes_the_case_invalid() -> None:
    """It is named with its memory; of one whose memory is hidden that is said."""
    with pytest.raises(InvalidEnvError, match=r"other processes .*: 7 \(python, 1.00 GiB\), 8 \(unknown, \? GiB\)"):
        judged(seen(state_of(others=[OTHER, GpuProcess(pid=8, name=None, used_bytes=None)])))


def test_allowed_sharing_is_a_reason_in_the_record() -> None:
    """The case stays what it was, and every reader is told."""
    reasons = judged(seen(state_of(others=[OTHER])), shared=True)
    assert reasons["shared_gpu"].startswith("SHARED GPU, allowed by --allow-shared-gpu: other processes computed")


@pytest.mark.parametrize(
    ("used_before_bytes", "beside_bytes", "valid"),
    [
        (0, OWN_BESIDE_TORCH_BYTES, True),
        (0, OWN_BESIDE_TORCH_BYTES + 1, False),
        (None, OWN_BESIDE_TORCH_BYTES + IDLE_BYTES, True),
        (None, OWN_BESIDE_TORCH_BYTES + IDLE_BYTES + 1, False),
        (GIB // 2, OWN_BESIDE_TORCH_BYTES + GIB // 2, True),
        (GIB // 2, OWN_BESIDE_TORCH_BYTES + GIB // 2 + 1, False),
        # An idle H100 and the most that published runs had beside torch's allocator.
        (506724352, int(1.38 * GIB), True),
        # 3 GiB come while the case runs.
        (506724352, int(4.15 * GIB), False),
        # 2 GiB of another container beside the driver's reserve and our own context, there since before the start.
        (int(2.5 * GIB), int(3.2 * GIB), False),
        # 40 GiB were there before: somebody's, and they are there still.
        (40 * GIB, 41 * GIB, False),
        # They have gone since.
        (40 * GIB, OWN_BESIDE_TORCH_BYTES + IDLE_BYTES, True),
    ],
)
def test_unexplained_memory_tells_of_hidden_processes(
    used_before_bytes: int | None, beside_bytes: int, valid: bool
) -> None:
    """Where a container hides ids: memory beside torch's over what a context and an idle driver take is somebody's."""
    measurement = seen(state_of(event_shares={}, others=[], used_before_bytes=used_before_bytes), beside_bytes)
    if valid:
        assert judged(measurement) == {}
    else:
        with pytest.raises(InvalidEnvError, match=r"GiB of the device's memory were in use beside torch's"):
            judged(measurement)


def test_what_cannot_be_judged_is_a_reason() -> None:
    """A dead side process, a driver that tells no event reasons and unknown peaks pass, and are told."""
    blind = msgspec.structs.replace(measured(4.0), reasons={"state": "the side process has ended with code 1"})
    assert judged(blind)["validity"] == "not judged: slowdowns and company: the side process has ended with code 1"
    assert judged(seen(state_of(event_shares=None)))["validity"].startswith("not judged: slowdowns: the driver tells")
    half = msgspec.structs.replace(seen(state_of(event_shares={})), reasons={"state_samples": "it died"})
    assert judged(half) == {"validity": "not judged: slowdowns and company after the samples ended: it died"}
    unknown = msgspec.structs.replace(blind.memory, peak_device_bytes=None)
    reasons = judged(msgspec.structs.replace(measured(4.0), state=state_of(event_shares={}), memory=unknown))
    assert reasons == {"validity": "not judged: company: memory in use beside torch's is unknown"}


def test_cpu_has_no_environment_to_judge() -> None:
    """Nothing is missing there."""
    plain = measured(4.0)
    device = msgspec.structs.replace(plain.devices[0], kind="cpu")
    assert judged(msgspec.structs.replace(plain, devices=[device])) == {}


def test_invalid_environment_is_a_status_of_its_own() -> None:
    """Its reason is the sentence alone."""
    assert status_of(InvalidEnvError("too hot")) == ("invalid_env", "too hot")
