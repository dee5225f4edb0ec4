"""Every event of the WebSocket, of ``/v1/live`` and of MQTT, with its keys: what clients are written against.

Each table is held against the messages that a server really sends, and its names against those in the emitter's source,
so that neither a key nor a whole event can be added, dropped or renamed without a line here.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from websockets.asyncio.client import connect

from tests.harness import FakeEngine, until
from tests.mosquitto import needs_mosquitto
from tests.servers.http.web import web
from tests.servers.mqtt.house import house
from wyoming_qwen3tts.servers.http.routers import websocket
from wyoming_qwen3tts.servers.mqtt import bridge, hermes
from wyoming_qwen3tts.servers.mqtt.topics import Topics
from wyoming_qwen3tts.speech.engine import ServerCount

_ERROR = {"message", "type", "param", "code"}
#: By type; `session.done` and `error` are about one utterance, or about the socket.
WEBSOCKET = {
    "audio.start": [
        {"type", "utterance_index", "sentence_index", "sentence_text", "format", "sample_rate"}
        | {"voice", "engine", "language"}
    ],
    "speech.mark": [
        {"type", "utterance_index", "kind", "text_offset", "text_length", "sample", "sample_rate"}
    ],
    "audio.done": [{"type", "utterance_index", "sentence_index", "total_bytes", "error"}],
    "session.done": [{"type", "utterance_index", "cancelled", "total_sentences"}, {"type", "cancelled"}],
    "error": [{"type", "message", "utterance_index", "error"}, {"type", "message", "error"}],
}  # fmt: skip
WEBSOCKET_IN = {"session.config", "input.text", "input.done", "input.cancel", "session.close"}
LIVE: dict[str, set[str]] = {
    "": {"streams", "queue", "engine", "memory", "errors", "download"},
    "download": set(),  # nothing is being fetched
    "streams": {
        "door",
        "client",
        "voice",
        "instead_of",
        "instead_why",
        "engine",
        "chars",
        "ttfa_ms",
        "lead_s",
        "seconds",
        "state",
    },
    "queue": {"speaking", "waiting"},
    "engine": {
        "kind",
        "state",
        "phase",
        "reason",
        "progress",
        "fallback",
        "runs_on",
        "model",
        "models",
        "can_unload",
        "servers",
    },
    "servers": {"url", "state", "trouble", "asked", "failed", "hedged", "outstanding_s"},  # each of `engine.servers`
    "memory": {"rss_mb", "gpu_mb"},
    "errors": {"at", "code", "message", "fix", "is_mistake"},
}
MQTT_EVENTS = {
    "started": {"event_type", "id", "target", "voice", "url"},
    "done": {"event_type", "id", "target", "duration"},
    "failed": {"event_type", "id", "target", "error"},
}
MQTT_RESULT = {"id", "ok", "url", "duration", "voice", "error"}
MQTT_ERROR = {"code", "message"}
MQTT_TOPICS = {"result", "event", "audio", "status", "state", "voice", "discovery"}  # by their names in `Topics`
MQTT_TOPICS_IN = {"say", "stop", "voice_set", "birth"}
HERMES = {
    "hermes/tts/sayFinished": {"siteId", "id", "sessionId"},
    "hermes/error/tts": {"error", "siteId", "context", "sessionId"},
}


def keys(message: dict[str, Any]) -> set[str]:
    return set(message)


# -- names in the source of the emitters


def _calls(module: ModuleType, method: str) -> Iterator[ast.expr]:
    """The first argument of each call of ``method``."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and method in (getattr(node.func, "attr", None), getattr(node.func, "id", None)):
            yield node.args[0]


def _texts(nodes: Iterable[ast.expr]) -> set[str]:
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _topics(nodes: Iterable[ast.expr]) -> set[str]:
    """Of expressions such as ``self.topics.result`` and ``self.topics.audio(...)`` the last names."""
    names = [node.func if isinstance(node, ast.Call) else node for node in nodes]
    return {
        name.attr
        for name in names
        if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Attribute) and name.value.attr == "topics"
    }


def _values_of(module: ModuleType, key: str) -> set[str]:
    """The texts that stand for ``key`` in the dictionaries of ``module``."""
    found = []
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            found += [value for name, value in pairs if isinstance(name, ast.Constant) and name.value == key]
    return _texts(found)


def _cases(module: ModuleType) -> set[str]:
    """The texts that a `match` of ``module`` tells apart."""
    patterns = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.MatchValue)]
    return _texts(pattern.value for pattern in patterns)


def test_every_message_of_the_websocket_has_its_line_here() -> None:
    assert _texts(_calls(websocket, "_tell")) | _values_of(websocket, "type") == set(WEBSOCKET)
    assert _cases(websocket) == WEBSOCKET_IN


