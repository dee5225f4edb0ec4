"""``/v1/audio/voices``: who can be asked for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..service import SpeechService
from ..speech import Voice
from .errors import HttpError
from .names import stands_for


def routes(service: SpeechService) -> APIRouter:
    router = APIRouter(tags=["voices"])

    @router.get("/v1/audio/voices", summary="Everybody who can be asked for")
    async def voices() -> dict[str, Any]:
        found = [as_json(voice) for voice in service.catalog.all()]
        return {"object": "list", "data": found, "voices": found, "has_more": False}

    @router.get("/v1/audio/voices/{voice_id}", summary="One of them")
    async def voice(voice_id: str) -> dict[str, Any]:
        return as_json(find(service, voice_id))

    return router


def find(service: SpeechService, voice_id: str) -> Voice:
    """The voice with exactly this name, in any case.

    Raises:
        HttpError: 404.
    """
    for voice in service.catalog.all():
        if voice.name.casefold() == voice_id.casefold():
            return voice
    raise HttpError(404, f"No voice is called {voice_id[:64]!r}.", field="voice_id", code="unknown-voice")


def as_json(voice: Voice) -> dict[str, Any]:
    """OpenAI's fields, and ours beside them."""
    style = voice.style
    return {
        "id": voice.name,
        "object": "audio.voice",
        "created_at": 0,
        "name": voice.name,
        "type": "prompt" if voice.kind == "design" else "audio_sample",
        "label": voice.label,
        "kind": voice.kind,
        "languages": list(voice.languages),
        "engine": voice.engine,
        "style": {
            "instruct": style.instruct, "speed": style.speed, "volume": style.volume, "chime": style.chime,
        },
        "stands_for": stands_for(voice),
    }  # fmt: skip
