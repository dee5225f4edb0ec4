"""Permits are counted, and come back however a reply ends."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.errors import Busy
from wyoming_qwen3tts.service.admission import AdmissionController, Permit


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
