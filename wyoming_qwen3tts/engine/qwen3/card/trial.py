"""The roads tried on the card: what each says, how long a frame takes it, which one is taken. Engine thread only.

``auto`` takes graphs, and weighs ``compiled`` and ``fused`` only on cards from which a report came (`PROVEN`): until
somebody has measured, they are asked for by name. What is asked for by name still has to say what single steps say.
"""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.util
import logging
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .... import __version__
from ....errors import DeviceLost, first_line
from ....model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from ....model.checkpoint.weights import load_checkpoint
from ....model.fused import PLAIN, Kernels, lean, use_kernels
from ....model.language_model import LanguageModel
from ....model.sampling import FrameSampling, SamplingParams
from ..device_errors import Kind, kind_of, let_go, root_cause
from ..runner.frames import SlotTensors
from ..runner.graphed_frames import Before, step_and_remember
from ..runner.graphs import Graphs, NoGraphs
from .roads import Choice, Key, Road, RoadMemory, Tried, choose, judge

log = logging.getLogger(__name__)

Asked = Literal["auto", "steps", "graphs", "compiled", "fused"]
PROVEN: frozenset[str] = frozenset()  # cards by name, of which a `doctor --gpu` showed that these roads are right
FRAMES, REPLAYS, BOUND = 64, 20, 256
SHAPE = TinyShape(layers=2, predictor_layers=2)
_GREEDY = FrameSampling(SamplingParams(greedy=True), SamplingParams(greedy=True))
_DRAWN = 6  # frames of the tiny model
_FAR = 1e-4  # of the greatest number, what float32 sums in another order may differ by
_NEEDS: dict[Road, str] = {"compiled": "torch.compile", "fused": "Triton"}


def missing(road: Road) -> str:
    """Why ``road`` cannot be taken by this installation; empty: it can."""
    if road not in _NEEDS:
        return ""
    if importlib.util.find_spec("triton") is None:
        return f"{_NEEDS[road]} needs the package triton, which torch for CUDA brings on Linux"
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
        return f"{_NEEDS[road]} needs a C compiler at run time (gcc)"
    return ""


def kernels_of(road: Road) -> Kernels:
    """What computes a layer on ``road``. Those of `missing` cannot be had."""
    if road == "fused":
        from ....model.card.operations import TritonKernels

        return TritonKernels()
    if road == "compiled":
        from ....model.card.compiled import CompiledKernels

        return CompiledKernels()
    return PLAIN


def key_of(device: str, *, driver: str, model: str, dtype: str, slots: int, asked: Asked) -> Key:
    """What a choice on this machine depends on."""
    return Key(
        torch.cuda.get_device_name(device),
        torch.cuda.get_device_capability(device),
        driver,
        str(torch.__version__),
        _triton_version(),
        __version__,
        model,
        dtype,
        slots,
        asked,
    )


def _triton_version() -> str:
    """Empty where there is none. A build for ROCm calls its package otherwise."""
    for package in ("triton", "pytorch-triton-rocm"):
        with suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(package)
    return ""


def road_for(
    asked: Asked,
    model: LanguageModel,
    key: Key,
    memory: RoadMemory | None,
    graphs: Callable[[], Graphs | None],
) -> Choice:
    """The road to build runners for; ``model`` is left on it.

    Raises:
        DeviceLost: if the card does not answer any more.
    """
    to_try = _candidates(asked, key.card)
    if len(to_try) == 1:  # nothing to weigh
        return Choice(to_try[0], {})
    known = memory.get(key) if memory is not None else None
    if known is not None:
        return Choice(known, {})
    try:
        tried = [_tried(road, model, key, memory, graphs) for road in to_try]
    finally:
        use_kernels(model, PLAIN)
    choice = choose(tried) if asked == "auto" else judge(asked, tried)
    figures = ", ".join(f"{each.road} {each.error or f'{each.frame_ms:.2f} ms a frame'}" for each in tried)
    log.info("Frames are made by %s: %s", choice.road, figures)
    for road, why in choice.reasons.items():
        if road == asked:
            log.warning("engine.frames %s is not taken: %s", road, why)
    if memory is not None:
        try:
            memory.put(key, choice)
        except OSError as error:
            log.warning("How frames are made is not remembered, and measured at each start: %s", error)
    return choice


def _candidates(asked: Asked, card: str) -> tuple[Road, ...]:
    if asked == "auto":
        return ("steps", "graphs", "compiled", "fused") if card in PROVEN else ("graphs",)
    return (asked,) if asked in ("steps", "graphs") else ("steps", "graphs", asked)


def _tried(
    road: Road, model: LanguageModel, key: Key, memory: RoadMemory | None, graphs: Callable[[], Graphs | None]
) -> Tried:
    fatal = memory.fatal(key) if memory is not None else None
    if fatal is not None and fatal[0] == road:
        return Tried(road, error=f"it hung or ended the process when it was tried; to try again, delete {fatal[1]}")
    with ExitStack() as marked:
        if memory is not None and road in _NEEDS:
            try:
                marked.enter_context(memory.trying(key, road))
            except OSError as error:  # it could hang at every start
                return Tried(road, error=f"it cannot be noted that it is tried: {error}")
        return try_road(road, model, graphs)


