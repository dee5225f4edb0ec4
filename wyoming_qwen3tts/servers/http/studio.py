"""What the web door asks of whoever makes voices (`studio.VoiceStudio`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from ...speech.voice import Voice


class ClipReport(Protocol):
    """What a clip is like, and whether it can become a voice."""

    def as_json(self) -> dict[str, Any]: ...


class Variant(Protocol):
    """One proposal for a designed voice."""

    @property
    def id(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def wav(self) -> bytes: ...


class Studio(Protocol):
    """Makes voices, one at a time. Its errors are `SpeechError`s that name the wrong field."""

    @property
    def can_clone(self) -> bool: ...
    @property
    def can_design(self) -> bool: ...
    @property
    def why_not(self) -> str: ...

    async def check(self, clip: bytes) -> ClipReport: ...

    async def clone(
        self, name: str, clip: bytes, *, text: str | None = None, consent: str | None = None, keep_clip: bool = False
    ) -> Voice: ...

    def design(
        self, description: str, *, language: str = "en", text: str | None = None, variants: int = 3
    ) -> AsyncIterator[Variant]: ...

    async def keep(self, variant_id: str, name: str) -> Voice: ...

    async def remove(self, name: str) -> None: ...

    async def export(self, name: str) -> bytes: ...

    async def restore(self, data: bytes, name: str | None = None) -> Voice: ...
