"""A model that does what its prompt says: "fault nan-frames 2" yields NaN in the second generation of that prompt.

It records its life, one JSON line an event, in the file that the variable FAULTY_LOG names: what is loaded, and how
many tensors of earlier generations and pipelines were still alive at that moment.
"""

import json
import os
import signal
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from models.spec import ModelSpec, PipelineFacts, Probe, Recipe, Request, Sampling

MADE: list[Callable[[], object]] = []


def record(event: str, **facts: object) -> None:
    alive = sum(reference() is not None for reference in MADE)
    if path := os.environ.get("FAULTY_LOG"):
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"event": event, "alive": alive, **facts}) + "\n")


def put_a_folder(place: Path) -> None:
    """Stand a folder where a file is to be written."""
    if not place.is_dir():
        place.unlink(missing_ok=True)
        place.mkdir()


def signal_once() -> None:
    """Send ourselves the signal that FAULTY_SIGNAL names, unless an earlier process has been sent one here already."""
    flag = Path(os.environ["FAULTY_LOG"]).with_suffix(".sent")
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), getattr(signal, os.environ["FAULTY_SIGNAL"]))


def raise_from_out_of_memory() -> None:
    """Wrap an out-of-memory, as a library does; both errors' frames hold a tensor."""
    import torch

    held = torch.zeros(1000)
    MADE.append(weakref.ref(held))
    try:
        fault("oom")
    except torch.OutOfMemoryError as error:
        raise RuntimeError(f"decoding {held.numel()} values failed") from error


def lose_device() -> None:
    """Raise what CUDA raises once a kernel has failed; every later call of torch.cuda is put in the log, and fails."""
    import torch

    def touched(*_: object, **__: object) -> None:
        record("touched")
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")

    torch.cuda.is_initialized = lambda: True
    for name in ("empty_cache", "synchronize", "memory_stats_as_nested_dict", "mem_get_info", "current_device"):
        setattr(torch.cuda, name, touched)
    raise torch.AcceleratorError("CUDA error: device-side assert triggered")


def fault(what: str) -> None:  # noqa: C901, PLR0912 - a list of what can go wrong
    import pytest
    import torch

    torn = torch.zeros(1000)  # what a failed case must not keep alive
    MADE.append(weakref.ref(torn))
    match what:
        case "skip":
            pytest.skip("no such kernel here")
        case "fail":
            pytest.fail("the budget is broken")
        case "plugin-timeout":
            pytest.fail("Timeout (>10.0s) from pytest-timeout.")
        case "assert":
            assert torn.sum() == 1, "the sum is wrong"
        case "raise":
            raise ValueError("broken latents")
        case "group":
            raise ExceptionGroup("two at once", [ValueError("one"), KeyError("two")])
        case "oom":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        case "chained":
            raise_from_out_of_memory()
        case "lost":
            lose_device()
        case "hang":
            try:
                threading.Event().wait(20)
            except Exception:  # noqa: BLE001 - a model may swallow what it likes; the limit holds all the same
                record("swallowed")
        case "folder":
            put_a_folder(Path(os.environ["FAULTY_FOLDER"]))
        case "signal":
            signal_once()
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)


class Faulty:
    """Two steps and two chunks of frames made of the noise; `calls` counts the generations of each prompt."""

    def __init__(self, recipe: Recipe) -> None:
        import torch

        record("load", recipe=recipe.attention)
        if recipe.attention == "xformers":
            raise RuntimeError("the weights do not fit the architecture")
        self.torch, self.recipe, self.calls = torch, recipe, Counter[str]()
        self.weights = torch.ones(1000)
        MADE.extend([weakref.ref(self), weakref.ref(self.weights)])

    def draw_noise(self, request: Request) -> tuple[Any, ...]:
        generator = self.torch.Generator().manual_seed(request.seed)
        return (self.torch.randn((1, request.frames, 3, request.height, request.width), generator=generator),)

    def generate(self, request: Request, noise: tuple[Any, ...], probe: Probe) -> Iterator[Any]:
        self.calls[request.prompt] += 1
        record("generate", prompt=request.prompt[:40], call=self.calls[request.prompt], recipe=self.recipe.attention)
        what, at = ("", 0)
        if request.prompt.startswith("fault "):
            _, what, number = request.prompt.split()
            at = int(number)
        due = what if self.calls[request.prompt] == at else ""
        with probe.phase("text_encode"):
            latents = noise[0].clone()
            MADE.append(weakref.ref(latents))
        with probe.phase("denoise"):
            for step in range(2):
                probe.step(step + 1, 2)
                fault(due)
            if due == "nan-latents":
                latents[0, 0, 0, 0, 0] = float("nan")
            probe.check_finite("latents", latents)
        for frames in self._decode(latents, due):
            with probe.phase("decode"):
                probe.check_finite("frames", frames)
                chunk = frames if due == "floats" else (frames.nan_to_num().clamp(-1, 1) * 127 + 128).byte()
                MADE.append(weakref.ref(chunk))
            yield chunk

    def _decode(self, latents: Any, due: str) -> list[Any]:
        if due == "nan-frames":
            latents = latents * float("inf")
        if due == "differ":
            latents = latents + self.torch.rand(())
        half = latents.shape[1] // 2
        chunks = [latents[:, :half], latents[:, half:]]
        changed = {
            "count": chunks[:1],
            "extra": [*chunks, chunks[0]],
            "size": [chunk[..., 2:] for chunk in chunks],
            "none": [],
        }
        return changed.get(due, chunks)

    def facts(self, request: Request) -> PipelineFacts:
        return PipelineFacts(
            scheduler_class="None",
            timesteps=(1.0, 0.5),
            sigmas=(1.0, 0.5),
            forwards=2,
            prompt_tokens=len(request.prompt.split()),
            prompt_truncated=False,
            attention_resolved=self.recipe.attention,
            dtypes={"weights": "float32"},
            parameters={"weights": 1000},
        )


MODEL = ModelSpec(
    id="faulty",
    title="A model that fails on purpose",
    licence="CC0-1.0",
    non_commercial=False,
    weights=(),
    weights_sources=("tiny",),
    width=16,
    height=16,
    frames=5,
    fps=16.0,
    sampling=Sampling(steps=2, guidance_scale=1.0, shift=1.0, scheduler="none", source="made up"),
    check=lambda _request: None,
    load=Faulty,
)
