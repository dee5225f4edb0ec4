"""``say``: speak without a server."""

from __future__ import annotations

import asyncio
import codecs
import os
import re
import shutil
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

from ..app.build import speech_service
from ..audio.encode import Format, encoder
from ..errors import BadRequest, SpeechError
from ..service.options import SpeechOptions
from ..service.service import SpeechService
from ..service.stats import RequestStats
from ..settings import Settings
from ..speech.audio_format import FORMAT
from ..speech.text_stream import TextStream
from ..util.processes import Child, Output, ProcessError
from ..util.tasks import cancel_and_wait
from .sound_file import NOTHING, form_of

_PLAYERS = (
    ("pw-cat", "--playback", "-"),
    ("paplay",),
    ("aplay", "-q", "-"),
    ("ffplay", "-loglevel", "error", "-nodisp", "-autoexit", "-i", "-"),
    ("play", "-q", "-t", "wav", "-"),
)
_WRITE = "Write a file: -o hello.wav"
_LAST_WORDS_S = 2.0
_HARMLESS = re.compile(r"under-?run|\bwarn|^ALSA lib", re.IGNORECASE)  # what players say of sound that is heard


async def say(settings: Settings, text: str, output: str | None, options: SpeechOptions) -> int:
    """Speak ``text`` (``-``: standard input, as it comes) into ``output`` (``-``: standard output; None: the
    loudspeaker), and tell on standard error who spoke.

    Raises:
        SpeechError: if it cannot be spoken, or was not heard; no file is left behind then.
        OSError: if the file cannot be written.
    """
    form: Format = "wav" if output is None else form_of(output)
    if not text.strip():
        raise BadRequest(NOTHING)
    if output is not None:  # nobody listens while it is made
        settings = settings.model_copy(update={"engine": settings.engine.model_copy(update={"head_start_s": 0.0})})
    options = replace(options, rate=None if form == "wav" else FORMAT.rate)
    async with speech_service(settings) as service:
        service.load()
        if settings.engine.kind != "builtin":
            await service.loaded()  # whoever asks for the model here does not want the voice that stands in for it
        sound = _encoded(service, text, options, form)
        if output is None:
            _tell(*await _play(sound))
        elif output == "-":
            await _write(sound, sys.stdout.buffer)
        else:
            _tell(output, await _write_file(sound, Path(output)))
    return 0


class _Piece(NamedTuple):
    """Bytes of a file, what it begins with as it is known now, and what is known of the reply."""

    data: bytes
    head: bytes
    stats: RequestStats


_Sound: TypeAlias = AsyncGenerator[_Piece, None]


def _tell(where: str, stats: RequestStats) -> None:
    who = f"{stats.voice} instead of {stats.instead_of}" if stats.instead_of else stats.voice
    sys.stderr.write(f"{where}: {stats.seconds:.1f} s, by {who}\n")


async def _write_file(sound: _Sound, path: Path) -> RequestStats:
    """What the file held is gone with the first sound, not before; a new one goes again if there is none."""
    is_new = not path.exists()  # noqa: ASYNC240  a local file
    with path.open("ab"):
        is_regular = path.is_file()  # noqa: ASYNC240
    try:
        with path.open("r+b" if is_regular else "wb") as file:
            return await _write(sound, file)
    except SpeechError:
        if is_new and is_regular:
            path.unlink()  # noqa: ASYNC240
        raise


async def _write(sound: _Sound, target: BinaryIO) -> RequestStats:
    """As it is made; the head, with the length in it, is put right at the end where ``target`` can seek."""
    piece = None
    async with aclosing(sound):
        async for piece in sound:
            target.write(piece.data)
            target.flush()
    assert piece is not None  # noqa: S101  without sound there is an error
    if target.seekable():
        if stat.S_ISREG(os.fstat(target.fileno()).st_mode):
            target.truncate()  # what it held before may have been longer
        target.seek(0)
        target.write(piece.head)
        target.flush()
    return piece.stats


async def _encoded(service: SpeechService, text: str, options: SpeechOptions, form: Format) -> _Sound:
    """A file of ``form`` as it is made.

    Raises:
        BadRequest: if there is nothing to say.
    """
    coder, stats = None, None
    try:
        async with aclosing(_spoken(service, text, options)) as spoken:
            async for pcm, stats in spoken:
                coder = coder or encoder(form, stats.format.rate)
                yield _Piece(await coder.add(pcm), b"", stats)
        if coder is None or stats is None or stats.engine == "-":
            raise BadRequest(NOTHING)
        yield _Piece(await coder.finish(), coder.head, stats)
    finally:
        if coder is not None:
            await coder.aclose()


async def _spoken(
    service: SpeechService, text: str, options: SpeechOptions
) -> AsyncGenerator[tuple[bytes, RequestStats], None]:
    """PCM as it is made."""
    from_stdin = text == "-"
    stream = service.open_text() if from_stdin else service.whole_text(text)
    feeding = None
    try:
        async with service.speak(stream, options) as audio:
            feeding = asyncio.create_task(_feed(stream)) if from_stdin else None
            async for pcm in audio:
                yield pcm, audio.stats
        if feeding is not None:
            await feeding
    finally:
        await cancel_and_wait(feeding)


async def _play(sound: _Sound) -> tuple[str, RequestStats]:
    """The player's name, once all was heard."""
    command = next((player for player in _PLAYERS if shutil.which(player[0])), None)
    if command is None:
        names = ", ".join(player[0] for player in _PLAYERS)
        raise SpeechError(f"No program that plays sound was found ({names}). {_WRITE}")
    try:
        player = await Child.start(command, environment=os.environ)  # it looks for its sound server
    except ProcessError as error:
        raise SpeechError(f"{error}. {_WRITE}") from error
    piece = None
    try:
        async with aclosing(sound):
            async for piece in sound:
                await player.send(piece.data)
        complaint = _complaint(await player.finish())
    except BrokenPipeError:
        complaint = await _last_words(player)
    finally:
        await player.end()
    if complaint:
        raise SpeechError(f"No sound could be played here ({player.name}: {complaint}). {_WRITE}")
    assert piece is not None  # noqa: S101  without sound there is an error
    return player.name, piece.stats


async def _last_words(player: Child) -> str:
    """Of one that reads no more."""
    try:
        async with asyncio.timeout(_LAST_WORDS_S):
            said = await player.finish()
    except TimeoutError:
        return "it takes no sound"
    return _complaint(said) or "it ended before the sound did"


def _complaint(said: Output) -> str:
    """Why nothing was heard, in the player's own words; empty if all was. Some return 0 all the same."""
    lines = [line.strip() for line in said.stderr.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not _HARMLESS.search(line)]
    if lines:
        return lines[0][:200]
    return f"exit code {said.code}" if said.code else ""


async def _feed(stream: TextStream) -> None:
    """Standard input into ``stream``, as it comes."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    try:
        while raw := await asyncio.to_thread(os.read, sys.stdin.fileno(), 4096):
            stream.add(decode(raw))
    finally:
        stream.close()
