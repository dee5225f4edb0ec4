"""The last inch: CUDA graphs, streams and pinned copies. Tested on a fake `torch.cuda`; the rest needs a card
(tests/gpu).

It follows PyTorch's notes ("CUDA semantics", "CUDA Graphs") and the documentation of `torch.cuda`. What it relies on:

1. *Capture*: warm up several times on a side stream, behind everything else (the notes make both streams wait; here
   the device is synchronized), then record under ``torch.cuda.graph(graph, pool=, stream=)`` on that stream, which must
   not be the default one. Entering it synchronizes the device again.
2. *Static memory*: tensors that live outside the recording keep their addresses; all that is read from and written to
   them (`frames.SlotTensors`, the codec's state, the packets) was allocated before it.
3. *Pools*: graphs may share one pool if they never run at the same time and none reads what another left in it. Each
   lane has its own: a lane is one stream, and results leave only through tensors from outside the pool.
4. *Other threads* may allocate meanwhile (a clip being cloned): ``capture_error_mode="thread_local"``.
5. *Streams*: a lower number is a higher priority, 0 is the default; -1 exists on every card that has priorities.
6. *To the host*: ``non_blocking`` copies into pinned memory return at once; an event recorded behind the copy on the
   same stream says when it is done. `Event.synchronize` waits for that alone, and releases the GIL.
7. *From the host*: a pinned source may be dropped right after a ``non_blocking`` copy; the caching host allocator
   reuses it only when the copy's stream has passed.
8. *Arithmetic*: a replay runs the kernels that the warm-up chose, so results are equal to the bit; `graphed.check` and
   its like hold it to that, graph by graph, at every start.

Whatever fails here becomes `GraphsFailed`, and the engine goes on without graphs, saying so in one line.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ....errors import first_line
from ..device_errors import root_cause
from .graphs import GraphsFailed, Lane, Replay, Work

WARM_UPS = 3
PRIORITY = {"frames": -1, "sound": 0}


# An event that is waited for spins on a core, which answers soonest; where cores are few, others need it.
_FEW_CORES = len(os.sched_getaffinity(0)) <= 2


@cache
def stream_of(device: torch.device, priority: int) -> torch.cuda.Stream:
    """One for each use in the life of the process: torch keeps cuBLAS's workspace of every stream there was for ever
    (pytorch/pytorch#184084), and each load would make new ones."""
    return torch.cuda.Stream(device, priority=priority)


class CudaGraphs:
    """`Graphs` on a card."""

    name = "cuda"

    def __init__(self, device: torch.device) -> None:
        gc.collect()  # once: in a process that has loaded torch it takes longer than a capture
        self._streams = {lane: stream_of(device, priority) for lane, priority in PRIORITY.items()}
        self._pools = {lane: torch.cuda.graph_pool_handle() for lane in PRIORITY}

    def capture(self, work: Work, lane: Lane) -> Replay:
        """See `Graphs`."""
        stream, before = self._streams[lane], torch.cuda.current_stream()
        graph = torch.cuda.CUDAGraph()
        collects = gc.isenabled()
        gc.disable()  # a graph that is freed while another one is captured breaks the capture
        try:
            torch.cuda.synchronize(stream.device)  # weights and state were made on the default stream
            with torch.cuda.stream(stream):
                for _ in range(WARM_UPS):
                    work()
            with torch.cuda.graph(graph, pool=self._pools[lane], stream=stream, capture_error_mode="thread_local"):
                work()
        except RuntimeError as error:  # torch's own, out of memory too
            # Leaving a capture that broke raises once more, and says no more than that it broke.
            raise GraphsFailed(first_line(root_cause(error))) from error
        finally:
            torch.cuda.set_stream(before)  # and its device: a capture that breaks leaves the thread on the lane
            if collects:
                gc.enable()
        return Replay(work, graph.replay)

    def lane(self, lane: Lane) -> AbstractContextManager[Any]:
        """See `Graphs`."""
        return torch.cuda.stream(self._streams[lane])

    def landing(self, tensor: Tensor) -> tuple[Tensor, torch.cuda.Event]:
        """See `Graphs`: pinned memory, and an event."""
        host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return host, torch.cuda.Event(blocking=_FEW_CORES)

    def fetch(self, tensor: Tensor, landing: tuple[Tensor, torch.cuda.Event] | None = None) -> Callable[[], Tensor]:
        """See `Graphs`."""
        host, copied = landing or self.landing(tensor)
        host.copy_(tensor, non_blocking=True)
        copied.record()

        def wait() -> Tensor:
            copied.synchronize()
            return host

        return wait

    def send(self, values: Any, to: Tensor) -> None:
        """See `Graphs`."""
        to.copy_(torch.tensor(values, dtype=to.dtype).pin_memory(), non_blocking=True)
