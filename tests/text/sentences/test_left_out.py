"""A model's reasoning, tool calls and code are never spoken, in whatever pieces they arrive."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.sentences.left_out import LeftOutFilter
from wyoming_qwen3tts.text.spoken import explain

SECRET = "zebra"
TAGS = (
    *("think", "thinking", "thought", "reasoning", "reflection", "scratchpad", "tool_call", "tool_calls"),
    *("tool_response", "function_call", "script", "style", "template", "seed:think", "THINK", "Thinking"),
)
THOUGHTS = [
    *(f"<{name}>The {SECRET} is.\n\nStill a {SECRET}.</{name}>" for name in TAGS),
    *(f'<{name} a="b" c>{SECRET}\n```\n{SECRET}\n```\n</{name} >' for name in TAGS),
    f'<details type="reasoning" done="true"><summary>For {SECRET}</summary>{SECRET}</details>',
    f"<details open type='tool_calls'>{SECRET}</details>",
    f"[THINK]{SECRET}[/THINK]",
    f"◁think▷{SECRET}◁/think▷",
    f"<|begin_of_thought|>{SECRET}<|end_of_thought|>",
    f"<｜tool▁calls▁begin｜>{SECRET}<｜tool▁calls▁end｜>",
    f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>",
]
PARTS = st.sampled_from(
    [
        *"<>/|`~ \n[]◁▷",
        *("<think>", "</think>", "<think", "/>", "<|", "|>", "<|im_start|>", "assistant", "```", "```\n", "[THINK]"),
        *(
            "[/THINK]",
            '<details type="tool">',
            "</details>",
            "<details>",
            "Done. ",
            "a",
            "<|channel|>analysis<|message|>",
        ),
    ]
)


@pytest.mark.parametrize("ssml", [False, True])
@pytest.mark.parametrize("thought", THOUGHTS)
def test_a_thought_is_not_spoken_wherever_it_is_cut(thought: str, ssml: bool) -> None:
    text = f"Let me see now. {thought}It is four o'clock now."

    for at in range(len(text)):
        front_end = FrontEnd(language="en", ssml=ssml)
        segments = front_end.add(text[:at])
        assert SECRET not in front_end.pending
        segments += front_end.add(text[at:]) + front_end.close()
        assert [segment.text for segment in segments] == ["Let me see now.", "It is four o'clock now."]


@pytest.mark.parametrize("thought", THOUGHTS)
def test_a_thought_that_is_never_closed_is_left_out_to_the_end(thought: str) -> None:
    begun = f"Let me see now. {thought[: thought.index(SECRET)]}"

    assert explain(f"{begun}{SECRET}. {SECRET}\n\nMore {SECRET}.", "en")["spoken"] == "Let me see now."


@settings(max_examples=400, deadline=None)
@given(parts=st.lists(PARTS, max_size=30), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_no_cut_changes_what_is_left_out(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)

    def passed(edges: list[int]) -> tuple[str, list[object]]:
        taken = LeftOutFilter()
        out = "".join(taken.add(text[start:end]) for start, end in zip([0, *edges], [*edges, len(text)], strict=True))
        return out + taken.close(), list(taken.left_out.values())

    whole = passed([])
    assert passed(sorted(min(cut, len(text)) for cut in cuts)) == whole
    assert passed(list(range(1, len(text)))) == whole


def test_a_long_thought_is_not_kept() -> None:
    taken = LeftOutFilter()
    taken.add("<think>")

    for _ in range(5000):
        assert taken.add("some words < of thought ") == ""

    assert sum(len(thing.text) for thing in taken.left_out.values()) <= 200
    assert taken.add("</think>Yes.") + taken.close() == "Yes."


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("<|im_start|>assistant\nFour lights are on.<|im_end|>", "Four lights are on."),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nFour lights are on.<|eot_id|>", "Four lights are on."),
        ("3 < 4 and 5 > 2", "3 less than 4 and 5 greater than 2"),
        ("<b>two</b> things", "two things"),
        ("Is a <think/> tag here, or not?", "Is a tag here, or not?"),
        ("</think>The rest of it.", "The rest of it."),
        ("```\n<think>\n```\nThat is all for now.", "That is all for now."),
        ("Write `<think>` before the answer.", "Write before the answer."),
        ("<details><summary>More</summary>There is more.</details>", "More, There is more."),
        ("I [THINK it is on.", "I THINK it is on."),
        ("<thinker>It is on.</thinker>", "It is on."),
    ],
)  # fmt: skip
def test_what_is_no_thought_is_spoken(written: str, spoken: str) -> None:
    assert explain(written, "en")["spoken"] == spoken


def test_what_is_left_out_is_reported_by_its_rule() -> None:
    changes = explain("<think>Hm, four.</think>Four lights are on.<|im_end|>", "en")["changes"]

    assert [(change["rule"], change["from"]) for change in changes] == [
        ("reasoning", "<think>Hm, four.</think>"),
        ("left out", "<|im_end|>"),
    ]
