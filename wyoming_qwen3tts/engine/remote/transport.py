"""httpx's transport, with answers that are closed to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from ...util.tasks import to_the_end


class ClosingTransport(httpx.AsyncHTTPTransport):
    """A cancellation that meets httpcore 1.0.9 while it closes an answer has it believe that this is done: the
    connection stays in the pool for good, and its descriptor open. Here closing is not interrupted."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101  of an asynchronous transport
        response.stream = _Closing(response.stream)
        return response


class _Closing(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        await to_the_end(self._stream.aclose())
