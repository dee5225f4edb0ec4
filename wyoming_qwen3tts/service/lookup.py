"""A reply before its first sound: what is to be spoken and how, and whether there is, or will be, a recording of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..speech.engine import Engine, Origin
from ..speech.request import SpeechRequest
from ..speech.text_stream import TextStream
from ..text.reader import SegmentReader
from .options import ResolvedOptions
from .phrase_cache import TEXT_CHARS, Phrase, PhraseCache, key_of

_END_OF_PHRASE_S = 0.02  # how long a stream that begins like a phrase that is kept may take to end


@dataclass(slots=True)
class Opening:
    """A reply whose voice and beginning are known."""

    text: TextStream
    segments: SegmentReader
    request: SpeechRequest
    manner: ResolvedOptions
    origin: Origin | None = None  # where its sound would come from; None: it is not recorded
    key: str | None = None  # of its recording, where the text was all there at the beginning
    recording: Phrase | None = None
    is_phrase: bool = False  # it is being recorded

    async def find(self, phrases: PhraseCache, engine: Engine) -> None:
        """The recording of a text that is all there, or soon will be."""
        if phrases.is_on:
            self.origin = engine.origin(self.request.voice)
        if self.origin is None or self.text.chars > TEXT_CHARS:
            return
        if not self.text.closed:  # Home Assistant sends whole texts as streams too: their end is just behind
            is_likely = phrases.may_begin(self.segments.opening)
            if not is_likely or not await self.text.ends_within(_END_OF_PHRASE_S):
                return
        self.key = key_of(self.request, await self.segments.all(), self.origin)
        self.recording = await phrases.find(self.key)

    @property
    def may_be_kept(self) -> bool:
        """Asked at the first sound: what is still being written then is no phrase that comes again."""
        return self.origin is not None and self.text.closed and self.text.chars <= TEXT_CHARS

    async def keep(self, phrases: PhraseCache, engine: str, pcm: bytes) -> None:
        """Keep what was heard to its end, if it was by the one who ought to speak, with nothing cut off."""
        if self.is_phrase and self.origin is not None and engine == self.origin.engine and not self.request.notes:
            segments = await self.segments.all()
            phrases.keep(key_of(self.request, segments, self.origin), Phrase(engine, pcm, segments[0].text))
