"""Publish a sentence, the speaker talks: the contract of the topics, with a real broker."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import httpx
import pytest

from tests.harness import FakeEngine, until
from tests.mosquitto import Mosquitto, listening, needs_mosquitto
from tests.servers.mqtt.house import House, house, serving
from wyoming_qwen3tts.announcements.announcement import Announcement
from wyoming_qwen3tts.announcements.payload import Unreadable, parse_say
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase
from wyoming_qwen3tts.util.names import safe_name

pytestmark = needs_mosquitto


async def test_plain_text_becomes_a_url_that_plays_and_is_answered_once(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _), httpx.AsyncClient() as web:
        await listener.publish("qwen3tts/say", "The washing machine is done")
        answer = await listener.answer()
        sound = await web.get(answer["url"])
        done = (await listener.event("done"))[0]

        assert answer.keys() == {"id", "ok", "url", "duration", "voice", "error"}
        assert answer["ok"] is True
        assert answer["voice"] == "builtin-en"
        assert answer["error"] is None
        assert answer["id"]
        assert sound.headers["content-type"] == "audio/wav"
        assert (await listener.event("started"))[0]["id"] == done["id"] == answer["id"]
        with wave.open(io.BytesIO((await web.get(answer["url"])).content)) as file:
            assert file.getframerate() == 24_000
            assert file.getnframes() / 24_000 == pytest.approx(done["duration"], abs=0.001)
        assert server.spoken == ["The washing machine is done"]
        assert len(listener.on("qwen3tts/result")) == 1


async def test_json_says_who_speaks_and_keeps_its_id(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _):
        await listener.publish(
            "qwen3tts/say", {"text": "Das Essen ist fertig.", "voice": "builtin-de", "id": "dinner", "format": "mp3"}
        )
        answer = await listener.answer()

        assert (answer["id"], answer["ok"], answer["voice"]) == ("dinner", True, "builtin-de")
        assert answer["url"].endswith(".mp3")
        assert server.engine.requests[0][0] == "builtin-de"


async def test_the_url_can_be_fetched_while_the_rest_is_being_made(tmp_path: Path) -> None:
    engine = HeldBack(after=1)
    async with house(tmp_path, engine=engine) as (_, listener, _), httpx.AsyncClient() as web:
        await listener.publish("qwen3tts/say", "A sentence that is not finished while it is heard.")
        answer = await listener.answer()
        async with web.stream("GET", answer["url"]) as sound:
            pieces = sound.aiter_bytes()
            first = await anext(pieces)
            assert first[:4] == b"RIFF"
            assert "content-length" not in sound.headers
            engine.release.set()
            rest = b"".join([piece async for piece in pieces])

        whole = await web.get(answer["url"])
        assert len(whole.content) == len(first + rest)


class HeldBack(FakeEngine):
    """Stops after some frames, until it is released."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._after = after
        self.release.clear()

    async def _frames(self, request):  # type: ignore[no-untyped-def]
        made = 0
        self.requests.append((request.voice.name, []))
        async for segment in request.whole_segments():
            self.requests[-1][1].append(segment.text)
            for _ in range(1 + len(segment.text) // 5):
                if made >= self._after:
                    await self.release.wait()
                made += 1
                self.frames_made += 1
                yield b"\x01\x02" * 1920


async def test_with_growing_off_the_url_comes_when_all_is_there_with_its_duration(tmp_path: Path) -> None:
    async with house(tmp_path, announce={"growing": False}) as (_, listener, _), httpx.AsyncClient() as web:
        await listener.publish("qwen3tts/say", "All of it.")
        answer = await listener.answer()
        head = await web.head(answer["url"])

        assert answer["duration"] > 0
        assert int(head.headers["content-length"]) == 44 + round(answer["duration"] * 48_000)


WRONG: list[tuple[object, str, str]] = [
    (b'{"id": "x", "text": "a"', "bad-request", "begins like JSON"),
    (b'{"id": "x", "text": "\xff"}', "bad-request", "UTF-8"),
    ({"text": "a", "volum": 1}, "bad-request", 'Did you mean "volume"'),
    ({"text": "a", "x": 1}, "bad-request", "Known are text, voice"),
    ({"voice": "builtin-en"}, "bad-request", '"text" is missing'),
    ({"text": 7}, "bad-request", '"text"'),
    ({"text": "a", "volume": "loud"}, "bad-request", '"volume": must be a number'),
    ({"text": "a", "volume": True}, "bad-request", '"volume": must be a number'),
    ({"text": "a", "volume": 1.5}, "bad-request", '"volume"'),
    ({"text": "a", "format": "aac"}, "bad-request", '"format"'),
    ({"text": "a", "priority": "urgentest"}, "bad-request", '"priority"'),
    ({"text": "a", "target": 3}, "bad-request", '"target"'),
    ({"text": "a", "announce": "yes"}, "bad-request", '"announce"'),
    ({"text": "a", "voice": "nobody"}, "unknown-voice", "No voice is called"),
    ({"text": "a", "voice": "../../etc/passwd"}, "unknown-voice", "No voice is called"),
    ({"text": "a", "language": "tlh"}, "unknown-voice", "No voice speaks"),
    ({"text": "a", "target": "light.kitchen"}, "bad-request", "no way to the target"),
    ({"text": " "}, "bad-request", "nothing to say"),
    ({"text": "a" * 8001}, "text-too-long", "8,000 characters"),
    (b'{"id": "x", "text": "' + b"a" * 66_000 + b'"}', "text-too-long", "65,536 bytes"),
    (b'{"text": "' + b"a" * 66_000 + b'", "id": "x"}', "text-too-long", "65,536 bytes"),
    (b'{"id": "x", ' + b'"a":[' * 10_000, "bad-request", "begins like JSON"),
    (rb'{"id": "x", "text": "\ud800"}', "bad-request", "nothing to say"),
    (rb'{"id": "x", "text": "Hi.", "voice": "\ud800"}', "bad-request", "begins like JSON"),
]


async def test_what_cannot_be_spoken_is_answered_with_the_callers_id_and_what_to_do(tmp_path: Path) -> None:
    """F48: all in one house, since what must not happen is that one of them spoils it for the next."""
    async with house(tmp_path) as (server, listener, _):
        for payload, _, _ in WRONG:
            await listener.publish("qwen3tts/say", {"id": "x", **payload} if isinstance(payload, dict) else payload)
        answers = await listener.answers(len(WRONG))

        for answer, (payload, code, said) in zip(answers, WRONG, strict=True):
            assert (answer["id"], answer["ok"], answer["url"], answer["voice"]) == ("x", False, None, None), payload
            assert answer["error"]["code"] == code
            assert said in answer["error"]["message"]
        await listener.publish("qwen3tts/say", {"text": "Still here.", "id": "x"})
        assert (await listener.answers(len(WRONG) + 1))[-1]["ok"] is True
        assert server.spoken == ["Still here."]


BOM = b"\xef\xbb\xbf"
SAID = b'{"text": "Hello there", "id": "x", "volume": 0.2}'


@pytest.mark.parametrize(
    "payload",
    [
        SAID,
        BOM + SAID,
        BOM + b" \r\n" + SAID + b"\r\n",
        b"\n " + BOM + SAID,
        SAID + b"\0",
        BOM + SAID + b"\0\0",
        SAID.replace(b"Hello", b"\\ud83dHello"),
    ],
)
def test_json_is_found_behind_marks_and_before_zeros(payload: bytes) -> None:
    said = parse_say(payload, 1000)

    assert isinstance(said, Announcement)
    assert (said.text, said.id, said.volume) == ("Hello there", "x", 0.2)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"Hello there\0", "Hello there"),
        (BOM + b"Hello there", "Hello there"),
        (b"[sigh] fine", "[sigh] fine"),
        (b"[1] is a footnote", "[1] is a footnote"),
        (b"Look: {this}", "Look: {this}"),
        (b'"quoted"', '"quoted"'),
    ],
)
def test_words_stay_words(payload: bytes, text: str) -> None:
    said = parse_say(payload, 1000)

    assert isinstance(said, Announcement)
    assert said.text == text


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b'[{"text":"Hello there"}]', "one object a message"),
        (b'["Hello there"]', "one object a message"),
        (b'[ {"text":"Hello there"}, 7]', "one object a message"),
        (b'\n[\n  {"text":"Hello there"}\n]\0', "one object a message"),
        (b'[{"text":"Hello there"', "begins like JSON"),
        (b'["Hello there', "begins like JSON"),
        (BOM + b'{"text":"Hello there"', "begins like JSON"),
        (b"{text: Hello there}", "begins like JSON"),
        (b"{}{}", "begins like JSON"),
        (SAID.decode().encode("utf-16"), "not UTF-8"),
        (b"Hello \xff", "not UTF-8"),
    ],
)
def test_what_begins_like_json_is_never_read_aloud(payload: bytes, words: str) -> None:
    said = parse_say(payload, 1000)

    assert isinstance(said, Unreadable)
    assert words in str(said.error)


