"""Sounds that several tests use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.speech.audio_format import FORMAT

RATE = FORMAT.rate
FRAME = RATE * 80 // 1000  # samples


def syllables(seconds: float, seed: int = 0) -> Samples:
    """Something with the envelope and spectrum of speech: noise bursts of a few hertz over a buzz."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    noise = np.convolve(rng.standard_normal(len(t)), [0.1, 0.2, 0.4, 0.2, 0.1], "same")  # speech is not white
    buzz = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 30))
    envelope = np.clip(np.sin(2 * np.pi * 3.1 * t) + 0.4 * np.sin(2 * np.pi * 0.7 * t), 0, None)
    return ((buzz + 0.3 * noise) * envelope * 0.05).astype(np.float32)


def tone(hz: float, seconds: float) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def in_pieces(sound: Samples, size: int, add: Callable[[Samples], Samples], close: Callable[[], Samples]) -> Samples:
    """What comes out where ``sound`` comes in pieces of ``size`` samples."""
    parts = [add(sound[start : start + size]) for start in range(0, len(sound), size)]
    return np.concatenate([*parts, close()])
