"""What every web request passes before a route sees it: headers, origin, and the size and pace of its body."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate
from types import MappingProxyType
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...announcements.clips import PREFIX
from ...errors import SpeechError
from ...settings import Limits
from ..connections import LINGER_BYTES, LINGER_S
from . import foreign_name
from .auth import ForeignName, Gate
from .errors import BodyCut, HttpError, answer

_UPLOADS = ("/v1/audio/voices", "/v1/audio/voice_consents")  # where a clip may come; everything else is JSON
_SPEECH = "/v1/audio/speech"
_LOOKED_AT = ("/health", "/metrics", "/v1/models", "/v1/audio/models")
_ALLOW, _EXPOSE = "Access-Control-Allow-Origin", "Access-Control-Expose-Headers"
_OUR_HEADERS = "Content-Length, Retry-After, X-Request-Id, X-TTS-Engine, X-TTS-Ignored, "
_OUR_HEADERS += "X-TTS-Instead-Of, X-TTS-Instead-Why, X-TTS-Language, X-TTS-Voice"
_KINDS = ("application/json", "multipart/form-data")


class RequestGuard:
    """ASGI middleware, the outermost. Pages of other sites get to ``linked_routes`` only. Requests that are not for
    one of ``open_routes`` need a key, before a byte of their body is read; they find the `Requester` in
    ``state.client``. ``may_upload`` refuses who may send no clip; ``base_url`` is how the house reaches this server."""

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        limits: Limits,
        open_routes: Sequence[BaseRoute],
        linked_routes: Sequence[BaseRoute],
        may_upload: Callable[[HTTPConnection], object],
        base_url: str = "",
    ) -> None:
        self._app, self._gate, self._limits = app, gate, limits
        self._open_routes, self._linked_routes, self._may_upload = open_routes, linked_routes, may_upload
        self._base_url = base_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope, headers = _as_meant(scope), Headers(scope=scope)
        cross = self._cross_origin(scope, headers)
        try:
            self._check(scope, headers)
        except SpeechError as error:
            if scope["type"] == "websocket":
                await receive()  # websocket.connect; the answer stands in for the handshake
            exchange = _Exchange(receive, send, 0, LINGER_S, error, cross=cross)
            await self._refusal(error, scope, headers)(scope, exchange.receive, exchange.send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        limit = self._body_limit(scope["path"], headers)
        exchange = _Exchange(receive, send, limit, self._limits.http_body_s, path=scope["path"], cross=cross)
        if _is_preflight(scope, headers) and _ALLOW in cross:
            await Response(status_code=204, headers=_preflight(scope, headers))(scope, receive, exchange.send)
            return
        await self._app(scope, exchange.receive, exchange.send)

    def _refusal(self, error: SpeechError, scope: Scope, headers: Headers) -> Response:
        if isinstance(error, ForeignName) and scope["type"] == "http" and foreign_name.is_for_eyes(headers):
            works = foreign_name.address(self._base_url, scope.get("server"))
            return foreign_name.page(error.name, works, headers.get("accept-language", ""))
        return answer(error)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Refuse by the headers alone, where they say enough."""
        size = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope["raw_path"])
        if size + len(scope["query_string"]) > self._limits.http_header_bytes:
            raise HttpError(431, f"The headers have more than {self._limits.http_header_bytes:,} bytes.")
        client = scope["client"][0] if scope.get("client") else None
        is_clip, is_linked = _is_clip(scope), _is_one_of(self._linked_routes, scope)
        self._gate.check_origin(client, headers, is_linked=is_linked, for_all=is_clip)
        if _is_preflight(scope, headers) and (is_clip or self._gate.lets_in(headers["origin"])):
            return  # a browser asks without the key whether it may send one
        if not _is_one_of(self._open_routes, scope):
            connection = HTTPConnection(scope)
            connection.state.client = self._gate.admit(connection)
        if scope["type"] == "websocket":
            return
        if self._is_upload(scope["path"], headers):
            self._may_upload(HTTPConnection(scope))  # before a byte of the body: it would be kept on the disk meanwhile
        length, limit = headers.get("content-length", "0"), self._body_limit(scope["path"], headers)
        if length.isdecimal() and int(length) > limit:
            raise too_large(limit, scope["path"])
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if (length != "0" or "transfer-encoding" in headers) and kind not in _KINDS:
            raise HttpError(415, f"Send application/json, not {kind[:60] or 'a body without a Content-Type'}.")

    def _cross_origin(self, scope: Scope, headers: Headers) -> dict[str, str]:
        """What tells a browser that a page of another site may have the answer."""
        if _is_clip(scope):
            return {_ALLOW: "*", _EXPOSE: "Accept-Ranges, Content-Length, Content-Range"}
        if not self._gate.has_origins:
            return {}
        origin = headers.get("origin")
        if origin is None or not self._gate.lets_in(origin):
            return {"Vary": "Origin"}
        return {_ALLOW: origin, _EXPOSE: _OUR_HEADERS, "Vary": "Origin"}

    def _body_limit(self, path: str, headers: Headers) -> int:
        more = self._limits.clip_bytes if self._is_upload(path, headers) else 0
        return self._limits.http_body_bytes + more

    def _is_upload(self, path: str, headers: Headers) -> bool:
        kind = headers.get("content-type", "").strip().lower()
        return path.startswith(_UPLOADS) and kind.startswith("multipart/")


