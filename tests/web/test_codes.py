"""What the server says in codes, the page says in words: every code that can come has some in each language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import wyoming_qwen3tts
from tests.web.test_files import WORDS
from wyoming_qwen3tts.servers.http import errors as http_errors
from wyoming_qwen3tts.servers.http.routers import live
from wyoming_qwen3tts.speech.engine import Phase
from wyoming_qwen3tts.text import lexicon, marks

PACKAGE = Path(wyoming_qwen3tts.__file__).parent
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
ERRORS = ("Error", "BadRequest", "Busy", "TooLong", "Refused", "UnknownVoice", "Down", "NotNow", "_wrong", "__init__")
RULES = ("Rule", "Change", "LeftOut", "rewrite", "rewrite_at", "unwrap", "_sub", "_leave_out")


def calls() -> Iterator[tuple[Path, str, ast.Call]]:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                yield path, name, node


def written(node: ast.AST | None) -> list[str]:
    """The strings that an expression may be, as far as they are written there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return written(node.body) + written(node.orelse)
    return []


def error_codes() -> set[str]:
    found = set(http_errors._CODES.values())
    for tree in TREES.values():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or not any(ast.unparse(base).endswith(ERRORS) for base in node.bases):
                continue
            for line in node.body:
                if isinstance(line, ast.Assign) and "code" in re.findall(r"\w+", ast.unparse(line.targets[0])):
                    found |= {one for one in written(first_of(line.value)) if re.fullmatch(r"[a-z][a-z_-]+", one)}
    for _, name, call in calls():
        if name.endswith(ERRORS):
            found |= {one for key in call.keywords if key.arg == "code" for one in written(key.value)}
        if name == "Refused":
            found |= set(written(call.args[0]))
    return {code.replace("_", "-") for code in found}


def first_of(node: ast.expr) -> ast.expr:
    return node.elts[0] if isinstance(node, ast.Tuple) else node


def whys() -> set[str]:
    return {
        one for _, name, call in calls() if name.endswith(ERRORS)
        for key in call.keywords if key.arg == "why" for one in written(key.value)
    } | {
        one for _, name, call in calls() if name == "_wrong" and len(call.args) > 1 for one in written(call.args[1])
    }  # fmt: skip


def rules() -> set[str]:
    return {
        one for path, name, call in calls() if name in RULES and call.args and PACKAGE / "text" in path.parents
        for one in written(call.args[0])
    }  # fmt: skip


def clip_problems() -> set[str]:
    return {one for _, name, call in calls() if name == "Problem" for one in written(call.args[0])}


def missing(keys: set[str]) -> dict[str, list[str]]:
    return {code: gone for code, words in WORDS.items() if (gone := sorted(keys - words.keys()))}


def test_every_code_of_an_error_has_words() -> None:
    codes = error_codes()
    assert {"busy", "text-too-long", "quiet-hours", "lexicon-changed", "foreign-name", "invalid-api-key"} <= codes

    assert not missing({f"error.{code}" for code in codes})


def test_every_finer_reason_has_words() -> None:
    found = whys()
    assert {"name-taken", "no-mix", "variant-gone", "clip-unreadable"} <= found

    assert not missing({f"reason.{why}" for why in found if not why.startswith("clip-")})


def test_every_rule_has_a_name() -> None:
    found = rules()
    assert {"number", "time", "unit", "lexicon", "code", "reasoning", "left out"} <= found

    assert not missing({f"rule.{rule.replace(' ', '-')}" for rule in found})


def test_everything_that_a_clip_may_lack_has_words() -> None:
    """By the page's own names of three of them."""
    own = {"too-short": "short", "short": "brief", "long": "lengthy"}
    found = clip_problems()
    assert {"music", "noise", "unreadable"} <= found

    assert not missing({f"quality.{own.get(code, code)}" for code in found})


def test_every_advice_after_an_error_has_words() -> None:
    assert not missing({f"fix.{code}" for code in live._FIXES} | {"fix.other"})


def test_every_state_note_and_fault_of_a_line_has_words() -> None:
    phases = {f"phase.{phase.value}" for phase in Phase if phase is not Phase.READY}
    notes = {f"note.{code}" for code in marks.NOTES.values()}
    faults = {f"lexicon.{code}" for code in (*lexicon.FAULTS, "twice", "too-many")}

    assert not missing(phases | notes | faults)
