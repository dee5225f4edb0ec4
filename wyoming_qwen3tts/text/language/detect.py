"""Which language a text is written in: its script, then its small words, then py3langid.

py3langid alone misses short lines: one word, loan words, numbers. Those are what the small words and the word table are
for. A decision falls at the first checkpoint where
the evidence is clear, so it never depends on text that comes later, and a sentence still arriving can be spoken.
"""

import re
import threading
from collections.abc import Iterator
from typing import Final

from . import added as added_languages
from .identifier import Identifier, identifier
from .vocabulary import LETTERS, SHAPES, WORDS
from .word_table import LATIN, shares

CHECKPOINTS: Final = (24, 48, 96)  # letters read before deciding; the last decides with whatever evidence there is
LANGID_LETTERS: Final = 20  # below this py3langid mostly guesses
GUESS_LETTERS: Final = 8  # and below this it is not asked
GUESS_WEIGHT: Final = 0.6
CLEAR: Final = 2.0  # this much more evidence than for the next language decides early
LANGID_WEIGHT: Final = 1.0  # certainty of py3langid, in small words
SHAPE_WEIGHT: Final = 0.5
ONE_WORD: Final = 0.2  # a word that is all the text stays in the known language if at least this much speaks for it
LOYALTY: Final = 1.5  # what the language spoken so far is worth, in small words
LEANING: Final = 0.6  # and what the configured one is

