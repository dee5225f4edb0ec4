"""The doctor on how fast the model spoke here."""

from __future__ import annotations

from pathlib import Path

import pytest

from wyoming_qwen3tts.doctor import pace
from wyoming_qwen3tts.engine.head_start import SpeedBook

from .test_doctor import ABLE, place


@pytest.mark.parametrize(
    ("rtf", "most_s", "words"),
    [
        (None, 6, "not measured yet"),
        (0.7, 6, "0.70 of real time, so replies begin at once"),
        (1.5, 6, "replies of up to 12 s begin up to 6 s late"),
        (1.15, 6, "replies of up to 40 s"),
        (1.5, 0, "replies stutter, as engine.head_start_s is 0"),
    ],
)
def test_what_the_speed_makes_of_replies_is_said(tmp_path: Path, rtf: float | None, most_s: float, words: str) -> None:
    where = place(
        ABLE, engine__kind="qwen3", engine__device="cpu", engine__head_start_s=str(most_s), data_dir=str(tmp_path)
    )
    if rtf is not None:
        book = SpeedBook()
        book.learn_speed("ryan-en", 1, rtf)
        book.write(where.settings.speeds_file)
    (check,) = pace.check(where)

    assert check.ok
    assert words in check.detail


def test_the_builtin_voice_has_no_pace() -> None:
    assert pace.check(place(ABLE, engine__kind="builtin")) == []
