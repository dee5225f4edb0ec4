"""What a server of OpenAI's speech API answers, as PCM: raw, WAV or server-sent events, told apart by its type."""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from ...errors import Busy, EngineError, without_text
from ...speech.audio_format import FORMAT
from ..ahead import MAX_S

_MAX_LINE = 8 << 20  # of an event
_MAX_HEADER = 4096  # of a WAV


class RefusedByServer(EngineError):
    """The server understood and said no: another request may well succeed."""


class Draining(EngineError):
    """The server takes no new work: it stops, loads, or is not ready again. Others are asked."""


def refusal(status: int, body: bytes, text: str) -> EngineError | Busy:
    """An error status in words, none of them of the ``text`` that was to be spoken. vLLM says
    ``{"error": {"message"}}``, FastAPI ``{"detail"}``."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    words: Any = answer.get("error", answer.get("detail")) if isinstance(answer, dict) else None
    is_busy = status == 429
    if isinstance(words, dict):
        is_busy = is_busy or (status == 503 and words.get("code") == Busy.code)  # a server of our kind
        words = words.get("message")
    reason = without_text(words, text) if isinstance(words, str) and words else "no reason given"
    said = f"it answered {status}: {reason}"[:300]
    if is_busy:
        return Busy(said)
    if status == 503:
        return Draining(said)
    return RefusedByServer(said) if 400 <= status < 500 else EngineError(said)


async def pcm_of(content_type: str, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Whole samples in ``FORMAT``, however the answer was cut.

    Raises:
        EngineError: for anything else than speech, speech in another format, none, or too much.
    """
    kind = content_type.split(";")[0].strip().lower()
    if kind == "text/event-stream":
        source: AsyncIterator[bytes] = _events(chunks)
    elif kind in ("audio/wav", "audio/x-wav", "audio/wave"):
        source = _without_header(chunks)
    elif kind in ("audio/pcm", "audio/l16", "application/octet-stream"):
        source = chunks
    else:
        raise EngineError(f"it answered with {kind or 'something without a type'} instead of speech")
    odd, total = b"", 0
    async for chunk in source:
        chunk = odd + chunk
        whole = len(chunk) - len(chunk) % FORMAT.width
        odd = chunk[whole:]
        total += whole
        if FORMAT.seconds(total) > MAX_S:
            raise EngineError(f"it does not stop speaking: more than {MAX_S:g} s for one sentence")
        if whole:
            yield chunk[:whole]
    if odd:
        raise EngineError("its speech ends within a sample")
    if not total:
        raise EngineError("it made no sound")


async def _without_header(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The samples of a WAV that is written while it is made: its lengths mean nothing (0xFFFFFFFF)."""
    head, started = b"", False
    async for chunk in chunks:
        if started:
            yield chunk
            continue
        head += chunk
        start = _samples_at(head)
        if start is not None:
            started = True
            if head[start:]:
                yield head[start:]
        elif len(head) > _MAX_HEADER:
            raise EngineError("its WAV has no samples")
    if not started:
        raise EngineError("its WAV ended within the header")


def _samples_at(head: bytes) -> int | None:
    """Where the samples begin; None if more has to come."""
    if head[:4] != b"RIFF"[: len(head)] or (len(head) >= 12 and head[8:12] != b"WAVE"):
        raise EngineError("it calls something a WAV that is none")
    at, described = 12, False
    while len(head) >= at + 8:
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"data":
            if not described:
                raise EngineError("its WAV does not say what it holds")
            return at + 8
        if name == b"fmt ":
            if len(head) < at + 24:
                return None
            _check_format(*struct.unpack_from("<HHIIHH", head, at + 8))
            described = True
        at += 8 + size + size % 2
    return None


def _check_format(coding: int, channels: int, rate: int, _: int, __: int, bits: int) -> None:
    if (coding, channels, rate, bits) != (1, FORMAT.channels, FORMAT.rate, 8 * FORMAT.width):
        raise EngineError(
            f"it speaks with {rate} Hz, {channels} channels of {bits} bits; {FORMAT.rate} Hz, one channel of 16 bits "
            "were asked for"
        )


async def _events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The audio inside server-sent events, raw as it was asked for. One that says ``error`` comes with status 200, and
    in the middle."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _MAX_LINE:
            raise EngineError("an event of it is too long")
        for line in lines:
            event = _event(line)
            if event is None:
                continue
            if event.get("type") == "speech.audio.done":
                return
            if event.get("type") == "speech.audio.error":
                error = event.get("error")
                raise EngineError(f"it broke off: {error.get('message') if isinstance(error, dict) else error}"[:300])
            audio = _audio(event)
            if audio:
                yield audio
    raise EngineError("its events ended without the last one")


def _event(line: bytes) -> dict[str, Any] | None:
    """The JSON object of a ``data:`` line; None for any other line."""
    if not line.startswith(b"data:"):
        return None
    data = line[5:].strip()
    if data == b"[DONE]":
        return {"type": "speech.audio.done"}
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise EngineError("an event of it is not JSON")
    return event


def _audio(event: dict[str, Any]) -> bytes:
    try:
        return base64.b64decode(event.get("audio") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise EngineError("the audio of an event is not base64") from None
