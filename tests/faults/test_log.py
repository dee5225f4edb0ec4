"""F16: a log that nobody reads stops nothing, and no stranger fills it. The real process, and its real stderr."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from pathlib import Path

import pytest

from tests.faults.test_process import COMMAND, answering, running
from tests.harness import free_port
from wyoming_qwen3tts.settings import Address

HARMLESS = b'{"type": "ping"}\n{"type": "nonsense"}\n' * 49
WRONG = [b"x\n", b'{"type": "synthesize", "data": {"text": 7}}\n', b"[]\n", b'{"type": 7}\n']


async def flood(address: Address, connections: int, *, harmless: bytes = HARMLESS, at_once: int = 16) -> None:
    """On each connection a hundred events, the last of which ends it."""
    left = iter(range(connections))

    async def one() -> None:
        for number in left:
            reader, writer = await asyncio.open_connection(*address)
            with contextlib.suppress(OSError):
                writer.write(harmless + WRONG[number % len(WRONG)])
                async with asyncio.timeout(20):
                    while await reader.read(65_536):
                        continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    await asyncio.gather(*(one() for _ in range(at_once)))


@pytest.mark.parametrize("level", ["info", "debug"])
async def test_a_log_that_nobody_reads_stops_nothing(tmp_path: Path, level: str) -> None:
    port, (reading, writing) = free_port(), os.pipe()
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "serve", "--wyoming.uri", f"tcp://127.0.0.1:{port}", "--http.uri", "off", "--zeroconf", "off",
        "--log-level", level, "--data-dir", str(tmp_path), stderr=writing,
    )  # fmt: skip
    try:
        address = Address("127.0.0.1", port)
        await answering(address, 30)
        await flood(address, 100)
        await answering(address, 5)
        process.terminate()
        async with asyncio.timeout(15):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reading)
        os.close(writing)


async def test_the_lines_that_a_stranger_causes_are_few_and_numbered(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with running("--data-dir", str(tmp_path / "home"), log=log) as (_, address):
        before, began = log.read_text().count("\n"), time.monotonic()
        await flood(address, 1_000, harmless=b"")
        seconds = time.monotonic() - began
        said = log.read_text().splitlines()[before:]
    closed = [line for line in said if "closed a connection" in line]
    assert 1 <= len(closed) <= 3 * (1 + seconds // 60), "once for each kind, and minute"
    assert len(said) < 60 + 2 * seconds
    assert not re.search("Traceback|ERROR|CRITICAL", "\n".join(said))
