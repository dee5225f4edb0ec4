"""Start late rather than stutter: how much sound is held back where a machine speaks slower than real time.

Plain arithmetic on times that are handed in: no clock, no task. With ``L`` seconds of sound to come and a machine that
takes ``r`` seconds for each of them, a listener who starts when ``m`` seconds are made never runs dry if
``m >= L (1 - 1/r)``; making those takes ``L (r - 1)`` seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..speech.request import TextLength
from ..speech.voice import is_typed_blend
from ..util.files import read_regular, write_atomic

GRACE_S = 0.5  # of waiting beyond what speed and length call for, for packets and an estimate that is a little short
_LENGTH_MARGIN, _SPEED_MARGIN = 1.1, 1.05
_PACKET_S = 0.32  # sound comes in packets of up to so much
_TOLERANCE = 1.05  # a wait that is longer than allowed by less is waited for
_GIVE_UP = 1.25  # a wait that turns out longer by more while sound is held back is not
_OWN_S = 1.5  # of sound, after which a reply's own speed counts and not that of earlier ones
_EDGE_S = 0.002  # a piece that was waited for less lay ready
_LATE_S = 0.02  # a listener who takes longer to come back hides how fast sound is made
_LEARN = 0.3  # the weight of the last reply
_STREAM_CHARS = 120.0  # of a text that is still being written, until some are known
_CHAR_S = {"zh": 0.22, "ja": 0.16, "ko": 0.15}  # of sound a character, where nothing was learnt; others: 0.065
_LATIN_CHAR_S = 0.065
_MOST = 500  # voices that are remembered
_FILE_BYTES = 1 << 18


class TooSlow(Exception):
    """The reply would need a longer wait than is allowed; ``str()`` says how long, for the log line."""


@dataclass(slots=True)
class SpeedBook:
    """What was learnt from replies. ``rtf``: seconds of making by seconds of sound, by "voice number", the number being
    that of replies made at once. ``char_s``: seconds of sound a character, by voice. ``stream_chars``: how long texts
    are that come in pieces."""

    rtf: dict[str, float] = field(default_factory=dict)
    char_s: dict[str, float] = field(default_factory=dict)
    stream_chars: float = _STREAM_CHARS

    def speed(self, voice: str, together: int) -> float | None:
        """The voice's own, else the slowest other voice's, else that among fewer replies; None if nothing is known."""
        for number in range(together, 0, -1):
            own = self.rtf.get(f"{voice} {number}")
            if own is not None:
                return own
            others = [rtf for key, rtf in self.rtf.items() if key.endswith(f" {number}")]
            if others:
                return max(others)
        return None

    def length_s(self, voice: str, language: str, text: TextLength) -> float:
        """Expected sound. A text still being written is taken for at least as long as such texts were so far."""
        chars = text.chars if text.is_complete else max(text.chars, self.stream_chars)
        return chars * self.char_s.get(voice, _CHAR_S.get(language, _LATIN_CHAR_S))

    def learn_speed(self, voice: str, together: int, rtf: float) -> None:
        if is_typed_blend(voice):
            return
        _mix(self.rtf, f"{voice} {together}", rtf)

    def learn_length(self, voice: str, text: TextLength, seconds: float, *, is_stream: bool) -> None:
        if not is_typed_blend(voice):
            _mix(self.char_s, voice, seconds / text.chars)
        if is_stream:
            self.stream_chars += _LEARN * (text.chars - self.stream_chars)

    @classmethod
    def read(cls, path: Path) -> SpeedBook:
        """What `write` left; empty where that is missing or broken: it is learnt again."""
        try:
            content = json.loads(read_regular(path, _FILE_BYTES))
            rtf = {str(key): float(value) for key, value in content["rtf"].items() if float(value) > 0}
            char_s = {str(key): float(value) for key, value in content["char_s"].items() if float(value) > 0}
            return cls(rtf, char_s, float(content["stream_chars"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def write(self, path: Path) -> None:
        """Raises:
        OSError: if it cannot be written.
        """
        content = {"rtf": self.rtf, "char_s": self.char_s, "stream_chars": self.stream_chars}
        write_atomic(path, json.dumps(content).encode(), is_synced=False)


class HeadStart:
    """The policy for all replies of an engine: wait up to ``most_s``. Event loop only.

    ``path`` keeps what was learnt. ``measures``: the engine is on this machine, and may be tried at its start.
    """

    def __init__(self, most_s: float, path: Path | None = None, *, measures: bool = False) -> None:
        self.most_s, self.path, self.measures = most_s, path, measures
        self.book = SpeedBook() if path is None else SpeedBook.read(path)
        self._together = 0  # replies that the engine speaks now

    @property
    def is_known(self) -> bool:
        """Whether the engine's speed is."""
        return bool(self.book.rtf)

    @property
    def may_hold(self) -> bool:
        """Whether any reply might be held back: the next one would have one more beside it at the most."""
        rtf = self.book.speed("", self._together + 1)
        return rtf is not None and rtf * _SPEED_MARGIN > 1

    def check(self, voice: str, language: str, length: Callable[[], TextLength]) -> None:
        """Raises:
        TooSlow: if a reply that began now had to be held back for too long.
        """
        rtf = self.book.speed(voice, self._together + 1)
        if rtf is not None:
            seconds = self.book.length_s(voice, language, length())
            if seconds * (rtf - 1) > self.most_s * _TOLERANCE:
                raise TooSlow(in_words(seconds, rtf))

    def begin(self, voice: str, language: str, length: Callable[[], TextLength], *, is_stream: bool) -> Hold:
        """For a reply that is made from now on; to be closed."""
        self._together += 1
        return Hold(self, voice, language, length, together=self._together, is_stream=is_stream)

    def ended(self) -> None:
        self._together -= 1

    def save(self) -> None:
        """May wait for the disk: not for the event loop.

        Raises:
            OSError: if it cannot be written.
        """
        if self.path is not None:
            self.book.write(self.path)


