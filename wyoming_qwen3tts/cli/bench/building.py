"""``bench --building``: the real router, service and Wyoming server before model servers on loopback."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Any

from ...app.descriptors import raise_descriptors
from ...engine.remote.engine import RemoteEngine
from ...engine.remote.router import expected_s
from ...errors import BadRequest, SpeechError
from ...servers.wyoming.client import connect
from ...servers.wyoming.server import WyomingServer
from ...service.service import SpeechService
from ...settings import Address, Limits
from ...voices.catalog import VoiceCatalog
from .model_servers import RTX_4090, Asked, ModelServer, Timing, ideal_first_s, model_servers
from .wyoming import TEXTS

LOAD, LASTS_S, SEED = 0.8, 40.0, 25
SERVERS_AT_ONCE = 16  # a few servers are several buildings at the same time: more replies in the same minute
VOICE = "ryan-en"
_GAP_S = 0.05  # without sound that a listener may take for a pause


@dataclass(slots=True)
class Listeners:
    """What they heard."""

    first_s: list[float] = field(default_factory=list)
    underruns: int = 0  # replies that were not there in time to be played without a hole
    refused: int = 0

    async def listen(self, address: Address, text: str) -> None:
        """One reply, as a player has it that begins at once."""
        began = time.perf_counter()
        first_at, made_s, was_late = None, 0.0, False
        try:
            async with connect(address) as client:
                async for at, size, rate in client.chunks(text, voice=VOICE):
                    first_at = first_at or at
                    was_late |= at - first_at > made_s + _GAP_S
                    made_s += size / (2 * rate)
        except (SpeechError, OSError):
            first_at = None
        if first_at is None:
            self.refused += 1
            return
        self.first_s.append(first_at - began)
        self.underruns += was_late


def percentiles(seconds: Sequence[float], prefix: str = "") -> dict[str, int]:
    """In milliseconds."""
    cuts = quantiles(seconds, n=100) if len(seconds) > 1 else [0.0] * 99
    return {f"{prefix}p{n}_ms": round(cuts[n - 1] * 1000) for n in (50, 95, 99)}


def counts_of(text: str, flag: str, what: str, most: int) -> list[int]:
    """The numbers in ``text``.

    Raises:
        BadRequest: if they are none.
    """
    try:
        counts = [int(part) for part in text.split(",")]
    except ValueError:
        counts = [0]
    if not all(1 <= count <= most for count in counts):
        raise BadRequest(f"{flag} takes numbers of {what} from 1 to {most}, such as 1,4,16, not {text!r}.")
    return counts


def bench_building(counts: Sequence[int], plot: Path | None = None, lasts_s: float = LASTS_S) -> dict[str, Any]:
    """Speak for ``lasts_s`` with each number of servers, beside what an ideal router would have done with the same
    sentences."""
    raise_descriptors()
    runs = [
        asyncio.run(_run(servers, arrivals, lasts_s, RTX_4090))
        for servers in counts
        for arrivals in ("poisson", "rush")
    ]
    if plot:
        plot.write_text(_plot(runs))
    return {"timing": RTX_4090.name, "source": RTX_4090.source, "load": LOAD, "runs": runs}


async def _run(count: int, arrivals: str, lasts_s: float, timing: Timing) -> dict[str, Any]:
    heard, ideal, work_s = Listeners(), [], 0.0
    buildings = max(1, SERVERS_AT_ONCE // count)
    for asked in await asyncio.gather(
        *(_building(count, arrivals, lasts_s, timing, SEED + number, heard) for number in range(buildings))
    ):
        ideal += _first_words(asked, count, timing)
        work_s += sum(sentence.work_s for sentence in asked)
    ours, best = percentiles(heard.first_s), percentiles(ideal, "ideal_")
    return {
        "servers": count,
        "arrivals": arrivals,
        "load": round(work_s / (count * buildings * lasts_s), 2),
        **ours,
        **best,
        "ratio_p95": round(ours["p95_ms"] / max(1, best["ideal_p95_ms"]), 2),
        "replies": len(heard.first_s),
        "underruns": heard.underruns,
        "refused": heard.refused,
    }


def _first_words(asked: list[Asked], servers: int, timing: Timing) -> list[float]:
    """Of the ideal router, with all sentences, the first audio of those that begin a reply."""
    in_order = sorted(asked, key=lambda sentence: sentence.at_s)
    first_s = zip(in_order, ideal_first_s(in_order, servers, timing), strict=True)
    return [seconds for sentence, seconds in first_s if any(text.startswith(sentence.text) for text in TEXTS)]


async def _building(
    count: int, arrivals: str, lasts_s: float, timing: Timing, seed: int, heard: Listeners
) -> list[Asked]:
    """All that its servers were asked."""
    async with (
        model_servers(count, timing, seed) as servers,
        site(servers) as address,
        asyncio.TaskGroup() as all_,
    ):
        await at_their_times(requests(count * LOAD, arrivals, lasts_s, timing, seed), address, heard, all_)
    return [sentence for server in servers for sentence in server.asked]


@asynccontextmanager
async def site(servers: Sequence[ModelServer]) -> AsyncIterator[Address]:
    """This server in this process, before ``servers``."""
    engine = RemoteEngine([server.url for server in servers], sentence_pause_s=0.0)
    limits = Limits(connections=4_096, host_connections=4_096, queue=1_000)
    service = SpeechService(engine, VoiceCatalog(engine.voices(), engine.clones), limits, slots=1_000)
    service.load()
    await service.loaded()
    try:
        async with WyomingServer(service, Address("127.0.0.1", 0), limits) as door:
            yield Address("127.0.0.1", door.port)
    finally:
        await service.close()


async def at_their_times(
    texts: Sequence[tuple[float, str]], address: Address, heard: Listeners, all_: asyncio.TaskGroup
) -> None:
    """Begin a reply for each text when it is due; ``all_`` waits for their ends."""
    began = time.perf_counter()
    for at_s, text in texts:
        await asyncio.sleep(began + at_s - time.perf_counter())
        all_.create_task(heard.listen(address, text))


def requests(busy: float, arrivals: str, lasts_s: float, timing: Timing, seed: int) -> list[tuple[float, str]]:
    """When who says what: as much as keeps ``busy`` servers busy; in a rush half as much at both ends, and half as much
    again in the middle."""
    chance, at_s = random.Random(seed), 0.0  # noqa: S311  a load, no secret
    found: list[tuple[float, str]] = []
    work_s = sum(timing.work_s(expected_s(part, "en")) for text in TEXTS for part in sentences(text)) / len(TEXTS)
    while True:
        share = 1.0 if arrivals == "poisson" else 0.5 + 1.0 * (1 - abs(2 * at_s / lasts_s - 1))
        at_s += chance.expovariate(busy * share / work_s)
        if at_s >= lasts_s:
            return found
        found.append((at_s, chance.choice(TEXTS)))


def sentences(text: str) -> list[str]:
    """Of one of `TEXTS`, as the servers are asked for them."""
    return re.split(r"(?<=[.!?]) ", text)


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"Model servers as {result['timing']} ({result['source']}), simulated; wanted load {result['load']:.0%}.",
        "First audio in ms: ours, and of an ideal router that knows all work.",
        f"{'servers':>7} {'arrivals':<9}{'load':>5}{'p50':>7}{'ideal':>7}{'p95':>7}{'ideal':>7}{'ratio':>7}"
        f"{'p99':>7}{'ideal':>7}{'replies':>9}{'underruns':>11}{'refused':>9}",
    ]
    lines += [
        f"{run['servers']:>7} {run['arrivals']:<9}{run['load']:>5.2f}{run['p50_ms']:>7}{run['ideal_p50_ms']:>7}"
        f"{run['p95_ms']:>7}{run['ideal_p95_ms']:>7}{run['ratio_p95']:>7.2f}{run['p99_ms']:>7}{run['ideal_p99_ms']:>7}"
        f"{run['replies']:>9}{run['underruns']:>11}{run['refused']:>9}"
        for run in result["runs"]
    ]
    return "\n".join(lines)


_OURS, _IDEAL, _INK, _PAPER = "#0f766e", "#b8c0cc", "#1f2937", "#ffffff"


def _plot(runs: Sequence[dict[str, Any]]) -> str:
    """p95 of the first audio as bars, ours above the ideal router's, as SVG."""
    top, row_height = max(max(run["p95_ms"], run["ideal_p95_ms"]) for run in runs) or 1, 46
    height = row_height * len(runs) + 66
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="760" height="{height}" fill="{_PAPER}"/>',
        f'<g fill="{_INK}">',
        '<text x="16" y="26" font-size="15">First audio, p95 in ms; simulated model servers at 80 % load</text>',
        f'<rect x="16" y="38" width="12" height="12" fill="{_OURS}"/><text x="34" y="49">this server</text>',
        f'<rect x="126" y="38" width="12" height="12" fill="{_IDEAL}"/><text x="144" y="49">an ideal router</text>',
    ]
    for number, run in enumerate(runs):
        y = 64 + number * row_height
        parts.append(f'<text x="16" y="{y + 23}">{run["servers"]} servers, {run["arrivals"]}</text>')
        for line, (key, colour) in enumerate((("p95_ms", _OURS), ("ideal_p95_ms", _IDEAL))):
            width, at = 500 * run[key] / top, y + line * 18
            parts.append(f'<rect x="160" y="{at}" width="{width:.0f}" height="16" fill="{colour}"/>')
            parts.append(f'<text x="{166 + width:.0f}" y="{at + 13}">{run[key]:,}</text>')
    return "\n".join([*parts, "</g>", "</svg>\n"])
