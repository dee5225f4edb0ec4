"""What is wrong in a ``voices.yaml``, with its line, and what to write instead. Nothing here knows what it means."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml

from ..settings.problems import yaml_fault

Place = tuple[str, ...]
Lines = Mapping[Place, int]

LANGUAGE_KEYS = ("voice", "style", "instruct", "speed", "lexicon")
STYLE_KEYS = ("instruct", "speed", "volume", "chime", "sentence_pause_s", "voices")
_KEYS: Mapping[str, Sequence[str]] = {"languages": LANGUAGE_KEYS, "styles": STYLE_KEYS}
_MUST: Mapping[str, str] = {
    "voice": "the name of a voice, such as voice: ryan",
    "style": "the name of a style, in small letters, digits and _, such as style: announcer",
    "instruct": "one line of text, such as instruct: Speak calmly.",
    "speed": "a number from 0.5 to 2, such as speed: 0.9",
    "lexicon": "a file's name without .txt, in letters, digits, _ and -, such as lexicon: grandma",
    "volume": "a number above 0, up to 1, such as volume: 0.6",
    "chime": "on or off, such as chime: on",
    "sentence_pause_s": "seconds from 0 to 5, such as sentence_pause_s: 0.6",
    "voices": "mapped, all, none, or names such as [ryan, vivian]",
}


def composed(text: str, is_same: Callable[[str], str]) -> tuple[Any, dict[Place, int]]:
    """What the YAML says, and in which line each of its keys stands. ``is_same``: by what two languages are one.

    Raises:
        ValueError: with line and column if it is no YAML, or a key is there twice or no text.
    """
    try:
        node = yaml.compose(text, yaml.SafeLoader)
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {yaml_fault(error)}") from None
    lines: dict[Place, int] = {}
    for place, line in _places(node, ()):
        key = (place[0], is_same(place[1]), *place[2:]) if place[:1] == ("languages",) and len(place) > 1 else place
        if key in lines:
            told = ".".join(place)
            raise ValueError(f"line {line}: {told} is there twice, first in line {lines[key]}. Take one of them away")
        lines[key] = line
    return content, lines


def _places(node: yaml.Node | None, above: Place) -> Iterator[tuple[Place, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            said = key.value if isinstance(key, yaml.ScalarNode) else "this"
            raise ValueError(f"line {line}: YAML takes the key {said} for no text. Put it in quotes: '{said}':")
        yield (*above, key.value), line
        yield from _places(value, (*above, key.value))


def in_words(location: Sequence[object], content: object, lines: Lines, is_same: Callable[[str], str]) -> str:
    """A mistake that pydantic found at ``location``, which has parts of its own beside those of the file."""
    place: list[str] = []
    for part in location:
        if isinstance(content, dict) and part in content:
            place.append(str(part))
            content = content[part]
    key = (place[0], is_same(place[1]), *place[2:]) if place[:1] == ["languages"] and len(place) > 1 else tuple(place)
    line = next((lines[key[:size]] for size in range(len(key), 0, -1) if key[:size] in lines), None)
    told = _told(place, is_key="[key]" in location, is_long=isinstance(content, dict))
    return f"line {line}: {told}" if line else told


def _told(place: Sequence[str], *, is_key: bool, is_long: bool) -> str:
    name = ".".join(place)
    match place:
        case []:
            return "it must hold languages: and styles:, such as languages: {de: ryan}"
        case ["languages" | "styles" as section]:
            what = "such as de: ryan" if section == "languages" else "such as bedtime: {volume: 0.5}"
            return f"{name}: {'has too many entries' if is_long else f'must hold its entries below it, {what}'}"
        case [key]:
            return f"{key}: {_unknown(key, tuple(_KEYS))}"
        case ["languages", tag]:
            return f"{name}: must be a voice, such as {tag}: ryan, or voice: ryan and more below it"
        case ["styles", style]:
            if is_key:
                return f"{name}: a style's name has small letters, digits and _ only, such as {_as_style(style)}"
            return f"{name}: must hold instruct, speed, volume and so on, such as {style}: {{volume: 0.6}}, or be off"
        case [section, _, key] if key not in _KEYS[section]:
            return f"{name}: {_unknown(key, _KEYS[section])}"
        case _:
            return f"{name}: must be {_MUST[place[2]]}"


def _unknown(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key.lower(), known, n=1)
    return (
        f"there is no such key. Did you mean {near[0]}?" if near else f"there is no such key, only {', '.join(known)}"
    )


def _as_style(name: str) -> str:
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name.lower())[:32]
    return plain if plain[:1].isalpha() else f"my_{plain}"[:32]
