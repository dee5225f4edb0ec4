"""The sound of announcements, fetched by speakers: it can be read while it still grows, and is gone after a while."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from ..audio.encode import MEDIA_TYPES, FileFormat, sync_encoder
from ..errors import Busy, TextTooLong
from ..speech.audio_format import FORMAT

PREFIX = "/announce"  # the path at which the web server offers them
_PIECE_BYTES = 64 * 1024
_ID_BYTES = 16  # 128 bits: nobody guesses what the neighbours were told


class Clip:
    """One announcement's sound. Event loop only."""

    def __init__(self, kind: FileFormat, limit_bytes: int) -> None:
        self.name = f"{secrets.token_urlsafe(_ID_BYTES)}.{kind}"
        self.content_type = MEDIA_TYPES[kind]
        self.data = bytearray()
        self.seconds = 0.0
        self.finished = False
        self._encoder, self._limit_bytes = sync_encoder(kind), limit_bytes
        self._changed = asyncio.Event()

    def add(self, pcm: bytes) -> None:
        """More sound, PCM in ``speech.FORMAT``.

        Raises:
            TextTooLong: if it is too much for one clip.
        """
        if len(self.data) + len(pcm) > self._limit_bytes:
            raise TextTooLong(
                "The speech is too long for one announcement. Send it in parts, or raise announce.clips_mb."
            )
        self.data += self._encoder.add(pcm)
        self.seconds += FORMAT.seconds(len(pcm))
        self._wake()

    def finish(self) -> None:
        """All of it is there, or as much as there will ever be. Is idempotent."""
        if not self.finished:
            self.data += self._encoder.finish()
            self.data[: len(self._encoder.head)] = self._encoder.head  # with the length, which is known now
            self.finished = True
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def whole(self) -> None:
        """Wait until all of it is there."""
        while not self.finished:
            await self._changed.wait()

    async def read(self, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The file from ``start`` to ``end``, as it grows; any number may read at once, each at its own pace."""
        at = start
        while end is None or at < end:
            stop = min(at + _PIECE_BYTES, len(self.data), len(self.data) if end is None else end)
            if at < stop:
                piece = bytes(memoryview(self.data)[at:stop])
                at = stop
                yield piece
            elif self.finished:
                return
            else:
                await self._changed.wait()


class ClipStore:
    """Where clips lie until they expire, or until younger ones need the room. ``async with`` frees all at its end."""

    def __init__(self, *, limit_bytes: int, lifetime_s: float) -> None:
        self._limit_bytes, self._lifetime_s = limit_bytes, lifetime_s
        self._clips: dict[str, Clip] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for clip in list(self._clips.values()):
            clip.finish()
            self.drop(clip)

    @property
    def used_bytes(self) -> int:
        return sum(len(clip.data) for clip in self._clips.values())

    def __len__(self) -> int:
        return len(self._clips)

    def open(self, kind: FileFormat) -> Clip:
        """A new clip, which grows. Hand it to `keep` when it is finished, or to `drop`.

        Raises:
            Busy: if what is being made now takes all the room.
        """
        self._make_room()
        clip = Clip(kind, self._limit_bytes // 2)
        self._clips[clip.name] = clip
        return clip

    def find(self, name: str) -> Clip | None:
        return self._clips.get(name)

    def keep(self, clip: Clip) -> None:
        """It is finished: its time begins. Is idempotent."""
        clip.finish()
        if clip.name in self._clips and clip.name not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[clip.name] = loop.call_later(self._lifetime_s, self.drop, clip)

    def drop(self, clip: Clip) -> None:
        """Nobody can fetch it any more; who reads already may go on. Is idempotent."""
        self._clips.pop(clip.name, None)
        if timer := self._timers.pop(clip.name, None):
            timer.cancel()

    def _make_room(self) -> None:
        over = self.used_bytes - self._limit_bytes // 2
        for clip in [clip for clip in self._clips.values() if clip.finished]:  # the oldest first
            if over <= 0:
                return
            over -= len(clip.data)
            self.drop(clip)
        if over > self._limit_bytes // 2:
            raise Busy("All memory for announcements is taken. Try again in a moment, or raise announce.clips_mb.")
