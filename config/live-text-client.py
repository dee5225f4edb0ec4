#!/usr/bin/env python3
"""Speaks a text while it is being written: ollama run llama3.2 "Tell me a story." | python3 live-text-client.py

Plays the sound as it comes, or writes it: -o story.wav, or > story.wav. Needs the package websockets (pip install
websockets), and for playing one of pw-cat, paplay, aplay, ffplay.
"""

import argparse
import asyncio
import codecs
import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

RATE = 24_000
PLAYERS = (
    ["pw-cat", "--playback", "-"],
    ["paplay"],
    ["aplay", "-q", "-"],
    ["ffplay", "-loglevel", "error", "-nodisp", "-autoexit", "-i", "-"],
)


def flags():
    parser = argparse.ArgumentParser(description="Speaks standard input while it is being written.")
    parser.add_argument("--url", default="ws://127.0.0.1:8880/v1/audio/speech/stream", help="default %(default)s")
    parser.add_argument("--voice", help="such as ryan-en; left out: by the language of the text")
    parser.add_argument("--key", help="the key, where the server asks for one (http.api_keys)")
    parser.add_argument("-o", "--output", metavar="FILE.wav", help="write a WAV as it is made; - to standard output")
    wanted = parser.parse_args()
    if wanted.output is None and not sys.stdout.isatty():
        wanted.output = "-"
    return wanted


def header(size):
    """Of a WAV: 16 bits, mono."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)


class Sink:
    """A file, standard output, or a player."""

    def __init__(self, output):
        self.player, self.size = None, 0
        if output == "-":
            self.file = sys.stdout.buffer
        elif output:
            self.file = Path(output).open("wb")  # noqa: SIM115  it is written until the end
        else:
            command = next((player for player in PLAYERS if shutil.which(player[0])), None)
            if command is None:
                names = ", ".join(player[0] for player in PLAYERS)
                sys.exit(f"No program that plays sound was found ({names}). Write a file: -o speech.wav")
            self.player = subprocess.Popen(command, stdin=subprocess.PIPE)
            self.file = self.player.stdin
        self.write(header(0x7FFFFFFF - 64))  # what players take for "until the end"

    def write(self, data):
        self.file.write(data)
        self.file.flush()
        self.size += len(data)

    def close(self):
        if self.player is None and self.file.seekable():
            self.file.seek(0)
            self.file.write(header(self.size - len(header(0))))
        self.file.close()
        if self.player is not None and self.player.wait():
            sys.exit(f"{self.player.args[0]} could not play it. Write a file: -o speech.wav")


async def write_text(server):
    """What is there of standard input, at once: no line has to be complete."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while raw := await asyncio.to_thread(os.read, 0, 4096):
        if words := decode(raw):
            await server.send(json.dumps({"type": "input.text", "text": words}))
    await server.send(json.dumps({"type": "input.done"}))
    await server.send(json.dumps({"type": "session.close"}))


async def speak(wanted, connect):
    config = {"type": "session.config", "response_format": "pcm"}
    config |= {"voice": wanted.voice} if wanted.voice else {}
    headers = {"Authorization": f"Bearer {wanted.key}"} if wanted.key else {}
    async with connect(wanted.url, additional_headers=headers) as server:
        await server.send(json.dumps(config))
        sink = Sink(wanted.output)
        writing = asyncio.create_task(write_text(server))
        async for message in server:
            if isinstance(message, bytes):
                await asyncio.to_thread(sink.write, message)
                continue
            event = json.loads(message)
            if event.get("type") == "error":
                sys.exit(f"The server says: {event.get('message') or event}")
        await writing
        sink.close()


def main():
    wanted = flags()
    try:
        from websockets import connect
        from websockets.exceptions import InvalidStatus, WebSocketException
    except ImportError:
        sys.exit("The package websockets is missing: pip install websockets")
    try:
        asyncio.run(speak(wanted, connect))
    except KeyboardInterrupt:
        sys.exit(130)
    except InvalidStatus as error:
        status = error.response.status_code
        hint = "A key is needed: --key KEY" if status in (401, 403) else "Is it this server? See --url"
        sys.exit(f"{wanted.url} answers {status}. {hint}")
    except BrokenPipeError:
        sys.exit("Nobody takes the sound any more. Write a file: -o speech.wav")
    except (OSError, ValueError, WebSocketException) as error:
        number = getattr(error, "errno", None)
        why = os.strerror(number) if number and number > 0 else error
        sys.exit(f"{wanted.url} cannot be used: {why}. Start the server, or say where it is: --url ws://HOST:8880/...")


if __name__ == "__main__":
    main()
