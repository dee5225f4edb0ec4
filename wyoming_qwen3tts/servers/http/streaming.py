"""A response that is made while it is sent, and given up the moment nobody listens any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...errors import SpeechError
from ...util.tasks import cancel_and_wait
from ..connections import Use


class StreamConnection(Protocol):
    """The connection that a request came by, in ``state.connection``."""

    def hang_up(self) -> None:
        """End it in the middle of the response, so that nobody takes what was sent for the whole."""
        ...


def used_for(request: HTTPConnection, use: Use) -> None:
    """Say what the connection of ``request`` is used for until that is answered."""
    connection = getattr(request.state, "connection", None)  # an app that is called without a server has none
    if connection is not None:
        connection.answers_with = use


class ResponseStream:
    """Where the bytes of one response go. Nothing is sent before the first of them: until then an error can still be
    told with its own status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_open = False
        self.headers: Mapping[str, str] = {}  # whatever the response is

    async def open(self, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        """Send the headers. No buffer between us and the listener may hold the audio back."""
        fields = {
            "Content-Type": media_type,
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
            **self.headers,
            **(headers or {}),
        }
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        self.is_open = True
        await self._send({"type": "http.response.start", "status": 200, "headers": raw})

    async def write(self, body: bytes) -> None:
        """Send ``body``; returns when the listener keeps up."""
        if body:
            await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


class StreamedResponse(Response):
    """Made by ``produce``, which is cancelled when the client leaves.

    What it raises before the outlet is open is answered as any other error; after that the connection is cut.
    """

    def __init__(self, produce: Callable[[ResponseStream], Awaitable[None]], status_code: int = 200) -> None:
        super().__init__(status_code=status_code)  # named for FastAPI, which describes the route by it
        self._produce = produce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outlet = ResponseStream(send)
        producing = asyncio.ensure_future(self._made(outlet))
        leaving = asyncio.ensure_future(_until_gone(receive))
        try:
            await asyncio.wait({producing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await cancel_and_wait(producing, leaving)
        if producing.cancelled():
            return
        error = producing.exception()
        if error is None:
            return
        if not outlet.is_open:
            raise error
        scope["state"]["connection"].hang_up()
        if not isinstance(error, SpeechError):  # those have had their line in the log
            raise error

    async def _made(self, outlet: ResponseStream) -> None:
        await self._produce(outlet)
        await outlet.close()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
