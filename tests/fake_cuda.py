"""A `torch.cuda` without a card: ``cuda:0`` is the CPU, and everything around it is as strict as the real one.

What the project calls of `torch.cuda` is replaced and counted, so that a test can have the n-th call fail. A capture
records by `GraphRecorder`: it computes nothing, refuses what waits for the host, and its replay knows addresses only.
Streams run in order here; what a stream would do too early is not seen.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from tests.harness import quick_collections
from wyoming_qwen3tts.engine.qwen3.runner import cuda_graphs
from wyoming_qwen3tts.engine.qwen3.runner.graphs import GraphsFailed
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import GraphRecorder, Recording
from wyoming_qwen3tts.engine.qwen3.thread import EngineThread

GIB = 1 << 30
WAITS = {"item", "tolist", "cpu", "numpy", "__bool__", "__int__", "__float__"}  # of tensors: they wait for the card


class OnCpu(TorchFunctionMode):
    """What asks for a card gets the CPU; what waits for the card is an error where torch was told so."""

    def __init__(self, card: FakeCuda) -> None:
        super().__init__()
        self._card = card

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in WAITS:
            self._card.waits(name)
        if name == "pin_memory":
            return args[0]
        given = {key: _host(value) for key, value in (kwargs or {}).items() if key != "pin_memory"}
        return func(*(_host(value) for value in args), **given)


def _host(value: Any) -> Any:
    if isinstance(value, torch.device):
        return torch.device("cpu") if value.type == "cuda" else value
    if isinstance(value, str) and (value == "cuda" or value.startswith("cuda:")):
        return "cpu"
    return value


class Stream:
    """A name. ``made`` of the card counts them: torch keeps memory for each for ever."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        self.device, self.priority = torch.device(device or "cuda:0"), priority


class FakeCuda:
    """One card. ``fail`` says which call fails: it is given each call's number and name, and raises or does not."""

    def __init__(self) -> None:
        self.default = Stream()
        self.current = self.default
        self.recorder: GraphRecorder | None = None
        self.calls: list[str] = []
        self.streams: list[Stream] = []
        self.fail: Callable[[int, str], None] = lambda *_: None
        self.sync_mode = "default"
        self.total, self.free, self.fraction = 24 * GIB, 23 * GIB, 1.0
        self.name, self.capability = "Fake 4090", (8, 9)
        self.mode = OnCpu(self)
        self.collects_in_capture: list[bool] = []
        self.workspaces_cleared = 0
        self.blocking_events: list[bool] = []

    def called(self, name: str) -> None:
        self.calls.append(name)
        self.fail(len(self.calls), name)

    def waits(self, what: str) -> None:
        if self.recorder is not None:
            raise torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing")
        if self.sync_mode == "error":
            raise RuntimeError(f"called a synchronizing CUDA operation: {what}")

    # -- what takes the place of torch.cuda's

    def synchronize(self, _: Any = None) -> None:
        self.called("synchronize")
        self.waits("synchronize")

    def stream_of(self, device: Any = None, priority: int = 0) -> Stream:
        self.called("Stream")
        self.streams.append(Stream(device, priority))
        return self.streams[-1]

    @contextmanager
    def stream(self, stream: Stream) -> Iterator[None]:
        self.called("stream")
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    def set_stream(self, stream: Stream) -> None:
        self.current = stream

    @contextmanager
    def graph(self, graph: Graph, *, pool: Any, stream: Stream, capture_error_mode: str) -> Iterator[None]:
        """As `torch.cuda.graph`: when the body raises, leaving says only that it broke, on the capture's stream."""
        assert stream is not self.default, "a capture cannot be on the default stream"
        assert capture_error_mode == "thread_local"
        assert pool is not None
        self.called("graph")
        before, self.current, self.recorder = self.current, stream, GraphRecorder()
        self.collects_in_capture.append(gc.isenabled())
        try:
            with self.recorder:
                yield
        except Exception:  # noqa: BLE001  whatever it was
            self.recorder.finish()
            self.recorder = None
            raise torch.AcceleratorError(  # noqa: B904  as torch raises it: what came first is its context
                "CUDA error: operation failed due to a previous error during capture"
            )
        graph.recording = self.recorder.finish()
        self.recorder, self.current = None, before
        self.called("instantiate")

    def event(self, *, blocking: bool = False, enable_timing: bool = False) -> SimpleNamespace:
        self.called("Event")
        self.blocking_events.append(blocking)
        return SimpleNamespace(
            blocking=blocking,
            record=lambda: self.called("record"),
            synchronize=lambda: self.called("Event.synchronize"),
            elapsed_time=lambda _: 1.0,
        )

    def mem_get_info(self, _: Any = None) -> tuple[int, int]:
        self.called("mem_get_info")
        return self.free, self.total

    def set_sync_debug_mode(self, mode: str) -> None:
        self.sync_mode = mode

    def set_fraction(self, fraction: float, _: Any = None) -> None:
        self.called("set_per_process_memory_fraction")
        self.fraction = fraction

    def clear_workspaces(self) -> None:
        self.workspaces_cleared += 1


class Graph:
    """Replays what was recorded while it was captured."""

    card: FakeCuda

    def __init__(self) -> None:
        self.card.called("CUDAGraph")
        self.recording: Recording | None = None

    def replay(self) -> None:
        self.card.called("replay")
        if self.recording is None:
            raise GraphsFailed("nothing was captured")
        self.recording.replay()


@contextmanager
def fake_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCuda]:
    """A card for as long as it is entered, in this thread and in engine threads that begin meanwhile."""
    card = FakeCuda()
    graph = type("CUDAGraph", (Graph,), {"card": card})
    replaced: dict[str, Any] = {
        "Stream": card.stream_of,
        "Event": card.event,
        "CUDAGraph": graph,
        "graph": card.graph,
        "graph_pool_handle": object,
        "stream": card.stream,
        "current_stream": lambda _=None: card.current,
        "default_stream": lambda _=None: card.default,
        "set_stream": card.set_stream,
        "synchronize": card.synchronize,
        "mem_get_info": card.mem_get_info,
        "set_sync_debug_mode": card.set_sync_debug_mode,
        "set_per_process_memory_fraction": card.set_fraction,
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "init": lambda: None,
        "device_count": lambda: 1,
        "set_device": lambda _: None,
        "get_device_name": lambda _=None: card.name,
        "get_device_capability": lambda _=None: card.capability,
        "get_device_properties": lambda _=None: SimpleNamespace(name=card.name, uuid="fake"),
        "get_arch_list": lambda: ["sm_80", "sm_86", "sm_90"],
        "empty_cache": lambda: card.called("empty_cache"),
        "memory_allocated": lambda _=None: 0,
        "memory_reserved": lambda _=None: GIB,
        "max_memory_reserved": lambda _=None: GIB,
        "reset_peak_memory_stats": lambda _=None: None,
    }
    for name, value in replaced.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", card.clear_workspaces, raising=False)
    run = EngineThread._run

    def on_card(thread: EngineThread) -> None:
        with card.mode:
            run(thread)

    monkeypatch.setattr(EngineThread, "_run", on_card)
    cuda_graphs.stream_of.cache_clear()
    with quick_collections(), card.mode:
        yield card
    cuda_graphs.stream_of.cache_clear()


def alive_bytes() -> int:
    """Of all tensors that anybody holds and that were made since the card was entered."""
    gc.collect()
    storages = {
        thing.untyped_storage().data_ptr(): thing.untyped_storage().nbytes()
        for thing in gc.get_objects()
        if type(thing) is Tensor and not thing.is_meta
    }
    return sum(storages.values())
