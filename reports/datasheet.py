"""Data-sheet peaks of dense bfloat16 matrix products with float32 sums, by the name that the driver gives a GPU.

MFU divides by these. Sheets of the newer cards print twice as much, "with sparsity", which no dense model reaches.
Names are matched whole: a MIG instance or a card with another power limit is not the card on the sheet.
"""

from collections.abc import Mapping
from types import MappingProxyType

_A100 = (312e12, "NVIDIA A100 Tensor Core GPU data sheet")
_SHEETS: Mapping[str, tuple[float, str]] = MappingProxyType(
    {
        "NVIDIA B200": (2250e12, "NVIDIA HGX B200 data sheet, half of 4.5 PFLOPS with sparsity"),
        "NVIDIA H200": (989.5e12, "NVIDIA H200 data sheet, SXM, half of 1,979 TFLOPS with sparsity"),
        "NVIDIA H200 NVL": (835.5e12, "NVIDIA H200 data sheet, NVL, half of 1,671 TFLOPS with sparsity"),
        "NVIDIA H100 80GB HBM3": (989.5e12, "NVIDIA H100 data sheet, SXM, half of 1,979 TFLOPS with sparsity"),
        "NVIDIA H100 NVL": (835.5e12, "NVIDIA H100 data sheet, NVL, half of 1,671 TFLOPS with sparsity"),
        "NVIDIA H100 PCIe": (756e12, "NVIDIA H100 data sheet, PCIe, half of 1,513 TFLOPS with sparsity"),
        "NVIDIA A100-SXM4-80GB": _A100,
        "NVIDIA A100-SXM4-40GB": _A100,
        "NVIDIA A100 80GB PCIe": _A100,
        "NVIDIA A100-PCIE-40GB": _A100,
        "NVIDIA L40S": (362e12, "NVIDIA L40S data sheet, half of 733 TFLOPS with sparsity"),
        "NVIDIA L4": (121e12, "NVIDIA L4 data sheet, half of 242 TFLOPS with sparsity"),
        "NVIDIA GeForce RTX 5090": (209.5e12, "NVIDIA RTX Blackwell GPU architecture, appendix A"),
        "NVIDIA GeForce RTX 4090": (165.2e12, "NVIDIA Ada GPU architecture, appendix A"),
        "NVIDIA GeForce RTX 3090": (71e12, "NVIDIA Ampere GA102 GPU architecture, appendix A"),
    }
)


def peak_flop_per_s(gpu: str) -> float | None:
    """Give the peak of a GPU by the driver's name for it, or None where its sheet is not in the table."""
    return _SHEETS[gpu][0] if gpu in _SHEETS else None


def peak_source(gpu: str) -> str:
    """Say where the peak comes from, or that there is none."""
    return _SHEETS[gpu][1] if gpu in _SHEETS else f"no data sheet of {gpu!r} in reports/datasheet.py"
