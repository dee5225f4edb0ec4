"""A web door on a free port in this process, and a wire to it that misbehaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.harness import FakeEngine, Wire, until
from wyoming_qwen3tts.servers.http.app import build_app
from wyoming_qwen3tts.servers.http.installation import Installation
from wyoming_qwen3tts.servers.http.natural import Tools
from wyoming_qwen3tts.servers.http.server import HttpServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Settings
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

SPEECH = "/v1/audio/speech"
INSTALLED = Installation("checkout", has_card=False, has_driver=False, has_torch=True, has_torch_for_card=False)
LONG = "This is one of many sentences that are spoken to a listener. " * 60


@dataclass(eq=False)
class Web:
    """The door, and clients of it that are closed in time."""

    engine: Any
    service: SpeechService
    door: HttpServer
    client: httpx.AsyncClient
    wires: list[Wire] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.door.port}"

    async def post(self, path: str = SPEECH, **body: Any) -> httpx.Response:
        return await self.client.post(path, json=body)

    async def wire(self, *, source: str = "127.0.0.1", receive_buffer: int | None = None) -> Wire:
        """A raw connection."""
        import socket

        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.door.port))
        wire = Wire(*await asyncio.open_connection(sock=sock, limit=receive_buffer or 1 << 16))
        self.wires.append(wire)
        return wire


def request(body: Any, path: str = SPEECH, **headers: str) -> bytes:
    """A POST with a JSON body, as bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", "Content-Length": str(len(content))}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + content


async def answer(wire: Wire, within_s: float = 5.0) -> tuple[int, dict[str, Any]]:
    """Status and error of a response that closes the connection, or has a length."""
    async with asyncio.timeout(within_s):
        head = (await wire.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length:")[1].split()[0])
        body = json.loads(await wire.reader.readexactly(length))
    return int(head.split()[1]), body["error"]


@asynccontextmanager
async def web(
    engine: Any = None,
    settings: Settings | None = None,
    *,
    slots: int = 4,
    limits: dict[str, Any] | None = None,
    supervisor: str | None = None,
    **app: Any,
) -> AsyncIterator[Web]:
    """A web door that is checked when the test is done with it: it must still speak, and have let go of everything."""
    engine = engine or FakeEngine()
    settings = settings or Settings()
    settings = settings.model_copy(update={"limits": settings.limits.model_copy(update=limits or {})})
    app.setdefault("tools", Tools(INSTALLED))
    studio = app.get("studio")
    cloned = studio.voices if studio else tuple
    catalog = VoiceCatalog(engine.voices(), cloned, added=settings.voices.added, blend=engine.blend)
    service = SpeechService(engine, catalog, settings.limits, slots=slots)
    service.load()

    def build() -> Any:
        return build_app(service, settings, supervisor=supervisor, **app)

    async with HttpServer(build, Address("127.0.0.1", 0), settings.limits) as door:
        headers = {}
        if settings.http.api_keys:
            headers["Authorization"] = f"Bearer {settings.http.api_keys[0].get_secret_value().split(':')[-1]}"
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{door.port}", headers=headers, timeout=10) as client:
            it = Web(engine, service, door, client)
            yield it
            if isinstance(engine, FakeEngine):
                engine.release.set()
            for wire in it.wires:
                await wire.close()
            await until(lambda: not (service.active or getattr(engine, "speaking", 0)))
            alive = await it.post(input="Still alive?", response_format="pcm")
            assert alive.status_code == 200, alive.text
            assert len(alive.content) > 0
    await service.close()
