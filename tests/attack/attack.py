"""``script/attack [SECONDS]``: a real server, a few hosts that do to it whatever can be done, all at once, and a quiet
host that wants to be served meanwhile. Afterwards it speaks in ten languages through every door, and holds nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
import psutil
from websockets.asyncio.client import connect as websocket

from tests.faults.test_process import reachable, running
from tests.harness import until
from tests.mosquitto import PROGRAM, Mosquitto, listening
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.servers.wyoming.client import WyomingClient
from wyoming_qwen3tts.settings import Address
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.util.memory import resident_bytes

ATTACKERS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
QUIET = "127.0.0.9"
DESCRIBE_S, FIRST_AUDIO_TIMES, MEMORY_MB = 1.0, 3.0, 450
_SETTLE_S = 20.0
_END_OF_TRACE = re.compile(r"(?<=\n)(?=\d{4}-\d\d-\d\d [\d:]+ [A-Z])(?!.{0,40}ERROR)")
_GAUGES = ("qwen3tts_streams", "qwen3tts_queue")
SENTENCES = {
    "de": "Die Waschmaschine ist seit {} Minuten fertig.",
    "en": "The washing machine was done {} minutes ago.",
    "es": "La lavadora terminó hace {} minutos.",
    "fr": "La machine à laver a fini il y a {} minutes.",
    "it": "La lavatrice ha finito {} minuti fa.",
    "ja": "洗濯機は{}分前に終わりました。",
    "ko": "세탁기가 {}분 전에 끝났습니다.",
    "pt": "A máquina de lavar terminou há {} minutos.",
    "ru": "Стиральная машина закончила {} минут назад.",
    "zh": "洗衣机{}分钟前就洗好了。",
}


@dataclass(frozen=True, slots=True)
class Held:
    """What the server holds."""

    memory_mb: int
    descriptors: int
    threads: int
    children: int
    replies: int


@dataclass
class Victim:
    """The server as a quiet host sees it."""

    address: Address
    web: httpx.AsyncClient
    broker: int  # 0: none
    process: psutil.Process
    number: int = 0
    describe_s: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def sentence(self, language: str) -> str:
        """Never the same: what was spoken once is kept."""
        self.number += 1
        return SENTENCES[language].format(self.number)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[WyomingClient]:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(*self.address, local_addr=(QUIET, 0), limit=1 << 20)
        try:
            yield WyomingClient(reader, writer)
        finally:
            writer.close()

    async def describe(self) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(5), self.connected() as client:
                await client.describe()
        except (OSError, TimeoutError) as error:
            self.refused[f"describe: {type(error).__name__}"] += 1
            return
        self.describe_s.append(time.monotonic() - began)

    async def first_audio(self, language: str) -> float | None:
        """Over Wyoming, from the connection on; None, and counted, where it was refused."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(15), self.connected() as client:
                async for _ in client.chunks(self.sentence(language), voice=f"builtin-{language}"):
                    return time.monotonic() - began
            self.refused[f"{language}: no sound"] += 1
        except (OSError, SpeechError, TimeoutError) as error:
            self.refused[f"{language}: {type(error).__name__} {error}"] += 1
        return None

    async def rounds(self, seconds: float, languages: Sequence[str] = ("en", "de")) -> dict[str, list[float]]:
        """Ask again and again, as a house does; first audio by language."""
        end = time.monotonic() + seconds
        heard: dict[str, list[float]] = {language: [] for language in languages}
        while time.monotonic() < end:
            for language, took in heard.items():
                await self.describe()
                if (first := await self.first_audio(language)) is not None:
                    took.append(first)
                await asyncio.sleep(0.1)
        return heard

    # -- afterwards

    async def over_wyoming(self, language: str) -> bool:
        async with self.connected() as client:
            return (await client.speak(self.sentence(language), voice=f"builtin-{language}")).audio_s > 0.5

    async def over_http(self, language: str) -> bool:
        body = {"input": self.sentence(language), "voice": f"builtin-{language}", "response_format": "pcm"}
        return len((await self.web.post("/v1/audio/speech", json=body)).raise_for_status().content) > 24_000

    async def over_websocket(self, language: str) -> bool:
        heard = 0
        uri = f"ws{str(self.web.base_url).removeprefix('http').rstrip('/')}/v1/audio/speech/stream"
        async with websocket(uri, local_addr=(QUIET, 0)) as socket:
            config = {"type": "session.config", "voice": f"builtin-{language}", "response_format": "pcm"}
            for message in (config, {"type": "input.text", "text": self.sentence(language)}, {"type": "input.done"}):
                await socket.send(json.dumps(message))
            async for said in socket:
                if isinstance(said, bytes):
                    heard += len(said)
                elif json.loads(said)["type"] == "session.done":
                    break
        return heard > 24_000

    async def over_mqtt(self, language: str) -> bool:
        async with listening(self.broker, "qwen3tts/result", "qwen3tts/status") as us:
            await until(lambda: us.on("qwen3tts/status")[-1:] == [b"online"], 20)
            text = self.sentence(language)
            told = {"text": text, "voice": f"builtin-{language}", "id": f"{language}-{self.number}", "audio": True}
            await us.publish("qwen3tts/say", told)
            await until(lambda: any(answer["id"] == told["id"] for answer in us.objects("qwen3tts/result")), 20)
        return any(answer["id"] == told["id"] and answer["ok"] is True for answer in us.objects("qwen3tts/result"))

    async def mute(self) -> list[str]:
        """The doors and languages through which nothing is heard."""
        doors = [self.over_wyoming, self.over_http, self.over_websocket, *[self.over_mqtt] * bool(self.broker)]
        found = [await asyncio.gather(*(self.silence(door, code) for door in doors)) for code in LANGUAGES]
        return [silence for of_language in found for silence in of_language if silence]

    async def silence(self, door: Callable[[str], Awaitable[bool]], language: str) -> str:
        """What is heard in the place of speech; nothing if all is well."""
        why = "silence"
        try:
            async with asyncio.timeout(30):
                if await door(language):
                    return ""
        except (OSError, SpeechError, httpx.HTTPError, TimeoutError) as error:
            why = f"{type(error).__name__} {error}"
        return f"{door.__name__} in {language}: {why}"

    async def held(self) -> Held:
        metrics = (await self.web.get("/metrics")).text
        replies = sum(float(re.findall(rf"^{name} (\S+)$", metrics, re.MULTILINE)[0]) for name in _GAUGES)
        it = self.process
        memory = resident_bytes(it.pid) >> 20
        return Held(memory, it.num_fds(), it.num_threads(), len(it.children(recursive=True)), int(replies))


