"""One connection: text in on one side while audio goes out on the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Pong
from wyoming.tts import SynthesizeStopped

from ...audio.pcm import in_channels
from ...errors import BadRequest, Busy, SpeechError, Stalled
from ...monitoring.logs import quoted
from ...service.options import SpeechOptions
from ...service.service import SpeechService
from ...settings import Limits
from ...speech.audio_format import FORMAT, AudioFormat
from ...speech.text_stream import TextStream
from .framing import FrameLimits, encode_event, read_event

log = logging.getLogger(__name__)

_LINGER_S = 1.0  # how long what a refused peer still sends is read, so that a reset cannot overtake our `error`


@dataclass(frozen=True, slots=True)
class _Order:
    """One reply to be spoken."""

    text: TextStream
    options: SpeechOptions
    streaming: bool


class Session:
    """Serves one peer until it closes, or breaks a rule."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        service: SpeechService,
        limits: Limits,
        info: Callable[[], Event],
        *,
        may_speak: bool = True,
        sound: Callable[[], AudioFormat] = lambda: FORMAT,
    ) -> None:
        self._reader, self._writer, self._service, self._limits, self._info = reader, writer, service, limits, info
        self._sound = sound
        self._frame_limits = FrameLimits(limits.data_bytes, limits.payload_bytes, limits.event_s)
        self._may_speak = may_speak
        self._orders: asyncio.Queue[_Order | None] = asyncio.Queue()
        self._open: TextStream | None = None  # the stream between synthesize-start and synthesize-stop
        self._unfinished = 0  # orders taken and not yet spoken to their end
        self._closing = False  # no further order is taken
        self.has_spoken_up = False  # whether the peer has sent an event

    @property
    def is_speaking(self) -> bool:
        return self._unfinished > 0

    async def run(self) -> None:
        """Serve. Whatever happens, nothing of the connection is left behind."""
        try:
            await self._serve()
        except asyncio.CancelledError:  # the server has no more time: what is still buffered is dropped
            self._writer.transport.abort()
            raise
        finally:
            await self._hang_up()

    async def _serve(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._speak_all())
                await self._read_all()
                if self._open is not None:
                    self._open.close()  # hung up in mid-sentence: speak what there is, if it still listens
                self._orders.put_nowait(None)
        except* SpeechError as errors:
            await self._say_why(_first(errors))
        except* ConnectionError:
            log.debug("wyoming: the peer went away")
        except* (
            Exception
        ):  # one of the three places that may catch everything: a bug here must not reach the other sessions
            log.exception("wyoming: internal error, connection closed")

    async def _hang_up(self) -> None:
        """Close, and let what is still buffered go out, but not for ever: the peer may have stopped reading."""
        self._writer.close()
        try:
            async with asyncio.timeout(self._limits.write_stall_s):
                await self._writer.wait_closed()
        except ConnectionError:
            log.debug("wyoming: the peer was gone before the end")
        except TimeoutError:
            self._writer.transport.abort()

    def finish(self) -> None:
        """Take no further order; end when what is being spoken is spoken."""
        self._closing = True
        if self._open is not None:
            self._open.close()
        self._orders.put_nowait(None)

    def refuse(self) -> None:
        """End at once, as others need the place."""
        self._writer.transport.write(
            encode_event(Error("Too many connections; this one said nothing.", Busy.code).event())
        )
        self._writer.close()

    # -- in
    # -------------------------------------------------------------------------------------------------------------

    async def _read_all(self) -> None:
        while first := await self._first_byte():
            try:
                event = await read_event(first, self._reader, self._frame_limits)
            except EOFError:
                return
            self.has_spoken_up = True
            await self._handle(event)

    async def _first_byte(self) -> bytes:
        """The next event's first byte; nothing at the peer's end, or after ``idle_s`` in which nothing was spoken."""
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    return await self._reader.read(1)
            except TimeoutError:
                if not self.is_speaking:
                    return b""

    async def _handle(self, event: Event) -> None:
        data: dict[str, Any] = event.data
        match event.type:
            case "describe":
                await self._send(self._info())
            case "ping":
                text = data.get("text")
                await self._send(Pong(text if isinstance(text, str) else None).event())
            case "synthesize" if self._open is None:  # inside a stream it is the same text again, for older servers
                self._take(_Order(self._service.whole_text(_text(data)), _wish(data), streaming=False))
            case "synthesize-start":
                if self._open is not None:
                    raise BadRequest("synthesize-start came twice; send synthesize-stop first.")
                stream = self._service.open_text()
                self._take(_Order(stream, _wish(data), streaming=True))
                self._open = stream
            case "synthesize-chunk" if self._open is not None:
                self._open.add(_text(data))
            case "synthesize-stop" if self._open is not None:
                self._open.close()
                self._open = None
            case _:  # newer clients send events that we do not know; closing on them broke Home Assistant 2025.8
                log.debug("wyoming: ignored %s", quoted(event.type))

    def _take(self, order: _Order) -> None:
        if self._closing or not self._may_speak:
            raise Busy(
                "The server is stopping."
                if self._closing
                else "Too many connections speak at the moment. Try again soon."
            )
        if self._unfinished >= self._limits.utterances:
            raise Busy(f"{self._limits.utterances} requests of this connection wait already.")
        self._unfinished += 1
        self._orders.put_nowait(order)

    # -- out
    # ------------------------------------------------------------------------------------------------------------

    async def _speak_all(self) -> None:
        while (order := await self._orders.get()) is not None:
            await self._speak(order)
            self._unfinished -= 1
        if self._closing:
            raise ConnectionAbortedError("stopping")  # ends the reading side too

    async def _speak(self, order: _Order) -> None:
        audio = self._sound()  # asked once: a reply keeps its format
        async with self._service.speak(order.text, replace(order.options, rate=audio.rate)) as stream:
            # At once, not with the first sound: Home Assistant starts its converter on it.
            await self._send(AudioStart(audio.rate, audio.width, audio.channels).event())
            async for pcm in stream:
                await self._send(
                    AudioChunk(audio.rate, audio.width, audio.channels, in_channels(pcm, audio.channels)).event()
                )
        await self._send(AudioStop().event())
        if order.streaming:
            await self._send(SynthesizeStopped().event())

    async def _send(self, event: Event) -> None:
        self._writer.write(encode_event(event))
        try:
            async with asyncio.timeout(self._limits.write_stall_s):
                await self._writer.drain()
        except TimeoutError:
            raise Stalled(f"The listener read nothing for {self._limits.write_stall_s:g} s.") from None

    async def _say_why(self, error: SpeechError) -> None:
        """Tell, then hang up: Home Assistant shows the `error`, and waits for nothing after the end of a connection."""
        log.info("wyoming: closed a connection, %s: %s", error.code, error)
        if isinstance(error, Stalled):
            self._writer.transport.abort()
            return
        try:
            self._writer.write(encode_event(Error(str(error), error.code).event()))
            self._writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                while await self._reader.read(1 << 16):
                    pass
        except (TimeoutError, ConnectionError):
            log.debug("wyoming: the peer did not wait for the reason")


def _first(group: BaseExceptionGroup[SpeechError]) -> SpeechError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, SpeechError)  # noqa: S101  for the type checker: `except*` lets nothing else in
    return error


def _text(data: dict[str, Any]) -> str:
    text = data.get("text")
    if not isinstance(text, str):
        raise BadRequest('The event needs a "text" that is a string.')
    return text


def _wish(data: dict[str, Any]) -> SpeechOptions:
    """Voice and form, read from the raw data: the library's own class drops the language where there is a name."""
    voice = data.get("voice")
    if voice is None:
        voice = {}
    if not isinstance(voice, dict):
        raise BadRequest('"voice" must be an object such as {"name": "builtin-en"}.')
    fields = {key: voice.get(key) for key in ("name", "language", "speaker")}
    for key, value in fields.items():
        if value is not None and not isinstance(value, str):
            raise BadRequest(f'"voice.{key}" must be a string.')
    form = data.get("text_format")
    if form not in (None, "", "text", "ssml"):
        raise BadRequest(f'The text_format {quoted(str(form))} is not known; send "text" or "ssml".')
    return SpeechOptions(fields["name"] or fields["speaker"], fields["language"], ssml=form == "ssml", server="wyoming")
