"""What the C library keeps of memory that was given back: held small, as a server runs for a year."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # malloc.h of glibc
_ARENAS = 2
_TRIM_S = 2.0


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is its own: anonymous and shared pages, without mapped files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))) << 10


def use_few_arenas() -> None:
    """Have all threads allocate from two heaps, as MALLOC_ARENA_MAX=2 would; each keeps what it once had. To be called
    before there are threads. Without glibc nothing happens."""
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give free memory back to the system: some milliseconds, in any thread. Without glibc nothing happens."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


async def trimming(work_done: Callable[[], int], pause_s: float = _TRIM_S) -> None:
    """Call `trim` every ``pause_s`` in which the number ``work_done`` changed, and once more after that. Without an
    end."""
    last, was_busy = work_done(), True
    while True:
        await asyncio.sleep(pause_s)
        now = work_done()
        is_busy = now != last
        if is_busy or was_busy:
            await asyncio.to_thread(trim)
        last, was_busy = now, is_busy


@cache
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  another C library has neither this nor the calls above
    except (OSError, AttributeError) as error:
        log.debug("The C library is not glibc, which keeps memory its own way: %s", error)
        return None
    return libc
