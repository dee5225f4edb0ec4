"""``GET /v1/audio/spoken``: what will be spoken of a text, and the rule behind every change."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ....errors import BadRequest
from ....service.service import SpeechService
from ....settings import Settings
from ....speech.languages import LANGUAGES, normalize_tag
from ....text.lexicon import LexiconFolder
from ....text.spoken import explain


def routes(service: SpeechService, settings: Settings) -> APIRouter:
    router = APIRouter(tags=["speech"])
    lexicon = LexiconFolder(settings.lexicon_dir)

    @router.get("/v1/audio/spoken", summary="What will be spoken of a text")
    async def spoken(
        text: Annotated[str, Query(min_length=1)],
        language: Annotated[str | None, Query(max_length=40)] = None,
        ssml: bool = False,
    ) -> dict[str, Any]:
        service.whole_text(text)  # not longer than what may be spoken
        code = normalize_tag(language)
        if language and language.lower() != "auto" and code is None:
            raise BadRequest(f"The language {language!r} is not one of ours: {', '.join(LANGUAGES)}.", field="language")
        answer = await asyncio.to_thread(
            explain, text, code, fallback=settings.voices.language, lexicon=lexicon.current(), ssml=ssml
        )
        return answer | {"voice": service.catalog.for_language(answer["language"]).name}

    return router
