"""Faster and slower speech at the same pitch."""

from __future__ import annotations

import numpy as np
import pytest

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.audio.speed import SpeedChange

from .sounds import FRAME, RATE, in_pieces, syllables, tone

SPEEDS = (0.5, 0.8, 1.3, 2.0)


def changed(sound: Samples, speed: float, size: int = FRAME) -> Samples:
    change = SpeedChange(RATE, speed)
    return in_pieces(sound, size, change.add, change.close)


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_length_changes_and_the_loudness_does_not(speed: float) -> None:
    speech = syllables(3.7)

    other = changed(speech, speed)

    assert len(other) == pytest.approx(len(speech) / speed, abs=1)
    assert 20 * np.log10(other.std() / speech.std()) == pytest.approx(0, abs=0.6)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("hz", [80, 220])
def test_the_pitch_stays_and_no_joint_is_heard(hz: float, speed: float) -> None:
    sound = changed(tone(hz, 2), speed)

    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18))
    envelope = [sound[start : start + 600].std() * 2**0.5 for start in range(0, len(sound) - 1200, 600)]
    assert spectrum.argmax() * RATE / (1 << 18) == pytest.approx(hz, rel=0.005)
    assert min(envelope) > 0.25
    assert np.abs(np.diff(sound)).max() < 1.2 * 0.3 * 2 * np.pi * hz / RATE + 0.001  # no step anywhere


@pytest.mark.parametrize("speed", SPEEDS)
def test_the_sound_does_not_depend_on_the_pieces_it_came_in(speed: float) -> None:
    speech = syllables(2)

    assert np.array_equal(changed(speech, speed, FRAME), changed(speech, speed, 777))


@pytest.mark.parametrize("speed", SPEEDS)
def test_a_voices_first_frame_gives_sound_at_once_and_less_than_80_ms_is_ever_held_back(speed: float) -> None:
    change = SpeedChange(RATE, speed)
    speech, given, taken = syllables(2), 0, 0

    for start in range(0, len(speech), FRAME):
        given += len(speech[start : start + FRAME])
        taken += len(change.add(speech[start : start + FRAME]))
        assert taken > 0
        assert given - taken * speed < 0.08 * RATE


@pytest.mark.parametrize("samples", [0, 1, 100, 1000])
def test_a_sound_too_short_for_a_window_comes_out_too(samples: int) -> None:
    assert len(changed(syllables(1)[:samples], 1.3)) == round(samples / 1.3)


def test_silence_stays_silence() -> None:
    assert not changed(np.zeros(RATE, np.float32), 0.7).any()
