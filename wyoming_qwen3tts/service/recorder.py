"""Collects a reply's sound for the phrase cache."""

from __future__ import annotations

from ..speech.text_stream import TextStream
from .lookup import Lookup
from .phrase_cache import AUDIO_BYTES, TEXT_CHARS, Phrase, PhraseCache, key_of


class PhraseRecorder:
    """The sound of one reply, or of one turn, kept if it is a phrase that may come again. Event loop only.

    A phrase is a short text that was all there at the first sound: what is still being written then does not come
    again.
    """

    def __init__(self, phrases: PhraseCache | None, lookup: Lookup, text: TextStream) -> None:
        self._phrases, self._lookup, self._text = phrases, lookup, text
        self._pcm = bytearray()
        self._is_phrase: bool | None = None  # decided at the first sound

    def add(self, pcm: bytes) -> None:
        """The engine's sound, before any post-processing; not empty."""
        if self._is_phrase is None:
            self._is_phrase = self._text.closed and self._text.chars <= TEXT_CHARS
        if self._is_phrase and len(self._pcm) <= AUDIO_BYTES:  # one piece more: the cache refuses what is too long
            self._pcm += pcm

    async def keep(self, engine: str, rate: int) -> None:
        """The sound is complete; ``engine`` made it, in ``rate`` Hz. It is kept if that is the voice's own, and nothing
        was cut off."""
        origin = self._lookup.origin
        if self._phrases is None or origin is None or not self._is_phrase:
            return
        if engine == origin.engine and not self._lookup.request.notes:
            segments = await self._lookup.phrase()
            key = key_of(self._lookup.request, segments, origin)
            begins = tuple(moment.at for moment in self._lookup.request.moments if moment.chars is None)
            self._phrases.keep(key, Phrase(engine, bytes(self._pcm), segments[0].text, rate, begins))
