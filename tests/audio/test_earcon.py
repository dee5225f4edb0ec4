"""The sound before the stand-in."""

from __future__ import annotations

import numpy as np

from wyoming_qwen3tts.audio.earcon import chime, gong
from wyoming_qwen3tts.audio.pcm import from_pcm


def test_it_is_short_and_soft_and_does_not_click() -> None:
    samples = from_pcm(chime(24_000))

    assert 0.3 < len(samples) / 24_000 < 0.5
    assert 0.1 < np.abs(samples).max() < 0.15
    assert np.abs(np.diff(samples)).max() < 0.05
    assert np.abs(samples[[0, -1]]).max() == 0


def test_it_has_two_tones_the_second_one_lower() -> None:
    samples = from_pcm(chime(24_000))
    early, late = samples[:2400], samples[4800:7200]

    assert abs(_pitch(early) - 880) < 15
    assert abs(_pitch(late) - 659) < 15


def _pitch(samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 24_000))
    return float(spectrum.argmax())


def test_the_gong_of_an_announcement_rings_longer_and_falls_by_a_third() -> None:
    samples = from_pcm(gong(24_000))

    assert 0.8 < len(samples) / 24_000 < 1
    assert 0.2 < np.abs(samples).max() < 0.3
    assert np.abs(np.diff(samples)).max() < 0.08
    assert np.abs(samples[[0, -1]]).max() == 0
    assert abs(_pitch(samples[:4800]) - 659) < 15
    assert abs(_pitch(samples[12_000:16_800]) - 523) < 15