def try_road(road: Road, model: LanguageModel, graphs: Callable[[], Graphs | None]) -> Tried:
    """What ``road`` says and how long it takes, in one row of `BOUND` positions.

    Raises:
        DeviceLost: if the card does not answer any more.
    """
    if why := missing(road):
        return Tried(road, error=why)
    try:
        with torch.inference_mode():
            kernels = kernels_of(road)
            why = _drawn_otherwise(kernels, model.device) if road in _NEEDS else ""
            if why:
                return Tried(road, error=why)
            use_kernels(model, kernels)
            recorder = (graphs() if road != "steps" else None) or NoGraphs()
            codes, margins = _spoken(model, recorder, with_margins=road == "steps")
            return Tried(road, _frame_ms(model, recorder), codes, margins)
    except Exception as error:  # noqa: BLE001  of a compiler too: whatever it is, this road is out
        kind, said = kind_of(error), first_line(root_cause(error))
        let_go(error)
        if kind is Kind.LOST:
            raise DeviceLost(f"The GPU failed on the road {road}: {said}") from None
        return Tried(road, error=said or type(error).__name__)
    finally:
        gc.collect()  # what it recorded


class _Row:
    """One row that speaks from nothing: the same inputs on each road."""

    def __init__(self, model: LanguageModel, graphs: Graphs, sampling: FrameSampling) -> None:
        self._graphs, tensors = graphs, SlotTensors(model, 1, BOUND)
        self._rows = rows = tensors.rows(0, 1)
        self._before = Before(rows.embedding.clone(), rows.state.sampler.seen.clone())
        work = partial(step_and_remember, model, sampling, rows, self._before, BOUND)
        with graphs.lane("frames"):
            self._replay = graphs.capture(work, "frames")
            rows.state.restart(0, 0, seed=1)
            rows.embedding.copy_(_some(rows.embedding))
            rows.state.cache.blank()

    @property
    def cache(self) -> Tensor:
        """Keys and values of the frames so far."""
        cache = self._rows.state.cache
        return torch.cat((cache.keys, cache.values))

    def frame(self) -> list[int]:
        with self._graphs.lane("frames"):
            self._replay()
            found: list[list[int]] = self._graphs.fetch(self._rows.found)().tolist()
        return found[0][:-1]


class _Margins(TorchFunctionMode):
    """How far the two best scores of each arg-max lie apart, in units of ``eps``."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self._eps = eps
        self.found: list[float] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.argmax:
            best, second = args[0].float().topk(2).values[0].tolist()
            self.found.append((best - second) / (self._eps * max(abs(best), 1e-6)))
        return func(*args, **(kwargs or {}))


def _spoken(
    model: LanguageModel, graphs: Graphs, *, with_margins: bool
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[float, ...], ...]]:
    """Greedy codes of `FRAMES` frames; of single steps also how close each choice was."""
    row, codes, margins = _Row(model, graphs, _GREEDY), [], []
    for _ in range(FRAMES):
        watch = _Margins(torch.finfo(model.dtype).eps)
        with ExitStack() as watched:
            if with_margins:
                watched.enter_context(watch)
            codes.append(tuple(row.frame()))
        margins.append(tuple(watch.found))
    return tuple(codes), tuple(margins)


def _frame_ms(model: LanguageModel, graphs: Graphs) -> float:
    row, times = _Row(model, graphs, FrameSampling.from_defaults(model.config.sampling)), []
    row.frame()
    for _ in range(REPLAYS):
        began = time.perf_counter()
        row.frame()
        times.append(time.perf_counter() - began)
    return 1000 * median(times)


def _drawn_otherwise(kernels: Kernels, device: torch.device) -> str:
    """What ``kernels`` compute otherwise than plain torch, of a tiny model in float32, where nothing is a tie; empty:
    nothing. Codes are drawn; what layers computed is in the cache."""
    with tempfile.TemporaryDirectory() as root:
        folder = write_tiny_checkpoint(Path(root) / "tiny", shape=SHAPE)
        model = lean(load_checkpoint(folder, device=str(device), dtype=torch.float32).model)
    spoken, kept = [], []
    for each in (PLAIN, kernels):
        use_kernels(model, each)
        row = _Row(model, NoGraphs(), FrameSampling())
        spoken.append([row.frame() for _ in range(_DRAWN)])
        kept.append(row.cache)
    far = float((kept[1] - kept[0]).abs().max() / kept[0].abs().max())
    if not far <= _FAR:
        return f"of a tiny model it computes what is {far:.1g} off"
    for at, (theirs, ours) in enumerate(zip(*spoken, strict=True)):
        if theirs != ours:
            return f"of a tiny model it draws {ours} in frame {at}, and single steps {theirs}"
    return ""


def _some(like: Tensor) -> Tensor:
    """Numbers of every sign and size, the same each time."""
    return torch.sin(torch.arange(like.numel(), device=like.device, dtype=torch.float32)).view_as(like).to(like.dtype)


__all__ = ["kernels_of", "key_of", "missing", "road_for", "try_road"]
