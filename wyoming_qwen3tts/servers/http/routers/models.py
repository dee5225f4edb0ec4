"""``/v1/models``: the names that OpenAI's clients choose from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ..names import all_models, language_of


def routes() -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", summary="Every model name, with and without a language")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(name) for name in all_models()]}

    @router.get("/v1/models/{model}", summary="One of them")
    async def model(model: str) -> dict[str, Any]:
        language_of(model)
        return _model(model)

    return router


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 1767225600, "owned_by": "wyoming-qwen3tts"}
