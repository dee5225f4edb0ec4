"""``bench --wyoming``: how soon and how fast servers speak. They take turns: a noisy machine harms all alike."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

from ...errors import BadRequest
from ...servers.wyoming.client import Spoken, connect
from ...settings import Address, parse_address
from ...util.tasks import cancel_and_wait

#: 24, 85 and 235 characters: a confirmation, one sentence, and what an assistant answers.
TEXTS = (
    "The light is on upstairs",
    "Good morning, the front door was opened at seven and the garden is ready for a visit.",
    "The living room is warm and the window is closed. Rain is expected in the afternoon, so the sprinklers stay off "
    "today. "
    "The washing machine will be done in half an hour. Remember that the bins have to be outside by this evening!",
)
LISTENED_TEXT = TEXTS[1]


@dataclass(slots=True)
class _Run:
    """All replies of one server with so many clients at once."""

    name: str
    streams: int
    replies: dict[tuple[int, str], list[Spoken]] = field(default_factory=dict)  # by characters and mode
    describe_s: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        replies = [reply for some in self.replies.values() for reply in some]
        frames = sum(reply.audio_s for reply in replies) / 0.08
        busy = sum(reply.total_s for reply in replies)
        return {
            "engine": self.name,
            "streams": self.streams,
            "ttfa_ms": _ms(median(reply.first_audio_s or reply.total_s for reply in replies)),
            "ttfa_by_text_ms": {
                f"{chars} {mode}": _ms(median(r.first_audio_s or r.total_s for r in some))
                for (chars, mode), some in self.replies.items()
            },
            "ms_per_frame": round(busy * 1000 / frames, 3) if frames else None,
            "stages_ms": None,  # not to be seen from outside
            "rtf": round(busy / (frames * 0.08), 4) if frames else None,
            "memory_mb": None,
            "describe_p99_ms": _ms(quantiles(self.describe_s, n=100)[98]) if len(self.describe_s) > 1 else None,
        }


async def bench_wyoming(uris: str, *, streams: list[int], rounds: int) -> dict[str, Any]:
    """Measure every server of ``uris`` (comma-separated).

    Raises:
        BadRequest: for an address that is none.
        SpeechError: if a server refuses to speak; OSError: if it is not there.
    """
    try:
        addresses = [parse_address(uri.strip()) for uri in uris.split(",")]
    except ValueError as error:
        raise BadRequest(f"--wyoming {error}") from None
    names = [await _name(address) for address in addresses]
    for address in addresses:  # nobody is measured cold
        await _listen(address, "Warming up.", "whole")
    runs = []
    for count in streams:
        table = [_Run(name, count) for name in names]
        for _ in range(rounds):
            for text in TEXTS:
                for mode in ("whole", "stream"):
                    for address, run in zip(addresses, table, strict=True):
                        await _round(address, run, text, mode)
        runs += table
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "model": None,
        "runs": [run.row() for run in runs],
    }


async def _round(address: Address, run: _Run, text: str, mode: str) -> None:
    """So many clients at once have ``text`` spoken, while one more asks ``describe`` again and again."""
    asking = asyncio.create_task(_ask(address, run))
    try:
        replies = await asyncio.gather(*(_listen(address, text, mode) for _ in range(run.streams)))
    finally:
        await cancel_and_wait(asking)
    run.replies.setdefault((len(text), mode), []).extend(replies)


async def _ask(address: Address, run: _Run) -> None:
    while True:
        began = time.perf_counter()
        try:
            async with connect(address) as client:
                await client.describe()
        finally:
            run.describe_s.append(time.perf_counter() - began)  # also the one that the end of the speech cut short
        await asyncio.sleep(0.02)


async def _listen(address: Address, text: str, mode: str) -> Spoken:
    async with connect(address) as client:
        return await client.speak(text, streaming=mode == "stream")


async def _name(address: Address) -> str:
    async with connect(address) as client:
        programs = (await client.describe()).get("tts") or [{}]
    return f"{programs[0].get('name', '?')} {programs[0].get('version') or ''}".strip()


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def table(result: dict[str, Any]) -> str:
    """The result for people. Ratios compare with the first server, text by text."""
    lines = [f"{result['machine']}; medians; ratio = first server / this one"]
    first: dict[int, dict[str, Any]] = {}
    for run in result["runs"]:
        base = first.setdefault(run["streams"], run)
        lines.append(
            f"\n{run['engine']}, {run['streams']} at once: first audio {run['ttfa_ms']:.0f} ms, "
            f"{run['ms_per_frame']:.1f} ms a frame (RTF {run['rtf']:.3f}), "
            f"describe p99 {run['describe_p99_ms'] or 0:.0f} ms"
        )
        for text, ttfa in run["ttfa_by_text_ms"].items():
            ratio = "" if base is run else f"   ratio {base['ttfa_by_text_ms'][text] / ttfa:.2f}"
            lines.append(f"  {text + ' characters' if text.isdigit() else text:<14} first audio {ttfa:8.1f} ms{ratio}")
    return "\n".join(lines)
