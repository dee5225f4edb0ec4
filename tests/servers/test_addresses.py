"""What each form of an address listens on, at both servers."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.harness import FakeEngine, until
from wyoming_qwen3tts.doctor import ports
from wyoming_qwen3tts.servers.connections import bind, close_all
from wyoming_qwen3tts.servers.http.app import build_app
from wyoming_qwen3tts.servers.http.server import HttpServer
from wyoming_qwen3tts.servers.wyoming.client import local
from wyoming_qwen3tts.servers.wyoming.discovery import usable_addresses
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits, Settings, parse_address
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


def _has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return False
    return True


needs_ipv6 = pytest.mark.skipif(not _has_ipv6(), reason="needs IPv6")


@asynccontextmanager
async def wyoming(address: Address) -> AsyncIterator[int]:
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=1)
    async with WyomingServer(service, address, Limits()) as server:
        yield server.port
    await service.close()


@asynccontextmanager
async def http(address: Address) -> AsyncIterator[int]:
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=1)
    async with HttpServer(lambda: build_app(service, Settings()), address, Limits()) as server:
        yield server.port
    await service.close()


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError:
        return False
    return True


@needs_ipv6
@pytest.mark.parametrize("server", [wyoming, http])
@pytest.mark.parametrize(
    ("uri", "v4", "v6"),
    [
        ("tcp://[::]:0", True, True),
        ("tcp://*:0", True, True),
        ("tcp://localhost:0", True, True),
        ("tcp://LOCALHOST:0", True, True),
        ("tcp://0.0.0.0:0", True, False),
        ("tcp://127.0.0.1:0", True, False),
        ("tcp://[::1]:0", False, True),
    ],
)
async def test_both_families_where_both_are_meant(server: Callable[..., Any], uri: str, v4: bool, v6: bool) -> None:
    async with server(parse_address(uri)) as port:
        assert (answers("127.0.0.1", port), answers("::1", port)) == (v4, v6)


@pytest.mark.parametrize("code", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
@pytest.mark.parametrize("uri", ["tcp://[::]:0", "tcp://*:0", "tcp://localhost:0"])
def test_a_machine_without_ipv6_listens_on_ipv4(uri: str, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.socket

    def without(family: int = -1, *more: Any, **named: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(code, "no IPv6 here")
        return real(family, *more, **named)

    monkeypatch.setattr(socket, "socket", without)
    sockets = bind(parse_address(uri))
    monkeypatch.undo()
    try:
        assert [sock.family for sock in sockets] == [socket.AF_INET]
        assert answers("127.0.0.1", sockets[0].getsockname()[1])
    finally:
        close_all(sockets)


def test_where_it_is_announced_it_listens() -> None:
    everywhere = parse_address("tcp://*:0")
    sockets = bind(everywhere)
    try:
        port = sockets[0].getsockname()[1]
        for host in usable_addresses(everywhere.host):
            if ":" not in host:
                assert answers(host, port)
        assert answers(local(Address(everywhere.host, port)).host, port)
    finally:
        close_all(sockets)


@needs_ipv6
def test_doctor_looks_at_all_that_the_server_would_listen_on() -> None:
    with socket.socket(socket.AF_INET6) as other:
        other.bind(("::1", 0))
        other.listen()
        port = other.getsockname()[1]
        found = ports._one("port", Address("localhost", port), "--http.uri", lambda: False)

    assert "taken by another program" in str(found)


async def test_a_shared_port_has_several_servers_and_each_gets_connections() -> None:
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=1)
    async with WyomingServer(service, Address("127.0.0.1", 0), Limits(), shares_port=True) as one:
        address = Address("127.0.0.1", one.port)
        async with WyomingServer(service, address, Limits(), shares_port=True) as two:
            with pytest.raises(OSError, match="in use"):  # who does not share it
                bind(address)
            writers = [(await asyncio.open_connection(*address))[1] for _ in range(40)]
            await until(lambda: one.connections + two.connections == 40)
            assert one.connections
            assert two.connections
            for writer in writers:
                writer.close()
    await service.close()
