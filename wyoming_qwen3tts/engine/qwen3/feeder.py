"""From a request's segments to the engine's utterances: the three feeds.

``sentence``: each segment when it is complete, its whole text before its first frame. ``live``: each segment as it is
written, one token a frame. ``hybrid``: the first one live, so that sound starts with the first words; later ones, which
are written while it plays, by the sentence. What is spoken depends on text and feed, never on cuts or timing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from zlib import crc32

from ...errors import EngineError, SpeechError
from ...speech.pauses import pause_between
from ...speech.request import Feed, SpeechRequest
from ...speech.segment import OpenSegment, Segment
from .audio_queue import AudioQueue
from .core import Command, End, More, Say
from .scheduler import EngineRequest, Layout, Utterance

log = logging.getLogger(__name__)

AHEAD = 2  # utterances of one reply that the engine holds: the one being spoken and the next


@dataclass(frozen=True, slots=True)
class FeedRules:
    """The part of the settings that decides how text is spoken."""

    feed: Feed  # hybrid applies to texts that come in pieces; whole ones are spoken by the sentence
    sentence_pause_s: float

    def feed_of(self, request: SpeechRequest) -> Feed:
        if request.feed is not None:
            return request.feed
        return "sentence" if self.feed == "hybrid" and not request.is_stream else self.feed


def voice_seed(request: SpeechRequest) -> int:
    """The same for every sentence of a voice, today and tomorrow: its timbre must not change from one to the next."""
    return crc32(request.voice.name.casefold().encode()) if request.seed is None else request.seed


class Feeder:
    """Reads one request's segments and posts commands. Event loop only; run it as a task of whoever listens."""

    def __init__(
        self, request: SpeechRequest, audio_queue: AudioQueue, post: Callable[[Command], None], rules: FeedRules
    ) -> None:
        self._request, self._audio_queue, self._post, self._rules = request, audio_queue, post, rules
        self._ahead = asyncio.Semaphore(AHEAD)
        loop = asyncio.get_running_loop()

        def spoken() -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._ahead.release)

        self._reply = EngineRequest(
            audio_queue,
            spoken,
            request.notes,
            has_begun=request.is_continued,
            moments=request.moments,
            wants_words=request.wants_words,
        )
        self._count = 0  # utterances so far

    @property
    def has_queued(self) -> bool:
        """When the reply came, every slot was taken."""
        return self._reply.has_queued

    async def run(self) -> None:
        """Feed the engine to the text's end. An error of the text ends the reply."""
        try:
            await self._run()
        except SpeechError as error:
            self._audio_queue.fail(error)
        except Exception:  # a task has nobody else to tell
            log.exception("The text of a reply could not be read to its end")
            self._audio_queue.fail(EngineError("The text could not be read to its end."))

    async def _run(self) -> None:
        feed, request, usual_s = self._rules.feed_of(self._request), self._request, self._rules.sentence_pause_s
        before: Segment | None = None
        async for segment in request.segments:
            is_live = feed == "live" or (feed == "hybrid" and before is None)
            pause_s = 0.0 if before is None else pause_between(before, segment, request, usual_s)
            before = await (self._live(segment, pause_s) if is_live else self._sentence(segment, pause_s))
        self._post(End(self._reply))

    async def _sentence(self, segment: Segment | OpenSegment, pause_s: float) -> Segment:
        whole = segment if isinstance(segment, Segment) else await segment.whole()
        utterance = await self._utterance(whole.language, "sentence", pause_s)
        utterance.text, utterance.is_text_over = whole.text, True
        self._post(Say(utterance))
        return whole

    async def _live(self, segment: Segment | OpenSegment, pause_s: float) -> Segment:
        utterance = await self._utterance(segment.language, "live", pause_s)
        if isinstance(segment, Segment):
            utterance.text, utterance.is_text_over = segment.text, True
            self._post(Say(utterance))
            return segment
        self._post(Say(utterance))
        async for piece in segment:
            self._post(More(utterance, piece))
        self._post(More(utterance, "", is_last=True))
        return await segment.whole()

    async def _utterance(self, language: str, layout: Layout, pause_s: float) -> Utterance:
        """The next utterance, as soon as the engine wants one more."""
        await self._ahead.acquire()
        request, number = self._request, self._count
        self._count += 1
        return Utterance(
            self._reply,
            request.voice,
            language,
            layout,
            voice_seed(request),
            request.instruct,
            pause_s,
            number=number,
        )
