"""httpx's transport, with answers that are closed to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from ...util.tasks import to_the_end


class ClosingTransport(httpx.AsyncHTTPTransport):
    """A cancellation that meets httpcore 1.0.9 while it closes an answer has it believe that this is done: the
    connection stays in the pool for good, and its descriptor open. Here closing is not interrupted, and ends with the
    connection itself where the answer was not read to its end."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  of an asynchronous transport
        response.stream = _Closing(response.stream, response.extensions.get("network_stream"))
        return response


class _Closing(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, connection: Any) -> None:
        self._stream, self._connection = stream, connection  # that of httpcore, which carries no types
        self._is_whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part
        self._is_whole = True

    async def aclose(self) -> None:
        await to_the_end(self._close())

    async def _close(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            if self._connection is not None and not self._is_whole:
                await self._connection.aclose()
