"""Texts of one peer, written while others are spoken: what a Wyoming session and a WebSocket have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

from ..errors import Busy
from ..speech.text_stream import TextStream

Order = TypeVar("Order")  # told apart by identity


class LiveSession(Generic[Order]):
    """The orders of one peer in their turn, and its text that is still open. Event loop only.

    ``most`` orders may be unfinished; ``called`` says in errors what they are ("requests of this connection").
    """

    def __init__(self, most: int, called: str) -> None:
        self._most, self._called = most, called
        self._orders: asyncio.Queue[Order | None] = asyncio.Queue()
        self._unfinished: set[Order] = set()
        self.open: TextStream | None = None  # that the peer is still writing
        self.is_finishing = False  # no further order is taken

    @property
    def is_speaking(self) -> bool:
        """Whether an order is spoken or waits."""
        return bool(self._unfinished)

    def check_room(self) -> None:
        """Raises:
        Busy: if one order more would be too many.
        """
        if len(self._unfinished) >= self._most:
            raise Busy(f"{self._most} {self._called} wait already.")

    def take(self, order: Order) -> None:
        """Have ``order`` spoken after those before it.

        Raises:
            Busy: as `check_room`.
        """
        self.check_room()
        self._unfinished.add(order)
        self._orders.put_nowait(order)

    def end_text(self) -> None:
        """The open text, if there is one, is complete."""
        if self.open is not None:
            self.open.close()
            self.open = None

    def finish(self) -> None:
        """Take nothing more; `orders` ends after what was taken. The open text is spoken as far as it is there. Is
        idempotent."""
        self.is_finishing = True
        if self.open is not None:
            self.open.close()
        self._orders.put_nowait(None)

    def drop_waiting(self) -> None:
        """Forget the open text and the orders whose turn has not come."""
        self.open = None
        while not self._orders.empty():
            self._orders.get_nowait()
        self._unfinished.clear()
        if self.is_finishing:
            self._orders.put_nowait(None)

    async def orders(self) -> AsyncIterator[Order]:
        """Each order in its turn. Tell `done` when it is spoken."""
        while (order := await self._orders.get()) is not None:
            yield order

    def done(self, order: Order) -> None:
        """``order`` was spoken, or given up."""
        self._unfinished.discard(order)
