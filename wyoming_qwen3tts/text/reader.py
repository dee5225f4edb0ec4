"""Text on its way in -> segments, taken as they are asked for; the one that is being written can be had open."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from ..monitoring.logs import quoted
from ..speech.segment import OpenSegment, Segment
from ..speech.text_stream import TextStream
from .front_end import FrontEnd

log = logging.getLogger(__name__)

PAUSE_S = 0.5  # so long without text, and a sentence that has surely ended is not held for what may follow
_SLICE_CHARS = 200  # about a piece of text, which is some 2 ms of work for the front-end


class SegmentReader:
    """Iterates over the segments of a text: whole ones where they are complete, an open one where it has begun.

    Nothing runs by itself: whoever waits for a segment, or for more of an open one, does the reading. A wait that is
    cancelled loses nothing. Event loop only.
    """

    def __init__(self, text: TextStream, front_end: FrontEnd) -> None:
        self._text, self._front_end = text, front_end
        self._unread = ""  # has come in, not yet given to the front-end
        self._steps: Iterator[list[Segment]] | None = None  # what the front-end has not done yet of what it was given
        self._ready: deque[Segment | Opening] = deque()
        self._taken: list[Segment | Opening] = []
        self._open: Opening | None = None  # the last segment given out, while it is not complete
        self._ended = False
        self._knows_of_pause = False  # the front-end was told of this one
        self._waits = 0  # for text, that go on now
        self._waited_s, self._waits_since = 0.0, 0.0
        self.given = 0  # whole segments, and pieces of open ones, that somebody got to speak

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Segment | OpenSegment:
        if await self.peek() is None:
            raise StopAsyncIteration
        segment = self._ready.popleft()
        self._taken.append(segment)
        self.given += isinstance(segment, Segment)
        return segment

    async def peek(self) -> Segment | OpenSegment | None:
        """The segment that comes next, which stays where it is; None at the end of the text."""
        while self._open is not None and self._open not in self._ready:
            await self.read_on()
        self._look_ahead()
        while not self._ready and not self._ended:
            await self.read_on()
        return self._ready[0] if self._ready else None

    @property
    def opening(self) -> str:
        """What is known of the text of the segment that comes next."""
        if not self._ready:
            return ""
        first = self._ready[0]
        return first.so_far if isinstance(first, Opening) else first.text

    @property
    def is_over(self) -> bool:
        """Whether all of the text is read, and every segment was taken."""
        return self._ended and not self._ready

    @property
    def is_waiting(self) -> bool:
        """Whether somebody waits for more text."""
        return self._waits > 0

    @property
    def waited_s(self) -> float:
        """How long text was waited for so far, in seconds."""
        return self._waited_s + (asyncio.get_running_loop().time() - self._waits_since if self._waits else 0.0)

    @property
    def silence_s(self) -> float:
        """Pauses that were asked for where nothing is spoken."""
        return self._front_end.silence_s

    @property
    def trailing_s(self) -> float:
        """A pause that the text ends in, once it has ended."""
        return self._front_end.trailing_s

    @property
    def notes(self) -> list[str]:
        """What marks in the text asked for that cannot be."""
        return self._front_end.notes

    @property
    def taken(self) -> Sequence[Segment | Opening]:
        """Those that were given out, in their order; one that was open stays so here."""
        return self._taken

    async def all(self) -> list[Segment]:
        """All the segments, whether they were taken or not; the others stay where they are. Reads the text to its
        end."""
        while not self._ended:
            await self.read_on()
        return [item if isinstance(item, Segment) else await item.whole() for item in (*self._taken, *self._ready)]

    async def read_on(self) -> None:
        """Wait for some more text, or for a pause in it, and take note of what that completes or begins: a step of it,
        as the text must not hold the event loop."""
        await asyncio.sleep(0)
        if self._steps is None:
            if not self._unread:
                await self._next_text()
            self._steps = self._steps or self._front_ends_steps()
        step = next(self._steps, None)
        if step is None:
            self._steps = None
            self._look_ahead()
            return
        for segment in step:
            self._complete(segment)

    async def _next_text(self) -> None:
        """Wait for something to read, for a pause, or for the end. Somebody else may have begun with it afterwards."""
        with self._waiting():
            if self._knows_of_pause or await self._text.comes_within(PAUSE_S):
                text = await self._text.read()
                self._unread, self._knows_of_pause = self._unread + text, False
            else:
                self._knows_of_pause = True
        if self._knows_of_pause:
            self._steps = self._steps or self._front_end.pausing()
        elif text:
            log.debug("text %s", quoted(text))

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        now = asyncio.get_running_loop().time
        self._waits_since = self._waits_since if self._waits else now()
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1
            self._waited_s += 0.0 if self._waits else now() - self._waits_since

    def _front_ends_steps(self) -> Iterator[list[Segment]]:
        """With the next slice of the text, or its end."""
        part, self._unread = self._unread[:_SLICE_CHARS], self._unread[_SLICE_CHARS:]
        return self._front_end.adding(part) if part else self._end()

    def _end(self) -> Iterator[list[Segment]]:
        if not self._ended:
            yield from self._front_end.closing()
            self._ended = True

    def _complete(self, segment: Segment) -> None:
        if self._open is None:
            self._ready.append(segment)
        else:
            self._open.complete(segment)
            self._open = None

    def _look_ahead(self) -> None:
        """Open the next segment, or let the open one grow, when all that has come is looked at."""
        if self._ended or self._unread or self._steps is not None or (self._ready and self._open is None):
            return
        text, language = self._front_end.opening
        if not text:
            return
        if self._open is None:
            self._open = Opening(self, language, self._front_end)
            self._ready.append(self._open)
        self._open.grow(text)


class Opening:
    """An `OpenSegment`: its text so far, until the segment is there. It begins at ``at`` in the text as it was sent."""

    def __init__(self, reader: SegmentReader, language: str, front_end: FrontEnd) -> None:
        self._reader, self.language = reader, language
        self.turn, self.starts_paragraph = front_end.turn, front_end.starts_paragraph
        self.at = front_end.opens_at
        self.so_far = ""
        self._segment: Segment | None = None

    @property
    def segment(self) -> Segment | None:
        """The segment, if all of it is there."""
        return self._segment

    def grow(self, text: str) -> None:
        if text.startswith(self.so_far):
            self.so_far = text

    def complete(self, segment: Segment) -> None:
        if segment.text.startswith(self.so_far):
            self.so_far = segment.text
        else:  # the front-end promises that it cannot be; a listener who hears half a sentence is the lesser evil
            log.error("What was promised of a sentence was taken back after %d characters", len(self.so_far))
        self._segment = segment

    async def __aiter__(self) -> AsyncIterator[str]:
        given = 0
        while True:
            if given < len(self.so_far):
                piece, given = self.so_far[given:], len(self.so_far)
                self._reader.given += 1
                yield piece
            elif self._segment is not None:
                return
            else:
                await self._reader.read_on()

    async def whole(self) -> Segment:
        while self._segment is None:
            await self._reader.read_on()
        self._reader.given += 1
        return self._segment
