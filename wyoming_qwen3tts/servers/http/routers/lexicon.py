"""``/v1/lexicon``: the home's own pronunciations, read and edited as the files that they are."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from ....settings import Settings
from ....text.lexicon import FILE_BYTES, FILES, LexiconError, LexiconFolder, parse
from ..errors import HttpError, error_body

FileName = Literal["all", "de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh"]


class LexiconBody(BaseModel):
    """A whole lexicon file."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    text: Annotated[str, Field(max_length=FILE_BYTES)]
    """Lines `word = respelling`; `#` starts a comment."""
    version: Annotated[str | None, Field(max_length=64)] = None
    """What `GET` gave. If the file has changed since, nothing is written. None: write anyway."""


def routes(settings: Settings) -> APIRouter:
    """Reading and writing the files in ``settings.lexicon_dir``; a change counts from the next request on."""
    router = APIRouter(tags=["lexicon"])
    folder = LexiconFolder(settings.lexicon_dir)
    writing = asyncio.Lock()  # between the look at the version and the new file, nobody else writes

    @router.get("/v1/lexicon", summary="Which lexicon files there are")
    async def overview() -> dict[str, Any]:
        texts = await asyncio.to_thread(lambda: {name: folder.text(name) for name in FILES})
        data = [{"name": name, "entries": len(parse(text, name)[0])} for name, text in texts.items()]
        return {"object": "list", "data": data}

    @router.get("/v1/lexicon/{name}", summary="One lexicon file")
    async def read(name: FileName) -> dict[str, Any]:
        return _as_json(name, await asyncio.to_thread(folder.text, name))

    @router.put("/v1/lexicon/{name}", summary="Replace a lexicon file")
    async def write(name: FileName, body: LexiconBody) -> Any:
        text = "".join(f"{line}\n" for line in body.text.splitlines())
        if len(text.encode()) > FILE_BYTES:
            raise HttpError(413, f"A lexicon file has at most {FILE_BYTES:,} bytes.", field="text")
        _, wrong = parse(text, f"{name}.txt")
        if wrong:
            return _refused(wrong)
        async with writing:
            if body.version is not None and body.version != _version(await asyncio.to_thread(folder.text, name)):
                raise HttpError(
                    409, "The file was changed meanwhile; here is the new one.", field="version", code="lexicon-changed"
                )
            await asyncio.to_thread(folder.replace, name, text)
        return _as_json(name, text)

    return router


def _as_json(name: str, text: str) -> dict[str, Any]:
    entries, wrong = parse(text, f"{name}.txt")
    return {
        "object": "lexicon",
        "name": name,
        "text": text,
        "version": _version(text),
        "entries": len(entries),
        "errors": _lines(wrong),
    }


def _version(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refused(wrong: list[LexiconError]) -> JSONResponse:
    """Nothing was written; every line that is wrong is named, so that a page can show them beside it."""
    first = wrong[0]
    error = HttpError(400, f"Line {first.line}: {first.reason}.", field="text", code="bad-lexicon")
    told: dict[str, Any] = {**error_body(error)["error"], "lines": _lines(wrong)}
    return JSONResponse({"error": told}, error.http_status)


def _lines(wrong: list[LexiconError]) -> list[dict[str, Any]]:
    return [{"line": error.line, "message": error.reason, "code": error.code} for error in wrong]
