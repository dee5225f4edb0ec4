"""Every value that the engine works with, once: from the settings, or fixed here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...settings import Settings
from ...speech.languages import LANGUAGES
from .chunking import ChunkPolicy
from .feeder import FeedRules
from .guards import GuardLimits

POSITIONS = 1_024  # of a slot: a long instruction, a 10 s reference and 60 s of speech
_AUDIO_QUEUE_FRAMES = 25  # 2 s


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """What is asked of the engine. `hardware.plan` decides what this machine makes of it."""

    kind: str  # auto, qwen3
    models: tuple[str, ...]  # hub ids or folders; none: chosen by the card's memory
    device: str  # auto, cpu, cuda
    dtype: str  # auto, float32, bfloat16
    quantize: str  # auto, none, int8, int4
    graphs: bool  # where the device has them
    frames: Literal["auto", "steps", "graphs", "compiled", "fused"]  # by which road they are made there
    codec_tf32: bool
    vram_limit_mb: int  # 0: what is free
    slots: int
    patience_s: float  # to the first sound; then another engine speaks
    positions: int  # of a slot: prompt and frames
    queue: int  # replies that may wait for a slot
    text_pause_s: float  # without text, and a reply gives its slot to who waits for one
    audio_queue_frames: int  # how far ahead of a listener a reply may get
    chunks: ChunkPolicy
    feed: FeedRules
    guard: GuardLimits
    turn_s: float | None  # a turn that takes longer hangs; None: 20 s, on a CPU 120 s
    load_s: float | None  # loading that makes no step forward for longer hangs; None: 600 s, on a CPU 1,800 s
    language: str  # of the home, in which its own voices are made ready
    rounded_dir: Path | None  # keeps rounded weights for the next start; None: nowhere
    roads_dir: Path | None  # keeps which road was the best on a card; None: nowhere
    voice_cache_dir: Path | None  # keeps what was computed for the home's own voices; None: nowhere
    voice_cache_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> EngineConfig:
        engine, limits = settings.engine, settings.limits
        return cls(
            kind=engine.chosen_kind,
            models=engine.model,
            device=engine.device,
            dtype=engine.dtype,
            quantize=engine.quantize,
            graphs=engine.graphs and engine.frames != "steps",
            frames=engine.frames if engine.graphs else "steps",
            codec_tf32=engine.codec_tf32,
            vram_limit_mb=engine.vram_limit_mb,
            slots=engine.slots,
            patience_s=engine.patience_s,
            positions=POSITIONS,
            queue=limits.queue,
            text_pause_s=limits.text_pause_s,
            audio_queue_frames=_AUDIO_QUEUE_FRAMES,
            chunks=ChunkPolicy(),
            feed=FeedRules(engine.feed, settings.voices.sentence_pause_s),
            guard=GuardLimits(),
            turn_s=None,
            load_s=None,
            language=settings.voices.language
            if settings.voices.language in LANGUAGES
            else "en",  # what it is warmed up in
            rounded_dir=settings.data_dir / "cache" / "models",
            roads_dir=settings.data_dir / "cache" / "roads",
            voice_cache_dir=settings.data_dir / "cache" / "voices",
            voice_cache_bytes=limits.voice_cache_mb << 20,
        )
