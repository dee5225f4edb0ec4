"""Whatever the cuts, the same is spoken; it costs the same per character; nothing is lost or doubled."""

import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.language.detect import warm
from wyoming_qwen3tts.text.lexicon import Lexicon
from wyoming_qwen3tts.text.spoken import explain

from .golden import RIGHT

MICROSECONDS_PER_CHAR = 15
REPLIES = {
    language: " ".join(
        line.written if line.written[-1] in ".!?。" else f"{line.written}."
        for line in RIGHT
        if line.language == language
    )
    for language in LANGUAGES
}
MARKUP = """# Today

| Room | Temperature |
|---|---|
| Kitchen | 21.5 °C |

```yaml
light: on
```
- [x] **Lights** are `off`. See [the guide. Now](https://x.y/a.b_c?d=1) &amp; <b>relax</b>. 😀
1. First
2. Second e.g. this one

> "Really?" he said. Well... perhaps.
"""
ALPHABET = st.sampled_from(
    [
        *"ab .,!?\n*_[](){}<>|`#&;:-–'\"«»19°%€/@=+~é。、「」今日Жд",
        "Dr.",
        "z. B.",
        "3.",
        "](",
        "```",
        "**",
        "21,5 °C",
        "<b>",
        "\r\n",
        "\u0301",
        "1.12. ",
        "am 3. Mai ",
        "das Licht ist an, ",
        "the light is on. ",
        "U.S. ",
        "p. m. ",
        "<am 3 ",
        "5 Mio. ",
        "<think>",
        "</think>",
        "<|im_end|>",
        "\n- ",
        "\nDas ",
        "in der\n",
        "co-\n",
        "No. ",
        "5 lb. ",
        "iPhone ",
        "9:00 AM",
    ]
)
HOSTILE = (
    *"0*[(x<`|&\n「。今€.\r~\u0301",
    *(
        "a. ",
        "😀. ",
        "](",
        "<a ",
        "- ",
        "_a",
        "*a ",
        "http://",
        "1,",
        "[a](b",
        "1.",
        "1-",
        "+49 ",
        "a@",
        "3/4 ",
        "<break/>",
        "~~~",
    ),
    *(
        "&amp",
        "1:",
        "Dr. ",
        "12 3",
        "z. B. ",
        "A.",
        "1 2",
        "**a",
        "a:b:",
        "0:",
        "/a",
        "a_b.",
        "```x",
        "! ",
        "a' ",
        '" ',
        "... ",
    ),
)
TEXTS = st.lists(ALPHABET, max_size=80).map("".join)


def spoken_in_cuts(pieces: list[str], **options: object) -> list[Segment]:
    front_end = FrontEnd(**options)  # type: ignore[arg-type]
    return [segment for piece in pieces for segment in front_end.add(piece)] + front_end.close()


def random_cuts(text: str, rng: random.Random) -> list[str]:
    cuts = sorted({0, len(text), *(rng.randrange(len(text) + 1) for _ in range(rng.choice((1, 5, 40, len(text)))))})
    return [text[start:end] for start, end in pairwise(cuts)]


@pytest.mark.parametrize("text", [*REPLIES.values(), MARKUP], ids=[*REPLIES, "markup"])
def test_random_cuts_change_nothing(text: str) -> None:
    whole, rng = spoken_in_cuts([text]), random.Random(5)

    for _ in range(5):
        assert spoken_in_cuts(random_cuts(text, rng)) == whole


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_character_at_a_time_changes_nothing(language: str) -> None:
    text = REPLIES[language][:1500]

    assert spoken_in_cuts(list(text), language=language) == spoken_in_cuts([text], language=language)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, seed=st.integers(0, 1000), ssml=st.booleans())
def test_no_text_can_be_cut_into_something_else(text: str, seed: int, ssml: bool) -> None:
    if text:
        assert spoken_in_cuts(random_cuts(text, random.Random(seed)), ssml=ssml) == spoken_in_cuts([text], ssml=ssml)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_no_segment_is_too_long_or_silent(text: str) -> None:
    for segment in spoken_in_cuts([text]):
        assert len(segment.text) <= 220
        assert re.search(r"[^\W_]", segment.text)


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(
        st.sampled_from(["licht", "küche", "ist", "an", "gut", "morgen", "warm", "Ende.", "So,", "ja!", "nun\n"]),
        min_size=1,
        max_size=60,
    )
)
def test_every_word_is_spoken_once_and_in_order(words: list[str]) -> None:
    segments = spoken_in_cuts([" ".join(words)], language="de")

    assert re.findall(r"\w+", " ".join(segment.text for segment in segments)) == re.findall(r"\w+", " ".join(words))


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_the_last_segment_is_a_fragment(language: str) -> None:
    segments = explain(REPLIES[language], language)["segments"]

    assert min(map(len, segments[:-1])) >= 12


