"""Servers that die at random (F30): sixty replies here, a thousand with ``script/deaths``."""

from __future__ import annotations

import numpy as np
import pytest

from .deaths import _flaw, deaths


@pytest.mark.timing  # on a busy machine servers that are well look silent too
async def test_each_reply_is_whole_or_ends_with_an_error_and_none_is_lost_before_it_began() -> None:
    outcome = await deaths(60, seed=25)

    assert outcome.wrong == []
    assert outcome.whole + outcome.ended.total() == 60
    assert outcome.whole >= 30
    assert outcome.faults


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        ([100] * 5 + [201] * 4, None),
        ([100] * 4 + [101] + [200] * 4, "in the voices of"),
        ([201] * 5 + [201] * 4, "in the place of 1"),
        ([100] * 5 + [201] * 3, "3 samples of 4"),
        ([100] * 5 + [201] * 4 + [0], "more was heard"),
    ],
)
def test_what_is_wrong_with_a_reply_is_seen(heard: list[int], words: str | None) -> None:
    found = _flaw(np.array(heard), [5, 4], is_whole=True)
    assert found is None if words is None else words in (found or "")
