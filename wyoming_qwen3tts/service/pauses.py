"""Silence while a reply that has begun waits for its text.

A listener that runs dry for seconds may never play again: a Voice PE hangs until its plug is pulled
(esphome/home-assistant-voice-pe#612).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from ..speech.text_stream import TextStream
from ..text.reader import SegmentReader
from ..util.tasks import cancel_and_wait

SILENCE_S = 0.1  # one piece of it
AHEAD_S = 0.1  # how long before the listener runs dry a piece is due; the next sentence comes that much later at most
_TICK_S = 0.001
_LOOK_S = 0.05  # how often a reader is looked at that does not wait for text yet


async def with_pauses(
    sound: AsyncGenerator[bytes, None],
    text: TextStream,
    segments: SegmentReader,
    dry_in_s: Callable[[], float],
    is_held_back: Callable[[], bool] | None = None,
) -> AsyncGenerator[bytes | None, None]:
    """What comes from ``sound``, an engine's, and None wherever a piece of silence is due.

    That is while the engine has spoken all it was given, the reader waits for text, and the listener, who runs dry in
    ``dry_in_s()``, has no more than `AHEAD_S`; once begun, to the next sound or the end of the text. An engine that is
    late gets none; one whose sound ``is_held_back`` does (None: it never is). ``sound`` goes on only when the next
    piece is asked for, in a task of ours.
    """
    pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(1)
    pumping = asyncio.create_task(_pump(sound, pieces))
    rested_at: int | None = None  # what of the text the engine had been given when it had spoken all of that
    is_filling = False

    def wants_silence() -> bool:
        if is_held_back is not None and is_held_back():
            return True
        return not text.closed and (is_filling or (segments.is_waiting and segments.given == rested_at))

    try:
        while True:
            wait_s = max(_TICK_S, dry_in_s() - AHEAD_S) if wants_silence() else None
            if wait_s is None and (is_held_back or (rested_at is not None and not text.closed)):
                wait_s = _LOOK_S
            try:
                async with asyncio.timeout(wait_s):
                    piece = await pieces.get()
            except TimeoutError:
                if wants_silence() and dry_in_s() < AHEAD_S + _TICK_S:
                    is_filling = True
                    yield None
                continue
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            if piece:
                rested_at, is_filling = None, False
                yield piece
            else:
                rested_at = segments.given
            pieces.task_done()
    finally:
        await cancel_and_wait(pumping)


async def _pump(sound: AsyncGenerator[bytes, None], pieces: asyncio.Queue[bytes | Exception | None]) -> None:
    try:
        async for piece in sound:
            await pieces.put(piece)
            await pieces.join()
    except Exception as error:  # noqa: BLE001  raised where the pieces are taken
        await pieces.put(error)
    else:
        await pieces.put(None)
    finally:
        await sound.aclose()  # in this task: an engine's time limits belong to the task that made them
