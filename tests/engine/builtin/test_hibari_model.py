"""hibari as it is held here: the same speech in less memory, and no text that it breaks on."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hibari import Hibari
from hibari.g2p import G2P

from tests.faults.test_memory import SENTENCES, text_of
from wyoming_qwen3tts.engine.builtin.hibari_model import MOST_DIGITS, MOST_PHONEMES, FrugalHibari
from wyoming_qwen3tts.engine.builtin.hibari_words import PackedG2P

MB = 1_000_000


@cache
def frugal() -> Any:
    return FrugalHibari()


@cache
def own() -> Any:
    return Hibari(threads=1)


def texts() -> list[str]:
    """Mixed lines, and words that are said by their part of speech, are unknown, spelled, or counted."""
    rng = random.Random(4)
    words = SENTENCES["en"].split()
    lines = [text_of(rng, number) for number in range(200)]
    lines += [f"{' '.join(rng.choices(words, k=9)).capitalize()}?" for _ in range(50)]
    lines += [
        "I read that they live near the live record; she will record, use and close the close use.",
        "Dr. Smith's e-mail to NASA and the W.H.O. used to cost $3.50, i.e. 12th of 1984's.",
        "Zorblaxian quuxification, McDonald's iPhone and \u00e9clairs \u2014 \u201cno\u201d, don't!",
        "\ud800 halves of pairs \U0001f600",
    ]
    return lines


def test_what_is_packed_says_the_same() -> None:
    mine, theirs = PackedG2P(), G2P()
    assert [mine(text) for text in texts()] == [theirs(text) for text in texts()]


def test_speech_is_the_same_to_the_sample() -> None:
    text = "The washing machine is done, and it will be a live record."
    assert np.array_equal(frugal()(text, seed=0), own()(text, seed=0))


def test_what_is_packed_takes_a_fourth() -> None:
    def taken(make: Callable[[], Any]) -> int:
        tracemalloc.start()
        try:
            made = make()
            assert made("hello")
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    packed, plain = taken(PackedG2P), taken(G2P)
    assert packed < plain / 4
    assert packed < 18 * MB


@pytest.mark.parametrize(
    "number",
    [
        "1" * (MOST_DIGITS + 1),
        "1234567890" * 22,
        ",".join(["123"] * 14),
        f"-{'7' * 60}.5",
        f"{'8' * 40}th",
        f"{'9' * 40}-{'9' * 40}",
        "\u0663" * 40,
    ],
)
def test_a_number_beyond_all_words_is_read_digit_by_digit(number: str) -> None:
    with pytest.raises(IndexError):
        own().phonemize(number)
    assert len(frugal()(f"The number is {number}.", seed=0)) > 5 * frugal().sample_rate


def test_a_number_that_has_words_keeps_them() -> None:
    number = "1" * MOST_DIGITS
    assert "".join(frugal().phonemize(number)).replace(" ", "") == "".join(own().phonemize(number)).replace(" ", "")


def test_no_text_is_spoken_in_longer_parts_than_stated() -> None:
    numbers = "111 " * 55  # 220 characters without a comma, 1,200 phonemes
    assert max(map(len, own().phonemize(numbers))) > 2 * MOST_PHONEMES
    parts = frugal().phonemize(numbers)
    assert " ".join(parts) == own().phonemize(numbers)[0]
    assert MOST_PHONEMES / 2 < min(map(len, parts)) <= max(map(len, parts)) <= MOST_PHONEMES
    assert max(map(len, frugal().phonemize("A" * 2_000))) <= MOST_PHONEMES  # one word
