"""TCP connections as the Wyoming server and the web server keep them: bound, tuned, counted by host, refused aloud."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from ..settings import Address
from ..util.fair_pace import FairPace
from ..util.fair_shares import share, who_gives_way

log = logging.getLogger(__name__)

GRACE_S = 0.25  # a connection this young may still be sending its first words; its own host does not push it out
LINGER_S = 1.0  # how long what a refused peer still sends is read, so that a reset cannot overtake the reason
LINGER_BYTES = 64 * 1024  # and how much of it
BACKLOG = 512
ACCEPTED = 16  # of them at once, before the others have their turn
READ_BYTES = 4 * 1024  # of one connection, before the others have their turn
_NO_FAMILY = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
_LINGERING = 128  # refused peers at once that are read on; in a flood of them the others just see the end


def bind(address: Address, *, is_shared: bool = False) -> list[socket.socket]:
    """Listening sockets for ``address``: one for each address that its host stands for, all with the same port.
    ``is_shared``: other processes of this user may have the same, if they share it too.

    ``::`` is every address of both families, or of IPv4 alone on a machine without IPv6; ``localhost`` is both
    loopbacks, whatever the hosts file says.

    Raises:
        OSError: if the address cannot be had.
    """
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, _, protocol, _, (host, port, *scope) in _found(address):
        try:
            same_port = sockets[0].getsockname()[1] if sockets else port
            sockets.append(_listening(family, protocol, (host, same_port, *scope), is_shared=is_shared))
        except OSError as error:
            if error.errno not in _NO_FAMILY:  # `localhost` means ::1 too, which a machine without IPv6 lacks
                close_all(sockets)
                raise
            missing = error
    if missing is not None and not sockets:
        if address.host == "::":
            everywhere = Address("0.0.0.0", address.port)  # noqa: S104  every address was asked for
            return bind(everywhere, is_shared=is_shared)
        raise missing
    return sockets


def _found(address: Address) -> Iterable[tuple[int, int, int, str, tuple[Any, ...]]]:
    """What to bind, each once."""
    hosts = ("127.0.0.1", "::1") if address.host.lower() == "localhost" else (address.host,)
    return dict.fromkeys(
        found
        for host in hosts
        for found in socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    )


def close_all(sockets: Sequence[socket.socket]) -> None:
    """Close what `bind` gave."""
    for sock in sockets:
        sock.close()


def _listening(family: int, protocol: int, where: tuple[object, ...], *, is_shared: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, is_shared)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, where[0] != "::")
        sock.bind(where)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def widen_backlog(sockets: Iterable[socket.socket]) -> None:
    """Have ``BACKLOG`` peers wait to be accepted, after asyncio was told ``ACCEPTED``: to it that is both how many may
    wait and how many it takes in one go."""
    for sock in sockets:
        sock.listen(BACKLOG)


def tune(transport: asyncio.WriteTransport, read_bytes: int = READ_BYTES) -> None:
    """Keep little in buffers: what lies there was computed, perhaps for nobody. 128 KiB are 2.7 s of speech.

    What comes is taken a little at a time, too, ``read_bytes``: asyncio hands on all of it in one call, up to 256 KiB,
    and that may be thirty thousand messages.
    """
    transport.set_write_buffer_limits(high=32 * 1024)
    transport.max_size = read_bytes  # type: ignore[attr-defined]  # of asyncio's own transports; none needs to obey
    sock = transport.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except OSError as error:
        log.debug("a peer was gone before it was looked at: %s", error)


@contextmanager
def peer_errors() -> Iterator[None]:
    """Around reading from a peer and writing to it: whatever the system says of a peer that is gone is a
    `ConnectionError`. ENOTCONN, ETIMEDOUT and EHOSTUNREACH are none by themselves."""
    try:
        yield
    except ConnectionError:
        raise
    except OSError as error:
        raise ConnectionAbortedError(str(error)) from error


# -- how fast a peer is read

POINT_S = 0.0001  # of the event loop's time
CONNECTION, REQUEST, PIECE = 3, 5, 1  # points that they cost, about
LOOP_RATE = 1000.0  # points a second that strangers may have together, unless there is only one

_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, FairPace] = WeakKeyDictionary()


def spend_loop_time(host: str, points: float) -> float:
    """How many seconds ``host`` is not to be read now, having cost the running event loop so much; all of its
    connections, whichever server they are of, pay for it."""
    loop = asyncio.get_running_loop()
    pace = _paces.get(loop)
    if pace is None:
        pace = _paces[loop] = FairPace(LOOP_RATE, loop.time)
    return pace.spend(host, points)


class ReadPacer:
    """Around every loop that reads from a peer: `take_turn` after each event.

    An event that costs its sender nothing, and every 16 KiB, cost a token. ``BURST`` tokens are there at the beginning,
    ``RATE`` a second come again; whoever has none is read later. So is a ``host`` that has had more than its share of
    the event loop's time, over all its connections. Nothing is read of a ``transport`` whose peer has reset the
    connection meanwhile.
    """

    BURST, RATE, BYTES = 50, 20.0, 16 * 1024

    def __init__(self, host: str, transport: asyncio.BaseTransport | None = None) -> None:
        self._host = host
        self._tokens, self._since = float(self.BURST), asyncio.get_running_loop().time()
        self._transport = transport

    async def take_turn(self, size: int, *, is_free: bool) -> None:
        """Let the others have their turn, and wait until this peer may be read on. ``size`` is in bytes.

        Raises:
            ConnectionError: if the peer is gone.
        """
        await asyncio.sleep(0)
        await self._wait(self.spend(is_free + size // self.BYTES, PIECE + size // self.BYTES))

    async def begin(self) -> None:
        """Wait until a peer that has just connected may be read.

        Raises:
            ConnectionError: if the peer is gone.
        """
        await self._wait(spend_loop_time(self._host, CONNECTION))

    async def _wait(self, wait_s: float) -> None:
        if wait_s > 0:
            await asyncio.sleep(wait_s)
            self._check_peer()

    def spend(self, tokens: int, points: int = PIECE) -> float:
        """How many seconds the peer is not to be read now, having cost so many, and so much of the event loop."""
        return max(self._take(tokens), spend_loop_time(self._host, points))

    def _take(self, tokens: int) -> float:
        now = asyncio.get_running_loop().time()
        self._tokens = min(self.BURST, self._tokens + (now - self._since) * self.RATE) - tokens
        self._since = now
        return max(0.0, -self._tokens / self.RATE)

    def _check_peer(self) -> None:
        """asyncio does not see a reset while it does not read."""
        sock = None if self._transport is None else self._transport.get_extra_info("socket")
        if sock is not None:
            with peer_errors():
                if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(number, os.strerror(number))


# -- who may be connected


def host_of(address: str | None) -> str:
    """Whose share a connection from ``address`` takes from: the same for all ways to write it."""
    return (address or "?").removeprefix("::ffff:").partition("%")[0]


class Use(IntEnum):
    """What a connection is used for; who is used least makes room first."""

    IDLE = 0  # nothing is under way, as far as its peer is concerned: silence, events of the server's, `describe`
    BUSY = 1  # a request is being sent, or answered
    SPOKEN = 2  # it is spoken to, or waits for it


class Peer(Protocol):
    """A connection as `ConnectionLimiter` sees it."""

    @property
    def host(self) -> str: ...

    @property
    def use(self) -> Use: ...

    @property
    def since(self) -> float:
        """When its last use began, or ended, by the event loop's clock."""
        ...


