"""Health, metrics, what is going on, and the description of it all."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT
from tests.harness import FakeEngine, until
from tests.servers.http.web import LONG, SPEECH, Web, request, web
from wyoming_qwen3tts.settings import Http, Settings
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase, ServerCount


async def test_liveness_is_told_to_everybody_and_readiness_is_the_engines() -> None:
    class Loading(FakeEngine):
        status = EngineStatus(Phase.LOADING, progress=0.12)

    engine = Loading()
    async with web(engine) as it:
        live = await it.client.get("/health/live")
        not_yet = await it.client.get("/health/ready")
        engine.status = EngineStatus(Phase.READY)
        ready = await it.client.get("/health/ready")

        assert live.json() == {"status": "live", "program": "qwen3-tts"}
        assert (not_yet.status_code, not_yet.headers["retry-after"]) == (503, "5")
        assert not_yet.json() == {
            "status": "not ready", "engine": "fake", "state": "loading 12 %", "phase": "loading", "reason": None,
            "progress": 0.12, "fallback": None, "runs_on": None, "cannot_speak": {}, "read_with_accent": {},
        }  # fmt: skip
        assert (ready.status_code, ready.json()["status"]) == (200, "ready")


async def numbers(it: Web) -> dict[str, float]:
    """Samples by name and labels, as Prometheus reads them."""
    reply = await it.client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        sample.name + "".join(f",{value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


async def test_metrics_count_what_was_spoken_refused_failed_and_given_up() -> None:
    async with web(engine=FakeEngine()) as it:
        await it.post(input="Hello there.", response_format="pcm")
        await it.post(input="Hello there.", voice="nobody")
        it.engine._fail_at = it.engine.frames_made
        await it.post(input="Hello there.")
        it.engine._fail_at = None
        it.engine.release.clear()
        wire = await it.wire()
        await wire.send(request({"input": LONG}))
        await until(lambda: it.engine.speaking)
        during = await numbers(it)
        wire.reset()
        await until(lambda: not it.engine.speaking)
        it.engine.release.set()
        await asyncio.sleep(0.15)  # the event loop is asked ten times a second how late it is
        after = await numbers(it)

        assert after["qwen3tts_ttfa_seconds_count,http,fake"] == 1
        assert after["qwen3tts_rtf_count,http,fake"] == 1
        assert abs(after["qwen3tts_speech_seconds_total,http,fake"] - 0.24) < 1e-9
        assert after["qwen3tts_replies_total,http,fake,done"] == 1
        assert after["qwen3tts_replies_total,http,-,engine-failed"] == 1
        assert after["qwen3tts_cancellations_total"] == 1
        assert after["qwen3tts_runaways_total"] == 0
        assert (during["qwen3tts_queue"], after["qwen3tts_queue"]) == (1, 0)
        assert after["qwen3tts_engine_ready,fake"] == 1
        assert after["qwen3tts_engine_state,ready"] == 1
        assert after["qwen3tts_event_loop_lag_seconds_count"] > 0
        assert after["qwen3tts_memory_bytes"] > 10_000_000
        assert after["process_open_fds"] > 3


async def test_runaways_and_takeovers_are_counted() -> None:
    class Confessing(FakeEngine):
        @property
        def takeovers(self) -> Counter[str]:
            return Counter({"slow": 3})

        async def _frames(self, request: Any) -> Any:
            request.notes.append("near silence")
            async for pcm in super()._frames(request):
                yield pcm

    async with web(Confessing()) as it:
        await it.post(input="Hello there.")
        counted = await numbers(it)

        assert counted["qwen3tts_runaways_total"] == 1
        assert counted["qwen3tts_takeovers_total,slow"] == 3


async def test_every_number_of_the_dashboard_exists() -> None:
    dashboard = json.loads((ROOT / "config" / "grafana-dashboard.json").read_text())
    asked = {target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())}
    async with web() as it:
        await it.post(input="Hello there.")
        names = {key.split(",")[0] for key in await numbers(it)} | {"qwen3tts_takeovers_total"}

        wanted = {name for expr in asked for name in re.findall(r"(?:qwen3tts|process)_\w+", expr)}
        assert len(wanted) > 10
        assert wanted <= names


async def snapshots(it: Web) -> AsyncIterator[dict[str, Any]]:
    async with it.client.stream("GET", "/v1/live") as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))


async def test_the_live_view_tells_who_is_spoken_to_and_what_went_wrong() -> None:
    async with web() as it:
        live = snapshots(it)
        first = await anext(live)
        it.engine.release.clear()
        speaking = asyncio.create_task(it.post(input="Hello there."))
        async with asyncio.timeout(10):
            waiting = await anext(live)
            it.engine.release.set()
            await speaking
            await it.post(input="Hello there.", voice="builtin-xx")
            it.engine._fail_at = it.engine.frames_made
            await it.post(input="Hello there.")
            it.engine._fail_at = None
            seen = await anext(live)
            while not seen["errors"]:
                seen = await anext(live)
        await live.aclose()  # type: ignore[attr-defined]

        assert first["streams"] == []
        assert first["engine"]["kind"] == "fake"
        assert first["memory"]["rss_mb"] > 10
        assert waiting["queue"] == {"speaking": 0, "waiting": 1}
        assert (waiting["streams"][0]["door"], waiting["streams"][0]["state"]) == ("http", "waiting")
        assert waiting["streams"][0]["client"] == "127.0.0.1"
        assert seen["errors"][0]["code"] == "engine-failed"
        assert seen["errors"][0]["fix"]


async def test_the_servers_of_a_remote_engine_are_named_and_counted() -> None:
    class Distant(FakeEngine):
        def servers(self) -> tuple[ServerCount, ...]:
            return (ServerCount("http://10.0.0.2:8091", "draining", "its health is 503", 5, 2, 1, 7.5),)

    async with web(Distant()) as it:
        counted = await numbers(it)
        live = await anext(snapshots(it))

        shown = {"asked": 5, "failed": 2, "hedged": 1, "outstanding_s": 7.5}
        named = {"url": "http://10.0.0.2:8091", "state": "draining", "trouble": "its health is 503"}
        assert live["engine"]["servers"] == [named | shown]
        per_server = {key.split(",")[0]: value for key, value in counted.items() if "10.0.0.2" in key}
        assert per_server == {
            "qwen3tts_server_asked_total": 5,
            "qwen3tts_server_failed_total": 2,
            "qwen3tts_server_hedged_total": 1,
            "qwen3tts_server_outstanding_seconds": 7.5,
            "qwen3tts_server_well": 0,
        }


async def test_the_live_view_ends_with_the_door() -> None:
    async with web() as it:
        live = snapshots(it)
        await anext(live)
        it.door._app.state.closing.set()

        async with asyncio.timeout(10):
            assert [snapshot async for snapshot in live] == []


async def test_about_tells_what_this_server_can_do() -> None:
    keys: Any = ("secret-word",)
    async with web(settings=Settings(http=Http(api_keys=keys))) as it:
        about = (await it.client.get("/v1/about")).json()

        assert about["needs_key"] is True
        assert about["wyoming"] == "tcp://0.0.0.0:10200"
        assert len(about["languages"]) == 10
        assert (about["cloning"]["on"], about["design"]["on"]) == (False, False)
        assert "--voices.cloning on" in about["cloning"]["why_not"]


async def test_spoken_shows_every_change_with_its_rule() -> None:
    async with web() as it:
        answer = (await it.client.get("/v1/audio/spoken", params={"text": "Es sind 21,5 °C.", "language": "de"})).json()
        unknown = await it.client.get("/v1/audio/spoken", params={"text": "Hi", "language": "xx"})
        missing = await it.client.get("/v1/audio/spoken")
        long = await it.client.get("/v1/audio/spoken", params={"text": "a" * 9_000})

        assert answer["spoken"] == "Es sind 21 Komma 5 Grad Celsius."
        assert (answer["language"], answer["voice"]) == ("de", "builtin-de")
        assert answer["changes"][0]["rule"] == "unit"
        assert (unknown.status_code, unknown.json()["error"]["param"]) == (400, "language")
        assert (missing.status_code, missing.json()["error"]["param"]) == (400, "text")
        assert long.status_code == 413


async def test_the_api_describes_itself_without_a_file_from_elsewhere() -> None:
    async with web() as it:
        page = await it.client.get("/docs")
        schema = (await it.client.get("/openapi.json")).json()

        assert page.status_code == 200
        assert "/v1/audio/speech" in page.text
        assert "response_format" in page.text
        assert "//" not in page.text.split("<body>")[-1].replace("tcp://", "").replace("http://192", "")
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert schema["openapi"].startswith("3.1")
        assert "422" not in json.dumps(schema)
        assert set(schema["paths"][SPEECH]["post"]["responses"]) >= {"200", "400", "401", "413", "415", "503"}


async def test_addresses_and_methods_that_do_not_exist_are_told_in_openais_shape() -> None:
    async with web() as it:
        nowhere = await it.client.get("/v1/nowhere")
        method = await it.client.put("/v1/models", json={})
        slash = await it.client.get("/v1/models/")

        assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "not-found")
        assert (method.status_code, method.json()["error"]["code"], method.headers["allow"]) == (
            405, "method-not-allowed", "GET",
        )  # fmt: skip
        assert slash.status_code == 200  # what is meant is clear


async def test_a_bug_is_a_500_in_openais_shape_that_is_not_tried_again(monkeypatch: Any, caplog: Any) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    async with web() as it:
        monkeypatch.setattr(it.service, "whole_text", broken)
        reply = await it.post(input="Hello.")
        monkeypatch.undo()

        assert (reply.status_code, reply.headers["x-should-retry"]) == (500, "false")
        assert reply.json()["error"]["code"] == "internal-error"
        assert "ZeroDivisionError" in caplog.text
