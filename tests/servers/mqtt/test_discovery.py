"""How Home Assistant finds us: checked by the rules of its own discovery schemas.

They are written down here, strictly, as Home Assistant itself is not installed where tests run. What they are was read
in Home Assistant 2026.11.0, whose real schemas accepted this message when it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import until
from tests.mosquitto import needs_mosquitto
from tests.servers.mqtt.house import house
from wyoming_qwen3tts.servers.mqtt.discovery import device
from wyoming_qwen3tts.servers.mqtt.topics import Topics
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

SHARED = {"availability_topic", "qos"}  # what a component inherits from the device's message
COMMON = {"platform", "unique_id", "name", "icon", "entity_category"}
PLATFORMS: dict[str, tuple[set[str], set[str]]] = {  # required, optional
    "notify": ({"command_topic"}, {"command_template", "retain"}),
    "button": ({"command_topic"}, {"command_template", "payload_press", "device_class", "retain"}),
    "select": ({"command_topic", "options"}, {"state_topic", "value_template", "command_template", "optimistic"}),
    "sensor": ({"state_topic"}, {"device_class", "options", "value_template", "expire_after", "state_class"}),
    "event": ({"state_topic", "event_types"}, {"device_class", "value_template"}),
}
DEVICE = {
    "identifiers", "connections", "name", "manufacturer", "model", "model_id", "hw_version", "sw_version",
    "serial_number", "suggested_area", "via_device", "configuration_url",
}  # fmt: skip
ORIGIN = {"name", "sw_version", "support_url"}


def check(message: dict[str, Any]) -> None:
    """Fails where Home Assistant would refuse the message, or drop a part of it."""
    assert message.keys() <= {"device", "origin", "components", "state_topic", "command_topic", "encoding", *SHARED}
    assert message["device"].keys() <= DEVICE
    assert message["device"].get("identifiers") or message["device"].get("connections")
    assert message["origin"]["name"]
    assert message["origin"].keys() <= ORIGIN
    assert message["qos"] in (0, 1, 2)
    assert is_topic(message["availability_topic"])
    assert message["components"]
    for name, component in message["components"].items():
        required, optional = PLATFORMS[component["platform"]]
        assert required <= component.keys() <= required | optional | COMMON, name
        assert component["unique_id"], "without one an entity of a device is refused"
        assert component.get("entity_category") in (None, "config", "diagnostic")
        assert component["platform"] != "sensor" or component.get("entity_category") != "config"
        assert re.fullmatch(r"mdi:[a-z-]+", component["icon"])
        for key in ("command_topic", "state_topic"):
            assert key not in component or is_topic(component[key])
        for key in ("options", "event_types"):
            assert key not in component or all(isinstance(option, str) and option for option in component[key])
    ids = [component["unique_id"] for component in message["components"].values()]
    assert len(set(ids)) == len(ids)
    for key in ("configuration_url",):
        url = message["device"].get(key)
        assert url is None or url.startswith(("http://", "https://", "homeassistant://"))


def is_topic(topic: str) -> bool:
    return bool(topic) and not set(topic) & set("+#\0") and len(topic.encode()) < 65_536


@pytest.mark.parametrize("base", ["qwen3tts", "home/speech", "küche/ansage"])
@pytest.mark.parametrize("page", [None, "http://192.168.1.20:8880"])
def test_home_assistant_accepts_the_device(base: str, page: str | None) -> None:
    topics = Topics(base, "homeassistant")
    message = device(topics, ["builtin-en", "ryan-en"], page)

    check(message)
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", topics.discovery)
    platforms = {component["platform"] for component in message["components"].values()}
    assert platforms == {"notify", "sensor", "select", "button", "event"}


def test_the_checker_would_notice() -> None:
    good = device(Topics("q", "h"), ["a"])
    spoilers: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda m: m["components"]["say"].pop("command_topic"),
        lambda m: m["components"]["say"].update(title="x"),
        lambda m: m["components"]["voice"].pop("unique_id"),
        lambda m: m["origin"].pop("name"),
        lambda m: m["device"].update(identifiers=[]),
        lambda m: m.update(availability_topic="a/#"),
    )
    for spoil in spoilers:
        bad = device(Topics("q", "h"), ["a"])
        spoil(bad)
        with pytest.raises((AssertionError, KeyError)):
            check(bad)
    check(good)


@needs_mosquitto
async def test_the_device_is_retained_and_its_entities_talk_to_topics_that_work(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _):
        message = (await listener.answers(topic="homeassistant/device/qwen3tts/config"))[0]
        check(message)
        parts = message["components"]

        state = (await listener.wait_for(parts["state"]["state_topic"]))[0].decode()
        assert state in parts["state"]["options"]
        chosen = (await listener.wait_for(parts["voice"]["state_topic"]))[0].decode()
        assert chosen in parts["voice"]["options"]
        assert (await listener.wait_for(message["availability_topic"]))[0] == b"online"
        await listener.publish(parts["say"]["command_topic"], "Said by the notify entity.")
        events = [await listener.event("started"), await listener.event("done")]
        assert {event[0]["event_type"] for event in events} <= set(parts["announcement"]["event_types"])
        await listener.publish(parts["stop"]["command_topic"], "PRESS")
        await listener.publish(parts["voice"]["command_topic"], "builtin-de")
        assert (await listener.wait_for(parts["voice"]["state_topic"], 2))[1] == b"builtin-de"
        assert server.spoken == ["Said by the notify entity."]


@needs_mosquitto
async def test_a_new_voice_shows_up_in_the_selector(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _):
        clone = Voice(VoiceName("grandma"), "Grandma", ("en",), "fake", "grandma", kind="clone")
        server.service.catalog._cloned = lambda: (clone,)
        messages = await listener.answers(2, topic="homeassistant/device/qwen3tts/config")

        assert "grandma" in messages[1]["components"]["voice"]["options"]


@needs_mosquitto
async def test_without_a_prefix_nothing_is_announced(tmp_path: Path) -> None:
    async with house(tmp_path, mqtt={"discovery_prefix": "", "base_topic": "kitchen/voice"}) as (_, listener, _):
        await listener.wait_for("kitchen/voice/status")
        await listener.publish("kitchen/voice/say", "Hello.")
        await listener.answers(topic="kitchen/voice/result")
        await until(lambda: listener.on("kitchen/voice/event"))

        assert all(topic.startswith("kitchen/voice/") for topic, _, _ in listener.heard)
