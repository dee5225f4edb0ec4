"""The Supervisor's side of the add-on: discovery, the broker, and a Supervisor that is not well."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.harness import free_port, until
from tests.homeassistant.fake_supervisor import OK, TOKEN, fake_supervisor
from wyoming_qwen3tts.homeassistant.supervisor import Supervisor, SupervisorError, discovered, own_uri
from wyoming_qwen3tts.util.backoff import Backoff

MQTT = {"host": "core-mosquitto", "port": "1883", "username": "addons", "password": "secret", "ssl": False}


def quickly() -> Backoff:
    return Backoff(0.01, 0.02, chance=lambda: 0.0)


def test_outside_the_addon_there_is_no_supervisor() -> None:
    assert Supervisor.from_environ({}) is None
    assert Supervisor.from_environ({"SUPERVISOR_TOKEN": ""}) is None


def test_inside_home_assistant_is_reached_through_it() -> None:
    supervisor = Supervisor.from_environ({"SUPERVISOR_TOKEN": TOKEN})

    assert supervisor
    assert supervisor.core_api_url == "http://supervisor/core/api"
    assert supervisor.core_websocket_url == "ws://supervisor/core/websocket"
    assert TOKEN not in repr(supervisor)


async def test_the_server_is_announced_where_home_assistant_reaches_it() -> None:
    with fake_supervisor(discovery=(200, OK)) as fake:
        supervisor = Supervisor(TOKEN, fake.url)

        async with discovered(supervisor, own_uri(10200), quickly()):
            await until(lambda: fake.asked)

    uri = f"tcp://{socket.gethostname()}:10200"
    assert fake.asked == [("POST", "/discovery", {"service": "wyoming", "config": {"uri": uri}})]


async def test_it_is_announced_again_until_it_is_heard_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    refused = (400, {"result": "error", "message": "Home Assistant is not running"})
    with fake_supervisor(discovery=[refused, refused, (200, OK)]) as fake:
        async with discovered(Supervisor(TOKEN, fake.url), "tcp://a:1", quickly()):
            await until(lambda: "Announced to Home Assistant" in caplog.text)

    assert fake.count("/discovery") == 3
    assert [r.levelname for r in caplog.records if "Not announced yet" in r.message] == ["WARNING"]
    assert "Home Assistant is not running" in caplog.text


async def test_a_supervisor_that_never_answers_holds_up_nobody() -> None:
    supervisor = Supervisor(TOKEN, f"http://127.0.0.1:{free_port()}")

    async with asyncio.timeout(10), discovered(supervisor, "tcp://a:1", quickly()):
        await asyncio.sleep(0.05)


async def test_the_broker_is_found_even_with_its_port_in_quotes() -> None:
    with fake_supervisor(services_mqtt=(200, {"result": "ok", "data": MQTT})) as fake:
        service = await Supervisor(TOKEN, fake.url).mqtt_service()

    assert service
    assert (service.host, service.port, service.username, service.password, service.ssl) == (
        "core-mosquitto", 1883, "addons", "secret", False,
    )  # fmt: skip
    assert "secret" not in repr(service)


async def test_no_broker_is_no_error() -> None:
    with fake_supervisor(services_mqtt=(400, {"result": "error", "message": "Service not enabled"})) as fake:
        assert await Supervisor(TOKEN, fake.url).mqtt_service() is None


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((403, {"result": "error", "message": "No permission"}), "No permission"),
        ((500, "<html>"), "(500): no reason given"),
        ((200, {"result": "ok", "data": {"host": "x", "port": "many"}}), "names no host and port"),
        ((200, []), "refused"),
    ],
)
async def test_what_the_supervisor_refuses_is_said_in_its_words(answer: Any, message: str) -> None:
    with fake_supervisor(services_mqtt=answer) as fake, pytest.raises(SupervisorError) as refused:
        await Supervisor(TOKEN, fake.url).mqtt_service()

    assert message in str(refused.value)
    assert TOKEN not in str(refused.value)


async def test_a_wrong_token_is_said() -> None:
    with fake_supervisor() as fake, pytest.raises(SupervisorError) as refused:
        await Supervisor("wrong", fake.url).info()

    assert "unauthorized" in str(refused.value)