async def test_an_empty_payload_clears_a_retained_message_and_is_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _):
        await listener.publish("qwen3tts/say", b"")
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "x"})
        await listener.event("done")

        assert [answer["id"] for answer in await listener.answers(1)] == ["x"]
        assert server.spoken == ["Hello."]


@pytest.mark.parametrize("payload", [b"\xff\xfe", b'{"id": "x", "text": "Hel', b'[{"id": "x"}]'])
async def test_what_cannot_be_read_is_answered_and_told_with_the_same_id(tmp_path: Path, payload: bytes) -> None:
    async with house(tmp_path) as (_, listener, _):
        await listener.publish("qwen3tts/say", payload)
        answer, event = await listener.answer(), (await listener.event("failed"))[-1]

        assert answer["ok"] is False
        assert (event["id"], event["error"]) == (answer["id"], answer["error"])
        assert b"x" not in payload or answer["id"] == "x"


@pytest.mark.parametrize("payload", [b"  ", b"\x00\x01", b"\xff\xfe"])
async def test_plain_text_that_says_nothing_is_refused_with_an_id_of_ours(tmp_path: Path, payload: bytes) -> None:
    async with house(tmp_path) as (server, listener, _):
        await listener.publish("qwen3tts/say", payload)
        answer = await listener.answer()

        if answer["ok"]:  # control characters are silence, as everywhere
            assert server.spoken == []
        else:
            assert answer["error"]["code"] == "bad-request"
        assert answer["id"]


