"""A fresh process's time is split into parts that sum up, and its end is told whatever it was."""

import sys
import time
from pathlib import Path

import msgspec
import pytest

from fixtures.cold import fresh_run
from fixtures.cold.fresh_messages import Done, FreshProcessError, Order
from fixtures.cold.fresh_run import Ended, call_parts_s, cold_start_of, imports_s, run_fresh_process
from fixtures.status import status_of
from models.spec import Recipe, Request
from reports.measured import Facts, Round
from tests.reports_samples import a_round, measured

PRINTED = """
import time: self [us] | cumulative | imported package
import time:       999 |        999 | before
<begin>
import time:   1000000 |    1000000 |   torch._C
import time:    500000 |    1500000 | torch
Loading weights:  50%|#### import time:     250000 |     250000 | late
<end>
import time:       777 |        777 | after
"""


def round_of(**phases_s: float) -> Round:
    return msgspec.structs.replace(a_round(10.0), phases_s=phases_s)


def ended(first: Round, second: Round | None = None) -> Ended:
    """Give a process that was started at 100 s: a second each until its start, imports, loading and the clip."""
    facts = measured(1.0).facts
    assert isinstance(facts, Facts)
    done = Done(
        began_s=101.0,
        imported_s=103.0,
        loaded_s=113.0,
        called_s=114.0,
        generated_s=124.0,
        written_s=126.0,
        first=first,
        second=second,
        shape=(1, 81, 3, 480, 832),
        facts=facts,
        reasons={},
        memory=measured(1.0).memory,
    )
    return Ended(spawned_s=100.0, done=done, load_imports_s=4.0)


def order_of(folder: Path) -> Order:
    recipe = Recipe(
        model="none",
        weights="tiny",
        device="cpu",
        transformer_dtype="float32",
        text_encoder_dtype="float32",
        vae_dtype="float32",
        attention="native",
    )
    request = Request(
        prompt="", width=16, height=16, frames=5, fps=16, steps=1, guidance_scale=1, shift=1, seed=0, negative_prompt=""
    )
    return Order(recipe=recipe, request=request, models_dir=None, video="", answer=str(folder / "answer.json"))


def is_running(pid: str) -> bool:
    """Tell a process from none, and from one that has ended and is not collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_imports_are_summed_between_the_marks_by_their_own_time() -> None:
    """1 + 0.5 + 0.25 s: nested ones once, those before and after not, also behind a progress bar."""
    assert imports_s(PRINTED, "<begin>", "<end>") == pytest.approx(1.75)
    assert imports_s("nothing", "<begin>", "<end>") == 0.0


def test_parts_are_in_order_and_sum_up_to_the_whole() -> None:
    """What the model imported while it loaded is import; the rest of the call is `other`."""
    start = cold_start_of(ended(round_of(text_encode=1.0, denoise=4.0, decode=3.0, to_host=0.5)), 0.25, None)
    assert start.parts_s == {
        "interpreter": 1.0,
        "import": 6.0,
        "load": 6.0,
        "text_encode": 1.0,
        "denoise": 4.0,
        "decode": 3.0,
        "to_host": 0.5,
        "file": 2.0,
        "other": 2.5,
    }
    assert list(start.parts_s)[-2:] == ["file", "other"]
    assert start.total_s == sum(start.parts_s.values()) == 26.0
    assert (start.weights_cached_ratio, start.compile_cache) == (0.25, None)


def test_compiling_is_the_first_call_less_the_second_but_for_the_text_encoder() -> None:
    """Denoise 9 s first and 2 s then, decode 3 and 2: 8 s of compiling. A freed text encoder's phase stays."""
    first, second = round_of(text_encode=1.0, denoise=9.0, decode=3.0), round_of(denoise=2.0, decode=2.0)
    parts = call_parts_s(first, second)
    assert parts == {"compile": 8.0, "text_encode": 1.0, "denoise": 2.0, "decode": 2.0}
    whole = cold_start_of(ended(first, second), None, "empty")
    assert sum(whole.parts_s.values()) == whole.total_s


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        (
            "import sys; print('one', flush=True); sys.exit('no such kernel')",
            "error",
            r"code 1 and told nothing.*one \| no such kernel",
        ),
        ("import os; os.kill(os.getpid(), 9)", "crashed", "killed by SIGKILL; the kernel does that where host memory"),
        ("import os; os.kill(os.getpid(), 11)", "crashed", "killed by SIGSEGV"),
    ],
)
def test_process_without_an_answer_is_told_by_its_end(
    code: str, status: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash is a crash, and an exit is an error with the last lines that were printed."""
    monkeypatch.setattr(fresh_run, "COMMAND", (sys.executable, "-c", code))
    with pytest.raises(FreshProcessError, match=reason) as caught:
        run_fresh_process(order_of(tmp_path), tmp_path / "log.txt", {})
    assert status_of(caught.value) == (status, str(caught.value))


def test_earlier_process_answer_is_not_a_killed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Round 1 does well, the process of round 2 is killed before it tells anything: a crash, no second success."""
    order, flag = order_of(tmp_path), tmp_path / "round-1"
    first = ended(round_of(denoise=1.0)).done
    code = (
        "import msgspec, os, pathlib, signal, sys, time\n"
        f"flag, answer = pathlib.Path({str(flag)!r}), pathlib.Path({order.answer!r})\n"
        "if flag.exists(): os.kill(os.getpid(), signal.SIGKILL)\n"
        "flag.touch()\n"
        f"told = msgspec.json.decode({msgspec.json.encode(first)!r})\n"
        "answer.write_bytes(msgspec.json.encode(told | {'began_s': time.perf_counter()}))"
    )
    monkeypatch.setattr(fresh_run, "COMMAND", (sys.executable, "-c", code))
    assert run_fresh_process(order, tmp_path / "log.txt", {}).done.shape == first.shape
    with pytest.raises(FreshProcessError, match="killed by SIGKILL") as caught:
        run_fresh_process(order, tmp_path / "log.txt", {})
    assert caught.value.status == "crashed"


@pytest.mark.parametrize(
    ("began_s", "code", "reason"),
    [(1e12, 3, "code 3 and told of a clip"), (0.0, 0, "code 0 and told of another process's clip")],
)
def test_clip_counts_only_of_this_process_and_when_it_ended_well(
    began_s: float, code: int, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It died after its answer, or the answer begins before it was spawned: neither is a cold start."""
    order = order_of(tmp_path)
    done = msgspec.structs.replace(ended(round_of(denoise=1.0)).done, began_s=began_s)
    words = f"open({order.answer!r}, 'wb').write({msgspec.json.encode(done)!r}); raise SystemExit({code})"
    monkeypatch.setattr(fresh_run, "COMMAND", (sys.executable, "-c", words))
    with pytest.raises(FreshProcessError, match=reason) as caught:
        run_fresh_process(order, tmp_path / "log.txt", {})
    assert caught.value.status == "error"


def test_variables_reach_the_process_and_its_children_end_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A compiler's helper that the process leaves behind is killed with its group."""
    code = (
        "import os, subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(os.environ['OURS'], p.pid); sys.exit(3)"
    )
    monkeypatch.setattr(fresh_run, "COMMAND", (sys.executable, "-c", code))
    with pytest.raises(FreshProcessError, match="code 3"):
        run_fresh_process(order_of(tmp_path), tmp_path / "log.txt", {"OURS": "told"})
    word, pid = (tmp_path / "log.txt").read_text().split()
    assert word == "told"
    for _ in range(200):  # a killed process takes a moment to go
        if not is_running(pid):
            break
        time.sleep(0.05)
    assert not is_running(pid)