@dataclass
class Outcome:
    """What became of it. ``wrong`` is empty if all is well; so is ``slow`` where nothing else wants the processor."""

    idle: dict[str, list[float]] = field(default_factory=dict)
    beside: dict[str, list[float]] = field(default_factory=dict)  # the same attack on a server that does nothing
    attacked: dict[str, list[float]] = field(default_factory=dict)
    describe_s: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    before: Held | None = None
    after: Held | None = None
    peak_mb: int = 0
    processor: float = 0.0  # that the server took, in processors
    attackers_processor: float = 0.0
    wrong: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"{count:8} {name}" for name, count in sorted(self.done.items())]
        for language, idle in self.idle.items():
            meanwhile = sorted(self.attacked[language])
            ratio = median(meanwhile) / median(idle) if meanwhile else float("inf")
            lines += [
                f"first audio in {language}: {_ms(median(idle))} idle",
                f"    attacked {ratio:.1f} times as long: {_spread(meanwhile)}",
                f"    beside the same attack on a server that does nothing: {_spread(sorted(self.beside[language]))}",
            ]
        lines += [f"describe of a quiet host: {_spread(sorted(self.describe_s))}", f"memory: at most {self.peak_mb} MB"]
        lines.append(f"the server took {self.processor:.2f} processors, the attackers {self.attackers_processor:.2f}")
        return "\n".join([*lines, f"before: {self.before}", f"after:  {self.after}", *self.wrong, *self.slow])


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def _spread(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{len(values)} times"
    p99 = quantiles(values, n=100, method="inclusive")[98]
    return f"median {_ms(median(values))}, p99 {_ms(p99)}, most {_ms(values[-1])}, {len(values)} times"


async def attack(
    folder: Path, seconds: float, tell: Callable[[str], object] = lambda _: None, kinds: Sequence[str] = ()
) -> Outcome:
    """All ``kinds`` that there are, or those that are named."""
    log, outcome = folder / "log", Outcome()
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Mosquitto(folder)) if PROGRAM else None
        port = 0 if broker is None else broker.port
        flags = ["--data-dir", str(folder / "home"), "--announce.clips-mb", "8", "--engine.kind", "builtin"]
        if broker is not None:
            flags += ["--mqtt.host", "127.0.0.1", "--mqtt.port", str(port), "--mqtt.hermes", "true"]
        process, address = await stack.enter_async_context(running(*flags, log=log))
        web = await stack.enter_async_context(reachable(log))
        quiet = httpx.AsyncClient(
            base_url=web.base_url, timeout=30, transport=httpx.AsyncHTTPTransport(local_address=QUIET)
        )
        await stack.enter_async_context(quiet)
        it = Victim(address, quiet, port, psutil.Process(process.pid))
        outcome.wrong += [f"before all: {silent}" for silent in await it.mute()]  # which loads everything, too
        tell("all doors speak")
        outcome.idle = await it.rounds(min(10.0, seconds / 2))
        tell("what is idle is known")
        outcome.beside = await _beside(it, min(10.0, seconds / 2), kinds)
        tell("so is what an attack takes of the processor")
        outcome.before = await it.held()
        it.describe_s.clear()
        ports = (it.address.port, it.web.base_url.port or 0, port)
        attacked = [await _attacker(host, ports, seconds, kinds) for host in ATTACKERS]
        await asyncio.sleep(1)
        peak, began, before = asyncio.create_task(_peak(it.process)), time.monotonic(), it.process.cpu_times()
        children = os.times()
        outcome.attacked = await it.rounds(seconds - 1)
        after, took_s = it.process.cpu_times(), time.monotonic() - began
        outcome.processor = (after.user + after.system - before.user - before.system) / took_s
        outcome.describe_s = it.describe_s
        tell("the attack is over")
        await _end(attacked, outcome, seconds, children)
        peak.cancel()
        outcome.peak_mb = max(await asyncio.gather(peak, return_exceptions=False))
        if process.returncode is not None:
            outcome.wrong.append(f"the server ended with {process.returncode}")
            return outcome
        outcome.wrong += [f"refused, {count} times: {what}" for what, count in it.refused.items()]
        outcome.after = await _settled(it, outcome.before)
        outcome.wrong += [f"afterwards: {silent}" for silent in await it.mute()]
    outcome.wrong += _verdict(outcome, log.read_text())
    return outcome


