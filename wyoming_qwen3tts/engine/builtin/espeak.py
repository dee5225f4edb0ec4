"""espeak-ng as a child process: the voice of last resort, in every language. GPL, hence never inside our process."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from ...audio.pcm import Samples, from_pcm
from ...audio.resample import resample
from ...errors import EngineDown, EngineError, without_text
from ...util.fair_line import FairLine
from ...util.processes import ProcessError, ProcessNotStarted, run

log = logging.getLogger(__name__)

T = TypeVar("T")

_VOICES = {"en": "en-us", "zh": "cmn", "fr": "fr-fr", "pt": "pt-br"}  # the others are called as ISO 639-1 calls them
# The languages of `ADDED` that espeak-ng 1.51 has a voice for.
_CODES: Final = (
    "af am an ar as az ba be bg bn bs ca cs cv cy da el eo et eu fa fi ga gd gn gu haw he hi hr ht hu hy ia id io is ka"
    " kk kn kok ku ky la lb lt lv mi mk ml mr ms mt my nb ne nl om or pa pl qu ro sd si sk sl sq sr sv sw ta te th tk"
    " tn tr tt ug uk ur uz vi yue"
)
_ADDED: Final = frozenset(_CODES.split())
_WORDS_A_MINUTE = "165"
_LEFT_ALONE_S: Final = 60.0
CALL_S: Final = 10.0  # in line, or at work, until a call is given up
_SPEECH_BYTES = 16 << 20  # six minutes; a segment has 250 characters at most


def is_known(language: str) -> bool:
    """Whether espeak-ng has a voice for a language that is none of the ten."""
    return language in _ADDED


class Espeak:
    """Speaks one text at a time per call; ``processes`` calls at once, the others wait in a fair line.

    A sentence takes 10 to 60 ms. After ``timeout_s`` in line, or at work, a call is given up.
    """

    def __init__(self, processes: int, timeout_s: float = CALL_S) -> None:
        self._program = shutil.which("espeak-ng")
        # kakasi (GPL, a process too) reads kanji aloud as kana; espeak-ng alone says "Chinese letter" for each.
        self._kakasi = shutil.which("kakasi")
        self._line = FairLine(processes, is_eager=True)
        self._timeout_s = timeout_s
        self._trouble: str | None = None  # why it works for no text
        self._troubled_at = 0.0

    @property
    def version(self) -> str:
        """Changes when the program does."""
        return f"{Path(self._program).stat().st_mtime_ns}" if self._program else "-"

    @property
    def is_installed(self) -> bool:
        return self._program is not None

    @property
    def trouble(self) -> str | None:
        """Why it can speak nothing now, as far as is known."""
        return self._trouble if self.is_installed else "espeak-ng is not installed"

    @property
    def is_left_alone(self) -> bool:
        """Whether there is no sense in asking it: it is missing, or was found in trouble a moment ago."""
        is_fresh = self._trouble is not None and time.monotonic() - self._troubled_at < _LEFT_ALONE_S
        return is_fresh or not self.is_installed

    @property
    def is_in_doubt(self) -> bool:
        """Whether it was in trouble, and may work again."""
        return self._trouble is not None and not self.is_left_alone

    async def try_out(self) -> None:
        """Find out whether it works: `trouble` says so, until a text is spoken. Takes as long as a word."""
        try:
            if not await self.speak("1", "de", 22_050, len):
                self._is_in_trouble("espeak-ng makes no sound.")
        except EngineError as error:
            self._is_in_trouble(str(error))

    def _is_in_trouble(self, why: str) -> None:
        self._trouble, self._troubled_at = why.removesuffix("."), time.monotonic()

    async def speak(self, text: str, language: str, rate: int, finish: Callable[[Samples], T], host: str = "") -> T:
        """``text`` at ``rate`` Hz, for a listener of ``host``, as ``finish`` makes it in a thread; its samples are
        empty if espeak-ng has no sound for it.

        Raises:
            EngineError: if espeak-ng is missing, fails or hangs, or has too much to do.
        """
        if self._program is None:
            raise EngineError(
                "espeak-ng is not installed, and no other voice can read this text. Install it: apt install espeak-ng"
            )
        async with self._place(host, len(text)):
            wav = await self._read_aloud(self._program, text, language)
            pcm, own_rate = _parse_wav(wav)
            if pcm:
                self._trouble = None
            return await asyncio.to_thread(lambda: finish(resample(from_pcm(pcm), own_rate, rate)))

    async def _read_aloud(self, program: str, text: str, language: str) -> bytes:
        """A WAV, as espeak-ng writes it."""
        if language == "ja" and self._kakasi:
            kana = await self._run([self._kakasi, "-i", "utf8", "-o", "utf8", "-JH", "-KH"], f"{text}\n".encode())
            text = kana.decode(errors="replace").strip() or text
        # On stdin, so that a text is never an option; "[[" would start espeak's phoneme notation.
        words = text.replace("[[", "[ [").encode()
        voice = _VOICES.get(language, language)
        return await self._run([program, "--stdin", "--stdout", "-b", "1", "-s", _WORDS_A_MINUTE, "-v", voice], words)

    async def _run(self, command: list[str], given: bytes) -> bytes:
        try:
            output = await run(
                command,
                given,
                timeout_s=self._timeout_s,
                environment={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                output_bytes=_SPEECH_BYTES,
            )
        except ProcessNotStarted as error:
            if command[0] == self._program:
                self._is_in_trouble(str(error))
            raise EngineDown(f"{error}.") from error
        except ProcessError as error:
            raise EngineError(f"{error}.") from error
        if output.code:
            raise EngineError(
                f"{Path(command[0]).name} failed: {without_text(output.complaint, given.decode(errors='replace'))}."
            )
        return output.stdout

    @asynccontextmanager
    async def _place(self, host: str, cost: int) -> AsyncIterator[None]:
        """A place among those that run at once."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._line.acquire(host, cost)
        except TimeoutError:
            raise EngineError(f"espeak-ng has been busy with other texts for {self._timeout_s:g} s.") from None
        try:
            yield
        finally:
            self._line.release()


def _parse_wav(wav: bytes) -> tuple[bytes, int]:
    """Samples and rate of what espeak-ng streams: a canonical 44-byte header whose length fields mean nothing."""
    if not wav:
        return b"", 22_050
    if len(wav) < 44 or wav[:4] != b"RIFF" or wav[36:40] != b"data":
        raise EngineError("espeak-ng answered with something that is not a WAV")
    channels, rate = struct.unpack_from("<HI", wav, 22)
    bits = struct.unpack_from("<H", wav, 34)[0]
    if channels != 1 or bits != 16:
        raise EngineError(f"espeak-ng answered with {channels} channels of {bits} bits; 1 of 16 expected")
    return wav[44 : len(wav) - len(wav) % 2], rate
