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


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What an engine is asked to say, once voice and language are known.

    ``length`` tells how long the text is as far as it is known; None: nobody plays the reply while it is made, so it
    may be made as slowly as it likes. ``waited_s`` is how long the listener has waited for a first sound already, where
    another engine was asked before. ``via`` names the servers that the request came through, ``host`` is whose share
    of the work it takes. ``notes`` is the engine's: one for each sentence that did not end and was cut off, for the
    request's log line.
    """

    segments: AsyncIterator[Segment | OpenSegment]
    voice: Voice
    seed: int | None = None
    instruct: str | None = None
    is_stream: bool = False  # the text comes in pieces, so its first words may be spoken before its first sentence ends
    feed: Feed | None = None  # asked for by name; otherwise the engine's settings decide
    waited_s: float = 0.0
    via: tuple[str, ...] = ()
    host: str = ""
    notes: list[str] = field(default_factory=list)
    length: Callable[[], TextLength] | None = None

    async def whole_segments(self) -> AsyncGenerator[Segment, None]:
        """The segments, each when it is complete: for an engine that speaks a sentence at a time."""
        async for segment in self.segments:
            yield segment if isinstance(segment, Segment) else await segment.whole()
