"""Marks: what they ask for, that they are never spoken, and that cuts of the stream change nothing."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from wyoming_qwen3tts.speech.segment import PLAIN_TURN, Segment, Turn
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.marks import LONGEST_PAUSE_S
from wyoming_qwen3tts.text.moods import MOOD_OF, MOODS
from wyoming_qwen3tts.text.spoken import explain

VOICES = frozenset({"ryan", "vivian", "anna maria", "1"})

SENTENCES = {
    "de": ("Das Essen steht auf dem Tisch.", "Bitte kommt alle herunter."),
    "en": ("Dinner is on the table.", "Please come down, all of you."),
    "es": ("La cena está en la mesa.", "Por favor, bajad todos."),
    "fr": ("Le dîner est sur la table.", "Descendez tous, s'il vous plaît."),
    "it": ("La cena è in tavola.", "Per favore, scendete tutti."),
    "ja": ("夕食の準備ができましたよ。", "みんな下りてきてください。"),
    "ko": ("저녁 식사가 준비되었습니다.", "모두 내려와 주세요, 부탁해요."),
    "pt": ("O jantar está na mesa.", "Por favor, desçam todos."),
    "ru": ("Ужин стоит на столе.", "Спускайтесь, пожалуйста, все."),
    "zh": ("晚饭已经准备好放在桌上了。", "请大家都到楼下来吃饭吧。"),
}


def front_end(language: str | None = "en", *, ssml: bool = False) -> FrontEnd:
    return FrontEnd(language=language, is_voice=VOICES.__contains__, ssml=ssml)


def read(pieces: str | Iterable[str], *, ssml: bool = False, language: str | None = "en") -> list[Segment]:
    it = front_end(language, ssml=ssml)
    segments = [segment for piece in ([pieces] if isinstance(pieces, str) else pieces) for segment in it.add(piece)]
    return segments + it.close()


def turns(text: str, *, ssml: bool = False) -> list[tuple[str, Turn]]:
    return [(segment.text, segment.turn) for segment in read(text, ssml=ssml)]


@pytest.mark.parametrize("language", SENTENCES)
def test_no_mark_is_spoken_in_any_language_whatever_it_is_called(language: str) -> None:
    first, second = SENTENCES[language]
    plain = [first, second]
    for name in MOOD_OF:
        text = f"[{name}]{first} [pause:1s][ryan] {second}[/{name}]"
        assert [segment.text for segment in read(text, language=language)] == plain, name
    for mark in ("[voice:nobody]", "[pause:9h]", "[pause: soon]", "[normal]", "[voice: vivian]", "[/]", "[/ryan]"):
        assert [segment.text for segment in read(f"{first}{mark}{second}", language=language)] == plain, mark


@pytest.mark.parametrize("mood", MOODS)
def test_every_mood_has_a_name_in_each_of_the_ten_languages_and_none_names_two(mood: str) -> None:
    names = [name.strip() for about in MOODS.values() for name in about.names.split(",")]
    assert len(names) == len(set(names))
    assert len(MOODS[mood].names.split(",")) >= 8  # some languages share a word
    assert MOOD_OF[mood] == mood


def test_a_mood_lasts_and_a_laugh_is_one_sentence_and_a_voice_begins_plain() -> None:
    text = (
        "[happy] It works well now. [laugh] We did it after all. And we go on. "
        "[ryan] So it is, then. [/ryan] The end of it."
    )
    assert turns(text) == [
        ("It works well now.", Turn(mood="happy")),
        ("We did it after all.", Turn(mood="laugh")),
        ("And we go on.", Turn(mood="happy")),
        ("So it is, then.", Turn(voice="ryan")),
        ("The end of it.", Turn()),
    ]


@pytest.mark.parametrize(
    ("mark", "seconds"),
    [
        ("[pause]", 0.5), ("[pause:500ms]", 0.5), ("[Pause: 1s]", 1.0), ("[pause 1,5 s]", 1.5), ("[pause=250]", 0.25),
        ("[pause:2]", 2.0), ("[pausa:2s]", 2.0), ("[пауза:2 с]", 2.0), ("[停顿:2秒]", 2.0), ("[ポーズ:2秒]", 2.0),
        ("[pause:9h]", LONGEST_PAUSE_S), ("[pause:-3s]", 0.5), ("[pause:1s][pause:500ms]", 1.5),
        ("[pause:8s] [pause:8s]", LONGEST_PAUSE_S),
    ],
)  # fmt: skip
def test_pauses(mark: str, seconds: float) -> None:
    said = turns(f"That was all of it. {mark} Now the next one.")
    assert [text for text, _ in said] == ["That was all of it.", "Now the next one."]
    assert said[0][1].pause_s == 0.0
    assert said[1][1].pause_s == pytest.approx(seconds)


def test_what_cannot_be_is_said_once_and_without_the_text() -> None:
    it = front_end()
    it.add("[pause:9h] One more time. [pause:99h] [voice:nobody] And again now. [pause:x] So it is.")
    it.close()
    assert [note.split(";")[0] for note in it.notes] == [
        "a pause of more than 10 s was shortened to that",
        "a mark named a voice that is not here",
        "a pause whose length cannot be read lasted 0.5 s",
    ]


def test_a_pause_at_the_end_is_no_segment() -> None:
    it = front_end()
    assert [segment.text for segment in it.add("That was all of it. [pause:2s]") + it.close()] == [
        "That was all of it."
    ]
    assert it.trailing_s == 2.0
    assert read("[pause:3s]") == []


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("See [note 3] for all of it.", "See note 3 for all of it."),
        ("He wrote [sic] in the text.", "He wrote sic in the text."),
        ("Read [ryan](https://example.org) today.", "Read ryan today."),
        ("Write `[happy]` in the text.", "Write happy in the text."),
        ("That is footnote [1] of them.", "That is footnote 1 of them."),
        ("Turn it [on] or leave it.", "Turn it on or leave it."),
        ("The list is [1, 2, 3] here.", "The list is 1, 2, 3 here."),
    ],
)
def test_other_brackets_stay_text(written: str, spoken: str) -> None:
    assert turns(written) == [(spoken, PLAIN_TURN)]


@pytest.mark.parametrize("end", ["[whis", "[pause:5", "[pau", "[voice:rya", "[happy", "[/", "["])
def test_half_a_mark_at_the_end_is_not_spoken(end: str) -> None:
    assert [segment.text for segment in read(f"That was all of it. {end}")] == ["That was all of it."]


def test_nested_marks_count_one_by_one() -> None:
    assert turns("[happy [ryan]] Hello to all of you.") == [("Hello to all of you.", Turn(voice="ryan"))]


def test_without_marks_brackets_are_text() -> None:
    it = FrontEnd(language="en")
    assert [segment.text for segment in it.add("[happy] It works well now.") + it.close()] == [
        "happy It works well now."
    ]


def test_ssml_says_the_same() -> None:
    text = (
        '<speak><voice name="Ryan">Hello to you all.</voice> <break time="1s"/><prosody rate="80%">'
        'These are slow words.</prosody> <emphasis level="strong">Now at once.</emphasis> <voice name="nobody">'
        "And then we go on.</voice></speak>"
    )
    assert turns(text, ssml=True) == [
        ("Hello to you all.", Turn(voice="ryan")),
        ("These are slow words.", Turn(speed=0.8, pause_s=1.0)),
        ("Now at once.", Turn(mood="emphasis")),
        ("And then we go on.", Turn()),
    ]


_PARTS = (
    "Dinner is ready. ", "[pause:1s]", "[happy]", "[ryan] ", "[vivian]", "[laugh]", "Oh, well ",
    "[sic] ", "[", "] ",
    "21,5 °C, ", "Dr. Smith came. ", "[voice:nobody]", "`[sad]` ", "[ryan](http://x.y) ", "\n", "- one\n", "[whisper",
    "[pause:9h] ",
    "晚饭好了。", "Come down now, please! ", "<break time='1s'/>", "<voice name='ryan'>",
    "</voice>", "<b>bold</b> ", "[/happy]",
)  # fmt: skip


@pytest.mark.parametrize("ssml", [False, True])
def test_any_cuts_give_the_same_segments(ssml: bool) -> None:
    for seed in range(50):
        chance = random.Random(seed)
        text = "".join(chance.choices(_PARTS, k=12))
        whole = read(text, ssml=ssml, language=None)
        for longest in (1, 3, 12):
            pieces, at = [], 0
            while at < len(text):
                end = at + chance.randint(1, longest)
                pieces.append(text[at:end])
                at = end
            assert read(pieces, ssml=ssml, language=None) == whole, pieces


def test_five_hundred_changes_of_voice() -> None:
    said = turns("".join(f"[{'ryan' if at % 2 else 'vivian'}] Line number {at} is here. " for at in range(500)))
    assert len(said) == 500
    assert [turn.voice for _, turn in said[:2]] == ["vivian", "ryan"]


def test_spoken_shows_marks_and_what_they_ask_for() -> None:
    answer = explain("[happy] It works. [pause:1s] [ryan] So it does.", "en", is_voice=VOICES.__contains__)
    assert answer["segments"] == ["It works.", "So it does."]
    assert answer["turns"] == [
        {"voice": None, "mood": "happy", "speed": 1.0, "pause_s": 0.0},
        {"voice": "ryan", "mood": None, "speed": 1.0, "pause_s": 1.0},
    ]
    assert [change["from"] for change in answer["changes"] if change["rule"] == "mark"] == [
        "[happy]",
        "[pause:1s]",
        "[ryan]",
    ]
