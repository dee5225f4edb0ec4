"""What holds an announcement back, and where its sound is offered."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.harness import FakeEngine, free_port
from tests.mosquitto import needs_mosquitto
from tests.servers.mqtt.house import house, web
from wyoming_qwen3tts.announcements.address import base_url, tell_reachability, why_unreachable
from wyoming_qwen3tts.announcements.clips import ClipStore
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.servers.http.routers.clips import routes as clip_routes
from wyoming_qwen3tts.service.admission import Permit
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.speech.text_stream import TextStream


@needs_mosquitto
async def test_nothing_but_what_matters_is_said_in_quiet_hours(tmp_path: Path) -> None:
    async with house(tmp_path, announce={"quiet_hours": "22:00-07:00"}) as (server, listener, _):
        server.door.announcer._wall_clock = lambda: datetime(2026, 11, 26, 23, 0)
        await listener.publish("qwen3tts/say", {"text": "The washing machine.", "id": "wash"})
        await listener.publish("qwen3tts/say", {"text": "Fire.", "id": "fire", "priority": "critical"})
        answers = {answer["id"]: answer for answer in await listener.answers(2)}

        assert answers["wash"]["error"]["code"] == "quiet-hours"
        assert "22:00-07:00" in answers["wash"]["error"]["message"]
        assert answers["fire"]["ok"] is True
        await listener.event("done")

        server.door.announcer._wall_clock = lambda: datetime(2026, 11, 27, 7, 0)
        await listener.publish("qwen3tts/say", {"text": "The washing machine.", "id": "wash"})
        await listener.event("done", 2)
        assert server.spoken == ["Fire.", "The washing machine."]


@needs_mosquitto
@pytest.mark.parametrize(("volume", "heard"), [(None, 0.2), (0.9, 0.2), (0.1, 0.1)])
async def test_quiet_hours_can_be_softer_instead(tmp_path: Path, volume: float | None, heard: float) -> None:
    quiet = {"quiet_hours": "00:00-23:59", "quiet_volume": 0.2}
    async with house(tmp_path, announce=quiet) as (server, listener, _):
        server.door.announcer._wall_clock = lambda: datetime(2026, 11, 26, 12, 0)
        wishes = []
        original = server.service.speak

        def noting(text: TextStream, options: SpeechOptions, permit: Permit | None = None) -> Any:
            wishes.append(options)
            return original(text, options, permit)

        server.service.speak = noting  # type: ignore[method-assign]
        await listener.publish("qwen3tts/say", {"text": "Hello.", "volume": volume})
        await listener.event("done")

        assert [wish.volume for wish in wishes] == [heard]


@needs_mosquitto
async def test_old_news_is_not_spoken(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine, slots=1) as (server, listener, _):
        await listener.publish("qwen3tts/say", {"text": "First.", "id": "a"})
        await listener.publish("qwen3tts/say", {"text": "Late.", "id": "b", "expires": 0.05})
        await listener.publish("qwen3tts/say", {"text": "Patient.", "id": "c"})
        expired = await listener.answer()
        engine.release.set()
        await listener.event("done", 2)

        assert (expired["id"], expired["error"]["code"]) == ("b", "expired")
        assert server.spoken == ["First.", "Patient."]


@needs_mosquitto
async def test_without_a_web_door_and_a_target_nobody_would_hear_it(tmp_path: Path) -> None:
    async with house(tmp_path, with_web=False) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
        answer = await listener.answer()
        assert answer["error"]["code"] == "bad-request"
        assert "http.uri is off" in answer["error"]["message"]

        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "b", "audio": True})
        assert (await listener.answers(2))[1]["url"] is None
        await listener.wait_for("qwen3tts/audio/b")


@pytest.mark.parametrize(
    ("url", "contained", "why"),
    [
        ("http://127.0.0.1:8880", False, "this machine alone"),
        ("http://localhost:8880", False, "this machine alone"),
        ("http://[::1]:8880", False, "this machine alone"),
        ("http://0.0.0.0:8880", False, "no address"),
        ("http://172.30.33.5:8880", True, "this container"),
        ("http://172.17.0.2:8880", False, None),
        ("http://192.168.1.20:8880", True, None),
        ("https://voice.example.org", True, None),
    ],
)
def test_an_address_that_no_loudspeaker_reaches_is_seen(url: str, contained: bool, why: str | None) -> None:
    found = why_unreachable(url, contained=contained)

    assert (found is None) if why is None else (found is not None and why in found)


def test_the_address_is_what_is_set_or_one_of_this_machine() -> None:
    assert base_url("http://set:1", "0.0.0.0", 8880, lambda _: ["192.168.1.20"]) == "http://set:1"
    assert base_url("", "0.0.0.0", 8880, lambda _: ["192.168.1.20"]) == "http://192.168.1.20:8880"
    assert base_url("", "::", 8880, lambda _: ["fd00::2"]) == "http://[fd00::2]:8880"
    assert base_url("", "0.0.0.0", 8880, lambda _: []) == "http://127.0.0.1:8880"


async def test_at_the_start_the_log_says_whether_announcements_can_be_fetched(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    async with ClipStore(limit_bytes=1 << 20, lifetime_s=60) as clips:
        assert not await tell_reachability("http://127.0.0.1:1", clips, contained=False)
        assert "Open the page to the house: http.uri tcp://0.0.0.0:8880" in caplog.text
        assert not await tell_reachability("http://172.17.0.2:8880", clips, contained=True)
        assert "Set http.base_url to this machine's address" in caplog.text

        monkeypatch.setattr("wyoming_qwen3tts.announcements.address.why_unreachable", lambda *_, **__: None)
        caplog.clear()
        async with web(clip_routes(clips)) as port:
            assert await tell_reachability(f"http://127.0.0.1:{port}", clips, contained=False)
        assert not [record for record in caplog.records if record.levelno > logging.INFO]
        async with web() as port:
            assert await tell_reachability(f"http://127.0.0.1:{port}", clips, contained=False)
        assert "somebody else answers there (404)" in caplog.text
        assert await tell_reachability(f"http://127.0.0.1:{free_port()}", clips, contained=False)
        assert "could not be fetched from here" in caplog.text
        assert len(clips) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("announce.quiet_hours", "at night"), ("announce.quiet_hours", "25:00-07:00"), ("announce.volume", "2"),
        ("announce.format", "aac"), ("mqtt.base_topic", "qwen3tts/#"), ("mqtt.base_topic", "/qwen3tts"),
        ("mqtt.discovery_prefix", "a+"), ("mqtt.protocol", "4"), ("homeassistant.tts_entity", "qwen3"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_stop_the_start(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name.replace(".", r"\.")):
        load({name: value}, {})


def test_the_protocol_may_be_written_as_a_number(tmp_path: Path) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("mqtt: {protocol: 5}\nannounce: {targets: [media_player.kitchen], quiet_hours: '22:00 - 7:00'}\n")

    assert load({}, {}, file).mqtt.protocol == "5"
