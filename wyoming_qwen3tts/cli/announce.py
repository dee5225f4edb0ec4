"""``announce``: have the running server play a sentence in the house."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from typing import Any

import httpx

from ..errors import SpeechError
from ..servers.wyoming.client import local
from ..settings import Settings
from ..settings.values import split_key

_CONNECT_S = 5.0
_SPARE_S = 60.0  # for the model to load, on top of the time that an announcement may wait for its turn


async def announce(settings: Settings, chosen: Namespace) -> int:
    """0 once it is heard, or offered at a URL, which is written out.

    Raises:
        SpeechError: if no server answers, or it says why nothing is heard.
    """
    answer = await _asked(settings, _wanted(chosen))
    result = _result(answer)
    if not result.get("ok"):
        raise SpeechError(str((result.get("error") or {}).get("message") or f"HTTP {answer.status_code}"))
    if error := result.get("error"):
        sys.stderr.write(f"wyoming-qwen3tts: not everywhere: {error['message']}\n")
    sys.stdout.write(f"announced {result['id']}{', ' + result['url'] if result['url'] else ''}\n")
    return 0


def _wanted(chosen: Namespace) -> dict[str, Any]:
    """The flags that were given, as `SayPayload` calls them."""
    fields = {name: getattr(chosen, name) for name in ("text", "target", "priority", "volume", "chime")}
    fields["text"] = chosen.text.encode(errors="replace").decode()  # what a terminal sends may be no text
    return {name: value for name, value in fields.items() if value is not None}


async def _asked(settings: Settings, wanted: dict[str, Any]) -> httpx.Response:
    url = _url(settings)
    headers = {}
    if settings.http.api_keys:
        headers["Authorization"] = f"Bearer {split_key(settings.http.api_keys[0].get_secret_value())[1]}"
    timeout = httpx.Timeout(settings.announce.expires_s + _SPARE_S, connect=_CONNECT_S)
    try:
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client, asyncio.timeout(timeout.read):
            return await client.post(url, json=wanted, headers=headers)
    except httpx.ConnectError:
        raise SpeechError(
            f"No server answers at {url}. Start one with `wyoming-qwen3tts serve`, or say where it is: "
            "--http.uri tcp://HOST:PORT"
        ) from None
    except (httpx.TimeoutException, TimeoutError):
        raise SpeechError(f"The server at {url} did not answer in time.") from None
    except httpx.HTTPError as error:
        raise SpeechError(f"The server at {url} broke off: {error or type(error).__name__}") from None


def _url(settings: Settings) -> str:
    if settings.http.address is None:
        raise SpeechError(
            "The server is asked over HTTP, and http.uri is off. Say where it is: --http.uri tcp://HOST:PORT"
        )
    host, port = local(settings.http.address)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1/announce"


def _result(answer: httpx.Response) -> dict[str, Any]:
    try:
        result = answer.json()
    except ValueError:
        result = None
    if not isinstance(result, dict) or "error" not in result:
        raise SpeechError(f"Another program answers at {answer.url} ({answer.status_code}).")
    return result
