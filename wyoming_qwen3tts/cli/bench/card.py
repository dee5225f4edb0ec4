"""``bench`` on a card, or on the stand-in for one (``--simulate``): the engine's own `ModelRunner`, with graphs
and without.

One table: time to first audio cold and warm, milliseconds a frame and by stage, real-time factor and underruns of some
streams, memory, and how much of what the card's memory can deliver is used. With ``--simulate`` the times are those of
a list of operations replayed on the CPU: they say that the path works, and nothing about a card.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, Literal

import torch
from torch import nn

from ...engine.qwen3.hardware.plan import DevicePlan
from ...engine.qwen3.loading import bench_utterance, load_models, prepare_device
from ...engine.qwen3.precision import random_models
from ...engine.qwen3.profiling.stages import stages
from ...engine.qwen3.runner.cuda_graphs import CudaGraphs
from ...engine.qwen3.runner.graphs import Graphs, GraphsFailed, NoGraphs
from ...engine.qwen3.runner.runner import ModelRunner
from ...engine.qwen3.runner.simulated_graphs import SimulatedGraphs
from ...model.checkpoint.published import published_config
from ...model.checkpoint.tiny import write_tiny_checkpoint
from ...model.checkpoint.weights import Checkpoint
from ...model.fused import lean
from ...model.language_model import LanguageModel
from ...model.prompt import Prompt
from .model import memory_mb

FRAME_S = 0.08
PREFIX, OWN = 9, 21  # positions of a voice, and of a sentence of twenty tokens
POSITIONS = 512
NEVER = float("-inf")
TINY = "tiny"


class _Bench:
    """One runner, and how long things take in it."""

    def __init__(self, checkpoint: Checkpoint, codec: Any, slots: int, graphs: Graphs) -> None:
        self.graphs, self.model = graphs, checkpoint.model
        _reset_memory(self.model.device)
        began = time.perf_counter()
        self.runner = ModelRunner(checkpoint, codec, slots=slots, positions=POSITIONS, graphs=graphs)
        self.capture_s = time.perf_counter() - began

    def run(self, streams: int, frames: int) -> dict[str, Any]:
        """One utterance in each of ``streams`` slots: when each frame's sound was there."""
        utterances = [bench_utterance(self.runner, slot) for slot in range(streams)]
        began = time.perf_counter()
        for utterance, voice in utterances:
            self.runner.prefill(utterance, voice)
        ready = []
        for _ in range(frames):
            made = self.runner.frame([u for u, _ in utterances], [NEVER] * streams)
            self.runner.sound([(u, [frame.codes]) for (u, _), frame in zip(utterances, made, strict=True)])
            for utterance, _ in utterances:
                utterance.frames += 1
            ready.append(time.perf_counter() - began)
        late = [at for n, at in enumerate(ready) if at > ready[0] + n * FRAME_S]
        return {"ttfa_s": ready[0], "frame_s": (ready[-1] - ready[0]) / (frames - 1), "underruns": len(late)}

    def row(self, streams: int, frames: int, rounds: int, bytes_s: float | None) -> dict[str, Any]:
        self.runner.forget_voices()
        cold = self.run(streams, frames)
        runs = [self.run(streams, frames) for _ in range(rounds)]
        frame_s = median(run["frame_s"] for run in runs)
        parts = self.stages(streams)
        in_model_s = (parts["talker"] + parts["predictor"]) / 1000
        reached = None if bytes_s is None else round(100 * least_bytes(self.model) / in_model_s / bytes_s, 1)
        return {
            "engine": f"qwen3 {str(self.model.dtype).removeprefix('torch.')}",
            "graphs": self.graphs.name,
            "streams": streams,
            "ttfa_ms": round(median(run["ttfa_s"] for run in runs) * 1000, 1),
            "ttfa_cold_ms": round(cold["ttfa_s"] * 1000, 1),
            "ms_per_frame": round(frame_s * 1000, 2),
            "stages_ms": parts,
            "rtf": round(frame_s / FRAME_S, 3),
            "underruns": max(run["underruns"] for run in runs),
            "memory_mb": _memory_mb(self.model.device),
            "capture_s": round(self.capture_s, 1),
            "percent_of_bandwidth": reached,
        }

    def stages(self, streams: int) -> dict[str, float]:
        """Each network by itself, replayed where there are graphs: milliseconds."""
        works = stages(self.model, self.runner.codec, self.graphs, streams)
        return {stage: round(self._timed(work) * 1000, 2) for stage, work in works.items()}

    def _timed(self, work: Callable[[], None], times: int = 10) -> float:
        work()
        _finish(self.model.device)
        began = time.perf_counter()
        for _ in range(times):
            work()
        _finish(self.model.device)
        return (time.perf_counter() - began) / times


