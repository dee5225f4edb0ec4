"""uvicorn's protocols, with the limits that it does not have: time for the headers, idle connections, and listeners who
read nothing."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import CloseCode, Frame

from ...errors import SpeechError
from ...settings import Limits
from ..connections import (
    CONNECTION,
    LINGER_S,
    PIECE,
    REQUEST,
    ConnectionLimiter,
    ReadPacer,
    Use,
    host_of,
    refuse_and_close,
    spend_loop_time,
    tune,
)
from .errors import HttpError, error_body, error_headers

log = logging.getLogger(__name__)

_PONGS_BYTES = 64 * 1024  # beyond what speech may fill
_FRAMES_BYTES = 1024  # of a WebSocket before the others have their turn: a frame may have six bytes
_PIECES = 64  # of one message; each may be empty


class WriteStallMixin:
    """Drops a listener who reads nothing for ``write_stall_s``; what is unsent was computed for nobody."""

    _limits: Limits
    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _stall: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()  # type: ignore[misc]  # uvicorn's
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()  # type: ignore[misc]
        self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)  # type: ignore[misc]
        self._forget()

    def _watch(self, unsent: int) -> None:
        self._stall = self.loop.call_later(self._limits.write_stall_s, self._stalled, unsent)

    def _stalled(self, unsent: int) -> None:
        left = self.transport.get_write_buffer_size()
        if left < unsent:  # slow, but alive
            self._watch(left)
            return
        log.info("http: listener-stalled: the listener read nothing for %g s", self._limits.write_stall_s)
        self.transport.abort()

    def _forget(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None


class RestingMixin:
    """Reads nothing of a peer whose host has had more than its share."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _rest_timer: asyncio.TimerHandle | None = None

    @property
    def has_enough(self) -> bool:
        """Whether what was read has to be worked off first."""
        raise NotImplementedError

    def _rest(self, wait_s: float) -> None:
        if wait_s > 0:
            self.transport.pause_reading()
            if self._rest_timer is not None:
                self._rest_timer.cancel()
            self._rest_timer = self.loop.call_later(wait_s, self._read_on)

    def _read_on(self) -> None:
        self._rest_timer = None
        reader = self.transport.get_protocol()  # another one since an upgrade
        if isinstance(reader, RestingMixin) and not reader.has_enough:
            self.transport.resume_reading()


