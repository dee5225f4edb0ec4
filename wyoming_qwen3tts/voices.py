"""Who can be asked for: names to voices, and the order in which Home Assistant lists them."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from .errors import UnknownVoice
from .speakers import BUILTIN, MAPPED, NAMES, QWEN_SPEAKERS
from .speech import Voice, VoiceName
from .text.language import LANGUAGES, normalize_tag

log = logging.getLogger(__name__)


class VoiceCatalog:
    """Every voice, and the one answer to "who is meant?".

    ``cloned`` tells the voices that were added since: it is asked each time, so a new one shows up without a restart.
    """

    def __init__(self, voices: Iterable[Voice], cloned: Callable[[], Iterable[Voice]] = tuple) -> None:
        self._fixed = {voice.name.casefold(): voice for voice in _labelled(list(voices))}
        self._cloned = cloned
        self._speakers = {voice.speaker.casefold() for voice in self._fixed.values()}
        self._warned: set[str] = set()

    def all(self) -> tuple[Voice, ...]:
        """Everybody who is advertised."""
        return (*self._fixed.values(), *self._cloned())

    def for_language(self, language: str) -> Voice:
        """Who speaks ``language`` when nobody was named."""
        return self._fixed.get(f"{MAPPED[language]}-{language}") or self._fixed[f"{BUILTIN}-{language}"]

    def find(self, name: str | None, language: str | None = None) -> Voice | None:
        """The voice called ``name``: exact, in any case, or a speaker alone with ``language`` to choose by.

        None if only the text's own language can tell, as neither was given.

        Raises:
            UnknownVoice: naming the nearest ones.
        """
        code = _language(language)
        if not name:
            return self.for_language(code) if code else None
        wanted = VoiceName.parse(name).casefold()
        if found := self._fixed.get(wanted):
            return found
        for voice in self._cloned():
            if voice.name.casefold() == wanted:
                return voice if code is None else replace(voice, languages=(code,))
        return self._speaker(wanted, code, name)

    def speaker_of(self, name: str | None) -> str | None:
        """The speaker that ``name`` means by itself, whatever the language; None if it names no speaker."""
        wanted = (name or "").strip().casefold()
        return wanted if wanted in self._speakers else None

    def speaking(self, speaker: str, language: str) -> Voice:
        """``speaker`` in ``language``."""
        return self._fixed[f"{speaker}-{language}"]

    def _speaker(self, wanted: str, code: str | None, name: str) -> Voice | None:
        if wanted in self._speakers:
            return self._fixed[f"{wanted}-{code}"] if code else None
        speaker, _, suffix = wanted.rpartition("-")
        if wanted in QWEN_SPEAKERS or (speaker in QWEN_SPEAKERS and suffix in LANGUAGES):
            self._warn_once(wanted)
            code = code or (suffix if speaker in QWEN_SPEAKERS else None)
            return self._fixed[f"{BUILTIN}-{code}"] if code else None
        near = difflib.get_close_matches(wanted, [voice.name.casefold() for voice in self.all()], n=3)
        hint = ", ".join(near) or "see `wyoming-qwen3tts voices`"
        raise UnknownVoice(f"No voice is called {name[:64]!r}. Nearest: {hint}.")

    def _warn_once(self, name: str) -> None:
        if name not in self._warned:
            self._warned.add(name)
            log.warning(
                "The voice %s needs the Qwen3-TTS engine, which is not running here; the built-in voice speaks instead",
                name,
            )


def _language(tag: str | None) -> str | None:
    if not tag or tag.strip().lower() == "auto":
        return None
    code = normalize_tag(tag)
    if code is None:
        raise UnknownVoice(f"No voice speaks {tag[:20]!r}. Languages: {', '.join(LANGUAGES)}.")
    return code


def _labelled(voices: list[Voice]) -> list[Voice]:
    """With the labels that Home Assistant shows and sorts by.

    It takes the first one of a language for a new assistant, so the mapped speaker is number 1, natives come next,
    and the built-in voice, whose label has no number, last.
    """
    ranked = []
    for code in LANGUAGES:
        speakers = [voice for voice in voices if voice.language == code and voice.speaker != BUILTIN]
        digits = len(str(len(speakers)))
        for rank, voice in enumerate(sorted(speakers, key=_rank), 1):
            who = voice.speaker.replace("_", " ").title()
            ranked.append(replace(voice, label=f"{rank:0{digits}d} {who} ({NAMES[code]})"))
    builtin = [replace(v, label=f"Built-in ({NAMES[v.language]})") for v in voices if v.speaker == BUILTIN]
    return [*builtin, *ranked]


def _rank(voice: Voice) -> tuple[bool, bool, str]:
    native = voice.language in QWEN_SPEAKERS.get(voice.speaker, ())
    return voice.speaker != MAPPED[voice.language], not native, voice.speaker
