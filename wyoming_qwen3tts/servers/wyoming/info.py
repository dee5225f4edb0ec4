"""What ``describe`` answers."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from wyoming.event import Event
from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from ... import PROGRAM, __version__
from ...speech.languages import regions
from ...speech.voice import Voice
from ...util.instance import INSTANCE
from ...voices.speakers import BUILTIN

_PROJECT = Attribution("wyoming-qwen3tts", "https://github.com/wyoming-qwen3tts/wyoming-qwen3tts")
_QWEN = {"name": "Qwen3-TTS, Alibaba (Apache-2.0)", "url": "https://github.com/QwenLM/Qwen3-TTS"}
_BUILTIN = {
    "name": "hibari-tts (Apache-2.0) and espeak-ng (GPL-3.0)",
    "url": "https://github.com/espeak-ng/espeak-ng",
}
_OTHER = {"name": "Another voice server of this home", "url": "https://github.com/OHF-Voice/wyoming"}


def info(voices: Iterable[Voice]) -> Event:
    """One program with everybody in it. Home Assistant only looks at what says ``installed``.

    The library makes the program and the form of a voice; voices are filled in here, as it takes 0.2 ms for each.
    """
    program = TtsProgram(
        name=PROGRAM,
        description="Qwen3-TTS with a built-in voice",
        attribution=_PROJECT,
        installed=True,
        version=__version__,
        voices=[],
        supports_synthesize_streaming=True,
    )
    event = Info(tts=[program]).event()
    event.data["tts"][0]["voices"] = [_voice(voice) for voice in voices]
    event.data["instance"] = INSTANCE  # no client knows the field but a server of our kind
    return event


def _voice(voice: Voice) -> dict[str, Any]:
    return _FORM | {
        "name": voice.name,
        "description": voice.label,
        "attribution": _OTHER if voice.kind == "wyoming" else _BUILTIN if voice.speaker == BUILTIN else _QWEN,
        "languages": _tags(voice.languages),
    }


@cache
def _tags(languages: tuple[str, ...]) -> list[str]:
    """Home Assistant refuses a tag that is not here, letter for letter (home-assistant/core#134067), so the regional
    ones are."""
    return [tag for code in languages for tag in (code, *regions(code))]


_FORM = TtsVoice(
    name="", description="", attribution=Attribution("", ""), installed=True, version=__version__, languages=[],
    speakers=None,
).to_dict()  # fmt: skip
