"""``bench --processes``: how many replies one process carries, and several on one port or behind a proxy.

The model servers speak at once here, so that nothing but this server can be what is waited for.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from ...app.descriptors import raise_descriptors
from ...errors import SpeechError
from ...servers.wyoming.client import connect
from ...settings import Address
from ...util.processes import Child
from .building import Listeners, percentiles
from .children import free_port, processor_s, serving
from .model_servers import ModelServer, Timing, model_servers
from .rooms import remote_flags, warm_up
from .wyoming import TEXTS

LISTENERS, LASTS_S, SERVERS = 32, 10.0, 8
AT_ONCE = Timing("at once", "none", 0.0, 1000.0)
_PROXY = "haproxy"
_READY_S = 10.0


def bench_processes(counts: Sequence[int], lasts_s: float = LASTS_S) -> dict[str, Any]:
    """For each number of processes: one port that they share, and, where HAProxy is installed, behind that."""
    raise_descriptors()
    ways = [
        (count, way) for count in counts for way in ("port", "proxy") if way == "port" or (count > 1 and has_proxy())
    ]
    return {
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "listeners": LISTENERS,
        "proxy": has_proxy(),
        "runs": [asyncio.run(_run(count, way, lasts_s)) for count, way in ways],
    }


def has_proxy() -> bool:
    """HAProxy is installed."""
    return _proxy_path() is not None


def _proxy_path() -> str | None:
    return shutil.which(_PROXY, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


async def _run(count: int, way: str, lasts_s: float) -> dict[str, Any]:
    heard = Listeners()
    async with model_servers(SERVERS, AT_ONCE) as models, _processes(count, way, models) as (children, address):
        await warm_up(address, count)
        before = [processor_s(child) for child in children]
        began = time.perf_counter()
        await asyncio.gather(*(_talk(address, began + lasts_s, number, heard) for number in range(LISTENERS)))
        took_s = time.perf_counter() - began
        computed = [processor_s(child) - was for child, was in zip(children, before, strict=True)]
    replies = len(heard.first_s)
    return {
        "processes": count,
        "way": way,
        "replies": replies,
        "replies_a_s": round(replies / took_s, 1),
        "core_ms_a_reply": round(1000 * sum(computed) / max(1, replies), 1),
        "busiest_core_share": round(max(computed) / took_s, 2),
        "idlest_core_share": round(min(computed) / took_s, 2),
        **percentiles(heard.first_s),
        "refused": heard.refused,
    }


@asynccontextmanager
async def _processes(count: int, way: str, models: Sequence[ModelServer]) -> AsyncIterator[tuple[list[Child], Address]]:
    """So many servers, and where they are reached."""
    shared = Address("127.0.0.1", free_port())
    own = [shared if way == "port" else Address("127.0.0.1", free_port()) for _ in range(count)]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        children = []
        for number, address in enumerate(own):
            flags = remote_flags(models, address, str(folder / str(number)))
            children.append(await stack.enter_async_context(serving({**flags, "wyoming.share-port": "on"})))
        if way == "proxy":
            file = folder / "haproxy.cfg"
            await asyncio.to_thread(file.write_text, proxy_config(shared, own))
            await stack.enter_async_context(_proxy(file, shared))
        yield children, shared


@asynccontextmanager
async def _proxy(file: Path, front: Address) -> AsyncIterator[None]:
    proxy = await Child.start([_proxy_path() or _PROXY, "-db", "-f", str(file)], shares_output=True)
    try:
        until = time.monotonic() + _READY_S
        while not await _answers(front):
            if proxy.has_ended or time.monotonic() > until:
                raise SpeechError("HAProxy does not answer; its own words are above.")
            await asyncio.sleep(0.05)
        yield
    finally:
        await proxy.end()


def proxy_config(front: Address, backs: Sequence[Address]) -> str:
    """For HAProxy; docs/scale.md has it too."""
    servers = "\n".join(
        f"  server qwen3-tts-{number} {back.host}:{back.port} check" for number, back in enumerate(backs, 1)
    )
    return f"""\
defaults
  mode tcp
  timeout connect 3s
  timeout client 1h
  timeout server 1h
listen wyoming
  bind {front.host}:{front.port}
  balance leastconn
  option redispatch
{servers}
"""


async def _answers(address: Address) -> bool:
    with suppress(OSError):
        async with connect(address) as client:
            await client.describe()
        return True
    return False


async def _talk(address: Address, until: float, number: int, heard: Listeners) -> None:
    """One reply after the other."""
    while time.perf_counter() < until:
        await heard.listen(address, TEXTS[number % len(TEXTS)])
        number += 1


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [
        f"{result['machine']}; {result['listeners']} listeners, one reply after the other; model servers that speak at "
        "once, on the same cores",
        f"{'processes':>9} {'by':<6}{'replies/s':>10}{'ms of a core a reply':>22}{'busiest':>9}{'idlest':>8}"
        f"{'first audio p50':>17}{'p95':>7}{'refused':>9}",
    ]
    lines += [
        f"{run['processes']:>9} {run['way']:<6}{run['replies_a_s']:>10}{run['core_ms_a_reply']:>22}"
        f"{run['busiest_core_share']:>9.0%}{run['idlest_core_share']:>8.0%}{run['p50_ms']:>17}{run['p95_ms']:>7}"
        f"{run['refused']:>9}"
        for run in result["runs"]
    ]
    if not result["proxy"]:
        lines.append("HAProxy is not installed: not measured behind it")
    return "\n".join(lines)
