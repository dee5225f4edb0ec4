"""The one HTTP client for Home Assistant and its Supervisor."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from tests.harness import free_port
from wyoming_qwen3tts.homeassistant.requester import Requester, Unreachable


def answering(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


async def test_a_question_carries_the_token_and_the_answer_comes_whole() -> None:
    heard: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(201, json={"message": "made"})

    async with Requester("http://home/api/", "secret", transport=answering(answer)) as home:
        answered = await home.ask("POST", "/services/x", {"a": 1})

    assert str(heard[0].url) == "http://home/api/services/x"
    assert heard[0].headers["authorization"] == "Bearer secret"
    assert heard[0].content == b'{"a":1}'
    assert (answered.status, answered.is_json, answered.json) == (201, True, {"message": "made"})
    assert answered.reason == "made"


@pytest.mark.parametrize(
    ("body", "is_json", "reason"),
    [(b"", False, "no reason given"), (b"Bad Gateway", False, "Bad Gateway"), (b"null", True, "null")],
)
async def test_an_answer_may_be_no_json(body: bytes, is_json: bool, reason: str) -> None:
    async with Requester("http://home", "", transport=answering(lambda _: httpx.Response(502, content=body))) as home:
        answered = await home.ask("GET", "/")

    assert (answered.is_json, answered.json, answered.reason) == (is_json, None, reason)


async def test_no_answer_and_no_answer_in_time_are_told_apart() -> None:
    def late(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("too late")

    async with Requester("http://home", "t", transport=answering(late)) as home:
        with pytest.raises(Unreachable, match="too late") as caught:
            await home.ask("GET", "/", answer_s=0.1)
    assert caught.value.is_late

    async with Requester(f"http://127.0.0.1:{free_port()}", "t") as home:
        with pytest.raises(Unreachable) as refused:
            await home.ask("GET", "/")
    assert not refused.value.is_late
    async with Requester("http://[no", "t") as home:
        with pytest.raises(Unreachable):
            await home.ask("GET", "/")


async def test_the_token_goes_past_every_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    port = free_port()

    async with Requester(f"http://127.0.0.1:{port}", "t") as home:
        assert not home._http._mounts
