"""A capture's rules, on a `torch.cuda` without a card: what is held, what is said, what is restored."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.configs import device_plan
from wyoming_qwen3tts.engine.qwen3.device_errors import Kind, kind_of
from wyoming_qwen3tts.engine.qwen3.loading import load_models
from wyoming_qwen3tts.engine.qwen3.profiling import stages as stages_module
from wyoming_qwen3tts.engine.qwen3.profiling.stages import stages
from wyoming_qwen3tts.engine.qwen3.runner import cuda_graphs
from wyoming_qwen3tts.engine.qwen3.runner.cuda_graphs import WARM_UPS, CudaGraphs
from wyoming_qwen3tts.engine.qwen3.runner.frames import SlotTensors
from wyoming_qwen3tts.engine.qwen3.runner.graphs import Graphs, GraphsFailed, Lane, NoGraphs, Replay, Work
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs


class FakeCuda:
    """As much of `torch.cuda` as a capture needs. A capture that breaks leaves its stream current, as torch's does."""

    def __init__(self) -> None:
        self.current: Any = "default"
        self.capturing = False
        self.collects_in_capture: list[bool] = []

    def synchronize(self, _: Any = None) -> None:
        if self.capturing:
            raise torch.AcceleratorError("CUDA error: operation not permitted when stream is capturing\nmore")

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        before, self.current = self.current, stream
        yield
        self.current = before

    @contextmanager
    def graph(self, graph: Any, *, pool: Any, stream: Any, capture_error_mode: str) -> Iterator[None]:
        assert (pool, capture_error_mode) == ("pool", "thread_local")
        before, self.current, self.capturing = self.current, stream, True
        self.collects_in_capture.append(gc.isenabled())
        try:
            yield
        except Exception:  # noqa: BLE001  whatever it was
            self.capturing = False
            raise torch.AcceleratorError(  # noqa: B904  as torch raises it: what came first is its context
                "CUDA error: operation failed due to a previous error during capture"
            )
        self.current, self.capturing = before, False


class FakeGraph:
    """Replays nothing, as what it would replay is kernels."""

    def __init__(self) -> None:
        self.replayed = 0

    def replay(self) -> None:
        self.replayed += 1


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()

    class Stream:
        def __init__(self, device: torch.device, priority: int) -> None:
            self.device, self.priority = device, priority

    replaced = {
        "CUDAGraph": FakeGraph,
        "graph_pool_handle": lambda: "pool",
        "current_stream": lambda: fake.current,
        "set_stream": lambda stream: setattr(fake, "current", stream),
        "synchronize": fake.synchronize,
        "stream": fake.stream,
        "graph": fake.graph,
    }
    for name, value in replaced.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(cuda_graphs, "stream_of", Stream)
    return fake


def out_of_memory() -> None:
    raise torch.AcceleratorError("CUDA error: out of memory")


def a_bug() -> None:
    raise TypeError("a bug")


@pytest.mark.parametrize(
    ("breaks", "words", "kind"),
    [
        (lambda: torch.cuda.synchronize(), "CUDA error: operation not permitted when stream is capturing", Kind.BUG),
        (out_of_memory, "CUDA error: out of memory", Kind.MEMORY),
        (a_bug, "a bug", Kind.BUG),
    ],
    ids=["a wait", "memory", "a bug"],
)
def test_a_capture_that_breaks_says_what_came_first_and_the_next_one_works(
    cuda: FakeCuda, breaks: Work, words: str, kind: Kind
) -> None:
    graphs, done = CudaGraphs(torch.device("cuda:0")), []

    def work() -> None:
        done.append(1)
        if cuda.capturing:
            breaks()

    with pytest.raises(GraphsFailed) as failed:
        graphs.capture(work, "frames")
    assert (str(failed.value), kind_of(failed.value)) == (words, kind)
    assert (cuda.current, gc.isenabled(), len(done)) == ("default", True, WARM_UPS + 1)

    replay = graphs.capture(lambda: done.append(1), "frames")
    replay()
    assert len(done) == 2 * (WARM_UPS + 1)
    assert (cuda.current, cuda.collects_in_capture) == ("default", [False, False])


def test_a_warm_up_that_fails_leaves_the_thread_where_it_was(cuda: FakeCuda) -> None:
    with pytest.raises(GraphsFailed, match="out of memory"):
        CudaGraphs(torch.device("cuda:0")).capture(out_of_memory, "sound")

    assert (cuda.current, gc.isenabled()) == ("default", True)


@pytest.mark.parametrize("kind", [CudaGraphs, NoGraphs, SimulatedGraphs])
def test_a_replay_holds_what_it_reads_and_writes(cuda: FakeCuda, kind: Any) -> None:
    graphs: Graphs = CudaGraphs(torch.device("cuda:0")) if kind is CudaGraphs else kind()
    tensor = torch.zeros(3)
    seen = weakref.ref(tensor)

    def work(held: torch.Tensor = tensor) -> None:
        held.add_(1)

    replay = graphs.capture(work, "frames")
    del work, tensor
    gc.collect()

    assert seen() is not None
    assert replay.work.__name__ == "work"


class Addresses(NoGraphs):
    """Recordings that hold nothing themselves, as those of a card."""

    def capture(self, work: Work, lane: Lane) -> Replay:
        work()
        return Replay(work, lambda: None)


def test_what_a_bench_replays_is_alive(tiny_folders: dict[Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    models = load_models([tiny_folders["custom_voice"]], device_plan(), None, lambda _: None)
    made: list[weakref.ref[torch.Tensor]] = []

    def tensors(*args: Any) -> SlotTensors:
        slots = SlotTensors(*args)
        made.extend(
            weakref.ref(each) for each in (slots.state.cache.keys, slots.state.positions, slots.state.sampler.seen)
        )
        return slots

    monkeypatch.setattr(stages_module, "SlotTensors", tensors)
    works = stages(models.checkpoints[0].model, models.codecs[0], Addresses(), 1)
    gc.collect()

    assert [ref() is not None for ref in made] == [True, True, True]
    works.clear()
    gc.collect()
    assert [ref() is not None for ref in made] == [False, False, False]
