"""Application service: limits texts and replies, builds each reply, counts it, and tells its outcome to observers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from ..errors import EngineDown, EngineError, NoSound, OutOfMemory
from ..monitoring.health import LanguageHealth
from ..settings import Limits
from ..speech.engine import Engine
from ..speech.text_stream import TextStream
from ..speech.voice import Voice
from ..text.front_end import FrontEnd
from ..text.language import detect
from ..text.lexicon import EMPTY, Lexicon, LexiconFolder
from ..text.normalization import normalize
from ..text.reader import SegmentReader
from ..util.tasks import cancel_and_wait
from ..voices.catalog import VoiceCatalog
from .admission import AdmissionController, Permit
from .options import SpeechOptions
from .phrase_cache import PhraseCache
from .postprocess import PostProcessor
from .reply import Reply, ReplyContext
from .stats import RequestStats
from .watchdog import ReplyWatchdog

log = logging.getLogger(__name__)

_LOADING_S = 10.0  # how long a reply waits for what tells its language

Observer = Callable[[RequestStats], None]


class SpeechService:
    """Speaks for every server. Event loop only."""

    def __init__(
        self,
        engine: Engine,
        catalog: VoiceCatalog,
        limits: Limits,
        *,
        slots: int,
        lexicon: LexiconFolder | None = None,
        postprocessor: PostProcessor | None = None,
        phrases: PhraseCache | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine, self.catalog, self._limits = engine, catalog, limits
        self._admission = AdmissionController(slots + limits.queue)
        self._clock = clock
        self._lexicon_folder, self._lexicon = lexicon, EMPTY
        self._postprocessor, self.phrases = postprocessor or PostProcessor(), phrases
        self.arrivals = 0  # requests so far, the refused ones included
        self._arrival = asyncio.Event()  # set with the next one
        self._can_tell_languages = asyncio.Event()
        self._loading: asyncio.Future[list[None]] | None = None
        self._languages = LanguageHealth()
        self.replies: set[Reply] = set()  # those that are not over yet
        self.watchdog = ReplyWatchdog(self.replies, self._admission, limits, engine, clock)
        self._observers: list[Observer] = []

    def load(self) -> None:
        """Load in the background what requests need. Those made meanwhile wait for just the part that they need."""
        parts = [self._load_engine(), self._load_languages()]
        self._loading = asyncio.gather(*parts, *([] if self.phrases is None else [self.phrases.load()]))

    @property
    def is_loading(self) -> bool:
        """Whether `loaded` would have to wait."""
        return self._loading is not None and not self._loading.done()

    async def loaded(self) -> None:
        """Wait until all is loaded, or has failed to."""
        if self._loading is not None:
            await self._loading

    async def close(self) -> None:
        """Give up loading, close the engine. Is idempotent."""
        self.watchdog.close()
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
        try:
            await asyncio.to_thread(detect.warm, self.catalog.added)
        except Exception:  # without it the script and the small words tell
            log.exception("What tells languages apart could not be loaded; a text may be taken for another language")
        finally:
            self._can_tell_languages.set()
        for language in dict.fromkeys((self.catalog.fallback_language, *self.catalog.languages)):
            await asyncio.to_thread(normalize.warm, language)

    def observe(self, observer: Observer) -> None:
        """Have ``observer`` called once with the stats of every reply that is over, the refused ones included. It must
        neither block nor raise."""
        self._observers.append(observer)

    @property
    def active(self) -> int:
        """Replies being spoken or waiting."""
        return self._admission.active

    def held(self) -> Counter[str]:
        """Places, by host."""
        return Counter(permit.host for permit in self._admission.holders())

    @property
    def in_line(self) -> int:
        """Replies that wait for a place without being refused."""
        return self._admission.waiting

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

    def permit(self, options: SpeechOptions) -> Permit:
        """A claim to a place for what ``options`` ask for."""
        return Permit(self._admission, options.host, options.priority)

    @asynccontextmanager
    async def speak(
        self, text: TextStream, options: SpeechOptions, permit: Permit | None = None
    ) -> AsyncIterator[Reply]:
        """The reply while it is made. Leaving the block, for whatever reason, gives the reply up.

        ``permit`` is one that may hold a place already; it is given back too.

        Raises:
            SpeechError: as `Reply` says.
        """
        self._arrive()
        with permit or self.permit(options) as permit:
            reply = self._reply(text, options, permit)
            permit.holder, permit.task = reply, asyncio.current_task()
            self.watchdog.wake()
            try:
                async with reply:
                    self.replies.add(reply)
                    yield reply
            finally:
                self.replies.discard(reply)
                self._note(reply.stats)
                for observer in self._observers:
                    observer(reply.stats)

    def _note(self, stats: RequestStats) -> None:
        error = stats.error
        if stats.is_done and not stats.is_cached:
            self._languages.spoken(stats.language)
        elif isinstance(error, EngineError) and not isinstance(error, NoSound | OutOfMemory) and stats.language != "-":
            is_sure = isinstance(error, EngineDown)
            self._languages.failed(stats.language, error.code, self._clock(), is_sure=is_sure)

    def mute_languages(self) -> dict[str, str]:
        """What cannot be spoken now, and why: as the engine says, and as the last replies went."""
        return self._languages.mute(self._clock()) | self.surely_mute_languages()

    def surely_mute_languages(self) -> dict[str, str]:
        """Those of `mute_languages` that no text of a stranger has part in."""
        return dict.fromkeys(self.catalog.missing, "no voice speaks it") | self._engine.mute_languages()

    async def record(self, text: TextStream, options: SpeechOptions) -> Voice | None:
        """Speak a text for later, unless there is a recording of it; whose voice it is, if it can be kept at all."""
        return await self._reply(text, options, self.permit(options)).record()

    def _reply(self, text: TextStream, options: SpeechOptions, permit: Permit) -> Reply:
        context = ReplyContext(
            self._engine,
            self.catalog,
            self._postprocessor,
            self.phrases,
            self._read,
            self._clock,
            most_s=self._limits.reply_audio_s,
        )
        return Reply(context, text, options, permit)

    async def wait_for_arrival(self, seen: int) -> None:
        """Wait until more than ``seen`` requests have come since the start; ``arrivals`` says how many have."""
        while self.arrivals <= seen:
            await self._arrival.wait()

    def _arrive(self) -> None:
        self.arrivals += 1
        self._arrival.set()  # wakes those who wait now
        self._arrival = asyncio.Event()

    async def _read(self, text: TextStream, options: SpeechOptions, voice: Voice | None) -> SegmentReader:
        """The segments of a text, once what is needed to tell its language is loaded."""
        # A voice of the home's own speaks all languages: then the text tells.
        language = voice.language if voice and len(voice.languages) == 1 else None
        if language is None:
            with contextlib.suppress(TimeoutError):  # then it tells as well as it can
                async with asyncio.timeout(_LOADING_S):
                    await self._can_tell_languages.wait()
        self.catalog.all()  # marks may name whoever is new
        front_end = FrontEnd(
            language=language,
            fallback=self.catalog.fallback_language,
            lexicon=self._current_lexicon(options.language),
            added=self.catalog.added if voice is None or language in self.catalog.added else (),
            ssml=options.ssml,
            normalize="auto" if options.normalize else "off",
            is_voice=self.catalog.named_in_marks,
        )
        return SegmentReader(text, front_end)

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
