"""A reply cut where the manner of speaking changes: an engine speaks one turn after the other, each a request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from ..errors import BadRequest, UnknownVoice
from ..speech.request import SpeechRequest
from ..speech.segment import OpenSegment, Segment, Turn
from ..speech.voice import Style, Voice
from ..text.moods import INSTRUCT
from ..text.reader import SegmentReader
from ..voices.catalog import VoiceCatalog
from .options import FASTEST, SLOWEST, ResolvedOptions

_NO_MOOD = (
    "a mood was left out, as the voice's model follows no instructions and voices.yaml has no style of its name with a "
    "speed or volume"
)
_NO_VOICE = "a voice that a mark named cannot speak here; the reply's own spoke instead"


class TurnSegments:
    """The segments of one turn, which end where the next one begins. A wait that is cancelled loses nothing."""

    def __init__(self, segments: SegmentReader, turn: Turn) -> None:
        self._segments, self._turn = segments, turn

    def __aiter__(self) -> AsyncIterator[Segment | OpenSegment]:
        return self

    async def __anext__(self) -> Segment | OpenSegment:
        following = await self._segments.peek()
        if following is None or following.turn is not self._turn:
            raise StopAsyncIteration
        return await anext(self._segments)


class TurnMaker:
    """What each turn of one reply asks of the engine. ``notes`` are for its log line: each said once."""

    def __init__(self, catalog: VoiceCatalog, request: SpeechRequest, options: ResolvedOptions) -> None:
        self._catalog, self._request, self._options = catalog, request, options
        self.notes: list[str] = []

    def of(
        self, first: Segment | OpenSegment, segments: SegmentReader, *, is_continued: bool = False
    ) -> tuple[SpeechRequest, ResolvedOptions]:
        """The request for the turn that ``first`` begins, and how it sounds. ``is_continued``: a turn was before it."""
        turn, request, options = first.turn, self._request, self._options
        sentence_pause_s = options.sentence_pause_s
        voice = self._voice(turn.voice, first.language) if turn.voice else request.voice
        if turn.voice and voice is not request.voice:
            instruct, speed, volume = voice.style.instruct, options.speed * voice.style.speed, options.volume
            volume *= voice.style.volume
            sentence_pause_s = _first(voice.style.sentence_pause_s, sentence_pause_s)
        else:
            instruct, speed, volume = request.instruct, options.speed, options.volume
        if turn.mood is not None:
            style = self._catalog.style(turn.mood)
            instruct, speed, volume = self._in_mood(turn.mood, style, voice, (instruct, speed, volume))
            sentence_pause_s = _first(style.sentence_pause_s if style is not None else None, sentence_pause_s)
        speed = min(max(speed * turn.speed, SLOWEST), FASTEST)
        sound = ResolvedOptions(instruct, speed, min(volume, 1.0), options.chime, sentence_pause_s)
        of_turn = replace(
            request,
            segments=TurnSegments(segments, turn),
            voice=voice,
            instruct=instruct,
            sentence_pause_s=sentence_pause_s,
            moments=[],
        )
        if is_continued:  # the first turn was held back for all of the reply where the machine is slow
            of_turn = replace(of_turn, is_continued=True, length=None)
        return of_turn, sound

    def _voice(self, name: str, language: str) -> Voice:
        try:
            return self._catalog.find(name, language) or self._request.voice
        except (UnknownVoice, BadRequest):
            self._note(_NO_VOICE)
            return self._request.voice

    def _in_mood(
        self, mood: str, style: Style | None, voice: Voice, plain: tuple[str | None, float, float]
    ) -> tuple[str | None, float, float]:
        """The home's own style of that name comes before our words for the mood."""
        instruct, speed, volume = plain
        if style is not None:
            speed, volume = speed * style.speed, volume * style.volume
        if voice.takes_instruct:
            words = (style.instruct if style is not None else None) or INSTRUCT[mood]
            return (f"{instruct} {words}" if instruct else words), speed, volume
        if style is None or (style.speed == 1 and style.volume == 1):
            self._note(_NO_MOOD)
        return instruct, speed, volume

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def _first(own: float | None, otherwise: float | None) -> float | None:
    return otherwise if own is None else own
