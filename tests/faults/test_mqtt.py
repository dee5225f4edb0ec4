"""F45 to F49: brokers that are away, die, refuse, or flood us. With a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import time
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import pytest

from tests.harness import FakeEngine, free_port, until
from tests.mosquitto import Listener, Mosquitto, certificates, listening, needs_mosquitto
from tests.servers.mqtt.house import House, house, serving
from wyoming_qwen3tts.servers.mqtt.client import PatchedClient

pytestmark = needs_mosquitto
PAHO_LEAVES_SOCKETS = pytest.mark.filterwarnings(  # to the garbage collector, where a TLS handshake fails
    "ignore:.*<ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"
)
CANARY = "pa55word-canary"


def trouble(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the connection warned of."""
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING and "mqtt:" in r.getMessage()]


async def test_a_broker_that_comes_later_is_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F45: speech goes on meanwhile; then everything is as if it had been there from the start."""
    port = free_port()
    async with serving(port, tmp_path) as server:
        await until(lambda: trouble(caplog))
        async with Mosquitto(tmp_path, port=port), listening(port) as listener:
            await server.connected()
            await listener.wait_for("qwen3tts/status")
            await listener.wait_for("homeassistant/device/qwen3tts/config")
            await listener.wait_for("qwen3tts/state")
            await listener.publish("qwen3tts/say", "Hello.")
            assert (await listener.answer())["ok"] is True
            assert len(trouble(caplog)) == 1, "one warning, however often it tried"


class Publisher:
    """Asks until it is answered, as a publisher does that must not lose anything."""

    def __init__(self, port: int, ids: list[str]) -> None:
        self.port, self.answers = port, dict.fromkeys(ids, 0)

    @property
    def unanswered(self) -> list[str]:
        return [key for key, count in self.answers.items() if not count]

    async def run(self) -> None:
        while self.unanswered:
            try:
                async with PatchedClient("127.0.0.1", self.port, timeout=2) as client, asyncio.TaskGroup() as tasks:
                    client.pending_calls_threshold = 1_000_000
                    await client.subscribe("qwen3tts/result", qos=1)
                    reading = tasks.create_task(self._read(client))
                    while self.unanswered:
                        for key in self.unanswered:
                            request = {"text": f"This is number {key}.", "id": key}
                            await client.publish("qwen3tts/say", json.dumps(request), qos=1)
                        await asyncio.sleep(0.05)
                    reading.cancel()
            except* (aiomqtt.MqttError, OSError):
                await asyncio.sleep(0.02)

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            answer = json.loads(message.payload)
            if answer["ok"]:
                self.answers[answer["id"]] += 1


async def test_a_broker_killed_again_and_again_loses_no_request_and_has_none_spoken_twice(tmp_path: Path) -> None:
    """F46: it forgets its sessions each time."""
    async with Mosquitto(tmp_path) as broker, serving(broker.port, tmp_path, slots=2) as server:
        await server.connected()
        publisher = Publisher(broker.port, [str(number) for number in range(100)])
        asking = asyncio.create_task(publisher.run())
        for quarter in (10, 40, 70):
            await until(lambda quarter=quarter: len(server.engine.requests) >= quarter, 20)  # type: ignore[misc]
            await broker.restart()
        async with asyncio.timeout(30):
            await asking

        assert not publisher.unanswered
        assert len(server.spoken) == len(set(server.spoken)) == 100


async def test_after_a_broken_connection_all_is_as_before(tmp_path: Path) -> None:
    """F46: subscribed again, the will told, and taken back."""
    async with Mosquitto(tmp_path) as broker, serving(broker.port, tmp_path) as server:
        await server.connected()
        async with listening(broker.port) as listener:
            await listener.wait_for("qwen3tts/status")
            server.door.connection.drop()
            await server.connected(2)
            await listener.wait_for("qwen3tts/status", 3)
            assert listener.on("qwen3tts/status") == [b"online", b"offline", b"online"]
            await listener.publish("qwen3tts/say", "Hello.")
            assert (await listener.answer())["ok"] is True


async def test_what_is_published_while_our_connection_is_broken_is_spoken_afterwards(tmp_path: Path) -> None:
    """F46, MQTT 5: the broker keeps it for as long as it is news."""
    async with house(tmp_path) as (server, listener, _):
        server.door.connection.drop()
        await until(lambda: not server.door.connection.connected)
        await listener.publish("qwen3tts/say", {"text": "The doorbell.", "id": "bell"})

        assert (await listener.answer())["id"] == "bell"
        assert server.door.connection.count == 2


async def test_an_answer_that_died_with_the_broker_is_given_again_when_asked_for(tmp_path: Path) -> None:
    """F46: and nothing is spoken for it."""
    async with Mosquitto(tmp_path) as broker, serving(broker.port, tmp_path) as server:
        await server.connected()
        async with listening(broker.port) as first:
            await first.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
            answer = await first.answer()
            await first.event("done")
            await broker.restart()
        await server.connected(2)
        async with listening(broker.port) as second:
            for _ in range(2):
                await second.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
            await second.publish("qwen3tts/say", {"text": "Hello.", "id": "b"})

            assert [a["id"] for a in await second.answers(2)] == ["a", "b"]
            assert (await second.answers(2))[0] == answer
        assert server.spoken == ["Hello.", "Hello."]


async def test_an_answer_that_nobody_was_there_to_hear_is_given_again_when_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F46: after a break we may be back before whoever asked, so that our answer reaches nobody."""
    monkeypatch.setattr("wyoming_qwen3tts.servers.mqtt.bridge._RETOLD_S", 0.0)
    async with house(tmp_path) as (server, listener, broker):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
        answer = await listener.answer()
        await listener.event("done")
        async with listening(broker.port) as late:
            await late.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
            assert await late.answer() == answer
        assert server.spoken == ["Hello."]
        assert server.door.connection.count == 1


