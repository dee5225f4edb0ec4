"""Health, and what this server is."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from .... import __version__
from ....monitoring.health import health
from ....service.service import SpeechService
from ....settings import Settings
from ....studio.studio import VoiceStudio
from ..auth import Gate, OpenRouter
from ..hosts import is_loopback
from .engine import status_json


def states(service: SpeechService, gate: Gate) -> OpenRouter:
    """What watchdogs ask, without a key: where there are keys it tells nothing but a state."""
    router = OpenRouter(tags=["server"])

    @router.get("/health/live", summary="Whether the process is of use")
    async def live() -> dict[str, str]:
        return {"status": "live"}

    @router.get("/health", summary="As /health/ready, where other servers have it")
    @router.get("/health/ready", summary="Whether a request made now is spoken", responses={503: {}})
    async def ready() -> JSONResponse:
        engine = service.engine
        now = health(engine.name, engine.status, engine.liveness(), time.monotonic())
        mute = service.mute_languages()
        ready = now.ready and service.catalog.fallback_language not in service.surely_mute_languages()
        content = {"status": "ready" if ready else "not ready", "engine": now.engine, **status_json(now.status)}
        content["cannot_speak"] = mute
        if gate.needs_key:  # a reason may name addresses of the house; /v1/engine tells it
            del content["state"], content["reason"], content["runs_on"]
        return JSONResponse(content, 200 if ready else 503, None if ready else {"Retry-After": "5"})

    return router


def routes(service: SpeechService, settings: Settings, studio: VoiceStudio | None, gate: Gate) -> APIRouter:
    router = APIRouter(tags=["server"])

    @router.get("/v1/about", summary="What this server is, and what it can do")
    async def about() -> dict[str, Any]:
        design = why_not(settings, studio, "can_design")
        clone = why_not(settings, studio, "can_clone")
        mix = why_not(settings, studio, None)
        return {
            "version": __version__,
            "wyoming": settings.wyoming.uri,
            "cloning": {"on": clone is None, "why_not": clone},
            "design": {"on": design is None, "why_not": design},
            "mixing": {"on": mix is None, "why_not": mix},
            "needs_key": gate.needs_key,
            "only_here": _is_only_here(settings),
            "base_url": settings.http.base_url or None,
            "languages": list(service.catalog.languages),
            "engine": service.engine.name,
        }

    return router


def _is_only_here(settings: Settings) -> bool:
    """Whether no other device can open the web door."""
    address = settings.http.address
    return address is not None and (address.host == "localhost" or is_loopback(address.host))


def why_not(
    settings: Settings, studio: VoiceStudio | None, ability: Literal["can_clone", "can_design"] | None
) -> str | None:
    """What stands in the way of making voices through this door; None if nothing does."""
    if not settings.voices.cloning:
        return "Making voices through the web door is off. Turn it on: --voices.cloning on"
    if studio is None:
        return "The engine of this server speaks with fixed voices only; making voices needs Qwen3-TTS."
    return None if ability is None or getattr(studio, ability) else studio.why_not
