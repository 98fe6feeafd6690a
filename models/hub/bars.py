"""How far reading and converting weights is, in bytes, on the bars with which huggingface_hub shows its downloads.

One file may hold 11 GB: counting files would stand still for minutes. Who works says how many bytes are done; who shows
it decides how: `shown` on a terminal (and nowhere else, unless `HF_HUB_DISABLE_PROGRESS_BARS` forbids it there too),
`silent` while models are loaded. Source: huggingface_hub 2.4.0 `utils/tqdm.py`.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

READ_BYTES = 2**24

Advance = Callable[[int], object]  # so many bytes more are done
Bar = Callable[[str, int], AbstractContextManager[Advance]]  # what is done, and its bytes in whole


@contextmanager
def silent(_what: str, _total_bytes: int) -> Iterator[Advance]:
    """Show nothing."""
    yield ignore


@contextmanager
def shown(what: str, total_bytes: int) -> Iterator[Advance]:
    """Show a bar until the block ends."""
    from huggingface_hub.utils import tqdm  # type: ignore[attr-defined]

    options = {"unit": "B", "unit_scale": True, "leave": False, "disable": None}
    with tqdm(desc=what, total=total_bytes, **options) as bar:  # type: ignore[no-untyped-call]
        yield bar.update


def ignore(_done_bytes: int) -> None:
    """Tell nobody."""


def file_sha256(path: Path, advance: Advance = ignore) -> str:
    """Hash a file of any size, saying after each 16 MiB what is done."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(READ_BYTES):
            digest.update(part)
            advance(len(part))
    return digest.hexdigest()