async def test_an_id_is_spoken_and_answered_once(tmp_path: Path) -> None:
    """F48: at least once is what brokers promise; people press twice."""
    async with house(tmp_path) as (server, listener, _):
        for _ in range(3):
            await listener.publish("qwen3tts/say", {"text": "The doorbell.", "id": "bell"})
        await listener.event("done")
        await listener.publish("qwen3tts/say", {"text": "The doorbell.", "id": "bell"})
        await listener.publish("qwen3tts/say", {"text": "Another.", "id": "other"})
        await listener.event("done", 2)

        assert server.spoken == ["The doorbell.", "Another."]
        assert [answer["id"] for answer in listener.objects("qwen3tts/result")] == ["bell", "other"]


async def test_a_number_may_be_an_id(tmp_path: Path) -> None:
    async with house(tmp_path) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": 1732630000123})

        assert (await listener.answer())["id"] == "1732630000123"


async def test_retained_commands_are_ignored(tmp_path: Path) -> None:
    """F48: they would be spoken again after every reconnection."""
    async with house(tmp_path) as (server, listener, _):
        await listener.publish("qwen3tts/say", "Old news.", retain=True)
        await listener.event("done")
        server.engine.requests.clear()
        await broker_connection_lost(server)
        await server.connected(2)
        await listener.publish("qwen3tts/say", "New.")
        await until(lambda: server.spoken)  # not the second "done": the first may be told again after the break

        assert server.spoken == ["New."]


async def broker_connection_lost(server: House) -> None:
    """As if the network had been away for a moment."""
    server.door.connection.drop()
    await until(lambda: not server.door.connection.connected)


async def test_more_than_can_wait_is_told_busy_at_once(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine, slots=1, announce={"queue": 2}) as (_, listener, _):
        for number in range(6):
            await listener.publish("qwen3tts/say", {"text": "Hello.", "id": str(number)})
        refused = await listener.answers(3)
        engine.release.set()
        answers = await listener.answers(6)

        assert [answer["error"]["code"] for answer in refused] == ["busy"] * 3
        assert sorted(answer["id"] for answer in answers if answer["ok"]) == ["0", "1", "2"]
        await listener.event("done", 3)
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "5"})  # what was refused may be tried again
        assert (await listener.answers(7))[-1]["ok"] is True


async def test_what_fails_before_its_first_sound_is_answered_and_later_told_as_an_event(tmp_path: Path) -> None:
    async with house(tmp_path, engine=FakeEngine(fail_at=0)) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "a"})
        answer = await listener.answer()
        assert (answer["ok"], answer["error"]["code"]) == (False, "engine-failed")

    async with house(tmp_path, engine=FakeEngine(fail_at=1)) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello, and goodbye.", "id": "b"})
        assert (await listener.answer())["ok"] is True
        failed = (await listener.event("failed"))[0]
        assert failed["error"] == {"code": "engine-failed", "message": "The scripted fault."}
        assert len(listener.on("qwen3tts/result")) == 1