P = TypeVar("P", bound=Peer)


class ConnectionLimiter:
    """Counts connections by host. One host may have ``most`` while nobody else wants any.

    When all are taken, the newcomer of a host with less than its share, half of them or ``least``, replaces one of the
    host that has most. Then nothing protects that one but its use. A newcomer of a greedy host replaces an idle one of
    its own.
    """

    def __init__(self, most: int, least: int) -> None:
        self._most, self._share = most, share(most, least)

    def is_full(self, peers: Collection[object]) -> bool:
        return len(peers) >= self._most

    def to_push_out(self, peers: Collection[P], host: str) -> P | None:
        """Which of ``peers`` makes room for a newcomer of ``host``; None if it has to be refused."""
        held = Counter(peer.host for peer in peers)
        giving = who_gives_way(held, host, self._share)
        greediest = [peer for peer in peers if giving and held[peer.host] == held[giving[0]]]
        others = min(greediest, key=_standing, default=None)
        if others is not None and others.use is not Use.SPOKEN:
            return others
        born = asyncio.get_running_loop().time() - GRACE_S
        own = [peer for peer in peers if peer.host == host and peer.use is Use.IDLE and peer.since <= born]
        return min(own, key=_standing, default=others)


def _standing(peer: Peer) -> tuple[Use, float]:
    return peer.use, peer.since


# -- refusing


async def refuse_and_close(transport: asyncio.WriteTransport, reason: bytes) -> None:
    """Send ``reason`` and close, so that a peer which is still sending learns why.

    A connection that is closed with something unread is reset, and a reset overtakes what was sent before it. So the
    sending half is closed first, and what the peer still sends is read for ``LINGER_S`` and ``LINGER_BYTES``. The
    protocol of ``transport`` hears no more of it than its end. A peer that is gone is no error.
    """
    if transport.is_closing():
        return
    if len(_Farewell.all) >= _LINGERING:
        transport.write(reason)
        transport.close()
        return
    farewell = _Farewell(transport)
    try:
        async with asyncio.timeout(LINGER_S):
            await farewell.say(reason)
    except TimeoutError:
        log.debug("a refused peer sends on")
    finally:
        farewell.end()


class _Farewell(asyncio.Protocol):
    """Takes a transport over from its protocol, for the last words."""

    all: set[_Farewell] = set()  # noqa: RUF012  of this process, which has one event loop

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  what streams call a WriteTransport reads too
        self._transport, self._before = transport, transport.get_protocol()
        self._unread = LINGER_BYTES
        self._over = asyncio.Event()
        self.all.add(self)
        transport.set_protocol(self)
        transport.set_write_buffer_limits(high=0)  # so that `resume_writing` says when all is sent
        self._on_socket(lambda sock: sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LINGER_BYTES))
        transport.resume_reading()

    async def say(self, reason: bytes) -> None:
        """Returns when the peer has closed its half too."""
        self._transport.write(reason)
        if not self._transport.get_write_buffer_size():
            self._shut()
        await self._over.wait()

    def end(self) -> None:
        self.all.discard(self)
        self._transport.close()

    def _shut(self) -> None:
        """Not by `write_eof`: where the peer is gone, asyncio's raises, if it does, in a callback of its own."""
        self._on_socket(lambda sock: sock.shutdown(socket.SHUT_WR))

    def _on_socket(self, do: Callable[[socket.socket], None]) -> None:
        try:
            do(self._transport.get_extra_info("socket"))
        except OSError as error:
            log.debug("a refused peer was gone: %s", error)
            self._over.set()

    def resume_writing(self) -> None:
        self._shut()

    def data_received(self, data: bytes) -> None:
        self._unread -= len(data)
        if self._unread <= 0:  # closing now could still overtake the reason; that is what the rest of the time is for
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over.set()
        self._before.connection_lost(exc)
