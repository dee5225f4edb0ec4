"""The doctor on who stands in for the model."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.engine.wyoming.voice_server import JOE, voice_server
from wyoming_qwen3tts.doctor import card, stand_in
from wyoming_qwen3tts.settings import Address
from wyoming_qwen3tts.util.instance import INSTANCE

from .test_doctor import ABLE, place


@contextmanager
def answering(info: object) -> Iterator[Address]:
    """A server in a thread of its own: the doctor has an event loop for itself."""
    loop, port, leave = asyncio.new_event_loop(), list[int](), asyncio.Event()
    is_up = threading.Event()

    async def serve() -> None:
        async with voice_server(info=info) as server:  # type: ignore[arg-type]
            port.append(server.port)
            is_up.set()
            await leave.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert is_up.wait(10)
        yield Address("127.0.0.1", port[0])
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join()
        loop.close()


def test_who_stands_in_is_named_with_what_it_speaks() -> None:
    with answering(JOE) as address:
        (check,) = stand_in.check(place(ABLE, engine__stand_in=str(address)))

    assert check.ok
    assert "piper at tcp://127.0.0.1" in check.detail
    assert "speaks de, en" in check.detail


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"asr": [{"name": "whisper"}]}, "it is no text-to-speech server: it offers asr"),
        ({**JOE, "instance": INSTANCE}, "this very server"),
        (b"HTTP/1.1 400 Bad Request\n", "does not speak Wyoming"),
    ],
    ids=["ears only", "ourselves", "a web server"],
)
def test_who_cannot_stand_in_is_named_with_the_reason(info: object, words: str) -> None:
    with answering(info) as address:
        (check,) = stand_in.check(place(ABLE, engine__stand_in=str(address)))

    assert not check.ok
    assert words in check.detail
    assert "engine.stand_in" in check.fix


@pytest.mark.parametrize(
    ("info", "is_offered"),
    [(JOE, True), ({"asr": [{"name": "whisper"}]}, False), ({**JOE, "instance": "another of our kind"}, False)],
    ids=["piper", "whisper", "one like us"],
)
def test_of_those_on_the_network_only_who_speaks_is_offered(
    info: object, is_offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(info) as address:

        async def heard(_: float) -> list[tuple[str, Address]]:
            return [("somebody", address)]

        monkeypatch.setattr(stand_in, "neighbours", heard)
        checks = stand_in.check(place(ABLE))

    assert [f"engine.stand_in {address}" in check.detail for check in checks] == [True] * is_offered


def test_whoever_wants_the_built_in_voice_is_offered_nobody() -> None:
    assert stand_in.check(place(ABLE, engine__stand_in="builtin")) == []


def test_where_voice_servers_are_the_only_voices_no_card_is_missed() -> None:
    (check,) = card.check(place(ABLE, engine__kind="wyoming", engine__stand_in="tcp://127.0.0.1:1"))

    assert check.ok
    assert "not needed" in check.detail
