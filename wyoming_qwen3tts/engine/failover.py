"""An engine made of two: the one that is wanted, and the one that is always there. Never silent; never two voices in
one reply."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Self

from ..audio.earcon import chime
from ..audio.pcm import packets
from ..errors import BadRequest, Busy, EngineError, OutOfMemory
from ..monitoring.health import Liveness, Living
from ..speech.audio_format import FORMAT
from ..speech.engine import Cloning, Engine, Origin, Sleeper, Traceable
from ..speech.request import SpeechRequest
from ..speech.voice import Voice
from ..util.backoff import Backoff
from ..util.tasks import cancel_and_wait
from .tee import Tee

log = logging.getLogger(__name__)


class FailoverEngine:
    """``first`` speaks whenever it can; ``second`` speaks while it cannot. Event loop only.

    Decided anew for every reply, before its first sound and never after it: ``second`` takes over if ``first`` is not
    ready, fails without a sound, or has made none ``patience_s`` after the first segment is known. What ``first`` has
    read of the text by then is read again. An engine that failed twice in a row is left alone for a while, as every
    attempt costs a listener ``patience_s`` of silence.
    """

    def __init__(
        self,
        first: Engine,
        second: Engine,
        *,
        patience_s: float = 4.0,
        earcon: bool = False,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
        liveness: Callable[[], Liveness] | None = None,
    ) -> None:
        self._first, self._second = first, second
        self._patience_s, self._clock = patience_s, clock
        self._liveness = liveness or (first.liveness if isinstance(first, Living) else Liveness)
        self._earcon = chime(FORMAT.rate) if earcon else b""
        self._not_started: dict[str, str] = {}  # engine -> why
        self._trouble: str | None = None  # why the last reply that `first` was asked for was not spoken by it
        self._backoff = backoff or Backoff()
        self._left_alone_until = 0.0
        self._retry: asyncio.Task[None] | None = None
        self.takeovers: Counter[str] = Counter()  # replies that `second` spoke in the place of `first`, by reason
        self.name = first.name

    @property
    def first(self) -> Engine:
        """The one that is preferred."""
        return self._first

    @property
    def state(self) -> str:
        """That of ``first``, and who speaks meanwhile: ``loading 43 % (built-in voice speaks)``, ``ready``,
        ``degraded: out of memory``, and ``failed: ...`` only if neither can speak."""
        first, second = self._state_of(self._first), self._state_of(self._second)
        if _can_speak(first):
            return f"degraded: {self._trouble}" if self._trouble else first
        if first.startswith("failed"):
            return f"{first}; {self._second.name} {second}" if second.startswith("failed") else f"degraded{first[6:]}"
        return f"{first} (built-in voice speaks)" if _can_speak(second) else first

    def liveness(self) -> Liveness:
        """Signs of life, those of ``first``: whether it broke for good, whether it hangs."""
        return self._liveness()

    def voices(self) -> tuple[Voice, ...]:
        return self._first.voices() + self._second.voices()

    def clones(self) -> tuple[Voice, ...]:
        return self._first.clones() if isinstance(self._first, Cloning) else ()

    def why_mute(self, name: str) -> str | None:
        return self._first.why_mute(name) if isinstance(self._first, Cloning) else None

    def origin(self, voice: Voice) -> Origin | None:
        """That of whoever ought to speak; ``second`` in the place of ``first`` is no origin."""
        engine = self._second if self._is_of_second(voice) else self._first
        return engine.origin(voice) if isinstance(engine, Traceable) else None

    async def start(self) -> None:
        """Load both, at the same time. One that cannot be loaded is seen in ``state`` and stops nobody."""
        await asyncio.gather(self._start(self._first), self._start(self._second))

    def start_first(self) -> None:
        """Try once more to start the one that is wanted, in the background, if it could not be started."""
        has_failed = self._first.name in self._not_started or self._first.state.startswith("failed")
        if has_failed and (self._retry is None or self._retry.done()):
            self._retry = asyncio.get_running_loop().create_task(self._start(self._first))

    async def close(self) -> None:
        await cancel_and_wait(self._retry)
        try:
            await self._first.close()
        finally:
            await self._second.close()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AsyncIterator[bytes]]:
        async with aclosing(_Reply(self._audio, request)) as reply:
            yield reply

    # -- one reply
    # -------------------------------------------------------------------------------------------------------

    async def _audio(self, request: SpeechRequest, reply: _Reply) -> AsyncGenerator[bytes, None]:
        if self._is_of_second(request.voice):
            reply.engine = self._second.name
            async with self._second.speak(request) as audio:
                async for pcm in audio:
                    yield pcm
            return
        async with Tee(request.segments) as segments:
            opening = await segments.first()
            if opening is None:
                return
            reason = self._why_not_first()
            if reason is None:
                try:
                    async with aclosing(self._by_first(replace(request, segments=segments.reader()), reply)) as audio:
                        async for pcm in audio:
                            yield pcm
                    return
                except _NoSound as error:
                    reason = error.reason
            voice = self._stand_in(opening.language, request.voice)
            again = replace(request, segments=segments.reader(), voice=voice)
            async with aclosing(self._by_second(again, reply, reason)) as audio:
                async for pcm in audio:
                    yield pcm

    def _is_of_second(self, wanted: Voice) -> bool:
        return wanted.engine == self._second.name

    def _why_not_first(self) -> str | None:
        """Why ``first`` need not be asked; None if it shall be."""
        state = self._state_of(self._first)
        if not _can_speak(state):
            if isinstance(self._first, Sleeper):
                self._first.wake()
            reason = state.split(" ", maxsplit=1)[0].rstrip(":")
        elif self._clock() < self._left_alone_until:
            reason = "left-alone"
        else:
            return None
        return None if self._second_is_dead else reason

    async def _by_first(self, request: SpeechRequest, reply: _Reply) -> AsyncGenerator[bytes, None]:
        """The reply by ``first``.

        Raises:
            _NoSound: if nothing was heard of it, and somebody else may speak.
        """
        # The time limit is around the engine's own block, which thus ends by a plain cancellation.
        limit = asyncio.timeout(None if self._second_is_dead else self._patience_s)
        try:
            async with limit, self._first.speak(request) as audio:
                async for pcm in audio:
                    if not pcm:
                        continue
                    if not reply.is_heard:
                        limit.reschedule(None)
                        self._works_again()
                        reply.is_heard, reply.engine = True, self._first.name
                    yield pcm
            if not reply.is_heard:
                raise EngineError("It made no sound.")
        except Exception as error:
            if reply.is_heard or isinstance(error, BadRequest) or self._second_is_dead:
                raise
            if isinstance(error, TimeoutError) and limit.expired():
                raise self._no_sound("slow", f"no sound within {self._patience_s:g} s") from None
            if not isinstance(error, EngineError | Busy):
                log.exception("The %s engine broke on a text", self._first.name)
            raise self._no_sound(*_in_words(error)) from error

    async def _by_second(self, request: SpeechRequest, reply: _Reply, reason: str) -> AsyncGenerator[bytes, None]:
        self.takeovers[reason] += 1
        log.debug("%s speaks for %s: %s", self._second.name, self._first.name, reason)
        reply.engine = self._second.name
        if self._earcon:
            for packet in packets(self._earcon, FORMAT.frame_bytes):
                yield packet
        async with self._second.speak(request) as audio:
            async for pcm in audio:
                yield pcm

    def _stand_in(self, language: str, wanted: Voice) -> Voice:
        """Who of ``second`` speaks for ``wanted``."""
        voices = self._second.voices()
        for code in (language, wanted.language):
            for voice in voices:
                if code in voice.languages:
                    return voice
        return voices[0]

    # -- how they are
    # ----------------------------------------------------------------------------------------------------

    @property
    def _second_is_dead(self) -> bool:
        """Then there is no sense in giving ``first`` up."""
        return self._state_of(self._second).startswith("failed")

    def _state_of(self, engine: Engine) -> str:
        return self._not_started.get(engine.name) or engine.state

    async def _start(self, engine: Engine) -> None:
        self._not_started.pop(engine.name, None)
        try:
            await engine.start()
        except Exception as error:  # whatever is wrong with one of them, the other one speaks
            trace = None if isinstance(error, EngineError) else error  # those are written for people
            log.error("The %s engine could not be started: %s", engine.name, error, exc_info=trace)  # noqa: TRY400
            if not engine.state.startswith("failed"):
                self._not_started[engine.name] = f"failed: {error or type(error).__name__}"

    def _no_sound(self, reason: str, words: str) -> _NoSound:
        """Note a failure. The first one is free; after that the engine is left alone, longer each time."""
        log.warning("The built-in voice speaks this reply: the %s engine: %s", self._first.name, words)
        now = self._clock()
        if reason != Busy.code and now >= self._left_alone_until:
            if self._trouble is not None:
                self._left_alone_until = now + self._backoff.next_s()
            self._trouble = words
        return _NoSound(reason)

    def _works_again(self) -> None:
        self._trouble, self._left_alone_until = None, 0.0
        self._backoff.reset()


class _Reply:
    """The audio of one reply, and whose it is."""

    def __init__(
        self, audio: Callable[[SpeechRequest, _Reply], AsyncGenerator[bytes, None]], request: SpeechRequest
    ) -> None:
        self.engine = "-"
        self.is_heard = False  # `first` has made a sound
        self._audio = audio(request, self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._audio)

    async def aclose(self) -> None:
        await self._audio.aclose()


class _NoSound(Exception):
    """``first`` was given up before anybody heard of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _can_speak(state: str) -> bool:
    return state.startswith(("ready", "degraded"))


def _in_words(error: Exception) -> tuple[str, str]:
    """For the counter, and for the state."""
    if isinstance(error, OutOfMemory):
        return error.code, "out of memory"
    if isinstance(error, EngineError | Busy):
        return error.code, str(error)
    return EngineError.code, f"{type(error).__name__}: {error}"
