"""Engines that do what a test says, and whose sound tells who said what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import AudioStream, Engine, EngineStatus, Liveness, Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

READY, LOADING = EngineStatus(Phase.READY), EngineStatus(Phase.LOADING)
RYAN = Voice(VoiceName("ryan-en"), "Ryan", ("en",), "qwen3", "ryan")
SOHEE = Voice(VoiceName("sohee-ko"), "Sohee", ("ko",), "qwen3", "sohee")
FALLBACK_VOICES = tuple(
    Voice(VoiceName(f"builtin-{code}"), "Built-in", (code,), "builtin", "builtin") for code in ("en", "de", "ko")
)


class Scripted(Engine):
    """Says each segment in one frame that holds the engine's name, the voice's and the text.

    ``fail`` is raised instead of the frame number ``fail_at``; ``release`` holds back every frame; ``reads_ahead``: it
    takes all of the text before it makes a sound, as an engine does that plans the next sentence.
    """

    status = READY
    can_unload = True

    def __init__(
        self,
        name: str = "qwen3",
        voices: tuple[Voice, ...] = (RYAN, SOHEE),
        *,
        status: EngineStatus = READY,
        fail: Exception | None = None,
        fail_at: int = 0,
        silent: bool = False,
        reads_ahead: bool = False,
    ) -> None:
        self.name, self.status = name, status
        self.fail, self.fail_at, self.silent, self.reads_ahead = fail, fail_at, silent, reads_ahead
        self.release = asyncio.Event()
        self.release.set()
        self.requests = 0
        self.speaking = 0
        self.starts = self.unloads = 0
        self.start_error: Exception | None = None
        self.unload_error: Exception | None = None
        self.may_start = asyncio.Event()
        self.may_start.set()
        self.closed = False
        self.signs = Liveness()
        self._voices = voices

    def voices(self) -> tuple[Voice, ...]:
        return self._voices

    def liveness(self) -> Liveness:
        return self.signs

    async def start(self) -> None:
        self.starts += 1
        self.status = LOADING
        await self.may_start.wait()
        if self.start_error is not None:
            raise self.start_error
        self.status = READY

    async def unload(self) -> None:
        assert not self.speaking, "unloaded under a reply"
        self.unloads += 1
        await asyncio.sleep(0)
        if self.unload_error is not None:
            raise self.unload_error

    async def close(self) -> None:
        self.closed = True

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        self.requests += 1
        self.speaking += 1
        try:
            async with aclosing(self._frames(request)) as frames:
                yield AudioStream(self.name, frames)
        finally:
            self.speaking -= 1

    async def _frames(self, request: SpeechRequest) -> AsyncGenerator[bytes, None]:
        made = 0
        ahead = [segment async for segment in request.whole_segments()] if self.reads_ahead else []
        async for segment in _each(ahead) if self.reads_ahead else request.whole_segments():
            await self.release.wait()
            if self.fail is not None and made == self.fail_at:
                raise self.fail
            made += 1
            yield b"" if self.silent else frame(self.name, request.voice.name, segment.text)
        if self.fail is not None and self.fail_at >= made:
            raise self.fail


def frame(*words: str) -> bytes:
    return "|".join(words).encode().ljust(FORMAT.frame_bytes, b"\0")


def heard(pcm: bytes) -> list[tuple[str, ...]]:
    """Who said what, frame by frame."""
    frames = [pcm[start : start + FORMAT.frame_bytes] for start in range(0, len(pcm), FORMAT.frame_bytes)]
    return [tuple(one.rstrip(b"\0").decode().split("|")) for one in frames]


async def _each(segments: list[Segment]) -> AsyncIterator[Segment]:
    for segment in segments:
        yield segment


async def text(*texts: str, language: str = "en") -> AsyncIterator[Segment]:
    for one in texts:
        await asyncio.sleep(0)
        yield Segment(one, language)


async def reply(engine: Engine, *texts: str, voice: Voice = RYAN, language: str = "en") -> list[tuple[str, ...]]:
    """What a listener hears of ``texts``."""
    async with engine.speak(SpeechRequest(text(*texts, language=language), voice)) as audio:
        return heard(b"".join([pcm async for pcm in audio]))
