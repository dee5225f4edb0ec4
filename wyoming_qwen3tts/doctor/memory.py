"""Whether the memory suffices for who is to speak."""

from __future__ import annotations

from ..engine.qwen3.hardware.memory import cpu_need_mb, need
from ..util.memory import available_bytes
from .checks import Check, CheckContext, fine, wrong

BUILTIN_MB = 350  # of the server with the built-in voice and 16 listeners (tests/faults)
_TORCH_MB = 600  # torch itself with its CUDA libraries' host side
_TEXT_TABLE_MB = 600  # the model's table of words, which stays here; in bfloat16


def check(place: CheckContext) -> list[Check]:
    free, needed_mb = available_bytes(), needed(place)
    if free is None:
        return [fine("memory", f"about {needed_mb:,} MiB are needed; how much there is cannot be told here")]
    free_mb = free >> 20
    detail = f"{free_mb:,} MiB of memory can be had, about {needed_mb:,} are needed"
    if free_mb >= needed_mb:
        return [fine("memory", detail)]
    fix = "Stop something, give the machine or container more"
    return [wrong("memory", detail, fix + (", or choose a 0.6B model" if place.wants_model else ""))]


def needed(place: CheckContext) -> int:
    """MiB of main memory. Of a model on a card only its text table stays in it."""
    if not place.wants_model:
        return BUILTIN_MB
    if place.plan.device != "cpu":
        return BUILTIN_MB + _TORCH_MB + _TEXT_TABLE_MB
    config, chosen = place.config, place.plan
    wanted = need(chosen.model, dtype=chosen.dtype, slots=config.slots, positions=config.positions)
    if chosen.quantize != "none":  # less is enough to begin with: slots fill up, and the table may be read again
        rounded_mb = sum(cpu_need_mb(model, dtype=chosen.dtype) or 0 for model in chosen.models)
        return rounded_mb + _TEXT_TABLE_MB + (wanted.slots_mb if wanted else 0)
    table_mb = _TEXT_TABLE_MB * (2 if chosen.dtype == "float32" else 1)
    return BUILTIN_MB + _TORCH_MB + table_mb + (wanted.weights_mb + wanted.slots_mb if wanted else 0)
