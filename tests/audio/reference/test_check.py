"""What is said of a clip before it becomes a voice."""

from __future__ import annotations

import numpy as np
import pytest

from tests.studio.own_voices import RATE, speech
from wyoming_qwen3tts.audio.reference.check import ClipReport, examine, unreadable

Samples = np.ndarray


def longer(seconds: float = 7.0) -> Samples:
    return np.resize(np.append(speech(), np.zeros(RATE // 4, np.float32)), round(seconds * RATE))


def noise_below(decibels: float) -> Samples:
    voice = longer()
    noise = np.random.RandomState(0).standard_normal(len(voice))
    level = np.sqrt(np.mean(voice**2)) * 10 ** (-decibels / 20)
    return np.asarray(voice + noise * level, np.float32)


def tone(hz: float, seconds: float, fall: float) -> Samples:
    at = np.arange(round(seconds * RATE)) / RATE
    overtones = np.stack([np.sin(2 * np.pi * hz * n * at) / n for n in range(1, 7)])
    return np.asarray(overtones.sum(axis=0) * np.exp(-at * fall))


def chords() -> Samples:
    """Two a second, as a piano holds them."""
    return _played([[220 * f for f in (1, 1.26, 1.5)], [247 * f for f in (1, 1.2, 1.5)]] * 6, 0.5, 1.5)


def melody() -> Samples:
    return _played([[hz] for hz in (440, 523, 494, 659, 587, 784) * 3], 0.375, 4.0)


def pad() -> Samples:
    return _played([[110, 220, 277, 330]], 6.0, 0.0)


def drums() -> Samples:
    hit = np.random.RandomState(1).standard_normal(RATE // 4) * np.exp(-np.arange(RATE // 4) / RATE * 40)
    return np.tile(hit, 24)


def _played(notes: list[list[float]], beat_s: float, fall: float) -> Samples:
    sound = np.concatenate([np.sum([tone(hz, beat_s, fall) for hz in note], axis=0) for note in notes])
    return np.asarray(sound / np.abs(sound).max() * 0.5, np.float32)


def codes(report: ClipReport) -> list[str]:
    return [problem.code for problem in report.problems]


def test_clear_speech_is_as_it_should_be() -> None:
    report = examine(longer(), RATE)

    assert report.ok
    assert report.problems == ()
    assert report.seconds == 7.0
    assert report.lufs is not None
    assert report.snr_db is not None
    assert report.snr_db > 35


@pytest.mark.parametrize(
    ("clip", "found"),
    [
        (longer() * 0, ["silent"]),
        (longer() * 1e-4, ["silent"]),
        (longer(1.2), ["too-short"]),
        (np.clip(longer() * 40, -1, 1), ["clipped"]),
        (noise_below(3), ["noise"]),
        (np.random.RandomState(0).standard_normal(6 * RATE) * 0.1, ["noise"]),
        (chords(), ["music"]),
        (melody(), ["music"]),
        (pad(), ["music"]),
    ],
    ids=["nothing", "whisper of a whisper", "short", "clipped", "noisy", "noise", "chords", "melody", "pad"],
)
def test_what_cannot_become_a_voice_is_an_error_that_says_what_to_do(clip: Samples, found: list[str]) -> None:
    report = examine(clip.astype(np.float32), RATE)

    assert [problem.code for problem in report.errors] == found
    assert not report.ok
    assert len(report.errors[0].message.split()) > 8


@pytest.mark.parametrize(
    ("clip", "warning"),
    [(noise_below(12), "noisy"), (longer(2.5), "short"), (longer(40), "long"), (longer() * 0.15, "quiet")],
    ids=["noise", "short", "long", "quiet"],
)
def test_what_could_be_better_is_a_warning(clip: Samples, warning: str) -> None:
    report = examine(clip.astype(np.float32), RATE)

    assert report.ok
    assert codes(report) == [warning]


def test_speech_over_music_as_loud_is_music_and_drums_alone_are_not_found() -> None:
    """The second half is what the check cannot do, so that nobody believes it can."""
    music = np.resize(chords(), len(longer()))
    music *= np.sqrt(np.mean(longer() ** 2) / np.mean(music**2))

    assert codes(examine(longer() + music, RATE)) == ["music"]
    assert "music" not in codes(examine(drums().astype(np.float32), RATE))


def test_a_report_is_plain_json() -> None:
    import json

    for report in (examine(longer(), RATE), examine(np.zeros(RATE, np.float32), RATE), unreadable("It is a picture.")):
        told = json.loads(json.dumps(report.as_json(), allow_nan=False))
        assert told["ok"] == report.ok
        assert [problem["code"] for problem in told["problems"]] == codes(report)
