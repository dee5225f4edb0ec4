"""F48: no payload ends the MQTT door. What is in it becomes topics, and a broker hangs up on odd ones."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.harness import until
from tests.mosquitto import Mosquitto, listening, needs_mosquitto
from tests.servers.mqtt.house import serving
from wyoming_qwen3tts.settings import Settings

ODD = st.text(st.characters(exclude_categories=()), min_size=1, max_size=40) | st.text(
    "ab/+#$\0\u0001\x7f\u0085\ufffe\ufdd0\ud800\U0001ffff.", min_size=1, max_size=20
)
PAYLOADS = st.one_of(
    st.fixed_dictionaries({"text": st.just("Hi."), "id": ODD, "audio": st.just(True)}),
    st.fixed_dictionaries({"text": st.just("Hi."), "target": st.lists(ODD | ODD.map("hermes/{}".format), max_size=3)}),
    st.fixed_dictionaries({"text": st.just("Hi."), "voice": ODD, "language": ODD}),
).map(lambda data: ("qwen3tts/say", data)) | st.fixed_dictionaries(
    {"text": st.just("Hi.")}, optional={"siteId": ODD, "id": ODD, "sessionId": ODD, "lang": ODD}
).map(lambda data: ("hermes/tts/say", data))


@needs_mosquitto
def test_a_good_announcement_after_each_odd_one_is_answered(tmp_path: Path) -> None:
    """With at most three new connections for each."""

    @settings(
        max_examples=20, phases=[Phase.explicit, Phase.generate], deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(PAYLOADS, min_size=1, max_size=15))
    def check(payloads: list[tuple[str, dict[str, Any]]]) -> None:
        loop.run_until_complete(one(payloads))

    number = 0

    async def one(payloads: list[tuple[str, dict[str, Any]]]) -> None:
        nonlocal number
        number += 1
        before = server.door.connection.count
        for topic, data in payloads:
            await listener.publish(topic, json.dumps(data))
        await listener.publish("qwen3tts/say", {"text": "Good.", "id": f"good{number}", "audio": True})
        async with asyncio.timeout(20):
            while not any(answer["id"] == f"good{number}" and answer["ok"] for answer in heard()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert server.door.connection.count - before <= 3 * len(payloads)
        await until(lambda: not server.door.connection.unsent, 20)
        assert server.door.connection.connected
        listener.heard.clear()

    def heard() -> list[dict[str, Any]]:
        return listener.objects("qwen3tts/result")

    loop = asyncio.new_event_loop()
    try:
        broker = Mosquitto(tmp_path)
        loop.run_until_complete(broker.start())
        listening_now = listening(broker.port)
        listener = loop.run_until_complete(listening_now.__aenter__())
        serving_now = serving(broker.port, tmp_path, mqtt={"hermes": True}, announce={"queue": 500}, with_web=False)
        server = loop.run_until_complete(serving_now.__aenter__())
        try:
            loop.run_until_complete(server.connected())
            check()
            assert server.door.connection.count == 1, "no name that we make is one that a broker refuses"
        finally:
            loop.run_until_complete(serving_now.__aexit__(None, None, None))
            loop.run_until_complete(listening_now.__aexit__(None, None, None))
            loop.run_until_complete(broker.kill())
    finally:
        loop.close()


@needs_mosquitto
async def test_a_message_that_the_broker_hangs_up_on_is_dropped_and_all_else_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it was, and however it got there."""
    async with (
        Mosquitto(tmp_path) as broker,
        listening(broker.port) as listener,
        serving(broker.port, tmp_path, with_web=False) as server,
    ):
        await server.connected()
        server.door.connection.publish("qwen3tts/a\u0001b", "poison")
        await listener.publish("qwen3tts/say", {"text": "Good.", "id": "good", "audio": True})
        assert (await listener.answer())["ok"] is True
        await until(lambda: not server.door.connection.unsent and server.door.connection.connected, 20)
        assert server.door.connection.count == 4
        dropped = [r.getMessage() for r in caplog.records if "dropped a message" in r.getMessage()]
        assert len(dropped) == 1
        assert "poison" not in dropped[0]


async def test_a_broker_that_hangs_up_on_us_at_once_is_tried_ever_more_slowly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F46: a connection that comes about is not yet a good one."""
    caplog.set_level(logging.DEBUG)

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(bytes([0x20, 2, 0, 0]))
        await reader.read(1024)
        writer.write(bytes([0x90, 6, 0, 1, 1, 1, 1, 1]))
        await writer.drain()
        writer.close()

    pauses: list[float] = []
    async with await asyncio.start_server(broker, "127.0.0.1", 0) as listening_broker:
        port = listening_broker.sockets[0].getsockname()[1]
        async with serving(port, tmp_path, with_web=False, mqtt={"protocol": "3.1.1"}) as server:
            pause = server.door.connection._pause

            async def counted(seconds: float) -> None:
                pauses.append(seconds)
                await pause(0)

            server.door.connection._pause = counted  # type: ignore[method-assign]
            await until(lambda: len(pauses) >= 4)
    assert pauses[:3] == sorted(pauses[:3])
    assert pauses[3] > pauses[0]


@pytest.mark.parametrize("odd", ["a\u0001b", "a/\ufffe", "a//b", "$SYS", "a b", "+", "x" * 65, "/a", "a/"])
@pytest.mark.parametrize("name", ["base_topic", "discovery_prefix"])
def test_a_topic_in_the_settings_that_a_broker_would_refuse_is_refused_at_the_start(name: str, odd: str) -> None:
    with pytest.raises(ValidationError, match="must look like"):
        Settings.model_validate({"mqtt": {name: odd}})
