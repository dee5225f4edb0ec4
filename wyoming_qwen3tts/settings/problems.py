"""What is wrong with a value, in words for whoever wrote it: pydantic says it in its own, and in Python's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLAIN = {
    "bool_parsing": "must be on or off",
    "bool_type": "must be on or off",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "path_type": "must be the path of a folder",
    "tuple_type": "must be a list: with commas between, or one a line behind a dash",
    "dict_type": "must hold names with values, such as name: value, on lines of their own",
    "model_type": "must hold names with values, such as name: value, on lines of their own",
    "model_attributes_type": "must hold names with values, such as name: value, on lines of their own",
}
_LIMITS = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def in_words(kind: str, message: str, context: Mapping[str, Any], value: object) -> str:
    """``kind``, ``message`` and ``context`` as pydantic tells them; ``value`` is what is wrong.

    The message counts only where we have written it ourselves, in a validator.
    """
    if kind == "value_error":
        said = message.removeprefix("Value error, ")
        return said[:1].lower() + said[1:]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"must be {words} {context[key]:g}"
    if kind == "literal_error":
        return f"must be {str(context['expected']).replace(chr(39), '')}"
    if kind == "string_type":
        return f"must be text{_in_quotes(value)}"
    if kind == "string_too_short":
        return "must not be empty"
    if kind == "string_too_long":
        return f"may have {context['max_length']} characters at most"
    if kind == "too_long":
        return f"may have {context['max_length']} entries at most"
    return "cannot be used"


def _in_quotes(value: object) -> str:
    """What to do about a text that YAML has taken for something else."""
    if isinstance(value, bool):
        return ". YAML takes a bare yes, no, on or off for a switch: put it in quotes"
    if value is not None and not isinstance(value, str | list | dict | tuple):
        return ". YAML takes it for a number or a date: put it in quotes"
    return ""


def as_typed(value: object) -> str:
    """A value as a file or a flag has it, for people; nothing for one of several lines."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(as_typed, value))
    return "" if isinstance(value, dict) or value is None else str(value)


def yaml_fault(error: Exception) -> str:
    """Where YAML is broken, and how."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    said = str(problem or ("it is nested too deeply" if isinstance(error, RecursionError) else "it cannot be read"))
    said = said.replace("'<stream end>'", "the end of the file")
    if "'\\t'" in said:
        said = "there is a tab: YAML wants spaces"
    elif said == "mapping values are not allowed here":
        said = "this colon is in the wrong place: put the text in quotes, or look at the spaces before it"
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}" if mark else said
