"""Rhasspy's satellites: `hermes/tts/say` becomes `playBytes`."""

from __future__ import annotations

import io
import wave
from pathlib import Path

from tests.harness import FakeEngine
from tests.mosquitto import needs_mosquitto
from tests.servers.mqtt.house import house

pytestmark = needs_mosquitto
FINISHED = "hermes/tts/sayFinished"


async def test_a_satellite_gets_a_wav_and_the_dialogue_goes_on_when_it_has_played(tmp_path: Path) -> None:
    async with house(tmp_path, mqtt={"hermes": True}) as (server, listener, _):
        said = {"text": "Das Licht ist an.", "siteId": "kitchen", "lang": "de", "id": "7", "sessionId": "s"}
        await listener.publish("hermes/tts/say", {**said, "volume": 1.0, "modelId": "unknown to us"})
        topic, sound = await listener.first("hermes/audioServer/kitchen/playBytes/")

        with wave.open(io.BytesIO(sound)) as file:
            assert file.getframerate() == 24_000
            assert file.getnframes() > 0
        assert not listener.on(FINISHED)
        await listener.publish("hermes/audioServer/kitchen/playFinished", {"id": topic.rsplit("/", 1)[1]})
        finished = (await listener.answers(topic=FINISHED))[0]
        assert finished == {"siteId": "kitchen", "id": "7", "sessionId": "s"}
        assert server.engine.requests == [("builtin-de", ["Das Licht ist an."])]


async def test_what_cannot_be_spoken_ends_the_dialogue_too(tmp_path: Path) -> None:
    engine = FakeEngine(fail_at=0)
    async with house(tmp_path, engine=engine, mqtt={"hermes": True}) as (_, listener, _):
        for payload in (b"nonsense", b"[]", b"\xff", b"{" * 70_000):
            await listener.publish("hermes/tts/say", payload)
        await listener.publish("hermes/tts/say", {"text": 7, "id": "a"})
        await listener.publish("hermes/tts/say", {"text": "Hello.", "id": "b", "siteId": "hall"})
        errors = await listener.answers(2, topic="hermes/error/tts")
        finished = await listener.answers(2, topic=FINISHED)

        assert [error["siteId"] for error in errors] == ["default", "hall"]
        assert '"text" must be a string' in errors[0]["error"]
        assert [end["id"] for end in finished] == ["a", "b"]


async def test_a_satellite_can_be_the_target_of_an_announcement(tmp_path: Path) -> None:
    async with house(tmp_path, mqtt={"hermes": True}, announce={"format": "mp3"}) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "target": "hermes/hall"})
        topic, sound = await listener.first("hermes/audioServer/hall/playBytes/")
        assert sound[:4] == b"RIFF"
        await listener.publish("hermes/audioServer/hall/playFinished", {"id": topic.rsplit("/", 1)[1]})

        assert (await listener.event("done"))[0]["target"] == ["hermes/hall"]


async def test_hermes_is_off_unless_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _):
        await listener.publish("hermes/tts/say", {"text": "Hello."})
        await listener.publish("qwen3tts/say", {"text": "Hello.", "target": "hermes/hall"})

        assert "no way to the target" in (await listener.answer())["error"]["message"]
        assert server.spoken == []