def test_every_event_and_topic_of_mqtt_has_its_line_here() -> None:
    published = _topics(_calls(bridge, "publish")) | _topics(_calls(bridge, "Outgoing"))
    named = {name for name, value in vars(Topics).items() if isinstance(value, property) or name == "audio"}

    assert _texts(_calls(bridge, "_event")) == set(MQTT_EVENTS)
    assert published == MQTT_TOPICS
    assert named - {"device_id"} == MQTT_TOPICS | MQTT_TOPICS_IN
    assert _texts(_calls(hermes, "_publish")) == set(HERMES)


# -- what is really sent


async def test_the_websocket_sends_these_keys() -> None:
    async with web() as it:
        seen: list[dict[str, Any]] = []
        async with connect(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream") as socket:

            async def say(*messages: dict[str, Any] | str) -> None:
                for message in messages:
                    await socket.send(json.dumps({"type": message} if isinstance(message, str) else message))

            async def hear(*kinds: str) -> None:
                """Everything up to a message of each of ``kinds``, in that order."""
                for kind in kinds:
                    while True:
                        message = await socket.recv()
                        if isinstance(message, str):
                            seen.append(json.loads(message))
                            if seen[-1]["type"] == kind:
                                break

            async with asyncio.timeout(20):
                await say({"type": "session.config", "speech_marks": True})
                await say({"type": "input.text", "text": "Hello."}, "input.done")
                await hear("audio.start", "audio.done", "session.done")
                await say("nonsense")
                await hear("error")
                await say("input.cancel")
                await hear("session.done")
                it.engine._fail_at = it.engine.frames_made
                await say({"type": "input.text", "text": "Fails."}, "input.done")
                await hear("error", "session.done")
                it.engine._fail_at = None
                it.engine.release.clear()
                await say({"type": "input.text", "text": "Cancelled."}, "input.done")
                await until(lambda: it.engine.speaking)
                await say("input.cancel")
                await hear("session.done")

    for kind, wanted in WEBSOCKET.items():
        forms = {frozenset(message) for message in seen if message["type"] == kind}
        assert forms == {frozenset(form) for form in wanted}, kind
    assert all(keys(message["error"]) == _ERROR for message in seen if message["type"] == "error")


async def test_the_live_view_sends_these_keys() -> None:
    class Distant(FakeEngine):
        def servers(self) -> tuple[ServerCount, ...]:
            return (ServerCount("http://10.0.0.2:8091", "well", "", 1, 0, 0, 0.0),)

    async with web(Distant()) as it:
        it.engine._fail_at = 0
        await it.post(input="Fails.")
        it.engine._fail_at = None
        it.engine.release.clear()
        speaking = asyncio.create_task(it.post(input="Hello there."))
        await until(lambda: it.engine.speaking)
        async with it.client.stream("GET", "/v1/live") as reply:
            lines = reply.aiter_lines()
            async with asyncio.timeout(5):
                snapshot: dict[str, Any] = {}
                while not (snapshot and snapshot["streams"]):
                    line = await anext(lines)
                    if line.startswith("data: "):
                        snapshot = json.loads(line.removeprefix("data: "))
        it.engine.release.set()
        await speaking

    found = {"": keys(snapshot)}
    for name, value in snapshot.items():
        found[name] = keys(value[0] if isinstance(value, list) else value or {})
    found["servers"] = keys(snapshot["engine"]["servers"][0])
    assert found == LIVE


@needs_mosquitto
async def test_mqtt_sends_these_keys(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with house(tmp_path, engine=engine, mqtt={"hermes": True}) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "a", "audio": True})
        await listener.event("done")
        await listener.wait_for("qwen3tts/audio/a")
        await listener.publish("qwen3tts/say", {"text": "Hello.", "voice": "nobody"})
        await listener.event("failed")
        await listener.publish("hermes/tts/say", {"text": 7, "siteId": "hall", "id": "b", "sessionId": "s"})
        await listener.wait_for("hermes/tts/sayFinished")
        results, events = listener.objects("qwen3tts/result"), listener.objects("qwen3tts/event")
        topics = {topic for topic, _, _ in listener.heard}
        told = {topic: [keys(message) for message in listener.objects(topic)] for topic in HERMES}

    assert [keys(result) for result in results] == [MQTT_RESULT] * 2
    assert [keys(result["error"]) for result in results if result["error"]] == [MQTT_ERROR]
    assert {event["event_type"]: keys(event) for event in events} == MQTT_EVENTS
    assert [keys(event["error"]) for event in events if "error" in event] == [MQTT_ERROR]
    assert told == {topic: [wanted] for topic, wanted in HERMES.items()}
    names = Topics("qwen3tts", "homeassistant")
    ours = {names.audio("a") if name == "audio" else getattr(names, name) for name in MQTT_TOPICS}
    incoming = {names.say, "hermes/tts/say"}
    assert topics - incoming == ours | set(HERMES)
    assert engine.requests[0][1] == ["Hello."]


@needs_mosquitto
async def test_a_failure_after_the_first_sound_has_the_same_keys(tmp_path: Path) -> None:
    async with house(tmp_path, engine=FakeEngine(fail_at=1)) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello, and goodbye.", "id": "a"})
        failed = (await listener.event("failed"))[0]

    assert keys(failed) == MQTT_EVENTS["failed"]
