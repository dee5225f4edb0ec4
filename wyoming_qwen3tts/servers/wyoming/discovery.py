"""Home Assistant finds us by itself: ``_wyoming._tcp`` over zeroconf (mDNS).

Own registration, as the wyoming library's helper announces 0.0.0.0 for a server on all interfaces, knows IPv4 only,
does not handle a name clash, and never unregisters.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import ifaddr
from zeroconf import Error as ZeroconfError
from zeroconf import InterfaceChoice, IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from ... import __version__
from ...settings import Address

log = logging.getLogger(__name__)

SERVICE_TYPE = "_wyoming._tcp.local."
_CONTAINER_BRIDGES = ("docker", "br-", "hassio", "veth", "virbr", "podman", "cni")


def usable_addresses(host: str) -> list[str]:
    """Where others can reach a server that listens on ``host``: IPv4 first, no link-local, no container bridges."""
    address = _ip(host)
    if address is not None and not address.is_unspecified:
        return [str(address)]
    if address is None:  # a name
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        return _sorted(found)
    found = set()
    for adapter in ifaddr.get_adapters():
        if adapter.name.startswith(_CONTAINER_BRIDGES):
            continue
        for ip in adapter.ips:
            one = _ip(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if one is None or one.is_loopback or one.is_link_local or (address.version == 4 and one.version == 6):
                continue
            found.add(str(one))
    return _sorted(found)


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _sorted(addresses: Iterable[str]) -> list[str]:
    return sorted(addresses, key=lambda a: (":" in a, a))


@asynccontextmanager
async def announced(name: str, address: Address, advertise: str = "") -> AsyncIterator[str | None]:
    """Announced under ``name`` while the block lasts, and taken back at its end; yields the name that was free, or
    None if it
    could not be done, which is logged and stops nobody: the server can be added by host and port too.
    """
    addresses = [advertise] if advertise else usable_addresses(address.host)
    if not addresses:
        log.warning("Not announced: this machine has no network address. Add the server by host and port instead.")
        yield None
        return
    only_loopback = all(ipaddress.ip_address(a).is_loopback for a in addresses)
    interfaces = addresses if only_loopback else InterfaceChoice.All
    version = IPVersion.All if any(":" in a for a in addresses) and not only_loopback else IPVersion.V4Only
    if only_loopback and all(":" in a for a in addresses):
        version = IPVersion.V6Only
    try:
        zeroconf = AsyncZeroconf(interfaces=interfaces, ip_version=version)
    except OSError as error:
        log.warning("Not announced: multicast does not work here (%s). Add the server by host and port instead.", error)
        yield None
        return
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        port=address.port,
        parsed_addresses=addresses,
        properties={"version": __version__},
        server=f"{name}-{socket.gethostname().split('.')[0]}.local.",
    )
    try:
        yield await _register(zeroconf, info)
    finally:
        await zeroconf.async_unregister_all_services()
        await zeroconf.async_close()


async def _register(zeroconf: AsyncZeroconf, info: AsyncServiceInfo) -> str | None:
    try:
        await (await zeroconf.async_register_service(info, allow_name_change=True))
    except (ZeroconfError, OSError) as error:
        log.warning("Not announced: %s. Add the server by host and port instead.", error or type(error).__name__)
        return None
    name = info.name.removesuffix(f".{SERVICE_TYPE}")
    log.debug("Announced as %s at %s, port %d", name, ", ".join(info.parsed_addresses()), info.port)
    return name
