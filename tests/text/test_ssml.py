"""The small subset of SSML, and what happens to tags where none are asked for."""

import pytest

from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.text.front_end import FrontEnd


def segments(text: str, **options: object) -> list[Segment]:
    front_end = FrontEnd(language="en", ssml=True, **options)  # type: ignore[arg-type]
    return front_end.add(text) + front_end.close()


def test_a_break_ends_a_segment_and_is_silence_after_it() -> None:
    spoken = segments('<speak>Hello there. <break time="750ms"/> Goodbye then.</speak>')

    assert [(segment.text, segment.pause_s) for segment in spoken] == [("Hello there.", 0.75), ("Goodbye then.", 0.0)]


@pytest.mark.parametrize(
    ("tag", "pause_s"),
    [
        ('<break strength="weak"/>', 0.25),
        ("<break/>", 0.5),
        ('<break time="90s"/>', 10.0),
        ('<break time="1.5s"></break>', 1.5),
    ],
)
def test_breaks_come_in_several_spellings(tag: str, pause_s: float) -> None:
    assert segments(f"Wait for me here {tag} please do.")[0].pause_s == pause_s


def test_a_substitute_is_spoken_instead() -> None:
    assert segments('The <sub alias="World Wide Web. Yes">WWW</sub> works well.')[0].text.startswith(
        "The World Wide Web"
    )


def test_a_language_holds_until_its_end_tag() -> None:
    spoken = segments('The word <lang xml:lang="de-DE">Guten Morgen zusammen</lang> is German, I think.')

    assert [(segment.language, segment.text) for segment in spoken] == [
        ("en", "The word"),
        ("de", "Guten Morgen zusammen"),
        ("en", "is German, I think."),
    ]


def test_characters_are_spelled() -> None:
    assert (
        segments('The code is <say-as interpret-as="characters">AB12</say-as>, got it?')[0].text
        == "The code is A B 1 2, got it?"
    )


def test_a_telephone_number_is_read_digit_by_digit() -> None:
    assert (
        segments('Call <say-as interpret-as="telephone">5551234</say-as> now, please.')[0].text
        == "Call 5 5 5 1 2 3 4 now, please."
    )


def test_unknown_tags_are_ignored_and_their_text_is_spoken() -> None:
    assert (
        segments('<prosody rate="slow">It is <emphasis level="strong">very</emphasis> warm today.</prosody>')[0].text
        == "It is very warm today."
    )


def test_tags_are_markup_where_the_request_is_plain_text() -> None:
    front_end = FrontEnd(language="en")

    spoken = front_end.add('Hello <break time="1s"/>there, <b>my friend</b>.') + front_end.close()

    assert [(segment.text, segment.pause_s) for segment in spoken] == [("Hello there, my friend.", 0.0)]
