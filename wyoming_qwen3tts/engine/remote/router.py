"""Which server is asked next: policy alone, without a clock, a socket or a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from ...speech.engine import ServerCount

NOT_ASKED = "not asked yet"
_LEAST_S = 0.5  # what a reply that is not over counts for, however wrong its estimate was
_OPEN_TEXT_S = 3.0  # a sentence that is still being written: nobody knows how long it will be
_CHARS_PER_S = {"zh": 4.5, "ja": 7.0, "ko": 7.0}  # the others: _ALPHABET_PER_S
_ALPHABET_PER_S = 15.0


def expected_s(text: str | None, language: str) -> float:
    """How long ``text`` will sound, roughly; None: it is still being written. Only its proportion matters."""
    if text is None:
        return _OPEN_TEXT_S
    return max(_LEAST_S, len(text) / _CHARS_PER_S.get(language, _ALPHABET_PER_S))


@dataclass(slots=True)
class Standing:
    """What is known of one server. `Router` writes it; others read."""

    url: str
    trouble: str = NOT_ASKED  # "": none
    open_until: float = 0.0  # the circuit is open: it is not asked before
    is_draining: bool = False  # it said that it takes no new work
    voices: frozenset[str] = frozenset()  # those that the nine published ones do not include
    takes_voices: bool = False  # those of this home are taken there
    asked: int = 0
    failed: int = 0
    hedged: int = 0  # how often another one was asked as well, as this one was silent
    turn: int = 0  # when it was asked last
    tickets: list[Ticket] = field(default_factory=list)

    @property
    def outstanding_s(self) -> float:
        """Audio that was asked for and has not come, as far as can be estimated."""
        return sum(ticket.left_s for ticket in self.tickets)


@dataclass(slots=True, eq=False)
class Ticket:
    """One sentence that a server was asked for. To be ended by one of `Router.done`, `failed` and `left`."""

    server: Standing
    expected_s: float  # of the whole sentence
    received_s: float = 0.0

    @property
    def left_s(self) -> float:
        """Audio of it that has not come, as far as can be estimated."""
        return max(_LEAST_S, self.expected_s - self.received_s)

    def received(self, seconds: float) -> None:
        """So much of it came."""
        self.received_s += seconds


class Router:
    """Gives each sentence to the server with the least outstanding audio, of those that are well.

    A server that failed is left alone for ``open_s`` (its circuit is open). After that it is asked one sentence at a
    time (half open), and only where nobody is well or it was found well again by a probe; one success closes the
    circuit, one failure opens it anew. A server that drains, or whose probe failed for that reason, gets nothing.
    """

    def __init__(self, urls: Sequence[str], *, open_s: float, clock: Callable[[], float]) -> None:
        self.servers = [Standing(url) for url in urls]
        self._open_s, self._clock, self._turns = open_s, clock, 0
        self._half_open: set[str] = set()  # urls that failed and have spoken nothing since

    def choose(
        self, not_these: Collection[Standing] = (), voice: str | None = None, *, is_home: bool = False
    ) -> Standing | None:
        """Who is to be asked; None if nobody can be. ``voice``: only servers that know this uploaded one, or take it,
        as it is one of this home."""
        able = [
            server
            for server in self.servers
            if not any(server is other for other in not_these)
            and (voice is None or (server.takes_voices if is_home else voice in server.voices))
            and self._may_be_asked(server)
        ]
        return min(able, key=self.rank, default=None)

    def begin(self, server: Standing, seconds: float) -> Ticket:
        """``server`` is asked for so much audio."""
        self._turns += 1
        server.turn = self._turns
        server.asked += 1
        ticket = Ticket(server, seconds)
        server.tickets.append(ticket)
        return ticket

    def done(self, ticket: Ticket) -> None:
        """It spoke to the end: it is well, whatever was thought of it."""
        self.left(ticket)
        server = ticket.server
        self._half_open.discard(server.url)
        if not server.is_draining:
            server.trouble, server.open_until = "", 0.0

    def failed(self, ticket: Ticket, why: str) -> None:
        """It did not, by its own fault."""
        self.left(ticket)
        ticket.server.failed += 1
        self.leave_alone(ticket.server, why)

    def left(self, ticket: Ticket) -> None:
        """Nobody wants the rest, or it was refused: that says nothing of the server. Is idempotent."""
        if ticket in ticket.server.tickets:
            ticket.server.tickets.remove(ticket)

    def leave_alone(self, server: Standing, why: str) -> None:
        """Open its circuit."""
        server.trouble, server.open_until = why, self._clock() + self._open_s
        self._half_open.add(server.url)

    def drains(self, server: Standing, why: str) -> None:
        """It takes no new work, until it is `well`."""
        server.trouble, server.is_draining = why, True

    def ill(self, server: Standing, why: str) -> None:
        """A probe failed: it is asked last."""
        server.trouble, server.is_draining = why, False

    def well(self, server: Standing, voices: Collection[str], *, takes_voices: bool = False) -> None:
        """A probe succeeded. That closes no open circuit: a server can be reached and be unable to speak."""
        server.is_draining, server.voices, server.takes_voices = False, frozenset(voices), takes_voices
        if server.open_until <= self._clock():
            server.trouble = ""

    def is_open(self, server: Standing) -> bool:
        """It is left alone."""
        return server.open_until > self._clock()

    def counts(self) -> tuple[ServerCount, ...]:
        """Of each server, for metrics and people."""
        return tuple(
            ServerCount(s.url, self._state(s), s.trouble, s.asked, s.failed, s.hedged, round(s.outstanding_s, 1))
            for s in self.servers
        )

    def _may_be_asked(self, server: Standing) -> bool:
        if server.is_draining or self.is_open(server):
            return False
        return server.url not in self._half_open or not server.tickets

    def rank(self, server: Standing) -> tuple[bool, float, int]:
        """The lowest is asked: trouble last, then by audio to come, then by turns."""
        return bool(server.trouble), server.outstanding_s, server.turn

    def _state(self, server: Standing) -> str:
        if server.is_draining:
            return "draining"
        if self.is_open(server):
            return "left-alone"
        if server.url in self._half_open:
            return "on-trial"
        return "away" if server.trouble else "well"
