"""Four servers, of which one at a time is killed, stalled, garbling, slow or restarted at random, while replies are
spoken through them: ``script/deaths [REPLIES] [SEED]``.

Each server writes who it is and which sentence this is into every sample, so that what was heard tells whether it is
whole, in order, and each sentence from one server alone.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field

import numpy as np

from tests.engine.remote.speech_server import SpeechServer, chunk, head
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine, Timing
from wyoming_qwen3tts.errors import EngineError
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.util.backoff import Backoff

SERVERS, AT_ONCE, STALL_S = 4, 6, 0.4  # a busy machine must not look like four silent servers
FAULTS = ("killed", "stalled", "garbling", "slow", "restarted", "refusing", "draining", "silent")
_TAIL = FORMAT.silence(0.15)


class Mortal(SpeechServer):
    """Speaks, unless ``fault`` says otherwise. A sentence is ``say N M``: sentence N, M samples long."""

    def __init__(self, number: int, chance: random.Random) -> None:
        super().__init__(self._answer)
        self.number, self.fault, self._chance = number, "", chance
        self._writers: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self.port = 0

    async def up(self) -> None:
        """Listen, each time at the same port."""
        self._listening = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self._listening.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def down(self) -> None:
        """As a process that was killed: every connection breaks, and nobody listens."""
        if self._listening is not None:
            self._listening.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await super().serve(reader, writer)
        finally:
            self._writers.discard(writer)

    def _answer(self, writer: asyncio.StreamWriter) -> Awaitable[None]:
        return self._speak(writer, self.bodies[-1]["input"])  # now: others may be asked before it begins

    async def _speak(self, writer: asyncio.StreamWriter, text: str) -> None:
        _, sentence, samples = text.split()
        sound = np.full(int(samples), 100 * int(sentence) + self.number, "<i2").tobytes()
        fault, at = self.fault, self._chance.randrange(len(sound))  # at any byte
        if fault in ("refusing", "draining"):
            writer.write(head("application/json", status=_STATUS[fault], length=2) + b"{}")
            return
        if fault == "silent":
            await asyncio.sleep(60)
        kind = self._chance.choice(("text/html", "audio/wav")) if fault == "garbling" else "audio/pcm"
        writer.write(head(kind))
        for start in range(0, len(sound), 3000):
            if fault in ("killed", "stalled", "garbling") and start + 3000 > at:
                writer.write(chunk(sound[start:at]) if at > start else b"")
                await writer.drain()
                if fault == "stalled":
                    await asyncio.sleep(60)
                writer.write(b"no length of a chunk\r\n")
                return
            writer.write(chunk(sound[start : start + 3000]))
            await writer.drain()
            await asyncio.sleep(0.02 if fault == "slow" else 0.003)
        writer.write(b"0\r\n\r\n")


_STATUS = {"refusing": "500 Internal Server Error", "draining": "503 Service Unavailable"}


@dataclass
class Outcome:
    """What became of the replies. ``wrong`` is empty if all is well."""

    whole: int = 0
    ended: Counter[str] = field(default_factory=Counter)  # with an error, by the fault of that moment
    faults: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ended = ", ".join(f"{count} {fault or 'none'}" for fault, count in self.ended.most_common()) or "none"
        return f"{self.whole} replies whole; ended after their first sound, by the fault of that moment: {ended}"


async def deaths(replies: int, seed: int) -> Outcome:
    """Speak ``replies`` of one to three sentences."""
    chance, outcome = random.Random(seed), Outcome()
    async with AsyncExitStack() as stack:
        servers = [Mortal(number, chance) for number in range(SERVERS)]
        for server in servers:
            await server.up()
            stack.callback(server.down)
        engine = RemoteEngine(
            [server.url for server in servers],
            sentence_pause_s=0,
            timing=Timing(stall_s=STALL_S, open_s=0.05, probe_s=0.05),
            backoff=lambda: Backoff(0.01, 0.02),
        )
        await engine.start()
        stack.push_async_callback(engine.close)
        left = iter(range(replies))

        async def listeners() -> None:
            for _ in left:
                await _one(engine, servers, chance, outcome)

        async with asyncio.TaskGroup() as listening:
            tasks = [listening.create_task(listeners()) for _ in range(AT_ONCE)]
            while not all(task.done() for task in tasks):
                await _one_fault(servers, chance, outcome)
        _at_rest(engine, outcome)
    return outcome


async def _one_fault(servers: list[Mortal], chance: random.Random, outcome: Outcome) -> None:
    """One server is unwell for a moment; then all are well for long enough to be found so."""
    server, fault = chance.choice(servers), chance.choice(FAULTS)
    outcome.faults[fault] += 1
    server.fault = fault
    if fault == "restarted":
        server.down()
    await asyncio.sleep(chance.uniform(0.02, 0.1))
    if fault == "restarted":
        await server.up()
    server.fault = ""
    await asyncio.sleep(STALL_S + 0.05)  # longer than it takes to find a silent one out


async def _one(engine: RemoteEngine, servers: list[Mortal], chance: random.Random, outcome: Outcome) -> None:
    lengths = [chance.randrange(2_000, 40_000) for _ in range(chance.randint(1, 3))]

    async def segments() -> AsyncIterator[Segment]:
        for number, samples in enumerate(lengths, 1):
            yield Segment(f"say {number} {samples}", "en")

    ryan = next(voice for voice in engine.voices() if voice.name == "ryan-en")
    heard, error = b"", None
    try:
        async with engine.speak(SpeechRequest(segments(), ryan)) as audio:
            async for pcm in audio:
                heard += pcm
    except EngineError as failed:
        error = failed
    if error is None:
        outcome.whole += 1
        if not heard.endswith(_TAIL):
            outcome.wrong.append("a reply without its end")
        heard = heard[: -len(_TAIL)]
    else:
        outcome.ended[next((server.fault for server in servers if server.fault), "")] += 1
        if not heard:
            outcome.wrong.append(f"a reply was lost that had not begun: {error}")
        if not str(error).startswith("http://127.0.0.1:"):
            outcome.wrong.append(f"an error that names no server: {error}")
    if trouble := _flaw(np.frombuffer(heard, "<i2"), lengths, is_whole=error is None):
        outcome.wrong.append(trouble)


def _flaw(samples: np.ndarray, lengths: list[int], *, is_whole: bool) -> str | None:
    """What is wrong with what was heard of sentences of these lengths; None if nothing is."""
    at = 0
    for number, length in enumerate(lengths, 1):
        piece = samples[at : at + length]
        at += length
        if len(set(piece.tolist())) > 1:
            return f"sentence {number} is in the voices of {sorted(set(piece.tolist()))}"
        if len(piece) and piece[0] // 100 != number:
            return f"sentence {piece[0] // 100} was heard in the place of {number}"
        if is_whole and len(piece) < length:
            return f"sentence {number} has {len(piece)} samples of {length}"
    return "more was heard than was said" if len(samples) > at else None


def _at_rest(engine: RemoteEngine, outcome: Outcome) -> None:
    for server in engine.servers():
        if server.outstanding_s:
            outcome.wrong.append(f"{server.url} has {server.outstanding_s} s outstanding, and nobody is spoken to")


def main() -> int:
    """Print what became of the replies."""
    numbers = [int(word) for word in sys.argv[1:]]
    with suppress(KeyboardInterrupt):
        outcome = asyncio.run(deaths(*(numbers + [1000, 25][len(numbers) :])))
        print(outcome, f"\nfaults: {dict(outcome.faults)}", *outcome.wrong, sep="\n")  # noqa: T201
        return bool(outcome.wrong)
    return 130


if __name__ == "__main__":
    sys.exit(main())
