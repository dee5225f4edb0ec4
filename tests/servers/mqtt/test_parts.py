"""Parts of the door by themselves: what is kept for the broker, the chosen voice, the start, and reasons."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from tests.harness import FakeEngine, until
from tests.mosquitto import certificates, needs_mosquitto
from tests.servers.mqtt.house import house
from wyoming_qwen3tts.announcements.announcement import Announcement
from wyoming_qwen3tts.announcements.voice_choice import VoiceChoice
from wyoming_qwen3tts.app.announcements import Announcements
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.servers.mqtt.error_messages import why
from wyoming_qwen3tts.servers.mqtt.outbox import Outbox, Outgoing
from wyoming_qwen3tts.servers.mqtt.start import is_wanted
from wyoming_qwen3tts.servers.mqtt.tls import tls_context
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Limits, Mqtt, Settings
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


async def taken(outbox: Outbox) -> list[str | bytes]:
    """What would be sent now, confirmed at once."""
    found = []
    while outbox._unsent:
        number, message = await outbox.next()
        outbox.sent(number)
        found.append(message.payload)
    return found


async def test_what_the_broker_has_not_confirmed_is_sent_again_in_its_order() -> None:
    outbox = Outbox()
    for payload in "abc":
        outbox.put(Outgoing("t", payload))
    await outbox.next()
    second, _ = await outbox.next()
    outbox.sent(second)
    outbox.begin([Outgoing("status", "online", retain=True)])

    assert await taken(outbox) == ["online", "a", "c"]
    assert len(outbox) == 0
    await outbox.emptied()


async def test_of_retained_messages_only_the_last_counts() -> None:
    outbox = Outbox()
    for payload in ("idle", "speaking", "idle"):
        outbox.put(Outgoing("state", payload, retain=True))
    outbox.put(Outgoing("voice", "old", retain=True))
    outbox.begin([Outgoing("voice", "new", retain=True)])

    assert await taken(outbox) == ["new", "idle"]


async def test_what_nobody_takes_is_bounded_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Outbox(most=3)
    for number in range(10):
        outbox.put(Outgoing("t", str(number)))
    outbox.put(Outgoing("state", "idle", retain=True))

    assert outbox.dropped == 7
    assert len(caplog.records) == 1
    assert await taken(outbox) == ["0", "1", "2", "idle"]


def test_the_chosen_voice_outlives_a_restart_and_a_full_disk_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    choice = VoiceChoice(tmp_path / "new" / "voice.txt")
    assert choice.load() is None
    choice.keep("ryan-en")
    assert VoiceChoice(tmp_path / "new" / "voice.txt").load() == "ryan-en"
    choice.keep("")
    assert choice.load() == ""
    assert os.listdir(tmp_path / "new") == ["voice.txt"]  # noqa: PTH208
    (tmp_path / "new" / "voice.txt").write_bytes(b"\xff")
    assert choice.load() is None
    assert "Cannot read" in caplog.text

    (tmp_path / "file").write_text("")
    VoiceChoice(tmp_path / "file" / "voice.txt").keep("ryan-en")
    assert "Cannot keep" in caplog.text


def test_certificates_are_read_at_the_start_or_named(tmp_path: Path) -> None:
    certificates(tmp_path)
    mine = {"certificate": str(tmp_path / "client.pem"), "key": str(tmp_path / "client.key")}
    assert tls_context(Mqtt.model_validate({"ca": str(tmp_path / "ca.pem"), **mine})).get_ca_certs()

    for wrong, said in (
        ({"ca": str(tmp_path / "none.pem")}, r"mqtt\.ca: cannot use .*none\.pem"),
        ({"ca": str(tmp_path / "ca.key")}, r"mqtt\.ca: cannot use"),
        (
            {**mine, "key": str(tmp_path / "server.key")},
            r"mqtt\.certificate: cannot use .*client\.pem and .*server\.key",
        ),
    ):
        with pytest.raises(SettingsError, match=said):
            tls_context(Mqtt.model_validate(wrong))


def service() -> SpeechService:
    engine = FakeEngine()
    return SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=4)


def test_there_is_a_door_only_where_a_broker_may_be() -> None:
    named = Settings.model_validate({"mqtt": {"host": "broker"}})
    assert not is_wanted(Settings(), {})
    assert is_wanted(named, {})
    assert is_wanted(Settings(), {"SUPERVISOR_TOKEN": "x"})


async def test_a_bug_in_this_door_leaves_the_others_open(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise RuntimeError("the scripted bug")

    monkeypatch.setattr("wyoming_qwen3tts.servers.mqtt.server.Bridge", broken)
    settings = Settings.model_validate({"mqtt": {"host": "127.0.0.1", "port": 1}, "data_dir": str(tmp_path)})
    async with Announcements(settings, service(), None, mqtt=True, environ={}) as announcements:
        assert await announcements.connect() is None
        result = await announcements.announcer.announce(Announcement("a", "Hello."))
    assert result.error is not None
    assert result.error.code == "bad-request"
    assert "The MQTT door could not be opened" in caplog.text


async def test_the_door_opens_without_its_broker_and_closes_at_once(tmp_path: Path) -> None:
    settings = Settings.model_validate({"mqtt": {"host": "127.0.0.1", "port": 1}, "data_dir": str(tmp_path)})
    announcements = await Announcements(settings, service(), None, mqtt=True, environ={}).__aenter__()
    assert await announcements.connect() is not None
    announcements.drain_s = 0.1
    assert announcements.drain_s == announcements.announcer.drain_s == 0.1
    async with asyncio.timeout(5):
        await announcements.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("error", "tls", "said"),
    [
        (OSError("[Errno -2] Name or service not known"), False, "no such host"),
        (OSError("[SSL: WRONG_VERSION_NUMBER] wrong version number"), True, "speaks no TLS"),
        (OSError("[Errno 104] Connection reset by peer"), True, "speaks no TLS"),
        (OSError("[Errno 111] Connection refused"), False, "Connection refused"),
        (RuntimeError(), False, "RuntimeError"),
    ],
)
def test_a_reason_says_what_to_do(error: Exception, tls: bool, said: str) -> None:
    assert said in why(error, tls=tls)


@needs_mosquitto
async def test_stop_takes_json_and_what_a_button_sends(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine, slots=4) as (server, listener, _):
        for key in "abc":
            await listener.publish("qwen3tts/say", {"text": "Hello.", "id": key})
        await until(lambda: server.door.announcer.running == 3)
        await listener.publish("qwen3tts/stop", {"id": "a"})
        await listener.publish("qwen3tts/stop", "{nonsense")
        assert (await listener.answers(1))[0]["id"] == "a"
        await listener.publish("qwen3tts/stop", "PRESS")
        assert {answer["error"]["code"] for answer in await listener.answers(3)} == {"stopped"}


@needs_mosquitto
async def test_a_bug_in_what_is_done_with_a_message_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as (server, listener, _):

        def broken(announcement: object) -> object:
            raise RuntimeError("the scripted bug")

        monkeypatch.setattr(server.door.announcer, "_wish", broken)
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
        answer = await listener.answer()
        assert (answer["ok"], answer["error"]["code"]) == (False, "engine-failed")
        monkeypatch.undo()

        monkeypatch.setattr(server.door.announcer, "stop", broken)
        await listener.publish("qwen3tts/stop", "x")
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "b"})
        assert (await listener.answers(2))[1]["ok"] is True
        assert [r.message for r in caplog.records if r.levelno == logging.ERROR] == [
            "announcement: internal error",
            "mqtt: internal error; the message is skipped",
        ]


@needs_mosquitto
async def test_a_sound_that_is_too_large_for_a_topic_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.servers.mqtt.bridge._AUDIO_BYTES", 5_000)
    async with house(tmp_path, mqtt={"audio": True}) as (_, listener, _):
        await listener.publish("qwen3tts/say", "A sentence of more than one frame.")
        failed = (await listener.event("failed"))[0]

        assert "fetch it by its URL" in failed["error"]["message"]
        assert not [topic for topic, _, _ in listener.heard if "/audio/" in topic]


class FakeBroker:
    """Takes what an `Outbox` sends, up to ``window`` on their way, and breaks on ``poison`` before it confirms it."""

    def __init__(self, *poison: str, window: int = 8) -> None:
        self._poison, self._window = poison, window
        self.heard: list[str | bytes] = []

    async def connection(self, outbox: Outbox) -> bool:
        """One of them; whether it broke."""
        outbox.begin([Outgoing("status", "online", retain=True)])
        while len(outbox):
            on_their_way: list[tuple[int, Outgoing]] = []
            while len(on_their_way) < self._window and outbox._free_to_go() is not None:
                on_their_way.append(await outbox.next())
            for number, message in on_their_way:
                if message.payload in self._poison:
                    return True
                self.heard.append(message.payload)
                outbox.sent(number)
        return False


async def test_a_message_that_breaks_the_connection_three_times_is_dropped_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outbox, broker = Outbox(), FakeBroker("poison", "venom")
    for payload in ("a", "poison", "b", "venom", "c"):
        outbox.put(Outgoing("t", payload))
    breaks = [await broker.connection(outbox) for _ in range(7)]

    assert breaks.index(False) <= 6
    assert sorted(str(payload) for payload in broker.heard if payload != "online") == ["a", "b", "c"]
    assert len([r for r in caplog.records if "dropped a message" in r.getMessage()]) == 2
    assert not outbox._breaks


async def test_a_greeting_that_is_poison_is_left_out_once() -> None:
    outbox, broker = Outbox(), FakeBroker("online")
    outbox.put(Outgoing("t", "a"))

    assert [await broker.connection(outbox) for _ in range(4)] == [True, True, True, False]
    assert broker.heard == ["a"]


async def test_what_was_confirmed_is_blamed_for_nothing() -> None:
    """A bad network: it breaks each time, but never at the same message."""
    outbox = Outbox()
    for number in range(10):
        outbox.put(Outgoing("t", str(number)))
    for _ in range(10):
        number_, _ = await outbox.next()
        outbox.sent(number_)
        await outbox.next() if len(outbox) else None
        outbox.begin([])
    assert len(outbox) == 0
