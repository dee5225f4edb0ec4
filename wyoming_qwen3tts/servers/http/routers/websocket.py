"""``WS /v1/audio/speech/stream``: text in as a language model writes it, speech out while it is written.

The messages are vLLM-Omni's, and `input.cancel`. Text is spoken as it comes, not sentence by sentence; a socket serves
several utterances, one after the other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import ValidationError
from starlette.websockets import WebSocketState

from ....audio.encode import Format, encoder
from ....errors import BadRequest, SpeechError, UnknownVoice
from ....service.options import SpeechOptions
from ....service.service import SpeechService
from ....settings import Limits
from ....speech.audio_format import FORMAT
from ....speech.text_stream import TextStream
from ....util.tasks import cancel_and_wait
from ...connections import ReadPacer, Use
from ...live_session import LiveSession
from ..auth import KEY_PROTOCOL, Requester
from ..errors import HttpError, error_body, in_words, invalid_voice
from ..foreign_fields import ALIASES
from ..request import ResponseFormat, StyleBody

_ERRORS_MAX = 16  # of one socket; a client that is wrong each time is broken
_NORMAL, _GOING_AWAY, _ABNORMAL, _POLICY = 1000, 1001, 1006, 1008  # RFC 6455


class Config(StyleBody):
    """``session.config``: how the utterances from now on are spoken."""

    type: Literal["session.config"] = "session.config"
    response_format: ResponseFormat = "pcm"
    """Of the binary messages. `pcm` is s16le, mono, 24 kHz."""
    stream_audio: bool = True
    """vLLM-Omni's; audio is always streamed."""


@dataclass(slots=True, eq=False)
class _Utterance:
    """A text that is being written, or waits to be spoken."""

    index: int
    text: TextStream
    options: SpeechOptions
    form: Format


def routes(service: SpeechService, limits: Limits, closing: asyncio.Event) -> APIRouter:
    router = APIRouter()

    @router.websocket("/v1/audio/speech/stream")
    async def stream(websocket: WebSocket) -> None:
        offered = websocket.scope.get("subprotocols", [])
        await websocket.accept(min(offered, key=lambda name: name.startswith(KEY_PROTOCOL), default=None))
        await _Session(websocket, service, limits, closing).run()

    return router


