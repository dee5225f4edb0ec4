"""What is announced, and what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, Protocol

from ..audio.encode import FileFormat
from ..errors import SpeechError
from .clips import Clip


@dataclass(frozen=True, slots=True)
class Announcement:
    """A sentence for the house. What is None is decided by the settings."""

    id: str
    text: str
    voice: str | None = None
    language: str | None = None
    instruct: str | None = None
    seed: int | None = None
    speed: float | None = None
    sentence_pause_s: float | None = None
    ssml: bool = False
    targets: tuple[str, ...] = ()  # entities of Home Assistant, or `hermes/<site>`; none: the sound is only offered
    volume: float | None = None  # 0 to 1
    announce: bool = True  # let what plays go on afterwards; False: play it like music
    priority: int = 0  # higher ones are spoken first
    format: FileFormat | None = None
    chime: bool | None = None
    expires_s: float | None = None
    take_sound: bool = False  # whoever announces takes the sound too, whether or not anybody plays it
    server: str = "mqtt"


@dataclass(frozen=True, slots=True)
class Started:
    """The first sound is there, or its speaker has been told. ``error`` names what did not work at some targets."""

    url: str | None
    voice: str | None
    duration_s: float | None = None  # known only if all of it is there already
    error: SpeechError | None = None
    instead_of: str = ""  # the voice that was asked for, where another one speaks


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to whoever made an announcement: it has ``started``, perhaps not everywhere, or there is an error."""

    id: str
    started: Started | None
    error: SpeechError | None

    def as_json(self) -> dict[str, Any]:
        """As on ``<base>/result``, and in the answer to ``POST /v1/announce``."""
        how = self.started or Started(None, None)
        return {
            "id": self.id,
            "ok": self.started is not None,
            "url": how.url,
            "duration": None if how.duration_s is None else round(how.duration_s, 3),
            "voice": how.voice,
            **({"instead_of": how.instead_of} if how.instead_of else {}),
            "error": error_json(self.error) if self.error else None,
        }


def error_json(error: SpeechError) -> dict[str, Any]:
    """An error as results and events tell it."""
    return {"code": error.code, "message": str(error)}


class Listener(Protocol):
    """Who made an announcement. `started` or `refused` is called exactly once, whatever happens."""

    def started(self, announcement: Announcement, how: Started, clip: Clip | None) -> None: ...

    def refused(self, announcement: Announcement, error: SpeechError) -> None: ...

    def repeated(self, announcement: Announcement, result: asyncio.Future[Result]) -> None:
        """Instead of both: its id is known, and this is, or will be, what became of the first one."""
        ...

    def done(self, announcement: Announcement, duration_s: float | None) -> None:
        """After `started`: it was spoken to its end."""
        ...

    def failed(self, announcement: Announcement, error: SpeechError) -> None:
        """After `started`: it was not."""
        ...


class Speaker(Protocol):
    """A way to the loudspeakers of the house."""

    def plays_on(self, target: str) -> bool:
        """Whether ``target`` is one of its own."""
        ...

    @property
    def has_own_voice(self) -> bool:
        """Whether it has the text spoken itself, and takes no sound."""
        ...

    def has_volume(self, target: str) -> bool:
        """Whether it sets the volume there itself; elsewhere the speech is made as loud as asked for."""
        ...

    async def check(self, announcement: Announcement, target: str) -> None:
        """Before anything is heard.

        Raises:
            SpeechError: if nothing can be played there now.
        """
        ...

    async def play(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        """Play it; returns when it is over, as far as can be told. Being cancelled stops it.

        Raises:
            SpeechError: if it was not played.
        """
        ...


@dataclass(frozen=True, slots=True)
class Sound:
    """The speech of an announcement, and where it can be fetched, if it can."""

    clip: Clip
    url: str | None
