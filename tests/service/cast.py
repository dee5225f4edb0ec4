"""Two speakers, an announcement for both, and what is heard of its pauses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.harness import FakeEngine
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

ANNOUNCEMENT = "[ryan] Dinner is on the table. [pause:1s] [vivian] I am coming down at once!"


class Cast(FakeEngine):
    """Two speakers of a model that follows instructions, or not."""

    def __init__(self, *, takes_instruct: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asked: list[SpeechRequest] = []
        self._takes_instruct = takes_instruct

    def voices(self) -> tuple[Voice, ...]:
        builtin = super().voices()
        who = [replace(v, name=VoiceName(f"{s}-{v.language}"), speaker=s, takes_instruct=self._takes_instruct)
               for s in ("ryan", "vivian") for v in builtin]  # fmt: skip
        return (*who, *builtin)

    async def _frames(self, request: SpeechRequest) -> Any:
        self.asked.append(request)
        async for pcm in super()._frames(request):
            yield pcm


SPOKEN = [("ryan-en", ["Dinner is on the table."]), ("vivian-en", ["I am coming down at once!"])]


def silences(pcm: bytes) -> list[float]:
    """Lengths of the runs of silence, in seconds."""
    runs: list[int] = []
    run = 0
    for at in range(0, len(pcm), 480):
        if any(pcm[at : at + 480]):
            runs, run = [*runs, run] if run else runs, 0
        else:
            run += len(pcm[at : at + 480])
    return [FORMAT.seconds(length) for length in (*runs, run) if length]