def _is_one_of(routes: Sequence[BaseRoute], scope: Scope) -> bool:
    return any(route.matches(scope)[0] is not Match.NONE for route in routes)


class _Exchange:
    """One request and its response: the body up to its limits, the answer with our headers.

    After ``error`` the client is still listened to for a moment: one that is still sending would otherwise only see a
    reset, and not why.
    """

    def __init__(
        self,
        receive: Receive,
        send: Send,
        limit: int,
        within_s: float,
        error: SpeechError | None = None,
        *,
        path: str = "",
        cross: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._receive, self._send, self._limit, self._within_s = receive, send, limit, within_s
        self._path, self._cross = path, cross
        self._error = error
        self._size, self._is_complete = 0, False
        self._until: float | None = None

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._within_s
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            raise self._cut(HttpError(408, f"The body did not arrive within {self._within_s:g} s.")) from None
        self._size += len(message.get("body", b""))
        if self._size > self._limit:
            raise self._cut(too_large(self._limit, self._path))
        self._is_complete = not message.get("more_body", False)
        return message

    def _cut(self, error: HttpError) -> BodyCut:
        self._error = error
        return BodyCut(error)

    async def send(self, message: Message) -> None:
        if message["type"].endswith("http.response.start"):
            headers = MutableHeaders(scope=message)
            headers["Date"] = formatdate(usegmt=True)
            headers["X-Request-Id"] = uuid4().hex
            headers["X-Content-Type-Options"] = "nosniff"
            for name, value in self._cross.items():
                headers[name] = value
            if self._error is not None:
                headers["Connection"] = "close"
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_last and self._error is not None and not self._is_complete:
            await self._send({**message, "more_body": True})
            await self._read_on()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _read_on(self) -> None:
        """As `connections.refuse_and_close`, but by uvicorn, whose answer this is. What is not received it reads no
        further."""
        unread, is_sending = LINGER_BYTES, True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while is_sending and unread > 0:
                    message = await self._receive()
                    unread -= len(message.get("body", b""))
                    is_sending = message.get("more_body", False)
                if is_sending:
                    await asyncio.sleep(LINGER_S)


def too_large(limit: int, path: str) -> HttpError:
    """Of a request for speech only the text can be so long."""
    return HttpError(413, f"The body has more than {limit:,} bytes.", field="input" if path == _SPEECH else None)


def _as_meant(scope: Scope) -> Scope:
    """A slash too many at the end is none; who asks by HEAD for a state, as `wget --spider` and watchdogs do, gets the
    headers of GET: uvicorn sends no body then."""
    path = scope["path"]
    if path.endswith("/") and path.startswith(("/v1/", "/health", "/metrics")):
        scope = {**scope, "path": path.rstrip("/"), "raw_path": scope["raw_path"].rstrip(b"/")}
    if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"].startswith(_LOOKED_AT):
        scope = {**scope, "method": "GET"}
    return scope


def _is_clip(scope: Scope) -> bool:
    """The address is the secret: a Cast receiver is a web page, and may have it."""
    return bool(scope["path"].startswith(f"{PREFIX}/"))


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    asks = "origin" in headers and "access-control-request-method" in headers
    return bool(scope["type"] == "http" and scope["method"] == "OPTIONS" and asks)


def _preflight(scope: Scope, headers: Headers) -> dict[str, str]:
    """What a page of another site may send."""
    is_clip = _is_clip(scope)
    allowed = {
        "Access-Control-Allow-Methods": "GET, HEAD" if is_clip else "GET, HEAD, POST, PUT, DELETE",
        "Access-Control-Allow-Headers": "Range" if is_clip else "Authorization, Content-Type",
        "Access-Control-Max-Age": "600",
    }
    if headers.get("access-control-request-private-network") == "true":
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return allowed
