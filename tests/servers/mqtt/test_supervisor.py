"""Inside the add-on: the broker and Home Assistant are known by themselves."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from tests.harness import until
from tests.homeassistant.fake import TOKEN, FakeHome
from tests.mosquitto import Mosquitto, listening, needs_mosquitto
from tests.servers.mqtt.house import serving, web
from wyoming_qwen3tts.homeassistant.supervisor import Supervisor

pytestmark = needs_mosquitto


class FakeSupervisor:
    """What the Supervisor knows of a broker, and Home Assistant behind it."""

    def __init__(self) -> None:
        self.home = FakeHome()
        self.broker: dict[str, Any] | None = None
        self.asked = 0

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.get("/services/mqtt")
        async def mqtt() -> JSONResponse:
            self.asked += 1
            if self.broker is None:
                return JSONResponse({"result": "error", "message": "Service not enabled"}, 400)
            return JSONResponse({"result": "ok", "data": self.broker})

        router.include_router(self.home.router(), prefix="/core")
        return router


@asynccontextmanager
async def supervised(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeSupervisor]:
    supervisor = FakeSupervisor()
    async with web(supervisor.router()) as port:
        ours = Supervisor(TOKEN, f"http://127.0.0.1:{port}")
        monkeypatch.setattr(Supervisor, "from_environ", lambda environ: ours)
        yield supervisor


async def test_the_supervisors_broker_and_its_home_assistant_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with supervised(monkeypatch) as supervisor, Mosquitto(tmp_path) as broker, listening(broker.port) as listener:
        environ = {"SUPERVISOR_TOKEN": TOKEN}
        async with serving(0, tmp_path, environ=environ, mqtt={"host": ""}) as server:
            await until(lambda: supervisor.asked >= 3)
            said = [record for record in caplog.records if "no connection" in record.getMessage()]
            assert [record.levelno for record in said] == [logging.INFO], "no broker is no fault"

            supervisor.broker = {
                "host": "127.0.0.1", "port": str(broker.port), "username": "addons", "password": "secret-canary",
                "ssl": False, "protocol": "3.1.1",
            }  # fmt: skip
            await server.connected()
            await listener.publish("qwen3tts/say", {"text": "Dinner.", "target": "media_player.kitchen"})
            assert (await listener.answer())["ok"] is True
            await until(lambda: supervisor.home.called("tts.speak"))
            await listener.publish("qwen3tts/stop")
            await listener.event("failed")
    assert "canary" not in caplog.text
