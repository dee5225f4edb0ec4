"""One connection to a Wyoming server that speaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from wyoming.event import Event

from ...audio.foreign import ForeignSound
from ...errors import EngineError, ProtocolError, first_line, without_text
from ...speech.audio_format import FORMAT
from ...speech.wyoming_framing import FrameLimits, encode_event, read_event
from ...util.tasks import cancel_and_wait
from ..ahead import MAX_S

CONNECT_S = 2.0
_LINE_BYTES = 1 << 20
_INFO_S = 5.0
#: How long one sentence may take in all, however slowly its sound drips.
_SENTENCE_S = 2 * MAX_S


class RefusedByServer(EngineError):
    """The server understood and said no: another text or voice may well be spoken."""


class Gone(EngineError):
    """The connection ended before the server said anything: it may have been closed long before it was used."""


class Connection:
    """For one thing at a time. What goes wrong leaves it unusable: `close` it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stall_s: float) -> None:
        self._reader, self._writer, self._stall_s = reader, writer, stall_s
        self._limits = FrameLimits(data_bytes=4 << 20, payload_bytes=4 << 20, event_s=stall_s)
        self.is_idle = True  # it waits for the next request
        self.is_used = False  # it has answered one: the server may have closed it since

    @classmethod
    async def open(cls, host: str, port: int, stall_s: float) -> Connection:
        """A new one.

        Raises:
            EngineError: in words, if there is none to be had.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(host, port, limit=_LINE_BYTES)
        except TimeoutError:
            raise EngineError(f"it cannot be reached within {CONNECT_S:g} s") from None
        except (OSError, UnicodeError) as error:
            raise EngineError(f"it cannot be reached ({first_line(error)})") from error
        return cls(reader, writer, stall_s)

    @property
    def is_closed(self) -> bool:
        """The server has hung up, as far as is known."""
        return self._writer.is_closing() or self._reader.at_eof()

    def close(self) -> None:
        """Hang up, which is how the server is told to stop."""
        self._writer.close()

    async def describe(self) -> dict[str, Any]:
        """The data of its ``info``.

        Raises:
            EngineError: if it answers anything else, or nothing.
        """
        self.is_idle = False
        await self._send(Event("describe"))
        until = asyncio.get_running_loop().time() + _INFO_S
        while (event := await self._next(until, f"it did not answer describe within {_INFO_S:g} s")).type != "info":
            pass
        self.is_idle = self.is_used = True
        return event.data

    async def speak(self, text: str, voice: dict[str, str], mark: dict[str, Any]) -> AsyncGenerator[bytes, None]:
        """The sound of ``text`` in ``FORMAT``. ``mark`` is further data of the request.

        Raises:
            EngineError: if it says no, breaks off, stalls, does not end, or makes no sound.
        """
        self.is_idle = False
        await self._send(Event("synthesize", {"text": text, "voice": voice, **mark}))
        async with aclosing(self._sound("audio-stop", text, None)) as sound:
            async for pcm in sound:
                yield pcm
        self.is_idle = self.is_used = True

    async def speak_live(
        self, pieces: AsyncIterator[str], voice: dict[str, str], mark: dict[str, Any]
    ) -> AsyncGenerator[bytes, None]:
        """The same for a text that is still being written. The connection is not used again: wyoming-piper 2.5 ignores
        plain requests behind a stream.

        Raises:
            EngineError: as `speak`.
        """
        self.is_idle = False
        await self._send(Event("synthesize-start", {"voice": voice, **mark}))
        written: list[str] = []
        writing = asyncio.create_task(self._write(pieces, written))
        try:
            async with aclosing(self._sound("synthesize-stopped", written, writing)) as sound:
                async for pcm in sound:
                    yield pcm
        finally:
            await cancel_and_wait(writing)

    # -- below

    async def _write(self, pieces: AsyncIterator[str], written: list[str]) -> None:
        async for piece in pieces:
            if piece:
                written.append(piece)
                await self._send(Event("synthesize-chunk", {"text": piece}))
        await self._send(Event("synthesize-stop"))

    async def _sound(
        self, last: str, text: str | list[str], writing: asyncio.Task[None] | None
    ) -> AsyncGenerator[bytes, None]:
        """What is heard until the event ``last``. While the text is being written, silence is no stall."""
        loop, heard = asyncio.get_running_loop(), _Heard(text)
        began = moved = loop.time()
        while True:
            event = await self._next_while(writing, moved, began)
            if writing is not None and not writing.done():
                began = loop.time()
            pcm = heard.take(event)
            if event.type in ("audio-start", "audio-chunk"):
                moved = loop.time()
            if pcm:
                yield pcm
            if event.type == last:
                break
        if not heard.bytes:
            raise EngineError("it made no sound")

    async def _next_while(self, writing: asyncio.Task[None] | None, moved: float, began: float) -> Event:
        """The next event, which has to come in time once all of the text is there."""
        loop = asyncio.get_running_loop()
        if writing is not None and not writing.done():
            first = asyncio.ensure_future(self._reader.read(1))
            try:
                await asyncio.wait({first, writing}, return_when=asyncio.FIRST_COMPLETED)
                if not first.done():
                    writing.result()  # raises what the text ended with
                    moved = began = loop.time()
                    async with asyncio.timeout(self._stall_s):
                        await first
                return await self._rest(first.result())
            except TimeoutError:
                raise EngineError(f"nothing came for {self._stall_s:g} s") from None
            finally:
                await cancel_and_wait(first)
        if writing is not None:
            writing.result()
        if loop.time() > began + _SENTENCE_S:
            raise EngineError(f"one sentence took it longer than {_SENTENCE_S:g} s")
        return await self._next(moved + self._stall_s, f"nothing came for {self._stall_s:g} s")

    async def _next(self, until: float, late: str) -> Event:
        try:
            async with asyncio.timeout_at(until):
                return await self._rest(await self._reader.read(1))
        except TimeoutError:
            raise EngineError(late) from None
        except OSError as error:
            raise Gone(f"the connection broke ({first_line(error)})") from error

    async def _rest(self, first: bytes) -> Event:
        if not first:
            raise Gone("it hung up")
        try:
            return await read_event(first, self._reader, self._limits)
        except EOFError:
            raise EngineError("it hung up within an event") from None
        except ProtocolError as error:
            raise EngineError(f"it does not speak Wyoming's protocol: {error}") from error
        except OSError as error:
            raise EngineError(f"the connection broke ({first_line(error)})") from error

    async def _send(self, event: Event) -> None:
        try:
            self._writer.write(encode_event(event))
            async with asyncio.timeout(self._stall_s):
                await self._writer.drain()
        except TimeoutError:
            raise EngineError(f"it read nothing for {self._stall_s:g} s") from None
        except OSError as error:
            with contextlib.suppress(OSError):
                self._writer.close()
            raise Gone(f"the connection broke ({first_line(error)})") from error


class _Heard:
    """The sound in a server's events, which may come in several parts. ``text`` is what it was given."""

    def __init__(self, text: str | list[str]) -> None:
        self._text = text
        self._sound: ForeignSound | None = None
        self.bytes = 0  # in ``FORMAT``

    def take(self, event: Event) -> bytes:
        """The sound in ``event``, none in most.

        Raises:
            EngineError: if something is wrong with it, or the server says so.
        """
        pcm = b""
        match event.type:
            case "audio-start":
                self._sound = _format(event.data)
            case "audio-chunk" if event.payload:
                self._sound = self._sound or _format(event.data)
                pcm = self._sound.add(event.payload)
            case "audio-stop" if self._sound is not None:
                pcm, self._sound = self._sound.close(), None
            case "error":
                said = without_text(str(event.data.get("text"))[:300], "".join(self._text))
                raise RefusedByServer(f"it said: {said}")
        self.bytes += len(pcm)
        if FORMAT.seconds(self.bytes) > MAX_S:
            raise EngineError(f"it does not stop speaking: more than {MAX_S:g} s for one sentence")
        return pcm


def _format(data: dict[str, Any]) -> ForeignSound:
    return ForeignSound(data.get("rate"), data.get("channels", 1), data.get("width", 2))
