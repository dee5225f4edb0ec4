"""Threads for work that strangers choose: few, and with few who wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")


class PoolFull(Exception):
    """Too many wait already."""


class BoundedPool:
    """``threads`` calls at once, ``waiting`` more in line. Event loop only; the threads end with `close`."""

    def __init__(self, name: str, *, threads: int = 1, waiting: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most, self._begun = threads + waiting, 0

    async def run(self, work: Callable[[], R]) -> R:
        """What ``work`` returns or raises. It counts to its end, also when nobody waits for it any more.

        Raises:
            PoolFull: at once.
        """
        if self._begun >= self._most:
            raise PoolFull
        self._begun += 1
        working = asyncio.get_running_loop().run_in_executor(self._threads, work)
        working.add_done_callback(self._done)
        return await asyncio.shield(working)

    def _done(self, working: asyncio.Future[R]) -> None:
        self._begun -= 1
        if not working.cancelled():
            working.exception()  # its caller may have left

    def close(self) -> None:
        """What has begun goes on to its end, in the background; what waits is dropped. Is idempotent."""
        self._threads.shutdown(wait=False, cancel_futures=True)
