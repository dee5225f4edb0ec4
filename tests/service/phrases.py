"""A service with a phrase cache, over an engine whose speech may be kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.harness import FakeEngine
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.phrase_cache import PhraseCache
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.speech.engine import Origin
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.voice import Voice
from wyoming_qwen3tts.text.lexicon import LexiconFolder
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


class Traced(FakeEngine):
    """``identity`` is the test's to change; ``speaker`` is who speaks in truth, ``notes`` what goes wrong meanwhile."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.identity: str | None = "model 1"
        self.notes: list[str] = []

    def origin(self, voice: Voice) -> Origin | None:
        return None if self.identity is None else Origin("fake", self.identity)

    async def _frames(self, request: SpeechRequest) -> Any:
        request.notes.extend(self.notes)
        async for pcm in super()._frames(request):
            yield pcm

    @property
    def spoken(self) -> list[str]:
        """What it had to speak itself."""
        return [" ".join(texts) for _, texts in self.requests]


class Caching:
    """The service, and what became of its requests."""

    def __init__(self, engine: Traced, service: SpeechService, cache: PhraseCache) -> None:
        self.engine, self.service, self.cache = engine, service, cache
        self.stats: list[RequestStats] = []
        service.observe(self.stats.append)

    async def say(self, text: str = "Dinner is ready.", voice: str | None = "builtin-en", **options: Any) -> bytes:
        """To the end, and until it is written."""
        async with self.service.speak(self.service.whole_text(text), SpeechOptions(voice, **options)) as speech:
            pcm = b"".join([pcm async for pcm in speech])
        await self.cache.close()
        return pcm

    @property
    def was_cached(self) -> list[bool]:
        return [stats.is_cached for stats in self.stats]


@asynccontextmanager
async def caching(
    folder: Path,
    engine: Traced | None = None,
    *,
    size: int = 10_000_000,
    slots: int = 4,
    clock: Any = None,
    **limits: Any,
) -> AsyncIterator[Caching]:
    """Loaded, on ``folder / "phrases"`` and the lexicon in ``folder``."""
    engine = engine or Traced()
    cache = PhraseCache(folder / "phrases", size, clock or asyncio.get_running_loop().time)
    service = SpeechService(
        engine,
        VoiceCatalog(engine.voices()),
        Limits(**limits),
        slots=slots,
        lexicon=LexiconFolder(folder),
        phrases=cache,
    )
    service.load()
    await service.loaded()
    yield Caching(engine, service, cache)
    await service.close()
