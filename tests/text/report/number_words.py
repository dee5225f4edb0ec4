"""Numbers and their words from num2words' own tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wyoming_qwen3tts.text.spoken import explain

_FILES: Final = {language: language for language in ("en", "de", "fr", "es", "it", "ru", "ja", "ko")} | {"pt": "pt_BR"}
_MOST: Final = 10**12
_ORDINAL_MARKS: Final = {"fr": "e", "es": ".º", "it": "º", "pt": "º", "ru": "-й"}
_LOOSE = re.compile(r"[\s,­-]+|\band\b|\bund\b|\be\b|\by\b")


def right_and_all(tests: Path, language: str) -> dict[str, tuple[int, int]] | None:
    """By class, how many of the numbers are spoken as the tests of this language say; None if it has none."""
    if language not in _FILES:
        return None
    tree = ast.parse((tests / f"test_{_FILES[language]}.py").read_text(encoding="utf-8"))
    found = {}
    for kind, pairs in (("cardinal", dict(_cardinals(tree))), ("ordinal", dict(_ordinals(tree)))):
        right = sum(_loose(_spoken(number, kind, language)) == _loose(words) for number, words in pairs.items())
        if pairs and (kind == "cardinal" or language in _ORDINAL_MARKS):
            found[kind] = (right, len(pairs))
    return found


def _spoken(number: int, kind: str, language: str) -> str:
    if kind == "cardinal":
        return str(explain(str(number), language, normalize="strict")["spoken"])
    mark = "er" if (language, number) == ("fr", 1) else _ORDINAL_MARKS[language]
    return str(explain(f"{number}{mark}", language)["spoken"])


def _loose(words: str) -> str:
    """Words without what writers differ in: blanks, hyphens, "and"."""
    return _LOOSE.sub("", words.casefold())


def _cardinals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    yield from _table(tree, "TEST_CASES_CARDINAL")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "assertEqual":
            call, words = node.args[0], node.args[1]
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Name)
                and call.func.id == "num2words"
                and all(keyword.arg == "lang" for keyword in call.keywords)
                and isinstance(words, ast.Constant)
            ):
                yield from _pair(call.args[0], words)


def _ordinals(tree: ast.AST) -> Iterator[tuple[int, str]]:
    yield from _table(tree, "TEST_CASES_ORDINAL")


def _table(tree: ast.AST, name: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple) and ast.unparse(node.targets[0]) == name:
            for row in node.value.elts:
                if isinstance(row, ast.Tuple):
                    yield from _pair(row.elts[0], row.elts[1])


def _pair(number: ast.expr, words: ast.expr) -> Iterator[tuple[int, str]]:
    try:
        value, text = ast.literal_eval(number), ast.literal_eval(words)
    except ValueError:
        return
    if type(value) is int and 0 <= value < _MOST and isinstance(text, str):
        yield value, text
