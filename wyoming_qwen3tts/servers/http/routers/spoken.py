"""``GET /v1/audio/spoken``: what will be spoken of a text, and the rule behind every change."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ....errors import BadRequest, Busy, TextTooLong
from ....service.service import SpeechService
from ....settings import Settings
from ....text.lexicon import LexiconFolder
from ....text.spoken import explain
from ....util.bounded_pool import BoundedPool, PoolFull

TEXT_CHARS = 2_000  # it is for looking at


def routes(service: SpeechService, settings: Settings, pool: BoundedPool) -> APIRouter:
    """The route; its work is done in ``pool``, as anybody may ask for it."""
    router = APIRouter(tags=["speech"])
    lexicon = LexiconFolder(settings.lexicon_dir, added=settings.voices.added)

    @router.get("/v1/audio/spoken", summary="What will be spoken of a text")
    async def spoken(
        text: Annotated[str, Query(min_length=1)],
        language: Annotated[str | None, Query(max_length=40)] = None,
        ssml: bool = False,
    ) -> dict[str, Any]:
        if len(text) > TEXT_CHARS:
            raise TextTooLong(f"The text has more than {TEXT_CHARS:,} characters; send a part of it.", field="text")
        catalog = service.catalog
        code = catalog.code_of(language)
        if language and language.lower() != "auto" and code is None:
            raise BadRequest(
                f"The language {language!r} is not one of ours: {', '.join(catalog.languages)}.", field="language"
            )
        catalog.all()  # looked at here: the pool only reads
        work = partial(
            explain,
            text,
            code,
            fallback=settings.voices.language,
            lexicon=lexicon.current(),
            ssml=ssml,
            added=catalog.added,
            is_voice=catalog.named_in_marks,
        )
        try:
            answer = await pool.run(work)
        except PoolFull:
            raise Busy("Too many ask what will be spoken. Try again in a moment.") from None
        return answer | {"voice": catalog.for_language(answer["language"]).name}

    return router
