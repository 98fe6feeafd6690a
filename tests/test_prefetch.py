"""Published weights are fetched once, verified, locked and converted; what is wrong with them is named."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import huggingface_hub.constants
import pytest

from models.discover import discover
from models.hub.bars import shown
from models.hub.listing import FetchError, stored_counts
from models.hub.lock import LockedFile, LockError, lock_files, locked, read_lock
from models.prefetch import grouped, main, prefetch
from models.spec import ModelSpec, Recipe, WeightsFile
from models.wan.architecture import TINY
from models.wan.components import load_components
from models.wan.converted import bit_fault
from models.weights import cached_snapshot, converted_file, missing_weights, resolved_revision
from tests.causal_masked_pass import SIZES
from tests.fake_hub import COMMIT, FakeHub, serving

ROOT = Path(__file__).parents[1]
CHECKPOINT = (ROOT / "tests" / "golden" / "causvid-3step" / "model.pt").read_bytes()
STUDENT = WeightsFile(
    repository="owner/student", path="a/model.pt", licence="MIT", key="generator", config=SIZES, parameters=10_000
)
VAE = WeightsFile(repository="owner/base", path="vae/", licence="MIT", parameters=6, tensors=1)
TOKENIZER = WeightsFile(repository="owner/base", path="tokenizer/", licence="MIT")
# One tensor of 6 numbers.
HEADER = b'{"w":{"dtype":"U8","shape":[2,3],"data_offsets":[0,6]}}'
NETWORK = len(HEADER).to_bytes(8, "little") + HEADER + b"values"
BASE = {
    "vae/config.json": b"{}",
    "vae/model.safetensors": NETWORK,
    "tokenizer/tokenizer_config.json": b"{ }",
    "tokenizer/spiece.model": b"pieces",
    "unasked/model.safetensors": b"0" * 999,
}


def model(*weights: WeightsFile) -> ModelSpec:
    return replace(discover()["causvid-1.3b"], weights=weights)


STUDENT_MODEL = model(STUDENT, VAE, TOKENIZER)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """Serve two repositories, with a cache and a lock of their own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("CONVERTED_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr("models.hub.lock.PATH", tmp_path / "weights.lock")
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    repositories = {"owner/student": {"a/model.pt": CHECKPOINT, "b/model.pt": b"other"}, "owner/base": dict(BASE)}
    with serving(FakeHub(repositories)) as served:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(constants, "ENDPOINT", served.endpoint)
        template = served.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield served


def fetch(*specs: ModelSpec, dry_run: bool = False) -> None:
    prefetch(specs or (STUDENT_MODEL,), dry_run=dry_run)


def test_all_is_fetched_verified_locked_and_converted(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    """Only what is wanted; the lock says revision, size and sha256 of every file; both precisions are there."""
    assert missing_weights(STUDENT_MODEL.weights)
    fetch()
    assert missing_weights(STUDENT_MODEL.weights) == []
    assert sorted(hub.downloads()) == sorted(["a/model.pt", *(path for path in BASE if "unasked" not in path)])
    student, base = read_lock()["owner/student"], read_lock()["owner/base"]
    assert student.revision == base.revision == COMMIT
    assert student.files.keys() == {"a/model.pt"}
    assert student.files["a/model.pt"].bytes == len(CHECKPOINT)
    assert {len(file.sha256) for file in base.files.values()} == {64}
    for dtype in ("bfloat16", "float32"):
        path = converted_file(STUDENT, dtype)
        assert path is not None
        assert path.is_file()
    said = capsys.readouterr().out
    assert f"owner/student @ {COMMIT}: a/model.pt: 1 files" in said
    assert "free there" in said.split("files verified")[0]
    assert said.endswith("all is there\n")


def test_what_converting_takes_is_said_before_it_begins(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Source, precision and both sizes, while nothing is converted yet."""
    hub.repositories["owner/student"]["a/model.pt"] = CHECKPOINT

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("models.wan.converted.write_converted", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch(model(replace(STUDENT, parameters=2**30)))
    said = capsys.readouterr().out.splitlines()[-1]
    assert "converting owner/student/a/model.pt to bfloat16: 0.00 GiB are read, about 2.00 GiB written" in said


def bars_of_a_fetch(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """Fetch, and give of every bar what it was advanced by; each must have ended at its whole."""
    bars: dict[str, list[int]] = {}

    @contextmanager
    def recorded(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        bars[f"{len(bars)} {what}"] = advanced = list[int]()
        yield advanced.append
        assert sum(advanced) == total_bytes

    with monkeypatch.context() as patch:
        patch.setattr("models.hub.bars.shown", recorded)
        fetch(model(STUDENT))
    return bars


def test_bars_of_verifying_and_converting_count_bytes(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """One large file moves its bar as it is read, a conversion tensor by tensor; each ends at its whole."""
    monkeypatch.setattr("models.hub.bars.READ_BYTES", len(CHECKPOINT) // 8 + 1)
    first = bars_of_a_fetch(monkeypatch)
    assert list(first) == [
        "0 verifying owner/student",
        "1 hashing model.pt",
        "2 converting to bfloat16",
        "3 hashing what was converted",
        "4 writing model.generator.bfloat16.safetensors",
        "5 hashing model.pt",
        "6 converting to float32",
        "7 hashing what was converted",
        "8 writing model.generator.float32.safetensors",
    ]
    assert [len(advanced) for advanced in first.values()] == [8, 8, 96, 96, 1, 8, 96, 96, 1]
    assert sum(first["0 verifying owner/student"]) == len(CHECKPOINT)
    half, whole = (sum(first[name]) for name in ("2 converting to bfloat16", "6 converting to float32"))
    assert whole / 2 < half < whole  # what is kept in float32
    assert list(bars_of_a_fetch(monkeypatch)) == [
        "0 verifying owner/student",
        "1 verifying model.generator.bfloat16.safetensors",
        "2 verifying model.generator.float32.safetensors",
    ]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_bars_are_drawn_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> None:
    """Into a file, as under nohup, go the lines on stdout and no bar of ours."""
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with shown("verifying a/b", 2**30) as advance:
        advance(2**29)
    assert ("verifying a/b:   0%" in stream.getvalue()) is is_terminal
    assert ("1.07G" in stream.getvalue()) is is_terminal


def test_published_safetensors_are_not_converted(hub: FakeHub, tmp_path: Path) -> None:
    """They are fetched and verified; no room is asked for a conversion and nothing is written beside them."""
    hub.repositories["owner/student"]["a.safetensors"] = NETWORK
    fetch(model(replace(STUDENT, path="a.safetensors", parameters=2**60)))
    assert read_lock()["owner/student"].files.keys() == {"a.safetensors"}
    assert not (tmp_path / "converted-weights").exists()


def test_second_prefetch_downloads_nothing(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there counts as 0 bytes, and is verified again."""
    fetch()
    hub.asked.clear()
    capsys.readouterr()
    fetch()
    assert hub.downloads() == []
    said = capsys.readouterr().out
    assert said.count("to download 0.00 GiB") == 3
    assert "4 files verified" in said
    assert "bfloat16.safetensors: verified" in said


def test_parts_that_models_share_are_fetched_once(hub: FakeHub) -> None:
    """Two models with one VAE and tokenizer."""
    fetch(STUDENT_MODEL, model(VAE, TOKENIZER))
    assert len(hub.downloads()) == len(set(hub.downloads())) == 5


LORAS = tuple(
    WeightsFile(repository="owner/loras", path=f"{name}.safetensors", licence="MIT", lora=name) for name in ("v1", "v2")
)


def lora_model(*weights: WeightsFile) -> ModelSpec:
    """Make a model with two LoRAs, of which its published recipe names the first."""
    return replace(discover()["wan2.1-t2v-14b-causvid-lora"], weights=(*weights, *LORAS))


@pytest.mark.parametrize(
    ("loras", "fetched"),
    [((), ["v1"]), (("v2",), ["v2"]), (("v1", "v2"), ["v1", "v2"]), (("v9",), ["v1"])],
    ids=str,
)
def test_of_several_loras_the_published_recipes_or_the_chosen_are_fetched(
    loras: tuple[str, ...], fetched: list[str]
) -> None:
    """What several LoRAs share stays one file; a name of another model's LoRA changes nothing for this one."""
    files = [file for group in grouped([lora_model(VAE)], loras).values() for file in group]
    assert [file.lora for file in files] == [None, *fetched]


def test_lora_that_the_hub_lacks_does_not_keep_a_model_from_being_fetched(hub: FakeHub) -> None:
    """The second version's name is not confirmed: only who asks for it is told that it is not there."""
    hub.repositories["owner/loras"] = {"v1.safetensors": NETWORK}
    fetch(lora_model())
    assert hub.downloads() == ["v1.safetensors"]
    with pytest.raises(FetchError, match=r"owner/loras at c+ has no v2\.safetensors; it holds: v1\.safetensors"):
        prefetch([lora_model()], loras=["v2"], dry_run=True)


def test_unknown_lora_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the hub is asked; models without LoRAs may stand beside one that has them."""
    for models, known in ((["wan2.1-t2v-14b-causvid-lora", "causvid-1.3b"], "v1, v2"), (["causvid-1.3b"], "none")):
        with pytest.raises(SystemExit, match="2"):
            main([*models, "--lora", "v3"])
        assert f"unknown LoRA v3; known of these models: {known}\n" in capsys.readouterr().err


def test_every_full_size_model_of_the_suite_shares_encoder_vae_and_tokenizer() -> None:
    """All models that build on Wan 2.1 name the same text encoder, VAE and tokenizer."""
    wan = [spec for spec in discover().values() if spec.weights]
    files = [file for group in grouped(wan).values() for file in group]
    for folder in ("text_encoder/", "vae/", "tokenizer/"):
        assert [file.repository for file in files if file.path == folder] == ["Wan-AI/Wan2.1-T2V-1.3B-Diffusers"]


def test_dry_run_says_what_there_is_to_fetch_and_writes_nothing(
    hub: FakeHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Total bytes and free disk, from the hub's own metadata."""
    hub.repositories["owner/student"]["a/model.pt"] = b"0" * 2**24
    fetch(dry_run=True)
    assert "to download 0.02 GiB" in capsys.readouterr().out
    assert hub.downloads() == []
    assert [path.name for path in tmp_path.iterdir()] == []


def test_dropped_connection_is_resumed(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second request asks for the rest of the file only."""
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", len(CHECKPOINT) // 4)
    hub.drops["a/model.pt"] = 1
    fetch(model(STUDENT))
    first, second = hub.downloads()
    assert (first, second) == ("a/model.pt", f"a/model.pt@{len(CHECKPOINT) // 2}")


def test_failed_download_goes_on_with_the_files_that_are_not_there(hub: FakeHub) -> None:
    """What came whole is kept; nothing is locked of a repository that did not come whole."""
    hub.fails.add("tokenizer/spiece.model")
    with pytest.raises(FetchError, match=r"owner/base: download failed: .*run again to go on"):
        fetch(model(VAE, TOKENIZER))
    assert read_lock() == {}
    before = set(hub.downloads())
    hub.fails.clear()
    hub.asked.clear()
    fetch(model(VAE, TOKENIZER))
    assert "tokenizer/spiece.model" in hub.downloads()
    assert before.isdisjoint(hub.downloads())


def test_offline_with_everything_there_verifies_by_the_lock(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`HF_HUB_OFFLINE`: the lock stands for the hub, and a file that has changed is found."""
    fetch()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    fetch()
    assert "the hub was not asked (OfflineModeIsEnabled" in capsys.readouterr().out
    snapshot = cached_snapshot("owner/base", None)
    assert snapshot is not None
    (snapshot / "tokenizer" / "spiece.model").resolve().write_bytes(b"piecez")
    with pytest.raises(FetchError, match=r"spiece\.model: its sha256 is [0-9a-f]{64}, published is"):
        fetch()


def test_offline_with_something_missing_names_it(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is half done: the message says what lacks."""
    fetch(model(VAE))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FetchError, match=r"this machine lacks owner/student/a/model\.pt; run again with a network"):
        fetch(model(VAE, STUDENT))


def test_dry_run_without_the_hub_computes_what_it_can_and_says_what_it_cannot(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parameters times bytes is called computed; what states none is of unknown size; the lock's sizes are exact."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    student = replace(STUDENT, parameters=2**28)
    with pytest.raises(FetchError, match="the hub gives no answer"):
        fetch(model(student, TOKENIZER), dry_run=True)
    said = capsys.readouterr().out
    assert (
        "owner/student/a/model.pt: 268,435,456 parameters × 2 bytes (bfloat16) = 0.50 GiB, × 4 (float32) = 1.00" in said
    )
    assert "owner/base/tokenizer/: its size is not known without the hub" in said
    assert (
        "computed, the hub was not asked: to download 0.50 to 1.00 GiB and 1 of unknown size, to convert 1.50" in said
    )
    assert said.count("free at ") == 2
    lock_files("owner/student", COMMIT, {"a/model.pt": LockedFile(2**30, "0" * 64)})
    with pytest.raises(FetchError, match="the hub gives no answer"):
        fetch(model(student), dry_run=True)
    assert "owner/student/a/model.pt: 1.00 GiB by models/weights.lock" in capsys.readouterr().out


def test_unreachable_hub_is_as_good_as_offline(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused connection with everything there is no error."""
    fetch(model(VAE))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    fetch(model(VAE))


def test_offline_without_a_lock_says_that_nothing_was_verified(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights that somebody copied here are usable, and called unverified."""
    snapshot = tmp_path / "hub" / "models--owner--base" / "snapshots" / COMMIT / "vae"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_bytes(b"{}")
    (snapshot / "model.safetensors").write_bytes(NETWORK)
    (snapshot.parents[2] / "refs").mkdir()
    (snapshot.parents[2] / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    fetch(model(VAE))
    assert "NOT VERIFIED" in capsys.readouterr().out
    assert read_lock() == {}


def test_converted_weights_are_enough_offline(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checkpoint may be deleted: its converted files are verified; a flipped bit in one is then an error."""
    fetch(model(STUDENT))
    snapshot = cached_snapshot("owner/student", None)
    assert snapshot is not None
    shutil.rmtree(snapshot)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    fetch(model(STUDENT))
    path = converted_file(STUDENT, "float32")
    assert path is not None
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        FetchError, match=r"a/model\.pt: is not here to be converted again, and .* is damaged.*; delete"
    ):
        fetch(model(STUDENT))


def test_deleted_checkpoint_is_not_fetched_again_once_it_is_converted(hub: FakeHub) -> None:
    """Its converted files are verified instead; without one of them it is fetched."""
    fetch(model(STUDENT))
    snapshot = cached_snapshot("owner/student", None)
    assert snapshot is not None
    shutil.rmtree(snapshot.parents[1])
    hub.asked.clear()
    fetch(model(STUDENT))
    assert hub.downloads() == []
    path = converted_file(STUDENT, "bfloat16")
    assert path is not None
    path.unlink()
    fetch(model(STUDENT))
    assert hub.downloads() == ["a/model.pt"]


def test_flipped_bit_of_a_converted_file_is_mended(hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> None:
    """With the checkpoint at hand it is converted again."""
    fetch(model(STUDENT))
    path = converted_file(STUDENT, "bfloat16")
    assert path is not None
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    fetch(model(STUDENT))
    assert bit_fault(path) is None
    assert "is damaged: its tensors' sha256 is" in capsys.readouterr().out


@pytest.mark.parametrize(("spare", "fits"), [(-1, False), (0, True)])
def test_disk_that_is_too_small_is_refused_before_anything_is_fetched(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, spare: int, *, fits: bool
) -> None:
    """Download, both converted precisions and 1 GiB to spare must fit, to the byte."""
    needed = len(CHECKPOINT) + 10_000 * (2 + 4) + 2**30
    usage = shutil._ntuple_diskusage(0, 0, needed + spare)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    if fits:
        fetch(model(STUDENT))
        return
    with pytest.raises(FetchError, match=r"are to be written and 1\.00 GiB left free, but only 1\.00 GiB are"):
        fetch(model(STUDENT))
    assert hub.downloads() == []


@pytest.mark.parametrize("path", ["vae/model.safetensors", "vae/config.json"])
def test_content_that_is_not_what_the_hub_states_is_refused(hub: FakeHub, path: str) -> None:
    """One other byte of the right length: large files by sha256, small ones by git's checksum; nothing is locked."""
    published = BASE[path]
    hub.sends[path] = published[:-1] + bytes([published[-1] ^ 1])
    with pytest.raises(FetchError, match=rf"{path}: its (sha256|git blob) is .*delete .*/blobs/[0-9a-f]+ and run"):
        fetch(model(VAE))
    assert read_lock() == {}


def test_network_of_another_size_is_refused(hub: FakeHub) -> None:
    """A folder must hold the parameters and tensors that its model states."""
    with pytest.raises(FetchError, match=r"owner/base/vae/ holds 6 parameters in 1 tensors, expected 7 in 1"):
        fetch(model(replace(VAE, parameters=7)))


def test_checkpoint_of_another_model_is_refused(hub: FakeHub) -> None:
    """The conversion's own message comes through."""
    with pytest.raises(FetchError, match=r"a/model\.pt: .*instead of"):
        fetch(model(replace(STUDENT, config={**SIZES, "ffn_dim": 16})))


def test_lock_pins_what_main_names_later(hub: FakeHub) -> None:
    """After the hub's main has moved, the locked revision is still what is asked for and loaded."""
    fetch(model(VAE))
    hub.commit = "d" * 40
    assert resolved_revision(VAE) == COMMIT
    asked = []
    original = huggingface_hub.HfApi.model_info

    def model_info(api: object, repository: str, **options: object) -> object:
        asked.append(options["revision"])
        return original(api, repository, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub.HfApi, "model_info", model_info)
        hub.commit = COMMIT
        fetch(model(VAE))
    assert asked == [COMMIT]


def test_files_of_another_revision_leave_the_lock(hub: FakeHub) -> None:
    """A pin in a model's file goes before the lock, which then holds the pinned revision alone."""
    fetch(model(VAE, TOKENIZER))
    hub.commit = "d" * 40
    fetch(model(replace(VAE, revision="d" * 40)))
    entry = read_lock()["owner/base"]
    assert entry.revision == "d" * 40
    assert entry.files.keys() == {"vae/config.json", "vae/model.safetensors"}
    assert locked("owner/base", COMMIT) is None


@pytest.mark.parametrize("content", ["{", '{"owner/base": {"revision": 7, "files": {}}}', "[]"])
def test_malformed_lock_is_named(hub: FakeHub, tmp_path: Path, content: str) -> None:
    """The message names the file and the way on."""
    (tmp_path / "weights.lock").write_text(content)
    with pytest.raises(LockError, match=r"weights\.lock: .*; mend it, or delete it"):
        fetch()


def test_file_that_the_repository_lacks_is_named_with_what_it_holds(hub: FakeHub) -> None:
    """A misspelt path, or a revision from before the file was there."""
    with pytest.raises(FetchError, match=r"owner/student at c+ has no x/model\.pt; it holds: a/model\.pt, b/model\.pt"):
        fetch(model(replace(STUDENT, path="x/model.pt")))


def test_repository_that_is_not_there_is_named(hub: FakeHub) -> None:
    """The hub's own refusal comes through on one line."""
    with pytest.raises(FetchError, match=r"owner/gone at main: the hub refuses: 404"):
        fetch(model(replace(VAE, repository="owner/gone")))


def test_unknown_model_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the hub is asked."""
    with pytest.raises(SystemExit, match="2"):
        main(["causvid-1.3b", "causvid-9b"])
    assert "unknown model causvid-9b; known: causvid-1.3b, " in capsys.readouterr().err


def test_toy_models_have_nothing_to_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    """They are built in place."""
    assert main(["causvid-tiny"]) == 0
    assert capsys.readouterr().out.endswith("toy weights only: nothing to fetch\n")


def test_full_size_networks_store_a_tied_embedding_once(tmp_path: Path) -> None:
    """Counting what a library stores gives what is stated: all of it, or without the copy of the embedding."""
    recipe = Recipe(
        model="x",
        weights="tiny",
        device="cpu",
        transformer_dtype="float32",
        text_encoder_dtype="float32",
        vae_dtype="float32",
        attention="native",
    )
    text_encoder = load_components(TINY, recipe).text_encoder.network()
    text_encoder.save_pretrained(tmp_path)
    expected = sum(parameter.numel() for parameter in text_encoder.parameters())
    assert stored_counts(tmp_path) == (expected, len(list(text_encoder.parameters())))


def test_command_honours_the_hubs_variables(hub: FakeHub, tmp_path: Path) -> None:
    """`HF_ENDPOINT`, `HF_HOME` and `HF_TOKEN`, in a process of its own; it ends with 1 and one sentence."""
    home, given = tmp_path / "home", {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": "hf_secret"}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")} | given
    done = subprocess.run(
        [sys.executable, "-m", "models.prefetch", "--dry-run", "causvid-1.3b"],
        env={**environment, "HF_HOME": str(home)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("tianweiy/CausVid at main: the hub refuses: 404")
    assert "Bearer hf_secret" in hub.tokens
