"""``script/soak MINUTES [PLOT.svg]``: all doors of the real server at once, by six kinds of clients who leave when they
like, while its broker and its other programs are killed. What it needs is looked at each second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import aiomqtt
import httpx
import psutil
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import WebSocketException

from tests.faults.test_memory import FORMATS, text_of
from tests.faults.test_process import reachable, running
from tests.harness import chunk, start
from tests.mosquitto import PROGRAM, Mosquitto, listening
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address
from wyoming_qwen3tts.speech.wyoming_framing import encode_event
from wyoming_qwen3tts.util.memory import resident_bytes

_GONE = (OSError, SpeechError, httpx.HTTPError, WebSocketException, aiomqtt.MqttError, TimeoutError)
_MEMORY_MB = 450
_SETTLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Sample:
    """The server at one moment."""

    at_s: float
    memory_mb: int
    descriptors: int
    threads: int
    children: int


@dataclass
class Soak:
    """What was done, and what was seen."""

    address: Address
    web: httpx.AsyncClient
    broker: Mosquitto | None
    server: psutil.Process
    end: float
    rng: random.Random = field(default_factory=lambda: random.Random(18))
    done: Counter[str] = field(default_factory=Counter)
    first_audio_s: list[float] = field(default_factory=list)
    describe_s: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    number: int = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.end

    def text(self) -> str:
        self.number += 1
        return text_of(self.rng, self.number)

    async def forever(self, kind: str, once: Callable[[], Awaitable[None]]) -> None:
        """A client of one kind. What it is told no by, or cut off, is counted; anything else ends the soak."""
        while not self.is_over:
            try:
                async with asyncio.timeout(60):
                    await once()
            except _GONE as error:
                self.done[f"{kind}: {type(error).__name__}"] += 1
                await asyncio.sleep(0.05)
            else:
                self.done[kind] += 1
            await asyncio.sleep(self.rng.random() * 0.2)

    # -- six kinds of clients

    async def wyoming(self) -> None:
        async with connect(self.address) as client:
            spoken = await client.speak(self.text())
            self.first_audio_s.append(spoken.first_audio_s or 0.0)

    async def leaver(self) -> None:
        """Streams text, and leaves at any moment, by an end or by a reset."""
        _, writer = await asyncio.open_connection(*self.address)
        try:
            for event in (start(), chunk(self.text()), chunk(self.text())):
                writer.write(encode_event(event))
                await writer.drain()
                await asyncio.sleep(self.rng.random() * 0.1)
        finally:
            writer.close() if self.rng.random() < 0.5 else writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def openai(self) -> None:
        """Half of them cancel."""
        body = {"input": self.text(), "response_format": self.rng.choice(FORMATS)}
        async with self.web.stream("POST", "/v1/audio/speech", json=body) as reply:
            async for _ in reply.aiter_raw():
                if self.rng.random() < 0.1:
                    return

    async def live_text(self) -> None:
        uri = f"ws{str(self.web.base_url).removeprefix('http').rstrip('/')}/v1/audio/speech/stream"
        async with websocket(uri) as socket:
            for word in self.text().split():
                await socket.send(json.dumps({"type": "input.text", "text": f"{word} "}))
            await socket.send(json.dumps({"type": self.rng.choice(["input.done", "input.cancel"])}))
            async for message in socket:
                if isinstance(message, str) and json.loads(message)["type"] == "session.done":
                    return

    async def publisher(self) -> None:
        if self.broker is None:
            await asyncio.sleep(1)
            return
        async with listening(self.broker.port, "qwen3tts/result", timeout=3) as us:
            told = {"text": self.text(), "id": f"id{self.number}", "audio": True}
            await us.publish("qwen3tts/say", told)
            with contextlib.suppress(AssertionError):  # it went with the broker
                await us.wait_for("qwen3tts/result", within_s=5)

    async def stranger(self) -> None:
        """Bytes that are nothing, at both doors; and somebody quiet who wants to know whether we are there."""
        port = self.rng.choice([self.address.port, self.web.base_url.port])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(self.rng.randbytes(self.rng.randrange(1, 5_000)))
        writer.transport.abort() if self.rng.random() < 0.5 else writer.close()
        began = time.monotonic()
        async with connect(self.address) as client:
            await client.describe()
        self.describe_s.append(time.monotonic() - began)

    # -- what happens to it

    async def kill_children(self) -> None:
        while not self.is_over:
            await asyncio.sleep(0.5 + self.rng.random())
            with contextlib.suppress(psutil.Error):
                for child in self.server.children(recursive=True):
                    child.kill()
                    self.done["killed programs"] += 1

    async def kill_broker(self) -> None:
        while self.broker is not None and not self.is_over:
            await asyncio.sleep(8 + 8 * self.rng.random())
            await self.broker.restart()
            self.done["killed brokers"] += 1

    async def look(self) -> None:
        began = time.monotonic()
        while not self.is_over:
            try:
                self.samples.append(self.sample(began))
            except (psutil.Error, OSError):  # it is gone; what is left of the soak says so
                self.end = 0.0
                return
            await asyncio.sleep(1)

    def sample(self, began: float) -> Sample:
        server = self.server
        return Sample(
            time.monotonic() - began,
            resident_bytes(server.pid) >> 20,
            server.num_fds(),
            server.num_threads(),
            len(server.children(recursive=True)),
        )


async def soak(folder: Path, seconds: float) -> tuple[Soak, list[str]]:
    """What was seen, and what was wrong with it."""
    log = folder / "log"
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder)) if PROGRAM else None
        flags = ["--data-dir", str(folder / "home"), "--announce.clips-mb", "8"]
        if broker is not None:
            flags += ["--mqtt.host", "127.0.0.1", "--mqtt.port", str(broker.port)]
        process, address = await stack.enter_async_context(running(*flags, log=log))
        web = await stack.enter_async_context(reachable(log))
        it = Soak(address, web, broker, psutil.Process(process.pid), float("inf"))
        for number in range(12):  # all is loaded: every format's library, every kind of client
            it.number = number
            await asyncio.gather(it.wyoming(), it.openai())
        await asyncio.sleep(1)
        before = it.sample(time.monotonic())
        it.end = time.monotonic() + seconds
        kinds = (it.wyoming, it.leaver, it.openai, it.live_text, it.publisher, it.stranger)
        async with asyncio.TaskGroup() as tasks:
            for kind in kinds:
                tasks.create_task(it.forever(kind.__name__, kind))
            for task in (it.kill_children(), it.kill_broker(), it.look()):
                tasks.create_task(task)
        ended = process.returncode
        if ended is not None:
            return it, [f"the server ended with {ended}"]
        wrong = [*await _settled(it, before), *_verdict(it)]
        if "Traceback" in (said := log.read_text()):
            wrong.append(f"a traceback in the log: {said[said.index('Traceback') :][:2000]}")
    return it, wrong


async def _settled(it: Soak, before: Sample) -> list[str]:
    """In quiet, nothing is held any more."""
    wrong: list[str] = []
    until = time.monotonic() + _SETTLE_S
    while time.monotonic() < until:
        now = it.sample(time.monotonic())
        gauges = (await it.web.get("/metrics")).text
        wrong = []
        if now.children:
            wrong.append(f"{now.children} child processes are left")
        if now.descriptors > before.descriptors + 4:
            wrong.append(f"{now.descriptors} descriptors are open, {before.descriptors} were before")
        if now.threads > before.threads + 8:  # pools that grew to their size
            wrong.append(f"{now.threads} threads run, {before.threads} did before")
        if not gauges:
            wrong.append("no metrics")
        if not wrong:
            break
        await asyncio.sleep(0.5)
    async with connect(it.address) as client:
        if not (await client.speak("Es spricht noch, auf Deutsch.")).audio_s:
            wrong.append("it does not speak German any more")
    return wrong


def _verdict(it: Soak) -> list[str]:
    wrong = []
    peak = max(sample.memory_mb for sample in it.samples)
    if peak > _MEMORY_MB:
        wrong.append(f"{peak} MB of memory; {_MEMORY_MB} are stated")
    if len(it.samples) > 300:  # flat from minute 3 on
        early, late = it.samples[180:240], it.samples[-60:]
        if _median(late) > 1.15 * _median(early):
            wrong.append(f"memory grows: {_median(early)} MB in minute 4, {_median(late)} MB in the last")
    kinds = ("wyoming", "leaver", "openai", "live_text", "stranger")
    return wrong + [f"nothing of {kind} came to its end" for kind in kinds if not it.done[kind]]


def _median(samples: list[Sample]) -> int:
    return sorted(sample.memory_mb for sample in samples)[len(samples) // 2]


def report(it: Soak) -> str:
    """For people."""
    lines = ["minute   MB  descriptors  threads  children"]
    for minute in range(0, len(it.samples), 60):
        part = it.samples[minute : minute + 60]
        most = [
            max(values)
            for values in zip(*((s.memory_mb, s.descriptors, s.threads, s.children) for s in part), strict=True)
        ]
        lines.append(f"{minute // 60 + 1:6} {most[0]:4} {most[1]:12} {most[2]:8} {most[3]:9}")
    for name, values in (("first audio", it.first_audio_s), ("describe", it.describe_s)):
        if len(values) > 1:
            cuts = quantiles(values, n=100)
            lines.append(f"{name}: median {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, {len(values)} times")
    lines += [f"{count:8} {name}" for name, count in sorted(it.done.items())]
    return "\n".join(lines)


def plot(it: Soak, path: Path) -> None:
    """Four curves over time, as SVG."""
    width, height = 900, 150
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {4 * height}" font-family="sans-serif">']
    for row, name in enumerate(("memory_mb", "descriptors", "threads", "children")):
        values = [float(getattr(sample, name)) for sample in it.samples]
        top, span = max([*values, 1.0]), max(it.samples[-1].at_s, 1.0)
        points = " ".join(
            f"{40 + (width - 60) * sample.at_s / span:.1f},{(row + 1) * height - 20 - (height - 50) * value / top:.1f}"
            for sample, value in zip(it.samples, values, strict=True)
        )
        parts.append(f'<text x="40" y="{row * height + 20}" font-size="14">{name}, at most {top:g}</text>')
        parts.append(f'<polyline fill="none" stroke="#2563eb" stroke-width="1.5" points="{points}"/>')
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def main(arguments: list[str]) -> int:
    minutes, picture = (
        float(arguments[0]) if arguments else 1.0,
        Path(arguments[1] if len(arguments) > 1 else "soak.svg"),
    )
    with tempfile.TemporaryDirectory() as folder:
        it, wrong = asyncio.run(soak(Path(folder), 60 * minutes))
    plot(it, picture)
    print(report(it), f"plot: {picture}", *(f"WRONG: {what}" for what in wrong), sep="\n")  # noqa: T201
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
