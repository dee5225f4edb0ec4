"""Servers of ours in processes of their own, with what they cost."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

from httpx import AsyncClient, HTTPError

from ...errors import SpeechError
from ...speech.engine import Phase
from ...util.processes import Child

_READY_S = 300.0
_TICKS = os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def serving(flags: Mapping[str, str]) -> AsyncIterator[Child]:
    """A server with these settings, ready to speak, for as long as the block lasts; it is found by nobody else.

    Raises:
        SpeechError: if it does not get ready, or ends.
    """
    http = f"127.0.0.1:{free_port()}"
    flags = {"http.uri": f"tcp://{http}", "zeroconf": "off", "cache.size-mb": "0", "log-level": "warning", **flags}
    command = [sys.executable, "-m", "wyoming_qwen3tts", "serve", *(f"--{k}={v}" for k, v in flags.items())]
    child = await Child.start(command, environment=os.environ, shares_output=True)
    try:
        await _until_ready(child, f"http://{http}")
        yield child
    finally:
        await child.end()


async def _until_ready(child: Child, http: str) -> None:
    """Until the model speaks: before that the built-in voice does."""
    until, state = time.monotonic() + _READY_S, ""
    async with AsyncClient(trust_env=False, timeout=5) as client:  # no proxy leads to this machine
        while state != Phase.READY.value:
            if child.has_ended or state == Phase.FAILED.value or time.monotonic() > until:
                raise SpeechError(f"The server did not get ready ({state or 'it has ended'}); its own words are above.")
            await asyncio.sleep(0.5)
            with suppress(HTTPError):
                state = (await client.get(f"{http}/health")).json()["phase"]


def processor_s(child: Child) -> float:
    """How long it has computed since its start."""
    fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()  # its name may hold anything
    return (int(fields[11]) + int(fields[12])) / _TICKS


def free_port() -> int:
    """One that nobody listens on now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
