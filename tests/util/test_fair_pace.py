"""The pace at which each of several owners may go on: parts of one rate, and only while several want some."""

from __future__ import annotations

import heapq
from collections import Counter

import pytest

from wyoming_qwen3tts.util.fair_pace import BURST, LEAST, SLACK_S, FairPace

RATE = 1000.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def served(pace: FairPace, clock: Clock, owner: str, seconds: float, points: float = 1.0, connections: int = 40) -> int:
    """How much ``owner`` gets in so many seconds over so many connections, each of which waits as long as it is told
    to."""
    ready, count, end = [clock.now] * connections, 0, clock.now + seconds
    while (earliest := min(ready)) < end:
        clock.now = max(clock.now, earliest)
        count += 1
        ready[ready.index(earliest)] = clock.now + pace.spend(owner, points)
    clock.now = end
    return count


def test_who_is_alone_waits_for_nothing() -> None:
    pace = FairPace(RATE, Clock())

    assert {pace.spend("home", 5) for _ in range(10_000)} == {0.0}


def test_a_flood_over_any_number_of_connections_has_its_part_and_what_is_left_while_another_one_is_there() -> None:
    clock = Clock()
    pace = FairPace(RATE, clock)
    pace.spend("quiet", 1)

    assert 8.0 * RATE / 2 <= served(pace, clock, "flood", 8.0) <= (SLACK_S + 8.0) * RATE


def test_several_floods_have_one_rate_together_each_the_same_of_it() -> None:
    clock = Clock()
    pace = FairPace(RATE, clock)
    pace.spend("quiet", 1)
    ready = [(0.0, host) for host in ("a", "b", "c", "d") for _ in range(10)]
    had: Counter[str] = Counter()
    while clock.now < 8.0:
        clock.now, host = heapq.heappop(ready)
        had[host] += 1
        heapq.heappush(ready, (clock.now + pace.spend(host, 1), host))

    assert had.total() <= (SLACK_S + 8.0) * RATE * 1.05
    assert min(had.values()) > 0.7 * max(had.values())


def test_a_home_that_opens_forty_connections_at_once_waits_for_nothing_though_others_are_there() -> None:
    pace = FairPace(RATE, Clock())
    for satellite in range(10):
        pace.spend(f"satellite{satellite}", 4)

    assert {pace.spend("home", points) for _ in range(40) for points in (3, 1)} == {0.0}


def test_who_asks_now_and_then_never_waits_beside_floods() -> None:
    clock = Clock()
    pace = FairPace(RATE, clock)
    waited = []
    for second in range(20):
        clock.now = second / 2
        waited += [pace.spend("quiet", points) for points in (3, 1, 3, 1)]
        for flood in ("a", "b", "c", "d"):
            for _ in range(500):
                pace.spend(flood, 1)

    assert set(waited) == {0.0}


def test_however_many_there_are_each_has_a_little() -> None:
    clock = Clock()
    pace = FairPace(RATE, clock)
    for number in range(5_000):
        pace.spend(f"host{number}", 1)

    clock.now = 0.001
    assert served(pace, clock, "quiet", 1.0, connections=4) == pytest.approx(BURST + LEAST, rel=0.1)


def test_a_debt_is_not_paid_for_long_and_whoever_was_gone_is_forgotten() -> None:
    clock = Clock()
    pace = FairPace(RATE, clock)
    pace.spend("quiet", 1)
    assert pace.spend("flood", 1_000_000) == 2.0

    clock.now = 30.0
    assert pace.spend("flood", 1_000_000) == 0.0  # nobody else is there any more
    assert list(pace._due) == ["flood"]