class _Session:
    """One socket, until its client closes it, breaks a rule, or falls silent."""

    def __init__(self, socket: WebSocket, service: SpeechService, limits: Limits, closing: asyncio.Event) -> None:
        self._socket, self._service, self._limits, self._closing = socket, service, limits, closing
        self._client: Requester = socket.state.client
        self._config = Config()
        self._live: LiveSession[_Utterance] = LiveSession(limits.utterances, "utterances of this socket")
        self._speaking: asyncio.Task[None] | None = None
        self._count = self._errors = 0
        self._was_given_up = False  # an utterance whose text the client still writes

    async def run(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                others = [tasks.create_task(self._read_all()), tasks.create_task(self._until_closing())]
                await self._speak_all()
                for task in others:
                    task.cancel()
        except* WebSocketDisconnect:
            pass  # a client that leaves is no news
        else:
            await self._hang_up()

    async def _hang_up(self) -> None:
        try:
            code = _GOING_AWAY if self._closing.is_set() else _POLICY if self._errors >= _ERRORS_MAX else _NORMAL
            await self._socket.close(code)
        except (WebSocketDisconnect, RuntimeError):
            return  # it was faster

    async def _until_closing(self) -> None:
        await self._closing.wait()
        self._finish()

    def _finish(self) -> None:
        """Take nothing more, and end when what was sent so far is spoken."""
        self._live.end_text()
        self._live.finish()

    # -- in

    async def _read_all(self) -> None:
        pacer = ReadPacer(self._socket.state.connection.host)
        while not self._live.is_finishing:
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    message = await self._socket.receive()
            except TimeoutError:
                if self._live.is_speaking:
                    continue
                return self._finish()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            was_text = False
            try:
                was_text = await self._take(_parsed(message))
            except SpeechError as error:
                await self._say(error)
            await pacer.take_turn(len(message.get("text") or message.get("bytes") or ""), is_free=not was_text)
        return None

    async def _take(self, message: dict[str, Any]) -> bool:
        """Whether text was taken, which has limits of its own; everything else costs its sender nothing."""
        match message.get("type"):
            case "session.config":
                self._config, error = self._configured(message)
                if error is not None:
                    raise error
            case "input.text":
                if text := _text(message):
                    (self._live.open or self._begin()).add(text)
                    return True
            case "input.done":
                await self._end_text()
            case "input.cancel":
                if not self._cancel():
                    await self._give(json.dumps({"type": "session.done", "cancelled": True}))
            case "session.close":
                self._finish()
            case other:
                raise BadRequest(f"The message type {str(other)[:64]!r} is not known.", field="type")
        return False

    async def _end_text(self) -> None:
        """The utterance is complete. One without any text is answered at once, as a client waits for that."""
        if self._live.open is not None:
            self._live.end_text()
        elif self._was_given_up:  # it has been told, with its error
            self._was_given_up = False
        else:
            await self._tell("session.done", self._count, cancelled=False, total_sentences=0)
            self._count += 1

    def _configured(self, message: dict[str, Any]) -> tuple[Config, HttpError | None]:
        """What is right of a configuration, and what is wrong with the rest."""
        fields = dict(message)
        wrong: list[SpeechError] = []
        while True:
            try:
                config = Config.model_validate(fields)
                config.options(self._service.catalog, self._client, "websocket")
            except ValidationError as error:
                first = error.errors()[0]
                field = str(first["loc"][0])
                words = in_words(first, field, tuple(Config.model_fields))
                wrong.append(HttpError(400, words, field=field, code="invalid-value"))
            except (BadRequest, HttpError) as error:
                wrong.append(error)
            else:
                break
            names = [name for name in fields if ALIASES.get(name, name) == wrong[-1].field]
            if not names:
                raise wrong[-1]
            for name in names:
                del fields[name]
        if not wrong:
            return config, None
        words, status = " ".join(map(str, wrong)), wrong[0].http_status
        return config, HttpError(status, words, field=wrong[0].field, code=wrong[0].code)

    def _begin(self) -> TextStream:
        self._was_given_up = False
        self._live.check_room()
        options = self._config.options(self._service.catalog, self._client, "websocket")
        text = self._service.open_text()
        self._live.take(_Utterance(self._count, text, options, self._config.response_format))
        self._live.open = text
        self._count += 1
        return text

    def _cancel(self) -> bool:
        """Nothing of what was sent so far is spoken any further. Whether something was being spoken."""
        self._live.drop_waiting()
        return self._speaking is not None and self._speaking.cancel()

    # -- out

    async def _speak_all(self) -> None:
        async for utterance in self._live.orders():
            self._speaking = asyncio.ensure_future(self._speak(utterance))
            self._socket.state.connection.use = Use.SPOKEN
            try:
                await asyncio.wait({self._speaking})
            finally:
                await cancel_and_wait(self._speaking)
            self._live.done(utterance)
            self._socket.state.connection.use = Use.IDLE
            done, self._speaking = self._speaking, None
            if done.cancelled():
                await self._tell("session.done", utterance.index, cancelled=True, total_sentences=0)
                continue
            error = done.exception()
            if isinstance(error, SpeechError):
                if self._live.open is utterance.text:
                    self._live.open, self._was_given_up = None, True
                await self._say(error, utterance)
            elif error is not None:
                raise error
            await self._tell("session.done", utterance.index, cancelled=False, total_sentences=int(error is None))

    async def _speak(self, utterance: _Utterance) -> None:
        sent = 0
        async with (
            aclosing(encoder(utterance.form)) as encoding,
            self._service.speak(utterance.text, utterance.options) as speech,
        ):
            has_begun = False
            async for pcm in speech:
                encoded = await encoding.add(pcm)
                if not has_begun:
                    has_begun, stats = True, speech.stats
                    who = {"voice": stats.voice, "engine": stats.engine, "language": stats.language}
                    if stats.instead_of:
                        who |= {"instead_of": stats.instead_of, "instead_why": stats.instead_why}
                    form = {"format": utterance.form, "sample_rate": FORMAT.rate}
                    await self._tell("audio.start", utterance.index, sentence_index=0, sentence_text="", **form, **who)
                for mark in speech.marks():
                    what = mark.as_json() | {"sample_rate": FORMAT.rate}
                    await self._tell("speech.mark", utterance.index, **what)
                sent += await self._send(encoded)
            sent += await self._send(await encoding.finish())
        await self._tell("audio.done", utterance.index, sentence_index=0, total_bytes=sent, error=False)

    async def _send(self, encoded: bytes) -> int:
        if encoded:
            await self._give(encoded)
        return len(encoded)

    async def _give(self, what: str | bytes) -> None:
        """All that is sent. Raises WebSocketDisconnect if the client is gone, however often that was said before."""
        if self._socket.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnect(_ABNORMAL)
        await (self._socket.send_text(what) if isinstance(what, str) else self._socket.send_bytes(what))

    async def _tell(self, kind: str, index: int, /, **what: Any) -> None:
        await self._give(json.dumps({"type": kind, "utterance_index": index, **what}))

    async def _say(self, error: SpeechError, utterance: _Utterance | None = None) -> None:
        error = invalid_voice(error) if isinstance(error, UnknownVoice) else error
        index = {} if utterance is None else {"utterance_index": utterance.index}
        message = {"type": "error", "message": str(error), **index, **error_body(error)}
        await self._give(json.dumps(message))
        self._errors += 1
        if self._errors >= _ERRORS_MAX:
            self._cancel()
            self._finish()


def _parsed(message: MutableMapping[str, Any]) -> dict[str, Any]:
    text = message.get("text")
    if text is None:
        raise BadRequest("Messages are JSON in text frames; binary ones are for audio, which comes from here.")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The message is not JSON.") from None
    if not isinstance(parsed, dict):
        raise BadRequest('The message must be an object such as {"type": "input.text", "text": "Hello."}.')
    return parsed


def _text(message: dict[str, Any]) -> str:
    text = message.get("text")
    if not isinstance(text, str):
        raise BadRequest("input.text needs a 'text' that is a string.", field="text")
    return text