_LETTER = re.compile(r"[^\W\d_]")
_LATIN_LETTERS: Final = r"[A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]"
_WORD = re.compile(
    rf"{_LATIN_LETTERS}{{2,}}(?:['’]{_LATIN_LETTERS}+)*|{_LATIN_LETTERS}(?:['’]{_LATIN_LETTERS}+)+|{_LATIN_LETTERS}(?!\.|['’])"
)
_REST_OF_WORD = re.compile(r"[A-Za-z\u00aa-\u024f\u0400-\u04ff'’]*")
_ADDRESS = re.compile(
    r"(?<!\S)\S*?(?:://|@|www\.)\S*|(?<![\w.-])[\w-]++(?:\.[\w-]++)++|\]\([^\s()\[\]]*\)|°\s?[CF]\b"
    r"|(?<![\d.,])\d[.,\d]*+\s?(?:[kMG]?Wh?|min|[kcmµ]?[mgls]|[kM]?Hz|h|[GM]B|ppm|km/h)\b"
)
# "9:00 AM" is how English writes the time; its letters are no word of another language. "p. m." is Spanish too.
_AM_PM = re.compile(r"\b\d{1,2}(?:[:.]\d\d){0,2}\s?[ap](?:m\b|\.m\b\.?)", re.IGNORECASE)
_PRODUCTS = re.compile(r"\bHome Assistant\b")  # in every language
_ONE_WORD = re.compile(rf"[\W\d_]*({_LATIN_LETTERS}+(?:['’-]{_LATIN_LETTERS}+)*)[\W\d_]*")
_VOWELS: Final = frozenset("aeioyàèéóáù")
_SHAPES = tuple((re.compile(shape), code) for shape, code in SHAPES)
_HANGUL = re.compile(r"[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_KANA = re.compile(r"[\u3041-\u30fa\u30fd-\u30ff\uff66-\uff9d]")
_HAN = re.compile(r"[\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LATIN = re.compile(_LATIN_LETTERS)


_warming = threading.Event()  # set while somebody loads it: the others go without, and do not load it too


def _identifier() -> Identifier | None:
    """py3langid; None if it cannot be loaded: then script and small words tell alone."""
    return identifier(LATIN)


def warm(added: tuple[str, ...] = ()) -> None:
    """Load py3langid's model now, so that the first reply does not wait for it; also for telling languages ``added``
    to the ten."""
    _warming.set()
    try:
        added_languages.warm(added)
        if (langid := _identifier()) is not None:
            langid.rank("warm")
    finally:
        _warming.clear()


def detect(text: str, last: str | None = None, fallback: str = "en", added: tuple[str, ...] = ()) -> str:
    """The language of ``text``; short or undecidable text stays in ``last``, or else in ``fallback``.

    It is one of the ten, or of ``added``.
    """
    known = last or fallback
    if added:
        return decided(text, known, added) or _with_added(text, known, added, is_spoken=last is not None)
    return _among_ten(text, last, fallback)


def _with_added(text: str, known: str, added: tuple[str, ...], *, is_spoken: bool) -> str:
    """The language of a whole text."""
    found, _ = added_languages.told(_plain(text)[0], known, added, sure=False)
    if found:
        return found
    if known not in added:
        return _among_ten(text, known if is_spoken else None, known)
    return _decide(text, "en", sure=False) or known


def _among_ten(text: str, last: str | None, fallback: str) -> str:
    known = last or fallback
    if (word := _ONE_WORD.fullmatch(_plain(text)[0])) and _speaks_for(word[1].casefold()).get(known, 0) > ONE_WORD:
        return known  # "No" is a word of five languages
    return decided(text, known) or _decide(text, known, sure=False, is_spoken=last is not None) or known


def decided(text: str, last: str, added: tuple[str, ...] = ()) -> str | None:
    """The language ``detect`` will name however ``text`` goes on, or None while that is open."""
    for head, is_last in _heads(text):
        if added:
            found, is_clear = added_languages.told(_plain(head)[0], last, added, sure=not is_last)
            if found:
                return found
            if not is_clear and not is_last:
                continue
        if found := _decide(head, last, sure=not is_last):
            return found
        if is_last:
            return last
    return None


def script_language(text: str) -> str | None:
    """The language that the script alone gives away; None where the text is mostly Latin, or has no letters."""
    code, letters = _script(text, "")
    return code if letters > sum(char.isascii() and char.isalpha() for char in text) else None


def _heads(text: str) -> Iterator[tuple[str, bool]]:
    """The text up to each checkpoint it has passed, in whole words."""
    checkpoints = iter(CHECKPOINTS)
    checkpoint = next(checkpoints)
    for letters, match in enumerate(_LETTER.finditer(text), start=1):
        if letters < checkpoint:
            continue
        end = _REST_OF_WORD.match(text, match.end())
        if end is None or end.end() == len(text):
            return
        yield text[: end.end()], checkpoint == CHECKPOINTS[-1]
        if checkpoint == CHECKPOINTS[-1]:
            return
        checkpoint = next(checkpoints)


def _decide(text: str, known: str, *, sure: bool, is_spoken: bool = False) -> str | None:
    latin = len(_LATIN.findall(text))
    script, letters = _script(text, known)
    if not latin or (script and (latin <= letters or latin < 4 * letters)):
        return script
    scores = _small_words(text)
    # "正在播放 Bohemian Rhapsody" is Chinese: a title has no small words of a sentence around it.
    if script and max(scores.values()) < 2:
        return script
    return _latin(text, scores, latin, known, sure=sure, is_spoken=is_spoken)


def _script(text: str, last: str) -> tuple[str | None, int]:
    """The language of the scripts other than Latin, and how many Latin letters their letters are worth."""
    hangul, kana, han = (len(pattern.findall(text)) for pattern in (_HANGUL, _KANA, _HAN))
    cyrillic = len(_CYRILLIC.findall(text))
    if cyrillic > 2 * (hangul + kana + han):
        return "ru", cyrillic
    if hangul > kana:
        return "ko", 2 * (hangul + han)
    if kana:
        return "ja", 2 * (kana + han)
    if han:
        return ("ja" if last == "ja" else "zh"), 2 * han
    return None, 0


def _small_words(text: str) -> dict[str, float]:
    """Evidence for each Latin-script language: its words, letters and endings, each counted once."""
    scores = dict.fromkeys(LATIN, 0.0)
    text, clock_times = _plain(text)
    folded = text.casefold().replace("’", "'") if "ß" not in text else text.lower().replace("’", "'")
    for word in set(_WORD.findall(folded)):
        if len(word) == 1 and word not in _VOWELS:
            continue  # "C", "L": a unit or a letter, not an elided article
        for part in {word, *word.split("'")}:
            for code, share in _speaks_for(part).items():
                scores[code] += share
    for shape, code in _SHAPES:
        scores[code] += SHAPE_WEIGHT * min(3, len(shape.findall(folded)))
    for letter in set(folded):
        for code in (codes := LETTERS.get(letter, ())):
            scores[code] += 1 / len(codes)
    if clock_times and not any(scores.values()):
        scores["en"] = 1.0
    return scores


def _plain(text: str) -> tuple[str, int]:
    """The text without what is the same in every language, and how many times of day in the English way it had."""
    text, clock_times = _AM_PM.subn(" ", text)
    return _PRODUCTS.sub(" ", _ADDRESS.sub(" ", text)), clock_times


def _speaks_for(word: str) -> dict[str, float]:
    if codes := WORDS.get(word):
        return dict.fromkeys(codes, 1 / len(codes))
    return shares(word) or {}


def _latin(text: str, scores: dict[str, float], letters: int, known: str, *, sure: bool, is_spoken: bool) -> str | None:
    evidence = dict(scores)
    best, second = sorted(evidence.values(), reverse=True)[:2]
    is_open = letters >= GUESS_LETTERS and best - second < CLEAR
    if is_open and not _warming.is_set() and (langid := _identifier()) is not None:
        weight = LANGID_WEIGHT if letters >= LANGID_LETTERS else GUESS_WEIGHT
        for code, certainty in langid.rank(_ADDRESS.sub(" ", text)):
            evidence[code] += weight * float(certainty)
    elif not best:
        return None
    if known in evidence and not sure:
        # The home's language counts only where something speaks for it: "Non" is not English.
        evidence[known] += LOYALTY if is_spoken else min(LEANING, 2 * evidence[known])
    ranked = sorted(evidence, key=evidence.__getitem__, reverse=True)
    if sure and evidence[ranked[0]] - evidence[ranked[1]] < CLEAR:
        return None
    return ranked[0]
