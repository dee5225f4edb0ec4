"""One loudness for voices whose level nobody knows beforehand. pyloudnorm is the judge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyloudnorm
import pytest
import samplerate

from wyoming_qwen3tts.audio.leveller import Leveller, VoiceLevel
from wyoming_qwen3tts.audio.loudness import PEAK_DBTP, TARGET_LUFS, integrated_lufs, k_weighted_power, lufs_of
from wyoming_qwen3tts.audio.pcm import Samples

from .sounds import FRAME, RATE, in_pieces, syllables


def lufs(sound: Samples) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(sound))


def at_level(sound: Samples, wanted: float) -> Samples:
    """Clipped as an engine's own PCM would be."""
    clipped: Samples = np.clip(sound * np.float32(10 ** ((wanted - lufs(sound)) / 20)), -1, 1)
    return clipped


def levelled(sound: Samples, known: VoiceLevel | None = None) -> tuple[Samples, VoiceLevel]:
    leveller = Leveller(RATE, known)
    return in_pieces(sound, FRAME, leveller.add, leveller.close), leveller.level


@pytest.fixture(scope="module")
def hibari() -> Samples:
    """10 s of real speech, with a pause."""
    model: Any = pytest.importorskip("hibari").Hibari(threads=1)
    text = "The washing machine is done, and tomorrow will be a sunny day with a light breeze from the west."
    speech = np.asarray(model(text, seed=0), np.float32)
    return np.concatenate([speech, np.zeros(RATE // 4, np.float32), speech])[: 10 * RATE]


@pytest.mark.parametrize("came_at", [-40, -32, -26, -20, -14])
@pytest.mark.parametrize("which", ["hibari", "syllables"])
def test_ten_seconds_of_any_voice_are_within_1_5_lu_of_the_target_even_the_first(
    which: str, came_at: float, hibari: Samples
) -> None:
    speech = at_level(hibari if which == "hibari" else syllables(10), came_at)

    first, level = levelled(speech)
    second, _ = levelled(speech, level)

    assert lufs(first) == pytest.approx(TARGET_LUFS, abs=1.5)
    assert lufs(second) == pytest.approx(TARGET_LUFS, abs=0.7)
    for sound in (first, second):
        oversampled = samplerate.resample(sound, 8, "sinc_fastest")  # an independent look between the samples
        assert 20 * np.log10(np.abs(oversampled).max()) < PEAK_DBTP


@pytest.mark.parametrize("came_at", [-40, -26, -14])
def test_a_known_voice_is_right_from_its_first_sentence_on(came_at: float) -> None:
    speech = at_level(syllables(10), came_at)
    _, level = levelled(speech)

    sentence, _ = levelled(speech[: 2 * RATE], level)

    assert lufs(sentence) == pytest.approx(TARGET_LUFS, abs=1.5)


def test_a_soft_sentence_of_a_known_voice_stays_softer() -> None:
    known = VoiceLevel(lufs=-23, seconds=30)

    soft, _ = levelled(at_level(syllables(3), -27), known)

    assert lufs(soft) == pytest.approx(TARGET_LUFS - 4, abs=1)


def test_another_voice_under_a_known_name_is_found_out_by_its_second_reply() -> None:
    other = at_level(syllables(10), -20)
    _, level = levelled(other, VoiceLevel(lufs=-40, seconds=30))

    sound, _ = levelled(other, level)

    assert lufs(sound) == pytest.approx(TARGET_LUFS, abs=1.5)


def test_silence_teaches_nothing_and_stays_silence() -> None:
    sound, level = levelled(np.zeros(RATE, np.float32))

    assert not sound.any()
    assert level == VoiceLevel()


def test_the_power_of_a_block_is_that_of_the_whole_measure() -> None:
    block = syllables(1)[: RATE * 4 // 10]

    assert lufs_of(k_weighted_power(block, RATE)) == pytest.approx(integrated_lufs(block, RATE), abs=0.1)
