"""The labels that Home Assistant shows, and sorts by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..speech.voice import OWN_KINDS, Voice
from .speakers import BUILTIN, QWEN_SPEAKERS, name_of

_NAMED = OWN_KINDS | {"wyoming"}  # their names are whole, and nobody's but theirs


def labelled(voices: list[Voice], mapped: dict[str, Voice], languages: Iterable[str]) -> list[Voice]:
    """``voices``, of one of ``languages`` each, with labels; ``mapped`` is who speaks a language when nobody was named.

    Home Assistant takes the first label of a language for a new assistant, so the mapped voice is number 1. Natives
    come next, the others, then voices in a style, and the built-in voice, whose label has no number, last.
    """
    found: list[Voice] = []
    for code in languages:
        here = [voice for voice in voices if voice.language == code]
        first = mapped[code].name if code in mapped else None
        numbered = [voice for voice in here if voice.speaker != BUILTIN]
        numbered += [voice for voice in here if numbered and voice.name == first and voice not in numbered]
        digits = len(str(len(numbered)))
        for number, voice in enumerate(sorted(numbered, key=lambda voice: (voice.name != first, *rank(voice))), 1):
            found.append(replace(voice, label=f"{number:0{digits}d} {_who(voice)} ({name_of(code)})"))
        found += [replace(v, label=f"{_who(v)} ({name_of(code)})") for v in here if v not in numbered]
    return sorted(found, key=lambda voice: voice.speaker != BUILTIN)  # is stable


def _parts(voice: Voice) -> tuple[str, str]:
    """The speaker, and the style."""
    name = voice.name[: -len(voice.language) - 1]
    if voice.kind in _NAMED:
        return name, ""
    who, _, style = name.partition("-")
    return who, style


def _who(voice: Voice) -> str:
    who, style = _parts(voice)
    if voice.kind not in _NAMED:
        who = "Built-in" if voice.speaker == BUILTIN else who.replace("_", " ").title()
    return f"{who}, {style}" if style else who


def rank(voice: Voice) -> tuple[bool, bool, bool, str, str]:
    """The order of a language's voices: natives, others, those in a style, those of other servers."""
    who, style = _parts(voice)
    return voice.kind == "wyoming", bool(style), voice.language not in QWEN_SPEAKERS.get(voice.speaker, ()), who, style
