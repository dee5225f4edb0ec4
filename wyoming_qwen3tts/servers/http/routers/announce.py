"""``POST /v1/announce``: the JSON of ``<base>/say`` in, that of ``<base>/result`` out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from ....announcements.announcement import Result
from ....announcements.announcer import Announcer
from ....announcements.payload import SayPayload, Unreadable, parse_announce
from ..errors import error_headers

_RESULT = {
    "type": "object",
    "required": ["id", "ok", "url", "duration", "voice", "error"],
    "properties": {
        "id": {"type": "string"},
        "ok": {"type": "boolean"},
        "url": {"type": ["string", "null"]},
        "duration": {"type": ["number", "null"]},
        "voice": {"type": ["string", "null"]},
        "error": {
            "type": ["object", "null"],
            "required": ["code", "message"],
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        },
    },
}


def routes(announcer: Announcer) -> APIRouter:
    router = APIRouter(tags=["announcements"])
    content = {"application/json": {"schema": _RESULT}}
    told: dict[int | str, dict[str, Any]] = {
        status: {"content": content, "description": "Nothing is heard; `error` says why."} for status in _STATUSES
    }
    told[200] = {"content": content, "description": "It has started; `error` names what did not work somewhere."}

    @router.post(
        "/v1/announce",
        summary="Have a sentence played in the house",
        response_class=JSONResponse,
        responses=told,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": SayPayload.model_json_schema()}},
            }
        },
    )
    async def announce(request: Request) -> JSONResponse:
        wanted = parse_announce(await request.body())
        if isinstance(wanted, Unreadable):
            return _answer(Result(wanted.id, None, wanted.error))
        return _answer(await announcer.announce(wanted))

    return router


_STATUSES = (400, 404, 408, 409, 413, 500, 502, 503)


def _answer(result: Result) -> JSONResponse:
    if result.started is not None or result.error is None:
        return JSONResponse(result.as_json())
    return JSONResponse(result.as_json(), result.error.http_status, error_headers(result.error))
