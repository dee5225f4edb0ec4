"""Whether the memory suffices for who is to speak."""

from __future__ import annotations

from pathlib import Path

from ..engine.qwen3.hardware.memory import need
from .checks import Check, CheckContext, fine, wrong

BUILTIN_MB = 350  # of the server with the built-in voice and 16 listeners (tests/faults)
_TORCH_MB = 600  # torch itself with its CUDA libraries' host side
_TEXT_TABLE_MB = 600  # the model's table of words, which stays here; in bfloat16
_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")


def check(place: CheckContext) -> list[Check]:
    free_mb, needed_mb = available_mb(), needed(place)
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
    config = place.config
    wanted = need(place.plan.model, dtype=place.plan.dtype, slots=config.slots, positions=config.positions)
    table_mb = _TEXT_TABLE_MB * (2 if place.plan.dtype == "float32" else 1)
    return BUILTIN_MB + _TORCH_MB + table_mb + (wanted.weights_mb + wanted.slots_mb if wanted else 0)


def available_mb(meminfo: Path = _MEMINFO, cgroup: Path = _CGROUP) -> int:
    """What this process may still take: of the machine, and of the container."""
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
    free = int(lines["MemAvailable"].split()[0]) << 10
    limit = _number(cgroup / "memory.max")
    if limit is not None:
        # Files that the kernel may drop count as used; the process itself stays below that.
        free = min(free, max(0, limit - (_number(cgroup / "memory.current") or 0)))
    return free >> 20


def _number(path: Path) -> int | None:
    """None where there is no limit ("max"), or no cgroup v2."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
