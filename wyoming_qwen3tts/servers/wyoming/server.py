"""TCP server with connection limits and graceful drain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from wyoming.error import Error

from ...errors import Busy
from ...monitoring.logs import StrangerLog
from ...service.service import SpeechService
from ...settings import Address, Limits
from ...speech.audio_format import FORMAT, AudioFormat
from ...speech.voice import Voice
from ...speech.wyoming_framing import encode_event
from ...util.fair_shares import share
from ...util.tasks import cancel_and_wait
from ..connections import (
    ACCEPTED,
    ConnectionLimiter,
    Use,
    bind,
    close_all,
    host_of,
    refuse_and_close,
    tune,
    widen_backlog,
)
from .info import info
from .session import Session, SessionContext

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Peer:
    session: Session
    host: str
    born: float

    @property
    def since(self) -> float:
        return self.session.since

    @property
    def use(self) -> Use:
        return Use.SPOKEN if self.session.is_speaking else Use.IDLE

    @property
    def is_silent(self) -> bool:
        return not self.session.has_spoken_up and not self.session.is_refused


class WyomingServer:
    """``async with`` = listening. Leaving it lets speech in progress end, for ``drain_s`` at the most."""

    def __init__(
        self,
        service: SpeechService,
        address: Address,
        limits: Limits,
        sound: Callable[[], AudioFormat] = lambda: FORMAT,
        *,
        shares_port: bool = False,
    ) -> None:
        """``sound`` tells, for each reply anew, the format that it is sent in. ``shares_port``: other processes may
        listen at ``address`` too."""
        self._shares_port = shares_port
        self._service, self._address, self._limits = service, address, limits
        self._context = SessionContext(service, limits, self.info, sound, StrangerLog(log))
        self.drain_s = limits.drain_s  # may be lowered by whoever is in a hurry
        # As many again as may speak may ask `describe` and `ping`: those are never refused for load.
        self._limiter = ConnectionLimiter(2 * limits.connections, limits.host_connections)
        self._peers: dict[asyncio.Task[None], _Peer] = {}
        self._refused: set[asyncio.Task[None]] = set()  # peers that never got a session
        self._info: tuple[tuple[Voice, ...], bytes] | None = None

    @property
    def port(self) -> int:
        """The real port, also where 0 was asked for."""
        return int(self._listeners[0].sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many peers are connected now."""
        return len(self._present())

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: if the address cannot be had.
        """
        sockets = bind(self._address, is_shared=self._shares_port)
        try:
            self._listeners = [
                await asyncio.start_server(self._accept, sock=sock, limit=self._limits.header_bytes, backlog=ACCEPTED)
                for sock in sockets
            ]
            widen_backlog(sockets)
        except BaseException:
            close_all(sockets)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for listener in self._listeners:
            listener.close()
        for peer in self._peers.values():
            peer.session.finish()
        if tasks := {*self._peers, *self._refused}:
            _, cut_off = await asyncio.wait(tasks, timeout=self.drain_s)
            if replies := cut_off - self._refused:
                log.warning("Stopped in the middle of %d replies", len(replies))
            await cancel_and_wait(*cut_off)

    def info(self) -> bytes:
        """The answer to ``describe``, made anew only when the voices have changed: it is asked for every 30 s, by
        everyone."""
        voices = self._service.catalog.all()
        if self._info is None or self._info[0] != voices:
            self._info = (voices, encode_event(info(voices)))
        return self._info[1]

    # -- who is connected

    def _present(self) -> list[_Peer]:
        return [peer for peer in self._peers.values() if not peer.session.is_refused]

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        host = host_of((writer.get_extra_info("peername") or (None,))[0])
        if self._limiter.is_full(present := self._present()) and not self._make_room(present, host):
            busy = encode_event(Error("Too many connections. Try again soon.", Busy.code).event())
            refusing = loop.create_task(refuse_and_close(writer.transport, busy))
            self._refused.add(refusing)
            refusing.add_done_callback(self._refused.discard)
            return
        tune(writer.transport)
        session = Session(reader, writer, self._context, host=host, may_speak=lambda: self._may_speak(host))
        peer = _Peer(session, host, loop.time())
        task = loop.create_task(session.run())
        timer = loop.call_later(self._limits.hello_s, self._still_silent, peer)
        self._peers[task] = peer

        def forget(task: asyncio.Task[None]) -> None:
            timer.cancel()
            del self._peers[task]

        task.add_done_callback(forget)

    def _may_speak(self, host: str) -> bool:
        """Whether one more connection of ``host`` may be spoken to: they are so many at once, and half of that for
        each host in any case. What is left of the connections is for `describe` and `ping`."""
        speaking = [peer.host for peer in self._present() if peer.session.is_speaking]
        most = self._limits.connections
        return len(speaking) < most or speaking.count(host) < share(most, 1)

    def _still_silent(self, peer: _Peer) -> None:
        # Counted only now: a busy house opens dozens of connections at once, but each says what it wants.
        of_host = [p for p in self._present() if p.host == peer.host and p.is_silent and p.born <= peer.born]
        if peer.is_silent and len(of_host) > self._limits.host_connections:
            log.debug("wyoming: closed a silent connection of %s", peer.host)
            peer.session.refuse()

    def _make_room(self, present: list[_Peer], host: str) -> bool:
        pushed_out = self._limiter.to_push_out(present, host)
        if pushed_out is not None:
            pushed_out.session.refuse()
        return pushed_out is not None
