"""`python -m reports ab` makes a blinded comparison of clips, `python -m reports votes` tells what came of it."""

import argparse
import sys
from pathlib import Path

from reports.ab.page import write_comparison
from reports.ab.pairs import choose
from reports.ab.record import read_key, read_votes
from reports.ab.win_rate import WinRate, win_rates
from reports.merge import read_runs
from reports.rows import counted, one_line
from reports.strict_json import encode

AB = "write a page on which people vote on clips without knowing whose they are, and the key to it"
VOTES = "tell how often whose clips were preferred, by the votes that people saved"


def takes_runs(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `ab`."""
    runs = "a run folder, or a run.json with its media beside it"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=runs)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="where to write vote/ and key.json")
    between = "a model each, or 'MODEL SETTING', or 'MODEL SETTING of RUN_ID'"
    parser.add_argument("--between", nargs=2, default=(), metavar="NAME", help=between)


def takes_votes(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `votes`."""
    files = "votes as the page saved them, a file a voter"
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=files)
    parser.add_argument("--key", required=True, type=Path, metavar="KEY", help="the key.json of the comparison")
    parser.add_argument("--json", action="store_true", help="print the rates as JSON, a line each")


def write(options: argparse.Namespace) -> int:
    """Write the blinded page and its key, and tell what to do with them; gives the exit code."""
    folders = [path if path.is_dir() else path.parent for path in options.runs]
    runs = list(zip(read_runs(options.runs), folders, strict=True))
    choice = choose(runs, options.between)
    written = write_comparison(choice, options.out)
    left_out = "".join(f"left out: {line}\n" for line in choice.left_out)
    sys.stdout.write(
        f"{counted(choice.pairs, 'pair')}\n{left_out}page  {written.page}\nkey   {written.key}\n"
        f"Hand out the folder {written.page.parent}; keep the key.\n"
    )
    return 0


def tell_votes(options: argparse.Namespace) -> int:
    """Tell the win rates of saved votes; gives the exit code."""
    key = read_key(options.key)
    ballots = read_votes(options.files, key)
    rates = win_rates(key, ballots)
    if options.json:
        sys.stdout.write("".join(f"{encode(rate).decode()}\n" for rate in rates))
        return 0
    sys.stdout.write("".join(f"{line}\n" for rate in rates for line in rate_lines(rate)))
    if noise := [source for source in key.weights if source != "hub"]:
        sys.stdout.write(
            f"weights are {' and '.join(noise)}: the clips are noise, and their votes say nothing of a model\n"
        )
    return 0


def rate_lines(rate: WinRate) -> list[str]:
    """Tell a rate in a line, and beside it what its votes are."""
    names = f"{one_line(rate.first, 100)} against {one_line(rate.second, 100)}"
    if rate.rate is None or rate.interval is None or rate.effective_votes is None:
        return [f"{names}: no votes on {counted(range(rate.trials), 'pair')}"]
    low, high = (100 * end for end in rate.interval)
    cast = counted(range(rate.won + rate.tied + rate.lost), "vote")
    worth = (
        f"  {rate.won} won, {rate.tied} without difference (half for each), {rate.lost} lost; "
        f"{counted(range(rate.voters), 'voter')}, {counted(range(rate.prompts), 'prompt')}, "
        f"{counted(range(rate.trials), 'pair')}; worth {rate.effective_votes:.1f} independent votes (Wilson, 95 %)"
    )
    return [
        f"{names}: {rate.verdict}: it won {100 * rate.rate:.1f} % [{low:.1f}, {high:.1f}] of {cast}",
        worth,
        f"  the clip on the left won {rate.left} of {rate.won + rate.lost} decided votes",
    ]
