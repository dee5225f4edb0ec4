"""F39, F41, F43: the real process, its signals and its exit codes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from wyoming.event import Event

from wyoming_qwen3tts.app.web import web_listener
from wyoming_qwen3tts.servers.wyoming.client import WyomingClient, connect
from wyoming_qwen3tts.settings import Address, Http, Settings

COMMAND = [sys.executable, "-m", "wyoming_qwen3tts"]


@asynccontextmanager
async def running(
    *flags: str,
    log: Path,
    environment: Mapping[str, str] | None = None,
    stderr: int | None = None,
    within_s: float = 20.0,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Address]]:
    """The real server on a port of its own choice, answering; killed at the end if it is still there.

    ``stderr`` is a descriptor whose other end fills ``log``; None: the file itself.
    """
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "serve",
            "--wyoming.uri",
            "tcp://127.0.0.1:0",
            "--http.uri",
            "tcp://127.0.0.1:0",
            "--zeroconf",
            "off",
            *flags,
            stderr=file if stderr is None else stderr,
            env=os.environ | (environment or {}),
        )
    try:
        address = await listening(log, within_s)
        await answering(address)
        yield process, address
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def listening(log: Path, within_s: float = 20.0) -> Address:
    """Where the server says it listens."""
    began = time.perf_counter()
    while not (said := re.search(r"Home Assistant: .*\bport (\d+)", log.read_text())):  # noqa: ASYNC240
        assert time.perf_counter() - began < within_s, f"the server does not start: {log.read_text()}"  # noqa: ASYNC240
        await asyncio.sleep(0.02)
    return Address("127.0.0.1", int(said[1]))


async def answering(address: Address, within_s: float = 20.0) -> float:
    """Seconds until ``describe`` is answered."""
    began = time.perf_counter()
    while True:
        try:
            async with connect(address) as client:
                await client.describe()
                return time.perf_counter() - began
        except OSError:
            assert time.perf_counter() - began < within_s, "the server does not answer"
            await asyncio.sleep(0.02)


async def ended(process: asyncio.subprocess.Process, within_s: float) -> int | None:
    async with asyncio.timeout(within_s):
        return await process.wait()


@pytest.mark.timing
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda n: n.name)
async def test_an_idle_server_stops_at_once_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    """F39."""
    log = tmp_path / "log"
    async with running(log=log) as (process, address), connect(address) as idle:
        await idle.describe()
        process.send_signal(number)

        assert await ended(process, 5) == 0
        assert await idle.read() is None
    assert "Traceback" not in log.read_text()


@pytest.mark.timing
async def test_speech_in_progress_is_finished_on_sigterm(tmp_path: Path) -> None:
    """F39, P9: new connections are refused meanwhile."""
    async with running(log=tmp_path / "log") as (process, address), connect(address) as client:
        speaking = asyncio.create_task(client.speak("One. " + "A sentence that takes its time. " * 60))
        await asyncio.sleep(0.3)
        process.terminate()
        spoken = await speaking

        assert spoken.audio_s > 60
        assert await ended(process, 8) == 0


async def test_a_listener_who_takes_for_ever_is_cut_off_within_eight_seconds(tmp_path: Path) -> None:
    """F39, P9: the Supervisor kills after ten."""
    log = tmp_path / "log"
    async with running(log=log) as (process, address):
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await WyomingClient(reader, writer).send(Event("synthesize", {"text": "A sentence that nobody hears. " * 250}))
        await asyncio.sleep(0.5)
        process.terminate()

        code = await ended(process, 8)
        writer.close()

    assert code == 0
    assert "Traceback" not in log.read_text()
    assert "Stopped in the middle of 1 repl" in log.read_text()


async def test_a_second_signal_ends_it_now(tmp_path: Path) -> None:
    """F39."""
    async with running(log=tmp_path / "log") as (process, address):
        reader, writer = await asyncio.open_connection(*address, limit=1024)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await WyomingClient(reader, writer).send(Event("synthesize", {"text": "A sentence that nobody hears. " * 250}))
        await asyncio.sleep(0.5)
        process.terminate()
        await asyncio.sleep(0.2)
        process.terminate()

        assert await ended(process, 5) == 0
        writer.close()


async def test_a_server_that_is_still_loading_stops_when_asked(tmp_path: Path) -> None:
    """F39."""
    log = tmp_path / "log"
    async with running(log=log) as (process, _):
        process.terminate()

        assert await ended(process, 8) == 0
    assert "Traceback" not in log.read_text()


@pytest.mark.timing
async def test_the_first_describe_is_answered_within_two_seconds_and_speech_within_ten(tmp_path: Path) -> None:
    """reliability.md section 5."""
    began = time.perf_counter()
    async with running(log=tmp_path / "log") as (_, address):
        answered = time.perf_counter() - began
        async with connect(address) as client:
            spoken = await client.speak("Ready.")
        ready = time.perf_counter() - began

    assert answered < 2
    assert ready < 10
    assert spoken.audio_s > 0.3


@pytest.mark.timing
def test_a_taken_port_ends_with_75_and_one_line_that_names_it(tmp_path: Path) -> None:
    """F41."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        began = time.perf_counter()
        done = subprocess.run(
            [*COMMAND, "--wyoming.uri", f"tcp://127.0.0.1:{port}"], capture_output=True, text=True, timeout=20
        )
        took = time.perf_counter() - began

    assert done.returncode == 75
    assert took < 2
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert str(port) in errors[0]
    assert "--wyoming.uri" in errors[0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "environment", "message"),
    [
        (["--engine.slot", "4"], {}, "Did you mean --engine.slots"),
        (["serve", "--limit.queue=4"], {}, "Did you mean --limits.queue"),
        (["--engine.slots", "many"], {}, "engine.slots"),
        (["--wyoming.uri", "nonsense"], {}, "tcp://0.0.0.0:10200"),
        (["--wyoming.uri", "tcp://192.0.2.1:10200"], {}, "wyoming.uri"),
        (["--config", "/nowhere.yaml"], {}, "/nowhere.yaml"),
        ([], {"QWEN3TTS_ENGINE__KIN": "auto"}, "QWEN3TTS_ENGINE__KIND"),
        (["sing"], {}, "sing"),
        (["--engine.slots"], {}, "--engine.slots"),
    ],
    ids=str,
)
def test_bad_settings_end_with_78_and_what_to_write_instead(
    flags: list[str], environment: dict[str, str], message: str
) -> None:
    """F43."""
    done = subprocess.run([*COMMAND, *flags], capture_output=True, text=True, timeout=20, env=os.environ | environment)

    assert done.returncode == 78
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@asynccontextmanager
async def reachable(log: Path, within_s: float = 20.0) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the web door that the log names."""
    began = time.perf_counter()
    while not (said := re.search(r"Page: (http://[^\s,]+)", log.read_text())):  # noqa: ASYNC240
        assert time.perf_counter() - began < within_s, f"the page does not open: {log.read_text()}"  # noqa: ASYNC240
        await asyncio.sleep(0.02)
    async with httpx.AsyncClient(base_url=said[1], timeout=30) as client:
        yield client


async def test_speech_over_the_web_door_is_finished_on_sigterm_and_nothing_new_is_begun(tmp_path: Path) -> None:
    """F39, P9."""
    log = tmp_path / "log"
    async with running(log=log) as (process, _), reachable(log) as client:
        body = {"input": "This sentence is spoken to its end. " * 4, "response_format": "pcm"}
        async with (
            client.stream("POST", "/v1/audio/speech", json=body) as reply,
            client.stream("GET", "/v1/live") as live,
        ):
            pieces = reply.aiter_raw()
            sound = len(await anext(pieces))
            process.terminate()
            async for piece in pieces:
                sound += len(piece)
            await live.aread()
        code = await ended(process, 8)

    assert code == 0
    assert sound > 4 * 48_000
    assert "Traceback" not in log.read_text()


async def test_a_port_that_this_server_has_already_is_said_to_be_its_own(tmp_path: Path) -> None:
    async with running(log=tmp_path / "log") as (_, address):
        second = await asyncio.create_subprocess_exec(
            *COMMAND, "--wyoming.uri", str(address), "--http.uri", "off", stderr=asyncio.subprocess.PIPE
        )
        _, said = await second.communicate()

    assert second.returncode == 75
    assert f"{address} is taken by wyoming-qwen3tts itself, which runs already. Stop it, or" in said.decode()


def test_a_web_port_that_was_asked_for_and_is_taken_ends_with_75_and_one_line_that_names_it() -> None:
    """F41."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "--wyoming.uri", "tcp://127.0.0.1:0", "--http.uri", f"tcp://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=20,
        )

    assert done.returncode == 75
    errors = [line for line in done.stderr.splitlines() if "ERROR" in line]
    assert len(errors) == 1
    assert f"--http.uri tcp://127.0.0.1:{port + 1}" in errors[0]


def test_a_default_web_port_that_is_taken_silences_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """A house that never asked for the web door must not lose its voice to another program's port."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # somebody else has it: all the better
            sock.bind(("127.0.0.1", 8880))
            sock.listen()

        assert web_listener(Settings()) is None
    assert "Page: off, as another program has" in caplog.text
    assert "--http.uri off" in caplog.text


def test_the_web_door_can_be_switched_off() -> None:
    assert web_listener(Settings(http=Http(uri="off"))) is None
