"""``POST /v1/audio/speech``: OpenAI's route, which sends the sound while it is made."""

from __future__ import annotations

import base64
import json
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ....audio.encode import MEDIA_TYPES, Encoder, encoder
from ....audio.wav import wav_file
from ....errors import SpeechError
from ....service.reply import Reply
from ....service.service import SpeechService
from ....service.stats import RequestStats
from ....speech.audio_format import FORMAT
from ....speech.text_stream import TextStream
from ...connections import Use
from ..errors import error_body
from ..request import SpeechBody
from ..streaming import ResponseStream, StreamedResponse, used_for
from .engine import EngineControl, keep

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
            async with aclosing(encoder(body.response_format)) as encoding, service.speak(text, options) as speech:
                if body.stream_format == "sse":
                    await _as_events(speech, encoding, outlet, text)
                else:
                    await _as_audio(speech, encoding, outlet, MEDIA_TYPES[body.response_format])

        return StreamedResponse(produce)

    return router


async def _as_audio(speech: Reply, encoding: Encoder, outlet: ResponseStream, media_type: str) -> None:
    """The headers go out with the first sound: what goes wrong before it is told with its own status."""
    async for pcm in speech:
        if not outlet.is_open and media_type == MEDIA_TYPES["wav"] and speech.stats.is_cached:
            await _as_whole(pcm, speech, outlet, media_type)
            return
        encoded = await encoding.add(pcm)
        if not outlet.is_open:
            await outlet.open(media_type, _who(speech.stats))
        await outlet.write(encoded)
    await outlet.write(await encoding.finish())


async def _as_whole(first: bytes, speech: Reply, outlet: ResponseStream, media_type: str) -> None:
    """A recording is all there at once: its WAV says how long it is."""
    pcm = first + b"".join([piece async for piece in speech])
    wav = wav_file(pcm)
    await outlet.open(media_type, _who(speech.stats) | {"Content-Length": str(len(wav))})
    await outlet.write(wav)


async def _as_events(speech: Reply, encoding: Encoder, outlet: ResponseStream, text: TextStream) -> None:
    try:
        async for pcm in speech:
            encoded = await encoding.add(pcm)
            if not outlet.is_open:
                await outlet.open("text/event-stream", _who(speech.stats))
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
    return {"X-TTS-Engine": stats.engine, "X-TTS-Voice": quote(stats.voice), "X-TTS-Language": stats.language}
