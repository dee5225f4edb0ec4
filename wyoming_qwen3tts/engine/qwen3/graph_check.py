"""Whether this card does what the engine counts on: a tiny model, recorded, replayed and compared on it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from ...errors import SpeechError, first_line
from ...model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from .device_errors import Kind, kind_of
from .hardware.plan import DevicePlan
from .loading import bench_utterance, load_models
from .runner.graphs import Graphs, GraphsFailed
from .runner.runner import ModelRunner

FRAMES = 8
SHAPE = TinyShape()
FIX = "Speech goes on without graphs, and starts later. Update driver and torch; if it stays, report it with this line"

FIXES = {
    Kind.MEMORY: "Another program holds the card's memory. End it, or wait for it, and run this again",
    Kind.LOST: "The card computes nothing any more. Restart the machine, or the container; update the driver",
    Kind.BUG: FIX,
}


class Found(NamedTuple):
    ok: bool
    detail: str
    fix: str = ""


def check_graphs(device: str, graphs: Callable[[], Graphs]) -> Found:
    """Speak `FRAMES` frames with ``graphs`` and without: the same codes, or what went wrong. Some seconds."""
    began = time.perf_counter()
    try:
        with tempfile.TemporaryDirectory() as root:
            plan = DevicePlan(device, "float32", "none", graphs=True, models=())
            models = load_models([write_tiny_checkpoint(Path(root) / "tiny", shape=SHAPE)], plan, None, lambda _: None)
            recorded = graphs()
            spoken = []
            for kind in (recorded, None):
                runner = ModelRunner(models.checkpoints[0], models.codecs[0], slots=2, positions=128, graphs=kind)
                spoken.append(_speak(runner))
    except (GraphsFailed, SpeechError, RuntimeError, MemoryError) as error:
        return Found(False, f"no CUDA graphs: {first_line(error)}", FIXES[kind_of(error)])
    if spoken[0] != spoken[1]:
        return Found(False, "CUDA graphs say something else than single steps", FIX)
    where = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    took_s = time.perf_counter() - began
    return Found(True, f"{recorded.name} graphs on {where}: recorded, replayed, equal to single steps ({took_s:.1f} s)")


def _speak(runner: ModelRunner) -> list[list[int]]:
    utterance, voice = bench_utterance(runner, 1)
    runner.prefill(utterance, voice)
    codes = []
    for _ in range(FRAMES):
        (frame,) = runner.frame([utterance], [float("-inf")])
        codes.append(frame.codes)
        utterance.frames += 1
    runner.sound([(utterance, codes)])
    return codes
