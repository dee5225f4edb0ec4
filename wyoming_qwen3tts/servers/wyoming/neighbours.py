"""Other Wyoming servers of the network, as zeroconf tells of them."""

from __future__ import annotations

import asyncio

from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from ...settings import Address
from .discovery import SERVICE_TYPE


async def neighbours(search_s: float) -> list[tuple[str, Address]]:
    """Name and address of each that was heard of within ``search_s``; none where multicast does not work."""
    names: set[str] = set()

    def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Added:
            names.add(name)

    try:
        zeroconf = AsyncZeroconf()
    except OSError:
        return []
    try:
        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[heard])
        await asyncio.sleep(search_s)
        await browser.async_cancel()
        found = []
        for name in sorted(names):
            info = AsyncServiceInfo(SERVICE_TYPE, name)
            if await info.async_request(zeroconf.zeroconf, 1_000) and info.port and info.parsed_addresses():
                found.append((name.removesuffix(f".{SERVICE_TYPE}"), Address(info.parsed_addresses()[0], info.port)))
        return found
    finally:
        await zeroconf.async_close()
