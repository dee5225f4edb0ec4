"""A server of OpenAI's speech API on loopback that answers as it is told, down to the bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]
TONE = (b"\x10\x20" * 960) * 4  # 0.16 s
VOICES = {"voices": ["default", "ryan"], "uploaded_voices": [{"name": "grandma"}, {"name": "../x"}, {"name": "ryan"}]}


def head(kind: str, *, status: str = "200 OK", chunked: bool = True, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close"]
    lines += ["Transfer-Encoding: chunked"] if chunked and length is None else []
    lines += [f"Content-Length: {length}"] if length is not None else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def says(*pieces: bytes, kind: str = "audio/pcm", end: bool = True) -> Answer:
    """These pieces, one chunk each; without ``end`` the connection breaks."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head(kind))
        for piece in pieces:
            writer.write(chunk(piece))
            await writer.drain()
            await asyncio.sleep(0)
        if end:
            writer.write(b"0\r\n\r\n")

    return answer


def refuses(status: str, body: Any) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        writer.write(head("application/json", status=status, length=len(raw)) + raw)

    return answer


def hangs(*pieces: bytes) -> Answer:
    """These pieces, then nothing, until the client goes."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(head("audio/pcm"))
        for piece in pieces:
            writer.write(chunk(piece))
        await writer.drain()
        await asyncio.sleep(60)

    return answer


class SpeechServer:
    """``answers`` one a request, the last for good; ``bodies`` is what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers) or [says(TONE)]
        self.health, self.voices_status, self.voices = "200 OK", "200 OK", json.dumps(VOICES)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[bytes] = []
        self.left = asyncio.Event()  # a client went in the middle of its answer
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.headers.append(request)
            if request.startswith(b"POST"):
                length = int(request.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(json.loads(await reader.readexactly(length)))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await self._until_left(answer(writer), reader)
            else:
                raw = b"{}" if request.startswith(b"GET /health") else self.voices.encode()
                status = self.health if request.startswith(b"GET /health") else self.voices_status
                writer.write(head("application/json", status=status, length=len(raw)) + raw)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()

    async def _until_left(self, answer: Any, reader: asyncio.StreamReader) -> None:
        answering, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                self.left.set()
            else:
                answering.result()
        finally:
            answering.cancel()
            leaving.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)


@asynccontextmanager
async def speech_server(*answers: Answer) -> AsyncIterator[SpeechServer]:
    server = SpeechServer(*answers)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
