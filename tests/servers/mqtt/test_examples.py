"""The examples in `config/examples` do what they say: what they publish is understood, and the access rules suffice."""

from __future__ import annotations

import json
import logging
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.mosquitto import Mosquitto, listening, needs_mosquitto
from tests.servers.mqtt.house import serving
from wyoming_qwen3tts.announcements.announcement import Announcement
from wyoming_qwen3tts.announcements.payload import parse_say
from wyoming_qwen3tts.service.admission import HIGH

EXAMPLES = ROOT / "config" / "examples"
BLUEPRINTS = sorted(EXAMPLES.glob("blueprint-*.yaml"))
INPUTS: dict[str, Any] = {
    "bell": "binary_sensor.bell",
    "power": "sensor.power",
    "bedtime": "input_boolean.bed",
    "speakers": ["media_player.kitchen", "assist_satellite.bedroom"],
    "windows": ["binary_sensor.open", "binary_sensor.closed"],
    "lights": [],
}
NAMES = {"binary_sensor.open": "Kitchen window"}


class Input(str):
    """``!input name``."""

    __slots__ = ()


class Loader(yaml.SafeLoader):
    """YAML as blueprints are written."""


Loader.add_constructor("!input", lambda loader, node: Input(node.value))


def inputs_used(part: Any) -> set[str]:
    if isinstance(part, Input):
        return {str(part)}
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return {name for child in children for name in inputs_used(child)}


def rendered(blueprint: dict[str, Any]) -> bytes:
    """The payload that the blueprint publishes, its templates filled in as Home Assistant would."""
    jinja2 = pytest.importorskip("jinja2")
    environment = jinja2.Environment(autoescape=False)
    environment.filters["to_json"] = json.dumps
    environment.tests["is_state"] = lambda entity, state: entity in NAMES and state == "on"
    environment.filters["state_attr"] = lambda entity, attribute: NAMES[entity]
    known: dict[str, Any] = {}
    declared = blueprint["blueprint"]["input"]
    for name, value in blueprint["variables"].items():
        if isinstance(value, Input):
            known[name] = INPUTS.get(value, declared[value].get("default"))
        else:
            text = environment.from_string(value).render(known)
            known[name] = yaml.safe_load(text) if text.startswith("[") else text
    publish = blueprint["actions"][0]
    assert publish["action"] == "mqtt.publish"
    assert publish["data"]["topic"] == "qwen3tts/say"
    assert int(publish["data"]["qos"]) == 1
    return str(environment.from_string(publish["data"]["payload"]).render(known)).encode()


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_a_blueprint_uses_its_inputs_and_publishes_what_we_understand(path: Path) -> None:
    blueprint = yaml.load(path.read_text(encoding="utf-8"), Loader)
    about = blueprint.pop("blueprint")

    assert about["domain"] == "automation"
    assert about["name"]
    assert about["description"]
    assert inputs_used(blueprint) == set(about["input"])
    assert all("selector" in described for described in about["input"].values())

    announcement = parse_say(rendered({**blueprint, "blueprint": about}), 65_536)
    assert isinstance(announcement, Announcement)
    assert announcement.targets == ("media_player.kitchen", "assist_satellite.bedroom")


def test_the_good_night_summary_names_what_is_open() -> None:
    path = EXAMPLES / "blueprint-good-night.yaml"
    announcement = parse_say(rendered(yaml.load(path.read_text(), Loader)), 65_536)

    assert isinstance(announcement, Announcement)
    assert announcement.text == "Good night. Still open: Kitchen window. All lights are off."
    assert announcement.priority >= HIGH, "in quiet hours it has to be said nevertheless"


def test_there_is_an_example_for_each_of_the_three_occasions() -> None:
    assert [path.stem for path in BLUEPRINTS] == [
        "blueprint-doorbell",
        "blueprint-good-night",
        "blueprint-machine-done",
    ]


def test_the_node_red_flow_is_wired_and_its_topics_are_ours() -> None:
    nodes = json.loads((EXAMPLES / "node-red-flow.json").read_text())
    by_id = {node["id"]: node for node in nodes}

    assert len(by_id) == len(nodes)
    for node in nodes:
        assert node.get("z") in (None, "qwen3tts-tab")
        assert all(target in by_id for port in node.get("wires", []) for target in port)
        assert node.get("broker") in (None, "qwen3tts-broker") or node["type"] == "mqtt-broker"
        assert "outputs" not in node or len(node["wires"]) == node["outputs"]
    assert {n["topic"] for n in nodes if n["type"].startswith("mqtt ")} == {"qwen3tts/say", "qwen3tts/result"}
    wish = re.search(r"msg\.payload = (\{.*?\});", by_id["qwen3tts-wish"]["func"])
    assert wish is not None
    text = wish[1].replace("msg.payload", "'Done.'").replace("RED.util.generateId()", "'1'").replace("'", '"')
    payload = re.sub(r"(\w+):", r'"\1":', text).encode()
    assert isinstance(parse_say(payload, 65_536), Announcement)


@needs_mosquitto
async def test_the_access_rules_for_mosquitto_suffice_and_keep_others_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    passwords = tmp_path / "passwords"
    users = ("qwen3tts", "homeassistant", "doorbell")
    for user in users:
        _add_user(passwords, user)
    lines = (f"password_file {passwords}", f"acl_file {EXAMPLES / 'mosquitto.acl'}")
    mqtt = {"username": "qwen3tts", "password": "secret", "hermes": True}
    async with (
        Mosquitto(tmp_path, *lines) as broker,
        listening(broker.port, username="homeassistant", password="secret") as home,
        listening(broker.port, username="doorbell", password="secret") as bell,
        serving(broker.port, tmp_path, mqtt=mqtt) as server,
    ):
        await server.connected()
        await home.wait_for("homeassistant/device/qwen3tts/config")
        await home.wait_for("qwen3tts/status")
        await bell.publish("qwen3tts/stop")  # it may not
        await bell.publish("qwen3tts/say", {"text": "Somebody is at the door.", "audio": True, "id": "a"})
        assert (await bell.answer())["ok"] is True
        await home.wait_for("qwen3tts/audio/a")
        await home.event("done")
        await home.publish("qwen3tts/voice/set", "builtin-de")
        await home.wait_for("qwen3tts/voice", 2)

        assert {topic for topic, _, _ in bell.heard} == {"qwen3tts/result"}
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING and "ACL" in r.getMessage()]


def _add_user(file: Path, user: str) -> None:
    create = [] if file.exists() else ["-c"]
    subprocess.run(["mosquitto_passwd", "-b", *create, file, user, "secret"], check=True, capture_output=True)
