"""A resolved request and its phrase-cache look-up, before synthesis."""

from __future__ import annotations

from dataclasses import dataclass

from ..speech.engine import Engine, Origin
from ..speech.request import SpeechRequest
from ..speech.text_stream import TextStream
from ..text.reader import SegmentReader
from .options import ResolvedOptions
from .phrase_cache import TEXT_CHARS, Phrase, PhraseCache, key_of

_END_OF_PHRASE_S = 0.02  # how long a stream that begins like a phrase that is kept may take to end


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is to be spoken, how, and from which recording."""

    request: SpeechRequest
    segments: SegmentReader  # those of the request
    options: ResolvedOptions
    origin: Origin | None = None  # where the sound would come from; None: it is not recorded
    key: str | None = None  # of the recording; None: the text was not all there in time, or is not recorded
    recording: Phrase | None = None


async def look_up(
    text: TextStream,
    request: SpeechRequest,
    segments: SegmentReader,
    options: ResolvedOptions,
    engine: Engine,
    phrases: PhraseCache | None,
) -> Lookup:
    """The request, with its recording if there is one and ``text`` is all there, or will be in a moment."""
    if phrases is None:
        return Lookup(request, segments, options)
    origin = engine.origin(request.voice) if phrases.is_on else None
    if origin is None or text.chars > TEXT_CHARS:
        return Lookup(request, segments, options, origin)
    if not text.closed:  # Home Assistant sends whole texts as streams too: their end is just behind
        is_likely = phrases.may_begin(segments.opening)
        if not is_likely or not await text.ends_within(_END_OF_PHRASE_S):
            return Lookup(request, segments, options, origin)
    key = key_of(request, await segments.all(), origin)
    if key is None:
        return Lookup(request, segments, options)
    return Lookup(request, segments, options, origin, key, await phrases.find(key))
