"""TCP server with connection limits and graceful drain: uvicorn in this event loop, without its signal handlers."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...settings import Address, Limits
from ...util.tasks import cancel_and_wait, in_daemon_thread
from ..connections import ACCEPTED, bind, close_all, widen_backlog

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

log = logging.getLogger(__name__)

_KEEP_ALIVE_S = 30  # clients that speak now and then should not have to connect each time
_MESSAGE_BYTES = 128 * 1024  # of a WebSocket


class HttpServer:
    """``async with`` = listening. Leaving it lets responses in progress end, for ``drain_s`` at the most.

    ``build`` makes the app; it runs in a thread, as it imports a lot. ``sockets`` are bound already, and are closed by
    the server; without them it binds ``address``.
    """

    def __init__(
        self, build: Callable[[], FastAPI], address: Address, limits: Limits, sockets: Sequence[socket.socket] = ()
    ) -> None:
        self._build, self._address, self._limits, self._sockets = build, address, limits, list(sockets)
        self.drain_s = limits.drain_s  # may be lowered by whoever is in a hurry

    @property
    def port(self) -> int:
        """The real port, also where 0 was asked for."""
        return int(self._sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        return len(self._server.server_state.connections)

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: if the address cannot be had.
        """
        self._sockets = self._sockets or bind(self._address)
        try:
            await in_daemon_thread(self._prepare, "web door")
            await self._server.startup(sockets=self._sockets)
            widen_backlog(self._sockets)
            self._app.state.metrics.start()
        except BaseException:
            close_all(self._sockets)
            raise
        return self

    def _prepare(self) -> None:
        self._app = self._build()
        self._server = self._uvicorn()

    def _uvicorn(self) -> uvicorn.Server:
        import uvicorn

        from .protocol import HttpConnection, WebSocketConnection

        logging.getLogger("uvicorn").setLevel(logging.ERROR)  # who connects is no news; bugs are
        config = uvicorn.Config(
            self._app,
            http=HttpConnection,
            ws=WebSocketConnection,
            ws_max_size=_MESSAGE_BYTES,
            ws_per_message_deflate=False,
            loop="asyncio",
            backlog=ACCEPTED,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,  # uvicorn's needs its main loop; ours comes with each response
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            h11_max_incomplete_event_size=self._limits.http_header_bytes,
        )
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        server.lifespan.state = {"limits": self._limits}
        return server

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._server.servers:
            listener.close()
        self._app.state.metrics.stop()
        self._app.state.pool.close()
        self._app.state.closing.set()  # live texts and event streams end by themselves
        state = self._server.server_state
        for connection in list(state.connections):
            if hasattr(connection, "cycle"):  # not a WebSocket, whose session closes it
                connection.shutdown()
        if state.tasks:
            _, cut_off = await asyncio.wait(set(state.tasks), timeout=self.drain_s)
            if cut_off:
                log.warning("http: stopped in the middle of %d responses", len(cut_off))
            await cancel_and_wait(*cut_off)
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