@pytest.mark.parametrize("language", [*LANGUAGES, None])
def test_what_is_pending_is_never_taken_back(language: str | None) -> None:
    text = REPLIES[language or "de"]
    front_end = FrontEnd(language=language)
    promised = ""

    for letter in text:
        for segment in front_end.add(letter):
            assert segment.text.startswith(promised)
            promised = ""
        assert front_end.pending.startswith(promised)
        promised = front_end.pending

    assert not promised or front_end.close()[0].text.startswith(promised)


def test_a_long_sentence_is_pending_before_it_ends() -> None:
    front_end = FrontEnd(language="de")

    front_end.add("Heute wird es im ganzen Land sehr warm und sonnig aber am")

    assert front_end.pending.startswith("Heute wird es im ganzen")


@pytest.mark.timing
@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_costs_constant_time_per_character(unit: str) -> None:
    text = (unit * 8000)[:8000]
    warm()
    spoken_in_cuts([text[:300]], ssml="<" in unit)  # grammars and patterns are made once

    started = time.process_time()
    spoken_in_cuts([text[at : at + 7] for at in range(0, len(text), 7)], ssml="<" in unit)
    spent = (time.process_time() - started) / len(text)

    assert spent < 2 * MICROSECONDS_PER_CHAR * 1e-6


@pytest.mark.timing
def test_everyday_text_costs_less_than_fifteen_microseconds_a_character() -> None:
    spent = characters = 0.0
    for language, text in REPLIES.items():
        explain(text, language)
        started = time.process_time()
        spoken_in_cuts(random_cuts(text * 2, random.Random(1)), language=language)
        spent += time.process_time() - started
        characters += 2 * len(text)

    assert spent / characters < MICROSECONDS_PER_CHAR * 1e-6


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "😀",
        "😀 😀\n",
        "...",
        "…",
        "\x00\x07",
        "\u0301" * 5000,
        "\ud800",
        "---",
        "**",
        "```\ncode\n```",
        "<br/>",
        "。。。",
        "\ufeff",
        "()",
    ],
)
def test_what_cannot_be_spoken_gives_no_segment(text: str) -> None:
    assert spoken_in_cuts([text]) == []


def test_a_sentence_leaves_as_soon_as_the_next_word_begins() -> None:
    front_end = FrontEnd(language="en")

    assert front_end.add("The light is on now. ") == []
    assert [segment.text for segment in front_end.add("I")] == ["The light is on now."]


def test_an_east_asian_sentence_leaves_with_its_full_stop() -> None:
    front_end = FrontEnd(language="ja")

    assert [segment.text for segment in front_end.add("リビングの照明をつけました。")] == [
        "リビングの照明をつけました。"
    ]


def test_the_first_clause_leaves_before_its_sentence_ends() -> None:
    front_end = FrontEnd(language="en")

    segments = front_end.add("Today it will be warm and sunny, but tomorrow it wi")

    assert [segment.text for segment in segments] == ["Today it will be warm and sunny,"]


def test_a_later_clause_stays_with_its_sentence() -> None:
    text = "The light in the kitchen is on. Today it will be warm and sunny, but tomorrow it will rain."

    assert explain(text, "en")["segments"] == [
        "The light in the kitchen is on.",
        "Today it will be warm and sunny, but tomorrow it will rain.",
    ]


def test_text_without_any_mark_is_cut_at_blanks() -> None:
    segments = explain("wort " * 300, "de")["segments"]

    assert max(map(len, segments)) <= 220
    assert all(segment.startswith("wort") and segment.endswith("wort") for segment in segments)


def test_what_units_make_too_long_is_cut_at_a_pause() -> None:
    segments = explain("Es sind " + "21,5 °C, " * 24 + "und das war es.", "de")["segments"]

    assert max(map(len, segments)) <= 220
    assert all(segment.endswith(("Celsius,", "es.")) for segment in segments)


def test_what_has_no_pause_and_no_blank_is_cut_anyway() -> None:
    assert max(map(len, explain("今" * 700, "zh")["segments"])) <= 220


def test_what_is_pending_leaves_room_for_a_phrase_of_the_lexicon() -> None:
    lexicon = Lexicon({"en": {"on the other hand side of it": "vice versa", "warm and sunny": "fine"}})
    front_end = FrontEnd(language="en", lexicon=lexicon)
    promised = ""

    for letter in "It will be very nice and quite warm and sunny here but cold on the other hand side of it all day":
        front_end.add(letter)
        assert front_end.pending.startswith(promised)
        promised = front_end.pending

    assert promised.startswith("It will be very nice")
    assert front_end.close()[0].text.startswith(promised)
