"""F25, F26, P8: an engine that is broken beyond repair ends the process, so that a supervisor starts it anew."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from wyoming.event import Event

from tests.conftest import ROOT
from tests.engine.scripted import FALLBACK_VOICES, Scripted, heard
from tests.faults.test_process import answering
from tests.harness import free_port, until
from wyoming_qwen3tts.app import serve
from wyoming_qwen3tts.app.build import BuiltEngine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.errors import OutOfMemory
from wyoming_qwen3tts.servers.wyoming.client import connect
from wyoming_qwen3tts.settings import Address, Audio, Http, Settings, Wyoming
from wyoming_qwen3tts.speech.engine import EngineStatus, Liveness, Phase

POISONED = Liveness(broken="CUDA error: an illegal memory access was encountered")


class Serving:
    def __init__(self, model: Scripted, address: Address, task: asyncio.Task[int], stop: Callable[[], None]) -> None:
        self.model, self.address, self.task, self.stop = model, address, task, stop
        self.hard_exits: list[int] = []


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch, stuck_s: float = 20.0) -> AsyncIterator[Serving]:
    """The whole server in this process; asked to stop at the end, if it has not by then."""
    stops: list[asyncio.Event] = []
    monkeypatch.setattr(serve, "_on_signals", stops.append)
    monkeypatch.setattr(serve, "_LOOK_S", 0.02)
    address, model = Address("127.0.0.1", free_port()), Scripted()
    engine = FailoverEngine(model, Scripted("builtin", FALLBACK_VOICES), patience_s=30)
    settings = Settings(
        wyoming=Wyoming(uri=str(address)), http=Http(uri="off"), audio=Audio(level=False), zeroconf=False
    )
    hard_exits: list[int] = []
    task = asyncio.create_task(serve.serve(settings, BuiltEngine(engine), stuck_s=stuck_s, hard_exit=hard_exits.append))
    server = Serving(model, address, task, lambda: stops[0].set())
    server.hard_exits = hard_exits
    await answering(address)
    try:
        yield server
    finally:
        server.stop()
        await task


async def test_a_poisoned_context_ends_the_server_with_exit_code_70_within_five_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(monkeypatch) as server:
        server.model.signs = POISONED

        assert await asyncio.wait_for(asyncio.shield(server.task), 5) == 70
    assert server.model.closed
    assert "illegal memory access" in caplog.text
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(*server.address)


async def test_it_ends_in_time_although_somebody_is_being_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whom the broken engine left hanging sees the connection close; it is not kept waiting."""
    async with served(monkeypatch) as server, connect(server.address) as client:
        server.model.release.clear()
        await client.send(Event("synthesize", {"text": "Hello there.", "voice": {"name": "ryan-en"}}))
        await until(lambda: server.model.speaking)
        server.model.signs = POISONED

        assert await asyncio.wait_for(asyncio.shield(server.task), 5) == 70
        while (event := await client.read()) is not None:
            assert event.type == "audio-start"


async def test_an_engine_that_hangs_ends_it_and_describe_is_answered_until_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F25."""
    async with served(monkeypatch, stuck_s=0.3) as server, connect(server.address) as client:
        server.model.signs = Liveness(working=True, progressed_at=time.monotonic())
        await asyncio.sleep(0.1)
        await client.describe()
        alive = not server.task.done()

        assert await asyncio.wait_for(asyncio.shield(server.task), 5) == 70
    assert alive


async def test_an_engine_that_gets_on_with_its_work_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch, stuck_s=0.3) as server:
        for _ in range(10):
            server.model.signs = Liveness(working=True, progressed_at=time.monotonic())
            await asyncio.sleep(0.05)
        server.stop()

        assert await server.task == 0
    assert server.hard_exits == []


async def test_out_of_memory_costs_the_server_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model refuses one request, the built-in voice speaks it; the next one is the model's again."""
    async with served(monkeypatch) as server, connect(server.address) as client:
        server.model.fail = OutOfMemory("CUDA out of memory")
        refused = await client.speak("Hello there.", voice="ryan-en")
        server.model.fail = None
        after = await client.speak("Hello there.", voice="ryan-en")

        assert not server.task.done()
    assert heard(bytes(refused.pcm)) == [("builtin", "builtin-en", "Hello there.")]
    assert heard(bytes(after.pcm)) == [("qwen3", "ryan-en", "Hello there.")]


async def test_changes_of_state_are_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with served(monkeypatch) as server:
        await until(lambda: "Ready after" in caplog.text)
        await asyncio.sleep(5 * 0.02)  # it was seen to be ready
        server.model.status = EngineStatus(Phase.LOADING, progress=0.01)
        await until(lambda: "The qwen3 engine is loading 1 % (built-in voice speaks)" in caplog.text)
        server.model.status = EngineStatus(Phase.LOADING, progress=0.02)
        await asyncio.sleep(0.1)

    assert "loading 2 %" not in caplog.text


HANGING = """
import asyncio, sys, threading
from tests.engine.scripted import FALLBACK_VOICES, Scripted
from wyoming_qwen3tts.app.build import BuiltEngine
from wyoming_qwen3tts.app.serve import serve
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.settings import Http, Settings, Wyoming
from wyoming_qwen3tts.speech.engine import Liveness

class Hanging(Scripted):
    async def start(self):
        await super().start()
        self.thread = threading.Thread(target=threading.Event().wait)  # as one in a CUDA call that never returns
        self.thread.start()
        self.signs = Liveness(broken="device lost")

    async def close(self):
        await asyncio.to_thread(self.thread.join)

engine = FailoverEngine(Hanging(), Scripted("builtin", FALLBACK_VOICES))
settings = Settings(wyoming=Wyoming(uri=sys.argv[1]), http=Http(uri="off"), zeroconf=False)
sys.exit(asyncio.run(serve(settings, BuiltEngine(engine))))
"""


def test_a_process_whose_engine_can_neither_be_closed_nor_joined_exits_with_70_all_the_same(tmp_path: Path) -> None:
    """A real process, with a thread that never ends."""
    began = time.perf_counter()
    with (tmp_path / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-c", HANGING, f"tcp://127.0.0.1:{free_port()}"],
            cwd=ROOT,
            stderr=log,
            timeout=30,
            check=False,
        )

    assert done.returncode == 70
    assert time.perf_counter() - began < 15  # the start of Python and of the server included
