"""Where each segment stands in the text as it was sent, whatever was left out, changed or cut on the way."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.positions import PositionMap, Whereabouts

TEXT = (
    "Hello\r\n\r\nthere, this is a long sen-\ntence. <think>Good news, everybody!</think>[happy] Good \u200bnews, "
    "everybody!\n\n[pause:1s]\n```\nThe code is here.\n```\nIt costs 5 € on 3.5.2024. No. Yes, we do it. "
    "[ryan] All right then, **let us** go home now, please. [vivian"
)
PLACES = [
    ("Hello, there, this is a long sentence.", "Hello\r\n\r\nthere, this is a long sen-\ntence."),
    ("Good news, everybody!", "Good \u200bnews, everybody!"),
    ("It costs five euros on May third, twenty twenty-four.", "It costs 5 € on 3.5.2024."),
    ("No. Yes, we do it.", "No. Yes, we do it."),
    ("All right then, let us go home now, please.", "All right then, **let us** go home now, please."),
]


def places(cuts: list[int], text: str = TEXT) -> list[tuple[str, int, int]]:
    front_end, segments, at = FrontEnd(language="en", is_voice=lambda name: name in ("ryan", "vivian")), [], 0
    for cut in sorted({*cuts, len(text)}):
        segments += front_end.add(text[at:cut])
        at = cut
    return [(segment.text, segment.at, segment.chars) for segment in segments + front_end.close()]


def test_a_segment_is_where_its_words_were_sent() -> None:
    found = places([])

    assert [written for _, written in PLACES] == [TEXT[at : at + chars] for _, at, chars in found][: len(PLACES)]
    assert [spoken for spoken, _, _ in found[:2]] == [spoken for spoken, _ in PLACES[:2]]
    assert found[1][1] == TEXT.rindex("Good")  # not where the model thought of it


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(1, len(TEXT)), max_size=60))
def test_places_do_not_depend_on_the_cuts(cuts: list[int]) -> None:
    assert places(cuts) == places([])


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="ab .\n\r\u200b[]<>`-,!x1", max_size=120), cuts=st.lists(st.integers(1, 120), max_size=20))
def test_places_are_in_the_text_and_in_order(text: str, cuts: list[int]) -> None:
    found = places([cut for cut in cuts if cut < len(text)], text)

    before = 0
    for _, at, chars in found:
        assert before <= at
        assert chars > 0
        assert at + chars <= len(text)
        before = at


def test_the_parts_of_a_sentence_too_long_to_speak_have_its_place() -> None:
    text = ", ".join(["1.234.567 €"] * 12) + "."
    front_end = FrontEnd(language="de")
    segments = front_end.add(text) + front_end.close()

    assert len(segments) > 1
    assert all(text[s.at : s.at + s.chars].startswith("1.234") for s in segments)
    assert max(s.at + s.chars for s in segments) == len(text)


@pytest.mark.parametrize("cuts", [[], [5], [20, 40]])
def test_an_open_segment_begins_where_it_will_be(cuts: list[int]) -> None:
    text = "[happy]  Well now, everybody, we all go down to the river and look at the old boats there."
    front_end, at = FrontEnd(is_voice=lambda _: False), 0
    for cut in [*cuts, len(text) - 1]:
        front_end.add(text[at:cut])
        at = cut

    assert front_end.opening[0]
    assert front_end.opens_at == (front_end.add(text[at:]) + front_end.close())[-1].at


def test_steps_add_up() -> None:
    first, second = PositionMap(), PositionMap()
    first.note(3, 5)  # two left out behind "abc"
    second.note(4, 7)  # three left out behind the first four of what is left

    assert [Whereabouts(second, first).of(at) for at in range(6)] == [0, 1, 2, 5, 9, 10]
    assert Whereabouts(second, first).span(1, 5) == (1, 9)
    assert Whereabouts(second, first).span(2, 2) == (2, 0)
