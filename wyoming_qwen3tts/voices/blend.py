"""A voice made of several: ``ryan(2)+aiden(1)`` is two parts of one and one of the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from ..errors import BadRequest
from ..speech.voice import VoiceName
from .file_format import NOTE_CHARS_MAX, ClonedVoice, VoiceCard, card_of

PARTS_MAX: Final = 5
WEIGHT_MAX: Final = 100.0
_PART = re.compile(r"\s*(?P<name>[^()+]{1,64}?)\s*(?:\(\s*(?P<weight>[^()+]{1,20}?)\s*\))?\s*")
_EXAMPLE: Final = "ryan(2)+aiden(1)"


_TYPED = re.compile(r"\+|\(\s*[-\d][^()]*\)\s*\Z")


def is_recipe(name: str) -> bool:
    """Whether ``name`` is meant as a blend, right or wrong: no voice that is kept is called so."""
    return _TYPED.search(name) is not None


class Part(NamedTuple):
    """One voice of a blend, and how much of it there is beside the others."""

    name: str
    weight: float


def parse(recipe: str) -> tuple[Part, ...]:
    """The parts of ``recipe``; one without a number counts once.

    Raises:
        BadRequest: if it is none: names no two to `PARTS_MAX` different voices, or a weight that is no weight.
    """
    parts = tuple(_part(piece) for piece in recipe.split("+")[: PARTS_MAX + 1])
    if len(parts) < 2:
        raise _wrong(f"A blend is made of at least two voices: {_EXAMPLE}.")
    if len(parts) > PARTS_MAX:
        raise _wrong(f"A blend is made of at most {PARTS_MAX} voices.")
    names = [part.name.casefold() for part in parts]
    for name in names:
        if names.count(name) > 1:
            raise _wrong(f"The voice {name!r} is in the blend twice; give it one weight.", why="twice-in-mix")
    return parts


def blended(name: VoiceName, voices: Sequence[ClonedVoice], parts: Sequence[Part]) -> ClonedVoice:
    """The weighted mean of the vectors of ``voices``; what a reference clip adds to one is left out.

    Raises:
        BadRequest: if they are not of one model.
    """
    check_mix([card_of(voice) for voice in voices])
    weights = np.array([part.weight for part in parts], np.float64)
    vectors = np.stack([voice.vector.astype(np.float64) for voice in voices])
    mean = (weights[:, None] * vectors).sum(0) / weights.sum()
    consent = "; ".join(f"{voice.name}: {voice.consent}" for voice in voices if voice.consent)[:NOTE_CHARS_MAX]
    recipe = canonical([voice.name for voice in voices], parts)
    return ClonedVoice(
        name, mean.astype(np.float32), None, None, voices[0].model, "blend", recipe[:NOTE_CHARS_MAX], consent or None
    )


def check_mix(voices: Sequence[VoiceCard]) -> None:
    """Raises:
    BadRequest: if they are not of one model.
    """
    for voice in voices[1:]:
        if (voice.model, voice.size) != (voices[0].model, voices[0].size):
            raise _wrong(_why_not(voices[0], voice), why="no-mix")


def canonical(names: Sequence[str], parts: Sequence[Part]) -> str:
    """The recipe of ``parts``, called as their voices are."""
    return "+".join(f"{name}({part.weight:g})" for name, part in zip(names, parts, strict=True))


def _part(piece: str) -> Part:
    found = _PART.fullmatch(piece)
    if found is None:
        raise _wrong(f"{piece.strip()[:80]!r} is no part of a blend: write a voice and how much of it, {_EXAMPLE}.")
    weight = 1.0
    if found["weight"] is not None:
        try:
            weight = float(found["weight"].replace(",", "."))
        except ValueError:
            weight = 0.0
    if not 0 < weight <= WEIGHT_MAX:
        raise _wrong(f"The weight of {found['name']} must be a number above 0 and up to {WEIGHT_MAX:g}: {_EXAMPLE}.")
    return Part(found["name"], weight)


def _why_not(one: VoiceCard, other: VoiceCard) -> str:
    if one.is_of_speakers != other.is_of_speakers:
        speaker, own = (one, other) if one.is_of_speakers else (other, one)
        return (
            f"{speaker.name} is a speaker of the model and {own.name} a voice of your own: different models speak "
            "them, so they cannot be mixed. Mix speakers with speakers, and your own voices with each other."
        )
    return f"{one.name} and {other.name} were made with different models, so they cannot be mixed."


def _wrong(message: str, why: str | None = None) -> BadRequest:
    return BadRequest(message, field="of", why=why)
