"""A stand-in for CUDA graphs that needs no card: records the operations on tensors, and replays the list.

It keeps the promises that CUDA graphs keep, and breaks those they break: Python does not run again, a shape or a number
that it chose stays chosen, a recording computes nothing and knows addresses instead of tensors, what was made inside is
of no use outside, and nobody may ask for a value while recording. So an engine that says the same with it and without
it has nothing that a real graph would freeze, and frees nothing that one would still use.
What it cannot show: streams, memory pools, kernels. `bench --simulate` uses it too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from .graphs import GraphsFailed, Lane, NoGraphs, Replay, Work

# Operations that need a value on the host, or whose shape depends on one, or that copy from the host's memory: what a
# CUDA stream refuses while it is being captured.
FORBIDDEN = (
    *("aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::nonzero"),
    *("aten::masked_select", "aten::_unique2", "aten::unique_dim", "aten::unique_consecutive", "aten::bincount"),
    *("aten::repeat_interleave.Tensor", "aten::lift_fresh", "aten::multinomial", "aten::histc"),
)


class RecordingBroken(Exception):
    """A recording would do on a card what nobody can foresee. A bug of whoever made it."""


@dataclass(frozen=True, slots=True)
class _Made:
    """Stands for a tensor that an earlier operation of the recording made."""

    number: int


class _Outside:
    """Stands for a tensor from outside by where it lies, as a graph does: it keeps no memory alive."""

    def __init__(self, tensor: Tensor) -> None:
        self._storage = StorageWeakRef(tensor.untyped_storage())
        self._like = tensor.new_empty(0).detach()
        self._place = (tensor.storage_offset(), tensor.shape, tensor.stride())

    def tensor(self) -> Tensor:
        """What lies there now.

        Raises:
            RecordingBroken: if that memory was given back.
        """
        storage = torch.UntypedStorage._new_with_weak_ptr(self._storage.cdata)
        if storage is None:
            raise RecordingBroken(f"a recording replays on {list(self._place[1])} numbers whose memory was given back")
        return self._like.new_empty(0).set_(storage, *self._place)


@dataclass(slots=True)
class Operation:
    """One call: ``arguments`` with stand-ins in place of tensors; ``makes`` are the numbers of its results."""

    call: Any
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    makes: tuple[int | None, ...] = ()


@dataclass(slots=True)
class Recording:
    """A list of operations over the tensors that were there before, which it does not hold."""

    operations: list[Operation] = field(default_factory=list)
    last_use: dict[int, int] = field(default_factory=dict)
    dies_at: dict[int, list[int]] = field(default_factory=dict)
    outside: list[_Outside] = field(default_factory=list)

    @torch.inference_mode()
    def replay(self) -> None:
        """Do it again.

        Raises:
            RecordingBroken: if a tensor that it reads or writes is gone.
        """
        made: dict[int, Tensor] = {}
        there = {id(place): place.tensor() for place in self.outside}

        def given(value: Any) -> Any:
            if type(value) is _Made:
                return made[value.number]
            if type(value) is _Outside:
                return there[id(value)]
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
    """Runs what it sees, and writes it down. By `finish` nothing has happened: what was written is put back, and what
    was made inside holds no number any more, for whoever kept hold of it."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers: dict[int, int] = {}  # by id of the tensor, which `_kept` keeps from being given twice
        self._kept: list[Tensor] = []
        self._places: dict[int, tuple[Tensor, _Outside]] = {}
        self._before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}  # storages from outside
        self._inside: dict[int, torch.UntypedStorage] = {}
        self.recording = Recording()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        refuse(func, args)
        self._remember_what_it_writes(func, args, kwargs or {})
        results = func(*args, **(kwargs or {}))
        at = len(self.recording.operations)
        operation = Operation(func, tuple(self._noted(args, at)), self._named(kwargs or {}, at))
        tensors = (results,) if isinstance(results, Tensor) else results
        if isinstance(tensors, list | tuple):
            operation.makes = tuple(self._new(tensor, args, kwargs, at) for tensor in tensors)
        self.recording.operations.append(operation)
        return results

    def _remember_what_it_writes(self, func: Any, args: Any, kwargs: dict[str, Any]) -> None:
        for at, argument in enumerate(func._schema.arguments):
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            value = kwargs.get(argument.name, args[at] if at < len(args) else None)
            for tensor in value if isinstance(value, list | tuple) else [value]:
                if isinstance(tensor, Tensor) and not tensor.is_meta:
                    storage = tensor.untyped_storage()
                    if storage._cdata not in self._inside and storage._cdata not in self._before:
                        self._before[storage._cdata] = (storage, storage.clone())

    def _noted(self, values: Iterable[Any], at: int) -> list[Any]:
        return [self._one(value, at) for value in values]

    def _named(self, values: dict[str, Any], at: int) -> dict[str, Any]:
        return {name: self._one(value, at) for name, value in values.items()}

    def _one(self, value: Any, at: int) -> Any:
        if isinstance(value, Tensor):
            number = self._numbers.get(id(value))
            if number is None:
                return self._place(value)
            self.recording.last_use[number] = at
            return _Made(number)
        if isinstance(value, list | tuple):
            return self._noted(value, at)
        return value

    def _place(self, tensor: Tensor) -> Any:
        if tensor.is_meta:
            return tensor  # it has no memory to be given back
        if id(tensor) not in self._places:
            self._places[id(tensor)] = tensor, _Outside(tensor)
            self.recording.outside.append(self._places[id(tensor)][1])
        return self._places[id(tensor)][1]

    def _new(self, result: Any, args: Any, kwargs: Any, at: int) -> int | None:
        """A number for what this operation made; None for what it only changed."""
        given = [*args, *(kwargs or {}).values()]
        if not isinstance(result, Tensor) or any(result is value for value in given):
            return None
        number = self._numbers[id(result)] = len(self._kept)
        self._kept.append(result)
        self.recording.last_use[number] = at
        if not result.is_meta:
            storage = result.untyped_storage()
            shared = (value.untyped_storage()._cdata for value in _tensors(given))
            if storage._cdata not in self._before and storage._cdata not in shared:
                self._inside[storage._cdata] = storage
        return number

    @property
    def touched(self) -> dict[int, StorageWeakRef]:
        """Memory from outside that it reads or writes, by where it lies."""
        return {t.untyped_storage()._cdata: StorageWeakRef(t.untyped_storage()) for t, _ in self._places.values()}

    @property
    def written(self) -> set[int]:
        """What of that it writes."""
        return set(self._before)

    def finish(self) -> Recording:
        """The recording; the tensors made on the way are let go."""
        for number, at in self.recording.last_use.items():
            self.recording.dies_at.setdefault(at, []).append(number)
        with torch.inference_mode():
            for tensor in self._kept:
                if not tensor.is_meta and tensor.untyped_storage()._cdata in self._inside:
                    tensor.fill_(float("nan") if tensor.is_floating_point() else 1)
            for storage, before in self._before.values():
                storage.copy_(before)
        for held in (self._kept, self._places, self._before, self._inside, self._numbers):
            held.clear()
        return self.recording


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            if not value.is_meta:
                yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


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
    """`Graphs` over recorded operations. ``captured`` and ``replayed`` count, by lane.

    As strict as a card could be, and where a card would say nothing: what one lane writes the other must not touch.
    """

    name = "traced"

    def __init__(self) -> None:
        self.captured: Counter[Lane] = Counter()
        self.replayed: Counter[Lane] = Counter()
        self.recordings: list[Recording] = []
        self._lane: Lane | None = None
        self._touched: dict[int, tuple[StorageWeakRef, set[Lane], set[Lane]]] = {}  # who touches, who writes

    def capture(self, work: Work, lane: Lane) -> Replay:
        recorder = GraphRecorder()
        with recorder:
            work()
        self._keep_apart(recorder, lane)
        recording = recorder.finish()
        self.captured[lane] += 1
        self.recordings.append(recording)

        def replay() -> None:
            self.replayed[lane] += 1
            recording.replay()

        return Replay(work, replay)

    def _keep_apart(self, recorder: GraphRecorder, lane: Lane) -> None:
        """
        Raises:
            RecordingBroken: if two lanes, which may run at the same time, share memory that one of them writes.
        """
        written = recorder.written
        for place, memory in recorder.touched.items():
            known = self._touched.get(place)
            if known is None or known[0].expired():
                known = self._touched[place] = (memory, set(), set())
            _, users, writers = known
            users.add(lane)
            writers |= {lane} if place in written else set()
            if len(users) > 1 and writers:
                raise RecordingBroken(f"the lanes {', '.join(sorted(users))} share memory that {min(writers)} writes")


def traced(work: Callable[[], Any]) -> Recording:
    """One recording of ``work``, for those who count."""
    recorder = GraphRecorder()
    with recorder:
        work()
    return recorder.finish()
