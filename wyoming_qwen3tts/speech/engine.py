"""What an engine is, and where a voice's sound comes from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from .request import SpeechRequest
from .voice import Voice


class Phase(Enum):
    """What an engine is doing, apart from replies."""

    WAITING = "waiting"  # for the network
    DOWNLOADING = "downloading"
    LOADING = "loading"
    READY = "ready"
    DEGRADED = "degraded"  # speaks, but part of it is away, or its last replies needed the fallback
    UNLOADED = "unloaded"
    RESTARTING = "restarting"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine says of itself. ``str()`` is the sentence for logs and people; programs read the fields."""

    phase: Phase
    reason: str = ""  # for DEGRADED and FAILED: what is wrong; for WAITING: for what
    progress: float | None = None  # 0 to 1, for LOADING and DOWNLOADING, as far as it is known
    fallback: str | None = None  # the name of the engine that speaks meanwhile

    @property
    def can_speak(self) -> bool:
        """A request made now is spoken by this engine itself."""
        return self.phase in (Phase.READY, Phase.DEGRADED)

    @property
    def is_answered(self) -> bool:
        """A request made now is spoken, by this engine or by the fallback."""
        return self.can_speak or self.fallback is not None

    def __str__(self) -> str:
        words = self.phase.value
        if self.progress is not None:
            words += f" {self.progress * 100:.0f} %"
        if self.reason:
            words += f" for {self.reason}" if self.phase is Phase.WAITING else f": {self.reason}"
        if self.fallback is not None and self.phase is not Phase.DEGRADED:  # degraded says it already
            words += " (built-in voice speaks)"
        return words


@runtime_checkable
class Attributed(Protocol):
    """The audio of an engine that is made of several: ``engine`` names the one that speaks, from the first sound on."""

    engine: str


class Engine(Protocol):
    """Turns segments into sound. Leaving the ``async with`` block is the only way to cancel."""

    name: str

    @property
    def status(self) -> EngineStatus:
        """How it is now. Cheap enough for every request."""
        ...

    def voices(self) -> tuple[Voice, ...]:
        """Everybody it can speak as, known before it is ready."""
        ...

    async def start(self) -> None:
        """Load and warm up. Requests made meanwhile wait for it."""
        ...

    def speak(self, request: SpeechRequest) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """PCM in ``FORMAT``, in pieces of at most four frames, as it is made.

        Raises:
            EngineError: from the iterator, if a segment cannot be spoken.
        """
        ...

    async def close(self) -> None:
        """Free threads and processes. Is idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a voice's sound comes from. While it stays the same, the same text may be spoken from what was kept."""

    engine: str  # its name
    identity: str  # of model, voice and options: everything besides the request that decides what is heard


@runtime_checkable
class Traceable(Protocol):
    """An engine whose speech may be kept."""

    def origin(self, voice: Voice) -> Origin | None:
        """Where the voice's sound would come from now; None while that is not known. Cheap enough for every request."""
        ...


@runtime_checkable
class Cloning(Protocol):
    """An engine that speaks as people who were cloned; there may be more of them each time it is asked."""

    def clones(self) -> tuple[Voice, ...]: ...

    def why_mute(self, name: str) -> str | None:
        """Why somebody who was cloned is not among them; None if nobody of that name was."""
        ...


@runtime_checkable
class Unloadable(Engine, Protocol):
    """An engine that can leave the memory. ``start`` loads it again."""

    async def unload(self) -> None:
        """Give the memory back. Called only while nobody is spoken to."""
        ...


@runtime_checkable
class Sleeper(Protocol):
    """An engine that may be unloaded, and wants to be told that it is needed."""

    def wake(self) -> None:
        """Load, unless that is done or being done. Returns at once."""
        ...
