"""What is written in the golden tables is spoken as they say."""

import re
from typing import Any

import pytest

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.spoken import explain

from .golden import RIGHT, WRONG, Line

# Letters, digits, blanks and punctuation; a digit pair with a point, a comma or a colon between is not punctuation.
UNSPEAKABLE = re.compile(r"[^\w\s.,;:!?…'\"()’‘“”„«»¿¡。！？、，；：「」『』（）《》〈〉・·ー—–-]|\d[.,:/]\d|_")
HAS_WORDS = re.compile(r"(?<![@./\w])[^\W\d_]{3,}(?![@./\w])")  # "2 + 3 = 5" is in any language
OWN_SCRIPT = {
    "ja": re.compile(r"[\u3041-\u30fa]"),  # Chinese characters alone may be Chinese
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "zh": re.compile(r"[\u4e00-\u9fff]"),
}
HAS_A_RIDDLE = re.compile(r"[°%€$£¥₩₽+=<>±~&@#§№/½→*_\[]|\d[.,:]\d")


def answer_to(line: Line) -> dict[str, Any]:
    return explain(line.written, line.language)


@pytest.mark.parametrize("line", RIGHT, ids=lambda line: f"{line.language}: {line.written}")
def test_a_line_is_spoken_as_the_table_says(line: Line) -> None:
    """Without a sign in it; and where it was changed much, it is said by which rule."""
    answer = answer_to(line)

    assert answer["spoken"] == line.spoken
    assert not UNSPEAKABLE.search(answer["spoken"])
    if HAS_A_RIDDLE.search(line.written):
        assert any(change["rule"] and change["from"] != change["to"] for change in answer["changes"])


@pytest.mark.parametrize(
    "line", [pytest.param(line, marks=pytest.mark.xfail(strict=True, reason="known wrong")) for line in WRONG],
    ids=lambda line: f"{line.language}: {line.written}",
)  # fmt: skip
def test_a_line_that_is_known_to_be_spoken_wrong(line: Line) -> None:
    assert answer_to(line)["spoken"] == line.spoken


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_sixty_lines(language: str) -> None:
    assert sum(line.language == language for line in RIGHT) >= 60


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_golden_lines_is_found_without_being_told(language: str) -> None:
    lines = [line.written for line in RIGHT if line.language == language]
    tells = OWN_SCRIPT.get(language, HAS_WORDS)
    mine = [line for line in lines if len(tells.findall(line)) > 1]

    right = sum(explain(written)["language"] == language for written in mine)

    assert right / len(mine) >= 0.95
