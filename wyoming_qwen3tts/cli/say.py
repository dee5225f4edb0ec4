"""``say``: speak without a server."""

from __future__ import annotations

import asyncio
import codecs
import os
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from ..app.build import speech_service
from ..audio.wav import UNKNOWN_LENGTH, wav_header
from ..errors import SpeechError
from ..service.options import SpeechOptions
from ..service.service import SpeechService
from ..settings import Settings
from ..speech.audio_format import FORMAT
from ..speech.text_stream import TextStream
from ..util.processes import Child, ProcessError
from ..util.tasks import cancel_and_wait

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
    if output is not None:  # nobody listens while it is made
        settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"head_start_s": 0.0})})
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
    size, rate = 0, FORMAT.rate
    async with aclosing(_wav(service, text, options)) as pieces:
        async for piece, made_rate in pieces:
            rate = made_rate
            target.write(piece)
            target.flush()
            size += len(piece)
    if target.seekable():
        target.seek(0)
        target.write(wav_header(size - len(wav_header(0)), rate))
        target.flush()


async def _wav(service: SpeechService, text: str, options: SpeechOptions) -> AsyncGenerator[tuple[bytes, int], None]:
    """The header of a WAV of unknown length, then PCM as it is made; each with the rate, which is the engine's own."""
    from_stdin = text == "-"
    stream = service.open_text() if from_stdin else service.whole_text(text)
    feeding = None
    try:
        async with service.speak(stream, replace(options, rate=None)) as audio:
            feeding = asyncio.create_task(_feed(stream)) if from_stdin else None
            has_begun = False
            async for pcm in audio:
                rate = audio.stats.format.rate
                if not has_begun:
                    has_begun = True
                    yield wav_header(UNKNOWN_LENGTH, rate), rate
                yield pcm, rate
        if feeding is not None:
            await feeding
    finally:
        await cancel_and_wait(feeding)


async def _play(service: SpeechService, text: str, options: SpeechOptions) -> int:
    command = next((player for player in _PLAYERS if shutil.which(player[0])), None)
    if command is None:
        raise SpeechError(
            "No program that plays sound was found (pw-cat, paplay, aplay, ffplay or play). Write a file: -o FILE.wav"
        )
    try:
        player = await Child.start(command, environment=os.environ, shares_output=True)  # it looks for its sound server
    except ProcessError as error:
        raise SpeechError(f"{error}. Write a file instead: -o FILE.wav") from error
    try:
        async with aclosing(_wav(service, text, options)) as pieces:
            async for piece, _ in pieces:
                await player.send(piece)
        return (await player.finish()).code
    except BrokenPipeError:
        raise SpeechError(f"{player.name} stopped playing. Write a file instead: -o FILE.wav") from None
    finally:
        await player.end()


async def _feed(stream: TextStream) -> None:
    """Standard input into ``stream``, as it comes."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    try:
        while raw := await asyncio.to_thread(os.read, sys.stdin.fileno(), 4096):
            stream.add(decode(raw))
    finally:
        stream.close()
