"""The checkpoint that speaks, heard by a machine ear through the real engine and the real Wyoming server.

What is held here is measured on a few sentences, so the bounds are wide; ``script/hear-tiny`` measures on many.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pyloudnorm
import pytest

from tests.conftest import ROOT
from tests.studio.own_voices import Home
from tests.tiny_voice import ear, sentences
from tests.tiny_voice.heard import BETWEEN, CLONED, HIGH, LOW, PLAIN, VOICES, WAYS, Way, all_said, say, speaking
from tests.tiny_voice.train import DRILLS, SENTENCES
from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.service.options import SpeechOptions

FOLDER = ROOT / "tests/data/.tiny-voice"  # the Supervisor takes a config.json for an add-on, but in such folders
RATE = 24_000
MOST_WRONG = 0.3
BY_NAME = {way.name: way for way in WAYS}


@cache
def held_out(count: int = 4) -> tuple[str, ...]:
    return sentences.make(SENTENCES, DRILLS).held_out[:count]


@pytest.fixture
async def house() -> AsyncIterator[Home]:
    async with speaking(FOLDER) as made:
        yield made


def seconds(samples: Samples) -> float:
    return len(samples) / RATE


def wrong(texts: Sequence[str], spoken: Sequence[Samples]) -> float:
    return ear.word_errors(texts, [ear.hear(one) for one in spoken])


def test_it_is_small_enough_to_be_kept() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 15_000_000


@pytest.mark.parametrize(
    "way",
    [
        PLAIN,
        BY_NAME["hybrid, a word every 60 ms"],
        BY_NAME["four at a time"],
        BY_NAME["int8"],
        BY_NAME["int4, live, a word every 60 ms"],
    ],
    ids=lambda way: way.name,
)
async def test_sentences_that_it_never_saw_are_understood_and_end(way: Way) -> None:
    async with speaking(FOLDER, way) as house:
        spoken = await all_said(house.server, held_out(), way)

        assert {stats.engine for stats in house.stats} == {"qwen3"}
        assert house.core.counters.stopped == 0
        assert all(1 < seconds(one) < 8 for one in spoken)
        assert wrong(held_out(), spoken) <= MOST_WRONG


async def test_recorded_graphs_say_the_same() -> None:
    """But for the gain, which is learnt a packet at a time, and packets are as large as time allows."""
    spoken: list[Samples] = []
    for records in (False, True):
        async with speaking(FOLDER, Way("", records=records)) as house:
            spoken.append(await say(house.server, held_out()[1], VOICES[0]))
            assert (house.core._runners[0].graphs_name != "none") is records

    assert len(spoken[1]) == len(spoken[0])
    assert alike(spoken[1], spoken[0]) > 0.99


async def test_noise_would_fail() -> None:
    """The ear hears nothing in noise, so the bound above means something."""
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) * 0.05

    assert wrong(held_out()[:2], [noise, noise]) > 0.8


async def test_the_two_speakers_differ(house: Home) -> None:
    low, high = [await say(house.server, held_out()[0], speaker) for speaker in ("ryan-en", "serena-en")]

    assert pitch(low) < 0.95 * pitch(high)


async def test_clones_are_understood_and_the_deeper_clip_makes_the_deeper_voice() -> None:
    """From clips of a sentence that the speaker encoder never heard, through the web door."""
    way = replace(CLONED, voices=(HIGH, LOW, BETWEEN))
    texts = 3 * held_out(1)  # of one pitch, but for the voice
    async with speaking(FOLDER, way) as house:
        spoken = await all_said(house.server, texts, way)

        assert {stats.engine for stats in house.stats} == {"qwen3"}
    assert wrong(texts, spoken) <= MOST_WRONG
    high, low, _ = map(pitch, spoken)
    assert low < 0.95 * high


async def test_a_seed_repeats_and_others_differ(house: Home) -> None:
    """From the second reply on: a voice's gain is learnt of its first. One sentence is often the same by any seed, as
    the checkpoint is sure of most."""
    text = " ".join(held_out(3))
    _, first, again, *others = [await said(house, text, seed) for seed in (1, 1, 1, 2, 3)]

    assert alike(first, again) > 0.999
    assert min(alike(first, other) for other in others) < 0.99


async def test_sentences_join_without_a_click_or_a_hole(house: Home) -> None:
    spoken = await say(house.server, " ".join(held_out()[:3]), "serena-en")

    joints = [gap for gap in runs_of_silence(spoken) if gap[1] > 0.2]
    assert len(joints) == 2
    for begin, length in joints:
        assert length < 1.2
        around = spoken[int((begin - 0.01) * RATE) : int((begin + length + 0.01) * RATE)]
        assert np.abs(np.diff(around)).max() < 0.1  # a click is a step


async def test_it_is_as_loud_as_every_voice(house: Home) -> None:
    spoken = await say(house.server, " ".join(held_out()[:3]), "ryan-en")

    assert pyloudnorm.Meter(RATE).integrated_loudness(spoken.astype(np.float64)) == pytest.approx(-16, abs=2.5)


async def test_speech_begins_soon_after_the_first_packet(house: Home) -> None:
    for text in held_out()[:3]:
        spoken = await say(house.server, text, "serena-en")
        assert seconds(spoken[: np.flatnonzero(np.abs(spoken) > 0.02)[0]]) < 0.4


async def said(house: Home, text: str, seed: int) -> Samples:
    service = house.server.service
    async with service.speak(service.whole_text(text), SpeechOptions(voice="serena-en", seed=seed)) as audio:
        pcm = b"".join([piece async for piece in audio])
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)


def alike(one: Samples, other: Samples) -> float:
    """1 for the same sound, however loud."""
    length = min(len(one), len(other))
    return float(np.corrcoef(one[:length], other[:length])[0, 1])


def runs_of_silence(samples: Samples, floor: float = 0.01) -> list[tuple[float, float]]:
    """Where each inner silence of 50 ms or more begins, and how long it is, in seconds."""
    frame = RATE // 100
    loud = np.abs(samples[: len(samples) // frame * frame]).reshape(-1, frame).max(1) > floor
    edges = np.flatnonzero(loud)
    gaps = np.diff(edges)
    return [(edges[at] / 100, gap / 100) for at, gap in enumerate(gaps) if gap >= 5]


def pitch(samples: Samples) -> float:
    """The middle of a voice's fundamental frequency, in Hz, by autocorrelation of its loud pieces."""
    size, found = 1_200, []
    for start in range(0, len(samples) - size, size):
        piece = samples[start : start + size] - samples[start : start + size].mean()
        if np.abs(piece).max() < 0.1:
            continue
        spectrum = np.fft.rfft(piece, 2 * size)
        around = np.fft.irfft(np.abs(spectrum) ** 2)[: RATE // 70]
        best = RATE // 350 + int(np.argmax(around[RATE // 350 :]))
        if around[best] > 0.4 * around[0]:
            found.append(RATE / best)
    return float(np.median(found))
