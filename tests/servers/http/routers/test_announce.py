"""`POST /v1/announce`: the JSON of `<base>/say` in, that of `<base>/result` out, with or without a broker."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import FakeEngine, until
from tests.homeassistant.fake import TOKEN, fake_home
from tests.mosquitto import needs_mosquitto
from tests.servers.mqtt.house import house
from wyoming_qwen3tts.app.announcements import Announcements
from wyoming_qwen3tts.app.web import web_server
from wyoming_qwen3tts.servers.connections import bind
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Settings
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

PATH = "/v1/announce"
KEYS = ["id", "ok", "url", "duration", "voice", "error"]


@dataclass
class Home:
    """A server without a broker, and a client of it."""

    engine: FakeEngine
    announcements: Announcements
    client: httpx.AsyncClient

    async def announce(self, **said: Any) -> httpx.Response:
        return await self.client.post(PATH, json=said)

    @property
    def spoken(self) -> list[str]:
        return [" ".join(segments) for _, segments in self.engine.requests]


@asynccontextmanager
async def at_home(
    folder: Path, engine: FakeEngine | None = None, *, slots: int = 4, **sections: Any
) -> AsyncIterator[Home]:
    engine = engine or FakeEngine()
    settings = Settings.model_validate({"data_dir": str(folder), "engine": {"slots": slots}, **sections})
    service = SpeechService(engine, VoiceCatalog(engine.voices()), settings.limits, slots=slots)
    service.load()
    sockets = bind(Address("127.0.0.1", 0))
    at = Address("127.0.0.1", sockets[0].getsockname()[1])
    studio: Any = None
    async with (
        Announcements(settings, service, at, environ={}) as announcements,
        web_server(settings, service, sockets, studio, announcements=announcements),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{at.port}", timeout=10) as client,
    ):
        yield Home(engine, announcements, client)
        engine.release.set()
        await until(lambda: not announcements.announcer.running)
    await service.loaded()
    await service.close()


async def test_a_sentence_is_offered_at_a_url_that_needs_no_key(tmp_path: Path) -> None:
    async with at_home(tmp_path, http={"api_keys": "kitchen:sesame-open"}) as it:
        refused = await it.announce(text="Dinner is ready.")
        it.client.headers["Authorization"] = "Bearer sesame-open"
        answer = await it.announce(text="Dinner is ready.", id="dinner", voice="builtin-de", format="wav")
        it.client.headers.pop("Authorization")
        result = answer.json()
        sound = await it.client.get(result["url"])

        assert refused.status_code == 401
        assert answer.status_code == 200
        assert list(result) == KEYS
        assert (result["id"], result["ok"], result["voice"], result["error"]) == ("dinner", True, "builtin-de", None)
        with wave.open(io.BytesIO(sound.content)) as file:
            assert file.getnframes() > 0
        assert it.spoken == ["Dinner is ready."]


async def test_the_answer_comes_at_the_first_sound(tmp_path: Path) -> None:
    class Held(FakeEngine):
        async def _frames(self, request: Any) -> Any:
            async for pcm in super()._frames(request):
                if self.frames_made == 1:
                    self.release.clear()
                yield pcm

    async with at_home(tmp_path, Held()) as it:
        result = (await it.announce(text="A sentence of several frames.")).json()

        assert result["ok"] is True
        assert result["duration"] is None, "it is still being made"
        assert it.engine.speaking == 1


WRONG: dict[str, tuple[Any, int, str, str]] = {
    "no JSON": (b'{"id": "x", "text": ', 400, "bad-request", "The body is not JSON"),
    "no object": (b'["Dinner."]', 400, "bad-request", "must be a JSON object"),
    "not UTF-8": (b'{"id": "x", "text": "\xff"}', 400, "bad-request", "not UTF-8"),
    "an unknown field": ({"text": "a", "volum": 1}, 400, "bad-request", 'Did you mean "volume"'),
    "an unknown voice": ({"text": "a", "voice": "nobody"}, 404, "unknown-voice", "No voice is called"),
    "a target that is none": ({"text": "a", "target": "light.kitchen"}, 400, "bad-request", "no way to the target"),
    "a text that is too long": ({"text": "a" * 8_001}, 413, "text-too-long", "8,000 characters"),
    "nothing": ({"text": " "}, 400, "bad-request", "nothing to say"),
}


@pytest.mark.parametrize(("said", "status", "code", "words"), WRONG.values(), ids=WRONG)
async def test_what_nobody_hears_is_answered_with_the_reason(
    tmp_path: Path, said: Any, status: int, code: str, words: str
) -> None:
    async with at_home(tmp_path) as it:
        content = said if isinstance(said, bytes) else json.dumps({"id": "x", **said}).encode()
        answer = await it.client.post(PATH, content=content, headers={"Content-Type": "application/json"})
        result = answer.json()

        assert (answer.status_code, result["error"]["code"]) == (status, code)
        assert words in result["error"]["message"]
        assert list(result) == KEYS
        assert (result["ok"], result["url"]) == (False, None)
        assert not it.spoken


async def test_it_is_one_line_with_priorities_and_busy_says_when_to_try_again(tmp_path: Path) -> None:
    """What is urgent and for nobody in particular waits for nobody: it is spoken beside the first one."""
    engine = FakeEngine()
    engine.release.clear()
    async with at_home(tmp_path, engine, slots=1, announce={"queue": 1}) as it:
        asking = []
        for said in ({"text": "First."}, {"text": "Second."}, {"text": "Fire.", "priority": "critical"}):
            asking.append(asyncio.create_task(it.announce(**said)))
            await until(lambda: it.announcements.announcer.running + it.announcements.announcer.waiting == len(asking))
        busy = await it.announce(text="One too many.")
        engine.release.set()
        answers = await asyncio.gather(*asking)

        assert (busy.status_code, busy.json()["error"]["code"]) == (503, "busy")
        assert int(busy.headers["retry-after"]) > 0
        assert {answer.status_code for answer in answers} == {200}
        assert it.spoken == ["First.", "Fire.", "Second."]


async def test_an_id_is_spoken_once_and_each_who_asks_gets_its_result(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with at_home(tmp_path, engine) as it:
        first, second = (asyncio.create_task(it.announce(text="The doorbell.", id="bell")) for _ in range(2))
        await until(lambda: engine.speaking)
        engine.release.set()
        results = [(await task).json() for task in (first, second)]
        later = (await it.announce(text="The doorbell.", id="bell")).json()

        assert results == [later, later]
        assert it.spoken == ["The doorbell."]


async def test_what_was_refused_may_be_tried_again(tmp_path: Path) -> None:
    async with at_home(tmp_path) as it:
        assert (await it.announce(text=" ", id="a")).status_code == 400
        assert (await it.announce(text="Now.", id="a")).status_code == 200


async def test_at_the_end_who_waits_is_told(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with at_home(tmp_path, engine, slots=1, limits={"drain_s": 0.05}) as it:
        waiting = [asyncio.create_task(it.announce(text="Hello.", id=str(number))) for number in range(2)]
        await until(lambda: it.announcements.announcer.waiting == 1)
        await it.announcements.announcer.__aexit__(None, None, None)
        answers = [await task for task in waiting]

        assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [(409, "stopped")] * 2


async def test_home_assistants_players_need_no_broker(tmp_path: Path) -> None:
    async with fake_home() as home:
        access = {"url": home.url, "token": TOKEN}
        async with at_home(tmp_path, homeassistant=access, announce={"delivery": "url", "gap_s": 0.01}) as it:
            targets = ["media_player.kitchen", "media_player.nowhere"]
            result = (await it.announce(text="Dinner is ready.", target=targets, volume=0.3)).json()
            await until(lambda: home.called("media_player.play_media"))

            assert result["ok"] is True
            assert "media_player.nowhere" in result["error"]["message"]
            assert home.called("media_player.play_media")[0]["media_content_id"] == result["url"]


@needs_mosquitto
async def test_an_id_is_one_over_mqtt_and_http_and_each_side_is_answered(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine) as (server, listener, _), httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{server.web_port}{PATH}"
        said = {"text": "The doorbell.", "id": "bell"}
        asking = asyncio.create_task(client.post(url, json=said))
        await until(lambda: engine.speaking)
        for _ in range(2):
            await listener.publish("qwen3tts/say", said)
        engine.release.set()
        over_http = (await asking).json()
        over_mqtt = await listener.answer()
        await listener.publish("qwen3tts/say", {"text": "Another.", "id": "other"})
        await listener.event("done")
        again = (await client.post(url, json={"text": "Another.", "id": "other"})).json()

        assert over_http == over_mqtt
        assert again["ok"] is True
        assert [answer["id"] for answer in listener.objects("qwen3tts/result")] == ["bell", "other"]
        assert server.spoken == ["The doorbell.", "Another."]


@needs_mosquitto
async def test_a_satellite_is_a_target_for_the_web_too(tmp_path: Path) -> None:
    async with house(tmp_path, mqtt={"hermes": True}) as (server, listener, _), httpx.AsyncClient() as client:
        said = {"text": "Dinner.", "target": "hermes/hall", "format": None}
        answer = await client.post(f"http://127.0.0.1:{server.web_port}{PATH}", json=said)
        _, sound = await listener.first("hermes/audioServer/hall/playBytes/")

        assert answer.json()["ok"] is True
        assert sound[:4] == b"RIFF"
