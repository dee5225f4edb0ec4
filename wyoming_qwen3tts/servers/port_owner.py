"""Whether it is a server of our kind that has a port."""

from __future__ import annotations

import asyncio

from .. import PROGRAM
from ..errors import ProtocolError
from ..settings import Address
from .wyoming.client import connect, local

_ANSWER_S = 8.0


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
        told = httpx.get(url, timeout=answer_s, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    # Many a server has this address; the name is ours.
    return isinstance(told, dict) and told.get("program") == PROGRAM