async def test_a_broker_that_stops_answering_is_noticed(tmp_path: Path) -> None:
    """F46: a half-open connection; the shortest keep-alive is 5 s, here what counts is made shorter."""
    async with house(tmp_path, mqtt={"keepalive_s": 5}) as (server, _, broker):
        client = server.door.connection._client
        assert client is not None
        client._client._keepalive = 1
        broker.freeze()
        try:
            await until(lambda: not server.door.connection.connected, 8)
        finally:
            broker.thaw()
        await server.connected(2)


def make_password(file: Path, user: str, password: str) -> None:
    subprocess.run(["mosquitto_passwd", "-b", "-c", file, user, password], check=True, capture_output=True)


async def refused(port: int, folder: Path, caplog: pytest.LogCaptureFixture, **mqtt: object) -> str:
    """Try for a while; the one warning there is. Checks that the tries get rarer, and the password stays out."""
    caplog.set_level(logging.DEBUG)
    async with serving(port, folder, with_web=False, mqtt={"password": CANARY, **mqtt}) as server:
        await until(lambda: len([r for r in caplog.records if "Trying again" in r.getMessage()]) >= 3)
        assert not server.door.connection.connected
    assert len(trouble(caplog)) == 1
    assert CANARY not in caplog.text
    return trouble(caplog)[0]


async def test_a_wrong_password_is_said_once_and_tried_slowly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F47."""
    passwords = tmp_path / "passwords"
    make_password(passwords, "voice", "right")
    async with Mosquitto(tmp_path, f"password_file {passwords}") as broker:
        said = await refused(broker.port, tmp_path, caplog, username="voice")
        assert "mqtt.username or mqtt.password is wrong" in said

        right = {"username": "voice", "password": "right"}
        async with serving(broker.port, tmp_path, with_web=False, mqtt=right) as server:
            await server.connected()


@PAHO_LEAVES_SOCKETS
async def test_tls_with_our_own_authority_works_and_without_it_says_what_to_set(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """F47."""
    certificates(tmp_path)
    tls = [f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.key"]
    async with Mosquitto(tmp_path, *tls) as broker:
        trusted = {"tls": True, "ca": str(tmp_path / "ca.pem"), "host": "localhost"}
        async with serving(broker.port, tmp_path, with_web=False, mqtt=trusted) as server:
            await server.connected()
        assert "set mqtt.ca" in await refused(broker.port, tmp_path, caplog, tls=True)
        caplog.clear()
        assert "does this port want TLS" in await refused(broker.port, tmp_path, caplog)


@PAHO_LEAVES_SOCKETS
async def test_tls_to_a_port_without_it_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F47."""
    async with Mosquitto(tmp_path) as broker:
        assert "speaks no TLS on this port" in await refused(broker.port, tmp_path, caplog, tls=True)


