"""The home's own ``voices.yaml``: who speaks which language, and how; and styles, which are voices of their own.

``config/voices.yaml`` is the documented example. The file is read again when it changes; one with a mistake is not
taken, says so once, and the last good one stays in force.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from ..speech.languages import LANGUAGES, normalize_tag
from ..speech.voice import LONGEST_SENTENCE_PAUSE_S, Style
from ..util.files import read_regular
from .mapping_problems import Lines, composed, in_words

log = logging.getLogger(__name__)

FILE_BYTES_MAX = 256_000
STYLES_MAX, LANGUAGES_MAX = 32, 200

Spread = Literal["mapped", "all", "none"] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preset:
    """A style that has a name. ``voices`` tells with whom it is advertised: the mapped voice of each language, all
    speakers, nobody (it is found by name all the same), or some by name."""

    style: Style
    voices: Spread = "mapped"


@dataclass(frozen=True, slots=True)
class MappedVoice:
    """Who speaks a language, and how. What is None is the default's."""

    voice: str | None = None  # a speaker, or a voice of the home's own
    style: str | None = None  # a preset
    instruct: str | None = None
    speed: float | None = None
    lexicon: str | None = None  # more pronunciations for this language, `lexicon/<name>.txt`


STYLES: Mapping[str, Preset] = MappingProxyType(
    {
        "announcer": Preset(Style("Speak clearly and steadily, like an announcer at a station.", chime=True)),
        "whisper": Preset(Style("Whisper softly, as if somebody slept in the next room.", volume=0.6)),
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class VoiceMapping:
    """What the file says. ``languages`` has the tags as `tag_key` makes them, and so have ``lines``, the lines of its
    keys; ``source`` is its name."""

    languages: Mapping[str, MappedVoice] = field(default_factory=dict)
    styles: Mapping[str, Preset] = field(default_factory=lambda: STYLES)
    lines: Lines = field(default_factory=dict)
    source: str = "voices.yaml"

    def where(self, *place: str) -> str:
        """A key, with file and line, for people."""
        line = next((self.lines[place[:size]] for size in range(len(place), 0, -1) if place[:size] in self.lines), None)
        return f"{self.source}, {f'line {line}, ' if line else ''}{'.'.join(place)}"

    def entry(self, tag: str) -> MappedVoice | None:
        """For the region, else for the language."""
        key = tag_key(tag)
        return self.languages.get(key) or self.languages.get(normalize_tag(key) or key)

    def lexicons(self, tag: str | None = None) -> dict[str, str]:
        """Language -> name of the further lexicon that counts for it; ``tag`` is the region that was asked for."""
        named = {code: entry.lexicon for code, entry in self.languages.items() if code == normalize_tag(code)}
        entry = self.entry(tag) if tag else None
        code = normalize_tag(tag)
        if entry is not None and code is not None and entry.lexicon:
            named[code] = entry.lexicon
        return {code: lexicon for code, lexicon in named.items() if lexicon}


DEFAULT = VoiceMapping()


def tag_key(tag: str) -> str:
    """``pt_BR`` and ``pt-br`` are one tag; so are ``de``, ``German`` and ``deutsch``."""
    primary, dash, region = tag.strip().casefold().replace("_", "-").partition("-")
    return f"{normalize_tag(primary) or primary}{dash}{region}"


class MappingFile:
    """One ``voices.yaml``, as it is now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._mapping = DEFAULT
        self._level = logging.DEBUG  # of what is in force: at the first look it is nothing new

    def current(self) -> VoiceMapping:
        """The mapping in force: the same object until the file changes. Without a file, the default."""
        level, self._level = self._level, logging.INFO
        try:
            status = self._path.stat()
        except FileNotFoundError:
            if self._seen is not None:
                log.info("%s is gone: the voices speak as by default", self._path)
            self._seen, self._mapping = None, DEFAULT
            return self._mapping
        except OSError as error:
            self._refuse((0, 0), error.strerror or "cannot be read")
            return self._mapping
        seen = (status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            try:
                self._mapping = parse(self._read(), str(self._path))
                log.log(level, "%s is in force: %d languages, %d styles", self._path, *_counts(self._mapping))
            except (ValueError, OSError) as error:
                self._refuse(seen, str(error))
            self._seen = seen
        return self._mapping

    def _read(self) -> str:
        raw = read_regular(self._path, FILE_BYTES_MAX + 1)
        if len(raw) > FILE_BYTES_MAX:
            raise ValueError(f"it is larger than {FILE_BYTES_MAX:,} bytes")
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8 text") from None

    def _refuse(self, seen: tuple[int, int], why: str) -> None:
        if seen != self._seen:
            log.warning("%s is not taken, what was in force before stays: %s", self._path, why)
        self._seen = seen


def _counts(mapping: VoiceMapping) -> tuple[int, int]:
    return len(mapping.languages), len(mapping.styles)


def parse(text: str, source: str = "voices.yaml") -> VoiceMapping:
    """The mapping that ``text``, YAML, describes.

    Raises:
        ValueError: one line that says what is wrong, where, and what to write.
    """
    tree, lines = composed(text, tag_key)
    try:
        file = _File.model_validate({} if tree is None else tree)
    except ValidationError as error:
        told = dict.fromkeys(in_words(wrong["loc"], tree, lines, tag_key) for wrong in error.errors())
        raise ValueError("; ".join([*told][:5])) from None
    languages = {tag_key(tag): entry.entry() for tag, entry in file.languages.items()}
    presets = dict(STYLES)
    for name, wish in file.styles.items():
        presets.pop(name, None)
        if wish is not None:
            presets[name] = wish.preset()
    for tag, mapped in languages.items():
        line = lines.get(("languages", tag, "style")) or lines[("languages", tag)]
        if normalize_tag(tag) is None:
            raise ValueError(f"line {line}: languages: {tag!r} is none of {', '.join(LANGUAGES)}, nor a region of one")
        if mapped.style is not None and mapped.style not in presets:
            there = ", ".join(presets)
            raise ValueError(f"line {line}: languages.{tag}.style: there is no style {mapped.style!r}, only {there}")
    return VoiceMapping(languages, presets, lines, source)


def _off(value: object) -> object:
    return None if value is False or value == "off" else value  # YAML reads a bare `off` as false


def _empty(value: object) -> object:
    return {} if value is None else value  # a section whose lines are all comments


def _short(value: object) -> object:
    return {"voice": value} if isinstance(value, str) else value


def _named(value: object) -> object:
    return [part.strip().casefold() for part in value] if isinstance(value, list) else value


_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_StyleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_LexiconName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
_Speed = Annotated[float, Field(ge=0.5, le=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Entry(_Strict):
    voice: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    style: _StyleName | None = None
    instruct: _Line | None = None
    speed: _Speed | None = None
    lexicon: _LexiconName | None = None

    def entry(self) -> MappedVoice:
        return MappedVoice(self.voice, self.style, self.instruct, self.speed, self.lexicon)


class _Preset(_Strict):
    instruct: _Line | None = None
    speed: _Speed = 1.0
    volume: Annotated[float, Field(gt=0, le=1)] = 1.0
    chime: bool = False
    sentence_pause_s: Annotated[float, Field(ge=0, le=LONGEST_SENTENCE_PAUSE_S)] | None = None
    voices: Annotated[Literal["mapped", "all", "none"] | tuple[str, ...], BeforeValidator(_named)] = "mapped"

    def preset(self) -> Preset:
        return Preset(Style(self.instruct, self.speed, self.volume, self.chime, self.sentence_pause_s), self.voices)


class _File(_Strict):
    languages: Annotated[
        dict[str, Annotated[_Entry, BeforeValidator(_short)]], BeforeValidator(_empty), Field(max_length=LANGUAGES_MAX)
    ] = {}
    styles: Annotated[
        dict[_StyleName, Annotated[_Preset | None, BeforeValidator(_off)]],
        BeforeValidator(_empty),
        Field(max_length=STYLES_MAX),
    ] = {}
