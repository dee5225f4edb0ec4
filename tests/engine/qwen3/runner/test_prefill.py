"""A prompt read by replay, padded, leaves in its row what reading it as it is leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from wyoming_qwen3tts.engine.qwen3.runner.graphs import GraphsFailed
from wyoming_qwen3tts.engine.qwen3.runner.prefill import GraphedPrompts, Prompts
from wyoming_qwen3tts.engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.fused import lean
from wyoming_qwen3tts.model.layers import KvCache
from wyoming_qwen3tts.model.talker import Talker

POSITIONS = 192


@pytest.fixture(scope="module")
def talker(folder: Path) -> Talker:
    return lean(load_checkpoint(folder).model).talker


@pytest.fixture(scope="module")
def reader(talker: Talker) -> GraphedPrompts:
    with torch.inference_mode():
        return GraphedPrompts(talker, POSITIONS, SimulatedGraphs())


@pytest.mark.parametrize("prefix", [0, 9])
@pytest.mark.parametrize("length", [0, 1, 16, 17, 64, 100, 150])
@torch.inference_mode()
def test_a_padded_prompt_leaves_the_same_keys_and_values(
    talker: Talker, reader: GraphedPrompts, length: int, prefix: int
) -> None:
    """The longest lie beyond what is recorded, and are read as they are."""
    generator = torch.Generator().manual_seed(length)
    x = torch.randn(prefix + length, talker.config.stack.hidden_size, generator=generator)
    before: KvCache | None = None
    if prefix:
        before = talker.init_cache(1, prefix)
        talker.prefill(x[None, :prefix], before)
    rows = [talker.init_cache(1, POSITIONS) for _ in range(2)]

    Prompts(talker).read(x[prefix:], before, rows[0])
    reader.read(x[prefix:], before, rows[1])

    torch.testing.assert_close(rows[1].keys, rows[0].keys, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(rows[1].values, rows[0].values, atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_a_recording_of_prompts_that_differs_is_refused(talker: Talker) -> None:
    class Liar(SimulatedGraphs):
        def capture(self, work, lane):  # type: ignore[no-untyped-def]
            super().capture(work, lane)
            return lambda: None

    with pytest.raises(GraphsFailed, match="a prompt of 128 positions differs"):
        GraphedPrompts(talker, POSITIONS, Liar())
