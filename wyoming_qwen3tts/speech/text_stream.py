"""Text on its way in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Self

from ..errors import BadRequest, TextStalled, TextTooLong
from ..util.surrogates import join_halves


class TextStream:
    """Text on its way in, all at once or as a language model writes it. Event loop only.

    Bounded by ``limit_chars``; whoever reads gives up after ``idle_s`` without a word.
    """

    def __init__(self, *, limit_chars: int, idle_s: float) -> None:
        self._limit_chars, self._idle_s = limit_chars, idle_s
        self._came_at = -math.inf  # the last text, by the event loop's clock
        self._missed_at: float | None = None  # since when somebody has waited for more
        self._pieces: list[str] = []
        self._half = ""  # of a character, that the last piece ended in
        self._changed = asyncio.Event()
        self._closed = False
        self.chars = 0  # so far, read or not
        self.is_awaited = False  # somebody waits for more of it
        self.before_read: Callable[[], Awaitable[None]] | None = None  # waited for before text is handed out
        self.is_stream = True  # it came, or comes, in pieces
        self.kept: list[str] | None = None  # a list, and all that is read from now on is kept in it

    @classmethod
    def of(cls, text: str, *, limit_chars: int) -> Self:
        """A text that is already complete.

        Raises:
            TextTooLong: if it has more than ``limit_chars`` characters.
        """
        stream = cls(limit_chars=limit_chars, idle_s=0)
        stream.add(text)
        stream.close()
        stream.is_stream = False
        return stream

    @property
    def closed(self) -> bool:
        return self._closed

    def add(self, text: str) -> None:
        """Append; any cut will do, also one between the halves of a character.

        Raises:
            TextTooLong: if the whole would have more characters than the limit. Nothing is added then.
            BadRequest: if the text was closed.
        """
        if self._closed:
            raise BadRequest("The text has ended already; open a new stream for more.")
        if self.chars + len(text) > self._limit_chars:
            raise TextTooLong(
                f"The text has more than {self._limit_chars:,} characters. "
                "Send it in parts, or raise limits.text_chars."
            )
        text, self._half = join_halves(self._half + text)
        self.chars += len(text)
        self._pieces.append(text)
        if text:
            self._came_at, self._missed_at = _now(), None
        self._changed.set()

    def close(self) -> None:
        """No more text will come. Is idempotent."""
        self._closed = True
        self._changed.set()

    async def has_begun(self) -> None:
        """Wait for the first text, or for the end of a stream without any. Not while somebody reads.

        Raises:
            TextStalled: after ``idle_s`` without text.
        """
        while not (self.chars or self._closed):
            await self._change()

    async def comes_within(self, seconds: float) -> bool:
        """Wait until there is something to read, or the text is closed; False if neither was so ``seconds`` after the
        last text.

        Raises:
            TextStalled: as `read`.
        """
        while not (self._pieces or self._closed):
            left_s = self._came_at + seconds - _now()
            if left_s <= 0:
                return False
            await self._change(left_s)
        return True

    async def read(self) -> str:
        """Everything added since the last time, as soon as there is some; nothing once it is closed and read. Being
        cancelled here loses no text.

        Raises:
            TextStalled: after ``idle_s`` without new text.
        """
        while not self._pieces:
            if self._closed:
                return ""
            await self._change()
        if self.before_read is not None:
            await self.before_read()
        piece = "".join(self._pieces)
        self._pieces.clear()
        if self.kept is not None:
            self.kept.append(piece)
        return piece or await self.read()

    async def ends_within(self, seconds: float) -> bool:
        """Whether it is closed by then. Not while somebody reads."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._closed:
                    self._changed.clear()
                    await self._changed.wait()
        return self._closed

    async def _change(self, at_most_s: float = math.inf) -> None:
        """Wait until something has changed, or ``at_most_s`` are over."""
        self._changed.clear()
        self.is_awaited = True
        if self._missed_at is None:
            self._missed_at = _now()
        left_s = self._missed_at + self._idle_s - _now()
        try:
            async with asyncio.timeout(min(left_s, at_most_s)):
                await self._changed.wait()
        except TimeoutError:
            if at_most_s < left_s:
                return
            raise TextStalled(f"No text came for {self._idle_s:g} s, and the stream was not stopped.") from None
        finally:
            self.is_awaited = False

    async def __aiter__(self) -> AsyncIterator[str]:
        """What `read` gives, to the end."""
        while piece := await self.read():
            yield piece


def _now() -> float:
    return asyncio.get_running_loop().time()
