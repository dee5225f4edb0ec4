"""One level for every voice."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
import samplerate

from wyoming_qwen3tts.audio.loudness import PEAK_DBTP, TARGET_LUFS, integrated_lufs, level, limit, true_peak_db
from wyoming_qwen3tts.audio.pcm import from_pcm, packets, to_pcm, trim
from wyoming_qwen3tts.audio.resample import resample

from .sounds import RATE, syllables


@pytest.mark.parametrize("seconds", [1.0, 3.7, 20.0])
def test_the_measure_agrees_with_pyloudnorm(seconds: float) -> None:
    speech = syllables(seconds)

    assert integrated_lufs(speech, RATE) == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(speech), abs=0.15)


@pytest.mark.parametrize("gain_db", [-30, -6, 6, 14])
def test_speech_of_any_level_comes_out_at_the_target_with_its_peaks_under_the_ceiling(gain_db: float) -> None:
    speech = syllables(5) * np.float32(10 ** (gain_db / 20))

    levelled, _ = level(speech, RATE)

    assert integrated_lufs(levelled, RATE) == pytest.approx(TARGET_LUFS, abs=1.0)
    oversampled = samplerate.resample(levelled, 8, "sinc_best")  # an independent look between the samples
    assert 20 * np.log10(np.abs(oversampled).max()) < PEAK_DBTP


def test_the_true_peak_is_seen_between_the_samples() -> None:
    """A tone at a quarter of the rate, sampled beside its crests: 3 dB more than any sample shows."""
    tone = np.sin(np.pi / 2 * np.arange(2400) + np.pi / 4).astype(np.float32)

    assert 20 * np.log10(np.abs(tone).max()) == pytest.approx(-3.0, abs=0.1)
    assert true_peak_db(tone) == pytest.approx(0.0, abs=0.25)


def test_what_is_quiet_enough_is_not_touched_by_the_limiter() -> None:
    speech = syllables(1) * np.float32(0.1)

    assert limit(speech, RATE) is speech


def test_silence_stays_silence() -> None:
    silence = np.zeros(RATE, np.float32)

    assert integrated_lufs(silence, RATE) == float("-inf")
    assert true_peak_db(silence) == float("-inf")
    assert not level(silence, RATE)[0].any()
    assert len(trim(silence, RATE)) == 0


def test_a_short_word_is_not_blown_up_beyond_what_its_voice_usually_needs() -> None:
    _, gain_db = level(syllables(1) * np.float32(0.03), RATE, usual_gain_db=10)

    assert gain_db == 14


def test_trimming_leaves_the_speech_and_silent_ends() -> None:
    speech = np.concatenate([np.zeros(RATE, np.float32), syllables(1) + np.float32(0.001), np.zeros(RATE, np.float32)])

    trimmed = trim(speech, RATE)

    assert 0.7 * RATE < len(trimmed) < 1.2 * RATE
    assert trimmed[0] == trimmed[-1] == 0


def test_packets_join_to_the_whole_and_the_first_is_one_frame() -> None:
    pcm = to_pcm(syllables(1.23))

    parts = list(packets(pcm, 3840))

    assert b"".join(parts) == pcm
    assert len(parts[0]) == 3840
    assert max(map(len, parts)) == 4 * 3840


def test_pcm_goes_there_and_back_within_one_step() -> None:
    speech = syllables(0.5)

    np.testing.assert_allclose(from_pcm(to_pcm(speech)), speech, atol=2 / 32767)


def test_resampling_keeps_a_tone_and_its_length() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(22050) / 22050).astype(np.float32)

    resampled = resample(tone, 22_050, RATE)

    assert len(resampled) == pytest.approx(RATE, abs=2)
    middle = resampled[2000:-2000]
    assert int(np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() * RATE / len(middle)) == pytest.approx(
        1000, abs=2
    )
    assert np.abs(middle).max() == pytest.approx(1.0, abs=0.01)
