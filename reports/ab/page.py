"""The blinded page: a folder to hand to voters, and the key to it, which stays.

Why it matters: who knows which clip is whose votes for a name. So clips are copied under random names, in random order,
and the page and its addresses hold nothing else of them; the page draws order and sides anew for each voter. The key
is written beside the folder, not into it. What cannot be hidden: who has the run's own clips may compare the bytes.
"""

import hashlib
import random
import secrets
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from reports.ab.pairs import Choice, Pair, Source
from reports.ab.record import SCHEMA_VERSION, BlindClip, Key, Trial
from reports.journal import RunFolderError
from reports.page_parts import page_parts, template
from reports.strict_json import write_atomically, write_json_atomically

STYLES = ("report.css", "player.css", "vote/vote.css")
SCRIPTS = ("scripts/in_step.js", "vote/vote.js")
RANDOM = random.SystemRandom()


class Written(NamedTuple):
    """Where a blinded comparison lies: the page, in the folder to hand out, and the key to keep."""

    page: Path
    key: Path


class Shown(NamedTuple):
    """All that the page knows of a trial; `clips` are names of files, in random order."""

    id: str
    text: str
    clips: list[str]
    fps: float
    frames: int


def write_comparison(choice: Choice, out: Path) -> Written:
    """Write `out/vote/`, the page and its clips, and `out/key.json`.

    Raises `RunFolderError` where `out` holds a comparison already, whose key its votes need, and `OSError` where the
    disk refuses.
    """
    folder, written = out / "vote", Written(out / "vote" / "index.html", out / "key.json")
    if written.key.exists() or folder.exists():
        raise RunFolderError(
            f"{out}: holds a blinded comparison already, whose votes need its key; name another folder"
        )
    (folder / "clips").mkdir(parents=True)
    trials = [(pair, _trial(pair, choice)) for pair in RANDOM.sample(choice.pairs, len(choice.pairs))]
    _copy(trials, folder / "clips")
    key = Key(
        kind="blinded comparison: key",
        schema_version=SCHEMA_VERSION,
        id=_random_name(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        weights=sorted({pair.first.case.plan.recipe.weights for pair in choice.pairs}),
        trials=[trial for _, trial in trials],
    )
    write_json_atomically(written.key, key)
    write_atomically(written.page, render_page(key, [_shown(pair, trial) for pair, trial in trials]).encode())
    return written


def render_page(key: Key, trials: Iterable[Shown]) -> str:
    """Render the page of these trials; what is in the key of sides and cases is not in it."""
    return template("vote.html.j2").render(
        parts=page_parts(STYLES, SCRIPTS),
        key_id=key.id,
        meaningless=" and ".join(source for source in key.weights if source != "hub"),
        trials=list(trials),
    )


def _trial(pair: Pair, choice: Choice) -> Trial:
    plan = pair.first.case.plan
    return Trial(
        id=_random_name(),
        prompt=plan.prompt.id,
        seed=plan.seed,
        first=_blinded(pair.first, choice),
        second=_blinded(pair.second, choice),
    )


def _blinded(source: Source, choice: Choice) -> BlindClip:
    return BlindClip(
        name=f"{_random_name()}.mp4",
        side=choice.names[source.side],
        run_id=source.side.run_id,
        case=source.case.id,
        sha256=hashlib.sha256(source.path.read_bytes()).hexdigest(),
    )


def _copy(trials: Iterable[tuple[Pair, Trial]], folder: Path) -> None:
    """Copy the clips in the order of their random names, so that the files' times tell nothing."""
    copies = {t.first.name: p.first.path for p, t in trials} | {t.second.name: p.second.path for p, t in trials}
    for name, path in sorted(copies.items()):
        shutil.copyfile(path, folder / name)


def _shown(pair: Pair, trial: Trial) -> Shown:
    plan = pair.first.case.plan
    clips = sorted([trial.first.name, trial.second.name])
    return Shown(trial.id, plan.prompt.text, clips, plan.request.fps, plan.request.frames)


def _random_name() -> str:
    return secrets.token_hex(8)
