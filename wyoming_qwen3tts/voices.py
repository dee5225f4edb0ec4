"""Who can be asked for: names to voices."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable

from .errors import UnknownVoice
from .speech import Voice, VoiceName
from .text.language import LANGUAGES, normalize_tag

log = logging.getLogger(__name__)

#: The nine speakers of Qwen3-TTS-CustomVoice. A home's configuration may name them while no GPU is there to speak as
# them.
QWEN_SPEAKERS = ("aiden", "dylan", "eric", "ono_anna", "ryan", "serena", "sohee", "uncle_fu", "vivian")


class VoiceCatalog:
    """Every voice, and the one answer to "who is meant?"."""

    def __init__(self, voices: Iterable[Voice]) -> None:
        self._voices = {voice.name.casefold(): voice for voice in voices}
        self._speakers = {voice.speaker.casefold() for voice in self._voices.values()}
        self._warned: set[str] = set()

    def all(self) -> tuple[Voice, ...]:
        return tuple(self._voices.values())

    def for_language(self, language: str, speaker: str = "builtin") -> Voice:
        """Who speaks ``language`` when nobody was named."""
        return self._voices[f"{speaker}-{language}"]

    def find(self, name: str | None, language: str | None = None) -> Voice | None:
        """The voice called ``name``: exact, in any case, or a speaker alone with ``language`` to choose by.

        None if only the text's own language can tell, as neither was given.

        Raises:
            UnknownVoice: naming the nearest ones.
        """
        code = self._language(language)
        if not name:
            return self.for_language(code) if code else None
        wanted = VoiceName.parse(name).casefold()
        if found := self._voices.get(wanted):
            return found
        speaker, _, suffix = wanted.rpartition("-")
        if wanted in QWEN_SPEAKERS or (speaker in QWEN_SPEAKERS and suffix in LANGUAGES):
            self._warn_once(wanted)
            code = code or (suffix if speaker else None)
            return self.for_language(code) if code else None
        if wanted in self._speakers:
            return self.for_language(code, wanted) if code else None
        near = difflib.get_close_matches(wanted, self._voices, n=3)
        hint = ", ".join(self._voices[n].name for n in near) or "see `wyoming-qwen3tts voices`"
        raise UnknownVoice(f"No voice is called {name[:64]!r}. Nearest: {hint}.")

    def _language(self, tag: str | None) -> str | None:
        if not tag or tag.strip().lower() == "auto":
            return None
        code = normalize_tag(tag)
        if code is None:
            raise UnknownVoice(f"No voice speaks {tag[:20]!r}. Languages: {', '.join(LANGUAGES)}.")
        return code

    def _warn_once(self, name: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            log.warning(
                "The voice %s needs the Qwen3-TTS engine, which is not running here; the built-in voice speaks instead",
                name,
            )
