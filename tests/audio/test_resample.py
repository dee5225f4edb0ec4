"""Sound at another rate, in pieces: as long, as loud, in time and in tune."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.audio.resample import StreamResampler, resample

RATES = [(24_000, 48_000), (48_000, 24_000)]


def tone(hz: float, rate: int, seconds: float = 1.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


def in_pieces(samples: Samples, rate: int, target_rate: int, cuts: Sequence[int]) -> Samples:
    step = StreamResampler(rate, target_rate)
    ends = [0, *cuts, len(samples)]
    return np.concatenate([*(step.add(samples[start:end]) for start, end in pairwise(ends)), step.close()])


@pytest.mark.parametrize(("rate", "target_rate"), RATES)
@pytest.mark.parametrize("samples", [1, 2, 7, 240, 1920, 24_001])
def test_what_comes_out_is_as_long_as_what_went_in(rate: int, target_rate: int, samples: int) -> None:
    out = in_pieces(tone(440, rate)[:samples], rate, target_rate, range(100, samples, 733))

    assert len(out) == round(min(samples, rate) * target_rate / rate)


@pytest.mark.parametrize(("rate", "target_rate"), RATES)
def test_nothing_comes_of_nothing(rate: int, target_rate: int) -> None:
    step = StreamResampler(rate, target_rate)

    assert len(step.add(np.zeros(0, np.float32))) == len(step.close()) == 0


@pytest.mark.parametrize(("rate", "target_rate"), RATES)
@pytest.mark.parametrize("hz", [60, 440, 3_000, 8_000])
def test_a_tone_is_the_same_tone_at_the_same_time(rate: int, target_rate: int, hz: float) -> None:
    out, wanted = in_pieces(tone(hz, rate), rate, target_rate, range(0, rate, 1920)), tone(hz, target_rate)
    edge = target_rate // 100

    assert np.abs(out - wanted)[edge:-edge].max() < 0.002


@pytest.mark.parametrize(("rate", "target_rate"), RATES)
def test_cuts_do_not_matter(rate: int, target_rate: int) -> None:
    noise = np.random.default_rng(1).normal(size=rate).astype(np.float32) * 0.1
    cuts = sorted(np.random.default_rng(2).integers(0, rate, 40).tolist())

    one, many = in_pieces(noise, rate, target_rate, []), in_pieces(noise, rate, target_rate, cuts)

    assert np.abs(one - many).max() < 1e-5
    assert np.abs(one - resample(noise, rate, target_rate))[:-100].max() < 1e-4


@pytest.mark.parametrize(("rate", "target_rate"), RATES)
def test_no_more_than_ten_milliseconds_are_held_back(rate: int, target_rate: int) -> None:
    step, sent, came = StreamResampler(rate, target_rate), 0, 0
    for _ in range(20):
        sent += 1920
        came += len(step.add(tone(440, rate)[:1920]))
        assert sent / rate - came / target_rate < 0.010


def test_what_24_khz_cannot_hold_is_taken_out() -> None:
    out = in_pieces(tone(15_000, 48_000), 48_000, 24_000, [])

    assert np.abs(out[240:-240]).max() < 0.001