async def test_a_broker_may_ask_for_our_certificate(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F47."""
    certificates(tmp_path)
    files = [f"certfile {tmp_path}/server.pem", f"keyfile {tmp_path}/server.key", f"cafile {tmp_path}/ca.pem"]
    async with Mosquitto(tmp_path, *files, "require_certificate true", "use_identity_as_username true") as broker:
        ours = {"tls": True, "ca": str(tmp_path / "ca.pem"), "host": "localhost"}
        ours |= {"certificate": str(tmp_path / "client.pem"), "key": str(tmp_path / "client.key")}
        async with serving(broker.port, tmp_path, with_web=False, mqtt=ours) as server:
            await server.connected()
        del ours["certificate"], ours["key"]
        assert "set mqtt.certificate" in await refused(broker.port, tmp_path, caplog, **ours)


async def test_a_subscription_that_is_refused_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F47: without it we would be connected and deaf. Mosquitto's own rules never refuse one, other brokers do."""

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (bytes([0x20, 2, 0, 0]), bytes([0x90, 6, 0, 1, 0x80, 0x80, 0x80, 0x80])):
            await reader.read(1024)
            writer.write(answer)
        await reader.read(1024)
        writer.close()

    async with await asyncio.start_server(broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        said = await refused(port, tmp_path, caplog, protocol="3.1.1")

    assert "do not let us subscribe to qwen3tts/say" in said


async def test_publications_that_are_refused_are_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """F47."""
    rules = tmp_path / "acl"
    rules.write_text("topic read #\ntopic write qwen3tts/#\n")
    async with Mosquitto(tmp_path, f"acl_file {rules}") as broker, serving(broker.port, tmp_path) as server:
        await server.connected()
        await until(lambda: trouble(caplog))
    assert len(trouble(caplog)) == 1
    assert "do not let us publish" in trouble(caplog)[0]


async def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_it(tmp_path: Path) -> None:
    versions = []

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        versions.append((await reader.read(1024))[8])
        if versions[-1] == 4:
            writer.write(bytes([0x20, 2, 0, 0]))
            await reader.read(1024)
            writer.write(bytes([0x90, 6, 0, 1, 1, 1, 1, 1]))
            await reader.read()
        writer.close()

    async with await asyncio.start_server(broker, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with serving(port, tmp_path, with_web=False) as ours:
            await ours.connected()

    assert versions == [5, 4]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_both_versions_of_the_protocol_work(tmp_path: Path, version: str) -> None:
    async with house(tmp_path, mqtt={"protocol": version}) as (server, listener, _):
        await listener.publish("qwen3tts/say", "Hello.")
        assert (await listener.answer())["ok"] is True
        server.door.connection.drop()
        await server.connected(2)


async def test_home_assistants_birth_has_us_introduce_ourselves_again(tmp_path: Path) -> None:
    """F49."""
    async with house(tmp_path) as (server, listener, _):
        server.door.bridge._chance = lambda: 0.0
        config = "homeassistant/device/qwen3tts/config"
        await listener.wait_for(config)
        await listener.publish("homeassistant/status", "offline")
        await listener.publish("homeassistant/status", "online")

        first, second = await listener.wait_for(config, 2)
        assert first == second
        assert (await listener.wait_for("qwen3tts/status", 2))[-1] == b"online"


async def test_a_flood_is_told_busy_and_costs_no_memory(tmp_path: Path) -> None:
    """F48: one second of a thousand messages a second; `script/soak-mqtt` sends ten."""
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine, announce={"queue": 50}) as (server, listener, _):
        answers, grown = await flood(server, listener, messages=1_000, a_second=1_000, places=4 + 50)

        assert len({answer["id"] for answer in answers}) == len(answers) == 1_000
        accepted = [answer["id"] for answer in answers if answer["ok"]]
        assert len(accepted) == 54, "four spoken, fifty waiting"
        assert {a["error"]["code"] for a in answers if not a["ok"]} == {"busy"}
        assert len(server.spoken) == len(accepted)
        assert grown < 32 << 20


async def flood(
    server: House, listener: Listener, *, messages: int, a_second: float, places: int
) -> tuple[list[dict[str, Any]], int]:
    """All answers, and by how many bytes the memory has grown. This process has publisher and listener in it too.

    Nobody is spoken to before everybody but who holds one of the ``places`` was refused.
    """
    me = psutil.Process()
    await server.service.loaded()
    before = me.memory_info().rss
    began = time.monotonic()
    for number in range(messages):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": str(number)}, qos=0)
        if number % 20 == 19:
            await asyncio.sleep(max(0.0, began + number / a_second - time.monotonic()))
    await listener.answers(messages - places, within_s=60)
    grown = me.memory_info().rss - before
    server.engine.release.set()
    answers = await listener.answers(messages, within_s=60)
    await until(lambda: not server.door.announcer.running, 30)
    return answers, grown
