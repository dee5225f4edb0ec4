"""Numbers for Prometheus, in a registry of their own, and how much memory the process takes."""

from __future__ import annotations

import sys
from pathlib import Path


def memory() -> dict[str, int | None]:
    """``rss_mb``: anonymous and shared memory, without files that are mapped. ``gpu_mb``: what torch holds of the card,
    None without one."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    kilobytes = sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem") if name in fields)
    return {"rss_mb": kilobytes // 1024, "gpu_mb": _card_mb()}


def _card_mb() -> int | None:
    torch = sys.modules.get("torch")  # never imported for this; asking for its statistics touches no device
    if torch is None or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.memory_reserved() >> 20)
