"""Marks in a text that say how it is spoken, and are not spoken themselves: ``[pause:500ms]``, ``[happy]``, ``[ryan]``;
in SSML also ``voice``, ``prosody`` and ``emphasis``.

The list is closed: `moods.MOODS`, pauses, and the voices that there are. Other brackets stay text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ..speech.segment import PLAIN_TURN, Turn
from .moods import EMPHASIS, MOOD_OF, MOODS, PLAIN_NAMES, REDUCED

LONGEST_PAUSE_S: Final = 10.0
_USUAL_PAUSE_S: Final = 0.5
_BRACKET_CHARS: Final = 72  # a voice's name has 64
_TAG_CHARS: Final = 300
_DEEPEST: Final = 50  # tags inside each other

_BRACKET = re.compile(rf"\[([^\[\]\n]{{1,{_BRACKET_CHARS}}})(?:\]|(?=\[))")
_OPEN_BRACKET = re.compile(rf"\[[^\[\]\n]{{0,{_BRACKET_CHARS}}}\Z")
_TAG = re.compile(rf"<(/?)(voice|prosody|emphasis)\b([^<>]{{0,{_TAG_CHARS}}})>", re.IGNORECASE)
_OPEN_TAG = re.compile(rf"</?(?:[a-z]{{0,8}}|(?:voice|prosody|emphasis)\b[^<>]{{0,{_TAG_CHARS}}})\Z", re.IGNORECASE)
_PAUSE_NAMES: Final = "pause|pausa|пауза|停顿|暂停|ポーズ|멈춤"
_VOICE_NAMES: Final = "voice|stimme|voz|voix|voce|голос|声音|声|목소리"
_PAUSE = re.compile(rf"(?:{_PAUSE_NAMES})(?:\s*[:=]\s*(.*)|\s+(\d.*))?")
_TIME = re.compile(r"(\d{1,9}(?:[.,]\d{1,6})?)\s*([a-z]{0,8}|секунд\w{0,2}|сек|с|мс|秒|毫秒|초)")
_VOICE = re.compile(rf"(?:{_VOICE_NAMES})\s*[:=]\s*(.*)")
_SECONDS: Final = (
    {"ms": 0.001, "мс": 0.001, "毫秒": 0.001, "min": 60.0, "m": 60.0, "h": 3600.0}
    | dict.fromkeys(("s", "sec", "secs", "second", "seconds", "sek", "sekunden", "с", "сек", "秒", "초"), 1.0)
)  # fmt: skip
_BEGUN: Final = tuple(
    sorted({*MOOD_OF, *PLAIN_NAMES, *(f"{name}:" for name in f"{_PAUSE_NAMES}|{_VOICE_NAMES}".split("|"))})
)
_ATTRIBUTE = re.compile(r"\b(name|rate|level)\s*=\s*[\"']\s*([^\"'<>]*?)\s*[\"']", re.IGNORECASE)
_RATES: Final = {"x-slow": 0.6, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
_RATE = re.compile(r"([+-]?)(\d{1,4}(?:\.\d{1,3})?)(%?)")
_EMPHASIS_LEVELS: Final = {"strong": EMPHASIS, "moderate": EMPHASIS, "": EMPHASIS, "reduced": REDUCED}

_PAUSE_CUT: Final = f"a pause of more than {LONGEST_PAUSE_S:g} s was shortened to that"
_PAUSE_ODD: Final = (
    f"a pause whose length cannot be read lasted {_USUAL_PAUSE_S:g} s; write it as [pause:500ms] or [pause:2s]"
)
_NO_VOICE: Final = "a mark named a voice that is not here; see `wyoming-qwen3tts voices`"
#: What marks may ask for that cannot be, each with a code for programs.
NOTES: Final = {_PAUSE_CUT: "pause-cut", _PAUSE_ODD: "pause-odd", _NO_VOICE: "no-voice"}

Kind = Literal["pause", "mood", "voice", "open", "close", "nothing"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark: as it was written, and what it asks for. ``name`` is a mood, a voice, or a tag; None ends it."""

    raw: str
    kind: Kind
    name: str | None = None
    pause_s: float = 0.0
    attributes: str = ""
    note: str | None = None


