"""Sentences that other projects' tests cut by hand, read out of their packages: pySBD and sentencex."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.spoken import explain

_CLAUSE_MARKS = ",;:，、；：–—-"


@dataclass(frozen=True, slots=True)
class Text:
    """A text, and the sentences in it as its authors see them."""

    language: str
    sentences: tuple[str, ...]
    text: str


def texts(file: Path, language: str) -> list[Text]:
    """The pairs of text and sentences in a Python file; those that its authors mark as failing too."""
    found = dict.fromkeys(
        Text(language, tuple(sentences), text)
        for text, sentences in _pairs(ast.parse(file.read_text(encoding="utf-8")))
        if "\n" not in text and "\r" not in text
    )
    return list(found)


def languages(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    """The files of ours among files named for a language, such as ``test_{}.py``."""
    for language in LANGUAGES:
        if (file := folder / name.format(language)).is_file():
            yield language, file


def _pairs(tree: ast.AST) -> Iterator[tuple[str, list[str]]]:
    for node in ast.walk(tree):
        values = node.elts if isinstance(node, ast.Tuple) else node.args if isinstance(node, ast.Call) else []
        if len(values) >= 2 and isinstance(values[1], ast.List):
            try:
                text, sentences = ast.literal_eval(values[0]), ast.literal_eval(values[1])
            except ValueError:
                continue
            if isinstance(text, str) and sentences and all(isinstance(sentence, str) for sentence in sentences):
                yield text, sentences


def ours(text: str, language: str) -> list[str]:
    """The segments of a text, without the cuts that are no ends: after a clause, or in a long sentence."""
    segments: list[str] = []
    for segment in explain(text, language, normalize="off")["segments"]:
        if segments and (segments[-1][-1] in _CLAUSE_MARKS or segments[-1][-1].isalnum()):
            segments[-1] += segment
        else:
            segments.append(segment)
    return segments


def false_ends(text: Text, cut: Callable[[str, str], list[str]]) -> list[str]:
    """Where a splitter ends a sentence that goes on: what it cut off in front of each such place."""
    places, at = set(), 0
    for sentence in text.sentences:
        at += _letters(sentence)
        places.add(at)
    wrong, at = [], 0
    for segment in cut(text.text, text.language):
        at += _letters(segment)
        if at not in places and at < max(places):
            wrong.append(segment)
    return wrong


def _letters(text: str) -> int:
    """What of a text counts for a place in it: no blanks, no markup, no punctuation that a splitter may drop."""
    return sum(map(str.isalnum, text))