class WebSocketConnection(WriteStallMixin, RestingMixin, WebSocketsSansIOProtocol):
    """A connection that was upgraded. Its session finds it in its state, and keeps ``use`` up to date."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state | {"connection": self}, _loop)
        self._limits: Limits = app_state["limits"]
        self._use, self.since = Use.IDLE, self.loop.time()
        self._pacer: ReadPacer  # of frames that no session sees

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        tune(self.transport, _FRAMES_BYTES)
        self._pacer = ReadPacer(self.host)

    @property
    def host(self) -> str:
        return host_of(self.client[0] if self.client else None)

    @property
    def use(self) -> Use:
        return self._use

    @use.setter
    def use(self, use: Use) -> None:
        self._use, self.since = use, self.loop.time()

    def give_way(self) -> None:
        """End now, as others need the place."""
        self.shutdown()
        self.loop.call_later(2 * LINGER_S, self.transport.abort)  # whoever reads nothing must not keep it open

    def handle_ping(self) -> None:
        """Answered only to those who read the answers."""
        self._slow_down()
        if self.transport.get_write_buffer_size() < _PONGS_BYTES:
            super().handle_ping()
        else:
            self.conn.data_to_send()  # forget it

    def handle_pong(self, event: Frame) -> None:
        self._slow_down()
        super().handle_pong(event)

    def handle_cont(self, event: Frame) -> None:
        self._slow_down()
        if len(self.frames) < _PIECES:
            super().handle_cont(event)
        elif not self.close_sent:
            self.conn.send_close(CloseCode.MESSAGE_TOO_BIG)
            self.handle_parser_exception()

    @property
    def has_enough(self) -> bool:
        return bool(self.read_paused)

    def _slow_down(self) -> None:
        self._rest(self._pacer.spend(1))

    async def send(self, message: ASGISendEvent) -> None:
        """A session that goes on speaking after we hung up on its client learns that it is gone; uvicorn would log a
        fault of the session's, with its trace."""
        await self.writable.wait()
        if self.close_sent and self.initial_response is None:
            raise ClientDisconnected
        await super().send(message)

    def send_receive_event_to_app(self) -> None:
        """uvicorn logs a text that is not UTF-8 as a fault of the server's, with its trace."""
        if self.curr_msg_data_type == "text" and not self.close_sent and not _is_text(b"".join(self.frames)):
            log.debug("http: a WebSocket message is not UTF-8")
            self.conn.send_close(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class HttpConnection(WriteStallMixin, RestingMixin, H11Protocol):
    """A connection. ``app_state`` holds the ``limits``; requests find the connection in their state, and may say in
    ``answers_with`` what it is used for until they are answered."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state | {"connection": self}, _loop)
        self._limits: Limits = app_state["limits"]
        self._headers_timer: asyncio.TimerHandle | None = None
        self.since = self.loop.time()  # it was opened, or the last response ended
        self.answers_with = Use.BUSY

    @property
    def host(self) -> str:
        return host_of(self.client[0] if self.client else None)

    @property
    def use(self) -> Use:
        if self.cycle is None or self.cycle.response_complete:
            return Use.IDLE
        return Use.BUSY if self.cycle.more_body else self.answers_with

    @property
    def has_enough(self) -> bool:
        return bool(self.flow.read_paused)

    def give_way(self) -> None:
        """End now, as others need the place."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tune(transport)
        self._await_headers()
        if not self._has_room():
            self.refuse(HttpError(503, "Too many connections. Try again soon."))
        self._rest(spend_loop_time(self.host, CONNECTION))

    def data_received(self, data: bytes) -> None:
        self._rest(spend_loop_time(self.host, PIECE))
        super().data_received(data)
        if self.transport.get_protocol() is not self or self.conn.their_state is not h11.IDLE:
            self._got_headers()
        elif self._headers_timer is None and not self.transport.is_closing():
            self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._got_headers()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self.since, self.answers_with = self.loop.time(), Use.BUSY
        if (wait_s := spend_loop_time(self.host, REQUEST)) > 0 and not self.transport.is_closing():
            self.loop.call_later(wait_s, self._take_next)
        else:
            super().on_response_complete()

    def _take_next(self) -> None:
        """What uvicorn does after a response: have the next request, which may be here already."""
        if not self.transport.is_closing():
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Bytes that are no request; h11 tells in its exception whether they were only too many."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        if status == 431:
            msg = f"The headers have more than {self._limits.http_header_bytes:,} bytes."
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.refuse(HttpError(status, msg))
        else:
            self.hang_up()

    def refuse(self, error: SpeechError) -> None:
        """Answer by ourselves, as no request has got through, and close. It counts as a connection no more."""
        body = json.dumps(error_body(error)).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
        lines = [f"{name}: {value}\r\n" for name, value in (headers | error_headers(error)).items()]
        status = error.http_status
        head = f"HTTP/1.1 {status} {STATUS_PHRASES[status].decode()}\r\n{''.join(lines)}\r\n"
        self.connections.discard(self)
        refusing = self.loop.create_task(refuse_and_close(self.transport, head.encode() + body))
        self.tasks.add(refusing)  # so that the server waits for it at its end
        refusing.add_done_callback(self.tasks.discard)

    def hang_up(self) -> None:
        """End it in the middle of a response, once what was made of that is sent."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.close()

    def _await_headers(self) -> None:
        self._headers_timer = self.loop.call_later(self._limits.http_header_s, self._headers_late)

    def _got_headers(self) -> None:
        if self._headers_timer is not None:
            self._headers_timer.cancel()
            self._headers_timer = None

    def _headers_late(self) -> None:
        if self.conn.our_state is h11.IDLE and not self.transport.is_closing():
            self.refuse(HttpError(408, f"No request came within {self._limits.http_header_s:g} s."))

    def _has_room(self) -> bool:
        """Whether this new connection may stay; another one may have to make room for it."""
        limits = self._limits
        limiter = ConnectionLimiter(2 * limits.connections, limits.host_connections)
        others: list[_Connection] = [
            c for c in self.connections if c is not self and isinstance(c, _Connection) and not c.transport.is_closing()
        ]
        late = self.loop.time() - limits.hello_s
        idle = [c for c in others if isinstance(c, HttpConnection) and c.host == self.host and c.is_silent_since(late)]
        if len(idle) >= limits.host_connections:
            min(idle, key=lambda c: c.since).give_way()
        if not limiter.is_full(others):
            return True
        pushed_out = limiter.to_push_out(others, self.host)
        if pushed_out is not None:
            pushed_out.give_way()
        return pushed_out is not None

    def is_silent_since(self, time: float) -> bool:
        """Whether no request has been made of it since then."""
        return (self.cycle is None or self.cycle.response_complete) and self.since <= time


_Connection = HttpConnection | WebSocketConnection
