"""What is the most that the libraries reach on this GPU? Matrix products, attention by backend, convolutions, copies.

Runs by its own name only (`pytest benchmarks/bench_ceilings.py`), in under a minute, outside of all suites: no model is
loaded. Inside the clock: calls in the models' shapes, one right behind the other on the device, on random inputs that
change from call to call. Outside: making the inputs, a warm-up of a tenth of a second, what a library compiles or tries
out. What is measured is kept for the GPU and the library versions, and later runs set their times against it.
"""

from typing import Any


def bench_ceiling(ceiling: Any, measure_ceiling: Any, benchmark: Any) -> None:
    """Time one operation in one shape with one backend."""
    measure_ceiling(ceiling, benchmark)
