"""Stand-ins for the side process: one that runs as a process on a fake NVML, and one that hands over given samples.

`python -m tests.fake_sampler PERIOD_S [ending]` serves as fixtures/device/sampler.py does; ending "dies" ends it
with an error after the first answer, "hangs" keeps it from answering, "babbles" answers what is no sample.
"""

import os
import sys
import time
from dataclasses import dataclass, field

from fixtures.device.sampler import Reader, Sample, main
from tests.fake_nvml import FakeGpu, fake_nvml

UUID = FakeGpu().uuid


def command(period_s: float, ending: str = "") -> list[str]:
    """Give the command that starts the fake side process."""
    return [sys.executable, "-m", "tests.fake_sampler", str(period_s), ending]


@dataclass
class GivenSamples:
    """A sampler whose samples a test puts into `waiting`."""

    waiting: list[Sample] = field(default_factory=list)
    period_s: float = 0.02
    problem: str | None = None

    def take(self) -> list[Sample]:
        """Hand over what waits."""
        taken, self.waiting = self.waiting, []
        return taken


def _serve(period_s: str, ending: str) -> int:
    sys.modules["pynvml"] = fake_nvml([FakeGpu(processes=[(1, 5), (os.getppid(), 7)])])
    if ending == "hangs":
        time.sleep(60)
    if ending == "babbles":
        print("hello", flush=True)  # noqa: T201 - the wrong answer is the point
        time.sleep(60)
    if ending == "dies":
        read = Reader.read
        calls: list[bool] = []

        def dying(self: Reader, *, everything: bool = False) -> Sample:
            if any(calls):
                raise OSError("the card has fallen off the bus")
            calls.append(everything)
            return read(self, everything=everything)

        Reader.read = dying  # type: ignore[method-assign]
    return main([UUID, period_s])


if __name__ == "__main__":
    sys.exit(_serve(sys.argv[1], sys.argv[2]))
