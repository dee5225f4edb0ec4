"""Sentences that somebody else speaks: the next one is fetched while this one plays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from ..speech.audio_format import FORMAT
from ..speech.pauses import pause_between
from ..speech.request import Moment, SpeechRequest
from ..speech.segment import OpenSegment, Segment
from ..util.tasks import cancel_and_wait

MAX_S = 90.0  # of one sentence; who speaks longer has broken
_AHEAD_PACKETS = 64  # of a sentence that is fetched while another one plays: 20 s
_TAIL_S = 0.15  # players cut the end of what they play (home-assistant/core#150397)

Part = Segment | OpenSegment
Fetch = Callable[[Part], AsyncGenerator[bytes, None]]


async def spoken_ahead(
    parts: AsyncIterator[Part], fetch: Fetch, request: SpeechRequest, pause_s: float
) -> AsyncGenerator[bytes, None]:
    """The speech of ``parts``, those of ``request``, in order, as an engine's reply: packets of one frame, then of
    four; an empty one where all the text so far is spoken.

    ``fetch`` gives the sound of one part, in ``FORMAT``; it is begun as soon as the part before it begins to play, and
    closed when the reply is left. ``pause_s`` is the usual pause between two.
    """
    takes: asyncio.Queue[_Take | Exception | None] = asyncio.Queue(maxsize=1)
    tasks: list[asyncio.Task[None]] = []
    tasks.append(asyncio.create_task(_begin_all(parts, fetch, takes, tasks)))
    frame = FORMAT.frame_bytes
    before: Segment | None = None
    number, sent = 0, 0  # the part's; bytes
    size = frame  # of the next packet: one frame first, then up to four
    try:
        while (take := await takes.get()) is not None:
            if isinstance(take, Exception):
                raise take
            pause = 0.0 if before is None else pause_between(before, take.part, request, pause_s)
            buffer = bytearray(FORMAT.silence(pause))
            async for pcm in take:
                if not take.is_playing.is_set():
                    request.moments.append(Moment(number, (sent + len(buffer)) // FORMAT.width))
                take.is_playing.set()
                buffer += pcm
                while len(buffer) >= size:
                    sent += size
                    yield bytes(buffer[:size])
                    del buffer[:size]
                    size = 4 * frame
            take.is_playing.set()  # it may have had no sound
            if buffer:
                sent += len(buffer)
                yield bytes(buffer)
            number += 1
            before = await whole(take.part)
            if takes.empty():
                yield b""
        yield FORMAT.silence(_TAIL_S)
    finally:
        await cancel_and_wait(*tasks)


async def whole(part: Part) -> Segment:
    """The part, once all of its text is there."""
    return part if isinstance(part, Segment) else await part.whole()


class _Take:
    """One part on its way: fetched on one side, played on the other."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.queue: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_AHEAD_PACKETS)
        self.is_playing = asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (item := await self.queue.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item


async def _begin_all(
    parts: AsyncIterator[Part], fetch: Fetch, takes: asyncio.Queue[Any], tasks: list[asyncio.Task[None]]
) -> None:
    """Begin each part as soon as the one before it begins to play: sooner it would be in the way of the first sentences
    of others, who hear nothing yet, and it would not be known who speaks the reply."""
    try:
        async for part in parts:
            take = _Take(part)
            tasks.append(asyncio.create_task(_fetch(fetch, take)))
            await takes.put(take)
            await take.is_playing.wait()
    except Exception as error:  # noqa: BLE001  handed to the listener
        await takes.put(error)
    else:
        await takes.put(None)


async def _fetch(fetch: Fetch, take: _Take) -> None:
    try:
        async with aclosing(fetch(take.part)) as audio:
            async for pcm in audio:
                await take.queue.put(pcm)
    except Exception as error:  # noqa: BLE001  handed to the listener
        await take.queue.put(error)
    else:
        await take.queue.put(None)
