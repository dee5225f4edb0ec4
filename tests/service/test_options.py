"""A wish comes before a style, a style before the settings; what no voice can do is refused with the field's name."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from wyoming_qwen3tts.errors import BadRequest
from wyoming_qwen3tts.service.options import ResolvedOptions, SpeechOptions, check, resolve
from wyoming_qwen3tts.settings import Audio
from wyoming_qwen3tts.speech.voice import PLAIN, Style

STYLE = Style("softly", 0.8, 0.5, chime=True)


def test_the_settings_hold_where_nothing_else_is_said() -> None:
    audio = Audio(speed=1.2, volume=0.7, chime=True)

    assert resolve(SpeechOptions(), PLAIN, audio) == ResolvedOptions(None, 1.2, 0.7, chime=True)


def test_a_style_comes_before_the_settings() -> None:
    assert resolve(SpeechOptions(), STYLE, Audio(speed=1.2)) == ResolvedOptions("softly", 0.8, 0.5, chime=True)


def test_a_wish_comes_before_a_style_also_for_the_plain_value() -> None:
    options = SpeechOptions(instruct="loudly", speed=1, volume=1, chime=False)

    assert resolve(options, STYLE, Audio(chime=True, speed=2)) == ResolvedOptions("loudly", 1.0, 1.0, chime=False)


@pytest.mark.parametrize(("asked", "spoken"), [(0.25, 0.5), (4, 2.0), (1.5, 1.5)])
def test_what_openai_clients_may_ask_for_is_spoken_as_near_as_we_can(asked: float, spoken: float) -> None:
    options = SpeechOptions(speed=asked)
    check(options)

    assert resolve(options, PLAIN, Audio()).speed == spoken


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *itertools.product(["speed"], [0, 0.2, 4.1, -1, float("nan"), float("inf"), "1", True, []]),
        *itertools.product(["volume"], [-0.1, 1.1, float("nan"), "loud", False]),
        *itertools.product(["chime"], ["yes", 1]),
    ],
)
def test_what_no_voice_can_do_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=field) as refused:
        check(SpeechOptions(**{field: value}))

    assert refused.value.field == field
