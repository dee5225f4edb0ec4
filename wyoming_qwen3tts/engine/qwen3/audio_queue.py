"""One reply's audio on its way from the engine thread to the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Self

from ...speech.audio_format import FORMAT, AudioFormat

_PACKET_FRAMES = 4


class AudioQueue:
    """Bounded, and nobody ever blocks.

    The *engine thread* makes frames for a reply only while ``wants_audio``; a slow listener therefore costs no GPU
    time, and a listener who left costs none from the next frame on. The *event loop* iterates inside ``async with``:
    leaving the block for whatever reason (end, error, cancellation, disconnect) is how a reply is given up.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, frames: int, wake_engine: Callable[[], None]) -> None:
        self._loop, self._wake_engine = loop, wake_engine
        self._frames = frames
        self.format: AudioFormat = FORMAT  # of the sound; written by the engine thread before the first
        # Holds no more than `wants_audio` lets in.
        self._queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._put = 0  # bytes; written by the engine thread only
        self._taken = 0  # bytes; written by the event loop only
        self.is_complete = False  # written by the engine thread, once the end is handed over
        self.abandoned = False  # written by the event loop, or by whoever finds that it is gone

    @property
    def wants_audio(self) -> bool:
        return not self.abandoned and self._put - self._taken < self._frames * self.format.frame_bytes

    def put(self, pcm: bytes) -> None:
        """Engine thread: hand over PCM, whole samples. Nothing says that all that was given so far is spoken."""
        self._put += len(pcm)
        self._hand_over(pcm)

    def end(self) -> None:
        """Engine thread: the reply is complete."""
        self._hand_over(None)
        self.is_complete = True

    def fail(self, error: BaseException) -> None:
        """Either side: the error that ends the reply, raised behind the audio that came before it."""
        self._hand_over(error)

    def _hand_over(self, item: bytes | BaseException | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self.abandoned = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.abandoned = True
        self._wake_engine()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """PCM in pieces of at most four frames, until the end; empty ones as they were handed over.

        Raises:
            EngineError: what ended the reply instead.
        """
        while (item := await self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            self._taken += len(item)
            self._wake_engine()
            size = _PACKET_FRAMES * self.format.frame_bytes
            for start in range(0, len(item) or 1, size):
                yield item[start : start + size]
