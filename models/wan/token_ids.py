"""`python -m models.wan.token_ids`: pin the token ids of eight fixed prompts, or check them against the pins.

A tokenizer that splits a prompt otherwise than the one that Wan was trained with changes every clip and raises no
error; the libraries' tokenizers were rewritten since. Real files are needed to pin: print the ids where they are known
to be right (`> FILE`), and `--check FILE` wherever it matters. Exit codes: 0 printed or equal, 1 differing, no
tokenizer or no such pins, 2 bad use.
"""

import argparse
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from models.spec import WeightsMissingError
from models.wan.architecture import T2V_1_3B
from models.wan.prompts import NEGATIVE_PROMPT
from models.wan.published import BASE_REPOSITORY

PROMPTS = {
    "plain": "Two dogs run along a beach at sunset.",
    "empty": "",
    "white-space": "  a\u3000cat\n\tsleeps  ",
    "mojibake": "a cafÃ© in the rain",
    "html": "Tom &amp;amp; Jerry &lt;3",
    "emoji": "a 🐼 eats 竹 — “slowly”…",
    "negative": NEGATIVE_PROMPT,
    "too-long": "a red kite, " * 200,
}


def ids_of_prompts() -> dict[str, list[int]]:
    """Give the token ids of `PROMPTS` by name, cleaned and cut as the model gets them.

    Raises WeightsMissingError where the tokenizer's files are not in the local hub cache.
    """
    from models.wan.components import HubLayout, load_tokenizer
    from models.wan.text import token_ids

    tokenizer = load_tokenizer(HubLayout(BASE_REPOSITORY, None))
    return {name: token_ids(tokenizer, text, T2V_1_3B.text_length)[0] for name, text in PROMPTS.items()}


def differences(found: dict[str, list[int]], pinned: dict[str, list[int]]) -> list[str]:
    """Name each prompt whose ids differ from the pinned, with the first differing place; empty where all are equal."""
    lines = [f"{name}: not pinned" for name in found if name not in pinned]
    for name, ids in pinned.items():
        theirs = found.get(name, [])
        if theirs != ids:
            pairs = zip(theirs, ids, strict=False)
            place = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(theirs), len(ids)))
            around = f"{theirs[place : place + 4]} instead of {ids[place : place + 4]}"
            lines.append(f"{name}: {len(theirs)} ids, pinned {len(ids)}; from place {place} on {around}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the ids as TOML, or check them; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m models.wan.token_ids", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", metavar="FILE", type=Path, help="compare with what this command printed once")
    options = parser.parse_args(arguments)
    try:
        found = ids_of_prompts()
        pinned = None if options.check is None else tomllib.loads(options.check.read_text())["ids"]
    except (WeightsMissingError, OSError, tomllib.TOMLDecodeError, KeyError) as error:
        sys.stderr.write(f"{options.check}: lacks {error}\n" if isinstance(error, KeyError) else f"{error}\n")
        return 1
    if pinned is None:
        sys.stdout.write(_as_toml(found))
        return 0
    lines = differences(found, pinned)
    sys.stdout.write("\n".join(lines or [f"{len(pinned)} prompts: the token ids are those of {options.check}"]) + "\n")
    return int(bool(lines))


def _as_toml(found: dict[str, list[int]]) -> str:
    import transformers

    from models.weights import cached_snapshot

    snapshot = cached_snapshot(BASE_REPOSITORY, None)
    commit = "unknown" if snapshot is None else snapshot.name
    head = f"# {BASE_REPOSITORY}/tokenizer/ @ {commit}, transformers {transformers.__version__}\n[ids]\n"
    return head + "".join(f"{name} = {ids}\n" for name, ids in found.items())


if __name__ == "__main__":
    sys.exit(main())
