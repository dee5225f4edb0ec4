"""What is to be published: kept until the broker has it, however often the connection breaks meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from ...monitoring.logs import quoted

log = logging.getLogger(__name__)

BREAKS = 3  # of the connection while a message is on its way: from then on it is taken to be their cause
MOST = 20_000  # of some 300 bytes each; only a flood while the broker does not take anything gets there


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message."""

    topic: str
    payload: str | bytes
    retain: bool = False


class Outbox:
    """Messages in the order in which they were put in. Of retained ones only the last of each topic counts. Event loop
    only.

    A broker may hang up on a message that it does not like. One that was on its way when the connection broke is sent
    alone from then on, so that it is known which it was, and dropped when it has broken it ``BREAKS`` times.
    """

    def __init__(self, most: int = MOST) -> None:
        self._numbers = count()
        self._kept: dict[int, Outgoing] = {}
        self._latest: dict[str, int] = {}  # of retained topics
        self._unsent: dict[int, None] = {}  # numbers, in order
        self._breaks: dict[Outgoing, int] = {}  # how often each broke the connection; by what it says, as greetings are
        # made anew each time
        self._alone: int | None = None  # the number of a suspect that is on its way
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
        poison = self._count_breaks()
        left = list(self._kept.values())
        self._kept.clear()
        self._unsent.clear()
        self._latest.clear()
        hello = list(greeting)
        fresh = {message.topic for message in hello if message.retain}
        for message in [*hello, *(m for m in left if not (m.retain and m.topic in fresh))]:
            if message not in poison:
                self.put(message)
        kept = set(self._kept.values())
        self._breaks = {message: count for message, count in self._breaks.items() if message in kept}

    def _count_breaks(self) -> set[Outgoing]:
        """Blame what was on its way; returns what is not sent again."""
        on_its_way = {message for number, message in self._kept.items() if number not in self._unsent}
        breaks = {message: self._breaks.get(message, 0) + 1 for message in on_its_way}
        poison = {message for message, count in breaks.items() if count >= BREAKS}
        for message in poison:
            log.warning(
                "mqtt: dropped a message on %s of %d bytes: the connection broke %d times while it was being sent",
                quoted(message.topic),
                len(message.payload),
                BREAKS,
            )
        self._breaks = {message: count for message, count in (self._breaks | breaks).items() if message not in poison}
        return poison

    async def next(self) -> tuple[int, Outgoing]:
        """The next message to send; tell `sent` once the broker has confirmed it."""
        while (number := self._free_to_go()) is None:
            self._changed.clear()
            await self._changed.wait()
        message = self._kept[number]
        self._alone = number if message in self._breaks else None
        del self._unsent[number]
        return number, message

    def _free_to_go(self) -> int | None:
        number = next(iter(self._unsent), None)
        if number is None or self._alone in self._kept:
            return None
        others_on_their_way = len(self._kept) > len(self._unsent)
        return None if others_on_their_way and self._kept[number] in self._breaks else number

    def sent(self, number: int) -> None:
        """The broker has it. Is idempotent."""
        message = self._kept.pop(number, None)
        self._unsent.pop(number, None)
        if message is not None:
            self._breaks.pop(message, None)
        if message is not None and message.retain and self._latest.get(message.topic) == number:
            del self._latest[message.topic]
        self._changed.set()

    async def emptied(self) -> None:
        """Wait until the broker has everything."""
        while self._kept:
            self._changed.clear()
            await self._changed.wait()
