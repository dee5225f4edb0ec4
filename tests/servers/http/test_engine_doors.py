"""The engine's doors: load, unload, keep and change the model, while somebody goes on speaking."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.engine.scripted import FALLBACK_VOICES, Scripted
from tests.harness import until
from tests.servers.http.web import Web, web
from wyoming_qwen3tts.engine.control import ModelControl
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.idle import IdleEngine
from wyoming_qwen3tts.servers.http.routers.engine import idle_s
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase
from wyoming_qwen3tts.util.backoff import Backoff

MODELS = ("Qwen/small", "Qwen/large")


class Choosable(Scripted):
    """A scripted model with a choice of checkpoints."""

    chosen_model: str | None = None

    def models(self) -> tuple[str, ...]:
        return MODELS

    def use(self, model: str | None) -> None:
        assert self.unloads, "changed while it was loaded"
        self.chosen_model = model


@asynccontextmanager
async def house(model: Scripted | None = None) -> AsyncIterator[tuple[Web, Scripted]]:
    model = model or Choosable()
    idle = IdleEngine(model, 0, backoff=Backoff(first_s=0.01, chance=lambda: 0.0))
    engine = FailoverEngine(idle, Scripted("builtin", FALLBACK_VOICES))
    async with web(engine, control=ModelControl(engine, idle)) as it:
        await it.service.loaded()
        yield it, model


async def test_an_unload_is_done_and_a_request_brings_the_model_back() -> None:
    async with house() as (it, model):
        asked = await it.client.post("/v1/engine/unload", json={})
        await until(lambda: model.unloads)
        state = (await it.client.get("/v1/engine")).json()
        spoken = await it.post(input="One.", voice="ryan-en")
        await until(lambda: model.starts == 2)
        again = await it.post(input="One.", voice="ryan-en")

        assert asked.status_code == 202
        assert (state["phase"], state["fallback"]) == ("unloaded", "builtin")
        assert state["state"] == "unloaded (built-in voice speaks)"
        assert spoken.headers["x-tts-engine"] == "builtin"
        assert again.headers["x-tts-engine"] == "qwen3"


async def test_a_load_is_begun_at_once_and_its_progress_can_be_followed() -> None:
    async with house() as (it, model):
        await it.client.post("/v1/engine/unload")
        await until(lambda: model.unloads)
        loading = await it.client.post("/v1/engine/load")
        await until(lambda: model.starts == 2)
        model.status = EngineStatus(Phase.DOWNLOADING, progress=0.4321)
        half = (await it.client.get("/v1/engine")).json()
        model.status = EngineStatus(Phase.READY)

        assert loading.status_code == 202
        assert (half["phase"], half["progress"], half["fallback"]) == ("downloading", 0.43, "builtin")
        assert half["models"] == list(MODELS)


async def test_a_percentage_in_an_error_is_no_progress() -> None:
    async with house() as (it, model):
        model.status = EngineStatus(Phase.FAILED, "KV cache usage is 97 %")
        told = [(await it.client.get("/v1/engine")).json(), (await it.client.get("/health/ready")).json()]

        for answer in told:
            assert answer["progress"] is None
            assert (answer["phase"], answer["reason"]) == ("degraded", "KV cache usage is 97 %")


async def test_a_model_is_changed_with_nothing_loaded_in_between() -> None:
    async with house() as (it, model):
        changed = await it.client.put("/v1/engine/model", json={"model": "Qwen/small"})
        await until(lambda: model.starts == 2)
        state = (await it.client.get("/v1/engine")).json()
        await it.client.put("/v1/engine/model", json={"model": None})
        await until(lambda: model.starts == 3)
        unknown = await it.client.put("/v1/engine/model", json={"model": "Evil/huge"})

        assert changed.status_code == 202
        assert (state["model"], state["phase"]) == ("Qwen/small", "ready")
        assert (await it.client.get("/v1/engine")).json()["model"] is None
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "model")


async def test_a_model_that_is_not_loaded_is_changed_and_then_loaded() -> None:
    async with house() as (it, model):
        await it.client.post("/v1/engine/unload")
        await until(lambda: model.unloads)
        await it.client.put("/v1/engine/model", json={"model": "Qwen/large"})
        await until(lambda: model.starts == 2)

        assert (await it.client.get("/v1/engine")).json()["model"] == "Qwen/large"
        assert model.unloads == 1


async def test_an_engine_without_a_choice_says_so() -> None:
    async with house(Scripted()) as (it, _):
        refused = await it.client.put("/v1/engine/model", json={"model": "Qwen/small"})

        assert "no models to choose from" in refused.json()["error"]["message"]


async def test_a_model_that_could_not_be_started_is_tried_again_when_asked() -> None:
    model = Choosable()
    model.start_error = OSError("no disk")
    async with house(model) as (it, _):
        failed = (await it.client.get("/v1/engine")).json()
        model.start_error = None
        await it.client.post("/v1/engine/load")
        await until(lambda: model.starts == 2)

        assert (failed["phase"], failed["reason"], failed["fallback"]) == ("degraded", "no disk", "builtin")
        await until(lambda: it.service.engine.status.phase is Phase.READY)


async def test_keep_alive_of_a_speech_unloads_the_model_after_it_or_never() -> None:
    async with house() as (it, model):
        kept = await it.post(input="One.", voice="ryan-en", keep_alive=-1)
        stayed = model.unloads
        await it.post(input="One.", voice="ryan-en", keep_alive=0)
        await until(lambda: model.unloads)

        assert kept.headers["x-tts-engine"] == "qwen3"
        assert stayed == 0


async def test_keep_alive_of_a_load_counts_from_then_on() -> None:
    async with house() as (it, model):
        await it.client.post("/v1/engine/load", json={"keep_alive": "20ms"})
        await until(lambda: model.unloads)
        odd = await it.client.post("/v1/engine/load", json={"keep_alive": "a while"})

        assert (odd.status_code, odd.json()["error"]["param"]) == (400, "keep_alive")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(0, 0), ("0", 0), ("5m", 300), ("1h30m", 5400), ("300", 300), (12.5, 12.5), ("300ms", 0.3), (-1, None),
     ("-1", None), ("-1m", None), (None, None), (1e300, 31_536_000)],
)  # fmt: skip
def test_keep_alive_is_read_as_ollama_reads_it(text: Any, seconds: float | None) -> None:
    assert idle_s(text) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize("text", ["", "m", "5 m", "5x", "1e5", "²", "nan"])
def test_a_keep_alive_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="5m"):
        idle_s(text)


async def test_a_server_with_the_builtin_voice_only_has_nothing_to_load() -> None:
    async with web() as it:
        replies = [
            await it.client.post("/v1/engine/load"),
            await it.client.post("/v1/engine/unload"),
            await it.client.put("/v1/engine/model", json={"model": "Qwen/small"}),
        ]
        state = (await it.client.get("/v1/engine")).json()
        speech = await it.post(input="One.", keep_alive="5m")

        assert {reply.status_code for reply in replies} == {409}
        assert state == {
            "kind": "fake", "state": "ready", "phase": "ready", "reason": None, "progress": None, "fallback": None,
            "runs_on": None, "model": None, "models": [], "can_unload": False, "servers": [],
        }  # fmt: skip
        assert speech.status_code == 200


async def test_a_model_is_never_unloaded_under_a_reply() -> None:
    """`Scripted` asserts it."""
    model = Choosable()
    idle = IdleEngine(model, 0)
    engine = FailoverEngine(idle, Scripted("builtin", FALLBACK_VOICES))
    await engine.start()
    control = ModelControl(engine, idle)
    async with engine.speak(_request()) as audio:
        await anext(audio)
        control.unload()
        await until(lambda: True)
        unloaded = model.unloads
    await until(lambda: model.unloads)
    await engine.close()

    assert unloaded == 0


def _request() -> Any:
    from tests.engine.scripted import RYAN
    from wyoming_qwen3tts.speech.request import SpeechRequest
    from wyoming_qwen3tts.speech.segment import Segment

    async def segments() -> AsyncIterator[Segment]:
        yield Segment("One.", "en")
        yield Segment("Two.", "en")

    return SpeechRequest(segments(), RYAN)
