"""The other Wyoming servers that stand in for the model, and those of the network that could."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ..engine.wyoming.server import WyomingServer
from ..homeassistant.piper_app import stand_in_addresses
from ..servers.wyoming.neighbours import neighbours
from ..settings import Address
from ..util.instance import INSTANCE
from .checks import Check, CheckContext, fine, wrong

_NAME = "stand-in"
_SEARCH_S = 2.0
_ANSWER_S = 5.0


def check(place: CheckContext) -> list[Check]:
    """The named ones must answer; where none is named, those that zeroconf finds are offered, and none is used."""
    addresses = stand_in_addresses(place.settings.engine, place.environ)
    if addresses:
        is_auto = place.settings.engine.stand_in == ("auto",)
        return asyncio.run(_asked(addresses, is_auto=is_auto))
    if place.settings.engine.stand_in == ("builtin",):
        return []
    able = asyncio.run(_found())
    if not able:
        return []
    named = ", ".join(f"{server.info.program} at {server.name}" for server in able if server.info)
    return [fine(_NAME, f"none; on the network there is {named}: engine.stand_in {able[0].name} lets it stand in")]


async def _asked(addresses: Sequence[Address], *, is_auto: bool) -> list[Check]:
    return [_told(server, is_auto=is_auto) for server in await _servers(addresses)]


async def _found() -> list[WyomingServer]:
    """Those of the network that speak, without those of our kind: one of them is likely this very server."""
    heard_of = await neighbours(_SEARCH_S)
    servers = await _servers([address for _, address in heard_of])
    return [server for server in servers if not server.trouble and server.info and not server.info.instance]


async def _servers(addresses: Sequence[Address]) -> list[WyomingServer]:
    """Each of them, asked once."""
    servers = [WyomingServer(*address, instance=INSTANCE, stall_s=_ANSWER_S) for address in addresses]
    try:
        await asyncio.gather(*(server.ask() for server in servers))
    finally:
        for server in servers:
            server.close()
    return servers


def _told(server: WyomingServer, *, is_auto: bool) -> Check:
    if server.info is not None and not server.trouble:
        languages = sorted({code for voice in server.info.voices for code in voice.languages})
        return fine(_NAME, f"{server.info.program} at {server.name} speaks {', '.join(languages)}")
    if is_auto:
        return fine(_NAME, "the built-in voice; with the app Piper beside it, that one would speak")
    return wrong(_NAME, f"{server.name}: {server.trouble}", "Start that server, or correct engine.stand_in")
