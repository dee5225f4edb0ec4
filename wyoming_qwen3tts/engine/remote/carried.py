"""Voices of this home that servers of our kind speak too: taken there once, under a name made of their content."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from ...errors import BadRequest, EngineError, UnknownVoice
from ...speech.languages import LANGUAGES
from ...speech.voice import Voice, VoiceName
from ...voices.folder import VoiceCard, VoiceFolder
from ...voices.speakers import NAMES

PREFIX = "home-"  # of their names on other servers, where nobody is to see them


@dataclass(frozen=True, slots=True)
class CarriedVoice:
    """A voice's file, and what it is called on every other server."""

    name: str
    data: bytes


class CarriedVoices:
    """The own voices in ``folder``; None: there are none. Event loop only; files are read in threads."""

    def __init__(self, folder: VoiceFolder | None) -> None:
        self._folder = folder
        self._known: dict[str, tuple[int, CarriedVoice]] = {}  # by name, with the file's stamp

    def voices(self, engine: str) -> tuple[Voice, ...]:
        """All of them, as voices of ``engine``."""
        languages, words = tuple(LANGUAGES), ", ".join(NAMES)
        return tuple(
            Voice(VoiceName(card.name), f"{card.name} ({words})", languages, engine, card.name, "clone")
            for card in self._cards()
        )

    def has(self, name: str) -> bool:
        """It is a voice of this home."""
        return any(card.name == name for card in self._cards())

    async def find(self, name: str) -> CarriedVoice:
        """What is to be taken to a server.

        Raises:
            EngineError: if it is gone, or its file is damaged.
        """
        if self._folder is None:
            raise EngineError(f"there is no voice {name}")
        try:
            stamp = await asyncio.to_thread(self._folder.stamp, name)
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                data = await asyncio.to_thread(self._folder.data, name)
                known = stamp, CarriedVoice(f"{PREFIX}{hashlib.sha256(data).hexdigest()[:24]}", data)
                self._known[name] = known
        except (UnknownVoice, BadRequest, OSError) as error:
            raise EngineError(f"the voice {name} cannot be read: {error}") from error
        return known[1]

    def _cards(self) -> tuple[VoiceCard, ...]:
        """Those that Base checkpoints speak: a blend of speakers is of the checkpoint that it was made with."""
        return tuple(card for card in self._folder.cards() if not card.is_of_speakers) if self._folder else ()
