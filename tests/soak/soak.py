"""``script/soak MINUTES [PLOT.svg]``: all doors of the real server at once, by six kinds of clients who leave when they
like, while everything around it fails: its programs, its broker, the engines that it speaks through, its disk, its
clock. What it needs is looked at each second.

The server speaks through two remote engines, one of them a second real server with a tiny model, whose engine thread
fails too; where neither can, and whenever a client asks for it, through its built-in voice.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import httpx
import psutil
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import WebSocketException

from tests.faults.test_memory import FORMATS, text_of
from tests.faults.test_process import reachable, running
from tests.harness import chunk, free_port, start
from tests.mosquitto import PROGRAM, Mosquitto, listening
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address
from wyoming_qwen3tts.speech.wyoming_framing import encode_event
from wyoming_qwen3tts.util.memory import resident_bytes

from .programs import Program, WallClock, piped_log
from .report import Sample, Took, growth, p99, plot, table

_GONE = (OSError, SpeechError, httpx.HTTPError, WebSocketException, aiomqtt.MqttError, TimeoutError)
_MEMORY_MB = 450
_SETTLE_S = 15.0
_VOICES = (None, None, "builtin-en", "builtin-de", "builtin-fr", "builtin-ru", "ryan-en")
_DAY_S = 86_400
_JUMPS_S = (_DAY_S, -_DAY_S, 40 * _DAY_S, -3000 * _DAY_S, 5, -3600, 0)
_BROKEN_ENGINE = 70  # what the model's server may end with by itself


@dataclass
class Soak:
    """What was done, and what was seen."""

    address: Address
    web: httpx.AsyncClient
    broker: Mosquitto | None
    model: Program
    tones: Program
    clock: WallClock
    server: psutil.Process
    end: float
    engine_ports: tuple[int, ...]
    began: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(18))
    done: Counter[str] = field(default_factory=Counter)
    marks: list[tuple[float, str]] = field(default_factory=list)
    heard: list[Took] = field(default_factory=list)
    described: list[Took] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    number: int = 0

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.end

    @property
    def at_s(self) -> float:
        return time.monotonic() - self.began

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
            spoken = await client.speak(self.text(), voice=self.rng.choice(_VOICES))
            self.heard.append(Took(self.at_s, spoken.first_audio_s or 0.0))

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
        body = {
            "input": self.text(),
            "response_format": self.rng.choice(FORMATS),
            "voice": self.rng.choice(_VOICES) or "ryan",
        }
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
        """Bytes that are nothing, at both doors; somebody quiet who wants to know whether we are there; and the page,
        which writes to the disk."""
        port = self.rng.choice([self.address.port, self.web.base_url.port])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(self.rng.randbytes(self.rng.randrange(1, 5_000)))
        writer.transport.abort() if self.rng.random() < 0.5 else writer.close()
        began = time.monotonic()
        async with connect(self.address) as client:
            await client.describe()
        self.described.append(Took(self.at_s, time.monotonic() - began))
        words = {"text": f"soak{self.number} = {self.rng.choice(['soak', 'sohk'])}\n"}
        answer = await self.web.put("/v1/lexicon/en", json=words)
        self.done[f"lexicon: {answer.status_code}"] += 1

    # -- what happens to it

    def mark(self, what: str) -> None:
        self.done[what] += 1
        self.marks.append((self.at_s, what))

    async def pause(self, least_s: float, most_s: float) -> bool:
        """Whether there is time left after a while."""
        await asyncio.sleep(min(self.rng.uniform(least_s, most_s), max(0.0, self.end - time.monotonic())))
        return not self.is_over

    async def kill_children(self) -> None:
        while await self.pause(0.5, 1.5):
            with contextlib.suppress(psutil.Error):
                for child in self.server.children(recursive=True):
                    child.kill()
                    self.done["killed programs"] += 1

    async def kill_broker(self) -> None:
        while self.broker is not None and await self.pause(4, 16):
            await self.broker.restart()
            self.mark("killed broker")

    async def kill_engines(self) -> None:
        """The model's server may also end by itself, when its engine has failed too often."""
        while await self.pause(5, 30):
            engine, name = self.rng.choice([(self.model, "killed model server"), (self.tones, "killed tone server")])
            if engine.signal(signal.SIGKILL):
                self.mark(name)

    async def fail_engine_thread(self) -> None:
        while await self.pause(2, 8):
            if self.model.signal(signal.SIGUSR1):
                self.mark("failed engine thread")

    async def fill_disk(self) -> None:
        """No file can be written, for some seconds at a time. Only after a while: the recordings take a break of ten
        minutes then."""
        if not await self.pause(*[(self.end - time.monotonic()) / 2] * 2):
            return
        try:
            while True:
                self.server.rlimit(psutil.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
                self.mark("full disk")
                goes_on = await self.pause(1, 4)
                self.server.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                if not goes_on or not await self.pause(4, 10):
                    return
        except (psutil.Error, OSError) as error:
            self.skipped.append(f"full disk: the limits of another process cannot be set here ({error})")

    async def jump_clock(self) -> None:
        while self.clock.is_there and await self.pause(2, 6):
            self.clock.jump_to(self.rng.choice(_JUMPS_S))
            self.mark("clock jump")

    async def look(self) -> None:
        while not self.is_over:
            try:
                self.samples.append(await self.sample())
            except (psutil.Error, OSError):  # it is gone; what is left of the soak says so
                self.end = 0.0
                return
            await asyncio.sleep(1)

    async def sample(self) -> Sample:
        server = self.server
        return Sample(
            self.at_s,
            resident_bytes(server.pid) >> 20,
            server.num_fds(),
            server.num_threads(),
            len(server.children(recursive=True)),
        )

    def open_files(self) -> str:
        """What is open, for people."""
        ours = {self.address.port: "Wyoming", self.web.base_url.port: "web"} | {
            port: f"remote {number}" for number, port in enumerate(self.engine_ports)
        }
        found: Counter[str] = Counter()
        for it in self.server.net_connections():
            port = it.raddr.port if it.raddr and it.raddr.port in ours else it.laddr.port if it.laddr else 0
            found[f"{ours.get(port, 'other')} {it.status}"] += 1
        found.update("files" for _ in self.server.open_files())
        return ", ".join(f"{count} {what}" for what, count in found.most_common())

    async def gauge(self, name: str) -> float:
        """The sum of what ``/metrics`` tells of it."""
        text = (await self.web.get("/metrics")).text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


async def soak(folder: Path, seconds: float) -> tuple[Soak, list[str]]:
    """What was seen, and what was wrong with it."""
    log, model_log = folder / "log", folder / "model-log"
    async with contextlib.AsyncExitStack() as stack:
        clock = WallClock(folder)
        ports = free_port(), free_port()
        model = await stack.enter_async_context(model_server(folder, ports[0], model_log))
        tones = Program("tests.soak.tone_server", str(ports[1]), log=folder / "tone-log")
        await stack.enter_async_context(tones)
        broker = await stack.enter_async_context(Mosquitto(folder)) if PROGRAM else None
        flags = ["--data-dir", str(folder / "home"), "--announce.clips-mb", "8"]
        flags += ["--engine.kind", "remote", "--engine.urls", ",".join(f"http://127.0.0.1:{port}" for port in ports)]
        if broker is not None:
            flags += ["--mqtt.host", "127.0.0.1", "--mqtt.port", str(broker.port)]
        stderr = await stack.enter_async_context(piped_log(log))
        process, address = await stack.enter_async_context(
            running(*flags, log=log, environment=clock.environment, stderr=stderr, within_s=60)
        )
        web = await stack.enter_async_context(reachable(log))
        server = psutil.Process(process.pid)
        it = Soak(address, web, broker, model, tones, clock, server, float("inf"), ports, time.monotonic())
        it.skipped += [] if clock.is_there else ["clock jumps: there is no C compiler"]
        it.skipped += [] if broker else ["the broker: mosquitto is not installed"]
        for _ in range(6):  # all is loaded: every format's library, every kind of client
            with contextlib.suppress(*_GONE):
                await asyncio.gather(it.wyoming(), it.openai())
        before = await it.sample()
        it.heard.clear()
        it.began = time.monotonic()
        it.end = it.began + seconds
        kinds = (it.wyoming, it.leaver, it.openai, it.live_text, it.publisher, it.stranger)
        faults = (it.kill_children, it.kill_broker, it.kill_engines, it.fail_engine_thread, it.fill_disk, it.jump_clock)
        async with asyncio.TaskGroup() as tasks:
            for kind in kinds:
                tasks.create_task(it.forever(kind.__name__, kind))
            for fault in (*faults, it.look):
                tasks.create_task(fault())
        if (ended := process.returncode) is not None:
            return it, [f"the server ended with {ended}"]
        wrong = [*await _settled(it, before), *_verdict(it), *_model_verdict(it, model_log.read_text())]
        wrong += [f"{it.done['lexicon: 200']} pronunciations were kept"] * (not it.done["lexicon: 200"])
        if trace := _trace(log.read_text()):
            wrong.append(f"a traceback in the log: {trace}")
    return it, wrong


def model_server(folder: Path, port: int, log: Path) -> Program:
    """A real server with a tiny model: Qwen3-TTS in all but size."""
    from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint

    model = write_tiny_checkpoint(folder / "tiny")
    flags = ["--engine.kind", "qwen3", "--engine.model", str(model), "--models.offline", "on", "--engine.device", "cpu"]
    flags += ["--http.uri", f"tcp://127.0.0.1:{port}", "--wyoming.uri", "tcp://127.0.0.1:0", "--zeroconf", "off"]
    flags += ["--data-dir", str(folder / "model-home")]
    return Program("tests.soak.model_server", "serve", *flags, log=log)


async def _settled(it: Soak, before: Sample) -> list[str]:
    """In quiet, nothing is held any more."""
    end = time.monotonic() + _SETTLE_S
    while True:
        wrong = await _left(it, before)
        if not wrong or time.monotonic() > end:
            break
        await asyncio.sleep(0.5)
    if freed := re.findall(r'qwen3tts_watchdog_freed_total{what="(.+)"} (\S+)', (await it.web.get("/metrics")).text):
        wrong.append(f"the watchdog had to free {freed}")
    for voice in ("builtin-de", None):
        async with connect(it.address) as client:
            if not (await client.speak("Es spricht noch, auf Deutsch.", voice=voice)).audio_s:
                wrong.append("it does not speak German any more")
    return wrong


async def _left(it: Soak, before: Sample) -> list[str]:
    """What is still held, in words."""
    now, wrong = await it.sample(), []
    if now.children:
        wrong.append(f"{now.children} child processes are left")
    if now.descriptors > before.descriptors + 4:
        wrong.append(f"{now.descriptors} descriptors are open, {before.descriptors} were before: {it.open_files()}")
    if now.threads > before.threads + 8:  # pools that grew to their size
        wrong.append(f"{now.threads} threads run, {before.threads} did before")
    if left := await it.gauge("qwen3tts_streams") + await it.gauge("qwen3tts_queue"):
        wrong.append(f"{left:.0f} replies are left")
    return wrong


def _verdict(it: Soak) -> list[str]:
    wrong = []
    peak = max(sample.memory_mb for sample in it.samples)
    if peak > _MEMORY_MB:
        wrong.append(f"{peak} MB of memory; {_MEMORY_MB} are stated")
    if grows := growth(it.samples):
        wrong.append(grows)
    if (slow := p99([took.seconds for took in it.described])) > 1:
        wrong.append(f"describe took {slow:.1f} s, p99")
    kinds = ("wyoming", "leaver", "openai", "live_text", "stranger")
    return wrong + [f"nothing of {kind} came to its end" for kind in kinds if not it.done[kind]]


def _model_verdict(it: Soak, log: str) -> list[str]:
    """The other server may only have ended as it was killed, or because its engine failed too often."""
    # A process that ends by itself has no handlers at its very end, so SIGUSR1 may come first.
    odd = set(it.model.codes) - {-signal.SIGKILL, -signal.SIGUSR1, _BROKEN_ENGINE}
    wrong = [f"the model's server ended with {code}" for code in sorted(odd)]
    told = re.sub(r"Traceback(?:(?!Traceback).)*?\nZeroDivisionError: its words are withheld", "", log, flags=re.DOTALL)
    return wrong + [f"a traceback in the log of the model's server: {trace}" for trace in [_trace(told)] if trace]


def _trace(log: str) -> str:
    return log[log.index("Traceback") :][:2000] if "Traceback" in log else ""


def report(it: Soak) -> str:
    """For people."""
    lines = [table(it.samples, it.heard)]
    for name, took in (("first audio", it.heard), ("describe", it.described)):
        if values := sorted(one.seconds for one in took):
            middle = values[len(values) // 2]
            lines.append(f"{name}: median {middle * 1000:.0f} ms, p99 {p99(values) * 1000:.0f} ms, {len(values)} times")
    lines += [f"{count:8} {name}" for name, count in sorted(it.done.items())]
    lines += [f"{count:8} the model's server ended with {code}" for code, count in Counter(it.model.codes).items()]
    return "\n".join([*lines, *(f"skipped: {what}" for what in it.skipped)])


def main(arguments: Sequence[str]) -> int:
    minutes = float(arguments[0]) if arguments else 1.0
    picture = Path(arguments[1] if len(arguments) > 1 else "soak.svg")
    with tempfile.TemporaryDirectory() as folder:
        it, wrong = asyncio.run(soak(Path(folder), 60 * minutes))
    plot(picture, it.samples, it.heard, it.marks)
    print(report(it), f"plot: {picture}", *(f"WRONG: {what}" for what in wrong), sep="\n")  # noqa: T201
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
