"""Segments: sentences and clauses as they are spoken, whole or still being written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that will be spoken otherwise than it was written."""

    rule: str
    before: str
    after: str

    def as_json(self) -> dict[str, str]:
        """The form the command line and the page show."""
        return {"rule": self.rule, "from": self.before, "to": self.after}


@dataclass(frozen=True, slots=True)
class Turn:
    """A stretch of a reply that is spoken in one manner, as marks in the text ask for it. One object a stretch: two
    that are equal may follow each other, with a pause between."""

    voice: str | None = None  # by name; None: the reply's own
    mood: str | None = None  # of `text.moods`
    speed: float = 1.0  # times that of the reply
    pause_s: float = 0.0  # silence asked for before it


PLAIN_TURN = Turn()


@dataclass(frozen=True, slots=True)
class Segment:
    """One sentence, or the first clause of a reply, as it will be spoken.

    ``at`` and ``chars`` are where it stands in the reply's text as it was sent, in characters. The parts of a sentence
    that was too long all have the place of that sentence.
    """

    text: str
    language: str  # ISO 639-1, one of ours
    pause_s: float = 0.0  # silence asked for after it
    changes: tuple[Change, ...] = ()
    turn: Turn = PLAIN_TURN
    starts_paragraph: bool = False  # of a text: a blank line stands before it
    at: int = field(default=0, compare=False)
    chars: int = field(default=0, compare=False)


class OpenSegment(Protocol):
    """A segment whose text is still being written. What it has said is never taken back.

    Its pieces, joined, are the text of the `Segment` that it becomes. It may be read several times over, and a reader
    who is cancelled in the middle spoils it for nobody.
    """

    @property
    def language(self) -> str: ...

    @property
    def turn(self) -> Turn: ...

    @property
    def starts_paragraph(self) -> bool: ...

    def __aiter__(self) -> AsyncIterator[str]:
        """The text as it becomes certain, from the beginning on."""
        ...

    async def whole(self) -> Segment:
        """The segment, once all of it is there."""
        ...
