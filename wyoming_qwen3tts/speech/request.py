"""What an engine is asked to say."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .segment import OpenSegment, Segment
from .voice import Voice

Feed = Literal["sentence", "live", "hybrid"]


class TextLength(NamedTuple):
    """What is known of how long a text is."""

    chars: int  # so far
    is_complete: bool
    is_all_spoken: bool = True  # by the one request; a reply of several turns is several, each of a part of the text


class Moment(NamedTuple):
    """When something of a request begins to sound: ``at`` samples of the engine's sound are before it.

    ``segment`` counts the request's segments from 0. ``chars`` of that segment's text the model was given by then, word
    by word; None: the segment itself begins.
    """

    segment: int
    at: int
    chars: int | None = None


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What an engine is asked to say, once voice and language are known.

    ``length`` tells how long the text is as far as it is known; None: it need not keep up with its listener, as nobody
    plays it while it is made, or what was before it was held back for it. ``waited_s`` is how long the listener has
    waited for a first sound already, where another engine was asked before. ``is_continued``: a later turn of a reply
    that is being heard, which goes before what has not begun. ``sentence_pause_s``: the silence between two
    sentences; None: as the engine is set. ``via`` names the servers that the request came through, ``host`` whose share
    of the work it is. ``notes`` is the engine's: one for each sentence that did not end and was cut off, for the
    request's log line. ``moments`` is the engine's too: it notes each before it gives the sound; those of words only if
    ``wants_words``, and where it knows them.
    """

    segments: AsyncIterator[Segment | OpenSegment]
    voice: Voice
    seed: int | None = None
    instruct: str | None = None
    is_stream: bool = False  # the text comes in pieces, so its first words may be spoken before its first sentence ends
    feed: Feed | None = None  # asked for by name; otherwise the engine's settings decide
    waited_s: float = 0.0
    is_continued: bool = False
    sentence_pause_s: float | None = None
    via: tuple[str, ...] = ()
    host: str = ""
    notes: list[str] = field(default_factory=list)
    length: Callable[[], TextLength] | None = None
    moments: list[Moment] = field(default_factory=list)
    wants_words: bool = False

    async def whole_segments(self) -> AsyncGenerator[Segment, None]:
        """The segments, each when it is complete: for an engine that speaks a sentence at a time."""
        async for segment in self.segments:
            yield segment if isinstance(segment, Segment) else await segment.whole()
