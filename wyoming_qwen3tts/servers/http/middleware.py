"""What every web request passes before a route sees it: headers, origin, and the size and pace of its body."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from email.utils import formatdate
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...errors import SpeechError
from ...settings import Limits
from ..connections import LINGER_BYTES, LINGER_S
from .auth import Gate
from .errors import BodyCut, HttpError, answer

_UPLOADS = ("/v1/audio/voices", "/v1/audio/voice_consents")  # where a clip may come; everything else is JSON
_KINDS = ("application/json", "multipart/form-data")


class RequestGuard:
    """ASGI middleware, the outermost. Pages of other sites get to ``linked_routes`` only. Requests that are not for
    one of ``open_routes`` need a key, before a byte of their body is read; they find the `Requester` in
    ``state.client``. ``may_upload`` refuses who may send no clip."""

    def __init__(
        self,
        app: ASGIApp,
        gate: Gate,
        limits: Limits,
        open_routes: Sequence[BaseRoute],
        linked_routes: Sequence[BaseRoute],
        may_upload: Callable[[HTTPConnection], object],
    ) -> None:
        self._app, self._gate, self._limits = app, gate, limits
        self._open_routes, self._linked_routes, self._may_upload = open_routes, linked_routes, may_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        try:
            self._check(scope, headers)
        except SpeechError as error:
            if scope["type"] == "websocket":
                await receive()  # websocket.connect; the answer stands in for the handshake
            exchange = _Exchange(receive, send, 0, LINGER_S, error)
            await answer(error)(scope, exchange.receive, exchange.send)
            return
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._body_limit(scope["path"], headers), self._limits.http_body_s)
        await self._app(scope, exchange.receive, exchange.send)

    def _check(self, scope: Scope, headers: Headers) -> None:
        """Refuse by the headers alone, where they say enough."""
        size = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope["raw_path"])
        if size + len(scope["query_string"]) > self._limits.http_header_bytes:
            raise HttpError(431, f"The headers have more than {self._limits.http_header_bytes:,} bytes.")
        client = scope["client"][0] if scope.get("client") else None
        self._gate.check_origin(client, headers, is_linked=_is_one_of(self._linked_routes, scope))
        if not _is_one_of(self._open_routes, scope):
            connection = HTTPConnection(scope)
            connection.state.client = self._gate.admit(connection)
        if scope["type"] == "websocket":
            return
        if self._is_upload(scope["path"], headers):
            self._may_upload(HTTPConnection(scope))  # before a byte of the body: it would be kept on the disk meanwhile
        length, limit = headers.get("content-length", "0"), self._body_limit(scope["path"], headers)
        if length.isdecimal() and int(length) > limit:
            raise too_large(limit)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if (length != "0" or "transfer-encoding" in headers) and kind not in _KINDS:
            raise HttpError(415, f"Send application/json, not {kind[:60] or 'a body without a Content-Type'}.")

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
        self, receive: Receive, send: Send, limit: int, within_s: float, error: SpeechError | None = None
    ) -> None:
        self._receive, self._send, self._limit, self._within_s = receive, send, limit, within_s
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
            raise self._cut(too_large(self._limit))
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


def too_large(limit: int) -> HttpError:
    return HttpError(413, f"The body has more than {limit:,} bytes.")
