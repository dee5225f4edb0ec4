"""A server of OpenAI's speech API on loopback that answers as it is told, down to the bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

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


class LiveSocket:
    """A WebSocket's server side: messages in, messages out; None where the client has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = ServerProtocol()
        self._protocol.receive_data(request)
        (asked,) = self._protocol.events_received()
        assert isinstance(asked, Request)
        self._protocol.send_response(self._protocol.accept(asked))
        self._messages: list[dict[str, Any]] = []

    async def send(self, *messages: dict[str, Any] | bytes) -> None:
        for message in messages:
            if isinstance(message, bytes):
                self._protocol.send_binary(message)
            else:
                self._protocol.send_text(json.dumps(message).encode())
        await self.flush()

    async def flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._writer.write(data)
        await self._writer.drain()

    async def read(self) -> dict[str, Any] | None:
        await self.flush()
        while not self._messages:
            data = await self._reader.read(65_536)
            if not data:
                return None
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self._messages.append(json.loads(bytes(event.data)))
                elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                    await self.flush()
                    return None
            await self.flush()
        return self._messages.pop(0)


Live = Callable[[LiveSocket, dict[str, Any]], Awaitable[None]]  # given the socket and the session's configuration


class SpeechServer:
    """``answers`` one a request, the last for good; ``bodies`` is what was asked. ``live`` serves its WebSocket; None:
    it has none."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers) or [says(TONE)]
        self.health, self.voices_status, self.voices = "200 OK", "200 OK", json.dumps(VOICES)
        self.health_body = b"{}"
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[bytes] = []
        self.live: Live | None = None
        self.sessions: list[dict[str, Any]] = []
        self.left = asyncio.Event()  # a client went in the middle of its answer
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            self.headers.append(request)
            if b"upgrade: websocket" in request.lower() and self.live is not None:
                await self._serve_live(LiveSocket(reader, writer, request), self.live)
            elif request.startswith(b"GET /v1/audio/speech/stream"):
                writer.write(head("application/json", status="404 Not Found", length=2) + b"{}")
            elif request.startswith(b"POST"):
                length = int(request.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                self.bodies.append(json.loads(await reader.readexactly(length)))
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                await self._until_left(answer(writer), reader)
            else:
                raw = self.health_body if request.startswith(b"GET /health") else self.voices.encode()
                status = self.health if request.startswith(b"GET /health") else self.voices_status
                writer.write(head("application/json", status=status, length=len(raw)) + raw)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.left.set()
        finally:
            writer.close()

    async def _serve_live(self, socket: LiveSocket, live: Live) -> None:
        config = await socket.read()
        if config is not None:
            self.sessions.append(config)
            await live(socket, config)
            await socket.flush()

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
