"""``say``: speak without a server."""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from ..app.build import speech_service
from ..audio.wav import UNKNOWN_LENGTH, wav_header
from ..errors import SpeechError
from ..service.options import SpeechOptions
from ..service.service import SpeechService
from ..settings import Settings
from ..speech.text_stream import TextStream

_PLAYERS = (
    ("pw-cat", "--playback", "-"),
    ("paplay",),
    ("aplay", "-q", "-"),
    ("ffplay", "-loglevel", "error", "-nodisp", "-autoexit", "-i", "-"),
    ("play", "-q", "-t", "wav", "-"),
)


async def say(settings: Settings, text: str, output: str | None, options: SpeechOptions) -> int:
    """Speak ``text`` (``-``: standard input, as it comes) into ``output`` (``-``: standard output; None: the
    loudspeaker).

    Raises:
        SpeechError: if it cannot be spoken; no file is left behind then.
        OSError: if the file cannot be written.
    """
    async with speech_service(settings) as service:
        service.load()
        if settings.engine.kind != "builtin":
            await service.loaded()  # whoever asks for the model here does not want the voice that stands in for it
        if output is None:
            return await _play(service, text, options)
        if output == "-":
            await _write(service, text, options, sys.stdout.buffer)
            return 0
        path = Path(output)
        try:
            with path.open("wb") as file:  # noqa: ASYNC230  a local file
                await _write(service, text, options, file)
        except SpeechError:
            path.unlink()  # noqa: ASYNC240
            raise
    return 0


async def _write(service: SpeechService, text: str, options: SpeechOptions, target: BinaryIO) -> None:
    """A WAV, flushed as it is made; its length is put right at the end where ``target`` can seek."""
    from_stdin = text == "-"
    stream = service.open_text() if from_stdin else service.whole_text(text)
    size = 0
    async with service.speak(stream, options) as audio, asyncio.TaskGroup() as tasks:
        if from_stdin:
            tasks.create_task(_feed(stream))
        target.write(wav_header(UNKNOWN_LENGTH))
        async for pcm in audio:
            target.write(pcm)
            target.flush()
            size += len(pcm)
    if target.seekable():
        target.seek(0)
        target.write(wav_header(size))
        target.flush()


async def _play(service: SpeechService, text: str, options: SpeechOptions) -> int:
    command = next((player for player in _PLAYERS if shutil.which(player[0])), None)
    if command is None:
        raise SpeechError(
            "No program that plays sound was found (pw-cat, paplay, aplay, ffplay or play). Write a file: -o FILE.wav"
        )
    # Blocking writes on purpose: while the player is busy there is nothing else to do here.
    with subprocess.Popen(command, stdin=subprocess.PIPE) as player:  # noqa: ASYNC220
        assert player.stdin is not None  # noqa: S101  for the type checker: PIPE was asked for
        try:
            await _write(service, text, options, player.stdin)  # type: ignore[arg-type]  # IO[bytes], and binary
        except BrokenPipeError:
            raise SpeechError(f"{command[0]} stopped playing. Write a file instead: -o FILE.wav") from None
        player.stdin.close()
    return player.returncode


async def _feed(stream: TextStream) -> None:
    """Standard input into ``stream``, as it comes."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while raw := await asyncio.to_thread(os.read, sys.stdin.fileno(), 4096):
        stream.add(decode(raw))
    stream.close()
