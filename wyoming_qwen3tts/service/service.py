"""The only way in: whoever wants speech asks here. Text limits, voice look-up, admission, and the one log line a
request gets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from ..audio.pcm import packets
from ..errors import EngineError, SpeechError
from ..monitoring.logs import quoted
from ..settings import Limits
from ..speech.audio_format import FORMAT
from ..speech.engine import Attributed, Engine
from ..speech.request import Feed, SpeechRequest
from ..speech.text_stream import TextStream
from ..speech.voice import Voice
from ..text.front_end import FrontEnd
from ..text.language import detect
from ..text.lexicon import EMPTY, Lexicon, LexiconFolder
from ..text.reader import SegmentReader
from ..util.tasks import cancel_and_wait
from ..voices.catalog import VoiceCatalog
from .admission import AdmissionController, Permit
from .lookup import Opening
from .options import check
from .options import manner as manner_of
from .phrase_cache import AUDIO_BYTES, PhraseCache
from .postprocess import PostProcessor

log = logging.getLogger(__name__)

_EMPTY_REPLY_S = 0.1  # an error would fail the whole pipeline of an assistant whose model answered with an emoji


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """What a front door asks for, apart from the text."""

    voice: str | None = None
    language: str | None = None  # ISO code, regional tag, or the model's own name
    ssml: bool = False
    seed: int | None = None
    feed: Feed | None = None  # how the text reaches the engine, where the door asks for one
    instruct: str | None = None  # how to speak; instead of the voice's own style
    speed: float | None = None  # 1 is the voice's own pace, which is not changed then
    volume: float | None = None  # 0 to 1 of the voice's own
    chime: bool | None = None  # two tones before the speech; None: as the voice's style says
    normalize: bool = True  # numbers, units and so on as words; else only what cannot be spoken is taken out
    server: str = "cli"
    client: str = ""  # who asks, where the door knows: the name of an API key, an address


@dataclass(slots=True, eq=False)
class RequestStats:
    """What became of one request."""

    server: str = "-"
    client: str = ""
    voice: str = "-"
    language: str = "-"
    engine: str = "-"  # which one spoke
    chars: int = 0
    ttfa_s: float | None = None  # from admission, or the first text if that came later, to the first audio
    working_s: float = 0.0  # time the engine was waited for
    audio_bytes: int = 0
    is_cached: bool = False  # spoken from a recording
    outcome: str = "listener left"
    error: SpeechError | None = None
    started: float = field(default=0.0)
    first_audio_at: float | None = None  # by the service's clock

    def fail(self, error: SpeechError) -> None:
        """It ended with an error."""
        self.outcome, self.error = f"{error.code}: {error}", error

    def lead_s(self, now: float) -> float:
        """Audio made so far that a listener who plays from the first sound on has not played yet, in seconds."""
        return 0.0 if self.first_audio_at is None else FORMAT.seconds(self.audio_bytes) - (now - self.first_audio_at)

    def line(self) -> str:
        seconds = FORMAT.seconds(self.audio_bytes)
        first = "no audio" if self.ttfa_s is None else f"first audio after {self.ttfa_s * 1000:.0f} ms"
        rtf = f"RTF {self.working_s / seconds:.3f}" if seconds else "RTF -"
        return (
            f"{self.voice} by {self.engine}, {self.chars} characters, {first}, {seconds:.1f} s of speech, {rtf}: "
            f"{self.outcome}"
        )


class Speech:
    """The audio of one reply while it is made, PCM in ``speech.FORMAT``, and what is known about it so far.

    From the first sound on ``report`` names the voice and the engine that speak.
    """

    def __init__(self, audio: AsyncGenerator[bytes, None], report: RequestStats) -> None:
        self._audio, self.report = audio, report

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        return await anext(self._audio)


Observer = Callable[[RequestStats], None]


class SpeechService:
    """Speaks for every front door. Event loop only."""

    def __init__(
        self,
        engine: Engine,
        catalog: VoiceCatalog,
        limits: Limits,
        *,
        slots: int,
        fallback_language: str = "en",
        lexicon: LexiconFolder | None = None,
        postprocessor: PostProcessor | None = None,
        phrases: PhraseCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self.catalog, self._limits = engine, catalog, limits
        self._admission = AdmissionController(slots + limits.queue)
        self._fallback_language, self._clock = fallback_language, clock
        self._lexicon_folder, self._lexicon = lexicon, EMPTY
        self._postprocessor, self.phrases = postprocessor or PostProcessor(), phrases
        self.arrival = asyncio.Event()  # somebody wants to be spoken to; whoever waits for it clears it
        self._can_tell_languages = asyncio.Event()
        self._loading: asyncio.Future[list[None]] | None = None
        self.replies: set[RequestStats] = set()  # those that are not over yet
        self._observers: list[Observer] = []

    def load(self) -> None:
        """Load in the background what requests need. Those made meanwhile wait for just the part that they need."""
        parts = [self._load_engine(), self._load_languages()]
        self._loading = asyncio.gather(*parts, *([] if self.phrases is None else [self.phrases.load()]))

    async def loaded(self) -> None:
        """Wait until all is loaded, or has failed to."""
        if self._loading is not None:
            await self._loading

    async def close(self) -> None:
        """Give up loading, close the engine. Is idempotent."""
        await cancel_and_wait(self._loading)
        await self._engine.close()
        await self._postprocessor.close()
        if self.phrases is not None:
            await self.phrases.close()

    async def _load_engine(self) -> None:
        try:
            await self._engine.start()
        except Exception:  # the server must go on answering `describe`, and say why it cannot speak
            log.exception("The %s engine could not be started", self._engine.name)

    async def _load_languages(self) -> None:
        await asyncio.to_thread(detect.warm)
        self._can_tell_languages.set()

    def observe(self, observer: Observer) -> None:
        """Have ``observer`` called with the report of every reply that is over. It must neither block nor raise."""
        self._observers.append(observer)

    @property
    def active(self) -> int:
        """Replies being spoken or waiting."""
        return self._admission.active

    @property
    def engine(self) -> Engine:
        return self._engine

    def open_text(self) -> TextStream:
        """A text that will come in pieces."""
        return TextStream(limit_chars=self._limits.text_chars, idle_s=self._limits.text_idle_s)

    def whole_text(self, text: str) -> TextStream:
        """A text that is all there.

        Raises:
            TextTooLong: over the limit.
        """
        return TextStream.of(text, limit_chars=self._limits.text_chars)

    @asynccontextmanager
    async def speak(self, text: TextStream, options: SpeechOptions) -> AsyncIterator[Speech]:
        """The reply while it is made. Leaving the block, for whatever reason, gives the reply up.

        Raises:
            UnknownVoice: on entry, if nobody has that name.
            BadRequest: on entry, for a speed, volume or chime that cannot be; ``field`` names it.
            Busy: on entry, or from the iterator for a text that was still empty then.
            SpeechError: from the iterator, for what goes wrong later.
        """
        report, permit = RequestStats(options.server, options.client, started=self._clock()), Permit(self._admission)
        try:
            voice, opening = await self._admitted(text, options, report, permit)
        except SpeechError as error:  # the door says so; here it only counts
            permit.leave()
            report.fail(error)
            self._over(report, text)
            raise
        self.replies.add(report)
        try:
            async with aclosing(self._audio(text, options, voice, report, permit, opening)) as audio:
                yield Speech(audio, report)
        except SpeechError as error:
            report.fail(error)
            raise
        finally:
            permit.leave()
            self.replies.discard(report)
            self._over(report, text)
            log.info("%s: %s", options.server, report.line())

    async def _admitted(
        self, text: TextStream, options: SpeechOptions, report: RequestStats, permit: Permit
    ) -> tuple[Voice | None, Opening | None]:
        """Whose voice was asked for by name, and the reply as far as it had to be looked at to have its place."""
        check(options)
        self.arrival.set()
        voice = self.catalog.find(options.voice, options.language)
        if not (text.chars or text.closed):
            permit.check()
            return voice, None
        if not self._admission.is_full or self.phrases is None or not text.closed:
            permit.take()
            return voice, None
        permit.is_waived = True  # what is spoken from a recording needs no place
        opening = await self._open(text, options, voice, report, permit)
        permit.is_waived = False
        if opening is None or opening.recording is None:
            permit.take()
        return voice, opening

    def _over(self, report: RequestStats, text: TextStream) -> None:
        report.chars = text.chars
        for observer in self._observers:
            observer(report)

    async def record(self, text: TextStream, options: SpeechOptions) -> Voice | None:
        """Speak a text for later, unless there is a recording of it; whose voice it is, if it can be kept at all."""
        report, permit = RequestStats(options.server), Permit(self._admission)
        permit.is_waived = True
        opening = await self._open(text, options, self.catalog.find(options.voice, options.language), report, permit)
        if opening is None or opening.key is None:
            return None
        if opening.recording is None:
            async with aclosing(self._sound(opening, report)) as sound:
                async for pcm in sound:
                    report.audio_bytes += len(pcm)
        return opening.request.voice

    async def _open(
        self, text: TextStream, options: SpeechOptions, voice: Voice | None, report: RequestStats, permit: Permit
    ) -> Opening | None:
        """The reply as far as it is known before its first sound; None if there is nothing to speak."""
        if voice is None or len(voice.languages) > 1:
            await self._can_tell_languages.wait()
        segments = self._segments(text, options, voice, report, permit)
        first = await segments.peek()
        if first is None:
            return None
        voice = voice or self._who(options, first.language)
        report.voice, report.language = voice.name, first.language
        manner = manner_of(options, voice.style, self._postprocessor.audio)
        request = SpeechRequest(
            segments, voice, options.seed, manner.instruct, is_stream=text.is_stream, feed=options.feed
        )
        opening = Opening(text, segments, request, manner)
        if self.phrases is not None:
            await opening.find(self.phrases, self._engine)
        return opening

    async def _audio(
        self,
        text: TextStream,
        options: SpeechOptions,
        voice: Voice | None,
        report: RequestStats,
        permit: Permit,
        opening: Opening | None,
    ) -> AsyncGenerator[bytes, None]:
        opening = opening or await self._open(text, options, voice, report, permit)
        if opening is None:
            report.outcome = "done, nothing to speak"
            yield FORMAT.silence(_EMPTY_REPLY_S)
            return
        if opening.recording is not None:
            permit.leave()
        request, shaped = opening.request, None
        async with aclosing(self._sound(opening, report)) as sound:
            try:
                async for pcm in sound:
                    shaped = shaped or self._postprocessor.begin(request.voice, report.engine, opening.manner)
                    for piece in shaped.add(pcm):
                        self._count(report, piece)
                        yield piece
            except SpeechError:
                for piece in shaped.close() if shaped is not None else ():  # it ends in the engine's own fade
                    self._count(report, piece)
                    yield piece
                raise
            finally:
                if shaped is not None and options.instruct is None:  # somebody told to whisper is no measure
                    self._postprocessor.learn(request.voice, shaped)
        if shaped is None:
            raise EngineError("The engine had no sound for this text.")
        for piece in shaped.close():
            self._count(report, piece)
            yield piece
        report.outcome = "; ".join(["done, from the cache" if report.is_cached else "done", *request.notes])

    async def _sound(self, opening: Opening, report: RequestStats) -> AsyncGenerator[bytes, None]:
        """The engine's own sound, or its recording. ``report`` knows who speaks from the first of it on."""
        if (phrase := opening.recording) is not None:
            report.engine, report.is_cached = phrase.engine, True
            for packet in packets(phrase.pcm, FORMAT.frame_bytes):
                yield packet
            return
        recorded, is_first = bytearray(), True
        async with self._engine.speak(opening.request) as audio:
            waiting_since = self._clock()
            async for pcm in audio:
                report.working_s += self._clock() - waiting_since
                if pcm:
                    report.engine = audio.engine if isinstance(audio, Attributed) else self._engine.name
                    opening.is_phrase = opening.may_be_kept if is_first else opening.is_phrase
                    is_first = False
                    if opening.is_phrase and len(recorded) <= AUDIO_BYTES:
                        recorded += pcm
                    yield pcm
                waiting_since = self._clock()
        if self.phrases is not None:
            await opening.keep(self.phrases, report.engine, bytes(recorded))

    def _count(self, report: RequestStats, pcm: bytes) -> None:
        if report.first_audio_at is None:
            report.first_audio_at = self._clock()
            report.ttfa_s = report.first_audio_at - report.started
        report.audio_bytes += len(pcm)

    def _who(self, options: SpeechOptions, language: str) -> Voice:
        """The voice of a text that had to be read first to tell its language."""
        speaker = self.catalog.speaker_of(options.voice)
        return self.catalog.speaking(speaker, language) if speaker else self.catalog.for_language(language)

    def _segments(
        self, text: TextStream, options: SpeechOptions, voice: Voice | None, report: RequestStats, permit: Permit
    ) -> SegmentReader:
        def heard(piece: str) -> None:
            if permit.take():
                report.started = self._clock()
            log.debug("%s: text %s", options.server, quoted(piece))

        # A voice of the home's own speaks all languages: then the text tells.
        language = voice.language if voice and len(voice.languages) == 1 else None
        front_end = FrontEnd(
            language=language,
            fallback=self._fallback_language,
            lexicon=self._current_lexicon(options.language),
            ssml=options.ssml,
            normalize="auto" if options.normalize else "off",
        )
        return SegmentReader(text, front_end, heard)

    def lexicon_in_use(self) -> Lexicon:
        """Another object whenever the home's own pronunciations have changed."""
        return self._current_lexicon(None)

    def _current_lexicon(self, language: str | None) -> Lexicon:
        """The home's own pronunciations as they are now; what is wrong with the files is logged once a change."""
        if self._lexicon_folder is None:
            return EMPTY
        lexicon = self._lexicon_folder.current(self.catalog.lexicons(language))
        if lexicon.errors != self._lexicon.errors:
            for error in lexicon.errors:
                log.warning("lexicon: %s", error)
        self._lexicon = lexicon
        return lexicon
