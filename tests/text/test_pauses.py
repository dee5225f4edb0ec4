"""When the text pauses, a sentence that has surely ended is spoken; the words are the same whatever the pauses."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import virtual_time
from wyoming_qwen3tts.errors import TextStalled
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import PAUSE_S, SegmentReader
from wyoming_qwen3tts.text.sentences.full_stop import is_sure_end

from .golden import RIGHT
from .test_streaming import MARKUP, REPLIES, TEXTS, random_cuts, spoken_in_cuts

SURE = [
    ("en", "Let me look that up."),
    ("en", "One moment."),
    ("en", "Is it on?"),
    ("en", "Done!"),
    ("en", "Let me see…"),
    ("en", "Well, let me see..."),
    ("en", 'She said "let me look."'),
    ("en", "He said it (and meant it)."),
    ("en", "**Let me look that up.**"),
    ("en", "Let me look that up. "),
    ("en", "See [the guide](https://x.y/a) for it."),
    ("en", "[sigh] Let me look."),
    ("en", "Run `off` and look."),
    ("en", "It is <b>on</b> now."),
    ("en", "That is 21!"),
    ("de", "Ich sehe kurz nach."),
    ("de", "Einen Moment."),
    ("de", "„Ich sehe nach.“"),
    ("de", "Soll ich nachsehen?"),
    ("fr", "Je regarde."),
    ("fr", "« Je regarde tout de suite ! »"),
    ("es", "¡Ahora mismo lo miro!"),
    ("ru", "Сейчас посмотрю."),
    ("zh", "我来查一下。"),
    ("zh", "我来查一下！"),
    ("ja", "お調べします。"),
    ("ja", "「お調べします。」"),
    ("ko", "확인해 볼게요."),
    (None, "Let me look that up."),
    (None, "Ich sehe kurz nach."),
    (None, "Je regarde tout de suite."),
    (None, "Сейчас посмотрю."),
    (None, "お調べします。"),
    (None, "One moment."),
    (None, "Einen Moment."),
]
UNSURE = [
    ("en", "The answer is no."),  # no. 5
    ("en", ""),
    ("en", "..."),
    ("en", "Let me look that up"),
    ("en", "Let me look,"),
    ("en", "It is 21."),
    ("en", "It is 21..."),
    ("en", "It is 21…"),
    ("de", "Es ist der 3."),
    ("de", "Am 1.12."),
    ("en", "Ask Dr."),
    ("de", "Das gilt z. B."),
    ("de", "Das gilt z."),
    ("en", "Milk, bread, etc."),
    ("en", "It starts at 9 a.m."),
    ("en", "Take vitamin C."),
    ("ru", "Это было в 2020 г."),
    ("fr", "Voici M."),
    ("en", "Mail me at jane@example."),
    ("en", "See https://example."),
    ("en", "See https://example.com/find?"),
    ("en", "See www.example."),
    ("en", "Open my_file."),
    ("en", "Open /etc/config."),
    ("en", "Version 2.0b."),
    ("en", "It is <b"),
    ("en", "See <a title='This one."),
    ("en", "See <!-- not this."),
    ("en", "See [the guide. Now."),
    ("en", "See [the guide.]"),
    ("en", "See [the guide](https://x.y!"),
    ("en", "Run `this."),
    ("en", "Run `this!"),
    ("en", "<sub alias='World'>Www."),
    ("ja", "「お調べします。"),
    ("ja", "『え！"),
    (None, "Nr."),
    (None, "Fam."),
    (None, "It is 5%!"),
]


@pytest.mark.parametrize(("language", "text"), SURE)
def test_a_sentence_has_surely_ended(language: str | None, text: str) -> None:
    assert is_sure_end(text, language)


@pytest.mark.parametrize(("language", "text"), UNSURE)
def test_what_may_go_on_waits(language: str | None, text: str) -> None:
    assert not is_sure_end(text, language)


def words(segments: Iterable[Segment]) -> list[str]:
    return re.findall(r"\w+", " ".join(segment.text for segment in segments))


def with_pauses(pieces: Iterable[str], front_end: FrontEnd) -> list[Segment]:
    """The text with a pause behind each piece."""
    found = []
    for piece in pieces:
        found += front_end.add(piece) + front_end.pause()
    return found + front_end.close()


# The only thing that a pause cannot know: a whole answer that is an abbreviation too, with its figure right behind it.
_UNKNOWABLE = re.compile(r"No\.\d+")


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_the_same_with_a_pause_behind_every_character(language: str, named: bool) -> None:
    text = _UNKNOWABLE.sub("", REPLIES[language])
    asked = language if named else None

    assert words(with_pauses(text, FrontEnd(language=asked))) == words(spoken_in_cuts([text], language=asked))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_words_are_the_same_with_one_pause_between_two_sentences(language: str) -> None:
    lines = [line.written for line in RIGHT if line.language == language and not _UNKNOWABLE.match(line.written)]
    for first, second in pairwise(lines):
        whole = spoken_in_cuts([f"{first} {second}"], language=language)
        for pieces in ([first, f" {second}"], [f"{first} ", second]):
            assert words(with_pauses(pieces, FrontEnd(language=language))) == words(whole), (first, second)


def test_the_words_of_markup_are_the_same_with_a_pause_behind_every_character() -> None:
    assert words(with_pauses(MARKUP, FrontEnd(language="en"))) == words(spoken_in_cuts([MARKUP], language="en"))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=TEXTS, seed=st.integers(0, 1000), ssml=st.booleans(), language=st.sampled_from(["en", "de", None]))
def test_no_pause_between_words_makes_other_words(text: str, seed: int, ssml: bool, language: str | None) -> None:
    front_end, rest = FrontEnd(language=language, ssml=ssml), text
    found = []
    for piece in random_cuts(text, random.Random(seed)) if text else ():
        found += front_end.add(piece)
        rest = rest[len(piece) :]
        if not rest or rest[0].isspace():
            found += front_end.pause()
    found += front_end.close()

    assert words(found) == words(spoken_in_cuts([text], language=language, ssml=ssml))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=TEXTS, seed=st.integers(0, 1000))
def test_a_pause_ends_segments_behind_sure_terminators_only(text: str, seed: int) -> None:
    front_end, so_far = FrontEnd(language="en"), ""
    for piece in random_cuts(text, random.Random(seed)) if text else ():
        so_far += piece
        front_end.add(piece)
        if front_end.pause():
            assert re.search(r"[.!?…‽。！？](?:\s?[^\w\s])*\s*\Z", so_far), so_far


# -- the reader, with a clock


async def read(reader: SegmentReader) -> list[tuple[float, str]]:
    """Each segment with the second at which it was whole."""
    found = []
    async for segment in reader:
        whole = segment if isinstance(segment, Segment) else await segment.whole()
        found.append((asyncio.get_running_loop().time(), whole.text))
    return found


def read_all(written: Iterable[tuple[float, str]], language: str = "en", idle_s: float = 30) -> list[tuple[float, str]]:
    """What is read of a text whose pieces come at those seconds; it ends with the last one."""

    async def test() -> list[tuple[float, str]]:
        text = TextStream(limit_chars=1000, idle_s=idle_s)
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read(SegmentReader(text, FrontEnd(language=language))))
            for at_s, piece in written:
                await asyncio.sleep(at_s - asyncio.get_running_loop().time())
                text.add(piece)
            text.close()
        return reading.result()

    return virtual_time.run(test())


@pytest.mark.parametrize(
    ("language", "first", "second"),
    [
        ("en", "Let me look that up.", " It is sunny."),
        ("en", "Shall I look?", " It is sunny."),
        ("de", "Ich sehe kurz nach!", " Es ist sonnig."),
        ("de", "Einen Moment.", " Es ist sonnig."),
        ("en", "One moment.", " It is sunny."),
        ("en", "One moment. ", "It is sunny."),
        ("ja", "「お調べします。」", "晴れています。"),
        ("fr", "Je regarde tout de suite.", " Il fait beau."),
    ],
)
def test_a_finished_sentence_is_spoken_half_a_second_after_its_last_text(
    language: str, first: str, second: str
) -> None:
    found = read_all([(1, first), (7, second)], language)

    assert [at_s for at_s, _ in found] == [1 + PAUSE_S, 7]
    assert [text for _, text in found] == [first.strip(), second.strip()]


def test_a_slow_writer_is_not_cut_anywhere() -> None:
    pieces = ["Let me", " look", " that", " up", ".", " It is", " sunny", "."]

    found = read_all([(0.3 * at, piece) for at, piece in enumerate(pieces)])

    assert [text for _, text in found] == ["Let me look that up.", "It is sunny."]
    assert found[0][0] == pytest.approx(0.3 * 5)  # with the space behind it


def test_an_abbreviation_pauses_and_goes_on() -> None:
    found = read_all([(0, "Please ask Dr."), (6, " Smith about it.")])

    assert found == [(6, "Please ask Doctor Smith about it.")]


def test_the_pause_counts_from_the_last_text_not_from_its_first_reader() -> None:
    async def test() -> float:
        text = TextStream(limit_chars=1000, idle_s=30)
        reader = SegmentReader(text, FrontEnd(language="en"))
        text.add("Let me look that up.")
        await asyncio.sleep(0.4)  # the engine was busy
        await reader.peek()
        return asyncio.get_running_loop().time()

    assert virtual_time.run(test()) == pytest.approx(PAUSE_S)


def test_a_text_that_never_goes_on_ends_as_long_after_its_last_word_as_without_a_pause() -> None:
    async def test() -> float:
        text = TextStream(limit_chars=1000, idle_s=30)
        text.add("Let me look that up.")
        with pytest.raises(TextStalled):
            await read(SegmentReader(text, FrontEnd(language="en")))
        return asyncio.get_running_loop().time()

    assert virtual_time.run(test()) == pytest.approx(30)
