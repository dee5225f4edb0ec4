"""F11: the cable is pulled. No end of the connection arrives, nor anything else, so only our own clock can tell."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.harness import FakeEngine, until
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

OURS, THEIRS, NAMESPACE, LINK = "10.213.77.1", "10.213.77.2", "qwen3tts-test", "q3t-veth"
LISTENER = """
import json, socket, time
sock = socket.create_connection(("{host}", {port}))
wish = {{"type": "synthesize", "data": {{"text": "A sentence that goes on. " * 300}}}}
sock.sendall(json.dumps(wish).encode() + b"\\n")
print(len(sock.recv(4096)), flush=True)
time.sleep(60)
"""


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def cable() -> Iterator[None]:
    """Two hosts on one machine: ours, and a namespace with a cable of its own."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and iproute2 for a network namespace")
    try:
        ip("netns", "add", NAMESPACE)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        ip("link", "add", LINK, "type", "veth", "peer", "name", f"{LINK}-peer", "netns", NAMESPACE)
        ip("addr", "add", f"{OURS}/30", "dev", LINK)
        ip("link", "set", LINK, "up")
        ip("-n", NAMESPACE, "addr", "add", f"{THEIRS}/30", "dev", f"{LINK}-peer")
        ip("-n", NAMESPACE, "link", "set", f"{LINK}-peer", "up")
        yield
    finally:
        subprocess.run(["ip", "link", "del", LINK], check=False, capture_output=True)
        ip("netns", "del", NAMESPACE)


async def test_a_pulled_cable_costs_no_more_than_the_buffers_and_frees_the_place(cable: None) -> None:
    engine, limits = FakeEngine(), Limits(write_stall_s=1.0)
    service = SpeechService(engine, VoiceCatalog(engine.voices()), limits, slots=4)
    service.load()
    async with WyomingServer(service, Address(OURS, 0), limits) as door:
        listener = await asyncio.create_subprocess_exec(
            "ip", "netns", "exec", NAMESPACE, sys.executable, "-c", LISTENER.format(host=OURS, port=door.port),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert listener.stdout is not None
        await listener.stdout.readline()
        ip("link", "set", LINK, "down")
        await until(lambda: not engine.speaking and not door.connections, within_s=5)
        made = engine.frames_made
        listener.kill()
        await listener.wait()

        assert service.active == 0
        assert 10 < made < 1000  # of some 1,800 that the text has
    await service.close()
