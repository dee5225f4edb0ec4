"""Ends of tasks, and calls that nobody can end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

R = TypeVar("R")


async def cancel_and_wait(*tasks: asyncio.Future[Any] | None) -> None:
    """Cancel those that still run, and return when all have ended. What they raised is theirs to tell: it is dropped
    here. None stands for a task that was never begun."""
    begun = [task for task in tasks if task is not None]
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


async def to_the_end(work: Coroutine[Any, Any, R]) -> R:
    """What ``work`` returns or raises. It is not cancelled when the caller is: that is raised here when it has
    ended."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


async def in_daemon_thread(work: Callable[[], R], name: str) -> R:
    """What ``work`` returns or raises, called in a thread that the process does not wait for when it ends.

    For a call that may hang (a disk, a network) and cannot be cancelled: when the caller is, the thread goes on, and
    its result is dropped.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[R] = loop.create_future()

    def tell(how: Callable[..., None], what: object) -> None:
        if not answer.done():
            how(what)

    def call() -> None:
        how: Callable[..., None] = answer.set_result
        what: object
        try:
            what = work()
        except BaseException as error:  # noqa: BLE001  the caller's, whatever it is
            how, what = answer.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, how, what)

    threading.Thread(target=call, name=name, daemon=True).start()
    return await answer
