"""``script/text-report``: measures the front end on the golden tables and on the test data that packages carry."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from tests.conftest import ROOT
from tests.text.golden import lines
from tests.text.report import home_assistant, number_words, rules_page, sentence_rules, word_table
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.language.detect import detect
from wyoming_qwen3tts.text.spoken import explain

PAGE: Final = ROOT / "docs" / "text-report.md"
_WORD = re.compile(r"[^\W\d_]{2}|[\u3040-\uffdc]")
_UNITS = re.compile(r"\bkm/h\b|°C|\bhPa\b")
_UNFILLED = re.compile(
    r"\bNone\b|\bwindow\b(?!s)|\bgarage\b|\bmotion\b"
)  # words that a template had no translation for
_ORDER: Final = ("en", *(code for code in LANGUAGES if code != "en"))
_HEAD: Final = """\
# The text front end, measured

Made by `script/text-report`, which fetches the packages named below into a cache folder and reads their test data
there; none of it is in this repository. Do not edit this page.

"""


def report(cache: Path) -> str:
    """The whole page; ``cache`` holds the unpacked packages and, in ``judges``, the splitters to compare with."""
    sys.path.append(str(cache / "judges"))
    return _HEAD + "\n".join(
        (
            _golden(),
            _detection(cache / "home_assistant_intents"),
            _sentences(cache),
            _numbers(cache / "num2words" / "tests"),
        )
    )


def _golden() -> str:
    right: dict[tuple[str, str], int] = Counter()
    every: dict[tuple[str, str], int] = Counter()
    for line in lines():
        answer = explain(line.written, line.language)
        rules = [change["rule"] for change in answer["changes"]]
        for kind in ("all", rules[-1] if rules else "words"):
            every[kind, line.language] += 1
            right[kind, line.language] += answer["spoken"] == line.spoken
    kinds = sorted({kind for kind, _ in every} - {"all"})
    rows = (
        [kind, *(_of(right[kind, language], every[kind, language]) for language in _ORDER)] for kind in ("all", *kinds)
    )
    return (
        "## Golden lines\n\nRight of all, the known-wrong ones too, by the last rule that changed the line.\n\n"
        + _table(["class", *_ORDER], rows)
    )


def _detection(package: Path) -> str:
    answers = {language: home_assistant.answers(package, language) for language in _ORDER}
    shared = Counter(text for texts in answers.values() for text in texts)
    rows, totals = [], [0] * 6
    for language in _ORDER:
        mine = [text for text in answers[language] if shared[text] == 1 and _counts(text, language)]
        short = [text for text in mine if len(text) < 20]
        counts = [
            sum(detect(text) == language for text in mine), len(mine),
            sum(detect(text, fallback=language) == language for text in mine), len(mine),
            sum(detect(text) == language for text in short), len(short),
        ]  # fmt: skip
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
        rows.append([language, *(_of(counts[at], counts[at + 1]) for at in (0, 2, 4))])
    rows.append(
        ["all", *(f"{_of(totals[at], totals[at + 1])} ({totals[at] / totals[at + 1]:.1%})" for at in (0, 2, 4))]
    )
    return (
        "## Language told\n\nHome Assistant's answers (`home-assistant-intents`), their templates filled in; those "
        "that several languages share, that have no word, or that a template left partly English, are left out.\n\n"
    ) + _table(["", "nothing set", "the home's language set", "under 20 characters, nothing set"], rows)


def _counts(text: str, language: str) -> bool:
    """Whether a text says anything but a value with its unit, and was filled in wholly."""
    return bool(_WORD.search(_UNITS.sub(" ", text))) and not (language != "en" and _UNFILLED.search(text))


def _sentences(cache: Path) -> str:
    import pysbd
    import sentencex

    segmenters: dict[str, pysbd.Segmenter] = {}

    def of_pysbd(text: str, language: str) -> list[str]:
        known = "en" if language in ("pt", "ko") else language
        return list(segmenters.setdefault(known, pysbd.Segmenter(language=known, clean=False)).segment(text))

    def of_sentencex(text: str, language: str) -> list[str]:
        return list(sentencex.segment(language, text))

    sources = {
        "pySBD's golden rules (English)": [("en", cache / "pysbd" / "benchmarks" / "english_golden_rules.py")],
        "sentencex's tests": list(sentence_rules.languages(cache / "sentencex" / "test" / "unit", "test_{}.py")),
    }
    splitters: dict[str, Callable[[str, str], list[str]]] = {
        "ours": sentence_rules.ours,
        "sentencex": of_sentencex,
        "pySBD": of_pysbd,
    }
    rows = []
    for name, files in sources.items():
        texts = [text for language, file in files for text in sentence_rules.texts(file, language)]
        wrong = [sum(len(sentence_rules.false_ends(text, cut)) for text in texts) for cut in splitters.values()]
        rows.append([name, str(sum(len(text.sentences) for text in texts)), *map(str, wrong)])
    return "## Sentence ends\n\nEnds that are none, fewer is better.\n\n" + _table(["", "sentences", *splitters], rows)


def _numbers(tests: Path) -> str:
    rows = []
    for language in _ORDER:
        found = number_words.right_and_all(tests, language)
        if found is not None:
            rows.append([language, *(_of(*found.get(kind, (0, 0))) for kind in ("cardinal", "ordinal"))])
    return '## Number words\n\nnum2words\' own tests; blanks, hyphens and "and" are not compared.\n\n' + _table(
        ["", "cardinal", "ordinal"], rows
    )


def _of(right: int, every: int) -> str:
    return f"{right} of {every}" if every else ""


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    written = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(written) + "\n"


def main(wanted: str, cache: Path) -> None:
    """Make one of the files, or the report."""
    if wanted == "rules":
        rules_page.write()
    elif wanted == "word-table":
        word_table.write(next(cache.glob("homeassistant-*.whl")))
    else:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(report(cache), encoding="utf-8")
        sys.stdout.write(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
