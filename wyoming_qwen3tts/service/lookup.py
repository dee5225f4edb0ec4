"""A resolved request and its phrase-cache look-up, before synthesis.

A reply of several turns is several recordings, each with a loudness of its own: each is looked up when its turn has
come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..speech.engine import Engine, Origin
from ..speech.request import SpeechRequest
from ..speech.segment import PLAIN_TURN, Segment, Turn
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
    turn: Turn | None = None  # whose segments are the request's; None: all
    number: int = 1  # of the turn in its reply
    first_segment: int = 0  # of the request, among all of the reply

    async def phrase(self) -> list[Segment]:
        """The segments of the request, whether they were taken or not. Reads the text to its end."""
        segments = await self.segments.all()
        return segments if self.turn is None else [segment for segment in segments if segment.turn is self.turn]


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
    all_segments = await segments.all()
    if any(segment.turn is not PLAIN_TURN for segment in all_segments):
        return Lookup(request, segments, options)
    key = key_of(request, all_segments, origin)
    return Lookup(request, segments, options, origin, key, await phrases.find(key))


async def look_up_turn(lookup: Lookup, text: TextStream, engine: Engine, phrases: PhraseCache | None) -> Lookup:
    """The same turn with its recording, if there is one and ``text`` is all there."""
    if phrases is None or not phrases.is_on or lookup.key is not None:  # a plain reply was looked up before
        return lookup
    lookup = replace(lookup, origin=engine.origin(lookup.request.voice))
    if lookup.origin is None or not text.closed or text.chars > TEXT_CHARS:
        return lookup
    key = key_of(lookup.request, await lookup.phrase(), lookup.origin)
    return replace(lookup, key=key, recording=await phrases.find(key))
