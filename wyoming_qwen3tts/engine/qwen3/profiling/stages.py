"""Each network's step by itself, to be timed: recorded where there are graphs, on tensors of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ....model.codec import CodecDecoder
from ....model.language_model import LanguageModel
from ....model.sampling import FrameSampling
from ..runner.frames import SlotTensors
from ..runner.graphs import Graphs, Lane, Work

BOUND = 128


@torch.inference_mode()
def stages(model: LanguageModel, codec: CodecDecoder, graphs: Graphs, streams: int) -> dict[str, Work]:
    """``talker``, ``predictor`` (with head and sampling) and ``codec`` of one frame of ``streams`` rows.

    Raises:
        GraphsFailed: if one cannot be recorded.
    """
    tensors = SlotTensors(model, streams, BOUND)
    state, x = tensors.state, tensors.embedding[:, None]
    hidden, sampling = torch.zeros_like(tensors.embedding), FrameSampling.from_defaults(model.config.sampling)
    sound, codes = codec.init_state(streams), tensors.found[:, None, :-1]
    works: list[tuple[str, Lane, Callable[[], Any]]] = [
        ("talker", "frames", lambda: model.talker.step(x, state.cache, state.positions, BOUND)),
        ("predictor", "frames", lambda: model.codes(hidden, state, sampling)),
        ("codec", "sound", lambda: codec.step(codes, sound)),
    ]
    return {name: _on_lane(graphs, lane, work) for name, lane, work in works}


def _on_lane(graphs: Graphs, lane: Lane, work: Callable[[], Any]) -> Work:
    def plain() -> None:
        work()

    with graphs.lane(lane):
        replay = graphs.capture(plain, lane)

    def run() -> None:
        with torch.inference_mode(), graphs.lane(lane):
            replay()

    return run
