"""An event loop whose clock jumps to the next timer as soon as nobody has anything to do: minutes pass at once.

For what runs in the loop alone. Where a thread or a peer outside is waited for, its clock would run ahead of them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Finds what is ready now; instead of waiting it moves the clock."""

    skipped_s = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0:
            return ready or super().select(timeout)
        self.skipped_s += timeout
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.skipped_s


def run(test: Coroutine[Any, Any, T]) -> T:
    """Run ``test`` in such a loop, which starts at 0 s."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(test)
