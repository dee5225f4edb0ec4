"""What the tests of the home's own voices share: a clip of real speech, and a home with tiny checkpoints behind a real
Wyoming server."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import torch

from tests.harness import STOP, FakeEngine, Server, chunk, start, until
from tests.parity import build
from wyoming_qwen3tts.app.build import build_qwen3, build_studio, speech_service, with_fallback
from wyoming_qwen3tts.app.web import web_listener, web_server
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.qwen3.core import EngineCore
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Address, Settings
from wyoming_qwen3tts.speech.voice import VoiceName
from wyoming_qwen3tts.studio.studio import VoiceStudio
from wyoming_qwen3tts.voices.file_format import ClonedVoice

torch.set_num_threads(1)

RATE = 24_000
TRANSCRIPT = "It is twelve degrees outside."


@cache
def speech() -> np.ndarray:
    """3.55 s of the built-in voice."""
    return build.speech().numpy()


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def clip() -> bytes:
    return wav(speech())


def a_voice(name: str = "Anna", *, size: int = 64, frames: int = 0, model: str = "0b6 base") -> ClonedVoice:
    """A voice of random numbers, in-context if it has ``frames``."""
    numbers = np.random.RandomState(1)
    codes = numbers.randint(0, 256, (frames, 16)).astype(np.int64) if frames else None
    vector = numbers.standard_normal(size).astype(np.float32) * np.float32(0.1)
    return ClonedVoice(VoiceName(name), vector, codes, TRANSCRIPT if frames else None, model)


def settings_of(data: Path, *models: Path, **more: Any) -> Settings:
    engine = {
        "kind": "qwen3",
        "device": "cpu",
        "dtype": "float32",
        "slots": 2,
        "patience_s": 60,
        "model": [str(m) for m in models],
    }
    return Settings.model_validate({"engine": engine, "data_dir": data, "zeroconf": False, **more})


class Home:
    """A server, and what is behind it."""

    def __init__(self, settings: Settings, server: Server, engine: FailoverEngine, studio: VoiceStudio) -> None:
        self.settings, self.server, self.engine, self.studio = settings, server, engine, studio
        self.stats: list[RequestStats] = []
        server.service.observe(self.stats.append)

    @property
    def core(self) -> EngineCore:
        """The engine thread's own; to be looked at."""
        idle: Any = self.engine.primary
        core: EngineCore = idle.inner._local._worker._core
        return core

    @asynccontextmanager
    async def web(self) -> AsyncIterator[httpx.AsyncClient]:
        """The web door, where the settings have it, as somebody with their first key sees it."""
        sockets = web_listener(self.settings)
        assert sockets, "the settings have no web door"
        key = self.settings.http.api_keys[0].get_secret_value().split(":")[-1]
        async with (
            web_server(self.settings, self.server.service, sockets, self.studio) as door,
            httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{door.port}", headers={"Authorization": f"Bearer {key}"}, timeout=60
            ) as client,
        ):
            yield client

    async def describe(self) -> dict[str, dict[str, Any]]:
        """The advertised voices by name, as a real client sees them."""
        wire = await self.server.connect()
        await wire.send("describe")
        (event,) = await wire.until("info")
        return {voice["name"]: voice for voice in event.data["tts"][0]["voices"]}

    async def who_speaks(self, text: str, **data: Any) -> tuple[str, str, str]:
        """Voice, engine and language of the reply to a client that says ``text``; its first sound has come."""
        wire = await self.server.connect()
        await wire.send(start(**data), chunk(text), STOP)
        events = await wire.until("audio-chunk", "error")
        assert events[-1].type == "audio-chunk", events[-1].data
        await wire.close()
        await until(lambda: not self.server.service.replies, within_s=30)
        stats = self.stats[-1]
        return stats.voice, stats.engine, stats.language


@asynccontextmanager
async def home(settings: Settings) -> AsyncIterator[Home]:
    """As `app.serve` puts it together, on a free port; loaded."""
    built = with_fallback(settings, build_qwen3(settings), FakeEngine(), designs=True)
    engine = built.engine
    assert isinstance(engine, FailoverEngine)
    async with speech_service(settings, engine) as service:
        studio = build_studio(settings, built.designer, service.catalog)
        async with WyomingServer(service, Address("127.0.0.1", 0), settings.limits) as door:
            service.load()
            await service.loaded()
            server = Server(engine, service, door)  # type: ignore[arg-type]  # it only passes it on
            try:
                yield Home(settings, server, engine, studio)
            finally:
                await server.close_wires()
                studio.close()
