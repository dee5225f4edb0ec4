"""What an engine is, and where a voice's sound comes from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from .request import SpeechRequest
from .voice import Voice


@runtime_checkable
class Attributed(Protocol):
    """The audio of an engine that is made of several: ``engine`` names the one that speaks, from the first sound on."""

    engine: str


class Engine(Protocol):
    """Turns segments into sound. Leaving the ``async with`` block is the only way to cancel."""

    name: str

    @property
    def state(self) -> str:
        """``loading`` (perhaps with how much of it is done), ``ready``, or ``failed: <why>``."""
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
