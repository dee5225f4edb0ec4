"""The doctor's look at CUDA graphs."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from wyoming_qwen3tts.engine.qwen3 import graph_check
from wyoming_qwen3tts.engine.qwen3.graph_check import check_graphs
from wyoming_qwen3tts.engine.qwen3.runner.graphs import Graphs, GraphsFailed, Replay, Work
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (GraphsFailed("CUDA error: operation not permitted when stream is capturing"), "Update driver and torch"),
        (RuntimeError("CUDA error: out of memory"), "Another program holds the card's memory"),
        (MemoryError("Unable to allocate 8.00 EiB"), "Another program holds the card's memory"),
        (RuntimeError("CUDA error: unspecified launch failure"), "computes nothing any more"),
    ],
)
def test_a_card_that_records_nothing_is_told_why_and_what_to_do(error: Exception, fix: str) -> None:
    class Broken(SimulatedGraphs):
        def capture(self, work: Work, lane: Any) -> Replay:
            raise type(error)(f"{error}\nmore")

    found = check_graphs("cpu", Broken)

    assert not found.ok
    assert found.detail == f"no CUDA graphs: {error}"
    assert fix in found.fix


def test_graphs_that_say_something_else_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    least = TinyShape(layers=1, predictor_layers=1, codec_layers=1, code_groups=3)
    monkeypatch.setattr(graph_check, "SHAPE", least)

    class Frozen(SimulatedGraphs):
        """Its sends are lost once everything has been checked."""

        def send(self, values: Any, to: torch.Tensor) -> None:
            if values == [False, True]:
                values = [True, False]
            super().send(values, to)

    def graphs() -> Graphs:
        return Frozen()

    found = check_graphs("cpu", graphs)

    assert not found.ok
    assert "say something else" in found.detail
