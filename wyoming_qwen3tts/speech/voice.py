"""Voices: name, style, languages, engine."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal, Self

from ..errors import UnknownVoice


class VoiceName(str):
    """A voice's name: letters, digits, space, ``_`` and ``-`` in any script; so it is a safe file stem by
    construction."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: str) -> Self:
        """The name, normalised.

        Raises:
            UnknownVoice: if it cannot be the name of any voice.
        """
        name = unicodedata.normalize("NFKC", raw).strip()
        if not 1 <= len(name) <= 64 or not all(c.isalnum() or c in " _-" for c in name):
            raise UnknownVoice(f"No voice is called {raw[:64]!r}. A name has 1 to 64 letters, digits, spaces, _ or -.")
        return cls(name)


def is_typed_blend(name: str) -> bool:
    """Whether a voice of that name is mixed on demand and kept nowhere: there may be any number of them."""
    return "+" in name


LONGEST_SENTENCE_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class Style:
    """How a voice speaks, whatever it says."""

    instruct: str | None = None  # in the model's own words; only CustomVoice and VoiceDesign checkpoints follow it
    speed: float = 1.0  # 0.5 to 2, pitch kept; 1.0 means the configured default. Likewise volume 1.0, no chime
    volume: float = 1.0  # 0 to 1
    chime: bool = False  # two tones before the speech
    sentence_pause_s: float | None = None  # silence between two sentences; None: as the engine is set


PLAIN = Style()


#: ``wyoming``: of another Wyoming server, by its own name there.
VoiceKind = Literal["builtin", "speaker", "clone", "design", "blend", "wyoming"]
OWN_KINDS: Final[frozenset[VoiceKind]] = frozenset({"clone", "design", "blend"})  # made in this home


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who can speak. ``languages`` are ISO 639-1 codes, the one the name promises first."""

    name: VoiceName
    label: str  # what Home Assistant lists, and sorts by
    languages: tuple[str, ...]
    engine: str  # the engine that owns it: "builtin"
    speaker: str  # the engine's own word for it
    kind: VoiceKind = "speaker"
    style: Style = PLAIN
    takes_instruct: bool = False  # whether its model follows `Style.instruct`

    @property
    def language(self) -> str:
        return self.languages[0]