class MarkScanner:
    """Finds the marks in a text that comes in any cuts; holds back only what may yet become one."""

    def __init__(self, is_voice: Callable[[str], bool], *, ssml: bool = False) -> None:
        self._is_voice = is_voice
        self._landmark = re.compile(r"[\[<]" if ssml else r"\[")
        self._first = "[<" if ssml else "["
        self._waiting = ""
        self._previous = ""  # the last character passed on

    @property
    def is_open(self) -> bool:
        """Whether a mark may have begun."""
        return bool(self._waiting)

    def add(self, text: str) -> Iterator[str | Mark]:
        """Text and marks, in their order."""
        if not self._waiting and not any(sign in text for sign in self._first):
            self._previous = text[-1:] or self._previous
            yield text
            return
        yield from self._scan(text, ended=False)

    def close(self) -> Iterator[str | Mark]:
        """What was held back, at the end of the text."""
        yield from self._scan("", ended=True)

    def _scan(self, text: str, *, ended: bool) -> Iterator[str | Mark]:
        text, self._waiting = self._waiting + text, ""
        start = at = 0  # passed on up to `start`, looked at up to `at`
        while found := self._landmark.search(text, at):
            here = found.start()
            if not ended and self._is_undecided(text, here):
                self._waiting = text[here:]
                break
            mark = self._mark_at(text, here, text[here - 1] if here else self._previous)
            if mark is None:
                at = here + 1
                continue
            if here > start:
                yield text[start:here]
            yield mark
            start = at = here + len(mark.raw)
        rest = text[start : len(text) - len(self._waiting)]
        before = text[: len(text) - len(self._waiting)]
        self._previous = before[-1:] or self._previous
        if rest:
            yield rest

    def _is_undecided(self, text: str, at: int) -> bool:
        if text[at] == "<":
            return bool(_OPEN_TAG.match(text, at))
        found = _BRACKET.match(text, at)
        return bool(_OPEN_BRACKET.match(text, at)) if found is None else found.end() == len(text)

    def _mark_at(self, text: str, at: int, before: str) -> Mark | None:
        if text[at] == "<":
            tag = _TAG.match(text, at)
            return tag and self._tag(tag)
        found = _BRACKET.match(text, at)
        if found is None:
            return _half(text[at:])
        if text[found.end() : found.end() + 1] == "(" or before == "`":
            return None  # a link, or code that speaks of the mark
        return self._named(found[0], _key(found[1]))

    def _named(self, raw: str, name: str) -> Mark | None:
        if pause := _PAUSE.fullmatch(name):
            return _pause(raw, pause[1] or pause[2] or "")
        if name in MOOD_OF:
            return Mark(raw, "mood", MOOD_OF[name])
        if name in PLAIN_NAMES or name == "/" or (name[:1] == "/" and _key(name[1:]) in MOOD_OF):
            return Mark(raw, "mood")
        if voice := _VOICE.fullmatch(name):
            known = self._is_voice(_key(voice[1]))
            return Mark(raw, "voice", _key(voice[1])) if known else Mark(raw, "nothing", note=_NO_VOICE)
        if name[:1] == "/" and (_VOICE.fullmatch(f"{name[1:]}:") or self._is_voice(_key(name[1:]))):
            return Mark(raw, "voice")
        is_name = len(name) > 1 and not name.isdigit()  # "[1]" is a footnote, whoever is called so
        return Mark(raw, "voice", name) if is_name and self._is_voice(name) else None

    def _tag(self, tag: re.Match[str]) -> Mark:
        name, attributes = tag[2].lower(), {key.lower(): value for key, value in _ATTRIBUTE.findall(tag[3])}
        if tag[1]:
            return Mark(tag[0], "close", name)
        if tag[3].rstrip().endswith("/"):
            return Mark(tag[0], "nothing")
        wish = _key(attributes.get({"voice": "name", "prosody": "rate", "emphasis": "level"}[name], ""))
        if name == "voice" and wish and not self._is_voice(wish):
            return Mark(tag[0], "open", name, note=_NO_VOICE)
        return Mark(tag[0], "open", name, attributes=wish)


