"""A program that sends without end: ``flooder.py PORT KIND CONNECTIONS``. It reads what comes, as fast as it can."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys

CHUNK = b'{"type": "synthesize-chunk", "data": {"text": ""}}\n'
START = b'{"type": "synthesize-start", "data": {}}\n'
WYOMING = {
    "describe": b'{"type": "describe"}\n',
    "ping": b'{"type": "ping"}\n',
    "unknown": b'{"type": "sing"}\n',
    "big": b'{"type": "sing", "data_length": 200000}\n' + json.dumps({"a": [{}] * 49_990}).encode().ljust(200_000),
    "stray": b'{"type": "synthesize-stop"}\n',
    "empty": START + CHUNK * 1000,
    "again": START + b'{"type": "synthesize", "data": {"text": "In a stream."}}\n' * 1000,
}
CANCEL = b'{"type": "input.cancel"}'
WEBSOCKET = {
    "cancel": (0x81, CANCEL),
    "config": (0x81, b'{"type": "session.config"}'),
    "ws-ping": (0x89, b""),
}


def frame(opcode: int, payload: bytes) -> bytes:
    """As a client sends it, with a mask of zeros."""
    return bytes([opcode, 0x80 | len(payload)]) + bytes(4) + payload


def upgrade(port: int) -> bytes:
    fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    return f"GET /v1/audio/speech/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{fields}{key}\r\n".encode()


async def flood(port: int, kind: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # when killed, it is gone at once
    if kind in WEBSOCKET:
        writer.write(upgrade(port))
        await reader.readuntil(b"\r\n\r\n")
        piece = frame(*WEBSOCKET[kind])
    else:
        piece = WYOMING[kind]
    reading = asyncio.create_task(_read(reader))
    piece *= max(1, 50_000 // len(piece))
    try:
        while not reading.done():
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        return


async def _read(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


async def main(port: int, kind: str, connections: int) -> None:
    await asyncio.gather(*(flood(port, kind) for _ in range(connections)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
