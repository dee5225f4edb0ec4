"""espeak-ng as a child process: the voice of last resort, in every language. GPL, hence never inside our process."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import struct
from pathlib import Path

from ...audio.pcm import Samples, from_pcm
from ...audio.resample import resample
from ...errors import EngineError

log = logging.getLogger(__name__)

_VOICES = {"en": "en-us", "zh": "cmn", "fr": "fr-fr", "pt": "pt-br"}  # the others are called as ISO 639-1 calls them
_WORDS_A_MINUTE = "165"
_TIMEOUT_S = 10.0  # a sentence takes 10 to 60 ms
_MAX_BYTES = 16 << 20


class Espeak:
    """Speaks one text at a time per call; a few calls at once."""

    def __init__(self, processes: int) -> None:
        self._program = shutil.which("espeak-ng")
        # kakasi (GPL, a process too) reads kanji aloud as kana; espeak-ng alone says "Chinese letter" for each.
        self._kakasi = shutil.which("kakasi")
        self._places = asyncio.Semaphore(processes)

    @property
    def version(self) -> str:
        """Changes when the program does."""
        return f"{Path(self._program).stat().st_mtime_ns}" if self._program else "-"

    @property
    def is_installed(self) -> bool:
        return self._program is not None

    async def speak(self, text: str, language: str, rate: int) -> Samples:
        """``text`` at ``rate`` Hz; empty if espeak-ng has no sound for it.

        Raises:
            EngineError: if espeak-ng is missing, fails or hangs.
        """
        if self._program is None:
            raise EngineError(
                "espeak-ng is not installed, and no other voice can read this text. Install it: apt install espeak-ng"
            )
        if language == "ja" and self._kakasi:
            kana = await self._run([self._kakasi, "-i", "utf8", "-o", "utf8", "-JH", "-KH"], f"{text}\n".encode())
            text = kana.decode(errors="replace").strip() or text
        # On stdin, so that a text is never an option; "[[" would start espeak's phoneme notation.
        words = text.replace("[[", "[ [").encode()
        voice = _VOICES.get(language, language)
        wav = await self._run(
            [self._program, "--stdin", "--stdout", "-b", "1", "-s", _WORDS_A_MINUTE, "-v", voice], words
        )
        pcm, own_rate = _parse_wav(wav)
        return await asyncio.to_thread(resample, from_pcm(pcm), own_rate, rate)

    async def _run(self, command: list[str], stdin: bytes) -> bytes:
        async with self._places:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},  # a child gets none of our secrets
            )
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    stdout, stderr = await process.communicate(stdin)
            except TimeoutError:
                raise EngineError(f"{command[0]} did not answer within {_TIMEOUT_S:g} s") from None
            finally:
                if process.returncode is None:  # hung, or the listener has left
                    process.kill()
                    await process.wait()
        if process.returncode != 0 or len(stdout) > _MAX_BYTES:
            raise EngineError(
                f"{command[0]} failed: {stderr.decode(errors='replace').strip()[:200] or process.returncode}"
            )
        return stdout


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
