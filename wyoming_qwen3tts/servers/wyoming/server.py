"""Listens, counts who is connected, and hangs up in an orderly way."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from wyoming.error import Error
from wyoming.event import Event

from ...errors import Busy
from ...service.service import SpeechService
from ...settings import Address, Limits
from ...speech.audio_format import FORMAT, AudioFormat
from ...speech.voice import Voice
from ...util.tasks import cancel_and_wait
from .framing import encode_event
from .info import info
from .session import Session

log = logging.getLogger(__name__)

_GRACE_S = 0.25  # a connection this young may still be sending its first event, and is not pushed out


@dataclass(eq=False, slots=True)
class _Peer:
    session: Session
    host: str
    since: float

    @property
    def is_silent(self) -> bool:
        return not self.session.has_spoken_up


class WyomingServer:
    """``async with`` = listening. Leaving it lets speech in progress end, for ``drain_s`` at the most."""

    def __init__(
        self,
        service: SpeechService,
        address: Address,
        limits: Limits,
        sound: Callable[[], AudioFormat] = lambda: FORMAT,
    ) -> None:
        """``sound`` tells, for each reply anew, the format that it is sent in."""
        self._service, self._address, self._limits, self._sound = service, address, limits, sound
        self.drain_s = limits.drain_s  # may be lowered by whoever is in a hurry
        self._peers: dict[asyncio.Task[None], _Peer] = {}
        self._info: tuple[tuple[Voice, ...], Event] | None = None

    @property
    def port(self) -> int:
        """The real port, also where 0 was asked for."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many peers are connected now."""
        return len(self._peers)

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            OSError: if the address cannot be had.
        """
        self._server = await asyncio.start_server(
            self._accept, self._address.host, self._address.port, limit=self._limits.header_bytes, backlog=512
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for peer in self._peers.values():
            peer.session.finish()
        if self._peers:
            _, cut_off = await asyncio.wait(self._peers, timeout=self.drain_s)
            if cut_off:
                log.warning("Stopped in the middle of %d replies", len(cut_off))
            await cancel_and_wait(*cut_off)

    def info(self) -> Event:
        """The answer to ``describe``, made anew only when the voices have changed: it is asked for every 30 s, by
        everyone."""
        voices = self._service.catalog.all()
        if self._info is None or self._info[0] != voices:
            self._info = (voices, info(voices))
        return self._info[1]

    # -- who is connected
    # -----------------------------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # As many again as may speak may ask `describe` and `ping`: those are never refused for load.
        if len(self._peers) >= 2 * self._limits.connections and not self._make_room():
            writer.write(encode_event(Error("Too many connections. Try again soon.", Busy.code).event()))
            writer.close()
            return
        _tune(writer)
        may_speak = len(self._peers) < self._limits.connections
        session = Session(
            reader, writer, self._service, self._limits, self.info, may_speak=may_speak, sound=self._sound
        )
        peer = _Peer(session, str((writer.get_extra_info("peername") or ("?",))[0]), time.monotonic())
        task = asyncio.get_running_loop().create_task(session.run())
        timer = asyncio.get_running_loop().call_later(self._limits.hello_s, self._still_silent, peer)
        self._peers[task] = peer

        def forget(task: asyncio.Task[None]) -> None:
            timer.cancel()
            del self._peers[task]

        task.add_done_callback(forget)

    def _silent(self, host: str, age_s: float) -> list[_Peer]:
        """Connections of ``host`` that have said nothing for ``age_s`` or longer, the oldest first."""
        born = time.monotonic() - age_s
        return [peer for peer in self._peers.values() if peer.host == host and peer.is_silent and peer.since <= born]

    def _still_silent(self, peer: _Peer) -> None:
        # Counted only now: a busy house opens dozens of connections at once, but each says what it wants.
        older = self._silent(peer.host, time.monotonic() - peer.since)
        if peer.is_silent and len(older) > self._limits.host_connections:
            log.debug("wyoming: closed a silent connection of %s", peer.host)
            peer.session.refuse()

    def _make_room(self) -> bool:
        """Push out the oldest silent connection of the host that has most of them, if those are more than it may
        have."""
        hosts = Counter(peer.host for peer in self._peers.values() if peer.is_silent)
        if not hosts:
            return False
        silent = self._silent(hosts.most_common(1)[0][0], _GRACE_S)
        if len(silent) <= self._limits.host_connections:
            return False
        silent[0].session.refuse()
        return True


def _tune(writer: asyncio.StreamWriter) -> None:
    """Keep little in buffers: what lies there was computed, perhaps for nobody. 128 KiB are 2.7 s of speech."""
    writer.transport.set_write_buffer_limits(high=32 * 1024)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
