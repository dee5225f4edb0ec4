"""How much memory a model takes on a card, computed before anything is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20

# Parameters, counted from the shapes (design: qwen3-tts.md 1.2): talker, heads and tables, text table and projection,
# code predictor with its heads and tables.
_LANGUAGE_MODEL = {"0.6B": 905_800_000, "1.7B": 1_916_800_000}
_CODEC_DECODER_BYTES = 114_300_000 * 4  # always float32
_KV_VALUES = 28 * 2 * 8 * 128  # of one position: 112 KiB in bfloat16, for both sizes
_CODEC_STATE_MB = 6  # of one slot, float32
# Not measured here, as no card was at hand: what others report for a CUDA context with cuBLAS, and for graphs of this
# size that share a pool. On the safe side; the ladder goes on without graphs where only they do not fit.
_CONTEXT_MB = 450
_GRAPHS_MB = 350


@dataclass(frozen=True, slots=True)
class Need:
    """MiB on the card."""

    weights_mb: int
    slots_mb: int
    graphs_mb: int

    @property
    def eager_mb(self) -> int:
        return self.weights_mb + self.slots_mb + _CONTEXT_MB

    @property
    def total_mb(self) -> int:
        return self.eager_mb + self.graphs_mb

    def __str__(self) -> str:
        return f"{self.total_mb:,} MiB ({self.weights_mb:,} weights, {self.slots_mb:,} slots)"


def need(model: str, *, dtype: str, slots: int, positions: int) -> Need | None:
    """What ``model``, a hub id or a folder, takes; None if its size cannot be told."""
    parameters = _parameters(model)
    if parameters is None:
        return None
    value_bytes = 4 if dtype == "float32" else 2
    kv_mb = positions * _KV_VALUES * value_bytes / MIB
    weights_mb = round((parameters * value_bytes + _CODEC_DECODER_BYTES) / MIB)
    return Need(weights_mb, round(slots * (kv_mb + _CODEC_STATE_MB)), _GRAPHS_MB)


def smaller(model: str) -> str | None:
    """The same kind of model in 0.6B. There is no small VoiceDesign, and a folder has no relatives."""
    if Path(model).exists() or "1.7B" not in model or "VoiceDesign" in model:
        return None
    return model.replace("1.7B", "0.6B")


def _parameters(model: str) -> int | None:
    folder = Path(model)
    if folder.is_dir():  # published in bfloat16
        return sum(file.stat().st_size for file in folder.glob("*.safetensors")) // 2 or None
    match = re.search(r"\b(0\.6B|1\.7B)\b", model)
    return _LANGUAGE_MODEL[match[1]] if match else None
