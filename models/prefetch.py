"""`python -m models.prefetch MODEL...`: fetch published weights, verify and convert them, before anything is measured.

A run downloads nothing, so that a network never stands in a measured minute. What is fetched is said first with the
room that it takes; what several models share is fetched once; what is there already is verified, not fetched.
`HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE` and `HF_ENDPOINT` mean what they mean to huggingface_hub 2.4.0, which does the
downloading: a dropped connection goes on where it stopped, an interrupted command with the first file that is not
whole. Exit codes: 0 all is there, 1 something failed, 2 unknown model.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models.discover import ModelFileError, discover
from models.hub.estimate import GIB, WIDTH_BYTES, conversion_bytes, estimated_lines
from models.hub.lock import LockError, lock_files
from models.spec import ModelSpec, WeightsFile, needed_weights
from models.weights import CONVERTED_DTYPES, converted_file, converted_root, hub_cache, loads_as_it_is

if TYPE_CHECKING:
    from models.hub.listing import Listing

SPARE_BYTES = GIB


def main(arguments: Sequence[str] | None = None) -> int:
    """Prefetch the models named on the command line; return the exit code."""
    from models.hub.listing import FetchError

    parser = argparse.ArgumentParser(prog="python -m models.prefetch", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("models", metavar="MODEL", nargs="+")
    parser.add_argument("--models-dir", metavar="DIR", type=Path, help="a folder of your own model files")
    parser.add_argument(
        "--lora",
        metavar="NAME",
        action="append",
        default=[],
        help="fetch this LoRA of the models that have one, and not that of their published recipe; may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="say what there is to fetch and stop")
    options = parser.parse_args(arguments)
    try:
        specs = discover(options.models_dir)
    except ModelFileError as error:
        parser.error(str(error))
    if unknown := [name for name in options.models if name not in specs]:
        parser.error(f"unknown model {', '.join(unknown)}; known: {', '.join(specs)}")
    chosen = [specs[name] for name in options.models]
    known = list(dict.fromkeys(name for spec in chosen for name in _loras(spec)))
    if unknown := [name for name in options.lora if name not in known]:
        parser.error(f"unknown LoRA {', '.join(unknown)}; known of these models: {', '.join(known) or 'none'}")
    try:
        prefetch(chosen, loras=options.lora, dry_run=options.dry_run)
    except (FetchError, LockError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def prefetch(specs: Sequence[ModelSpec], *, loras: Sequence[str] = (), dry_run: bool) -> None:
    """Fetch, verify, lock and convert the weights of `specs`, and say on stdout what is done.

    Of a model's LoRAs those named by `loras` are fetched; where it has none of them, that of its published recipe.

    Raises FetchError where something cannot be fetched, is not what was published or has no room, LockError where
    `models/weights.lock` is malformed. What was verified before stays.
    """
    listings = _listed(grouped(specs, loras), tells_estimate=dry_run)
    for listing in listings:
        _say(_described(listing))
    _check_room(listings)
    if dry_run:
        return
    for listing in listings:
        _fetch(listing)
        for file in listing.wanted:
            if file.config is not None and not loads_as_it_is(file):
                _convert(file, file.config)
    _say("all is there" if listings else "toy weights only: nothing to fetch")


def _listed(groups: Mapping[tuple[str, str | None], Sequence[WeightsFile]], *, tells_estimate: bool) -> "list[Listing]":
    """Ask the hub for what is wanted; where it gives no answer, say what is known without it and raise its error."""
    from models.hub.listing import HubSilentError, list_files

    try:
        return [list_files(repository, revision, files) for (repository, revision), files in groups.items()]
    except HubSilentError:
        if tells_estimate:
            for line in estimated_lines([file for files in groups.values() for file in files]):
                _say(line)
            for folder in (hub_cache(), converted_root()):
                _say(f"free at {folder}: {_gib(_free(folder)[0])}")
        raise


def grouped(specs: Sequence[ModelSpec], loras: Sequence[str] = ()) -> dict[tuple[str, str | None], list[WeightsFile]]:
    """Give the files that several models need by repository and revision, each once; `loras` as in `prefetch`."""
    groups: dict[tuple[str, str | None], list[WeightsFile]] = {}
    for file in (file for spec in specs for lora in _chosen(spec, loras) for file in needed_weights(spec, lora)):
        group = groups.setdefault((file.repository, file.revision), [])
        if all((file.path, file.key) != (other.path, other.key) for other in group):
            group.append(file)
    return groups


def _loras(spec: ModelSpec) -> list[str]:
    return [file.lora for file in spec.weights if file.lora is not None]


def _chosen(spec: ModelSpec, loras: Sequence[str]) -> Sequence[str | None]:
    return [name for name in loras if name in _loras(spec)] or [None]


def _described(listing: "Listing") -> str:
    total_bytes, absent_bytes = (sum(file.size_bytes for file in files) for files in (listing.files, listing.absent))
    asked = f"; the hub was not asked ({listing.offline})" if listing.offline else ""
    return (
        f"{listing.repository} @ {listing.commit}: {', '.join(file.path for file in listing.wanted)}:"
        f" {len(listing.files)} files, {_gib(total_bytes)}, to download {_gib(absent_bytes)}{asked}"
    )


def _check_room(listings: Sequence["Listing"]) -> None:
    """Say what will be written and what is free, and raise FetchError where it does not fit."""
    from models.hub.listing import FetchError

    needs = {
        hub_cache(): sum(file.size_bytes for listing in listings for file in listing.absent),
        converted_root(): sum(
            conversion_bytes(file, listing.commit) for listing in listings for file in listing.wanted
        ),
    }
    per_disk: dict[int, int] = {}
    for folder, needed_bytes in needs.items():
        free_bytes, disk = _free(folder)
        per_disk[disk] = per_disk.get(disk, 0) + needed_bytes
        what = "to download" if folder == hub_cache() else "to convert"
        _say(f"{what} {_gib(needed_bytes)} to {folder}, free there {_gib(free_bytes)}")
        if per_disk[disk] and per_disk[disk] + SPARE_BYTES > free_bytes:
            raise FetchError(
                f"{folder}: {_gib(per_disk[disk])} are to be written and {_gib(SPARE_BYTES)} left free, but only"
                f" {_gib(free_bytes)} are; make room, or set HF_HOME to a folder on a larger disk"
            )


def _free(folder: Path) -> tuple[int, int]:
    """Give the bytes that are free where a folder is or will be, and the number of its disk."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    return shutil.disk_usage(existing).free, existing.stat().st_dev


