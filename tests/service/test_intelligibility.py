"""A real ear: what the server says over Wyoming is understood by whisper tiny.en. English only, as the ear is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import samplerate

from tests.ear import errors, whisper
from tests.faults.test_process import running
from wyoming_qwen3tts.audio.pcm import from_pcm
from wyoming_qwen3tts.servers.wyoming.client import connect

LINES = (
    "The washing machine is done.",
    "Good morning, the front door was opened at seven.",
    "I turned off all of the lights in the living room.",
    "Tomorrow it will be sunny with a light breeze from the west.",
    "Your next meeting starts in ten minutes.",
    "The battery of the smoke detector in the kitchen is low.",
    "There are three items on your shopping list.",
    "The garage door has been open for half an hour.",
    "Dinner is ready, please come to the table.",
    "Good night, everything is locked and the alarm is on.",
)
#: whisper writes numbers and short forms as it likes.
SAME = {"10": "ten", "7": "seven", "3": "three", "30": "half an", "okay": "ok"}


@pytest.fixture(scope="module")
def ear() -> Any:
    return whisper()


def words(text: str) -> list[str]:
    return [SAME.get(word, word) for word in re.findall(r"[a-z0-9']+", text.lower())]


async def test_ten_everyday_lines_are_understood_with_at_most_eight_per_cent_of_word_errors(
    tmp_path: Path, ear: Any
) -> None:
    assert await word_errors(ear, tmp_path / "log", LINES) <= 0.08


async def test_fast_speech_is_understood_as_well(tmp_path: Path, ear: Any) -> None:
    assert await word_errors(ear, tmp_path / "log", LINES[:4], "--audio.speed", "1.5") <= 0.08


async def word_errors(ear: Any, log: Path, lines: Sequence[str], *flags: str) -> float:
    """The share of words that the ear hears otherwise."""
    wrong = total = 0
    async with running(*flags, log=log) as (_, address):
        for number, line in enumerate(lines):
            async with connect(address) as client:
                spoken = await client.speak(line, streaming=bool(number % 2))
            sound = samplerate.resample(from_pcm(bytes(spoken.pcm)), 16_000 / spoken.rate, "sinc_fastest")
            segments, _ = ear.transcribe(sound.astype(np.float32), beam_size=5, language="en")
            heard = words(" ".join(segment.text for segment in segments))
            wrong += errors(heard, words(line))
            total += len(words(line))

    return wrong / total


def test_the_error_counter_counts() -> None:
    assert errors(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert errors([], ["a"]) == 1
    assert errors(["a"], ["a"]) == 0
