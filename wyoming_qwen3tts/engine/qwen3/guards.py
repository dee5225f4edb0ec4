"""What ends an utterance that would not end by itself.

Qwen3-TTS misses its end token in 0.3 to 0.7 % of requests (sgl-project/sglang-omni#1179, QwenLM/Qwen3-TTS#118) and then
says room tone, or one phrase, for minutes. Every limit here is generous: a cap that cuts slow speech is the worse bug
(jundot/omlx#843).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ...audio.pcm import Samples

FRAME_S = 0.08


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """When to stop. Frames are 80 ms; levels are of samples in [-1, 1]."""

    frames_most: int = 750  # 60 s, whatever the text
    frames_least: int = 192  # what even the shortest text is given: 15 s
    frames_per_id: int = 12  # speech uses 2 to 4 (vLLM-Omni's cap is the same)
    silence_frames: int = 32  # 2.5 s: no pause inside a sentence is as long
    silence_rms: float = 0.003  # 50 dB below full scale
    lead_in_peak: float = 0.002  # a frame before the first sound that stays below is not sent
    repeat_frames: int = 50  # 4 s of the same pattern of code 0, and
    repeat_times: int = 4  # at least so often
    repeat_longest: int = 12  # frames of a pattern
    eos_bias_from: float = 0.0  # share of the budget after which EOS is pushed; 0: never
    eos_bias_step: float = 0.25  # by how much more with each frame


@dataclass(slots=True)
class RunawayGuard:
    """Watches one attempt at one utterance. Engine thread only."""

    limits: GuardLimits
    _codes: list[int] = field(default_factory=list)  # code 0 of each frame, as many as a repetition can be long
    _quiet_frames: int = 0
    frames: int = 0

    def budget(self, text_ids: int) -> int:
        """Frames that a text of so many ids may take."""
        limits = self.limits
        return min(limits.frames_most, max(limits.frames_least, limits.frames_per_id * text_ids))

    def eos_bias(self, text_ids: int) -> float:
        """What to add to the score of EOS for the next frame."""
        if not self.limits.eos_bias_from:
            return 0.0
        over = self.frames - round(self.limits.eos_bias_from * self.budget(text_ids))
        return max(0, over) * self.limits.eos_bias_step

    def made(self, code0: int, text_ids: int | None) -> str | None:
        """Take note of a frame; why to stop after it, if so. ``text_ids`` is None while the text is not over."""
        self.frames += 1
        self._codes.append(code0)
        del self._codes[: -self._longest_run]
        most = self.limits.frames_most if text_ids is None else self.budget(text_ids)
        if self.frames >= most:
            return f"no end after {self.frames * FRAME_S:.0f} s"
        return "the same sounds over and over" if self._repeats() else None

    def heard(self, frames: Samples, *, text_is_over: bool) -> tuple[int, str | None]:
        """Take note of decoded frames ``[n, samples]``: how many of them to keep, and why to stop behind them, if so.

        Frame by frame, so that the end does not depend on how many frames were decoded at a time.
        """
        for kept, frame in enumerate(frames, start=1):
            if float(np.sqrt(np.mean(np.square(frame)))) >= self.limits.silence_rms:
                self._quiet_frames = 0
            elif text_is_over:
                self._quiet_frames += 1
            if self._quiet_frames >= self.limits.silence_frames:
                return kept, f"{self._quiet_frames * FRAME_S:.1f} s of silence"
        return len(frames), None

    @property
    def _longest_run(self) -> int:
        return max(self.limits.repeat_frames, self.limits.repeat_longest * self.limits.repeat_times)

    def _repeats(self) -> bool:
        """Whether the last code 0s are one pattern over and over."""
        codes = self._codes
        for length in range(1, self.limits.repeat_longest + 1):
            run = max(self.limits.repeat_frames, length * self.limits.repeat_times)
            if len(codes) >= run and codes[-run + length :] == codes[-run:-length]:
                return True
        return False
