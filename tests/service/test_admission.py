"""Permits are counted, and come back however a reply ends."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from wyoming_qwen3tts.errors import Busy, SpeechError
from wyoming_qwen3tts.service.admission import HIGH, AdmissionController, Permit


def test_a_permit_holds_nothing_until_it_is_taken_and_one_place_however_often_it_is() -> None:
    admission = AdmissionController(2)
    with Permit(admission) as permit:
        assert (admission.active, permit.is_held) == (0, False)
        for _ in range(2):
            permit.take()
            assert (admission.active, permit.is_held) == (1, True)

    assert (admission.active, permit.is_held) == (0, False)


def test_it_may_be_given_back_and_taken_again() -> None:
    admission = AdmissionController(1)
    with Permit(admission) as permit, Permit(admission) as other:
        permit.take()
        for _ in range(2):
            permit.give_back()
        other.take()
        with pytest.raises(Busy):
            permit.take()
        other.give_back()
        permit.take()
        assert admission.active == 1

    assert admission.active == 0


def test_whoever_holds_the_last_one_is_not_refused_it() -> None:
    admission = AdmissionController(1)
    with Permit(admission) as permit, Permit(admission) as other:
        permit.take()
        permit.take()
        permit.check()
        assert (permit.is_available, other.is_available) == (True, False)
        with pytest.raises(Busy, match=r"All 1 places .* raise limits\.queue"):
            other.check()


def test_it_comes_back_from_a_reply_that_breaks() -> None:
    admission = AdmissionController(1)

    def broken() -> None:
        with Permit(admission) as permit:
            permit.take()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()

    assert admission.active == 0


# -- hosts


class Holding:
    """A reply as the controller sees it."""

    def __init__(self, *, is_waiting_for_text: bool = False, heard_bytes: int = 0) -> None:
        self.is_waiting_for_text, self.heard_bytes = is_waiting_for_text, heard_bytes
        self.cut_by: SpeechError | None = None

    def cut(self, why: SpeechError) -> None:
        self.cut_by = why


def held(admission: AdmissionController, host: str, priority: int = 0, **how: Any) -> tuple[Permit, Holding]:
    permit, holding = Permit(admission, host, priority), Holding(**how)
    permit.holder = holding
    permit.take()
    return permit, holding


def test_the_reply_that_waits_for_text_gives_way_first_then_the_one_that_was_heard_least() -> None:
    admission = AdmissionController(4)
    much, little, waiting, _ = (
        held(admission, "greedy", heard_bytes=9)[1],
        held(admission, "greedy", heard_bytes=1)[1],
        held(admission, "greedy", heard_bytes=5, is_waiting_for_text=True)[1],
        held(admission, "other"),
    )
    held(admission, "third")
    assert [h.cut_by is not None for h in (much, little, waiting)] == [False, False, True]
    with pytest.raises(Busy):  # nobody has two more than it
        held(admission, "third")


def test_two_places_are_for_the_priority_high_and_above() -> None:
    admission = AdmissionController(2)
    for _ in range(2):
        held(admission, "house")
    with pytest.raises(Busy):
        held(admission, "house", HIGH - 1)
    urgent = [held(admission, "house", HIGH), held(admission, "house", 10)]
    with pytest.raises(Busy):
        held(admission, "house", 10)
    assert admission.active == 4
    urgent[0][0].give_back()
    with pytest.raises(Busy):
        held(admission, "house")


def test_what_is_urgent_gives_its_place_to_nobody() -> None:
    admission = AdmissionController(2, reserved=0)
    alarms = [held(admission, "house", HIGH)[1] for _ in range(2)]
    with pytest.raises(Busy):
        held(admission, "stranger", HIGH)
    assert not any(alarm.cut_by for alarm in alarms)


async def test_the_line_is_served_by_importance_then_to_who_has_least_then_in_order() -> None:
    admission = AdmissionController(3, reserved=0)
    kept = [held(admission, host)[0] for host in ("a", "b", "c")]
    order: list[str] = []

    def join(name: str, host: str, priority: int = 0) -> None:
        permit = Permit(admission, host, priority)

        def offer() -> bool:
            if permit.try_take():
                order.append(name)
            return permit.is_held

        permit.wait(offer)

    for name, host, priority in [("has one", "b", 0), ("first", "d", 0), ("second", "d", 0), ("urgent", "b", HIGH)]:
        join(name, host, priority)
    for permit in kept:
        permit.give_back()

    assert order == ["urgent", "first", "has one"]
    assert admission.waiting == 1


async def test_a_place_that_was_given_back_for_a_while_is_waited_for_in_line() -> None:
    admission = AdmissionController(1, reserved=0)
    with Permit(admission) as paused, Permit(admission) as other:
        paused.take()
        paused.pause()
        await paused.regain()
        assert paused.is_held
        paused.pause()
        other.take()
        regaining = asyncio.ensure_future(paused.regain())
        await asyncio.sleep(0)
        assert (admission.waiting, regaining.done()) == (1, False)
        other.give_back()
        await regaining
        assert (admission.waiting, paused.is_held) == (0, True)
        await paused.regain()  # nothing to do

    assert admission.active == 0


async def test_who_does_not_want_its_place_back_waits_no_more() -> None:
    admission = AdmissionController(1, reserved=0)
    with Permit(admission) as other:
        with Permit(admission) as paused:
            paused.take()
            paused.pause()
            other.take()
            regaining = asyncio.ensure_future(paused.regain())
            await asyncio.sleep(0)
            regaining.cancel()
            await asyncio.wait({regaining})
        assert admission.waiting == 0
    assert admission.active == 0


class Crowd(RuleBasedStateMachine):
    """Hosts that ask, pause, wait and leave in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.admission = AdmissionController(7)
        self.permits: list[Permit] = []
        self.waiting: set[Permit] = set()

    @rule(host=st.sampled_from("abcd"), priority=st.sampled_from([0, 0, 0, HIGH]), waits=st.booleans())
    def ask(self, host: str, priority: int, waits: bool) -> None:
        permit = Permit(self.admission, host, priority)
        permit.holder = Holding(is_waiting_for_text=waits)
        self.permits.append(permit)
        if waits:
            self.waiting.add(permit)
            permit.wait(lambda: self._offered(permit))
        elif permit.is_available:
            permit.take()

    def _offered(self, permit: Permit) -> bool:
        if permit.try_take():
            self.waiting.discard(permit)
        return permit.is_held

    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        if self.permits:
            permit = data.draw(st.sampled_from(self.permits))
            permit.give_back()
            self.permits.remove(permit)
            self.waiting.discard(permit)

    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        if self.permits:
            data.draw(st.sampled_from(self.permits)).pause()

    @invariant()
    def nobody_waits_while_another_has_more_than_its_share(self) -> None:
        holders = self.admission.holders()
        counts = Counter(permit.host for permit in holders)
        soft = Counter(permit.host for permit in holders if not permit.is_urgent)
        assert len(holders) <= 7 + 2
        for permit in self.waiting:
            assert len(holders) >= 7
            others = [host for host in soft if counts[host] > counts[permit.host] + 1]
            assert counts[permit.host] >= 3 or not others

    @invariant()
    def no_place_is_lost(self) -> None:
        assert self.admission.active == sum(permit.is_held for permit in self.permits)
        assert self.admission.waiting == len(self.waiting)


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
