"""The doctor on CUDA graphs and the card's memory."""

from __future__ import annotations

import pytest

from wyoming_qwen3tts.doctor import graphs
from wyoming_qwen3tts.engine.qwen3 import graph_check
from wyoming_qwen3tts.engine.qwen3.card import self_check
from wyoming_qwen3tts.engine.qwen3.card.self_check import Verdict
from wyoming_qwen3tts.engine.qwen3.graph_check import Found

from .test_doctor import ABLE, by_name, place


@pytest.fixture(autouse=True)
def arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(self_check, "check_arithmetic", lambda *_: Verdict(None, {"talker in float32": 1e-6}, 0.5))


def test_without_a_card_there_is_nothing_to_say() -> None:
    assert graphs.check(place()) == []
    assert graphs.check(place(ABLE, engine__kind="builtin")) == []


@pytest.mark.parametrize("ok", [True, False])
def test_a_card_is_tried_and_its_memory_foretold(monkeypatch: pytest.MonkeyPatch, ok: bool) -> None:
    monkeypatch.setattr(graph_check, "check_graphs", lambda *_: Found(ok, "tried", "" if ok else "Update the driver"))

    found = by_name(graphs.check(place(ABLE)))

    assert "0.6B bfloat16 2,381 MiB" in found["memory of the card"].detail
    assert found["CUDA graphs"].ok is ok
    assert found["CUDA graphs"].detail == "tried"


@pytest.mark.parametrize("differs", [True, False])
def test_a_card_that_computes_something_else_is_wrong(monkeypatch: pytest.MonkeyPatch, differs: bool) -> None:
    why = "it computes otherwise than the CPU: talker in float32 by 0.1"
    if differs:
        monkeypatch.setattr(self_check, "check_arithmetic", lambda *_: Verdict(why, {}, 0.5))
    found = by_name(graphs.check(place(ABLE, engine__graphs="off")))["arithmetic of the card"]

    assert found.ok is not differs
    assert ("otherwise than the CPU" in found.detail) is differs
    assert differs or "computes what the CPU computes, talker in float32 within 1e-06" in found.detail


def test_graphs_that_were_turned_off_are_not_tried() -> None:
    found = by_name(graphs.check(place(ABLE, engine__graphs="off")))

    assert found["CUDA graphs"].detail == "off: engine.graphs"
