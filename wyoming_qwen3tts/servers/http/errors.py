"""The one place where an error becomes an answer: OpenAI's shape, whatever went wrong.

FastAPI's own ``{"detail": ...}`` leaves ``code``, ``param`` and ``type`` empty in the official client.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from ...errors import Busy, EngineDown, SpeechError, TextTooLong, UnknownVoice
from .foreign_fields import REFUSED, WHY_REFUSED

log = logging.getLogger(__name__)

_PHRASES = {404: "There is nothing at this address.", 405: "This address does not take this method."}
_FIELDS = {TextTooLong: "input", UnknownVoice: "voice"}
_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_CODES = {
    400: "bad-request", 401: "invalid-api-key", 403: "forbidden", 404: "not-found", 405: "method-not-allowed",
    408: "too-slow", 409: "conflict", 413: "too-large", 415: "wrong-content-type", 431: "headers-too-large",
    501: "not-implemented", 503: Busy.code,
}  # fmt: skip


class HttpError(SpeechError):
    """What only this door can say: a missing key, a body that is no JSON."""

    def __init__(self, status: int, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message, field=field)
        self.http_status = status
        self.code = code or _CODES.get(status, SpeechError.code)
        self.retry_after_s = 2 if status == 503 else None


class BodyCut(HTTPException):
    """``reason`` ended the reading of a body. FastAPI lets no other exception through there."""

    def __init__(self, reason: HttpError) -> None:
        super().__init__(reason.http_status)
        self.reason = reason


def invalid_voice(error: UnknownVoice) -> HttpError:
    """As OpenAI answers, where a request for speech names nobody."""
    return HttpError(400, str(error), field=error.field or "voice", code="invalid_value")


def error_body(error: SpeechError) -> dict[str, dict[str, str | None]]:
    """``{"error": {message, type, param, code}}``, and ``why`` where ``code`` alone says little."""
    status = error.http_status
    field = error.field or next((name for kind, name in _FIELDS.items() if isinstance(error, kind)), None)
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    told = {"message": str(error), "type": kind, "param": field, "code": error.code}
    return {"error": told if error.why is None else {**told, "why": error.why}}


def error_headers(error: SpeechError) -> dict[str, str]:
    """Whether and when to try again: the official client repeats whatever is 408, 409, 429 or 5xx, up to two times."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if error.http_status >= 500 or error.http_status in (408, 409):
        headers["x-should-retry"] = "true" if isinstance(error, Busy | EngineDown) else "false"
        if isinstance(error, HttpError) and error.http_status == 503:
            headers["x-should-retry"] = "true"
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def answer(error: SpeechError, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The response that tells ``error``."""
    return JSONResponse(error_body(error), error.http_status, {**error_headers(error), **(headers or {})})


def install(app: FastAPI, fields: Iterable[str]) -> None:
    """Have every error of ``app`` told in this shape. ``fields`` are suggested for a misspelt one."""
    app.add_exception_handler(SpeechError, _speech_error)
    app.add_exception_handler(RequestValidationError, partial(_invalid, tuple(fields)))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)


async def _speech_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SpeechError)  # noqa: S101  for the type checker
    return answer(error)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    if isinstance(error, BodyCut):
        return answer(error.reason)
    message = _PHRASES.get(error.status_code, error.detail)
    if error.status_code == 404:
        message += _right_address(request) or " The API is described at /docs."
    if error.status_code == 400 and "parsing the body" in error.detail:
        message = "The body is not what its Content-Type says."
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_methods(request))
    return answer(HttpError(error.status_code, message), headers)


def _right_address(request: Request) -> str:
    """For a base URL with one `/v1` too few or too many."""
    path = request.scope["path"]
    bare = re.sub(r"^(?:/v1|/api)+(?=/)", "", path)
    paths = {getattr(route, "path", "") for route in request.app.state.routes}
    right = next((known for known in (f"/v1{bare}", bare) if known in paths), None)
    return f" Is the base URL right? This one is {right}." if right else ""


def _methods(request: Request) -> list[str]:
    """All that this address takes; Starlette tells those of the first route only."""
    routes: list[BaseRoute] = request.app.state.routes
    path = request.scope["path"]
    exact = [route for route in routes if getattr(route, "path", "") == path]
    matching = exact or [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in matching for method in getattr(route, "methods", None) or ()})


async def _bug(_: Request, error: Exception) -> JSONResponse:
    """Logged by the server, with its trace; the client learns no more than that it is not to blame."""
    return answer(HttpError(500, "An internal error; the log of the server has it.", code="internal-error"))


async def _invalid(fields: Sequence[str], request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0]
    place = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "header")]
    field = place[0] if place and first["type"] != "json_invalid" else None
    if not place and first["loc"] == ("body",):
        return answer(_no_body(request, first))
    return answer(HttpError(400, in_words(first, field, fields), field=field, code="invalid-value"))


def _no_body(request: Request, first: Mapping[str, Any]) -> HttpError:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and first["type"] != "missing":
        return HttpError(415, f"Send application/json, not {kind[:60] or 'a body without a Content-Type'}.")
    return HttpError(400, "The body must be a JSON object.")


def in_words(first: Mapping[str, Any], field: str | None, fields: Sequence[str]) -> str:
    """What pydantic's first error says, for people; ``fields`` are suggested for a misspelt one."""
    if first["type"] == "json_invalid":
        return f"The body is not JSON: {first.get('ctx', {}).get('error', 'it cannot be read')}."
    if first["type"] == "missing":
        return f"{field!r} is missing."
    if first["type"] == "extra_forbidden" and field in REFUSED:
        return f"{field}: {WHY_REFUSED}"
    if first["type"] == "extra_forbidden":
        return f"There is no field called {str(field)[:64]!r}.{_nearest(str(field), fields)}"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{field}: {message[0].lower()}{message[1:]}" if field else message


def _nearest(field: str, fields: Sequence[str]) -> str:
    near = difflib.get_close_matches(field, fields, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