async def _attacker(
    host: str, ports: tuple[int, int, int], seconds: float, kinds: Sequence[str]
) -> asyncio.subprocess.Process:
    """One that has begun."""
    attacker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.attack.attacker", host, *map(str, ports), str(seconds), *kinds,
        stdout=asyncio.subprocess.PIPE, env=os.environ,
    )  # fmt: skip
    assert attacker.stdout is not None
    assert await attacker.stdout.readline() == b"ready\n"
    return attacker


async def _end(
    attackers: Sequence[asyncio.subprocess.Process], outcome: Outcome, seconds: float, before: os.times_result
) -> None:
    """What they did, and took; one that does not end is killed. ``before``: the times when none of them had ended."""
    for attacker in attackers:
        try:
            async with asyncio.timeout(15):
                said, _ = await attacker.communicate()
        except TimeoutError:
            attacker.kill()
            said, _ = await attacker.communicate()
        outcome.done.update(json.loads(said or "{}"))
        if attacker.returncode:
            outcome.wrong.append(f"an attacker ended with {attacker.returncode}")
    now = os.times()
    took_s = now.children_user + now.children_system - before.children_user - before.children_system
    outcome.attackers_processor = took_s / seconds  # a little less: their start is counted


async def _beside(it: Victim, seconds: float, kinds: Sequence[str]) -> dict[str, list[float]]:
    """First audio of the quiet host while the attackers attack something else on the same machine."""
    sink = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.attack.sink", stdout=asyncio.subprocess.PIPE, env=os.environ
    )
    assert sink.stdout is not None
    port = int(await sink.stdout.readline())
    attackers = [await _attacker(host, (port, port, 0), seconds + 1, kinds) for host in ATTACKERS]
    try:
        return await it.rounds(seconds)
    finally:
        for process in (*attackers, sink):
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _peak(process: psutil.Process) -> int:
    """The most memory until this is cancelled."""
    most = 0
    with contextlib.suppress(asyncio.CancelledError, psutil.Error, OSError):
        while True:
            most = max(most, resident_bytes(process.pid) >> 20)
            await asyncio.sleep(0.25)
    return most


