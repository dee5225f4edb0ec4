"""Home Assistant finds us by itself, on loopback here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import ifaddr
import pytest
from zeroconf import IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from tests.homeassistant.fake_supervisor import FakeSupervisor, fake_supervisor
from wyoming_qwen3tts.app import serve
from wyoming_qwen3tts.servers.wyoming.discovery import SERVICE_TYPE, announced, usable_addresses
from wyoming_qwen3tts.settings import Address
from wyoming_qwen3tts.settings.sources import load

LOOPBACK = Address("127.0.0.1", 10200)
pytestmark = pytest.mark.xdist_group("mdns")  # all processes of a machine share the one multicast address


async def test_a_loopback_server_is_announced_on_loopback_and_taken_back_at_its_end() -> None:
    changes: list[tuple[str, ServiceStateChange]] = []
    gone = asyncio.Event()

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        changes.append((name, state_change))
        if state_change is ServiceStateChange.Removed:
            gone.set()

    async with AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only) as home_assistant:
        browser = AsyncServiceBrowser(home_assistant.zeroconf, SERVICE_TYPE, handlers=[changed])
        async with announced("kitchen-voice", LOOPBACK) as name:
            info = AsyncServiceInfo(SERVICE_TYPE, f"{name}.{SERVICE_TYPE}")
            assert await info.async_request(home_assistant.zeroconf, 3000)
        async with asyncio.timeout(5):
            await gone.wait()
        await browser.async_cancel()

    assert name == "kitchen-voice"
    assert (info.parsed_addresses(), info.port) == (["127.0.0.1"], 10200)
    assert changes[0] == (f"kitchen-voice.{SERVICE_TYPE}", ServiceStateChange.Added)


@pytest.mark.timing
async def test_a_second_server_of_the_same_name_gets_a_name_of_its_own() -> None:
    """The library waits half a second for the first one's objection, which is sent to the second's own address: where
    two share one, the kernel gives it to either."""
    async with announced("twin", LOOPBACK) as first, announced("twin", Address("127.0.0.2", 10200)) as second:
        assert (first, second) == ("twin", "twin-2")


async def test_without_multicast_the_server_goes_on_unannounced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(**_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("wyoming_qwen3tts.servers.wyoming.discovery.AsyncZeroconf", refused)

    async with announced("x", LOOPBACK) as name:
        assert name is None
    assert "Add the server by host and port" in caplog.text


def adapter(name: str, *ips: str) -> ifaddr.Adapter:
    found = [ifaddr.IP((ip, 0, 0) if ":" in ip else ip, 64, name) for ip in ips]
    return ifaddr.Adapter(name, name, found)


def test_all_usable_addresses_are_announced_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = [
        adapter("lo", "127.0.0.1", "::1"),
        adapter("eth0", "192.0.2.7", "2001:db8::7", "fe80::7"),
        adapter("wlan0", "169.254.3.4", "198.51.100.9"),
        adapter("docker0", "172.17.0.1"),
        adapter("hassio", "172.30.32.1"),
    ]
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: adapters)

    assert usable_addresses("::") == ["192.0.2.7", "198.51.100.9", "2001:db8::7"]
    assert usable_addresses("0.0.0.0") == ["192.0.2.7", "198.51.100.9"]
    assert usable_addresses("192.0.2.7") == ["192.0.2.7"]
    assert "127.0.0.1" in usable_addresses("localhost")


async def test_without_an_address_nothing_is_announced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ifaddr, "get_adapters", list)

    async with announced("x", Address("0.0.0.0", 10200)) as name:
        assert name is None
    assert "no network address" in caplog.text


@pytest.fixture
def supervisor() -> Iterator[FakeSupervisor]:
    with fake_supervisor() as fake:
        yield fake


@pytest.mark.parametrize(("in_addon", "expected"), [(False, ["tester"]), (True, [])])
async def test_the_server_is_announced_once_it_answers_but_not_inside_the_add_on(
    monkeypatch: pytest.MonkeyPatch, supervisor: FakeSupervisor, in_addon: bool, expected: list[str]
) -> None:
    """Inside, the Supervisor tells Home Assistant; both would be two offers of one service."""
    if in_addon:
        for name, value in supervisor.environ.items():
            monkeypatch.setenv(name, value)
    seen: list[str] = []
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    stop = asyncio.Event()
    monkeypatch.setattr(serve, "_on_signals", lambda event: _when(stop, event))
    settings = load({"wyoming.uri": f"tcp://127.0.0.1:{port}", "http.uri": "off", "zeroconf_name": "tester"}, {})
    serving = asyncio.create_task(serve.serve(settings))

    async with AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only) as home_assistant:
        info = AsyncServiceInfo(SERVICE_TYPE, f"tester.{SERVICE_TYPE}")
        if await info.async_request(home_assistant.zeroconf, 4000 if expected else 1500):
            seen.append(info.name.removesuffix(f".{SERVICE_TYPE}"))
    stop.set()

    assert await serving == 0
    assert seen == expected
    uri = f"tcp://{socket.gethostname()}:{port}"
    told = [("POST", "/discovery", {"service": "wyoming", "config": {"uri": uri}})]
    assert [asked for asked in supervisor.asked if asked[1] == "/discovery"] == (told if in_addon else [])


_TASKS: set[asyncio.Task[None]] = set()


def _when(stop: asyncio.Event, event: asyncio.Event) -> None:
    async def pass_on() -> None:
        await stop.wait()
        event.set()

    task = asyncio.get_running_loop().create_task(pass_on())
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
