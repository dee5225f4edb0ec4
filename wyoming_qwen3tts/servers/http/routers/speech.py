"""``POST /v1/audio/speech``: OpenAI's route, which sends the sound while it is made."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ....audio.encode import MEDIA_TYPES, Encoder, Format, encoder, whole_file
from ....errors import SpeechError, UnknownVoice
from ....service.reply import Reply
from ....service.service import SpeechService
from ....service.stats import RequestStats
from ....speech.audio_format import FORMAT
from ....speech.text_stream import TextStream
from ....util.tasks import cancel_and_wait
from ...connections import Use
from ..errors import error_body, invalid_voice
from ..request import SpeechBody
from ..streaming import ResponseStream, StreamedResponse, used_for
from .engine import EngineControl, keep

_TURNS = 10  # of the event loop; what takes longer than that was waited for
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_CONTENT: dict[str, Any] = dict.fromkeys(MEDIA_TYPES.values(), _BINARY) | {"text/event-stream": {}}


def routes(service: SpeechService, control: EngineControl | None) -> APIRouter:
    """The route, spoken by ``service``."""
    router = APIRouter(tags=["speech"])

    @router.post(
        "/v1/audio/speech",
        summary="Speak a text",
        response_class=StreamedResponse,
        responses={200: {"description": "The speech, as it is made.", "content": _CONTENT}},
    )
    async def speak(body: SpeechBody, request: Request) -> Response:
        options = body.options(service.catalog, request.state.client, "http")
        text = service.whole_text(body.input)
        keep(control, body.keep_alive)
        used_for(request, Use.SPOKEN)

        async def produce(outlet: ResponseStream) -> None:
            outlet.headers = {"X-TTS-Ignored": ", ".join(body.ignored)} if body.ignored else {}
            try:
                async with aclosing(encoder(body.response_format)) as encoding, service.speak(text, options) as speech:
                    if body.stream_format == "sse":
                        await _as_events(speech, encoding, outlet, text)
                    else:
                        await _as_audio(speech, encoding, outlet, body.response_format)
            except UnknownVoice as error:
                raise invalid_voice(error) from None
            except SpeechError:
                # Told as the last event. The response ends as others do: browsers drop what they have not read of one
                # that is cut, and the reason with it.
                if not (body.stream_format == "sse" and outlet.is_open):
                    raise

        return StreamedResponse(produce)

    return router


async def _as_audio(speech: Reply, encoding: Encoder, outlet: ResponseStream, form: Format) -> None:
    """The headers go out with the first sound: what goes wrong before it is told with its own status. What is all there
    by then has its length."""
    beginning = _Beginning(speech)
    try:
        pcm = b"".join(await beginning.pieces())
        if beginning.is_whole:
            body = await _whole_file(pcm, encoding, form)
            await outlet.open(MEDIA_TYPES[form], _who(speech.stats) | {"Content-Length": str(len(body))})
            await outlet.write(body)
            return
        encoded = await encoding.add(pcm)
        await outlet.open(MEDIA_TYPES[form], _who(speech.stats))
        await outlet.write(encoded)
        async for piece in beginning.rest():
            await outlet.write(await encoding.add(piece))
        await outlet.write(await encoding.finish())
    finally:
        await beginning.aclose()


class _Beginning:
    """As much of a reply as is there with its first sound, without waiting for anything."""

    def __init__(self, speech: Reply) -> None:
        self._speech = speech
        self._step: asyncio.Task[bytes | None] | None = None  # towards the next piece
        self.is_whole = False

    async def pieces(self) -> list[bytes]:
        """The first piece; all of them if it is a recording, or one segment that an engine made in one go."""
        speech = self._speech
        pieces = [await anext(speech)]
        if speech.stats.is_cached:
            pieces += [piece async for piece in speech]
            self.is_whole = True
        is_one_segment = not self.is_whole and await speech.is_one_segment()
        while is_one_segment and not self.is_whole:
            self._step = asyncio.ensure_future(self._next())
            for _ in range(_TURNS):
                if not self._step.done():
                    await asyncio.sleep(0)
            if not self._step.done():
                break
            piece, self._step = self._step.result(), None
            self.is_whole = piece is None
            pieces += [] if piece is None else [piece]
        return pieces

    async def rest(self) -> AsyncIterator[bytes]:
        if self._step is not None:
            piece = await self._step
            if piece is None:
                return
            yield piece
        async for piece in self._speech:
            yield piece

    async def _next(self) -> bytes | None:
        return await anext(self._speech, None)

    async def aclose(self) -> None:
        await cancel_and_wait(self._step)


async def _whole_file(pcm: bytes, encoding: Encoder, form: Format) -> bytes:
    if form == "aac":
        return await encoding.add(pcm) + await encoding.finish()
    return await asyncio.to_thread(whole_file, pcm, form)


async def _as_events(speech: Reply, encoding: Encoder, outlet: ResponseStream, text: TextStream) -> None:
    try:
        async for pcm in speech:
            encoded = await encoding.add(pcm)
            if not outlet.is_open:
                await outlet.open("text/event-stream", _who(speech.stats))
            for mark in speech.marks():
                await outlet.write(event({"type": "speech.mark", **mark.as_json(), "sample_rate": FORMAT.rate}))
            await outlet.write(_delta(encoded))
        await outlet.write(_delta(await encoding.finish()))
    except SpeechError as error:
        if not outlet.is_open:
            raise
        await outlet.write(event({"type": "error", **error_body(error)}))
        raise
    spoken, heard = -(-text.chars // 4), -(-speech.stats.audio_bytes // FORMAT.frame_bytes)
    usage = {"input_tokens": spoken, "output_tokens": heard, "total_tokens": spoken + heard}
    await outlet.write(event({"type": "speech.audio.done", "usage": usage}))


def _delta(encoded: bytes) -> bytes:
    if not encoded:
        return b""
    return event({"type": "speech.audio.delta", "audio": base64.b64encode(encoded).decode()})


def event(what: dict[str, Any]) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(what, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def _who(stats: RequestStats) -> dict[str, str]:
    """Voices have names in any script, headers have not."""
    who = {"X-TTS-Engine": stats.engine, "X-TTS-Voice": quote(stats.voice), "X-TTS-Language": stats.language}
    if not stats.instead_of:
        return who
    return who | {"X-TTS-Instead-Of": quote(stats.instead_of), "X-TTS-Instead-Why": stats.instead_why}
