"""``bench --random-weights SIZE --server``: the whole server over Wyoming beside the bare networks, in turns.

What stands between the two is the server's own: packets, the event loop, text, Python between the networks' steps. A
checkpoint of the published size is made up once (1.6 GB, a minute) and kept in the data folder.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ...engine.qwen3.hardware.memory import allowed_mb
from ...engine.qwen3.hardware.plan import DevicePlan
from ...errors import SpeechError
from ...model.checkpoint.published import Size
from ...model.checkpoint.tiny import published_shape, write_tiny_checkpoint
from ...servers.wyoming.client import connect
from ...settings import Address
from ...util.memory import resident_bytes
from ...util.processes import Child
from .children import free_port, serving
from .memory import weights_mb
from .model import BareLoop, load, machine

#: Twenty tokens of the made-up vocabulary, as many as the bare loop's prompt holds.
TEXT = "The light in the kitchen is on It is twelve."
VOICE = "ryan-en"
_REST_S = 0.3  # in which the server finds that its listener has left
FRAME_S = 0.08


@dataclass(slots=True)
class _Streams:
    """What so many listeners at once heard, round by round."""

    count: int
    bare: BareLoop
    first_s: list[float] = field(default_factory=list)
    last_first_s: list[float] = field(default_factory=list)  # of those who asked at once, who waited longest
    frame_s: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Medians, beside those of the bare loop."""
        bare = self.bare.row("bare")
        frame_ms, first_ms = median(self.frame_s) * 1000, median(self.first_s) * 1000
        return {
            "streams": self.count,
            "ms_per_frame": round(frame_ms, 1),
            "ttfa_ms": round(first_ms, 1),
            "last_ttfa_ms": round(median(self.last_first_s) * 1000, 1),
            "bare_ms_per_frame": bare["ms_per_frame"],
            "bare_ttfa_ms": bare["ttfa_ms"],
            "ratio": round(frame_ms / bare["ms_per_frame"], 3),
            "ttfa_more_ms": round(first_ms - bare["ttfa_ms"], 1),
        }


def bench_server(
    size: Size, *, streams: list[int], frames: int, rounds: int, plan: DevicePlan, data_dir: Path
) -> dict[str, Any]:
    """Measure. The server is a process of its own, with the settings of a home's and this plan's precision.

    Raises:
        SpeechError: if the server does not get ready, or ends.
    """
    return asyncio.run(_bench(size, streams, frames, rounds, plan, data_dir / "bench"))


async def _bench(
    size: Size, streams: list[int], frames: int, rounds: int, plan: DevicePlan, data_dir: Path
) -> dict[str, Any]:
    folder = made_up(size, data_dir)
    model, codec = load(folder, plan, data_dir / "cache" / "models")
    with torch.inference_mode():
        all_streams = [_Streams(count, BareLoop(model, codec, count, frames)) for count in streams]
        async with started(folder, plan, data_dir, max(streams)) as (child, address):
            for one in all_streams:
                one.bare.warm_up(frames)
                await _listen(address, one.count, frames)
            for _ in range(rounds):
                for one in all_streams:
                    one.bare.round(frames)
                    replies = await _listen(address, one.count, frames)
                    one.first_s += [first_s for first_s, _ in replies]
                    one.last_first_s.append(max(first_s for first_s, _ in replies))
                    one.frame_s += [frame_s for _, frame_s in replies]
            took_mb = resident_bytes(child.pid) >> 20
    weights = weights_mb(model, codec)
    return {
        "machine": f"{machine('cpu')}, load {os.getloadavg()[0]:.1f}",
        "model": f"{size} random weights, {plan.quantize}",
        "server": [one.row() for one in all_streams],
        "memory": {"server_mb": took_mb, "weights_mb": round(weights), "allowed_mb": allowed_mb(weights)},
    }


def made_up(size: Size, folder: Path) -> Path:
    """A checkpoint of the published size whose replies do not end, written if need be."""
    target = folder / f"random-{size}"
    if not target.exists():
        sys.stderr.write(f"Making random weights of {size}'s size in {target}\n")
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        write_tiny_checkpoint(part, shape=published_shape(size), size={"0.6B": "0b6", "1.7B": "1b7"}[size])
        part.rename(target)
    return target


@asynccontextmanager
async def started(folder: Path, plan: DevicePlan, data_dir: Path, slots: int) -> AsyncIterator[tuple[Child, Address]]:
    """A server, ready to speak, for as long as the block lasts."""
    address = Address("127.0.0.1", free_port())
    flags = {
        "engine.kind": "qwen3",
        "engine.model": str(folder),
        "engine.device": "cpu",
        "engine.dtype": plan.dtype,
        "engine.quantize": plan.quantize,
        "engine.slots": str(slots),
        "engine.patience-s": "60",
        "engine.head-start-s": "0",  # or its speed would be measured at its start, on a reply without an end
        "wyoming.uri": f"tcp://127.0.0.1:{address.port}",
        "data-dir": str(data_dir),
    }
    async with serving(flags) as child:
        yield child, address


async def _listen(address: Address, count: int, frames: int) -> Sequence[tuple[float, float]]:
    """So many listeners at once; of each `_heard`."""
    heard = await asyncio.gather(*(_heard(address, frames) for _ in range(count)))
    await asyncio.sleep(_REST_S)
    return heard


async def _heard(address: Address, frames: int) -> tuple[float, float]:
    """Seconds to the first sound, and for each frame behind it; then the listener leaves."""
    async with connect(address) as client:
        began = time.perf_counter()
        first: tuple[float, int] | None = None
        length = 0
        async for at, size, rate in client.chunks(TEXT, voice=VOICE):
            length += size
            first = first or (at, size)
            made_s = (length - first[1]) / (2 * rate)
            if made_s >= (frames - 1) * FRAME_S:
                return first[0] - began, (at - first[0]) / (made_s / FRAME_S)
    raise SpeechError("The server's reply ended early.")


def _line(run: dict[str, Any]) -> str:
    last = f" (the last of them {run['last_ttfa_ms']:.0f})" if run["streams"] > 1 else ""
    return (
        f"{run['streams']:>3} streams: a frame {run['bare_ms_per_frame']:.1f} ms bare, {run['ms_per_frame']:.1f} over "
        f"Wyoming, ratio {run['ratio']:.2f}; first audio {run['bare_ttfa_ms']:.0f} ms bare, {run['ttfa_ms']:.0f} over "
        f"Wyoming{last}, {run['ttfa_more_ms']:+.0f} ms"
    )


def table(result: dict[str, Any]) -> str:
    """The result for people."""
    lines = [f"{result['model']} on {result['machine']}; medians of rounds in turns"]
    lines += [_line(run) for run in result["server"]]
    one = next((run for run in result["server"] if run["streams"] == 1), None)
    for run in result["server"]:
        if one is not None and run["streams"] > 1:
            gain = run["streams"] * one["ms_per_frame"] / run["ms_per_frame"]
            lines.append(f"{run['streams']} streams over Wyoming make {gain:.2f} times the speech of one")
    memory = result["memory"]
    lines.append(
        f"memory of the server: {memory['server_mb']} MB with {memory['weights_mb']} MB of weights; "
        f"1.3 times the weights and 350 MB are {memory['allowed_mb']} MB"
    )
    return "\n".join(lines)
