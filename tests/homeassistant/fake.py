"""Home Assistant's REST API as far as announcements use it, with what its services accept and refuse.

The fields are those of Home Assistant 2026.11's own schemas: `media_player/const.py`, `assist_satellite`, `tts`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from tests.servers.mqtt.house import web

TOKEN = "a-long-lived-token"
_Check = Callable[[Any], bool]


def _is_entity(*domains: str) -> _Check:
    def check(value: Any) -> bool:
        ids = value if isinstance(value, list) else [value]
        found = [re.fullmatch(r"([a-z_]+)\.[a-z0-9_]+", one) if isinstance(one, str) else None for one in ids]
        return all(match is not None and match[1] in domains for match in found)

    return check


def _is(kind: type) -> _Check:
    return lambda value: type(value) is kind


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "media-source://"))


# service: (required fields, optional fields)
SERVICES: dict[str, tuple[dict[str, _Check], dict[str, _Check]]] = {
    "media_player.play_media": (
        {"entity_id": _is_entity("media_player"), "media_content_id": _is_url, "media_content_type": _is(str)},
        {"announce": _is(bool), "extra": _is(dict)},
    ),
    "media_player.media_stop": ({"entity_id": _is_entity("media_player")}, {}),
    "media_player.volume_set": (
        {"entity_id": _is_entity("media_player"), "volume_level": lambda v: isinstance(v, float) and 0 <= v <= 1},
        {},
    ),
    "tts.speak": (
        {"entity_id": _is_entity("tts"), "media_player_entity_id": _is_entity("media_player"), "message": _is(str)},
        {"cache": _is(bool), "language": _is(str), "options": _is(dict)},
    ),
    "assist_satellite.announce": (
        {"entity_id": _is_entity("assist_satellite")},
        {"message": _is(str), "media_id": _is_url, "preannounce": _is(bool), "preannounce_media_id": _is_url},
    ),
}


@dataclass
class Call:
    """One service call that was accepted."""

    service: str
    data: dict[str, Any]
    at: float


@dataclass
class FakeHome:
    """What there is, and what was asked for."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    announcing_s: float = 0.05  # how long a satellite speaks, and its call lasts
    fails: set[str] = field(default_factory=set)  # services that answer 500
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add("media_player.kitchen", "playing", volume_level=0.4)
        self.add("media_player.bath", "off")
        self.add("assist_satellite.bedroom", "idle")
        self.add("tts.piper", "unknown", friendly_name="piper")
        self.add("tts.qwen3_tts", "unknown", friendly_name="qwen3-tts")

    def add(self, entity: str, state: str, **attributes: Any) -> None:
        self.states[entity] = {"entity_id": entity, "state": state, "attributes": attributes}

    def called(self, service: str) -> list[dict[str, Any]]:
        return [call.data for call in self.calls if call.service == service]

    def router(self) -> APIRouter:
        router = APIRouter()

        def refusal(request: Request) -> JSONResponse | None:
            right = request.headers.get("authorization") == f"Bearer {TOKEN}"
            return None if right else JSONResponse({"message": "401: Unauthorized"}, 401)

        @router.get("/api/states")
        async def states(request: Request) -> JSONResponse:
            return refusal(request) or JSONResponse(list(self.states.values()))

        @router.get("/api/states/{entity}")
        async def state(entity: str, request: Request) -> JSONResponse:
            if entity not in self.states:
                return refusal(request) or JSONResponse({"message": "Entity not found."}, 404)
            return refusal(request) or JSONResponse(self.states[entity])

        @router.post("/api/services/{domain}/{service}")
        async def call(domain: str, service: str, request: Request) -> JSONResponse:
            return refusal(request) or await self._call(f"{domain}.{service}", await request.json())

        return router

    async def _call(self, service: str, data: dict[str, Any]) -> JSONResponse:
        if service not in SERVICES:
            return JSONResponse({"message": f"Service {service} not found."}, 400)
        required, optional = SERVICES[service]
        for name, check in {**required, **optional}.items():
            if name in required and name not in data:
                return JSONResponse({"message": f"required key not provided @ data['{name}']"}, 400)
            if name in data and not check(data[name]):
                return JSONResponse({"message": f"not a valid value @ data['{name}']: {data[name]!r}"}, 400)
        if extra := data.keys() - required.keys() - optional.keys():
            return JSONResponse({"message": f"extra keys not allowed @ data['{extra.pop()}']"}, 400)
        if service == "assist_satellite.announce" and not data.keys() & {"message", "media_id"}:
            return JSONResponse({"message": "must contain at least one of message, media_id."}, 400)
        self.calls.append(Call(service, data, time.monotonic()))
        if service in self.fails:
            return JSONResponse({"message": "Server got itself in trouble"}, 500)
        if service == "assist_satellite.announce":
            await asyncio.sleep(self.announcing_s)
        if service == "media_player.volume_set":
            self.states[data["entity_id"]]["attributes"]["volume_level"] = data["volume_level"]
        return JSONResponse([])


@asynccontextmanager
async def fake_home() -> AsyncIterator[FakeHome]:
    """A Home Assistant on a free port."""
    home = FakeHome()
    async with web(home.router()) as port:
        home.url = f"http://127.0.0.1:{port}"
        yield home