def _fetch(listing: "Listing") -> None:
    """Download what a listing lacks, verify all of it and lock what was verified."""
    from huggingface_hub import snapshot_download

    from models.hub.bars import shown
    from models.hub.listing import FetchError, check_counts, checksum

    if listing.files and not listing.offline:
        paths = [file.path for file in listing.files]
        try:
            snapshot_download(listing.repository, revision=listing.commit, allow_patterns=paths, cache_dir=hub_cache())
        except Exception as error:  # the library raises its own, its HTTP client's and the system's
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FetchError(f"{listing.repository}: download failed: {reason}; run again to go on") from error
    with shown(f"verifying {listing.repository}", sum(file.size_bytes for file in listing.files)) as advance:
        verified = {file.path: checksum(listing.folder / file.path, file, advance) for file in listing.files}
    for file in listing.wanted:
        check_counts(listing.folder, file)
    if verified:
        lock_files(listing.repository, listing.commit, verified)
        _say(f"{listing.repository}: {len(verified)} files verified")
    elif listing.offline and any(file.key is None for file in listing.wanted):
        _say(f"{listing.repository}: there, but NOT VERIFIED: no lock states its checksums")


def _convert(file: WeightsFile, config: Mapping[str, object]) -> None:
    """Make the converted files that are absent, out of date or damaged."""
    from models.hub.bars import shown
    from models.hub.listing import FetchError
    from models.wan.checkpoint import CheckpointError
    from models.wan.converted import bit_fault, out_of_date, source_file, write_converted

    source = source_file(file)
    for dtype in CONVERTED_DTYPES:
        path = converted_file(file, dtype)
        if path is None or not path.is_file():
            fault: str | None = f"{path} is absent"
        else:
            fault = out_of_date(path, file, source) or bit_fault(path, shown)
        if fault is None:
            _say(f"{path}: verified")
            continue
        if source is None:
            raise FetchError(
                f"{file.repository}/{file.path}: is not here to be converted again, and {fault}; delete what is there"
                " and run the prefetch again with a network"
            )
        try:
            read, written = source.stat().st_size, (file.parameters or 0) * WIDTH_BYTES[dtype]
            _say(
                f"{fault}; converting {file.repository}/{file.path} to {dtype}: {_gib(read)} are read, about"
                f" {_gib(written)} written; that takes minutes for gigabytes"
            )
            write_converted(file, source, config, dtype, shown)
        except CheckpointError as error:
            raise FetchError(str(error)) from error


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / GIB:.2f} GiB"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
