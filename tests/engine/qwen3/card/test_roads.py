"""The fastest road that says the same is taken, and remembered for what it depends on."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.engine.qwen3.card.roads import GAIN, ROADS, Choice, Key, Road, RoadMemory, Tried, choose

CODES = ((1, 2), (3, 4))
WIDE = ((9.0, 9.0), (9.0, 9.0))
KEY = Key("RTX 4090", (8, 9), "575.57", "2.11.0+cu128", "3.6.0", "0.1.0", "0.6B", "bfloat16", 4)


def ran(road: Road, ms: float, codes: tuple[tuple[int, ...], ...] = CODES) -> Tried:
    return Tried(road, ms, codes, WIDE)


STEPS = ran("steps", 30.0)


@pytest.mark.parametrize(
    ("others", "road", "why"),
    [
        ([], "steps", {}),
        ([ran("graphs", 8.0)], "graphs", {"steps": "30.00 ms a frame, and graphs 8.00"}),
        ([ran("graphs", 8.0), ran("fused", 5.0)], "fused", {"graphs": "8.00 ms a frame, and fused 5.00"}),
        ([ran("fused", 5.0), ran("graphs", 8.0)], "fused", {"graphs": "8.00 ms a frame, and fused 5.00"}),
        ([ran("graphs", 8.0), ran("compiled", 7.9)], "graphs", {"compiled": "7.90 ms a frame, and graphs 8.00"}),
        (
            [ran("graphs", 8.0), ran("fused", 1.0, ((1, 2), (3, 5)))],
            "graphs",
            {"fused": "it says 5 as code 1 of frame 1, and single steps 4"},
        ),
        ([ran("graphs", 8.0), ran("fused", 1.0, CODES[:1])], "graphs", {"fused": "it made 1 frames of 2"}),
        ([ran("graphs", 40.0)], "steps", {"graphs": "40.00 ms a frame, and steps 30.00"}),
        ([ran("graphs", float("nan"))], "steps", {"graphs": "nan ms a frame, and steps 30.00"}),
        ([Tried("graphs", error="it hung")], "steps", {"graphs": "it hung"}),
    ],
)
def test_fast_and_wrong_loses_to_slow_and_right(others: list[Tried], road: Road, why: dict[str, str]) -> None:
    choice = choose([STEPS, *others])

    assert choice.road == road
    assert why.items() <= choice.reasons.items()


def test_where_two_scores_are_as_good_a_code_may_differ_and_what_follows_counts_no_more() -> None:
    reference = replace(STEPS, margins=((9.0, 1.5), (9.0, 9.0)))
    other = ran("fused", 5.0, ((1, 7), (8, 8)))

    assert choose([reference, other]).road == "fused"
    assert choose([replace(reference, margins=((9.0, 2.5), (9.0, 9.0))), other]).road == "steps"


def test_without_single_steps_nothing_else_is_trusted() -> None:
    choice = choose([Tried("steps", error="out of memory"), ran("graphs", 1.0)])

    assert choice == Choice("steps", {"steps": "out of memory", "graphs": "there is nothing to hold it against"})


roads = st.lists(
    st.builds(
        Tried,
        st.sampled_from(ROADS),
        st.floats(0.1, 100),
        st.sampled_from([CODES, ((1, 2), (3, 5))]),
        st.just(WIDE),
        st.sampled_from(["", "", "", "it raised"]),
    ),
    max_size=4,
    unique_by=lambda tried: tried.road,
)


@settings(deadline=None, derandomize=True)
@given(roads)
def test_whatever_was_measured(tried: list[Tried]) -> None:
    choice = choose(tried)
    by_road = {each.road: each for each in tried}
    reference = by_road.get("steps")

    if reference is None or reference.error:
        assert choice.road == "steps"
        return
    taken = by_road[choice.road]
    right = [each for each in tried if not each.error and each.codes == reference.codes]
    assert taken in right
    assert taken.frame_ms <= min(each.frame_ms for each in right) / (1 - GAIN)
    assert set(choice.reasons) == set(by_road) - {choice.road}


def test_a_choice_is_remembered_for_its_key_alone(tmp_path: Path) -> None:
    memory = RoadMemory(tmp_path / "roads")
    assert memory.get(KEY) is None
    memory.put(KEY, Choice("fused", {"graphs": "slower"}))

    assert RoadMemory(tmp_path / "roads").get(KEY) == "fused"
    others: dict[str, Any] = {
        "card": "RTX 3060",
        "driver": "580.1",
        "torch": "2.12",
        "triton": "",
        "version": "0.2",
        "slots": 8,
    }
    assert all(memory.get(replace(KEY, **{name: value})) is None for name, value in others.items())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"road": "magic"}', b'{"road": ["fused"]}', b"\xff"])
def test_a_broken_file_counts_as_none(tmp_path: Path, content: bytes) -> None:
    memory = RoadMemory(tmp_path)
    memory.put(KEY, Choice("fused", {}))
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)

    assert memory.get(KEY) is None


def test_a_pipe_in_its_place_stops_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"{KEY.name}.json")

    assert RoadMemory(tmp_path).get(KEY) is None
