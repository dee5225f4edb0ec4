"""One reply, from its text to its log line."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from ..audio.pcm import packets
from ..errors import NoSound, SpeechError
from ..speech.audio_format import FORMAT, AudioFormat
from ..speech.engine import AudioStream, Engine
from ..speech.request import Moment, SpeechRequest, TextLength
from ..speech.segment import OpenSegment, Segment
from ..speech.text_stream import TextStream
from ..speech.voice import Voice
from ..text.reader import SegmentReader
from ..text.sentences.splitter import LONGEST_CHARS
from ..voices.catalog import VoiceCatalog
from .admission import Permit
from .lookup import Lookup, look_up, look_up_turn
from .options import SpeechOptions, check, resolve
from .pace import ListenerPace
from .pauses import SILENCE_S, with_pauses
from .phrase_cache import PhraseCache
from .postprocess import PostProcessor, ReplyPipeline
from .recorder import PhraseRecorder
from .speech_marks import MarkTracker, SpeechMark
from .stats import RequestStats
from .turns import TurnMaker
from .turns_ahead import TurnsAhead

log = logging.getLogger(__name__)

_FRAME_S = 0.08
_EMPTY_REPLY_S = 0.1  # an error would fail the whole pipeline of an assistant whose model answered with an emoji
_SILENCE_S = 0.32  # of it at a time
_SILENT_FOR_S = 1.0  # while sound is held back; a speaker with ESPHome gives up after 2 s


@dataclass(frozen=True, slots=True)
class ReplyContext:
    """What a reply is made with; the same for all replies of a service."""

    engine: Engine
    catalog: VoiceCatalog
    postprocessor: PostProcessor
    phrases: PhraseCache | None
    read: Callable[[TextStream, SpeechOptions, Voice | None], Awaitable[SegmentReader]]  # as soon as it can be read
    clock: Callable[[], float]
    most_s: float  # of sound, in one reply


class Reply:
    """One reply, from its text to its log line. Event loop only.

    ``async with`` gives it up on leaving; the permit's own block, around that one, gives the permit back. Iterating
    yields mono PCM, at most four frames a piece; from the first on ``stats`` names voice, engine and format: that which
    was asked for.

    Raises:
        UnknownVoice: on entry, if nobody has that name.
        BadRequest: on entry, for a speed, volume or chime that cannot be; ``field`` names it.
        Busy: on entry, or from the iterator for a text that was still empty then.
        SpeechError: from the iterator, for what goes wrong later; from the ``with`` block, if it is `cut`.
    """

    def __init__(self, context: ReplyContext, text: TextStream, options: SpeechOptions, permit: Permit) -> None:
        self.text, self.options = text, options
        self.stats = RequestStats(options.server, options.client, started=context.clock())
        self._context, self._permit = context, permit
        self._voice: Voice | None = None  # the one that was asked for by name
        self._lookup: Lookup | None = None  # made on entry only if a recording would spare the permit
        self._pcm: AsyncGenerator[bytes, None]  # from entry on
        self.pace = ListenerPace(self.stats.started)
        self.sound_bytes = 0  # that the engine made
        self.engine_since: float | None = self.stats.started  # it is waited for; None while the listener is
        self._cutting = asyncio.timeout(None)
        self._cut_by: SpeechError | None = None
        self._is_ending = False
        self._audio: AudioStream | None = None  # the engine's
        self._is_played = True  # while it is made
        self._is_over = False  # it has had all the sound that a reply may have
        self._silence_s = _EMPTY_REPLY_S  # of a text in which there is nothing to speak
        text.before_read = permit.regain
        self._made_in = FORMAT  # what the engine makes, from its first sound on
        self._turns_begun = 0
        self._ahead: TurnsAhead | None = None
        self._marks = MarkTracker(text) if options.speech_marks else None
        self._turn_silence_s = 0.0  # due before the next sound
        self._remarks: list[str] = []  # on marks in the text
        if options.rate is not None:
            self.stats.format = AudioFormat(options.rate)

    async def __aenter__(self) -> Self:
        await self._cutting.__aenter__()
        try:
            await self._enter()
        except BaseException as error:  # told to the client by its server; here it only counts
            self._end(error)
            await self._leave(error)
            raise
        self._pcm = self._speak()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_ending = True
        try:
            await self._pcm.aclose()
        finally:
            self._end(error)
            log.info("%s: %s", self.options.server, self.stats.line())
        await self._leave(error)

    async def _leave(self, error: BaseException | None) -> None:
        """Raises what the reply was `cut` by, if its block ended for that."""
        try:
            await self._cutting.__aexit__(type(error) if error else None, error, None)
        except TimeoutError:
            assert self._cut_by is not None  # noqa: S101  there is no other time limit
            raise self._cut_by from None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        self.pace.asked(self._context.clock())
        pcm = await anext(self._pcm)
        self.pace.given(self.stats.format.seconds(len(pcm)), self._context.clock())
        return pcm

    def marks(self) -> list[SpeechMark]:
        """What begins to sound with the piece that was given last, or in what follows it soon; each once. Empty unless
        ``options.speech_marks``."""
        return [] if self._marks is None else self._marks.take()

    async def is_one_segment(self) -> bool:
        """Whether all of the text is here, and is one segment. A text that may be one is read to its end for that."""
        if self._lookup is None or not self.text.closed or self.text.chars > LONGEST_CHARS:
            return False
        return len(await self._lookup.segments.all()) == 1

    # -- for others than its listener

    @property
    def is_waiting_for_text(self) -> bool:
        """Whether there is nothing to do until there is more text."""
        return self.text.is_awaited and self.engine_since is not None

    @property
    def is_waiting_for_engine(self) -> bool:
        return self.engine_since is not None and not self.text.is_awaited and not self._permit.is_paused

    @property
    def is_waiting_for_listener(self) -> bool:
        """Whether it is the listener's turn to take what there is."""
        return self.engine_since is None and not self.is_ending

    @property
    def is_orphan(self) -> bool:
        """Whether the task of its block is over, and the block was not left."""
        return self._permit.is_orphan

    @property
    def has_place(self) -> bool:
        return self._permit.is_held

    @property
    def heard_bytes(self) -> int:
        return self.stats.audio_bytes

    @property
    def is_ending(self) -> bool:
        """Whether its block ends, or will in a moment."""
        return self._is_ending or self._cut_by is not None

    def pause(self) -> None:
        """Give the place back until there is more text."""
        self._permit.pause()

    def give_place_back(self) -> None:
        """For one that does not come to the end of its block."""
        self._permit.give_back()

    def cut(self, why: SpeechError) -> None:
        """End the block, wherever it is, with ``why``. Returns at once; does nothing to one that is ending."""
        if not self.is_ending:
            self._cut_by = why
            self._cutting.reschedule(asyncio.get_running_loop().time())

    def describe(self, now: float) -> str:
        """What it is doing, for the log; nothing of its text."""
        if self.is_ending:
            doing = "is ending"
        elif self._permit.is_paused:
            doing = "waits for a place"
        elif self.is_waiting_for_text:
            doing = "waits for text"
        elif self.engine_since is None:
            doing = "waits for its listener"
        else:
            doing = f"has waited for the engine for {now - self.engine_since:.0f} s"
        who = f"{self.options.server} for {self.options.host or 'somebody'}"
        heard = f"{self.stats.format.seconds(self.heard_bytes):.1f} s heard"
        return f"{who}, {self.text.chars} characters in {self.stats.language}, {heard}, {doing}"

    async def record(self) -> Voice | None:
        """Speak into the phrase cache, unless there is a recording; instead of ``async with``, and with no permit.

        Returns the voice, or None if the reply cannot be kept.
        """
        self._voice, self._is_played = self._named_voice(), False
        lookup = await self._look_up()
        if lookup is None:
            return None
        async with aclosing(self._each_turn(lookup)) as turns:
            async for turn in turns:
                if turn.key is None:
                    return None
                async with aclosing(self._sound(turn)) as sound:
                    async for _ in sound:
                        pass
        return lookup.request.voice

    # -- before the first sound

    async def _enter(self) -> None:
        """What can be refused is refused here, before anything is waited for."""
        check(self.options)
        self._voice = self._named_voice()
        if not (self.text.chars or self.text.closed):
            self._permit.check()
        elif self._permit.is_available or self._context.phrases is None or not self.text.closed:
            self._permit.take()
        else:  # what is spoken from a recording needs none
            self._lookup = await self._look_up()
            if self._lookup is None or self._lookup.recording is None:
                self._permit.take()

    async def _begin(self) -> None:
        """Wait for the text. One that was empty on entry takes its permit with its first piece."""
        await self.text.has_begun()
        if self.text.chars and not self._permit.is_held:
            self._permit.take()
            self.stats.started = self._context.clock()

    async def _look_up(self) -> Lookup | None:
        """Voice, language, resolved options, and the recording if there is one; None if there is nothing to speak."""
        segments = await self._context.read(self.text, self.options, self._voice)
        first = await segments.peek()
        if first is None:
            self._silence_s = max(_EMPTY_REPLY_S, segments.silence_s)
            self.stats.voice = self._voice.name if self._voice else self.stats.voice
            return None
        voice = self._voice or self._voice_for(first.language)
        self.stats.voice, self.stats.language = voice.name, first.language
        if absent := self._context.catalog.absent(self.options.voice, voice):
            self.stats.instead_of, self.stats.instead_why = absent, "no-model"
        options = resolve(self.options, voice.style, self._context.postprocessor.audio)
        request = SpeechRequest(
            segments,
            voice,
            self.options.seed,
            options.instruct,
            is_stream=self.text.is_stream,
            feed=self.options.feed,
            length=self._length if self._is_played else None,
            via=self.options.via,
            host=self.options.host,
            sentence_pause_s=options.sentence_pause_s,
            wants_words=self._marks is not None,
        )
        return await look_up(self.text, request, segments, options, self._context.engine, self._context.phrases)

    def _named_voice(self) -> Voice | None:
        return self._context.catalog.find(self.options.voice, self.options.language)

    def _voice_for(self, language: str) -> Voice:
        """The voice of a text that had to be read first to tell its language."""
        catalog = self._context.catalog
        speaker = catalog.speaker_of(self.options.voice)
        return catalog.speaking(speaker, language) if speaker else catalog.for_language(language)

    # -- sound

    async def _speak(self) -> AsyncGenerator[bytes, None]:
        """The reply as the listener hears it."""
        if self._lookup is None:
            await self._begin()
            self._lookup = await self._look_up()
        if self._lookup is None:
            self.engine_since = None
            self.stats.finish("done, nothing to speak")
            seconds = min(self._silence_s, self._context.most_s)
            while seconds > 0:
                yield self.stats.format.silence(min(seconds, _SILENCE_S))
                seconds -= _SILENCE_S
            return
        if self._lookup.recording is not None:
            self._permit.give_back()
        notes = self._lookup.request.notes
        async with aclosing(self._turns(self._lookup)) as sound:
            async for pcm in sound:
                if pcm:
                    yield pcm
                if self._is_over:
                    minutes = self._context.most_s / 60
                    notes = [*notes, f"ended after {minutes:g} minutes of sound, see limits.reply_audio_s"]
                    break
        remarks = [*self._lookup.segments.notes, *self._remarks]
        self.stats.finish("done, from the cache" if self.stats.is_cached else "done", notes, remarks)

    async def _turns(self, lookup: Lookup) -> AsyncGenerator[bytes, None]:
        """One turn after the other, each with its voice, its manner and its loudness; most replies are one."""
        turn_pause_s = self._context.postprocessor.turn_pause_s
        self._ahead = TurnsAhead(self._each_turn(lookup), self._context.engine)
        async with aclosing(self._ahead) as turns:
            async for turn in turns:
                is_first = turn.number == 1
                usual_s = turn.options.sentence_pause_s
                usual_s = turn_pause_s if usual_s is None else usual_s
                pause_s = turn.turn.pause_s if turn.turn is not None else 0.0
                self._turn_silence_s = pause_s or (0.0 if is_first else usual_s)
                if not is_first:
                    for piece in self._turn_silence():
                        yield piece
                async with aclosing(self._postprocessed(turn, is_first=is_first)) as sound:
                    async for pcm in sound:
                        yield pcm
        self.stats.is_cached = self.sound_bytes == 0
        self._turn_silence_s = lookup.segments.trailing_s
        for piece in self._turn_silence():
            yield piece

    async def _each_turn(self, lookup: Lookup) -> AsyncGenerator[Lookup, None]:
        """What is asked of the engine, or of the phrase cache; each turn when the one before it was spoken."""
        segments, context = lookup.segments, self._context
        maker = TurnMaker(context.catalog, lookup.request, lookup.options)
        self._remarks = maker.notes
        first: Segment | OpenSegment | None = None
        while True:  # an engine ends a turn only when the next one is known: nothing is waited for here
            first, before = await segments.peek(), first
            if first is None or first is before:  # an engine that leaves text is not asked again
                return
            request, options = maker.of(first, segments, is_continued=self._turns_begun > 0)
            self._turns_begun += 1
            turn = replace(
                lookup,
                request=request,
                options=options,
                turn=first.turn,
                number=self._turns_begun,
                first_segment=len(segments.taken),
            )
            yield await look_up_turn(turn, self.text, context.engine, context.phrases)

    def _turn_silence(self) -> Iterator[bytes]:
        """The silence that is due, a piece at a time."""
        while self._turn_silence_s > 0 and not self._is_over:
            yield self._counted(self.stats.format.silence(min(self._turn_silence_s, _SILENCE_S)))
            self._turn_silence_s -= _SILENCE_S

    async def _postprocessed(self, lookup: Lookup, *, is_first: bool = True) -> AsyncGenerator[bytes, None]:
        """A turn's sound through its pipeline, and counted: to the end, or after an error as far as it came."""
        pipeline: ReplyPipeline | None = None
        is_silent = False  # since the last sound
        async with aclosing(self._filled(lookup)) as sound:
            try:
                async for pcm in sound:
                    if pcm is None:
                        for piece in self._silence(None if is_silent else pipeline):
                            yield piece
                        is_silent = True
                        continue
                    is_silent = False
                    begun = pipeline or self._begin_pipeline(lookup, is_first=is_first)
                    for piece in self._delivered(pcm, begun, lookup if pipeline is None else None):
                        yield piece
                    pipeline = begun
            except SpeechError:
                for piece in pipeline.close() if pipeline is not None else ():  # it ends in the engine's own fade
                    yield self._counted(piece)
                raise
            finally:
                self._learn(lookup, pipeline)
        if pipeline is None:
            raise NoSound("The engine had no sound for this text.")
        for piece in pipeline.close(is_last=lookup.segments.is_over):
            yield self._counted(piece)

    def _begin_pipeline(self, lookup: Lookup, *, is_first: bool) -> ReplyPipeline:
        """At the first sound: the engine and its format are known."""
        if self.options.rate is None and is_first:
            self.stats.format = self._made_in
        rates = self._made_in.rate, self.stats.format.rate
        return self._context.postprocessor.begin(
            lookup.request.voice, self.stats.engine, lookup.options, *rates, is_first=is_first
        )

    def _delivered(self, pcm: bytes, pipeline: ReplyPipeline, begins: Lookup | None) -> Iterator[bytes]:
        """What the listener gets with a piece of the engine's sound; ``begins``: of the turn that begins with it."""
        if begins is not None:
            yield from self._turn_silence()
            self._begin_marks(begins, pipeline)
        if self._marks is not None:
            self._marks.hear(len(pcm) // self._made_in.width)
        yield from map(self._counted, pipeline.add(pcm))

    def _begin_marks(self, lookup: Lookup, pipeline: ReplyPipeline) -> None:
        if self._marks is None:
            return
        wanted, stats = self.stats.format, self.stats
        delivered = (stats.audio_bytes + stats.silence_bytes + stats.held_bytes + pipeline.before_bytes) // wanted.width
        self._marks.begin(lookup.request, lookup.segments, lookup.first_segment)
        self._marks.begin_sound(delivered, wanted.rate / self._made_in.rate / lookup.options.speed)

    def _learn(self, lookup: Lookup, pipeline: ReplyPipeline | None) -> None:
        """Remember how loud the voice came; a whisper on demand is no measure."""
        request = lookup.request
        if pipeline is not None and self.options.instruct is None and request.instruct == request.voice.style.instruct:
            self._context.postprocessor.learn(lookup.request.voice, pipeline)

    def _counted(self, pcm: bytes) -> bytes:
        """As much of a piece as the reply may still have."""
        most = self.stats.format.frame_bytes * round(self._context.most_s / _FRAME_S)
        fitting = pcm[: most - self.stats.audio_bytes]
        self._is_over = len(fitting) < len(pcm)
        if fitting:
            self.stats.count(fitting, self._context.clock())
        return fitting

    def _silence(self, pipeline: ReplyPipeline | None) -> Iterator[bytes]:
        """A piece of silence; through the pipeline if that still holds back the last of the sound before it."""
        made = self.stats.format if pipeline is None else self._made_in
        silence = made.silence(SILENCE_S)
        if self._marks is not None:
            self._marks.pause(len(silence) // made.width, is_stretched=pipeline is not None)
        for piece in [silence] if pipeline is None else pipeline.add(silence):
            self.stats.count_silence(piece, self._context.clock())
            yield piece

    def _filled(self, lookup: Lookup) -> AsyncGenerator[bytes | None, None]:
        """The sound, and None where silence is due because the text pauses."""
        sound = self._sound(lookup)
        if not self.options.fills_pauses or lookup.recording is not None:
            return _without_rests(sound)
        may_hold_back = self._context.engine.may_hold_back
        if self.text.closed and not may_hold_back:
            return _without_rests(sound)
        is_held_back = self._is_held_back if may_hold_back else None
        return with_pauses(sound, self.text, lookup.segments, self._dry_in_s, is_held_back)

    def _dry_in_s(self) -> float:
        if self.stats.dry_at:
            return self.stats.dry_at - self._context.clock()
        return self.stats.started + _SILENT_FOR_S - self._context.clock() if self._is_held_back() else math.inf

    def _is_held_back(self) -> bool:
        return self._audio is not None and self._audio.is_held_back

    def _length(self) -> TextLength:
        is_one = self._turns_begun == 1 and self._lookup is not None and self._lookup.segments.is_over
        return TextLength(self.text.chars, self.text.closed, is_all_spoken=is_one)

    async def _sound(self, lookup: Lookup) -> AsyncGenerator[bytes, None]:
        """The engine's own sound, or its recording; an empty piece where it has spoken all that it was given. ``stats``
        names the engine from the first piece on."""
        if lookup.recording is not None:
            self.stats.engine, self.engine_since = lookup.recording.engine, None
            async for _ in lookup.request.segments:  # what follows them is the next turn
                pass
            self.stats.is_cached = self._turns_begun == 1 and lookup.segments.is_over
            self._made_in = AudioFormat(lookup.recording.rate)
            lookup.request.moments.extend(Moment(number, at) for number, at in enumerate(lookup.recording.begins))
            for packet in packets(lookup.recording.pcm, self._made_in.frame_bytes):
                yield packet
            return
        recorder = PhraseRecorder(self._context.phrases, lookup, self.text)
        async with aclosing(self._made(lookup, recorder)) as made:
            async for pcm in made:
                yield pcm
        voice = self._audio.voice if self._audio is not None else None
        if voice is None or voice.name == lookup.request.voice.name:
            await recorder.keep(self.stats.engine, self._made_in.rate)

    async def _made(self, lookup: Lookup, recorder: PhraseRecorder) -> AsyncGenerator[bytes, None]:
        """The engine's sound. Once all of a turn is made the engine begins the next, while this one is taken."""
        clock = self._context.clock
        speak = self._context.engine.speak if self._ahead is None else self._ahead.speak
        rest: list[bytes] = []
        async with speak(lookup.request) as audio:
            self._audio = audio
            self.engine_since = waiting_since = clock()
            rested_since = math.nan
            async for pcm in audio:
                rested_s = 0.0 if math.isnan(rested_since) else lookup.segments.waited_s - rested_since
                self.stats.working_s += max(0.0, clock() - waiting_since - rested_s)
                rested_since = math.nan if pcm else lookup.segments.waited_s
                self.stats.head_start = audio.note
                if pcm:
                    self._take_sound(pcm, audio, recorder)
                if audio.is_complete and not lookup.segments.is_over:  # a further turn
                    rest = [pcm, *[piece async for piece in audio]]
                    break
                yield pcm
                self.engine_since = waiting_since = clock()
        if rest and self._ahead is not None:
            await self._ahead.look_ahead()
        for number, pcm in enumerate(rest):
            if pcm and number:
                self._take_sound(pcm, audio, recorder)
            yield pcm

    def _take_sound(self, pcm: bytes, audio: AudioStream, recorder: PhraseRecorder) -> None:
        self.stats.speaks(audio.engine, audio.voice, audio.why)
        self._made_in = audio.format
        self.sound_bytes += len(pcm)
        recorder.add(pcm)
        self.engine_since = None

    def _end(self, error: BaseException | None) -> None:
        self.stats.chars = self.text.chars
        if self._cut_by is not None and isinstance(error, asyncio.CancelledError):
            error = self._cut_by
        if isinstance(error, SpeechError):
            self.stats.fail(error)


async def _without_rests(sound: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes | None, None]:
    async with aclosing(sound):
        async for pcm in sound:
            if pcm:
                yield pcm
