"""By which names this server may be called.

DNS rebinding: a stranger's page, whose own name suddenly points to this house, is to its browser the same site as this
server. So a name passes only if no stranger can own it, never because of where it points, nor because of who asks: the
browser is the victim's.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

#: Endings that are reserved, or delegated to nobody, so that names below them exist in a home's own network only.
_UNOWNED = (
    "local",  # RFC 6762: multicast DNS
    "localhost",  # RFC 6761
    "home.arpa",  # RFC 8375
    "internal",  # ICANN, 29 July 2024: never delegated
    "lan", "home", "intranet", "private", "corp",  # RFC 6762, appendix G; ICANN, 4 February 2018: no .home, no .corp
    "localdomain",  # in no root zone; what hosts(5) and several routers call the network
)  # fmt: skip
#: Domains that belong to the maker of a router, or of Home Assistant, who gives names below them to nobody outside of
#: the house.
_MAKERS = (
    "fritz.box",  # AVM, by WIPO's decision of 2024 (heise.de/-9610149, teltarif.de/news/95476); .box itself is public
    "speedport.ip",  # Deutsche Telekom's routers; .ip is in no root zone
    "hass.io",  # Nabu Casa; add-ons of Home Assistant OS are called NAME.local.hass.io
)
_NO_NAME = frozenset("/?#@\\<>\"' ")
_RESOLVER = Path("/etc/resolv.conf")


class HostNames:
    """The names that pass: ``given`` are those of the settings, what is added later this machine's."""

    def __init__(self, given: Iterable[str] = ()) -> None:
        self._known = frozenset(_folded(name) for name in given if name)

    def learn(self, find: Callable[[], Iterable[str]]) -> None:
        """Add what ``find`` finds, in a thread of its own: others pass meanwhile."""

        def work() -> None:
            self._known |= {_folded(name) for name in find()}

        threading.Thread(target=work, name="own names", daemon=True).start()

    def include(self, name: str) -> bool:
        """Whether no stranger can own ``name``, as `host_name` gives it."""
        labels = name.split(".")
        if name in self._known or len(labels) == 1 or is_address(name):
            return True
        return all(labels) and any(_is_below(labels, ending) for ending in (*_UNOWNED, *_MAKERS))


def own_names(
    resolver: Path = _RESOLVER,
    host: Callable[[], str] = socket.gethostname,
    in_full: Callable[[], str] = socket.getfqdn,
) -> set[str]:
    """This machine's name alone, in full, and below the domains that its resolver searches: no page can set them.

    Asks the resolver, which may take seconds: not for the event loop.
    """
    name = _folded(host())
    short = name.partition(".")[0]
    below = {f"{short}.{domain}" for domain in _searched(resolver)} if short else set()
    return {name, _folded(in_full()), *below} - {""}


def host_name(header: str) -> str:
    """The name in a ``Host`` header, without port, in small letters, without a last dot."""
    with contextlib.suppress(ValueError):
        if not _NO_NAME.intersection(header):
            return _folded(urlsplit(f"//{header}").hostname or "")
    return f"{_folded(header)}.?"  # no name of anybody


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether it is an address that means this machine alone."""
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def _is_below(labels: list[str], ending: str) -> bool:
    tail = ending.split(".")
    return len(labels) > len(tail) and labels[-len(tail) :] == tail


def _folded(name: str) -> str:
    return name.strip().casefold().removesuffix(".")


def _searched(resolver: Path) -> list[str]:
    """The domains of ``search`` and ``domain``; none where the file cannot be read."""
    try:
        lines = resolver.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    words = [line.split() for line in lines]
    found = [_folded(name) for first, *names in filter(None, words) if first in ("search", "domain") for name in names]
    return [name for name in found if name]
