"""The model whose answers are known, on a CPU."""

from tests.examples.known_models.known import Known, model

MODEL = model("known-tiny", Known(allocated_bytes=2**21, sleep_s=1.0, warm_products=2, size=64), "tiny")