def bench_card(
    source: str | Path, *, streams: list[int], frames: int, rounds: int, device: str, dtype: torch.dtype, simulate: bool
) -> dict[str, Any]:
    """Measure a checkpoint's folder, or random weights of a published size, with graphs and without; ``simulate`` the
    stand-in, on a tiny model unless one is named.

    Raises:
        GraphsFailed: if the card cannot record; `doctor` says more.
    """
    checkpoint, codec = load_source(source, device, dtype)
    graphs = SimulatedGraphs if simulate else partial(CudaGraphs, torch.device(device))
    kinds: list[Callable[[], Graphs]] = [graphs, NoGraphs]
    bytes_s = None if simulate else copy_bytes_s(device)
    rows, why = [], ""
    for kind in kinds:
        try:
            bench = _Bench(checkpoint, codec, max(streams), kind())
        except GraphsFailed as error:
            why = str(error)
            continue
        rows += [bench.row(count, frames, rounds, bytes_s) for count in streams]
        del bench
    machine = "the stand-in for CUDA graphs on the CPU" if simulate else torch.cuda.get_device_name(device)
    result = {
        "machine": f"{platform.machine()}, {machine}",
        "model": _called(source),
        "simulated": simulate,
        "runs": rows,
    }
    if bytes_s is not None:
        result["copy_gb_s"] = round(bytes_s / 1e9, 1)
    return result | ({"no_graphs_because": why} if why else {})


def _called(source: str | Path) -> str:
    if isinstance(source, str):
        return f"{source} random weights"
    return "a tiny model of random weights" if source.name == TINY else str(source)


def least_bytes(model: LanguageModel) -> int:
    """What one frame has to read of the weights: the talker once, the predictor fifteen times."""

    def size(module: nn.Module) -> int:
        return sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())

    predictor = size(model.predictor.stack) + size(model.predictor.projection)
    return size(model.talker.stack) + size(model.talker.head) + 15 * predictor + size(model.predictor.heads)


def copy_bytes_s(device: str, size: int = 1 << 26) -> float:
    """What a plain copy in the card's memory reads and writes a second: the limit that frames are held against."""
    source = torch.zeros(size, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    _finish(source.device)
    began = time.perf_counter()
    for _ in range(4):
        target.copy_(source)
    _finish(source.device)
    return 4 * 2 * 4 * size / (time.perf_counter() - began)


def load_source(source: str | Path, device: str, dtype: torch.dtype) -> tuple[Checkpoint, Any]:
    """A checkpoint's folder, or random weights of a published size, and its codec; lean."""
    plan = DevicePlan(device, str(dtype).removeprefix("torch."), "none", graphs=True, models=())
    if isinstance(source, Path):
        models = load_models([source], plan, None, lambda _: None)
        lean(models.checkpoints[0].model)
        return models.checkpoints[0], models.codecs[0]
    prepare_device(device)
    size: Literal["0.6B", "1.7B"] = "1.7B" if source == "1.7B" else "0.6B"
    config = published_config(size)
    model, codec = random_models(config, plan, None)
    return Checkpoint(lean(model), _Prompts(model)), codec  # type: ignore[arg-type]  # as much of it as is used


class _Prompts:
    """Prompts of the usual length for a model without a tokenizer."""

    def __init__(self, model: LanguageModel) -> None:
        self._positions = torch.zeros(PREFIX + OWN, model.config.talker.stack.hidden_size, device=model.device)
        self._positions = self._positions.to(model.dtype)
        self.pad = self._positions[0]
        self.tokenizer = SimpleNamespace(speech=lambda _: [0] * OWN)

    def sentence(self, *_: Any) -> Prompt:
        return Prompt(self._positions[:PREFIX], self._positions[PREFIX:], iter(()), self.pad)


def tiny_folder(root: Path) -> Path:
    """What ``--simulate`` measures where no model is named."""
    return write_tiny_checkpoint(root / TINY)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _reset_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _memory_mb(device: torch.device) -> int:
    return torch.cuda.max_memory_reserved(device) >> 20 if device.type == "cuda" else memory_mb()


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{result['model']} on {result['machine']}; medians"]
    for run in result["runs"]:
        stages = ", ".join(f"{stage} {ms:.1f}" for stage, ms in run["stages_ms"].items())
        limit = (
            "" if run["percent_of_bandwidth"] is None else f", {run['percent_of_bandwidth']} % of the memory's speed"
        )
        lines.append(
            f"{run['streams']:>3} streams, graphs {run['graphs']}: first audio {run['ttfa_ms']:.0f} ms (cold "
            f"{run['ttfa_cold_ms']:.0f}), {run['ms_per_frame']:.1f} ms a frame ({stages}), RTF {run['rtf']:.2f}, "
            f"{run['underruns']} underruns, {run['memory_mb']} MB{limit}"
        )
    if why := result.get("no_graphs_because"):
        lines.append(f"No CUDA graphs: {why}")
    return "\n".join(lines)