class Manner:
    """How the text is to be spoken from here on, by the marks so far."""

    def __init__(self) -> None:
        self.turn = PLAIN_TURN  # another object wherever something begins
        self.notes: list[str] = []
        self._mood: str | None = None  # that a laugh or sigh interrupts
        self._around: list[tuple[str, Turn]] = []  # tags that are open, and how it was before them

    def take(self, mark: Mark, *, has_spoken: bool) -> None:
        """Go on as ``mark`` says. ``has_spoken``: something was spoken in this turn, which its pause has preceded."""
        if mark.note and mark.note not in self.notes:
            self.notes.append(mark.note)
        now = self.turn
        pause_s = 0.0 if has_spoken else now.pause_s
        if mark.kind == "pause":
            self.turn = Turn(now.voice, now.mood, now.speed, min(pause_s + mark.pause_s, LONGEST_PAUSE_S))
        elif mark.kind == "mood":
            if mark.name is None or not MOODS[mark.name].is_once:
                self._mood = mark.name
            self.turn = Turn(now.voice, mark.name, now.speed, pause_s)
        elif mark.kind == "voice":
            self._mood = None
            self.turn = Turn(mark.name, None, now.speed, pause_s)
        elif mark.kind == "open":
            self._open(mark, pause_s)
        elif mark.kind == "close":
            self._close(mark.name, pause_s)

    def has_said(self) -> None:
        """A sentence is over: a laugh or a sigh with it."""
        mood = self.turn.mood
        if mood in MOODS and MOODS[mood].is_once:
            self.turn = Turn(self.turn.voice, self._mood, self.turn.speed)

    def _open(self, mark: Mark, pause_s: float) -> None:
        now, wish = self.turn, mark.attributes
        if len(self._around) < _DEEPEST:
            self._around.append((mark.name or "", now))
        voice, mood, speed = now.voice, now.mood, now.speed
        if mark.name == "voice":
            voice = wish or voice
        elif mark.name == "prosody":
            speed = min(max(speed * _rate(wish), 0.5), 2.0)
        else:
            mood = _EMPHASIS_LEVELS.get(wish, mood)
        self.turn = Turn(voice, mood, speed, pause_s)

    def _close(self, name: str | None, pause_s: float) -> None:
        at = next((at for at in range(len(self._around) - 1, -1, -1) if self._around[at][0] == name), None)
        if at is not None:
            before = self._around[at][1]
            del self._around[at:]
            self.turn = Turn(before.voice, before.mood, before.speed, pause_s)


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _pause(raw: str, wish: str) -> Mark:
    if not wish:
        return Mark(raw, "pause", pause_s=_USUAL_PAUSE_S)
    time = _TIME.fullmatch(wish)
    unit = _SECONDS.get(time[2]) if time and time[2] else None
    if time is None or (time[2] and unit is None):
        return Mark(raw, "pause", pause_s=_USUAL_PAUSE_S, note=_PAUSE_ODD)
    amount = float(time[1].replace(",", "."))
    seconds = amount * (unit or (0.001 if amount >= 50 else 1.0))  # nobody means 500 s
    is_long = seconds > LONGEST_PAUSE_S
    return Mark(raw, "pause", pause_s=min(seconds, LONGEST_PAUSE_S), note=_PAUSE_CUT if is_long else None)


def _half(raw: str) -> Mark | None:
    """The beginning of a mark that the text ends in: a language model was stopped there."""
    if not _OPEN_BRACKET.match(raw):
        return None
    begun = _key(raw[1:])
    is_mark = begun and any(name.startswith(begun) or (name[-1] == ":" and begun.startswith(name)) for name in _BEGUN)
    return Mark(raw, "nothing") if is_mark else None


def _rate(wish: str) -> float:
    if wish in _RATES:
        return _RATES[wish]
    found = _RATE.fullmatch(wish)
    if found is None:
        return 1.0
    amount = float(found[2]) / (100 if found[3] else 1)
    return 1 + (amount if found[1] == "+" else -amount) if found[1] else amount
