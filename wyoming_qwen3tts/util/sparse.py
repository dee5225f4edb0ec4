"""Memory of which only what is written is taken."""

from __future__ import annotations

import contextlib
import mmap


def sparse(size: int) -> mmap.mmap:
    """So many zero bytes, of which only the small pages that are written take memory. NumPy's are huge pages: a written
    byte takes 2 MiB there. Freed with the last view of it."""
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        area.madvise(mmap.MADV_NOHUGEPAGE)
    return area
