"""``bench --random-weights``: how fast the model runs here, without a download: real shapes, random numbers."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Literal

import torch
from torch import Tensor

from ...engine.qwen3.hardware.plan import DevicePlan
from ...engine.qwen3.hardware.threads import processor
from ...engine.qwen3.precision import load_codec, load_language_model, random_models
from ...model.checkpoint.published import published_config
from ...model.codec import CodecDecoder
from ...model.generate import prefix_cache
from ...model.language_model import FrameState, LanguageModel
from ...model.sampling import FrameSampling
from ...util.memory import resident_bytes

PROMPT_POSITIONS = 30  # a voice's nine, and a sentence of twenty tokens
VOICE_POSITIONS = 9  # read before: a known voice's
PACKET = 4  # frames decoded together after the first, as the server does while it is ahead
_STAGES = ("talker", "predictor", "codec")


class BareLoop:
    """Slots that all speak at once. Speech is noise, the work is the real one."""

    def __init__(self, model: LanguageModel, codec: CodecDecoder, streams: int, frames: int) -> None:
        self._model, self._codec, self.streams = model, codec, streams
        self._sampling = FrameSampling.from_defaults(model.config.sampling)
        self._positions = PROMPT_POSITIONS + frames
        self._times: dict[str, list[float]] = {stage: [] for stage in _STAGES}
        self._ttfa: list[float] = []
        width = model.config.talker.stack.hidden_size
        self._prompt = 0.1 * torch.randn(1, PROMPT_POSITIONS, width, dtype=model.dtype, device=model.device)
        self._voice = prefix_cache(model, self._prompt[0, :VOICE_POSITIONS])

    def round(self, frames: int) -> None:
        """One utterance of ``frames`` frames in every slot."""
        state = self._model.init_state(self.streams, self._positions)
        codec_state = self._codec.init_state(self.streams)
        began = self._now()
        hidden = torch.cat([self._read(state, row) for row in range(self.streams)])
        codes, embedding = self._model.codes(hidden, state, self._sampling)
        self._codec.step(codes[:, None], codec_state)
        self._ttfa.append(self._now() - began)
        packet: list[Tensor] = []
        for made in range(1, frames):
            codes, embedding = self._frame(embedding, state, PROMPT_POSITIONS + made)
            packet.append(codes)
            if len(packet) == PACKET or made == frames - 1:
                self._sound(packet, codec_state)
                packet = []

    def _read(self, state: FrameState, row: int) -> Tensor:
        """A sentence's prompt, behind the prefix of a voice that is known."""
        cache = state.cache.rows(row)
        cache.copy_prefix(self._voice)
        state.restart(row, PROMPT_POSITIONS, row)
        return self._model.talker.prefill(self._prompt[:, VOICE_POSITIONS:], cache, VOICE_POSITIONS)[:, -1]

    def _frame(self, embedding: Tensor, state: FrameState, context_len: int) -> tuple[Tensor, Tensor]:
        def talk() -> Tensor:
            hidden = self._model.talker.step(embedding[:, None], state.cache, state.positions, context_len)
            state.positions.add_(state.active)
            return hidden

        hidden = self._timed("talker", talk)
        codes, embedding = self._timed("predictor", lambda: self._model.codes(hidden, state, self._sampling))
        return codes, embedding

    def _sound(self, packet: list[Tensor], codec_state: tuple[Tensor, ...]) -> None:
        began = self._now()
        self._codec.step(torch.stack(packet, dim=1), codec_state)
        self._times["codec"] += [(self._now() - began) / len(packet)] * len(packet)

    def _timed(self, stage: str, work: Callable[[], Any]) -> Any:
        began = self._now()
        result = work()
        self._times[stage].append(self._now() - began)
        return result

    def _now(self) -> float:
        if self._model.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def warm_up(self, frames: int) -> None:
        """A round that does not count."""
        self.round(frames)
        self._ttfa.clear()
        for times in self._times.values():
            times.clear()

    def row(self, engine: str) -> dict[str, Any]:
        """Medians. ``ms_per_frame`` is one frame of all streams; ``rtf`` that of each stream."""
        stages = {stage: round(median(times) * 1000, 2) for stage, times in self._times.items()}
        frame_ms = sum(stages.values())
        return {
            "engine": engine,
            "streams": self.streams,
            "ttfa_ms": round(median(self._ttfa) * 1000, 1),
            "ms_per_frame": round(frame_ms, 2),
            "stages_ms": stages,
            "rtf": round(frame_ms / 80, 3),
            "memory_mb": memory_mb(),
        }


def bench_model(
    source: str | Path, *, streams: list[int], frames: int, rounds: int, plan: DevicePlan, rounded_dir: Path | None
) -> dict[str, Any]:
    """Measure a checkpoint's folder, or random weights of the published size ``0.6B`` or ``1.7B``. Streams take turns.

    Raises:
        ModelFileError: if the checkpoint is not in order.
    """
    model, codec = load(source, plan, rounded_dir)
    with torch.inference_mode():
        benches = [BareLoop(model, codec, count, frames) for count in streams]
        for bench in benches:
            bench.warm_up(frames)
        for _ in range(rounds):
            for bench in benches:
                bench.round(frames)
    kind = f"{source} random weights" if isinstance(source, str) else str(source)
    name = f"qwen3 {plan.dtype if plan.quantize == 'none' else plan.quantize}"
    return {"machine": machine(plan.torch_device), "model": kind, "runs": [bench.row(name) for bench in benches]}


def load(source: str | Path, plan: DevicePlan, rounded_dir: Path | None) -> tuple[LanguageModel, CodecDecoder]:
    if isinstance(source, Path):
        checkpoint = load_language_model(source, plan, rounded_dir)
        codec = load_codec(source / "speech_tokenizer", checkpoint.config.codec, plan, rounded_dir)
        return checkpoint.model, codec
    size: Literal["0.6B", "1.7B"] = "1.7B" if source == "1.7B" else "0.6B"
    return random_models(published_config(size), plan, rounded_dir)


def machine(device: str) -> str:
    """This machine in a few words."""
    chip = torch.cuda.get_device_name() if device != "cpu" else processor()
    return f"{platform.machine()}, {chip}, {os.cpu_count()} cores"


def memory_mb() -> int:
    """Anonymous and shared memory of this process; file-backed pages are the kernel's to drop."""
    return resident_bytes() >> 20


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{result['model']} on {result['machine']}; medians"]
    for run in result["runs"]:
        stages = ", ".join(f"{stage} {ms:.1f}" for stage, ms in run["stages_ms"].items())
        lines.append(
            f"{run['streams']:>3} streams: first audio {run['ttfa_ms']:.0f} ms, {run['ms_per_frame']:.1f} ms a frame "
            f"({stages}), RTF {run['rtf']:.2f}, {run['memory_mb']} MB"
        )
    return "\n".join(lines)
