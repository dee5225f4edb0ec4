"""The turns of a reply, of which the next is begun as soon as the engine is done with the one before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from ..speech.audio_format import FORMAT, AudioFormat
from ..speech.engine import AudioStream, Engine
from ..speech.request import SpeechRequest
from ..util.tasks import cancel_and_wait
from .lookup import Lookup

_AHEAD_PIECES = 64  # of a turn that is made while the one before it plays: 20 s


class TurnsAhead:
    """Iterates over ``turns``; closing it gives up what was begun. Event loop only.

    An engine has one turn of a reply at a time: while the listener takes the last of one, which lies ready, the engine
    makes the next, in a task of ours. So a change of voice costs no more than the next sentence of one voice.
    """

    def __init__(self, turns: AsyncGenerator[Lookup, None], engine: Engine) -> None:
        self._turns, self._engine = turns, engine
        self._next: Lookup | None = None
        self._begun: _BegunTurn | None = None  # the sound of `_next`, or of the turn that was given out last

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Lookup:
        turn, self._next = self._next, None
        return await anext(self._turns) if turn is None else turn

    async def look_ahead(self) -> None:
        """The engine is done with the turn that was given out last, and there is a further one: have it begun."""
        if self._next is not None:
            return
        self._next = await anext(self._turns, None)
        if self._next is not None and self._next.recording is None:
            self._begun = _BegunTurn(self._engine, self._next.request)

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        """The sound of a turn: as it was begun, or from the engine now."""
        begun = self._begun
        if begun is None or begun.request is not request:
            async with self._engine.speak(request) as audio:
                yield audio
            return
        self._begun = None
        try:
            yield begun
        finally:
            await begun.aclose()

    async def aclose(self) -> None:
        if self._begun is not None:
            await self._begun.aclose()
        await self._turns.aclose()


class _BegunTurn(AudioStream):
    """A turn's sound, fetched from its beginning on, whoever listens to what."""

    def __init__(self, engine: Engine, request: SpeechRequest) -> None:
        self.request, self._speaker = request, engine
        self._pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(_AHEAD_PIECES)
        self._stream: AudioStream | None = None
        super().__init__(engine.name, self._taken())
        self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        """In a task of its own: an engine's time limits belong to the task that made them."""
        try:
            async with self._speaker.speak(self.request) as stream:
                self._stream = stream
                async for pcm in stream:
                    self._tell_of(stream)
                    await self._pieces.put(pcm)
                self._tell_of(stream)
        except Exception as error:  # noqa: BLE001  raised where the pieces are taken
            await self._pieces.put(error)
        else:
            await self._pieces.put(None)

    def _tell_of(self, stream: AudioStream) -> None:
        self.engine, self.voice = stream.engine, stream.voice

    async def _taken(self) -> AsyncIterator[bytes]:
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    @property
    def format(self) -> AudioFormat:
        return FORMAT if self._stream is None else self._stream.format

    @property
    def is_complete(self) -> bool:
        return self._fetching.done()

    @property
    def is_held_back(self) -> bool:
        return self._stream is not None and self._stream.is_held_back

    @property
    def note(self) -> str:
        return "" if self._stream is None else self._stream.note

    @property
    def has_queued(self) -> bool:
        return self._stream is not None and self._stream.has_queued

    async def aclose(self) -> None:
        await cancel_and_wait(self._fetching)
