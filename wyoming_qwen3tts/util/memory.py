"""What a process takes of memory, and may take; and what the C library keeps of it: held small, as a server runs for a
year."""

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
TRIM_S = 2.0
_ROOT = Path("/")


def resident_bytes(pid: int | str = "self") -> int:
    """Memory of a process that is its own: anonymous and shared pages, without mapped files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon:", "RssShmem:"))) << 10


def available_bytes(root: Path = _ROOT) -> int | None:
    """What this process may still take: of the machine, and of its container (control groups 1 and 2). None where the
    kernel does not say."""
    try:
        lines = dict(line.split(":", 1) for line in (root / "proc/meminfo").read_text().splitlines() if ":" in line)
        free = int(lines["MemAvailable"].split()[0]) << 10
    except (OSError, KeyError, ValueError, IndexError):
        return None
    group = root / "sys/fs/cgroup"
    for limit, used, folder in (
        ("memory.max", "memory.current", group),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", group / "memory"),
    ):
        most = _number(folder / limit)  # "max", or a number beyond every machine's: no limit
        if most is not None:
            free = min(free, max(0, most - (_number(folder / used) or 0) + _droppable(folder)))
    return free


def _droppable(group: Path) -> int:
    """Files that the kernel keeps in memory while there is room: they count as used."""
    try:
        words = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return sum(int(words.get(name, 0)) for name in ("active_file", "inactive_file"))
    except (OSError, ValueError):
        return 0


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def use_few_arenas() -> None:
    """Have all threads allocate from two heaps, as MALLOC_ARENA_MAX=2 would; each keeps what it once had. To be called
    before there are threads. Without glibc nothing happens."""
    if (libc := _glibc()) is not None:
        libc.mallopt(_M_ARENA_MAX, _ARENAS)


def trim() -> None:
    """Give free memory back to the system: some milliseconds, in any thread. Without glibc nothing happens."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


async def trimming(work_done: Callable[[], int], pause_s: float = TRIM_S) -> None:
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
