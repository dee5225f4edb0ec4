"""Announcements on Home Assistant's players and satellites, from the broker to the service call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import FakeEngine, until
from tests.mosquitto import Listener, needs_mosquitto
from tests.servers.mqtt.house import House, house
from wyoming_qwen3tts.errors import DeliveryFailed
from wyoming_qwen3tts.homeassistant.client import HomeAssistant

from .fake import TOKEN, FakeHome, fake_home


@asynccontextmanager
async def at_home(
    folder: Path, delivery: str = "url", token: str = TOKEN, **options: Any
) -> AsyncIterator[tuple[House, Listener, FakeHome]]:
    announce = {"delivery": delivery, "gap_s": 0.05, **options.pop("announce", {})}
    async with fake_home() as home:
        access = {"url": home.url, "token": token}
        async with house(folder, homeassistant=access, announce=announce, **options) as (server, listener, _):
            yield server, listener, home


@needs_mosquitto
async def test_a_media_player_gets_our_url_while_the_speech_is_made_and_music_goes_on_afterwards(
    tmp_path: Path,
) -> None:
    async with at_home(tmp_path) as (_, listener, home), httpx.AsyncClient() as web:
        await listener.publish("qwen3tts/say", {"text": "Dinner is ready.", "target": "media_player.kitchen"})
        answer = await listener.answer()
        await until(lambda: home.called("media_player.play_media"))

        assert home.called("media_player.play_media") == [
            {
                "entity_id": "media_player.kitchen",
                "media_content_id": answer["url"],
                "media_content_type": "music",
                "announce": True,
            }
        ]
        assert (await web.get(answer["url"])).content[:4] == b"RIFF"
        assert (await listener.event("done"))[0]["target"] == ["media_player.kitchen"]


@pytest.mark.timing
@needs_mosquitto
async def test_several_speakers_start_within_a_tenth_of_a_second_from_one_synthesis(tmp_path: Path) -> None:
    targets = ["media_player.kitchen", "media_player.bath", "assist_satellite.bedroom"]
    async with at_home(tmp_path) as (server, listener, home):
        await listener.publish("qwen3tts/say", {"text": "Dinner.", "target": targets})
        await listener.event("done")

        starts = [c.at for c in home.calls if c.service in ("media_player.play_media", "assist_satellite.announce")]
        assert len(starts) == 3
        assert max(starts) - min(starts) < 0.1
        assert server.spoken == ["Dinner."]
        assert home.called("assist_satellite.announce")[0]["preannounce"] is False


@needs_mosquitto
async def test_one_at_a_time_at_each_speaker_and_the_important_ones_first(tmp_path: Path) -> None:
    async with at_home(tmp_path) as (_, listener, home):
        for number, priority in enumerate([0, "low", 0, "high"]):
            said = {"text": "Yes.", "id": str(number), "priority": priority, "target": "media_player.kitchen"}
            await listener.publish("qwen3tts/say", said)
        done = await listener.event("done", 4)

        assert [event["id"] for event in done] == ["0", "3", "2", "1"]
        kinds = [(event["event_type"], event["id"]) for event in listener.objects("qwen3tts/event")]
        assert kinds == [(kind, event["id"]) for event in done for kind in ("started", "done")]
        starts = [call.at for call in home.calls if call.service == "media_player.play_media"]
        assert all(later - earlier > 0.08 for earlier, later in pairwise(starts))


@needs_mosquitto
async def test_the_volume_is_set_and_given_back(tmp_path: Path) -> None:
    async with at_home(tmp_path, announce={"volume": 0.7}) as (_, listener, home):
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen"})
        await listener.event("done")
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen", "volume": 0.2})
        await listener.event("done", 2)

        services = [(c.service, c.data.get("volume_level")) for c in home.calls]
        play = ("media_player.play_media", None)
        level = "media_player.volume_set"
        assert services == [(level, 0.7), play, (level, 0.4), (level, 0.2), play, (level, 0.4)]


@needs_mosquitto
async def test_stop_silences_the_player_and_gives_the_volume_back(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with at_home(tmp_path, engine=engine) as (_, listener, home):
        text = "A long announcement that somebody does not want to hear to its end. " * 5
        await listener.publish("qwen3tts/say", {"text": text, "target": "media_player.kitchen", "volume": 0.9})
        await listener.answer()
        await until(lambda: home.called("media_player.play_media"))
        await listener.publish("qwen3tts/stop", "media_player.kitchen")
        failed = (await listener.event("failed"))[0]

        assert failed["error"]["code"] == "stopped"
        assert [c.service.split(".")[1] for c in home.calls][-2:] == ["media_stop", "volume_set"]
        assert home.states["media_player.kitchen"]["attributes"]["volume_level"] == 0.4


@needs_mosquitto
@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("media_player.gone", "bad-request", "knows no media_player.gone"),
        ("media_player.broken", "delivery-failed", "is unavailable"),
    ],
)
async def test_a_speaker_that_cannot_play_is_told_and_the_others_play(
    tmp_path: Path, target: str, code: str, said: str
) -> None:
    async with at_home(tmp_path) as (_, listener, home):
        home.add("media_player.broken", "unavailable")
        await listener.publish("qwen3tts/say", {"text": "Yes.", "id": "a", "target": target})
        await listener.publish("qwen3tts/say", {"text": "Yes.", "id": "b", "target": [target, "media_player.bath"]})
        answers = {answer["id"]: answer for answer in await listener.answers(2)}

        assert answers["a"]["ok"] is False
        assert answers["b"]["ok"] is True
        for answer in answers.values():
            assert answer["error"]["code"] == code
            assert said in answer["error"]["message"]
        await listener.event("done")
        assert [call["entity_id"] for call in home.called("media_player.play_media")] == ["media_player.bath"]


@needs_mosquitto
async def test_a_home_assistant_that_fails_is_told_and_holds_up_nobody(tmp_path: Path) -> None:
    async with at_home(tmp_path) as (_, listener, home):
        home.fails.add("media_player.play_media")
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen"})
        failed = (await listener.event("failed"))[0]
        assert failed["error"]["code"] == "delivery-failed"
        assert "Server got itself in trouble" in failed["error"]["message"]

        home.fails.clear()
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen"})
        await listener.event("done")


@needs_mosquitto
async def test_a_wrong_token_says_what_to_set_and_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_home(tmp_path, token="wrong-canary") as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen"})
        answer = await listener.answer()

        assert answer["error"]["code"] == "delivery-failed"
        assert "homeassistant.token" in answer["error"]["message"]
        assert "canary" not in caplog.text


@needs_mosquitto
async def test_without_an_address_that_speakers_reach_home_assistant_has_us_speak_over_wyoming(tmp_path: Path) -> None:
    """`auto`: the web door is on 127.0.0.1 here, as by default. Nothing is synthesised twice."""
    async with at_home(tmp_path, delivery="auto") as (server, listener, home):
        said = {"text": "Ja.", "voice": "builtin-de", "target": ["media_player.kitchen", "assist_satellite.bedroom"]}
        await listener.publish("qwen3tts/say", said)
        answer = await listener.answer()

        assert (answer["ok"], answer["url"], answer["duration"]) == (True, None, None)
        await until(lambda: len(home.calls) == 2)
        assert home.called("tts.speak") == [
            {
                "entity_id": "tts.qwen3_tts",
                "media_player_entity_id": "media_player.kitchen",
                "message": "Ja.",
                "options": {"voice": "builtin-de"},
            }
        ]
        assert home.called("assist_satellite.announce")[0]["message"] == "Ja."
        assert server.spoken == []
        await listener.event("done")


@needs_mosquitto
async def test_a_server_that_home_assistant_does_not_know_says_what_to_do(tmp_path: Path) -> None:
    async with at_home(tmp_path, delivery="tts") as (_, listener, home):
        del home.states["tts.qwen3_tts"]
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen"})

        assert "homeassistant.tts_entity" in (await listener.answer())["error"]["message"]


@needs_mosquitto
async def test_default_targets_play_what_names_nobody(tmp_path: Path) -> None:
    async with at_home(tmp_path, announce={"targets": ["media_player.bath"]}) as (_, listener, home):
        await listener.publish("qwen3tts/say", "Yes.")
        await listener.event("done")

        assert home.called("media_player.play_media")[0]["entity_id"] == "media_player.bath"


@needs_mosquitto
async def test_what_is_no_home_assistant_is_named() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text="<html>")

    async with HomeAssistant("http://elsewhere/api", "t", httpx.MockTransport(answer)) as home:
        with pytest.raises(DeliveryFailed, match="is not Home Assistant's API"):
            await home.states()


@pytest.mark.parametrize(
    ("error", "said"),
    [(httpx.ConnectError("refused"), "cannot be reached"), (httpx.ReadTimeout("slow"), "did not answer")],
    ids=["refused", "slow"],
)
async def test_a_home_assistant_that_is_away_is_a_delivery_that_failed(error: Exception, said: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error

    async with HomeAssistant("http://away/api", "t", httpx.MockTransport(answer)) as home:
        with pytest.raises(DeliveryFailed, match=said):
            await home.call("tts", "speak", {})


@needs_mosquitto
async def test_what_home_assistant_cannot_pass_on_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_home(tmp_path, delivery="tts") as (_, listener, home):
        said = {
            "text": "Ja.",
            "language": "de",
            "instruct": "Softly.",
            "speed": 0.9,
            "target": "assist_satellite.bedroom",
        }
        await listener.publish("qwen3tts/say", {**said, "id": "a", "chime": True})
        await listener.publish("qwen3tts/say", {**said, "id": "b", "target": "media_player.bath"})
        await until(lambda: len(home.calls) == 2)

        assert home.called("tts.speak")[0]["language"] == "de"
        assert home.called("assist_satellite.announce")[0]["preannounce"] is True
        warned = [r.getMessage() for r in caplog.records if "cannot pass on" in r.getMessage()]
        assert len(warned) == 1
        assert "instruct, speed" in warned[0]


@needs_mosquitto
async def test_an_entity_named_in_the_settings_is_not_looked_for(tmp_path: Path) -> None:
    async with fake_home() as home:
        access = {"url": home.url, "token": TOKEN, "tts_entity": "tts.mine"}
        async with house(tmp_path, homeassistant=access, announce={"gap_s": 0.0}) as (_, listener, _):
            await listener.publish("qwen3tts/say", {"text": "Ja.", "target": "media_player.bath"})
            await until(lambda: home.called("tts.speak"))

        assert home.called("tts.speak")[0]["entity_id"] == "tts.mine"


@needs_mosquitto
async def test_a_volume_that_cannot_be_given_back_is_only_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with at_home(tmp_path) as (_, listener, home):
        await listener.publish("qwen3tts/say", {"text": "Yes.", "target": "media_player.kitchen", "volume": 0.5})
        await until(lambda: home.called("media_player.play_media"))
        home.fails.add("media_player.volume_set")
        await listener.event("done")

        assert "media_player.volume_set" in caplog.text
