"""A line break inside a sentence is a blank; one that is meant stays a pause or an end."""

import random

import pytest

from tests.text.golden import RIGHT
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.spoken import explain

JOINED = [
    ("en", "The washing machine\nis done.", ["The washing machine is done."]),
    ("en", "The temperature is\n21.5\n°C.", ["The temperature is 21 point 5 degrees Celsius."]),
    ("en", "Please wake me at 7\nPM tonight.", ["Please wake me at 7 PM tonight."]),
    ("en", "They co-\nordinate the lights.", ["They coordinate the lights."]),
    ("en", "I will meet Dr.\nBrown at the clinic.", ["I will meet Doctor Brown at the clinic."]),
    ("en", "The lights in the\nKitchen are on now.", ["The lights in the Kitchen are on now."]),
    ("de", "Das Licht in der\nKüche ist an.", ["Das Licht in der Küche ist an."]),
    ("de", "Der Verbrauch liegt bei 850\nW im Moment.", ["Der Verbrauch liegt bei 850 Watt im Moment."]),
    ("de", "Die Oma kommt am\n3. Mai zu uns.", ["Die Oma kommt am dritten Mai zu uns."]),
    ("fr", "La lumière de la\ncuisine est allumée.", ["La lumière de la cuisine est allumée."]),
    ("es", "La luz de la\ncocina está encendida.", ["La luz de la cocina está encendida."]),
    ("it", "La luce della\ncucina è accesa.", ["La luce della cucina è accesa."]),
    ("pt", "A luz da\ncozinha está acesa.", ["A luz da cozinha está acesa."]),
    ("ru", "Свет на\nкухне включён.", ["Свет на кухне включён."]),
    ("ja", "リビングの\n照明をつけました。", ["リビングの照明をつけました。"]),
    ("ko", "거실 조명을\n켰습니다.", ["거실 조명을 켰습니다."]),
    ("zh", "客厅的\n灯已经打开了。", ["客厅的灯已经打开了。"]),
]
MEANT = [
    ("en", "Kitchen window: open\nBathroom door: closed", ["Kitchen window: open", "Bathroom door: closed"]),
    ("en", "The light is on:\nit is warm in here.", ["The light is on:", "it is warm in here."]),
    ("en", "Today it is warm\n\nand sunny in here", ["Today it is warm", "and sunny in here"]),
    ("en", "Things to do today\n- buy some bread\n- feed the cats", [
        "Things to do today", "buy some bread", "feed the cats"]),
    ("en", "Things to do today\n1. buy some bread\n2. feed the cats", [
        "Things to do today", "1. buy some bread", "2. feed the cats"]),
    ("en", "# The weather of today\nsunny and very warm", ["The weather of today", "sunny and very warm"]),
    ("en", "Apple\nBanana\nOrange\nBlueberry", ["Apple, Banana, Orange, Blueberry"]),
    ("en", "3 large eggs please\n200 g of white flour", ["3 large eggs please", "200 grams of white flour"]),
    ("de", "Fenster im Bad: offen\nTür im Keller: zu", ["Fenster im Bad: offen", "Tür im Keller: zu"]),
    ("zh", "今天天气晴朗。\n明天会下雨吗？请带好雨伞。", ["今天天气晴朗。明天会下雨吗？", "请带好雨伞。"]),
]  # fmt: skip


@pytest.mark.parametrize(("language", "written", "segments"), JOINED + MEANT)
def test_a_line_break_is_what_it_is_meant_as(language: str, written: str, segments: list[str]) -> None:
    assert explain(written, language)["segments"] == segments


@pytest.mark.parametrize(("language", "written", "segments"), JOINED + MEANT)
def test_no_cut_changes_what_a_line_break_is(language: str, written: str, segments: list[str]) -> None:
    front_end = FrontEnd(language=language)
    found = [segment for letter in written for segment in front_end.add(letter)] + front_end.close()

    assert [segment.text for segment in found] == segments


def test_golden_lines_are_spoken_the_same_when_they_are_wrapped() -> None:
    rng, same, tried = random.Random(3), 0, 0
    for line in RIGHT:
        blanks = [at for at, char in enumerate(line.written) if char == " " and 0 < at < len(line.written) - 1]
        if line.written.startswith(("- ", "#", "1.")) or "|" in line.written or not blanks:
            continue
        at = rng.choice(blanks)
        tried += 1
        same += explain(f"{line.written[:at]}\n{line.written[at + 1 :]}", line.language)["spoken"] == line.spoken

    assert same / tried >= 0.94
