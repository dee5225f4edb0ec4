"""What ``describe`` answers."""

from __future__ import annotations

from collections.abc import Iterable

from wyoming.info import Attribution, Info, TtsProgram, TtsVoice

from .. import __version__
from ..speakers import BUILTIN
from ..speech import Voice
from ..text.language import LANGUAGES

#: Home Assistant's unique id is made of it: it never changes.
PROGRAM = "qwen3-tts"
_PROJECT = Attribution("wyoming-qwen3tts", "https://github.com/wyoming-qwen3tts/wyoming-qwen3tts")
_QWEN = Attribution("Qwen3-TTS, Alibaba (Apache-2.0)", "https://github.com/QwenLM/Qwen3-TTS")
_BUILTIN = Attribution("hibari-tts (Apache-2.0) and espeak-ng (GPL-3.0)", "https://github.com/espeak-ng/espeak-ng")


def info(voices: Iterable[Voice]) -> Info:
    """One program with everybody in it. Home Assistant only looks at what says ``installed``."""
    return Info(
        tts=[
            TtsProgram(
                name=PROGRAM,
                description="Qwen3-TTS with a built-in voice",
                attribution=_PROJECT,
                installed=True,
                version=__version__,
                voices=[_voice(voice) for voice in voices],
                supports_synthesize_streaming=True,
            )
        ]
    )


def _voice(voice: Voice) -> TtsVoice:
    return TtsVoice(
        name=voice.name,
        description=voice.label,
        attribution=_BUILTIN if voice.speaker == BUILTIN else _QWEN,
        installed=True,
        version=__version__,
        # Home Assistant refuses a tag that is not here, letter for letter (home-assistant/core#134067), so the
        # regional ones are.
        languages=[tag for code in voice.languages for tag in (code, *LANGUAGES[code].regions)],
        speakers=None,
    )
