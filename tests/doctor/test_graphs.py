"""The doctor on CUDA graphs and the card's memory."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.doctor import graphs
from wyoming_qwen3tts.engine.qwen3 import graph_check
from wyoming_qwen3tts.engine.qwen3.graph_check import Found

from .test_doctor import ABLE, by_name, place


def test_without_a_card_there_is_nothing_to_say() -> None:
    assert graphs.check(place()) == []
    assert graphs.check(place(ABLE, engine__kind="builtin")) == []


@pytest.mark.parametrize("ok", [True, False])
def test_a_card_is_tried_and_its_memory_foretold(monkeypatch: pytest.MonkeyPatch, ok: bool) -> None:
    monkeypatch.setattr(graph_check, "check_graphs", lambda *_: Found(ok, "tried", "" if ok else "Update the driver"))

    found = by_name(graphs.check(place(ABLE)))

    assert "0.6B bfloat16 2,383 MiB" in found["memory of the card"].detail
    assert found["CUDA graphs"].ok is ok
    assert found["CUDA graphs"].detail == "tried"


def test_graphs_that_were_turned_off_are_not_tried() -> None:
    found = by_name(graphs.check(place(ABLE, engine__graphs="off")))

    assert found["CUDA graphs"].detail == "off: engine.graphs"
