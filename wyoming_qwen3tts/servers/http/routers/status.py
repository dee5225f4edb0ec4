"""Health, and what this server is."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from .... import PROGRAM, __version__
from ....audio.reference.reader import readable_endings
from ....monitoring.health import health
from ....service.service import SpeechService
from ....settings import Settings
from ..auth import Gate, OpenRouter
from ..hosts import is_loopback
from ..natural import House, making_json, natural_json
from .engine import status_json


def states(service: SpeechService, gate: Gate) -> OpenRouter:
    """What watchdogs ask, without a key: where there are keys it tells nothing but a state."""
    router = OpenRouter(tags=["server"])

    @router.get("/health/live", summary="Whether the process is of use")
    async def live() -> dict[str, str]:
        return {"status": "live", "program": PROGRAM}

    @router.get("/health", summary="As /health/ready, where other servers have it")
    @router.get("/health/ready", summary="Whether a request made now is spoken", responses={503: {}})
    async def ready() -> JSONResponse:
        engine = service.engine
        now = health(engine.name, engine.status, engine.liveness(), time.monotonic())
        mute = service.mute_languages()
        ready = now.ready and service.catalog.fallback_language not in service.surely_mute_languages()
        content = {"status": "ready" if ready else "not ready", "engine": now.engine, **status_json(now.status)}
        content["cannot_speak"] = mute
        content["read_with_accent"] = read_with_accent(service)
        if gate.needs_key:  # a reason may name addresses of the house; /v1/engine tells it
            del content["state"], content["reason"], content["runs_on"]
        return JSONResponse(content, 200 if ready else 503, None if ready else {"Retry-After": "5"})

    return router


def routes(house: House, gate: Gate) -> APIRouter:
    service, settings = house.service, house.settings
    router = APIRouter(tags=["server"])

    @router.get("/v1/about", summary="What this server is, what it can do, and what it would take for more")
    async def about(request: Request) -> dict[str, Any]:
        is_known = request.state.client.is_known
        return {
            "version": __version__,
            "wyoming": settings.wyoming.uri,
            "cloning": making_json(house, "clone", is_known=is_known),
            "design": making_json(house, "design", is_known=is_known),
            "mixing": making_json(house, "mix", is_known=is_known),
            "natural": natural_json(house),
            "place": house.installation.place,
            "can_examine": house.examination is not None,
            "clips": {"endings": list(readable_endings()), "bytes": settings.limits.clip_bytes},
            "text_chars": settings.limits.text_chars,
            "home_assistant": {
                "tts_entity": await _entity(house),
                "player": next((name for name in settings.announce.targets if name.startswith("media_player.")), None),
                "topic": settings.mqtt.base_topic,
            },
            "needs_key": gate.needs_key,
            "only_here": _is_only_here(settings),
            "base_url": settings.http.base_url or None,
            "languages": list(service.catalog.languages),
            "engine": service.engine.name,
        }

    return router


async def _entity(house: House) -> str | None:
    """What this server is called in Home Assistant: as it is set, else as Home Assistant says."""
    found = house.settings.homeassistant.tts_entity
    return found or (await house.own_entity() if house.own_entity else None)


def read_with_accent(service: SpeechService) -> dict[str, str]:
    """Languages that a voice of another language reads now, and which: `builtin-en` reads German without espeak-ng."""
    found: dict[str, str] = {}
    for voice in service.catalog.all():
        other = service.engine.substitute(voice) if voice.language not in found else None
        if other is not None and other.voice.language != voice.language:
            found[voice.language] = other.voice.name
    return found


def _is_only_here(settings: Settings) -> bool:
    """Whether no other device can open the web door."""
    address = settings.http.address
    return address is not None and (address.host == "localhost" or is_loopback(address.host))
