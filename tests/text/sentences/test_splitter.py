"""Where sentences end, in ten languages. Among them the failures of other splitters that the design lists."""

from pathlib import Path

import pytest

from wyoming_qwen3tts.text.spoken import explain

CASES = {
    "en": [
        ["I like, e.g., Texas and the U.S. coast.", "It is warm there."],
        ["I mean e.g. Texas or so.", "It is warm there."],
        ["We meet at 9 a.m. on Monday.", "Bring milk and bread."],
        ["It starts at 9 a.m.", "Bring milk and bread."],
        ["Dr. Smith met J. K. Rowling.", "They had tea with Mrs. Lee."],
        ["See No. 5 and Fig. 3 for it.", "The answer is no.", "We try again tomorrow."],
        ['"Is it really on?" she asked.', "It was on... or not.", "Then he left the house."],
        ["It costs $5.99 at example.com.", "Version 2.1.3 is out now."],
        ["Take vitamin C.", "Then rest for a while."],
    ],
    "de": [
        ["Das gilt z. B. für Texas.", "Danach kommt Dr. Müller um ca. 5 Uhr."],
        ["Am 3. Mai kommt die Oma.", "Am 23. November ist der 1. Advent."],
        ["Das kostet 5 Mio. Euro im Jahr.", "Am 1.12. um 8 Uhr geht es los."],
        ["Äpfel, Birnen usw. sind da.", "Im 2. Stock brennt Licht."],
        ["Prof. Dr. Meier wohnt in der Goethestr. 5 in Berlin.", "Er kommt später zu uns."],
        ["Draußen sind es 21,5 °C.", "Drinnen ist es wärmer."],
    ],
    "fr": [
        ["M. Dupont arrive avec Mme Martin.", "Il fait 21,5 °C dehors."],
        ["Des fruits, p. ex. des pommes, etc.", "Voilà tout pour ce soir."],
    ],
    "es": [
        ["Son las 7 p. m. en Madrid.", "¿Quieres algo más?"],
        ["Ya son casi las 7 p. m.", "¿Quieres algo más?"],
        ["El Sr. García y la Dra. Ruiz llegaron.", "En EE. UU. es de noche."],
    ],
    "it": [
        ["Il sig. Rossi è arrivato.", "La sig.ra Bianchi arriva domani."],
        ["La presa n. 5 è spenta ora.", "Il dott. Verdi arriva alle 9."],
    ],
    "pt": [["O Sr. Silva e a Dra. Souza chegaram.", "Já são 7 horas da noite."]],
    "ru": [
        ["Сейчас 21,5 °C.", "Это очень тёплая погода."],
        ["Встреча в 2026 г. в Москве.", "А. С. Пушкин жил на ул. Мира, д. 5."],
        ["Яблоки, груши и т. д. лежат тут.", "Давление 760 мм рт. ст.", "Ветер сегодня слабый."],
    ],
    "zh": [["今天的天气非常好，适合出门散步。", "明天可能会下大雨，记得带伞！", "你想知道更多的信息吗？"]],
    "ja": [
        ["今日は天気がとてもいいですね。", "明日は雨が降るかもしれません！"],
        ["「電気をつけました。」と彼は言いました。"],
    ],
    "ko": [["오늘 날씨가 아주 좋습니다.", "내일은 비가 올 수 있습니다!"]],
}


@pytest.mark.parametrize(
    ("language", "sentences"),
    [(language, sentences) for language, cases in CASES.items() for sentences in cases],
    ids=str,
)
def test_sentences_end_where_they_should(language: str, sentences: list[str]) -> None:
    text = ("" if language in ("zh", "ja") else " ").join(sentences)
    found = explain(text, language, normalize="off")["segments"]

    assert found == sentences


@pytest.mark.parametrize("language", [language for language in CASES if language not in ("zh", "ja")])
def test_sentences_end_where_they_should_without_being_told_the_language(language: str) -> None:
    for sentences in CASES[language]:
        if len(sentences) > 1:
            assert explain(" ".join(sentences), normalize="off")["segments"] == sentences


def test_every_line_of_a_list_is_a_segment() -> None:
    text = "1. Turn on the lights\n2. Close the front door\n- Feed the two cats\n"

    assert explain(text, "en")["segments"] == ["1. Turn on the lights", "2. Close the front door", "Feed the two cats"]


def test_short_lines_of_a_list_are_spoken_in_one_breath() -> None:
    assert explain("- Milk\n- Bread\n- Eggs\n", "en")["segments"] == ["Milk, Bread, Eggs"]


def test_a_fragment_joins_the_next_sentence() -> None:
    assert explain("OK. The light is on.", "en")["segments"] == ["OK. The light is on."]


def test_a_list_number_is_not_spoken_as_an_ordinal() -> None:
    assert explain("1. Milch kaufen gehen\n", "de")["segments"] == ["1. Milch kaufen gehen"]


ENDS = [tuple(row.split("\t")) for row in Path(__file__).with_name("ends.tsv").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize(("language", "marked"), ENDS)
def test_a_sentence_ends_where_the_table_says(language: str, marked: str) -> None:
    sentences = marked.split(" | ")
    text = ("" if language in ("zh", "ja") else " ").join(sentences)

    assert explain(text, language, normalize="off")["segments"] == sentences


def test_a_reply_without_capitals_has_sentences_too() -> None:
    text = "the light is on now. it is warm in here. enjoy the evening."

    assert explain(text, "en")["segments"] == ["the light is on now.", "it is warm in here.", "enjoy the evening."]


def test_a_name_that_is_written_small_begins_a_sentence() -> None:
    assert explain("The battery is full. iPhone and eBay are ready.", "en")["segments"] == [
        "The battery is full.",
        "iPhone and eBay are ready.",
    ]