async def _settled(it: Victim, before: Held) -> Held:
    """What is held when nothing changes any more, at most after `_SETTLE_S`."""
    end = time.monotonic() + _SETTLE_S
    while True:
        after = await it.held()
        if not _left(before, after) or time.monotonic() > end:
            return after
        await asyncio.sleep(0.5)


def _left(before: Held, after: Held) -> list[str]:
    wrong = []
    if after.replies or after.children:
        wrong.append(f"{after.replies} replies and {after.children} child processes are left")
    if after.descriptors > before.descriptors:
        wrong.append(f"{after.descriptors} descriptors are open, {before.descriptors} were before")
    if after.threads > before.threads + 8:  # pools that grew to their size
        wrong.append(f"{after.threads} threads run, {before.threads} did before")
    return wrong


def _verdict(outcome: Outcome, log: str) -> list[str]:
    assert outcome.before is not None
    assert outcome.after is not None
    wrong = _left(outcome.before, outcome.after)
    if outcome.peak_mb > MEMORY_MB:
        wrong.append(f"{outcome.peak_mb} MB of memory; {MEMORY_MB} are stated")
    if not outcome.describe_s or max(outcome.describe_s) > DESCRIBE_S:
        wrong.append(f"describe took {_ms(max(outcome.describe_s, default=float('inf')))}")
    for language, idle in outcome.idle.items():
        meanwhile = outcome.attacked[language]
        if not meanwhile or median(meanwhile) > FIRST_AUDIO_TIMES * median(idle):
            outcome.slow.append(
                f"first audio in {language} takes more than {FIRST_AUDIO_TIMES:g} times as long as in peace"
            )
    for odd in ("Traceback", "never retrieved", "was never awaited"):
        if odd in log:
            around = log[max(0, log.index(odd) - 300) :]
            wrong.append(
                f"{log.count(odd)} times in the log: {around[:400]} ... {_END_OF_TRACE.split(around)[0][-1200:]}"
            )
    return wrong


def main(arguments: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        seconds, began = float(arguments[0]) if arguments else 60.0, time.monotonic()

        def tell(what: str) -> None:
            print(f"{time.monotonic() - began:5.0f} s: {what}", flush=True)  # noqa: T201

        outcome = asyncio.run(attack(Path(folder), seconds, tell, arguments[1:]))
    print(outcome)  # noqa: T201
    is_wrong = bool(outcome.wrong or outcome.slow)
    print("WRONG" if is_wrong else "All is well: it serves, and holds nothing")  # noqa: T201
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
