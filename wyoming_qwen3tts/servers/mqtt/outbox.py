"""What is to be published: kept until the broker has it, however often the connection breaks meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

log = logging.getLogger(__name__)

MOST = 20_000  # of some 300 bytes each; only a flood while the broker does not take anything gets there


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message."""

    topic: str
    payload: str | bytes
    retain: bool = False


class Outbox:
    """Messages in the order in which they were put in. Of retained ones only the last of each topic counts. Event loop
    only."""

    def __init__(self, most: int = MOST) -> None:
        self._numbers = count()
        self._kept: dict[int, Outgoing] = {}
        self._latest: dict[str, int] = {}  # of retained topics
        self._unsent: dict[int, None] = {}  # numbers, in order
        self._changed = asyncio.Event()
        self._most = most
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._kept)

    def put(self, message: Outgoing) -> None:
        if message.retain:
            self.sent(self._latest.get(message.topic, -1))
        elif len(self._kept) >= self._most:
            self.dropped += 1
            if self.dropped == 1:
                log.warning(
                    "mqtt: the broker takes nothing; more than %d answers wait, newer ones are lost", self._most
                )
            return
        number = next(self._numbers)
        self._kept[number] = message
        self._unsent[number] = None
        if message.retain:
            self._latest[message.topic] = number
        self._changed.set()

    def begin(self, greeting: Iterable[Outgoing]) -> None:
        """A new connection: nothing that the broker has not confirmed counts as sent. ``greeting`` goes first."""
        left = list(self._kept.values())
        self._kept.clear()
        self._unsent.clear()
        self._latest.clear()
        hello = list(greeting)
        fresh = {message.topic for message in hello if message.retain}
        for message in [*hello, *(m for m in left if not (m.retain and m.topic in fresh))]:
            self.put(message)

    async def next(self) -> tuple[int, Outgoing]:
        """The next message to send; tell `sent` once the broker has confirmed it."""
        while not self._unsent:
            self._changed.clear()
            await self._changed.wait()
        number = next(iter(self._unsent))
        del self._unsent[number]
        return number, self._kept[number]

    def sent(self, number: int) -> None:
        """The broker has it. Is idempotent."""
        message = self._kept.pop(number, None)
        self._unsent.pop(number, None)
        if message is not None and message.retain and self._latest.get(message.topic) == number:
            del self._latest[message.topic]
        self._changed.set()

    async def emptied(self) -> None:
        """Wait until the broker has everything."""
        while self._kept:
            self._changed.clear()
            await self._changed.wait()
