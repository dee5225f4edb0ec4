"""Who speaks next: one at a time per speaker, the important ones first, nobody overtaken for ever."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_qwen3tts.announcements.ledger import IdempotencyCache
from wyoming_qwen3tts.announcements.quiet import QuietHours
from wyoming_qwen3tts.announcements.waiting import Ticket, WaitingLine
from wyoming_qwen3tts.errors import Busy


def line_with(*turns: Ticket, size: int = 100, nowhere: int = 2) -> WaitingLine:
    line = WaitingLine(size, nowhere=nowhere)
    for turn in turns:
        line.join(turn)
    return line


def test_one_at_a_time_at_a_speaker() -> None:
    first, second, elsewhere = Ticket(("a",), 0), Ticket(("a",), 0), Ticket(("b",), 0)
    line = line_with(first, second, elsewhere)

    assert line.next() == [first, elsewhere]
    assert line.next() == []
    line.free(first)
    assert line.next() == [second]


def test_the_important_ones_first_then_the_older_ones() -> None:
    turns = [Ticket(("a",), priority) for priority in (0, -5, 5, 0)]
    line, order = line_with(*turns), []
    while ready := line.next():
        order += ready
        line.free(ready[0])

    assert order == [turns[2], turns[0], turns[3], turns[1]]


def test_one_for_several_speakers_waits_for_all_of_them_and_is_not_overtaken() -> None:
    playing, both, later = Ticket(("a",), 0), Ticket(("a", "b"), 0), Ticket(("b",), 0)
    line = line_with(playing, both, later)

    assert line.next() == [playing]
    line.free(playing)
    assert line.next() == [both]
    line.free(both)
    assert line.next() == [later]


def test_those_for_nobody_in_particular_do_not_wait_for_each_other() -> None:
    turns = [Ticket((), 0) for _ in range(3)]
    line = line_with(*turns, nowhere=2)

    assert line.next() == turns[:2]
    line.free(turns[0])
    assert line.next() == [turns[2]]


def test_one_more_than_can_wait_is_busy() -> None:
    line = line_with(Ticket(("a",), 0), Ticket(("a",), 0), size=2)

    with pytest.raises(Busy, match=r"announce\.queue"):
        line.join(Ticket(("a",), 0))


Targets = st.lists(st.sampled_from("abc"), unique=True, max_size=3).map(tuple)
Turns = st.lists(st.builds(Ticket, Targets, st.integers(-2, 2)), max_size=20)


@given(Turns, st.data())
def test_everybody_has_a_turn_and_no_speaker_two_at_once(turns: list[Ticket], data: st.DataObject) -> None:
    line, playing, over = line_with(*turns, nowhere=2), list[Ticket](), list[Ticket]()
    while len(over) < len(turns):
        playing += line.next()
        assert playing, "somebody waits for nothing"
        places = [place for turn in playing for place in turn.targets]
        assert len(places) == len(set(places))
        assert sum(not turn.targets for turn in playing) <= 2
        ended = playing.pop(data.draw(st.integers(0, len(playing) - 1)))
        line.free(ended)
        over.append(ended)

    assert len(line) == 0


@pytest.mark.parametrize(
    ("hours", "quiet", "loud"),
    [
        ("22:00-07:00", ("22:00", "23:59", "00:00", "06:59"), ("07:00", "12:00", "21:59")),
        ("13:00-15:00", ("13:00",), ("15:00", "12:59")),
    ],
)
def test_quiet_hours_may_go_over_midnight(hours: str, quiet: tuple[str, ...], loud: tuple[str, ...]) -> None:
    found = QuietHours.parse(hours)

    assert found is not None
    assert all(found.now(time.fromisoformat(at)) for at in quiet)
    assert not any(found.now(time.fromisoformat(at)) for at in loud)
    assert QuietHours.parse("") is None


def test_the_ledger_forgets_what_is_old_or_too_much() -> None:
    now = [0.0]
    ledger: IdempotencyCache[str] = IdempotencyCache(3, 10.0, lambda: now[0])

    assert ledger.begin("a")
    assert not ledger.begin("a")
    ledger.answered("a", "yes")
    assert ledger.answer("a") == "yes"
    for key in "bcdef":
        assert ledger.begin(key)
    assert len(ledger) <= 4
    assert ledger.begin("a"), "pushed out by younger ones"
    now[0] = 11.0
    assert ledger.begin("f"), "too old"
    ledger.forget("f")
    assert ledger.begin("f")
    ledger.answered("unknown", "lost")
    assert ledger.answer("unknown") is None
