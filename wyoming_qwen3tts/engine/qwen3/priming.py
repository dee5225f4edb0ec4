"""Precomputes prompt prefixes of own voices while the engine is idle. Engine thread only."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...speech.audio_format import FORMAT
from ...speech.voice import Voice
from .scheduler import EngineRequest, Utterance

if TYPE_CHECKING:
    from ...model.prompt import PromptVoice as PromptVoice
    from .runner.runner import ModelRunner

log = logging.getLogger(__name__)

VOICES_MAX = 32  # at a time; a home has a handful


class NullSink:
    """An outlet that nobody listens to."""

    abandoned = False
    wants_audio = True
    format = FORMAT

    def put(self, pcm: bytes) -> None: ...
    def end(self) -> None: ...
    def fail(self, error: BaseException) -> None: ...


class Priming:
    """Voices that wait, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[Voice] = deque(maxlen=VOICES_MAX)
        self.done = 0

    def add(self, voice: Voice) -> None:
        """To be made ready in its first language."""
        self._waiting.append(voice)

    def step(self, runners: Sequence[ModelRunner], resolve: Callable[[Voice], PromptVoice]) -> bool:
        """Make one voice ready; False: there was none. Every slot must be free."""
        if not self._waiting:
            return False
        voice = self._waiting.popleft()
        try:
            heard = resolve(voice)
            runner = next((runner for runner in runners if runner.speaks(heard)), None)
            if runner is not None:
                for layout in ("sentence", "live") if heard.ref_codes is None else ("sentence",):
                    utterance = Utterance(
                        EngineRequest(NullSink()), voice, voice.language, layout, 0, is_text_over=True, slot=0
                    )
                    utterance.text, utterance.ids = ".", runner.prompts.tokenizer.speech(".")
                    runner.prefill(utterance, heard)
                self.done += 1
        except Exception:  # whoever asks for the voice is told
            log.warning("The voice %s could not be made ready", voice.name, exc_info=True)
        return True
