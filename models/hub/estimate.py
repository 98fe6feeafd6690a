"""What can be said of a download without the hub: sizes by the lock or computed from parameter counts, and what cannot.

Why it matters: how much room a model needs is asked where there is no network yet. Precision and whatever else a file
holds are the hub's to say; so a computed size is a range, and is called computed.
"""

from collections.abc import Iterator, Sequence

from models.hub.lock import locked
from models.spec import WeightsFile
from models.weights import CONVERTED_DTYPES, belongs, converted_file, loads_as_it_is, missing_weights

GIB = 2**30
WIDTH_BYTES = {"bfloat16": 2, "float32": 4}


def estimated_lines(wanted: Sequence[WeightsFile]) -> Iterator[str]:
    """Yield a line for each file, and one for all: what is here, what it takes to fetch and convert the rest."""
    least_bytes = most_bytes = converted_bytes = unknown = 0
    for file in wanted:
        name = f"{file.repository}/{file.path}"
        if not missing_weights((file,)):
            yield f"{name}: is here"
            continue
        least, most, told = _size(file)
        yield f"{name}: {told}"
        least_bytes, most_bytes, unknown = least_bytes + least, most_bytes + most, unknown + (most == 0)
        converted_bytes += conversion_bytes(file)
    yield (
        f"computed, the hub was not asked: to download {least_bytes / GIB:.2f} to {most_bytes / GIB:.2f} GiB"
        + (f" and {unknown} of unknown size" if unknown else "")
        + f", to convert {converted_bytes / GIB:.2f} GiB"
    )


def conversion_bytes(file: WeightsFile, commit: str | None = None) -> int:
    """Estimate what converting a file writes, but for what is there; 0 for what loads as it is.

    It is taken in whole: the few modules kept in float32 are left out.
    """
    if file.config is None or loads_as_it_is(file):
        return 0
    paths = {dtype: converted_file(file, dtype, commit) for dtype in CONVERTED_DTYPES}
    absent = [dtype for dtype, path in paths.items() if path is None or not path.is_file()]
    return sum((file.parameters or 0) * WIDTH_BYTES[dtype] for dtype in absent)


def _size(file: WeightsFile) -> tuple[int, int, str]:
    """Give the least and the most bytes of a file that is not here, 0 for what is not known, and both in words."""
    entry = locked(file.repository, file.revision)
    held = [one.bytes for path, one in (entry.files if entry else {}).items() if belongs(path, file)]
    if held:
        return sum(held), sum(held), f"{sum(held) / GIB:.2f} GiB by models/weights.lock"
    if file.parameters is None:
        return 0, 0, "its size is not known without the hub: it states no parameters"
    least, most = (file.parameters * WIDTH_BYTES[dtype] for dtype in ("bfloat16", "float32"))
    more = ", and more where the file holds more than what is loaded of it" if file.key is not None else ""
    told = (
        f"{file.parameters:,} parameters × 2 bytes (bfloat16) = {least / GIB:.2f} GiB, × 4 (float32) = "
        f"{most / GIB:.2f} GiB, computed; which is published only the hub knows{more}"
    )
    return least, most, told
