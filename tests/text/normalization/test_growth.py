"""No rule's work grows faster than the text: what is four times as long may not cost much more than four times."""

import time

import pytest

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.normalization.normalize import normalize
from wyoming_qwen3tts.text.tracked_text import TrackedText

CHARS = 600
REPEATED = (
    *("1/", "1/2 ", "1/2/3/", "0:05:", "0:05:00 ", "Mo, ", "Fr-", "XIV ", "Louis XIV ", "12 345 ", "911 ", "555 555 "),
    *("24/7 ", "月〜", "월~", "1.234.", "^2", "10^", "√", "#a", "2x", "3–", "HK$", "1 h ", "1d 2h ", "½", "1 1/2 "),
    *("kWh/", "km/h ", "µg/", "p. 5 ", "12.12. ", "2026-11", "2026. 11. ", "1-800-A", ".5", "~1", "1日(月)", "0s "),
    *("60s-", "1960s ", "т. к. ", "в 5.5 ", "al 1-", "около 1,5 ", "5 млн ", "5万", "5 in ", "5/5 °", "A+", "10⁻³"),
)


def spent(text: str, language: str) -> float:
    best = 9.0
    for _ in range(2):
        tracked = TrackedText(text)
        started = time.process_time()
        normalize(tracked, language)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.timing
@pytest.mark.parametrize("language", LANGUAGES)
def test_work_grows_with_the_text(language: str) -> None:
    slow = {}
    for unit in REPEATED:
        short, long = ((unit * size)[:size] for size in (CHARS, 4 * CHARS))
        growth = spent(long, language) / max(spent(short, language), 0.002)
        if growth > 8:
            slow[unit] = growth

    assert not slow
