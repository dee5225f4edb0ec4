"""A real mosquitto on a free port, started, killed and started again by tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from wyoming_qwen3tts.servers.mqtt.client import PatchedClient

from .harness import free_port

PROGRAM = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_mosquitto = pytest.mark.skipif(
    PROGRAM is None or shutil.which("mosquitto_pub") is None,
    reason="mosquitto is not installed, or not its client: apt install mosquitto mosquitto-clients",
)


class Mosquitto:
    """One broker. ``lines`` go into its configuration."""

    def __init__(self, folder: Path, *lines: str, listener: str = "", port: int | None = None) -> None:
        self.port = port or free_port()
        self._config = folder / f"mosquitto-{self.port}.conf"
        self._log = folder / f"mosquitto-{self.port}.log"
        users = (
            ()
            if any(line.startswith(("password_file", "require_certificate")) for line in lines)
            else ("allow_anonymous true",)
        )
        text = [
            f"listener {self.port} 127.0.0.1",
            *filter(None, [listener]),
            *users,
            *lines,
            "user root",
            "max_queued_messages 100000",
        ]
        self._config.write_text("\n".join(text) + "\n")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        assert PROGRAM is not None
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                PROGRAM, "-c", str(self._config), stdout=log, stderr=log
            )
        async with asyncio.timeout(10):
            while True:
                assert self._process.returncode is None, self._log.read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                except OSError:
                    await asyncio.sleep(0.01)
                    continue
                writer.close()
                await writer.wait_closed()
                return

    async def kill(self) -> None:
        """SIGKILL: nobody is told, nothing is saved."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._process = None

    def freeze(self) -> None:
        """It is there, and says nothing more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def __aenter__(self) -> Mosquitto:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()


class Listener:
    """Somebody else on the broker: publishes, and remembers what it hears."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[tuple[str, bytes, bool]] = []
        self._changed = asyncio.Event()

    async def listen(self) -> None:
        async for message in self.client.messages:
            self.heard.append((str(message.topic), message.payload, message.retain))
            self._changed.set()

    async def publish(self, topic: str, payload: Any = b"", *, qos: int = 1, retain: bool = False) -> None:
        """What is neither text nor bytes goes as JSON."""
        body = payload if isinstance(payload, bytes | str) else json.dumps(payload)
        await self.client.publish(topic, body, qos=qos, retain=retain)

    def on(self, topic: str) -> list[bytes]:
        return [payload for heard, payload, _ in self.heard if heard == topic]

    def objects(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.on(topic)]

    async def wait_for(self, topic: str, count: int = 1, within_s: float = 10.0) -> list[bytes]:
        """The first ``count`` payloads on ``topic``."""
        try:
            async with asyncio.timeout(within_s):
                while len(self.on(topic)) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{len(self.on(topic))} of {count} on {topic}; heard: {self.heard[-20:]}") from None
        return self.on(topic)[:count]

    async def first(self, prefix: str) -> tuple[str, bytes]:
        """Topic and payload of the first message below ``prefix``."""
        async with asyncio.timeout(10):
            while not (found := [(t, payload) for t, payload, _ in self.heard if t.startswith(prefix)]):
                self._changed.clear()
                await self._changed.wait()
        return found[0]

    async def answers(
        self, count: int = 1, *, topic: str = "qwen3tts/result", within_s: float = 10.0
    ) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in await self.wait_for(topic, count, within_s)]

    async def answer(self) -> dict[str, Any]:
        return (await self.answers())[0]

    async def event(
        self, kind: str, count: int = 1, *, topic: str = "qwen3tts/event", within_s: float = 10.0
    ) -> list[dict[str, Any]]:
        """The first ``count`` events of that kind."""
        try:
            async with asyncio.timeout(within_s):
                while len(found := [e for e in self.objects(topic) if e["event_type"] == kind]) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"no {kind}; heard: {self.heard[-20:]}") from None
        return found[:count]


@asynccontextmanager
async def listening(port: int, *topics: str, **options: Any) -> AsyncIterator[Listener]:
    """A client that hears ``topics``, by default everything."""
    async with PatchedClient("127.0.0.1", port, **options) as client:
        client.pending_calls_threshold = 1_000_000
        listener = Listener(client)
        await client.subscribe([(topic, 1) for topic in topics or ("#",)])
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            with contextlib.suppress(aiomqtt.MqttError):
                await asyncio.gather(task, return_exceptions=True)


def certificates(folder: Path, host: str = "localhost") -> None:
    """``ca.pem``, ``server.pem``, ``client.pem`` with their keys, made by openssl."""

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl("req", "-x509", *curve, "-subj", "/CN=Test CA", "-keyout", "ca.key", "-out", "ca.pem")
    for name, alternative in (("server", f"DNS:{host},IP:127.0.0.1"), ("client", "DNS:qwen3tts")):
        openssl("req", *curve[:-2], "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (folder / f"{name}.ext").write_text(f"subjectAltName={alternative}\n")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext")
        openssl("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")
