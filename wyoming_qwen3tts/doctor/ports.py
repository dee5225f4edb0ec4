"""The doors: free for us, or already ours."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from ..servers.connections import bind, close_all
from ..servers.port_owner import speaks_http, speaks_wyoming
from ..settings import Address
from .checks import Check, CheckContext, fine, wrong


def check(place: CheckContext) -> list[Check]:
    wyoming, http = place.settings.wyoming.address, place.settings.http.address
    checks = [_one("port for Wyoming", wyoming, "--wyoming.uri", lambda: asyncio.run(speaks_wyoming(wyoming)))]
    if http is not None:
        checks.append(_one("port for the web", http, "--http.uri", lambda: speaks_http(http)))
    return checks


def _one(name: str, address: Address, flag: str, is_ours: Callable[[], bool]) -> Check:
    try:
        close_all(bind(address))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            fix = f"Choose an address of this machine and a port above 1023: {flag}"
            return wrong(name, f"cannot listen on {address}: {error.strerror or error}", fix)
        if is_ours():
            return fine(name, f"{address} is answered by this server")
        other = Address(address.host, address.port % 65_535 + 1)
        return wrong(name, f"{address} is taken by another program", f"Stop it, or choose another: {flag} {other}")
    return fine(name, f"{address} is free")
