"""How long it takes from a message at the broker to the first sound at its URL, and what of that the engine takes.

Run by `script/bench-mqtt`, and by a test. Broker, server, publisher and listener share this machine.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import aiomqtt
import httpx

from tests.harness import until
from tests.mosquitto import Mosquitto
from tests.servers.mqtt.house import House, serving
from wyoming_qwen3tts.servers.mqtt.client import AT_ONCE, PatchedClient

_WAV_HEADER = 44
_PAUSE_S = 0.05  # else the broker holds a message back until what it sent before is confirmed (Nagle's algorithm)


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds after the publication."""

    result: float  # the answer came back over the broker
    sound: float  # the first sample came from the URL
    engine: float  # of that, what the engine took from its request to its first sound

    @property
    def over(self) -> float:
        return self.sound - self.engine


async def announce(client: aiomqtt.Client, web: httpx.AsyncClient, house: House, number: int) -> Times:
    """One announcement, as somebody who wants to play it sees it."""
    ttfa: list[float] = []
    house.service.observe(lambda stats: ttfa.append(stats.ttfa_s or 0.0))
    began = time.perf_counter()
    await client.publish("qwen3tts/say", json.dumps({"text": f"Number {number} is done.", "id": str(number)}))
    async for message in client.messages:
        answer = json.loads(message.payload)
        break
    answered = time.perf_counter()
    async with web.stream("GET", answer["url"]) as sound:
        got, heard = 0, 0.0
        async for piece in sound.aiter_raw():
            got += len(piece)
            if got > _WAV_HEADER and not heard:
                heard = time.perf_counter()
    await until(lambda: ttfa)
    house.service._observers.pop()
    return Times(1000 * (answered - began), 1000 * (heard - began), 1000 * ttfa[0])


async def measure(folder: Path, count: int) -> list[Times]:
    """``count`` announcements one after the other."""
    async with Mosquitto(folder) as broker, serving(broker.port, folder) as house:
        await house.connected()
        async with (
            PatchedClient("127.0.0.1", broker.port, socket_options=AT_ONCE) as client,
            httpx.AsyncClient() as web,
        ):
            await client.subscribe("qwen3tts/result", qos=1)
            times = []
            for number in range(count):
                times.append(await announce(client, web, house, number))
                await asyncio.sleep(_PAUSE_S)
            return times


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        times = await measure(Path(folder), 60)
    for name in ("result", "sound", "engine", "over"):
        values = sorted(getattr(one, name) for one in times[5:])
        sys.stdout.write(f"{name:7} median {median(values):6.1f} ms   p95 {values[int(0.95 * len(values))]:6.1f} ms\n")


if __name__ == "__main__":
    asyncio.run(main())
