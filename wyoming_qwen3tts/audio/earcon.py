"""Little sounds before the speech: one says that the fallback is about to speak, the other that an announcement
comes."""

from __future__ import annotations

import numpy as np

from .pcm import Samples, to_pcm

# A falling fourth: calm, and unlike the rising chimes of assistants that start to listen.
_FALLBACK_HZ, _FALLBACK_PEAK = (880.0, 659.26), 0.12  # some 18 dB below full scale: softer than the speech that follows
_DOOR_HZ, _DOOR_PEAK = (659.26, 523.25), 0.25  # a falling third, as of a door bell; as loud as the speech


def chime(rate: int) -> bytes:
    """The fallback's: two soft tones and a short rest, PCM, s16le, mono."""
    return _two_tones(_FALLBACK_HZ, rate, _FALLBACK_PEAK, tone_s=0.22, step_s=0.11, rest_s=0.08)


def gong(rate: int) -> bytes:
    """An announcement's: two ringing tones and a rest, PCM, s16le, mono."""
    return _two_tones(_DOOR_HZ, rate, _DOOR_PEAK, tone_s=0.5, step_s=0.25, rest_s=0.15)


def _two_tones(
    tones_hz: tuple[float, float], rate: int, peak: float, *, tone_s: float, step_s: float, rest_s: float
) -> bytes:
    sound = np.zeros(round(rate * (step_s + tone_s + rest_s)), dtype=np.float32)
    for index, hz in enumerate(tones_hz):
        start = round(rate * step_s * index)
        tone = _tone(hz, rate, tone_s)
        sound[start : start + len(tone)] += tone
    return to_pcm(sound * np.float32(peak / np.abs(sound).max()))


def _tone(hz: float, rate: int, tone_s: float) -> Samples:
    """A struck bar: quick to come, slow to go, silent at both ends."""
    t = np.arange(round(rate * tone_s)) / rate
    shape = np.minimum(t / 0.008, 1.0) * np.exp(-t * 3.14 / tone_s) * np.minimum((tone_s - t) / 0.03, 1.0)
    return (shape * np.sin(2 * np.pi * hz * t)).astype(np.float32)
