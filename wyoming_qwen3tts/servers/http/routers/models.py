"""``/v1/models``: the names that OpenAI's clients choose from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ....voices.catalog import VoiceCatalog
from ..names import MODELS, all_models, language_of


def routes(catalog: VoiceCatalog) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", summary="Every model name, with and without a language")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(name) for name in all_models(catalog.languages)]}

    @router.get("/v1/audio/models", summary="Those that are not of one language, as Open WebUI asks")
    async def audio_models() -> dict[str, Any]:
        found = [_model(name) | {"name": name} for name in MODELS]
        return {"object": "list", "data": found, "models": found}

    @router.get("/v1/models/{model:path}", summary="One of them")
    async def model(model: str) -> dict[str, Any]:
        language_of(model, catalog.languages)
        return _model(model)

    return router


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1767225600, "owned_by": "wyoming-qwen3tts"}
