"""What the engine asks of whoever records work once and replays it: CUDA graphs, their stand-in, or nobody.

A recording is a fixed list of operations on fixed tensors. Whatever Python decides while it is made stays decided, and
a tensor that was made inside it belongs to it: results leave through tensors that were there before. Two lanes may run
at the same time: ``frames``, and ``sound``, which gives way. No tensor is shared between them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

Lane = Literal["frames", "sound"]
Work = Callable[[], None]


class GraphsFailed(Exception):
    """Graphs cannot be had, or do not compute what they should: go on without. Its text is one line, for the log."""


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded work; calling it does it again. A recording knows addresses, not tensors, so this holds ``work`` and by
    it all that is read and written."""

    work: Work
    run: Work

    def __call__(self) -> None:
        self.run()


class Graphs(Protocol):
    """Engine thread only."""

    name: str

    def capture(self, work: Work, lane: Lane) -> Replay:
        """Record ``work``; calling what comes back does it again. ``work`` itself may run any number of times here.

        Raises:
            GraphsFailed: if it cannot be recorded.
        """

    def lane(self, lane: Lane) -> AbstractContextManager[Any]:
        """Everything launched inside it goes there, in order."""

    def landing(self, tensor: Tensor) -> Any:
        """What `fetch` takes on the host for such a tensor. Made before work is launched: where there is no memory for
        it, nothing has moved yet."""

    def fetch(self, tensor: Tensor, landing: Any = None) -> Callable[[], Tensor]:
        """Begin to copy ``tensor``, as it is now, to the host; the call that comes back waits for that copy only."""

    def send(self, values: Any, to: Tensor) -> None:
        """Bring numbers (nested lists, as long as ``to`` is) to the device, without waiting for it."""


class NoGraphs:
    """Nothing is recorded: work runs each time, as on a card whose graphs failed."""

    name = "none"

    def capture(self, work: Work, lane: Lane) -> Replay:
        del lane
        return Replay(work, work)

    def lane(self, lane: Lane) -> AbstractContextManager[Any]:
        del lane
        return nullcontext()

    def landing(self, tensor: Tensor) -> Any:
        del tensor

    def fetch(self, tensor: Tensor, landing: Any = None) -> Callable[[], Tensor]:
        del landing
        taken = tensor.detach().to("cpu", copy=True)
        return lambda: taken

    def send(self, values: Any, to: Tensor) -> None:
        to.copy_(torch.tensor(values, dtype=to.dtype))
