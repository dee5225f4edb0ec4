"""Makes ``text/language/word_table.txt``: words of the six Latin-script languages, from Home Assistant's translations.

The package ``homeassistant`` (Apache-2.0) carries the texts of its integrations in every language; only counts of words
and of groups of three letters are taken from them. ``script/text-report word-table`` writes the file anew.
"""

import json
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from wyoming_qwen3tts.text.language.word_table import LATIN, SHARES, TABLE, WORTH, groups

VERSION: Final = "2024.3.3"
_FILES: Final = {language: [language] for language in LATIN} | {"pt": ["pt", "pt-BR"]}
_MIN_FILES: Final = 3  # integrations that use a word, for it to be listed
_MIN_GROUP: Final = 3  # words that have a group of letters, for it to be listed
_SMOOTHING: Final = 0.3
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NO_TEXT = re.compile(r"\{[^}]*\}|\[[^\]]*\]\([^)]*\)|https?://\S+|`[^`]*`|<[^>]*>")


def write(wheel: Path) -> None:
    """Count the words of the wheel's translations and write the table."""
    words, files = _count(wheel)
    totals = {language: words[language].total() for language in LATIN}
    shares = {
        word: _shares({language: words[language][word] / totals[language] for language in LATIN})
        for word in sorted(set().union(*words.values()))
    }
    penalties = _penalties(shares, files)
    lines = [f"# Made by script/text-report word-table from homeassistant {VERSION}. Order: {' '.join(LATIN)}."]
    lines += [f"{group} {''.join(map(str, digits))}" for group, digits in sorted(penalties.items())]
    lines.append("#")
    for word, share in shares.items():
        if max(files[language][word] for language in LATIN) >= _MIN_FILES:
            lines.append(f"{word} {''.join(str(round(part * SHARES)) for part in share.values())}")
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _count(wheel: Path) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """How often each language uses a word, and in how many integrations."""
    words: dict[str, Counter[str]] = {language: Counter() for language in LATIN}
    files: dict[str, Counter[str]] = {language: Counter() for language in LATIN}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for english in sorted(name for name in names if re.search(r"/components/\w+/translations/en\.json$", name)):
            untranslated = set(_texts(json.loads(archive.read(english))))
            for language in LATIN:
                found: Counter[str] = Counter()
                for code in _FILES[language]:
                    if (name := english.replace("/en.json", f"/{code}.json")) in names:
                        for text in _texts(json.loads(archive.read(name))):
                            if language == "en" or text not in untranslated:
                                found.update(_words(text))
                words[language].update(found)
                files[language].update(found.keys())
    return words, files


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for value in node.values():
            yield from _texts(value)
    elif isinstance(node, str):
        yield node


def _words(text: str) -> list[str]:
    return [word.casefold().replace("’", "'") for word in _WORD.findall(_NO_TEXT.sub(" ", text))]


def _shares(rates: dict[str, float]) -> dict[str, float]:
    total = sum(rates.values())
    return {language: rate / total for language, rate in rates.items()}


def _penalties(shares: dict[str, dict[str, float]], files: dict[str, Counter[str]]) -> dict[str, list[int]]:
    """For each group of letters, how much less likely it is in each language than where it is likeliest."""
    counts: dict[str, Counter[str]] = {language: Counter() for language in LATIN}
    for word, share in shares.items():
        if len(word) >= 4 and word.isalpha() and sum(files[language][word] for language in LATIN) >= 2:
            for language in LATIN:
                if share[language] > 0.2:
                    counts[language].update(groups(word))
    every = set().union(*counts.values())
    totals = {language: counts[language].total() + _SMOOTHING * len(every) for language in LATIN}
    found = {}
    for group in every:
        if sum(counts[language][group] for language in LATIN) >= _MIN_GROUP:
            logs = [math.log((counts[language][group] + _SMOOTHING) / totals[language]) for language in LATIN]
            found[group] = [min(9, round((max(logs) - log) / WORTH)) for log in logs]
    return found
