"""The stand-in for CUDA graphs is at least as strict as they are."""

from __future__ import annotations

import gc

import pytest
import torch
from torch import Tensor

from wyoming_qwen3tts.engine.qwen3.runner.graphs import GraphsFailed
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import RecordingBroken, SimulatedGraphs


def test_a_recording_holds_no_tensor_and_says_so_when_one_is_gone() -> None:
    held: dict[str, Tensor] = {"x": torch.ones(3)}
    replay = SimulatedGraphs().capture(lambda: held["x"].mul_(2), "frames")  # type: ignore[arg-type]
    replay()
    assert held["x"].tolist() == [2, 2, 2]

    held["x"] = torch.ones(3)
    gc.collect()
    with pytest.raises(RecordingBroken, match="given back"):
        replay()


def test_a_view_that_is_gone_is_no_matter_while_its_memory_is_there() -> None:
    whole = torch.zeros(4, 2)
    view = [whole[1:3]]
    replay = SimulatedGraphs().capture(lambda: view[0].add_(1), "frames")  # type: ignore[arg-type]
    view.clear()
    replay()

    assert whole.sum(1).tolist() == [0, 2, 2, 0]


def test_a_capture_computes_nothing() -> None:
    state, kept = torch.zeros(2), []

    def work() -> None:
        made = state + 1
        kept.append(made)
        state.copy_(made)

    replay = SimulatedGraphs().capture(work, "frames")
    assert state.tolist() == [0, 0]
    assert kept[0].isnan().all()  # of use inside only
    replay()
    assert state.tolist() == [1, 1]
    assert kept[0].isnan().all()


@pytest.mark.parametrize("writer", ["frames", "sound"])
def test_what_one_lane_writes_the_other_does_not_touch(writer: str) -> None:
    graphs, shared, other = SimulatedGraphs(), torch.zeros(2), torch.zeros(2)
    writes, reads = (lambda: shared.add_(1)), (lambda: other.copy_(shared))
    first, second = (writes, reads) if writer == "frames" else (reads, writes)
    graphs.capture(first, "frames")  # type: ignore[arg-type]
    with pytest.raises(RecordingBroken, match=rf"frames, sound share memory that {writer} writes"):
        graphs.capture(second, "sound")  # type: ignore[arg-type]


def test_what_both_lanes_only_read_is_shared() -> None:
    graphs, weight, a, b = SimulatedGraphs(), torch.ones(2), torch.zeros(2), torch.zeros(2)
    graphs.capture(lambda: a.copy_(weight), "frames")  # type: ignore[arg-type]
    graphs.capture(lambda: b.copy_(weight), "sound")()  # type: ignore[arg-type]

    assert b.tolist() == [1, 1]


def test_a_value_that_the_host_asks_for_is_refused() -> None:
    x = torch.ones(1)
    with pytest.raises(GraphsFailed, match="needs a value on the host"):
        SimulatedGraphs().capture(lambda: x.fill_(x.item() + 1), "frames")  # type: ignore[arg-type]
