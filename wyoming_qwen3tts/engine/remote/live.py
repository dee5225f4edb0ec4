"""Text that is still being written, through vLLM-Omni's WebSocket: ``/v1/audio/speech/stream``, 0.32 and later.

In its commitment mode text is read while sound is made, and spoken as soon as no later text can change how it is said.
It knows English and Chinese. A server of 0.30 takes the same messages and speaks when the text is complete.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any

from ...audio.foreign import ForeignSound
from ...errors import EngineError, first_line
from ...speech.audio_format import FORMAT
from ...util.tasks import cancel_and_wait
from ..ahead import MAX_S
from .response import RefusedByServer

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LANGUAGES = ("en", "zh")  # that it reads while they are written
PATH = "/v1/audio/speech/stream"
_CONNECT_S = 3.0
_MESSAGE_BYTES = 8 << 20


class NotLive(EngineError):
    """The server does not read text that is still being written: it may still speak whole sentences."""


async def live_speech(
    url: str, key: str, config: dict[str, Any], pieces: AsyncIterator[str], stall_s: float
) -> AsyncGenerator[bytes, None]:
    """PCM in ``FORMAT`` of the text in ``pieces``, while it is written. Leaving it closes the socket, which is how the
    server is told to stop. ``config`` is the session's: voice, language and so on.

    Raises:
        NotLive: before the first sound, if the server cannot do this.
        EngineError: for everything else, an ending by length included: its speech is not whole.
        SpeechError: what the text broke off with.
    """
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

    headers = {"Authorization": f"Bearer {key}"} if key else {}
    address = f"ws{url.removeprefix('http')}{PATH}"
    opening = connect(
        address,
        additional_headers=headers,
        open_timeout=_CONNECT_S,
        close_timeout=0.5,
        max_size=_MESSAGE_BYTES,
        proxy=None,
    )
    try:
        async with opening as socket, aclosing(_speech(socket, config, pieces, stall_s)) as speech:
            async for pcm in speech:
                yield pcm
    except InvalidHandshake as error:
        raise NotLive(f"it has no WebSocket for text ({error})") from error
    except ConnectionClosed as error:
        raise EngineError(f"the connection broke ({error})") from error
    except (OSError, InvalidURI) as error:  # a time-out is one
        raise EngineError(f"it cannot be reached ({first_line(error)})") from error


async def _speech(
    socket: ClientConnection, config: dict[str, Any], pieces: AsyncIterator[str], stall_s: float
) -> AsyncGenerator[bytes, None]:
    await socket.send(json.dumps(config | {"type": "session.config"}))
    writing = asyncio.create_task(_write(socket, pieces))
    session = _Session()
    try:
        while not session.is_over:
            if pcm := session.hear(await _next(socket, writing, stall_s)):
                yield pcm
    finally:
        await cancel_and_wait(writing)


class _Session:
    """What the server sends for one text, which it may speak in several parts."""

    def __init__(self) -> None:
        self._sound, self._bytes = ForeignSound(), 0
        self.is_over = False

    def hear(self, message: str | bytes) -> bytes:
        """The sound in a message, none in most that are text.

        Raises:
            EngineError: if something is wrong with it, or the server says so.
        """
        pcm = self._sound.add(message) if isinstance(message, bytes) else self._told(_event(message))
        self._bytes += len(pcm)
        if FORMAT.seconds(self._bytes) > MAX_S:
            raise EngineError(f"it does not stop speaking: more than {MAX_S:g} s for one sentence")
        return pcm

    def _told(self, event: dict[str, Any]) -> bytes:
        match event.get("type"):
            case "audio.start":
                self._sound = ForeignSound(event.get("sample_rate", FORMAT.rate), event.get("channels", 1))
            case "audio.done":
                if event.get("error"):
                    raise EngineError("it broke off before the end of the text")
                return self._sound.close()
            case "error":
                raise _refusal(str(event.get("message"))[:300], is_heard=self._bytes > 0)
            case "session.done":
                if not self._bytes:
                    raise EngineError("it made no sound")
                self.is_over = True
        return b""


async def _write(socket: ClientConnection, pieces: AsyncIterator[str]) -> None:
    from websockets.exceptions import ConnectionClosed

    with suppress(ConnectionClosed):  # whoever reads is told, behind what the server said before
        async for piece in pieces:
            if piece:
                await socket.send(json.dumps({"type": "input.text", "text": piece}))
        await socket.send(json.dumps({"type": "input.done"}))


async def _next(socket: ClientConnection, writing: asyncio.Task[None], stall_s: float) -> str | bytes:
    """The next message. While the text is being written, silence is no stall: it may wait for more of it."""
    receiving = asyncio.ensure_future(socket.recv())
    try:
        await asyncio.wait({receiving, writing}, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            writing.result()  # raises what the text ended with
            await asyncio.wait({receiving}, timeout=stall_s)
            if not receiving.done():
                raise EngineError(f"nothing came for {stall_s:g} s")
        return receiving.result()
    finally:
        receiving.cancel()
        await asyncio.wait({receiving})


def _event(message: str) -> dict[str, Any]:
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise EngineError("a message of it is not JSON")
    return event


def _refusal(words: str, *, is_heard: bool) -> EngineError:
    """Of a session that it cannot serve at all, of one that it will not, or of an attempt that failed."""
    if is_heard or words.startswith("Generation failed"):
        return EngineError(f"it broke off: {words}")
    return NotLive(words) if "text_input_mode" in words or "commitment" in words else RefusedByServer(words)
