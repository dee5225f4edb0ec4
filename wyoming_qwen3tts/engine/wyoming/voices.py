"""Who a Wyoming server says that it speaks as: its answer to ``describe``, which is a stranger's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from babel.core import get_global

from ...errors import EngineError, UnknownVoice
from ...speech.languages import normalize_tag
from ...speech.voice import VoiceName

_VOICES_MAX, _LANGUAGES_MAX, _WORDS_MAX = 2_000, 200, 200
# Piper's grades: "medium" suits a small machine and sounds well, "high" is several times slower.
_GRADES = {"medium": 0, "high": 1, "low": 2, "x_low": 3}
_PIPERS_OWN = "en_US-lessac-medium"  # which its app has unless told otherwise; the others it has to download


@dataclass(frozen=True, slots=True)
class ServerVoice:
    """Somebody whom a server speaks as."""

    name: str  # its own name for it
    languages: tuple[str, ...]  # codes known here, the server's order
    version: str = ""
    regions: tuple[str, ...] = ()  # US, BR, ...

    def name_in(self, language: str) -> VoiceName:
        """What it is called here: by its name and the language, as every voice."""
        stem = "".join(c if c.isalnum() or c in " _-" else "_" for c in self.name)[: 63 - len(language)].strip()
        return VoiceName.parse(f"{stem}-{language}")


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server can do."""

    program: str
    version: str
    voices: tuple[ServerVoice, ...]
    is_streaming: bool  # it reads text that is still being written
    instance: str = ""  # of a server of our kind: which process it is

    def for_language(self, language: str, preferred: Sequence[str] = ()) -> list[ServerVoice]:
        """The voices that speak ``language``, best first: those of ``preferred``, then Piper's own default, then those
        of the region where most speak it, then by Piper's grades, then in the server's order."""
        wanted = {name.casefold(): rank for rank, name in enumerate((*preferred, _PIPERS_OWN))}
        region = _region(language)

        def order(voice: ServerVoice) -> tuple[int, bool, int]:
            return wanted.get(voice.name.casefold(), len(wanted)), region not in voice.regions, _grade(voice)

        return sorted((voice for voice in self.voices if language in voice.languages), key=order)

    def named(self, name: str, language: str) -> ServerVoice | None:
        """The voice of that name, if it speaks ``language``."""
        return next((v for v in self.voices if v.name == name and language in v.languages), None)


def server_info(data: dict[str, Any]) -> ServerInfo:
    """What the ``info`` event says.

    Raises:
        EngineError: if it is no server that speaks, or one whose voices speak nothing that is known here.
    """
    programs = [program for program in _list(data.get("tts")) if program.get("installed", True)]
    if not programs:
        has = sorted(kind for kind, entries in data.items() if _list(entries))
        what = f"it offers {', '.join(has)[:60]}" if has else "it offers nothing"
        raise EngineError(f"it is no text-to-speech server: {what}")
    voices: dict[str, ServerVoice] = {}
    for program in programs:
        for entry in _list(program.get("voices"))[:_VOICES_MAX]:
            voice = _voice(entry)
            if voice is not None:
                voices.setdefault(voice.name, voice)
    if not voices:
        raise EngineError("none of its voices speaks a language known here")
    first = programs[0]
    return ServerInfo(
        _words(first.get("name")) or "a server without a name",
        _words(first.get("version")),
        tuple(voices.values()),
        all(program.get("supports_synthesize_streaming") is True for program in programs),
        _words(data.get("instance")),
    )


def _voice(entry: dict[str, Any]) -> ServerVoice | None:
    """None for one that cannot be named, is not there, or speaks nothing that is known here."""
    name = entry.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _WORDS_MAX or not entry.get("installed", True):
        return None
    tags = entry.get("languages")
    tags = [tag for tag in tags[:_LANGUAGES_MAX] if isinstance(tag, str)] if isinstance(tags, list) else []
    codes = dict.fromkeys(code for tag in tags if (code := normalize_tag(tag[:40])))
    regions = {part.upper() for tag in tags for part in tag[:40].replace("_", "-").split("-")[1:] if len(part) == 2}
    voice = ServerVoice(name, tuple(codes), _words(entry.get("version")), tuple(sorted(regions)))
    try:
        return voice if codes and voice.name_in("en") else None
    except UnknownVoice:
        return None


@cache
def _region(language: str) -> str:
    """Where most people who speak it live, as CLDR has it."""
    return str(get_global("likely_subtags").get(language, "")).rpartition("_")[2]


def _grade(voice: ServerVoice) -> int:
    return _GRADES.get(voice.name.rpartition("-")[2], 0)


def _list(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _words(value: Any) -> str:
    return "".join(c for c in value if c.isprintable())[:_WORDS_MAX] if isinstance(value, str) else ""
