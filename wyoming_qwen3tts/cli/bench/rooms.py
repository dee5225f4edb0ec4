"""``bench --rooms``: what more rooms cost the one process that stands before the model servers."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Any

from ...app.descriptors import raise_descriptors
from ...engine.remote.router import expected_s
from ...servers.wyoming.client import connect
from ...settings import Address
from ...util.memory import resident_bytes
from ...util.processes import Child
from .building import LOAD, SEED, Listeners, at_their_times, percentiles, requests, sentences
from .children import free_port, processor_s, serving
from .model_servers import RTX_4090, ModelServer, Timing, model_servers
from .wyoming import TEXTS

EVERY_S, LASTS_S = 120.0, 20.0  # a room asks so often, at the busiest time
_DESCRIBE_EVERY_S, _IDLE_S = 0.02, 4.0


def bench_rooms(rooms: Sequence[int], lasts_s: float = LASTS_S) -> dict[str, Any]:
    """For each number of rooms: all their satellites connected, one reply every `EVERY_S` from each, and as many
    servers as that needs at `LOAD`."""
    raise_descriptors()
    runs = [asyncio.run(_run(count, lasts_s, RTX_4090)) for count in rooms]
    return {
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "timing": RTX_4090.name,
        "every_s": EVERY_S,
        "runs": runs,
    }


async def _run(rooms: int, lasts_s: float, timing: Timing) -> dict[str, Any]:
    cards = cards_for(rooms, timing)
    heard = Listeners()
    async with model_servers(cards, timing, SEED) as models, _whole_server(models) as (child, address):
        await warm_up(address, 1)
        before_mb = resident_bytes(child.pid) >> 20
        async with _satellites(address, rooms):
            idle_mb = resident_bytes(child.pid) >> 20
            idle_s = await _ask(address, min(_IDLE_S, lasts_s))
            computed_s, began = processor_s(child), time.perf_counter()
            asking = asyncio.create_task(_ask(address, lasts_s))
            async with asyncio.TaskGroup() as all_:
                busy = rooms / EVERY_S * mean_work_s(timing)
                await at_their_times(requests(busy, "poisson", lasts_s, timing, SEED), address, heard, all_)
            describe_s = await asking
            share = (processor_s(child) - computed_s) / (time.perf_counter() - began)
            most_mb = resident_bytes(child.pid) >> 20
    return {
        "rooms": rooms,
        "cards": cards,
        "satellites_mb": idle_mb - before_mb,
        "memory_mb": most_mb,
        "core_share": round(share, 3),
        "idle_describe_p99_ms": _p99_ms(idle_s),
        "describe_p99_ms": _p99_ms(describe_s),
        **percentiles(heard.first_s),
        "replies": len(heard.first_s),
        "underruns": heard.underruns,
        "refused": heard.refused,
    }


async def warm_up(address: Address, processes: int) -> None:
    """Nobody is measured cold: by chance every process has every text, or nearly so."""
    for text in TEXTS * (1 if processes == 1 else 3 * processes):
        await Listeners().listen(address, text)


def mean_work_s(timing: Timing) -> float:
    """How long one reply keeps a card busy."""
    return sum(timing.work_s(expected_s(part, "en")) for text in TEXTS for part in sentences(text)) / len(TEXTS)


def cards_for(rooms: int, timing: Timing) -> int:
    """How many cards so many rooms need."""
    return math.ceil(rooms / EVERY_S * mean_work_s(timing) / LOAD)


@asynccontextmanager
async def _whole_server(models: Sequence[ModelServer]) -> AsyncIterator[tuple[Child, Address]]:
    address = Address("127.0.0.1", free_port())
    with tempfile.TemporaryDirectory() as folder:
        async with serving(remote_flags(models, address, folder)) as child:
            yield child, address


def remote_flags(models: Sequence[ModelServer], address: Address, folder: str) -> dict[str, str]:
    """Of a server for a whole building that listens at ``address`` and keeps its things in ``folder``."""
    return {
        "engine.kind": "remote",
        "engine.urls": ",".join(model.url for model in models),
        "engine.slots": "512",
        "engine.patience-s": "30",
        "engine.head-start-s": "0",
        "limits.connections": "4096",
        "limits.host-connections": "4096",
        "limits.queue": "1024",
        "wyoming.uri": str(address),
        "data-dir": folder,
    }


@asynccontextmanager
async def _satellites(address: Address, count: int) -> AsyncIterator[None]:
    """Connections that have asked `describe` once, and do nothing."""
    writers = []
    try:
        for _ in range(count):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writers.append(writer)
            writer.write(b'{"type": "describe"}\n')
            await reader.read(1)
        yield
    finally:
        for writer in writers:
            writer.close()


async def _ask(address: Address, lasts_s: float) -> list[float]:
    """How long `describe` took, again and again."""
    took_s: list[float] = []
    until = time.perf_counter() + lasts_s
    while (began := time.perf_counter()) < until or len(took_s) < 2:
        async with connect(address) as client:
            await client.describe()
        took_s.append(time.perf_counter() - began)
        await asyncio.sleep(_DESCRIBE_EVERY_S)
    return took_s


def _p99_ms(seconds: Sequence[float]) -> float:
    return round(quantiles(seconds, n=100)[98] * 1000, 1)


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{result['machine']}; each room asks every {result['every_s']:.0f} s; cards as {result['timing']}, simulated",
        f"{'rooms':>6}{'cards':>7}{'MB':>6}{'of them satellites':>20}{'of a core':>11}{'describe p99 idle':>19}"
        f"{'busy':>8}{'first audio p50':>17}{'p95':>7}{'replies':>9}{'underruns':>11}{'refused':>9}",
    ]
    lines += [
        f"{run['rooms']:>6}{run['cards']:>7}{run['memory_mb']:>6}{run['satellites_mb']:>20}{run['core_share']:>11.0%}"
        f"{run['idle_describe_p99_ms']:>19}{run['describe_p99_ms']:>8}{run['p50_ms']:>17}{run['p95_ms']:>7}"
        f"{run['replies']:>9}{run['underruns']:>11}{run['refused']:>9}"
        for run in result["runs"]
    ]
    return "\n".join(lines)
