"""What ends an utterance that would not end by itself.

Qwen3-TTS misses its end token in 0.3 to 0.7 % of requests (sgl-project/sglang-omni#1179, QwenLM/Qwen3-TTS#118) and then
says room tone, or one phrase, for minutes. A cap that cuts slow speech is the worse bug (jundot/omlx#843,
Blaizzy/mlx-audio#695), so the caps are wide, and what is heard is judged: the stricter, the longer it has lasted.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from ...audio.pcm import Samples

FRAME_S = 0.08


@dataclass(frozen=True, slots=True)
class GuardLimits:
    """When to stop. Frames are 80 ms; levels are of samples in [-1, 1], as the codec makes them."""

    frames_most: int = 2_500  # 200 s, whatever the text
    frames_least: int = 400  # what even the shortest text is given: 32 s
    frames_per_id: int = 40  # speech uses 2 to 4; slow styles and non-native speakers 15 to 25 (vLLM-Omni 0.32)
    cloned_frames_least: int = 192  # as above, of a Base checkpoint
    cloned_frames_per_id: int = 12
    long_per_id: int = 15  # an utterance with more frames for each id is long: see ..._when_long
    silence_frames: int = 32  # 2.5 s: no pause inside a sentence is as long
    silence_frames_when_long: int = 15  # 1.2 s
    silence_rms: float = 0.0056  # 45 dB below full scale: room tone
    level_frames: int = 38  # 3 s of a level that stays
    level_db: float = 1.0  # within this: no speech does
    lead_in_peak: float = 0.002  # a frame before the first sound that stays below is not sent
    repeat_frames: int = 50  # 4 s of the same pattern of code 0
    repeat_frames_when_long: int = 25  # 2 s
    repeat_longest: int = 25  # frames of a pattern, which has to come at least twice
    repeat_differing: float = 0.1  # the share of codes that may differ: a phrase said again is never equal throughout
    eos_bias_from: float = 0.0  # share of the budget after which EOS is pushed; 0: never
    eos_bias_step: float = 0.25  # by how much more with each frame


@dataclass(slots=True)
class RunawayGuard:
    """Watches one attempt at one utterance. Engine thread only.

    ``room`` is how many frames the slot can hold, None: any number.
    """

    limits: GuardLimits
    is_cloned: bool = False
    room: int | None = None
    frames: int = 0
    _text_ids: int | None = None  # None: the text is not over
    _codes: list[int] = field(default_factory=list)  # code 0 of each frame, as many as a repetition can be long
    _heard: int = 0  # frames
    _quiet_frames: int = 0
    _levels: deque[float] = field(default_factory=deque)  # dB, of the last frames that count

    def budget(self, text_ids: int | None) -> int:
        """Frames that a text of so many ids may take; None: one that is not over."""
        limits, most = self.limits, self.limits.frames_most
        if text_ids is not None:
            per_id, least = (
                (limits.cloned_frames_per_id, limits.cloned_frames_least)
                if self.is_cloned
                else (limits.frames_per_id, limits.frames_least)
            )
            most = min(most, max(least, per_id * text_ids))
        return most if self.room is None else min(most, self.room)

    def eos_bias(self, text_ids: int) -> float:
        """What to add to the score of EOS for the next frame."""
        if not self.limits.eos_bias_from:
            return 0.0
        over = self.frames - round(self.limits.eos_bias_from * self.budget(text_ids))
        return max(0, over) * self.limits.eos_bias_step

    def made(self, code0: int, text_ids: int | None) -> str | None:
        """Take note of a frame; why to stop after it, if so. ``text_ids`` is None while the text is not over."""
        self.frames += 1
        self._text_ids = text_ids
        self._codes.append(code0)
        del self._codes[: -self._longest_run]
        if self.frames >= self.budget(text_ids):
            seconds = f"no end after {self.frames * FRAME_S:.0f} s"
            return f"{seconds}, which is all that a slot has room for" if self.frames == self.room else seconds
        return "the same sounds over and over" if self._repeats() else None

    def heard(self, frames: Samples, *, text_is_over: bool) -> tuple[int, str | None]:
        """Take note of decoded frames ``[n, samples]``: how many of them to keep, and why to stop behind them, if so.

        Frame by frame, so that the end does not depend on how many frames were decoded at a time.
        """
        for kept, frame in enumerate(frames, start=1):
            self._heard += 1
            if (why := self._tells_nothing(frame, text_is_over=text_is_over)) is not None:
                return kept, why
        return len(frames), None

    def _tells_nothing(self, frame: Samples, *, text_is_over: bool) -> str | None:
        """Near-silence, or a level that stays, since the text was over; why to stop, if it has lasted."""
        limits = self.limits
        rms = float(np.sqrt(np.mean(np.square(frame))))
        if not text_is_over:
            return None
        self._quiet_frames = 0 if rms >= limits.silence_rms else self._quiet_frames + 1
        if self._quiet_frames >= (
            limits.silence_frames_when_long if self._is_long(self._heard) else limits.silence_frames
        ):
            return f"{self._quiet_frames * FRAME_S:.1f} s of silence"
        self._levels.append(20 * float(np.log10(max(rms, 1e-6))))
        if len(self._levels) > limits.level_frames:
            self._levels.popleft()
        if len(self._levels) == limits.level_frames and max(self._levels) - min(self._levels) <= limits.level_db:
            return f"{limits.level_frames * FRAME_S:.1f} s of a sound that stays the same"
        return None

    def _is_long(self, frames: int) -> bool:
        return self._text_ids is not None and frames > self.limits.long_per_id * self._text_ids

    @property
    def _longest_run(self) -> int:
        return max(self.limits.repeat_frames, 2 * self.limits.repeat_longest)

    def _repeats(self) -> bool:
        """Whether the last code 0s are one pattern over and over, but for a few of them."""
        limits, codes = self.limits, self._codes
        least = limits.repeat_frames_when_long if self._is_long(self.frames) else limits.repeat_frames
        for length in range(1, limits.repeat_longest + 1):
            run = max(least, 2 * length)
            # A pattern is looked for where the newest code is as one pattern ago: comparing all would cost more.
            if len(codes) >= run and codes[-1] == codes[-1 - length]:
                differing = _differing(codes[-run:], length)
                if differing <= ceil(limits.repeat_differing * run):
                    return True
        return False


def _differing(codes: list[int], length: int) -> int:
    """How many of the codes differ from the pattern of ``length`` that most of them follow."""
    phases = (codes[start::length] for start in range(length))
    return sum(len(phase) - max(Counter(phase).values()) for phase in phases)
