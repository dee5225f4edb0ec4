"""``healthcheck``: is the server there, and is it ours? For Docker's HEALTHCHECK and for people."""

from __future__ import annotations

import asyncio
import sys

from .. import PROGRAM
from ..servers.wyoming.client import connect, local
from ..settings import Settings

_TIMEOUT_S = 5.0


async def healthcheck(settings: Settings) -> int:
    """0 if ``describe`` names our program, else 1 and a line that says what is wrong."""
    address = local(settings.wyoming.address)
    try:
        async with asyncio.timeout(_TIMEOUT_S), connect(address) as client:
            answer = await client.describe()
    except TimeoutError:
        return _bad(f"{address} did not answer describe within {_TIMEOUT_S:g} s")
    except OSError as error:
        return _bad(f"{address}: {error.strerror or error}")
    programs = [program.get("name") for program in answer.get("tts", [])]
    if PROGRAM not in programs:
        return _bad(f"{address} is another server: {', '.join(map(str, programs)) or 'no text-to-speech'}")
    sys.stdout.write(f"{address} is healthy\n")
    return 0


def _bad(why: str) -> int:
    sys.stderr.write(f"wyoming-qwen3tts: not healthy: {why}\n")
    return 1
