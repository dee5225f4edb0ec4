"""Options of a reply, and their merging. Precedence: request, voice style, settings."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import BadRequest
from ..settings import Audio
from ..speech.audio_format import FORMAT
from ..speech.request import Feed
from ..speech.voice import LONGEST_SENTENCE_PAUSE_S, Style

SLOWEST, FASTEST = 0.5, 2.0
_ASKED_SLOWEST, _ASKED_FASTEST = 0.25, 4.0  # what OpenAI's clients may send; it is spoken as near as we can


@dataclass(frozen=True, slots=True)
class SpeechOptions:
    """What a server asks for, apart from the text. None leaves a value to the voice's style and the settings."""

    voice: str | None = None
    language: str | None = None  # ISO code, regional tag, or the model's own name
    ssml: bool = False
    seed: int | None = None
    feed: Feed | None = None  # how the text reaches the engine
    instruct: str | None = None  # how to speak; instead of the voice's own style
    speed: float | None = None  # 1 is the voice's own pace, which is not changed then
    volume: float | None = None  # 0 to 1 of the voice's own
    chime: bool | None = None  # two tones before the speech
    sentence_pause_s: float | None = None  # silence between two sentences
    normalize: bool = True  # numbers, units and so on as words; else only what cannot be spoken is taken out
    rate: int | None = FORMAT.rate  # Hz, of what comes out; None: as the engine makes it
    speech_marks: bool = False  # `Reply.marks` tells what of the text is heard when
    fills_pauses: bool = False  # silence goes out while a text that comes in pieces pauses
    server: str = "cli"
    client: str = ""  # who asks, where the server knows: the name of an API key, an address
    host: str = ""  # whose share of the places it takes from: an address, or a server's own name
    via: tuple[str, ...] = ()  # the servers that asked for it in each other's place
    priority: int = 0  # from `admission.HIGH` on it may have a reserved place


@dataclass(frozen=True, slots=True)
class ResolvedOptions:
    """How one reply sounds. ``speed`` is within 0.5 to 2, ``volume`` within 0 to 1."""

    instruct: str | None = None
    speed: float = 1.0
    volume: float = 1.0
    chime: bool = False
    sentence_pause_s: float | None = None  # None: as the engine is set


def check(options: SpeechOptions) -> None:
    """Refuse what no voice can do, before anybody waits for it.

    Raises:
        BadRequest: naming the field.
    """
    _within("speed", options.speed, _ASKED_SLOWEST, _ASKED_FASTEST)
    _within("volume", options.volume, 0.0, 1.0)
    _within("sentence_pause_s", options.sentence_pause_s, 0.0, LONGEST_SENTENCE_PAUSE_S)
    if not isinstance(options.chime, bool | None):
        raise BadRequest("chime must be true or false.", field="chime")


def resolve(options: SpeechOptions, style: Style, audio: Audio) -> ResolvedOptions:
    """Checked options, filled up. A style's plain value (speed 1, volume 1, no chime) leaves it to the settings."""
    speed = options.speed if options.speed is not None else _unless(style.speed, 1.0, audio.speed)
    volume = options.volume if options.volume is not None else _unless(style.volume, 1.0, audio.volume)
    return ResolvedOptions(
        instruct=style.instruct if options.instruct is None else options.instruct,
        speed=min(max(float(speed), SLOWEST), FASTEST),
        volume=min(max(float(volume), 0.0), 1.0),
        chime=options.chime if options.chime is not None else style.chime or audio.chime,
        sentence_pause_s=style.sentence_pause_s if options.sentence_pause_s is None else options.sentence_pause_s,
    )


def _unless(value: float, plain: float, otherwise: float) -> float:
    return otherwise if value == plain else value


def _within(field: str, value: object, least: float, most: float) -> None:
    if value is None:
        return
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:  # type: ignore[arg-type,operator]
        raise BadRequest(f"{field} must be a number from {least:g} to {most:g}, not {str(value)[:20]}.", field=field)
