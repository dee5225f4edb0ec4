"""What the engine is asked for and what was decided, for tests: of an empty home, with changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wyoming_qwen3tts.engine.qwen3.config import EngineConfig
from wyoming_qwen3tts.engine.qwen3.hardware.plan import DevicePlan
from wyoming_qwen3tts.settings import Settings


def engine_config(**changes: Any) -> EngineConfig:
    """What settings that nobody touched come to. Nothing is kept on disk unless ``changes`` name a folder."""
    return replace(
        EngineConfig.of(Settings()), **{"rounded_dir": None, "roads_dir": None, "voice_cache_dir": None, **changes}
    )


def device_plan(device: str = "cpu", dtype: str = "float32", quantize: str = "none") -> DevicePlan:
    """Tiny models as they are, on the CPU."""
    return DevicePlan(device, dtype, quantize, graphs=True, models=())
