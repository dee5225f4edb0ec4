"""A house for tests: a real broker, a server with a tone for a voice, and its web door."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from tests.harness import FakeEngine, until
from tests.mosquitto import Listener, Mosquitto, listening
from wyoming_qwen3tts.servers.mqtt.server import MqttServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Settings
from wyoming_qwen3tts.util.backoff import Backoff
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


@asynccontextmanager
async def web(*routers: APIRouter) -> AsyncIterator[int]:
    """``routers`` on a free port of 127.0.0.1."""
    app = FastAPI(openapi_url=None)
    for router in routers:
        app.include_router(router)
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, lifespan="off", log_level="error", ws="none"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task


class House:
    """The server's side: its parts, to look at."""

    def __init__(self, engine: FakeEngine, service: SpeechService, door: MqttServer, settings: Settings) -> None:
        self.engine, self.service, self.door, self.settings = engine, service, door, settings

    @property
    def spoken(self) -> list[str]:
        """What was said, in order."""
        return [" ".join(segments) for _, segments in self.engine.requests]

    async def connected(self, count: int = 1) -> None:
        await until(lambda: self.door.connection.connected and self.door.connection.count >= count, 15)


def settings_for(port: int, folder: Path, **sections: Any) -> Settings:
    mqtt = {"host": "127.0.0.1", "port": port, **sections.pop("mqtt", {})}
    return Settings.model_validate({"data_dir": str(folder), "mqtt": mqtt, **sections})


@asynccontextmanager
async def serving(
    port: int,
    folder: Path,
    *,
    engine: FakeEngine | None = None,
    usable: Callable[[str], list[str]] = lambda host: [host],
    slots: int = 4,
    with_web: bool = True,
    environ: dict[str, str] | None = None,
    **sections: Any,
) -> AsyncIterator[House]:
    """A server that uses the broker on ``port``. It has let go of everything at the end."""
    engine = engine or FakeEngine()
    settings = settings_for(port, folder, engine={"slots": slots}, **sections)
    service = SpeechService(engine, VoiceCatalog(engine.voices()), settings.limits, slots=slots)
    service.load()
    door = MqttServer(
        service, settings, usable=usable, environ=environ or {}, backoff=Backoff(0.05, 0.2, chance=lambda: 0.0)
    )
    async with contextlib.AsyncExitStack() as stack:
        if with_web:
            door.web = Address("127.0.0.1", await stack.enter_async_context(web(door.routes(APIRouter()))))
        await stack.enter_async_context(door)
        yield House(engine, service, door, settings)
    assert not engine.speaking
    assert not service.active
    await service.loaded()
    await service.close()


@asynccontextmanager
async def house(folder: Path, *broker_lines: str, **options: Any) -> AsyncIterator[tuple[House, Listener, Mosquitto]]:
    """Broker, server and somebody who listens to everything."""
    async with (
        Mosquitto(folder, *broker_lines) as broker,
        listening(broker.port) as listener,
        serving(broker.port, folder, **options) as server,
    ):
        await server.connected()
        yield server, listener, broker