async def test_stop_silences_what_is_spoken_and_what_waits(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine, slots=1) as (server, listener, _):
        for number in range(3):
            await listener.publish("qwen3tts/say", {"text": "Hello.", "id": str(number)})
        await until(lambda: engine.speaking and server.door.announcer.waiting == 2)
        await listener.publish("qwen3tts/stop", "2")
        await listener.answers(1)
        await listener.publish("qwen3tts/stop")
        answers = await listener.answers(3)

        assert sorted(answer["id"] for answer in answers) == ["0", "1", "2"]
        assert {answer["error"]["code"] for answer in answers} == {"stopped"}
        assert not engine.speaking


async def test_the_sound_goes_to_a_topic_if_asked_for(tmp_path: Path) -> None:
    async with house(tmp_path) as (_, listener, _):
        await listener.publish("qwen3tts/say", {"text": "Hello.", "id": "a/b", "audio": True})
        done = (await listener.event("done"))[0]
        sound = (await listener.wait_for(f"qwen3tts/audio/{safe_name('a/b')}"))[0]

        with wave.open(io.BytesIO(sound)) as file:
            assert file.getnframes() / 24_000 == pytest.approx(done["duration"], abs=0.001)


async def test_a_voice_is_chosen_shown_and_survives_a_restart(tmp_path: Path) -> None:
    async with house(tmp_path) as (server, listener, _):
        assert await listener.wait_for("qwen3tts/voice") == [b"auto"]
        await listener.publish("qwen3tts/voice/set", "builtin-fr")
        assert (await listener.wait_for("qwen3tts/voice", 2))[-1] == b"builtin-fr"
        await listener.publish("qwen3tts/voice/set", "nobody")
        assert (await listener.wait_for("qwen3tts/voice", 3))[-1] == b"builtin-fr"
        await listener.publish("qwen3tts/say", "Hello.")
        assert (await listener.answer())["voice"] == "builtin-fr"
        await listener.publish("qwen3tts/say", {"text": "Hello.", "language": "de"})
        assert (await listener.answers(2))[1]["voice"] == "builtin-de"

    async with house(tmp_path) as (server, listener, _):
        assert await listener.wait_for("qwen3tts/voice") == [b"builtin-fr"]
        await listener.publish("qwen3tts/voice/set", "auto")
        await listener.wait_for("qwen3tts/voice", 2)
        assert server.door.announcer.voice == ""


async def test_the_state_is_retained_and_follows_the_engine(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine) as (_, listener, broker):
        await listener.publish("qwen3tts/say", "Hello.")
        await until(lambda: listener.on("qwen3tts/state")[-1:] == [b"speaking"])
        engine.release.set()
        await until(lambda: listener.on("qwen3tts/state")[-1:] == [b"idle"])
        async with listening(broker.port) as late:
            await late.wait_for("qwen3tts/status")
            await late.wait_for("qwen3tts/state")
            assert all(retained for _, _, retained in late.heard)


async def test_the_state_is_error_only_while_nothing_can_speak(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with house(tmp_path, engine=engine) as (_, listener, _):

        async def told(state: bytes) -> None:
            await until(lambda: listener.on("qwen3tts/state")[-1:] == [state])

        for status, state in (
            (EngineStatus(Phase.FAILED, "ready or not"), b"error"),
            (EngineStatus(Phase.LOADING, progress=0.5), b"loading"),
            (EngineStatus(Phase.DEGRADED, "no card", fallback="builtin"), b"idle"),
            (EngineStatus(Phase.UNLOADED, fallback="builtin"), b"loading"),
            (EngineStatus(Phase.READY), b"idle"),
        ):
            engine.status = status
            await told(state)


async def test_leaving_says_offline_and_answers_what_waits(tmp_path: Path) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with Mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        async with serving(broker.port, tmp_path, engine=engine, slots=1, limits={"drain_s": 0.05}) as server:
            await server.connected()
            for number in range(2):
                await listener.publish("qwen3tts/say", {"text": "Hello.", "id": str(number)})
            await until(lambda: engine.speaking)
        answers = await listener.answers(2)
        await listener.wait_for("qwen3tts/status", 2)

        assert {answer["error"]["code"] for answer in answers} == {"stopped"}
        assert listener.on("qwen3tts/status") == [b"online", b"offline"]
