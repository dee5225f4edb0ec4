"""A house for tests: a real broker, a server with a tone for a voice, and its web door."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI

from tests.harness import FakeEngine, until
from tests.mosquitto import Listener, Mosquitto, listening
from wyoming_qwen3tts.app.announcements import Announcements
from wyoming_qwen3tts.servers.connections import bind
from wyoming_qwen3tts.servers.http.routers import announce, clips
from wyoming_qwen3tts.servers.mqtt.server import MqttServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Settings
from wyoming_qwen3tts.util.backoff import Backoff
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


@asynccontextmanager
async def web(*routers: APIRouter, sockets: list[socket.socket] | None = None) -> AsyncIterator[int]:
    """``routers`` on ``sockets``, or on a free port of 127.0.0.1."""
    app = FastAPI(openapi_url=None)
    for router in routers:
        app.include_router(router)
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, lifespan="off", log_level="error", ws="none"))
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets))
    await until(lambda: server.started)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task


class House:
    """The server's side: its parts, to look at."""

    def __init__(
        self,
        engine: FakeEngine,
        service: SpeechService,
        door: MqttServer,
        settings: Settings,
        announcements: Announcements,
        web_port: int | None,
    ) -> None:
        self.engine, self.service, self.door, self.settings = engine, service, door, settings
        self.announcements, self.web_port = announcements, web_port

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
    sockets = bind(Address("127.0.0.1", 0)) if with_web else []
    at = Address("127.0.0.1", sockets[0].getsockname()[1]) if sockets else None
    announcements = Announcements(settings, service, at, mqtt=True, usable=usable, environ=environ or {})
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(announcements)
        if sockets:
            routers = (clips.routes(announcements.clips), announce.routes(announcements.announcer))
            await stack.enter_async_context(web(*routers, sockets=sockets))
        door = await announcements.connect(backoff=Backoff(0.05, 0.2, chance=lambda: 0.0))
        assert door is not None
        announcements.tell_reachability()
        yield House(engine, service, door, settings, announcements, at.port if at else None)
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
