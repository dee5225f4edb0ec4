"""The base of an engine that wraps another one."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractAsyncContextManager

from ..speech.engine import AudioStream, Engine, EngineStatus, Liveness, Origin, ServerCount, Substitute
from ..speech.request import SpeechRequest
from ..speech.voice import Voice


class DelegatingEngine(Engine):
    """Leaves everything to ``inner``. Derived engines say what differs."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner
        self.name = inner.name

    @property
    def status(self) -> EngineStatus:
        return self.inner.status

    def voices(self) -> tuple[Voice, ...]:
        return self.inner.voices()

    async def start(self) -> None:
        await self.inner.start()

    def speak(self, request: SpeechRequest) -> AbstractAsyncContextManager[AudioStream]:
        return self.inner.speak(request)

    async def close(self) -> None:
        await self.inner.close()

    def clones(self) -> tuple[Voice, ...]:
        return self.inner.clones()

    def why_mute(self, name: str) -> str | None:
        return self.inner.why_mute(name)

    def blend(self, recipe: str) -> Voice:
        return self.inner.blend(recipe)

    def substitute(self, voice: Voice) -> Substitute | None:
        return self.inner.substitute(voice)

    @property
    def members(self) -> frozenset[str]:
        return self.inner.members

    def mute_languages(self) -> dict[str, str]:
        return self.inner.mute_languages()

    def origin(self, voice: Voice) -> Origin | None:
        return self.inner.origin(voice)

    @property
    def longest_silence_s(self) -> float:
        return self.inner.longest_silence_s

    def liveness(self) -> Liveness:
        return self.inner.liveness()

    def wake(self) -> None:
        self.inner.wake()

    @property
    def can_unload(self) -> bool:
        return self.inner.can_unload

    async def unload(self) -> None:
        await self.inner.unload()

    def models(self) -> tuple[str, ...]:
        return self.inner.models()

    @property
    def chosen_model(self) -> str | None:
        return self.inner.chosen_model

    def use(self, model: str | None) -> None:
        self.inner.use(model)

    @property
    def may_hold_back(self) -> bool:
        return self.inner.may_hold_back

    @property
    def takeovers(self) -> Counter[str]:
        return self.inner.takeovers

    def servers(self) -> tuple[ServerCount, ...]:
        return self.inner.servers()
