"""``GET /v1/audio/spoken``: what will be spoken of a text, and the rule behind every change."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request

from ....errors import BadRequest, Busy, TextTooLong
from ....service.service import SpeechService
from ....settings import Settings
from ....text.lexicon import LexiconFolder
from ....text.spoken import explain
from ....util.bounded_pool import BoundedPool, PoolFull
from ...connections import POINT_S, host_of, spend_loop_time

R = TypeVar("R")

TEXT_CHARS = 2_000  # it is for looking at


def routes(service: SpeechService, settings: Settings, pool: BoundedPool) -> APIRouter:
    """The route; its work is done in ``pool``, as anybody may ask for it."""
    router = APIRouter(tags=["speech"])
    lexicon = LexiconFolder(settings.lexicon_dir, added=settings.voices.added)

    @router.get("/v1/audio/spoken", summary="What will be spoken of a text")
    async def spoken(
        request: Request,
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
            answer, took_s = await pool.run(lambda: _timed(work))
        except PoolFull:
            raise Busy("Too many ask what will be spoken. Try again in a moment.") from None
        # All of it is Python's, which the event loop has to do without meanwhile.
        spend_loop_time(host_of(request.client.host if request.client else None), took_s / POINT_S)
        return answer | {"voice": catalog.for_language(answer["language"]).name}

    return router


def _timed(work: Callable[[], R]) -> tuple[R, float]:
    """What ``work`` returns, and how many seconds of a processor it took."""
    began = time.thread_time()
    return work(), time.thread_time() - began
