"""A stand-in for CUDA graphs that needs no card: records the operations on tensors, and replays the list.

It keeps the promises that CUDA graphs keep, and breaks those they break: Python does not run again, a shape or a number
that it chose stays chosen, tensors made inside hold what the last replay left there, and nobody may ask for a value
while recording. So an engine that says the same with it and without it has nothing that a real graph would freeze.
What it cannot show: streams, memory pools, kernels. `bench --simulate` uses it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .graphs import GraphsFailed, Lane, NoGraphs, Replay, Work

# Operations that need a value on the host, or whose shape depends on one, or that copy from the host's memory: what a
# CUDA stream refuses while it is being captured.
FORBIDDEN = (
    *("aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::nonzero"),
    *("aten::masked_select", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::bincount"),
    *("aten::repeat_interleave.Tensor", "aten::lift_fresh", "aten::multinomial", "aten::histc"),
)


@dataclass(frozen=True, slots=True)
class _Made:
    """Stands for a tensor that an earlier operation of the recording made."""

    number: int


@dataclass(slots=True)
class Operation:
    """One call: ``arguments`` with `_Made` in place of what the recording made itself; ``makes`` are its results'."""

    call: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    makes: tuple[int | None, ...] = ()


@dataclass(slots=True)
class Recording:
    """A list of operations over the tensors that were there before."""

    operations: list[Operation] = field(default_factory=list)
    last_use: dict[int, int] = field(default_factory=dict)
    dies_at: dict[int, list[int]] = field(default_factory=dict)

    def replay(self) -> None:
        made: dict[int, Tensor] = {}

        def given(value: Any) -> Any:
            if type(value) is _Made:
                return made[value.number]
            if type(value) is list or type(value) is tuple:
                return [given(item) for item in value]
            return value

        for at, operation in enumerate(self.operations):
            named = {name: given(value) for name, value in operation.named.items()}
            results = operation.call(*[given(value) for value in operation.arguments], **named)
            if operation.makes:
                found = (results,) if isinstance(results, Tensor) else results
                made.update((number, r) for number, r in zip(operation.makes, found, strict=True) if number is not None)
            for number in self.dies_at.get(at, ()):
                del made[number]


class GraphRecorder(TorchDispatchMode):
    """Runs what it sees, and writes it down."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[int, int] = {}  # by id of the tensor, which `_kept` keeps from being given twice
        self._kept: list[Tensor] = []
        self.recording = Recording()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        refuse(func, args)
        results = func(*args, **(kwargs or {}))
        at = len(self.recording.operations)
        operation = Operation(func, tuple(self._noted(args, at)), self._named(kwargs or {}, at))
        tensors = (results,) if isinstance(results, Tensor) else results
        if isinstance(tensors, list | tuple):
            operation.makes = tuple(self._new(tensor, args, kwargs, at) for tensor in tensors)
        self.recording.operations.append(operation)
        return results

    def _noted(self, values: Iterable[Any], at: int) -> list[Any]:
        return [self._one(value, at) for value in values]

    def _named(self, values: dict[str, Any], at: int) -> dict[str, Any]:
        return {name: self._one(value, at) for name, value in values.items()}

    def _one(self, value: Any, at: int) -> Any:
        if isinstance(value, Tensor):
            number = self._numbers.get(id(value))
            if number is None:
                return value
            self.recording.last_use[number] = at
            return _Made(number)
        if isinstance(value, list | tuple):
            return self._noted(value, at)
        return value

    def _new(self, result: Any, args: Any, kwargs: Any, at: int) -> int | None:
        """A number for what this operation made; None for what it only changed."""
        given = [*args, *(kwargs or {}).values()]
        if not isinstance(result, Tensor) or any(result is value for value in given):
            return None
        number = self._numbers[id(result)] = len(self._kept)
        self._kept.append(result)
        self.recording.last_use[number] = at
        return number

    def finish(self) -> Recording:
        """The recording; the tensors made on the way are let go."""
        for number, at in self.recording.last_use.items():
            self.recording.dies_at.setdefault(at, []).append(number)
        self._kept.clear()
        return self.recording


def refuse(func: Any, args: Iterable[Any]) -> None:
    """What a stream that is being captured refuses.

    Raises:
        GraphsFailed: naming the operation.
    """
    if str(func.name()) in FORBIDDEN:
        raise GraphsFailed(f"{func.name()} needs a value on the host")
    if "index" in str(func.name()) and any(
        isinstance(item, Tensor) and item.dtype == torch.bool
        for value in args
        if isinstance(value, list | tuple)
        for item in value
    ):
        raise GraphsFailed(f"{func.name()} by a mask has a shape that depends on values")


class SimulatedGraphs(NoGraphs):
    """`Graphs` over recorded operations. ``captured`` and ``replayed`` count, by lane."""

    name = "traced"

    def __init__(self) -> None:
        self.captured: Counter[Lane] = Counter()
        self.replayed: Counter[Lane] = Counter()
        self.recordings: list[Recording] = []

    def capture(self, work: Work, lane: Lane) -> Replay:
        recording = traced(work)
        self.captured[lane] += 1
        self.recordings.append(recording)

        def replay() -> None:
            self.replayed[lane] += 1
            recording.replay()

        return Replay(work, replay)


def traced(work: Callable[[], Any]) -> Recording:
    """One recording of ``work``, for those who count."""
    recorder = GraphRecorder()
    with recorder:
        work()
    return recorder.finish()
