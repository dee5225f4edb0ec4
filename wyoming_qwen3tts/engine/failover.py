"""An engine made of two: the one that is wanted, and the one that is always there. Never silent; never two voices in
one reply."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import replace

from ..audio.earcon import chime
from ..audio.pcm import packets
from ..errors import BadRequest, Busy, EngineError, OutOfMemory, SpeechError
from ..speech.audio_format import FORMAT, AudioFormat
from ..speech.engine import AudioStream, Engine, EngineStatus, Origin, Phase, Substitute
from ..speech.request import Moment, SpeechRequest, TextLength
from ..speech.segment import Segment
from ..speech.voice import Voice
from ..util.backoff import Backoff
from ..util.tasks import cancel_and_wait
from .delegating import DelegatingEngine
from .head_start import HeadStart, Hold, TooSlow
from .tee import Tee

log = logging.getLogger(__name__)

_TOO_SLOW = "too-slow"
_SENTENCE = "This is how fast a sentence can be spoken on this machine."
_MEASURING_S = 30.0
_LEAST_PATIENCE_S = 0.3  # with an engine that is asked when another one has used the listener's patience up


class FailoverEngine(DelegatingEngine):
    """``primary`` speaks whenever it can; ``fallback`` speaks while it cannot. Event loop only.

    Decided anew for every reply, before its first sound and never after it: ``fallback`` takes over if ``primary`` is
    not ready, fails without a sound, or has made none ``patience_s`` after the first segment is known. What ``primary``
    has read of the text by then is read again. An engine that failed twice in a row is left alone for a while, as every
    attempt costs a listener ``patience_s`` of silence; to be busy with other replies is no failure.
    """

    def __init__(
        self,
        primary: Engine,
        fallback: Engine,
        *,
        patience_s: float = 1.5,
        earcon: bool = False,
        head_start: HeadStart | None = None,
        backoff: Backoff | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(primary)
        self._fallback = fallback
        self._patience_s, self._clock = patience_s, clock
        self._head_start = head_start  # None: replies begin at once, however slow the machine
        self._earcon = chime(FORMAT.rate) if earcon else b""
        self._not_started: dict[str, EngineStatus] = {}  # by name of the engine
        self._trouble: str | None = None  # why the last reply that `primary` was asked for was not spoken by it
        self._backoff = backoff or Backoff()
        self._left_alone_until = 0.0
        self._retry: asyncio.Task[None] | None = None
        self._takeovers: Counter[str] = Counter()

    @property
    def primary(self) -> Engine:
        """The one that is preferred."""
        return self.inner

    @property
    def status(self) -> EngineStatus:
        """That of ``primary``, and who speaks meanwhile. DEGRADED if ``primary`` failed or gave its last reply up,
        FAILED only if neither can speak."""
        primary, fallback = self._status_of(self.primary), self._status_of(self._fallback)
        if primary.can_speak:
            return EngineStatus(Phase.DEGRADED, self._trouble) if self._trouble else primary
        if primary.phase is Phase.FAILED:
            if fallback.phase is Phase.FAILED:
                return replace(primary, reason=f"{primary.reason}; {self._fallback.name} {fallback}")
            return EngineStatus(Phase.DEGRADED, primary.reason, fallback=fallback.fallback or self._fallback.name)
        if not fallback.is_answered:
            return primary
        return replace(primary, fallback=fallback.fallback or self._fallback.name)

    @property
    def members(self) -> frozenset[str]:
        return self.primary.members | self._fallback.members

    @property
    def may_hold_back(self) -> bool:
        return self._head_start is not None and self._head_start.may_hold

    @property
    def takeovers(self) -> Counter[str]:
        return self._takeovers

    def voices(self) -> tuple[Voice, ...]:
        return self.primary.voices() + self._fallback.voices()

    def mute_languages(self) -> dict[str, str]:
        """Those that neither speaks now."""
        known, mute = self._languages_of(self.primary)
        also_known, also_mute = self._languages_of(self._fallback)
        spoken = (known - set(mute)) | (also_known - set(also_mute))
        return {code: why for code, why in (mute | also_mute).items() if code not in spoken}

    def _languages_of(self, engine: Engine) -> tuple[set[str], dict[str, str]]:
        """Those of an engine's voices, and which of them it cannot speak now, and why: all, if it does not speak. What
        is asked of ``fallback`` while it loads is spoken in a moment."""
        known, status = {code for voice in engine.voices() for code in voice.languages}, self._status_of(engine)
        if status.is_answered or (engine is self._fallback and status.is_loading):
            return known, engine.mute_languages()
        return known, dict.fromkeys(known, str(status)) | engine.mute_languages()

    @property
    def longest_silence_s(self) -> float:
        """``fallback`` begins when ``primary`` was silent, or held back, for as long as it may be."""
        held_s = 0.0 if self._head_start is None else self._head_start.most_s
        taken_over_s = self._patience_s + held_s + self._fallback.longest_silence_s
        return max(self.primary.longest_silence_s, taken_over_s)

    def substitute(self, voice: Voice) -> Substitute | None:
        if self._is_of_fallback(voice):
            return self._fallback.substitute(voice)
        if (why := self._expected_reason(voice.language)) is None:
            return self.primary.substitute(voice)
        other = self._fallback_voice(voice.language, voice)
        further = self._fallback.substitute(other)
        return Substitute(further.voice if further else other, why)

    def origin(self, voice: Voice) -> Origin | None:
        """Cache identity of the engine that owns the voice; speech of ``fallback`` in the place of ``primary`` has
        none."""
        engine = self._fallback if self._is_of_fallback(voice) else self.primary
        return engine.origin(voice)

    async def start(self) -> None:
        """Load both, at the same time. One that cannot be loaded is seen in ``status`` and stops nobody."""
        await asyncio.gather(self._start(self.primary), self._start(self._fallback))

    def start_primary(self) -> None:
        """Try once more to start the one that is wanted, in the background, if it could not be started."""
        has_failed = self._status_of(self.primary).phase is Phase.FAILED
        if has_failed and (self._retry is None or self._retry.done()):
            self._retry = asyncio.get_running_loop().create_task(self._start(self.primary))

    async def close(self) -> None:
        await cancel_and_wait(self._retry)
        try:
            await self.primary.close()
        finally:
            await self._fallback.close()
            await self._keep_speeds()

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with aclosing(_Reply(self._audio, request)) as reply:
            yield reply

    # -- one reply

    async def _audio(self, request: SpeechRequest, reply: _Reply) -> AsyncGenerator[bytes, None]:
        if self._is_of_fallback(request.voice):
            async with self._fallback.speak(request) as audio:
                async for pcm in audio:
                    reply.is_spoken_by(audio)
                    yield pcm
            return
        async with Tee(request.segments) as segments:
            opening = await segments.first()
            if opening is None:
                return
            began = self._clock()
            reason = self._why_not_primary(opening.language) or self._why_too_slow(request, opening.language, reply)
            if reason is None:
                by_primary = replace(request, segments=segments.reader(), moments=[])
                try:
                    async with aclosing(self._by_primary(by_primary, opening.language, reply)) as audio:
                        async for pcm in audio:
                            yield pcm
                    return
                except _NoSound as error:
                    reason, reply.choice = error.reason, error.choice
            voice = self._fallback_voice(opening.language, request.voice)
            waited_s = request.waited_s + self._clock() - began
            again = replace(request, segments=segments.reader(), voice=voice, waited_s=waited_s)
            async with aclosing(self._by_fallback(again, reply, reason)) as audio:
                async for pcm in audio:
                    yield pcm

    def _is_of_fallback(self, wanted: Voice) -> bool:
        return wanted.engine in self._fallback.members

    def _why_not_primary(self, language: str) -> str | None:
        """Why ``primary`` need not be asked for ``language``; None if it shall be."""
        if not self._status_of(self.primary).can_speak:
            self.primary.wake()
        return self._expected_reason(language)

    def _expected_reason(self, language: str) -> str | None:
        status = self._status_of(self.primary)
        if not status.can_speak:
            reason = status.phase.value
        elif self._clock() < self._left_alone_until:
            reason = "left-alone"
        elif language in self.primary.mute_languages():
            reason = "mute"
        else:
            return None
        return None if self._fallback_has_failed else reason

    def _why_too_slow(self, request: SpeechRequest, language: str, reply: _Reply) -> str | None:
        """A reply that would begin too late is no failure of ``primary``."""
        if self._head_start is None or request.length is None or self._fallback_has_failed:
            return None
        try:
            self._head_start.check(request.voice.name, language, request.length)
        except TooSlow as error:
            reply.choice = str(error)
            return _TOO_SLOW
        return None

    async def _by_primary(self, request: SpeechRequest, language: str, reply: _Reply) -> AsyncGenerator[bytes, None]:
        """The reply by ``primary``.

        Raises:
            _NoSound: if nothing was heard of it, and somebody else may speak.
        """
        # The time limit is around the engine's own block, which thus ends by a plain cancellation.
        patience_s = max(self._patience_s - request.waited_s, _LEAST_PATIENCE_S)
        limit = asyncio.timeout(None if self._fallback_has_failed else patience_s)
        stream: AudioStream | None = None
        try:
            with self._hold(request, language) as hold:
                reply.hold = hold
                async with limit, self.primary.speak(request) as stream:
                    async for ready in self._measured(stream, hold):
                        if reply.stream is None:
                            limit.reschedule(None)
                            self._works_again()
                            reply.stream, reply.voice, reply.why = stream, stream.voice, stream.why
                        for piece in ready:
                            reply.note_moments(request.moments)
                            yield reply.heard(piece, self.primary.name)
                if reply.stream is None:
                    raise EngineError("It made no sound.")
                for piece in hold.end():
                    reply.note_moments(request.moments)
                    yield reply.heard(piece, self.primary.name)
        except Exception as error:
            if reply.is_heard or isinstance(error, BadRequest | _NoSound) or self._fallback_has_failed:
                raise
            if isinstance(error, TimeoutError) and limit.expired():
                is_busy = stream is not None and stream.has_queued
                words = "every slot is taken" if is_busy else f"no sound within {patience_s:g} s"
                raise self._no_sound(Busy.code if is_busy else "slow", words) from None
            if not isinstance(error, EngineError | Busy):
                log.exception("The %s engine broke on a text", self.primary.name)
            raise self._no_sound(*_in_words(error)) from error

    async def _by_fallback(self, request: SpeechRequest, reply: _Reply, reason: str) -> AsyncGenerator[bytes, None]:
        self._takeovers[reason] += 1
        log.debug("%s speaks for %s: %s", self._fallback.name, self.primary.name, reason)
        reply.engine, reply.stream, reply.hold, reply.voice = self._fallback.name, None, None, request.voice
        own = replace(request, moments=[])
        if self._earcon:
            for packet in packets(self._earcon, FORMAT.frame_bytes):
                yield packet
        before = len(self._earcon) // FORMAT.width
        async with self._fallback.speak(own) as audio:
            async for pcm in audio:
                reply.note_moments(own.moments, before)
                reply.is_spoken_by(audio)
                reply.voice, reply.why = audio.voice or request.voice, reason
                yield pcm

    def _fallback_voice(self, language: str, wanted: Voice) -> Voice:
        """Who of ``fallback`` speaks for ``wanted``."""
        voices = self._fallback.voices()
        for code in (language, wanted.language):
            able = [voice for voice in voices if code in voice.languages]
            if able:
                return next((voice for voice in able if voice.speaker == wanted.speaker), able[0])
        return voices[0]

    # -- how they are

    @property
    def _fallback_has_failed(self) -> bool:
        """Then there is no sense in giving ``primary`` up."""
        return self._status_of(self._fallback).phase is Phase.FAILED

    def _status_of(self, engine: Engine) -> EngineStatus:
        return self._not_started.get(engine.name) or engine.status

    async def _start(self, engine: Engine) -> None:
        self._not_started.pop(engine.name, None)
        try:
            await engine.start()
        except Exception as error:  # whatever is wrong with one of them, the other one speaks
            trace = None if isinstance(error, EngineError) else error  # those are written for people
            log.error("The %s engine could not be started: %s", engine.name, error, exc_info=trace)  # noqa: TRY400
            if engine.status.phase is not Phase.FAILED:
                self._not_started[engine.name] = EngineStatus(Phase.FAILED, str(error) or type(error).__name__)
            return
        if engine is self.primary:
            await self._measure()

    async def _measure(self) -> None:
        """How fast ``primary`` speaks, from a sentence that nobody hears, unless that is known: so the first listener
        hears no stutter either."""
        head_start, voices = self._head_start, self.primary.voices()
        if head_start is None or not head_start.measures or head_start.is_known:
            return
        if not voices or not self.primary.status.can_speak:
            return
        language = voices[0].languages[0]
        request = SpeechRequest(_one(Segment(_SENTENCE, language)), voices[0])
        try:
            async with asyncio.timeout(_MEASURING_S), self.primary.speak(request) as stream:
                with self._hold(request, language) as hold:
                    async for _ in self._measured(stream, hold):
                        pass
                    hold.end()
        except (TimeoutError, SpeechError) as error:
            log.info("How fast the %s engine speaks is not known yet: %s", self.primary.name, error)
            return
        if (rtf := head_start.book.speed(voices[0].name, 1)) is not None:
            log.info("The %s engine speaks %.1f times as fast as speech here", self.primary.name, 1 / max(rtf, 0.001))
            await self._keep_speeds()

    async def _keep_speeds(self) -> None:
        if self._head_start is not None and self._head_start.is_known:
            try:
                await asyncio.to_thread(self._head_start.save)
            except OSError as error:
                log.warning("How fast voices speak cannot be kept for the next start: %s", error.strerror or error)

    async def _measured(self, stream: AudioStream, hold: Hold) -> AsyncIterator[list[bytes]]:
        """From the first sound on: with each piece that is made, those that may be handed on.

        Raises:
            _NoSound: if it would have to be held back for too long.
        """
        has_sound = False
        hold.asked(self._clock())
        async for pcm in stream:
            has_sound = has_sound or bool(pcm)
            if has_sound:
                try:
                    yield hold.add(pcm, stream.format.seconds(len(pcm)), self._clock())
                except TooSlow as error:
                    raise _NoSound(_TOO_SLOW, str(error)) from None
            hold.asked(self._clock())

    @contextmanager
    def _hold(self, request: SpeechRequest, language: str) -> Iterator[Hold]:
        """What measures the reply's sound and holds it back. Where nobody plays the reply, or there is nobody else to
        speak it, it holds nothing back."""
        head_start = self._head_start or HeadStart(math.inf)
        length = request.length or _unknown
        hold = head_start.begin(request.voice.name, language, length, is_stream=request.is_stream)
        if request.length is None:
            hold.is_holding = False
        try:
            yield hold
        finally:
            head_start.ended()

    def _no_sound(self, reason: str, words: str) -> _NoSound:
        """Note a failure. The first one is free; after that the engine is left alone, longer each time."""
        who = "built-in voice" if self._fallback.name == "builtin" else "voice that stands in"
        log.warning("The %s speaks this reply: the %s engine: %s", who, self.primary.name, words)
        now = self._clock()
        if reason != Busy.code and now >= self._left_alone_until:
            if self._trouble is not None:
                self._left_alone_until = now + self._backoff.next_s()
            self._trouble = words
        return _NoSound(reason)

    def _works_again(self) -> None:
        self._trouble, self._left_alone_until = None, 0.0
        self._backoff.reset()


class _Reply(AudioStream):
    """The audio of one reply, named after whichever engine speaks."""

    def __init__(
        self, audio: Callable[[SpeechRequest, _Reply], AsyncGenerator[bytes, None]], request: SpeechRequest
    ) -> None:
        self._source = audio(request, self)
        super().__init__("-", self._source)
        self._moments = request.moments
        self.is_heard = False  # `primary` has made a sound
        self.stream: AudioStream | None = None  # of whoever speaks
        self.hold: Hold | None = None  # of `primary`'s sound
        self.choice = ""  # why `primary` was too slow

    def heard(self, piece: bytes, engine: str) -> bytes:
        """``piece`` goes to the listener, from ``primary``."""
        self.is_heard, self.engine = True, engine
        return piece

    def note_moments(self, moments: list[Moment], before: int = 0) -> None:
        """Hand on the moments of whoever speaks, ``before`` samples of whose sound are ours."""
        self._moments += [moment._replace(at=moment.at + before) for moment in moments[len(self._moments) :]]

    @property
    def is_held_back(self) -> bool:
        return self.hold is not None and self.hold.is_holding and self.stream is not None

    @property
    def is_complete(self) -> bool:
        return self.stream is not None and self.stream.is_complete

    @property
    def note(self) -> str:
        return self.choice or ("" if self.hold is None else self.hold.note)

    def is_spoken_by(self, stream: AudioStream) -> None:
        """From here on."""
        self.stream, self.engine, self.voice, self.why = stream, stream.engine, stream.voice, stream.why

    @property
    def format(self) -> AudioFormat:
        return FORMAT if self.stream is None else self.stream.format

    async def aclose(self) -> None:
        await self._source.aclose()


class _NoSound(Exception):
    """``primary`` was given up before anybody heard of it."""

    def __init__(self, reason: str, choice: str = "") -> None:
        super().__init__(reason)
        self.reason, self.choice = reason, choice  # `choice`: in words, where it is no failure


async def _one(segment: Segment) -> AsyncIterator[Segment]:
    yield segment


def _unknown() -> TextLength:
    return TextLength(0, is_complete=True)


def _in_words(error: Exception) -> tuple[str, str]:
    """The reason for the counter, and for ``status``."""
    if isinstance(error, OutOfMemory):
        return error.code, "out of memory"
    if isinstance(error, EngineError | Busy):
        return error.code, str(error)
    return EngineError.code, f"{type(error).__name__}: {error}"
