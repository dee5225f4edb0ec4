"""Under which address the house reaches our web server, and whether it does."""

from __future__ import annotations

import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import first_line
from .clips import PREFIX, ClipStore

log = logging.getLogger(__name__)

_PROBE_S = 5.0
_BRIDGES = (ipaddress.ip_network("172.16.0.0/12"),)  # where Docker, and the Supervisor, put their containers
_ADVICE = "Set http.base_url to this machine's address in the house, such as http://192.168.1.20:8880"
_ALONE = "it means this machine alone"
_OPEN = "Open the page to the house: http.uri tcp://0.0.0.0:8880; in a container also set http.base_url"


def in_container(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether our own addresses mean nothing outside of this machine."""
    return "SUPERVISOR_TOKEN" in environ or Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()


def is_of_a_container(host: str) -> bool:
    """Whether ``host`` is an address as Docker, and the Supervisor, give one to containers."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in bridge for bridge in _BRIDGES if bridge.version == address.version)


def base_url(wanted: str, host: str, port: int, usable: Callable[[str], list[str]]) -> str:
    """``wanted``, or what ``host`` and ``port`` of the web server make of themselves."""
    if wanted:
        return wanted
    found = usable(host)
    address = found[0] if found else "127.0.0.1"
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


def why_unreachable(url: str, *, contained: bool) -> str | None:
    """What is wrong with ``url`` as an address for loudspeakers; None if nothing can be seen from its looks."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith(".localhost"):
            return _ALONE
        if contained and host == socket.gethostname():
            return "it is the name of this container"
        return None
    if address.is_loopback:
        return _ALONE
    if address.is_unspecified:
        return "it is no address"
    if contained and is_of_a_container(host):
        return "it is the address of this container"
    return None


async def probe(url: str, shelf: ClipStore) -> str | None:
    """Fetch a clip of ours by ``url``; what went wrong, or None."""
    import httpx

    clip = shelf.open("wav")
    shelf.keep(clip)
    try:
        async with httpx.AsyncClient(timeout=_PROBE_S, trust_env=False) as client:
            answer = await client.head(f"{url}{PREFIX}/{clip.name}")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return first_line(error)
    finally:
        shelf.drop(clip)
    if answer.status_code != 200:
        return f"somebody else answers there ({answer.status_code})"
    return None


async def tell_reachability(url: str, shelf: ClipStore, *, contained: bool) -> bool:
    """Say in the log whether loudspeakers can fetch announcements at ``url``; returns whether they can, as far as can
    be told from here."""
    if why := why_unreachable(url, contained=contained):
        advice = _OPEN if why == _ALONE else _ADVICE
        log.warning("Announcements are at %s/, where no loudspeaker reaches them: %s. %s", url, why, advice)
        return False
    if why := await probe(url, shelf):
        log.warning("Announcements are at %s/, which could not be fetched from here: %s. %s", url, why, _ADVICE)
        return True  # a router may not lead our own requests back to us (hairpin NAT), and speakers still get there
    log.debug("Announcements are at %s%s/", url, PREFIX)
    return True