class Hold:
    """One reply's sound on its way from the engine: measured, and held back as long as it has to be."""

    def __init__(
        self,
        head_start: HeadStart,
        voice: str,
        language: str,
        length: Callable[[], TextLength],
        *,
        together: int,
        is_stream: bool,
    ) -> None:
        self._head_start, self._book = head_start, head_start.book
        self._voice, self._language, self._length, self._is_stream = voice, language, length, is_stream
        self._together = together
        self._meter = _Meter()
        self._kept: list[bytes] = []
        self._since: float | None = None  # of the first sound
        self._made_s = 0.0
        rtf = self._book.speed(voice, together)
        self.is_holding = rtf is not None and rtf * _SPEED_MARGIN > 1
        self.held_s = 0.0

    @property
    def note(self) -> str:
        """For the log line; empty if nothing was held back."""
        return f"held back {self.held_s:.1f} s, as it takes {self._rtf or 0:.2f} of real time" if self.held_s else ""

    def asked(self, now: float) -> None:
        """The next piece is waited for from now on."""
        self._meter.asked(now)

    def add(self, pcm: bytes, seconds: float, now: float) -> list[bytes]:
        """A piece of ``seconds`` was made; what may be handed on now. An empty one says that text is waited for.

        Raises:
            TooSlow: if it is seen now that the reply had to be held back for too long.
        """
        self._made_s += seconds
        is_complete = self._length().is_complete
        self._meter.add(seconds, now, is_timed=is_complete)
        if not self.is_holding:
            return [pcm]
        self._kept.append(pcm)
        if self._since is None:
            self._since = now
        self.held_s = now - self._since
        is_resting = not pcm and not is_complete  # until there is more text: nobody knows when
        return self._release() if is_resting or self._is_enough() else []

    def end(self) -> list[bytes]:
        """All is made: what is left. Learns from the reply."""
        text, meter = self._length(), self._meter
        meter.flush()
        if meter.sound_s >= _OWN_S:
            self._book.learn_speed(self._voice, self._together, meter.rtf)
        if text.is_complete and text.is_all_spoken and text.chars and self._made_s:
            self._book.learn_length(self._voice, text, self._made_s, is_stream=self._is_stream)
        return self._release()

    @property
    def _rtf(self) -> float | None:
        if self._meter.sound_s >= _OWN_S:
            return self._meter.rtf
        return self._book.speed(self._voice, self._together)

    def _is_enough(self) -> bool:
        rtf, most_s = self._rtf, self._head_start.most_s
        seconds = self._book.length_s(self._voice, self._language, self._length())
        if rtf is None or rtf * _SPEED_MARGIN <= 1:
            return True
        if seconds * (rtf - 1) > most_s * _GIVE_UP:
            raise TooSlow(in_words(seconds, rtf))
        first_s = seconds * _LENGTH_MARGIN * (1 - 1 / (rtf * _SPEED_MARGIN)) + _PACKET_S
        return self._made_s >= first_s or self.held_s >= most_s + GRACE_S

    def _release(self) -> list[bytes]:
        kept, self._kept, self.is_holding = self._kept, [], False
        return kept


class _Meter:
    """How fast sound is made, whoever listens: only stretches count at whose ends the engine was waited for.

    Sound comes in bursts: the time between the beginnings of two of them is what the second one took.
    """

    def __init__(self) -> None:
        self.time_s = self.sound_s = 0.0
        self._asked_at = self._came_at = 0.0
        self._began: float | None = None  # this burst
        self._took: float | None = None  # it took; None: not known
        self._burst_s = 0.0

    @property
    def rtf(self) -> float:
        return self.time_s / self.sound_s

    def asked(self, now: float) -> None:
        self._asked_at = now

    def add(self, seconds: float, now: float, *, is_timed: bool) -> None:
        if not seconds or not is_timed:  # who waits for text measures how fast it is written
            self._began = self._took = None
        elif now - self._asked_at >= _EDGE_S:
            self.flush()
            self._took = None if self._began is None else now - self._began
            self._began, self._burst_s = now, seconds
        elif self._asked_at - self._came_at > _LATE_S:
            self._began = self._took = None
        else:
            self._burst_s += seconds
        self._came_at = now

    def flush(self) -> None:
        """Count the last burst."""
        if self._took is not None:
            self.time_s += self._took
            self.sound_s += self._burst_s
        self._took = None


def in_words(seconds: float, rtf: float) -> str:
    """Why a reply is not held back, but spoken by another voice."""
    return (
        f"{seconds:.0f} s of speech at {rtf:.2f} of real time would begin {seconds * (rtf - 1):.0f} s late, "
        "more than engine.head_start_s"
    )


def _mix(known: dict[str, float], key: str, value: float) -> None:
    before = known.pop(key, value)  # the last one heard comes last
    known[key] = before + _LEARN * (value - before)
    while len(known) > _MOST:
        del known[next(iter(known))]
