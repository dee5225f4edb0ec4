"""The little sound that says: the voice you are about to hear is the stand-in."""

from __future__ import annotations

import numpy as np

from .pcm import Samples, to_pcm

_TONES_HZ = (880.0, 659.26)  # a falling fourth: calm, and unlike the rising chimes of assistants that start to listen
_TONE_S, _STEP_S, _REST_S = 0.22, 0.11, 0.08
_PEAK = 0.12  # some 18 dB below full scale: softer than the speech that follows


def chime(rate: int) -> bytes:
    """Two soft tones and a short rest, PCM, s16le, mono."""
    sound = np.zeros(round(rate * (_STEP_S + _TONE_S + _REST_S)), dtype=np.float32)
    for index, hz in enumerate(_TONES_HZ):
        start = round(rate * _STEP_S * index)
        tone = _tone(hz, rate)
        sound[start : start + len(tone)] += tone
    return to_pcm(sound * np.float32(_PEAK / np.abs(sound).max()))


def _tone(hz: float, rate: int) -> Samples:
    """A struck bar: quick to come, slow to go, silent at both ends."""
    t = np.arange(round(rate * _TONE_S)) / rate
    shape = np.minimum(t / 0.008, 1.0) * np.exp(-t / 0.07) * np.minimum((_TONE_S - t) / 0.03, 1.0)
    return (shape * np.sin(2 * np.pi * hz * t)).astype(np.float32)
