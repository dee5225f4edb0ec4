"""``bench --building``: the real router, service and Wyoming server before model servers on loopback."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any, ClassVar

from ...app.descriptors import raise_descriptors
from ...engine.remote.engine import RemoteEngine
from ...engine.remote.router import Router, Standing, expected_s
from ...errors import BadRequest, SpeechError
from ...monitoring.metrics import memory
from ...servers.wyoming.client import connect
from ...servers.wyoming.server import WyomingServer
from ...service.service import SpeechService
from ...settings import Address, Limits
from ...voices.catalog import VoiceCatalog
from .model_servers import RTX_4090, ModelServer, model_servers
from .wyoming import TEXTS

LOAD, LASTS_S, SATELLITES, SEED = 0.8, 40.0, 2_000, 25
_CHECKS = 200  # of `describe`


class IdealRouter(Router):
    """Knows the work that each server really has left."""

    backlog: ClassVar[dict[str, Callable[[], float]]] = {}

    def rank(self, server: Standing) -> tuple[bool, float, int]:
        return bool(server.trouble), self.backlog[server.url](), server.turn


class _IdealEngine(RemoteEngine):
    router_type = IdealRouter


@dataclass(slots=True)
class _Listeners:
    """What they heard."""

    first_s: list[float] = field(default_factory=list)
    underruns: int = 0  # replies that were not there in time to be played without a hole
    refused: int = 0

    def row(self, servers: int, arrivals: str, router: str) -> dict[str, Any]:
        cuts = quantiles(self.first_s, n=100) if len(self.first_s) > 1 else [0.0] * 99
        percent = {f"p{n}_ms": round(cuts[n - 1] * 1000) for n in (50, 95, 99)}
        counts = {"replies": len(self.first_s), "underruns": self.underruns, "refused": self.refused}
        return {"servers": servers, "arrivals": arrivals, "router": router, **percent, **counts}


def counts_of(text: str) -> list[int]:
    """Numbers of servers.

    Raises:
        BadRequest: if they are none.
    """
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = [0]
    if not all(1 <= count <= 64 for count in counts):
        raise BadRequest(f"--building takes numbers of servers from 1 to 64, such as 1,4,16, not {text!r}.")
    return counts


def bench_building(counts: list[int], plot: Path | None = None, lasts_s: float = LASTS_S) -> dict[str, Any]:
    """Speak for ``lasts_s`` with each number of servers, by our router and by an ideal one, to the same listeners."""
    raise_descriptors()
    runs = []
    for servers in counts:
        for arrivals in ("poisson", "rush"):
            for router in ("ours", "ideal"):
                heard = asyncio.run(_building(servers, arrivals, router, lasts_s))
                runs.append(heard.row(servers, arrivals, router))
    result = {"timing": RTX_4090.name, "source": RTX_4090.source, "load": LOAD, "runs": runs}
    result["idle"] = asyncio.run(_idle(SATELLITES))
    if plot:
        plot.write_text(_plot(runs))
    return result


@asynccontextmanager
async def _site(servers: list[ModelServer], router: str) -> AsyncIterator[Address]:
    IdealRouter.backlog = {server.url: (lambda server=server: server.backlog_s) for server in servers}  # type: ignore[misc]
    kind = RemoteEngine if router == "ours" else _IdealEngine
    engine = kind([server.url for server in servers], sentence_pause_s=0.0)
    limits = Limits(connections=4_096, host_connections=4_096, queue=1_000)
    service = SpeechService(engine, VoiceCatalog(engine.voices(), engine.clones), limits, slots=1_000)
    service.load()
    await service.loaded()
    try:
        async with WyomingServer(service, Address("127.0.0.1", 0), limits) as door:
            yield Address("127.0.0.1", door.port)
    finally:
        await service.close()


async def _building(count: int, arrivals: str, router: str, lasts_s: float) -> _Listeners:
    heard = _Listeners()
    async with (
        model_servers(count, RTX_4090) as servers,
        _site(servers, router) as address,
        asyncio.TaskGroup() as all_,
    ):
        began = time.perf_counter()
        for at_s, text in _requests(count, arrivals, lasts_s):
            await asyncio.sleep(began + at_s - time.perf_counter())
            all_.create_task(_listen(address, text, heard))
    return heard


def _requests(count: int, arrivals: str, lasts_s: float) -> list[tuple[float, str]]:
    """When who says what: as many as load the servers by `LOAD`; in a rush half as many again in the middle."""
    chance, at_s, found = random.Random(SEED), 0.0, []  # noqa: S311  a load, no secret
    work_s = sum(RTX_4090.first_s + expected_s(text, "en") / RTX_4090.speed for text in TEXTS) / len(TEXTS)
    while at_s < lasts_s:
        share = 1.0 if arrivals == "poisson" else 0.5 + 1.0 * (1 - abs(2 * at_s / lasts_s - 1))
        at_s += chance.expovariate(LOAD * count * share / work_s)
        found.append((at_s, chance.choice(TEXTS)))
    return found


async def _listen(address: Address, text: str, heard: _Listeners) -> None:
    try:
        async with connect(address) as client:
            spoken = await client.speak(text, voice="ryan-en")
    except (SpeechError, OSError):
        heard.refused += 1
        return
    first_s = spoken.first_audio_s or spoken.total_s
    heard.first_s.append(first_s)
    heard.underruns += spoken.total_s - first_s > spoken.audio_s


async def _idle(satellites: int) -> dict[str, Any]:
    """Memory of connections that do nothing, and how soon `describe` is answered beside them. Their clients are in
    this process too, and counted."""
    async with model_servers(1, RTX_4090) as servers, _site(servers, "ours") as address:
        before = memory()["rss_mb"] or 0
        idle = [await asyncio.open_connection(address.host, address.port) for _ in range(satellites)]
        asked = []
        for _ in range(_CHECKS):
            began = time.perf_counter()
            async with connect(address) as client:
                await client.describe()
            asked.append(time.perf_counter() - began)
        more = (memory()["rss_mb"] or 0) - before
        for _, writer in idle:
            writer.close()
    return {
        "satellites": satellites,
        "memory_mb": more,
        "describe_p99_ms": round(quantiles(asked, n=100)[98] * 1000, 1),
    }


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"Model servers as {result['timing']} ({result['source']}), simulated; load {result['load']:.0%}",
        f"{'servers':>7} {'arrivals':<9}{'router':<7}{'p50 ms':>7}{'p95 ms':>7}{'p99 ms':>7}"
        f"{'replies':>9}{'underruns':>11}{'refused':>9}",
    ]
    lines += [
        f"{run['servers']:>7} {run['arrivals']:<9}{run['router']:<7}{run['p50_ms']:>7}{run['p95_ms']:>7}"
        f"{run['p99_ms']:>7}{run['replies']:>9}{run['underruns']:>11}{run['refused']:>9}"
        for run in result["runs"]
    ]
    idle = result["idle"]
    lines.append(
        f"{idle['satellites']} idle satellites: {idle['memory_mb']} MB, describe p99 {idle['describe_p99_ms']:g} ms"
    )
    return "\n".join(lines)


def _plot(runs: list[dict[str, Any]]) -> str:
    """p95 of the first audio as bars, ours beside the ideal one, as SVG."""
    top, height = max(run["p95_ms"] for run in runs) or 1, 24
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height * len(runs) + 40}" font-size="13">']
    parts.append('<text x="8" y="20">first audio, p95, in ms; simulated model servers</text>')
    for row, run in enumerate(runs):
        y, width = 34 + row * height, 480 * run["p95_ms"] / top
        colour = "#0f766e" if run["router"] == "ours" else "#b8c0cc"
        parts.append(f'<text x="8" y="{y + 14}">{run["servers"]} servers, {run["arrivals"]}, {run["router"]}</text>')
        parts.append(f'<rect x="210" y="{y}" width="{width:.0f}" height="18" fill="{colour}"/>')
        parts.append(f'<text x="{215 + width:.0f}" y="{y + 14}">{run["p95_ms"]}</text>')
    return "\n".join([*parts, "</svg>\n"])
