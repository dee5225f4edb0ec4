"""Who is still heard after a message on ``<base>/stop``. What cannot be read silences nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness import FakeEngine, until
from tests.mosquitto import needs_mosquitto
from tests.servers.mqtt.house import house
from wyoming_qwen3tts.announcements.payload import parse_stop

LIMIT = 65_536
NOBODY: list[bytes] = [
    b'{"id": "nonexisting"', b'{"id": ""}', b'{"target": ""}', b"{}", b'{"id": null}', b'{"id": ["a"]}',
    b'{"id": {"id": "a"}}', b'{"id": true}', b'{"target": 7.5}', b'{"which": "a"}', b"\xff\xfe", b"{" * 60_000,
    b'{"a":' * 12_000, b"x" * (LIMIT + 1), b'{"id": "a"}' + b" " * LIMIT,
]  # fmt: skip
LONG = json.dumps({"comment": "x" * 1000, "id": "b"}).encode()


@pytest.mark.parametrize("payload", NOBODY, ids=lambda payload: payload[:20])
def test_what_names_nobody_stops_nobody(payload: bytes) -> None:
    assert parse_stop(payload, LIMIT) is None


@pytest.mark.parametrize(
    ("payload", "which"),
    [
        (b"", ""), (b" \n", ""), (b"PRESS", ""), (b"all", ""), (b" all ", ""), (b"a", "a"),
        (b"hermes/hall", "hermes/hall"),
        (b'{"id": "a"}', "a"), (b'{"target": "hermes/hall"}', "hermes/hall"), (b'{"id": 17, "target": "x"}', "17"),
        (LONG, "b"), (b"[]", "[]"), (b'"a"', '"a"'),
    ],
)  # fmt: skip
def test_the_name_or_all(payload: bytes, which: str) -> None:
    assert parse_stop(payload, LIMIT) == which


@needs_mosquitto
async def test_a_stop_that_cannot_be_read_is_logged_and_all_are_still_heard(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeEngine()
    engine.release.clear()
    async with house(tmp_path, engine=engine) as (server, listener, _):
        for name in ("a", "b", "c"):
            await listener.publish("qwen3tts/say", {"text": "Hello.", "id": name})
        await until(lambda: server.service.active)
        for payload in NOBODY:
            await listener.publish("qwen3tts/stop", payload)
        await listener.publish("qwen3tts/stop", LONG)
        answer = await listener.answer()
        assert (answer["id"], answer["error"]["code"]) == ("b", "stopped")
        engine.release.set()
        answers = await listener.answers(3)
        assert sorted((answer["id"], answer["ok"]) for answer in answers) == [("a", True), ("b", False), ("c", True)]
    said = [record.getMessage() for record in caplog.records if "stopped nothing" in record.getMessage()]
    assert len(said) == 1  # told once; the others of this minute are counted
