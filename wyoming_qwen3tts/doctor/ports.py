"""The doors: free for us, or already ours."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

from ..errors import ProtocolError
from ..servers.connections import bind, close_all
from ..servers.wyoming.client import connect, local
from ..servers.wyoming.info import PROGRAM
from ..settings import Address
from .checks import Check, CheckContext, fine, wrong

_ANSWER_S = 8.0


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


async def speaks_wyoming(address: Address, answer_s: float = _ANSWER_S) -> bool:
    """Whether a server of our kind answers there."""
    try:
        async with asyncio.timeout(answer_s), connect(local(address)) as client:
            answer = await client.describe()
    except (OSError, ProtocolError):
        return False
    return PROGRAM in [program.get("name") for program in answer.get("tts", [])]


def speaks_http(address: Address, answer_s: float = _ANSWER_S) -> bool:
    """Whether a page of our kind answers there. Blocks."""
    import httpx

    host, port = local(address)
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/health/live"
    try:
        return httpx.get(url, timeout=answer_s, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
