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
from ...monitoring.logs import StrangerLog, quoted
from ...service.options import SpeechOptions
from ...service.service import SpeechService
from ...settings import Limits
from ...speech.audio_format import AudioFormat
from ...speech.text_stream import TextStream
from ...speech.wyoming_framing import FrameLimits, encode_event, read_sized_event
from ..connections import LINGER_S, ReadPacer, peer_errors, refuse_and_close
from ..live_session import LiveSession

log = logging.getLogger(__name__)

_VIA_MAX, _NAME_CHARS = 8, 64  # of the servers that a request came through


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """One reply to be spoken."""

    text: TextStream
    options: SpeechOptions
    streaming: bool


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What all sessions of a server share: ``info`` answers ``describe``, ``sound`` tells the format of a reply."""

    service: SpeechService
    limits: Limits
    info: Callable[[], bytes]
    sound: Callable[[], AudioFormat]
    strangers: StrangerLog


class Session:
    """Serves one peer until it closes, or breaks a rule."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        context: SessionContext,
        *,
        host: str = "",
        may_speak: Callable[[], bool] = lambda: True,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._service, self._limits, self._info = context.service, context.limits, context.info
        self._sound, self._strangers = context.sound, context.strangers
        limits = context.limits
        self._frame_limits = FrameLimits(limits.data_bytes, limits.payload_bytes, limits.event_s)
        self._host, self._may_speak = host, may_speak
        self._live: LiveSession[_Order] = LiveSession(limits.utterances, "requests of this connection")
        self._stopping = False  # the server is
        self.has_spoken_up = False  # whether the peer has sent an event
        self.since = asyncio.get_running_loop().time()  # when its last reply began or ended, or it was connected
        self.is_refused = False  # others need its place

    @property
    def is_speaking(self) -> bool:
        """Whether the peer is spoken to, or waits for it."""
        return self._live.is_speaking

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
                self._live.finish()  # hung up in mid-sentence: what there is is spoken, if it still listens
        except* SpeechError as errors:
            await self._say_why(_first(errors))
        except* ConnectionError:
            log.debug("wyoming: the peer went away")
        except* Exception:  # a bug here must not reach the other sessions
            log.exception("wyoming: internal error, connection closed")

    async def _hang_up(self) -> None:
        """Close, and let what is still buffered go out, but not for ever: the peer may have stopped reading."""
        self._writer.close()
        try:
            async with asyncio.timeout(self._limits.write_stall_s):
                with peer_errors():
                    await self._writer.wait_closed()
        except TimeoutError:
            self._writer.transport.abort()
        except ConnectionError:
            log.debug("wyoming: the peer was gone before the end")

    def finish(self) -> None:
        """Take no further order; end when what is being spoken is spoken."""
        self._stopping = True
        self._live.finish()

    def refuse(self) -> None:
        """End at once, as others need the place."""
        self.is_refused = True
        self._reader.set_exception(Busy("Too many connections, and others want one. Try again soon."))
        # Whoever reads nothing must not keep it open.
        asyncio.get_running_loop().call_later(2 * LINGER_S, self._writer.transport.abort)

    # -- in

    async def _read_all(self) -> None:
        pacer = ReadPacer(self._host, self._writer.transport)
        await pacer.begin()
        while first := await self._first_byte():
            try:
                with peer_errors():
                    event, size = await read_sized_event(first, self._reader, self._frame_limits)
            except EOFError:
                return
            self.has_spoken_up = True
            was_text = await self._handle(event)
            await pacer.take_turn(size, is_free=not was_text)

    async def _first_byte(self) -> bytes:
        """The next event's first byte; nothing at the peer's end, or after ``idle_s`` in which nothing was spoken."""
        while True:
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    with peer_errors():
                        return await self._reader.read(1)
            except TimeoutError:
                if not self._live.is_speaking:
                    return b""

    async def _handle(self, event: Event) -> bool:
        """Whether text was taken, which has limits of its own; everything else costs its sender nothing."""
        data: dict[str, Any] = event.data
        match event.type:
            case "describe":
                await self._send(self._info())  # as bytes: it is asked for by everyone, every 30 s
            case "ping":
                text = data.get("text")
                await self._send(Pong(text if isinstance(text, str) else None).event())
            case "synthesize" if (
                self._live.open is None
            ):  # inside a stream it is the same text again, for older servers
                self._take(_Order(self._service.whole_text(_text(data)), self._options(data), streaming=False))
                return True
            case "synthesize-start":
                if self._live.open is not None:
                    raise BadRequest("synthesize-start came twice; send synthesize-stop first.")
                stream = self._service.open_text()
                self._take(_Order(stream, self._options(data), streaming=True))
                self._live.open = stream
            case "synthesize-chunk" if self._live.open is not None:
                self._live.open.add(text := _text(data))
                return bool(text)
            case "synthesize-stop" if self._live.open is not None:
                self._live.end_text()
            case _:  # newer clients send events that we do not know; closing on them broke Home Assistant 2025.8
                log.debug("wyoming: ignored %s", quoted(event.type))
        return False

    def _take(self, order: _Order) -> None:
        if self._stopping:
            raise Busy("The server is stopping.")
        if not (self._live.is_speaking or self._may_speak()):
            raise Busy("Too many connections speak at the moment. Try again soon.")
        self._live.take(order)

    def _options(self, data: dict[str, Any]) -> SpeechOptions:
        return replace(_wish(data), host=self._host)

    # -- out

    async def _speak_all(self) -> None:
        async for order in self._live.orders():
            self.since = asyncio.get_running_loop().time()
            await self._speak(order)
            self._live.done(order)
            self.since = asyncio.get_running_loop().time()
        if self._stopping:
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

    async def _send(self, event: Event | bytes) -> None:
        self._writer.write(event if isinstance(event, bytes) else encode_event(event))
        try:
            async with asyncio.timeout(self._limits.write_stall_s):
                with peer_errors():
                    await self._writer.drain()
        except TimeoutError:
            raise Stalled(f"The listener read nothing for {self._limits.write_stall_s:g} s.") from None

    async def _say_why(self, error: SpeechError) -> None:
        """Tell, then hang up: Home Assistant shows the `error`, and waits for nothing after the end of a connection."""
        level = logging.DEBUG if self.is_refused else logging.INFO
        said = "wyoming: closed a connection of %s, %s: %s"
        self._strangers.tell(self._host, f"wyoming: {error.code}", said, self._host, error.code, error, level=level)
        if isinstance(error, Stalled):
            self._writer.transport.abort()
            return
        await refuse_and_close(self._writer.transport, encode_event(Error(str(error), error.code).event()))


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
    name = fields["name"] or fields["speaker"]
    return SpeechOptions(
        name, fields["language"], ssml=form == "ssml", fills_pauses=True, server="wyoming", via=_via(data.get("via"))
    )


def _via(names: Any) -> tuple[str, ...]:
    """Which servers of our kind the request came through: that of another kind says nothing of it."""
    if not isinstance(names, list):
        return ()
    return tuple(name[:_NAME_CHARS] for name in names[-_VIA_MAX:] if isinstance(name, str))
