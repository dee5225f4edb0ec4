"""A player may pause; one that is slower than half of real time may not go on for ever."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.service.pace import ListenerPace


def behind_after(speed: float, seconds: float, piece_s: float = 0.32) -> float:
    """Of a listener who takes ``speed`` seconds of sound a second."""
    pace, now = ListenerPace(0.0), 0.0
    while now < seconds:
        pace.given(piece_s, now)
        now += piece_s / speed
        pace.asked(now)
    return pace.behind_s(now)


@pytest.mark.parametrize(("speed", "drops"), [(0.1, True), (0.3, True), (0.5, False), (1.0, False), (20.0, False)])
def test_only_who_is_slower_than_half_of_real_time_falls_behind(speed: float, drops: bool) -> None:
    assert (behind_after(speed, 120) > 30) is drops


def test_a_tenth_of_real_time_is_seen_within_forty_seconds() -> None:
    assert behind_after(0.1, 40) > 30


def test_a_pause_is_made_up_for_by_listening() -> None:
    pace = ListenerPace(0.0)
    pace.given(0.1, 0.0)
    assert pace.behind_s(25.0) == 25.0
    pace.asked(25.0)
    for second in range(25, 55):
        pace.given(1.0, second)
        pace.asked(second + 1)

    assert pace.behind_s(55.0) == 0.0


def test_a_slow_engine_is_not_held_against_its_listener() -> None:
    pace = ListenerPace(0.0)
    pace.given(0.1, 50.0)
    pace.asked(50.1)

    assert pace.behind_s(500.0) == 0.0
