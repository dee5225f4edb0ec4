"""How much memory a model takes, on a card or a processor, computed before anything is loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20

# Parameters on the card, counted from the shapes (design: qwen3-tts.md 1.2): talker with its head, table and text
# projection, code predictor with its heads and tables. The text table, 311 million more, stays on the host.
_LANGUAGE_MODEL = {"0.6B": 594_700_000, "1.7B": 1_605_600_000}
_TEXT_TABLE = 311_200_000
# Of them those that a card may have rounded (model/rounded): of the talker's layers, of the code predictor with heads.
_TALKER_ROUNDED = {"0.6B": 440_401_920, "1.7B": 1_409_286_144}
_PREDICTOR_ROUNDED = 110_100_480
_SCALE_BYTES = 2 / 32  # a number's part of its group's
_WIDTH = {"0.6B": 1024, "1.7B": 2048}
_CODEC_DECODER_BYTES = 122_144_449 * 4  # always float32; its codebooks are kept projected
_KV_VALUES = 28 * 2 * 8 * 128  # of one position: 112 KiB in bfloat16, for both sizes
_CODEC_STATE_MB = 6  # of one slot, float32
# What is kept of voices and words, at its most: prompts' prefixes, 8 codec states, 4,096 rows of text.
PREFIXES_MB, _TEXT_ROWS = 48, 4096
# What the recordings need while they run, counted from their tensors (tests/engine/qwen3/hardware/test_memory.py):
# one pool a lane.
_POOL_MB, _POOL_SLOT_MB = 12, 17
# Not measured here, as no card was at hand. A CUDA context with cuBLAS: what others report. The graphs themselves: 5 kB
# for each of their 26,000 kernels, a guess. The ladder goes on without graphs where only they do not fit.
CONTEXT_MB = 450
_NODES_MB = 125


# On a processor, rounded: the share of the parameters that is not (tables, norms), and what a rounded one takes with
# its part of a scale; the codec is packed to two bytes. Then what a process takes with so many MB of weights: measured,
# and a limit of ``bench --server``.
_KEPT_SHARE, _ROUNDED_BYTES = 0.07, 1 + 2 / 32
SHARE, BESIDE_MB = 1.3, 350


@dataclass(frozen=True, slots=True)
class Need:
    """MiB on the card. ``kept_mb`` is what is remembered of voices and words once many were spoken."""

    weights_mb: int
    slots_mb: int
    kept_mb: int
    graphs_mb: int

    @property
    def eager_mb(self) -> int:
        return self.beside_mb - self.graphs_mb + CONTEXT_MB

    @property
    def beside_mb(self) -> int:
        """Beside the CUDA context, which every program on the card has."""
        return self.weights_mb + self.slots_mb + self.kept_mb + self.graphs_mb

    @property
    def total_mb(self) -> int:
        return self.eager_mb + self.graphs_mb

    def __str__(self) -> str:
        return f"{self.total_mb:,} MiB ({self.weights_mb:,} weights, {self.slots_mb:,} slots)"


def need(model: str, *, dtype: str, slots: int, positions: int, quantize: str = "none") -> Need | None:
    """What ``model``, a hub id or a folder, takes; None if its size cannot be told. ``quantize`` as a plan has it."""
    size = _size(model)
    if size is None:
        return None
    parameters, width = size
    value_bytes = 4 if dtype == "float32" else 2
    kv_mb = _KV_VALUES * value_bytes / MIB  # of a position
    kept = PREFIXES_MB + 8 * _CODEC_STATE_MB + _TEXT_ROWS * width * value_bytes / MIB
    saved = _saved_bytes(parameters, value_bytes, quantize)
    weights_mb = round((parameters * value_bytes - saved + _CODEC_DECODER_BYTES) / MIB)
    slots_mb = round(slots * (positions * kv_mb + _CODEC_STATE_MB))
    return Need(weights_mb, slots_mb, round(kept), _NODES_MB + _POOL_MB + slots * _POOL_SLOT_MB)


def _saved_bytes(parameters: int, value_bytes: int, quantize: str) -> float:
    """By rounding. Only of a model of a published size is it known."""
    if quantize == "none":
        return 0.0
    known = [
        size for size, count in _LANGUAGE_MODEL.items() if parameters >= 0.98 * count
    ]  # a folder's differ a little
    if not known:
        return 0.0
    talker = _TALKER_ROUNDED[known[-1]]
    of_predictor = 0.5 if quantize == "int4" else 1.0
    kept = talker * (1 + _SCALE_BYTES) + _PREDICTOR_ROUNDED * (of_predictor + _SCALE_BYTES)
    return (talker + _PREDICTOR_ROUNDED) * value_bytes - kept


def cpu_need_mb(model: str, *, dtype: str) -> int | None:
    """MiB that a process takes which speaks with ``model`` on a processor, its matrices rounded and all else in
    ``dtype``, and while it loads: the codec is there in float32 before it is packed. None if its size cannot be told.
    Without the text table, 600 MB of a mapped file, which the system drops when it needs room."""
    size = _size(model)
    if size is None:
        return None
    weights_mb = _cpu_weights_mb(size[0], dtype)
    return max(allowed_mb(weights_mb), round(weights_mb + _CODEC_DECODER_BYTES / MIB + BESIDE_MB))


def _cpu_weights_mb(parameters: int, dtype: str) -> float:
    kept_bytes = 4 if dtype == "float32" else 2
    bytes_each = _KEPT_SHARE * kept_bytes + (1 - _KEPT_SHARE) * _ROUNDED_BYTES
    return (parameters * bytes_each + _CODEC_DECODER_BYTES / 2) / MIB


def allowed_mb(weights_mb: float) -> int:
    """What a process that speaks with so many MB of weights may take, anonymous and shared pages."""
    return round(SHARE * weights_mb + BESIDE_MB)


def table(slots: int, positions: int) -> list[dict[str, str | int]]:
    """What every published size takes, for people and for ``doctor``: MiB beside the CUDA context."""
    rows = []
    for model in _LANGUAGE_MODEL:
        for dtype in ("bfloat16", "float32"):
            wanted = need(model, dtype=dtype, slots=slots, positions=positions)
            if wanted is not None:
                parts = {"weights_mb": wanted.weights_mb, "slots_mb": wanted.slots_mb, "kept_mb": wanted.kept_mb}
                rows.append({"model": model, "dtype": dtype, "slots": slots, **parts, "beside_mb": wanted.beside_mb})
    return rows


def smaller(model: str) -> str | None:
    """The same kind of model in 0.6B. There is no small VoiceDesign, and a folder has no relatives."""
    if Path(model).exists() or "1.7B" not in model or "VoiceDesign" in model:
        return None
    return model.replace("1.7B", "0.6B")


def _size(model: str) -> tuple[int, int] | None:
    """Parameters on the card, and width."""
    folder = Path(model)
    if folder.is_dir():  # published in bfloat16
        parameters = sum(file.stat().st_size for file in folder.glob("*.safetensors")) // 2
        if not parameters:
            return None
        on_card = parameters - _TEXT_TABLE if parameters > _TEXT_TABLE else parameters
        return on_card, _WIDTH["1.7B" if parameters > 1_500_000_000 else "0.6B"]
    match = re.search(r"\b(0\.6B|1\.7B)\b", model)
    return (_LANGUAGE_MODEL[match[1]], _WIDTH[match[1]]) if match else None
