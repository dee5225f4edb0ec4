"""Phrases that were spoken before, on disk, as the engine made them: speed, loudness and volume are applied anew each
time, so one recording serves them all.

A recording's name is the hash of all that decides what is heard: the text as it will be spoken (which holds whatever
front-end and lexicon made of it), voice, style, seed and the engine's `Origin`. It is raw PCM behind a checksum: a
phrase of 6 s is read and checked in 0.2 ms, where FLAC at 55 % of the size takes 1.5 ms and 15 ms once for its library.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..speech.audio_format import FORMAT
from ..speech.engine import Origin
from ..speech.request import SpeechRequest
from ..speech.segment import Segment
from ..util.files import write_atomic

log = logging.getLogger(__name__)

TEXT_CHARS = 500  # what is longer is no phrase that comes again
AUDIO_BYTES = 60 * FORMAT.rate * FORMAT.width
OFF_S = 600.0  # how long a disk that is full or broken is left alone
_MAGIC = b"wyoming-qwen3tts phrase 1\n"
_SUFFIX = ".phrase"
_HEAD_BYTES = 4096  # more than checksum, engine and a segment's text


@dataclass(frozen=True, slots=True)
class Phrase:
    """A recording: who spoke, PCM in ``speech.FORMAT``, and the text of its first segment."""

    engine: str
    pcm: bytes
    opening: str = ""


def key_of(request: SpeechRequest, segments: Sequence[Segment], origin: Origin) -> str:
    """The name under which the recording of a request is kept."""
    voice = request.voice
    parts = [
        [__version__, origin.engine, origin.identity, voice.name, voice.speaker],
        [request.instruct, request.seed, request.feed],
        [[segment.text, segment.language, segment.pause_s] for segment in segments],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class PhraseCache:
    """At most ``size_bytes`` of recordings; the one not used for longest goes first.

    Event loop only; the disk is touched in threads. Nothing that goes wrong here reaches a reply: what cannot be read
    is a miss, and after an error of the disk nothing is read or written for ten minutes (F35).
    """

    def __init__(self, folder: Path, size_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._size_bytes, self._clock = folder, size_bytes, clock
        self._sizes: OrderedDict[str, int] = OrderedDict()  # on disk, the one not used for longest first
        self._openings: dict[str, str] = {}
        self._off_until = float("-inf")
        self._writing: set[asyncio.Task[None]] = set()
        self.hits = self.misses = self.bytes = 0
        self.dropped = 0  # found damaged

    def __len__(self) -> int:
        return len(self._sizes)

    def __contains__(self, key: str) -> bool:
        return key in self._sizes

    @property
    def is_on(self) -> bool:
        return self._size_bytes > 0 and self._clock() >= self._off_until

    async def load(self) -> None:
        """Find what an earlier run has left."""
        if self._size_bytes <= 0:
            return
        try:
            found = await asyncio.to_thread(_scan, self._folder)
        except OSError as error:
            self._turn_off(error)
            return
        self._sizes = OrderedDict({**{key: size for key, (size, _) in found.items()}, **self._sizes})
        self._openings = {**{key: opening for key, (_, opening) in found.items()}, **self._openings}
        self.bytes = sum(self._sizes.values())
        await self._make_room(0)

    def may_begin(self, text: str) -> bool:
        """Whether a phrase begins like this."""
        return self.is_on and any(opening.startswith(text) for opening in self._openings.values())

    async def find(self, key: str) -> Phrase | None:
        """The recording, if there is a good one."""
        if not self.is_on or key not in self._sizes:
            self.misses += 1
            return None
        phrase = None
        try:
            phrase = await asyncio.to_thread(_read, self._path(key))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._turn_off(error)
        if phrase is None:
            self.misses += 1
            self.dropped += 1
            await self._drop(key)
            return None
        self.hits += 1
        self._sizes.move_to_end(key)
        return phrase

    def keep(self, key: str, phrase: Phrase) -> None:
        """Write a recording, in the background."""
        if self.is_on and 0 < len(phrase.pcm) <= min(AUDIO_BYTES, self._size_bytes):
            task = asyncio.create_task(self._write(key, phrase))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Wait until what is being written is written."""
        await asyncio.gather(*self._writing)

    async def _write(self, key: str, phrase: Phrase) -> None:
        content = _packed(phrase)
        await self._make_room(len(content))
        try:
            await asyncio.to_thread(write_atomic, self._path(key), content)
        except OSError as error:
            self._turn_off(error)
            return
        self.bytes += len(content) - self._sizes.pop(key, 0)
        self._sizes[key], self._openings[key] = len(content), phrase.opening

    async def _make_room(self, wanted: int) -> None:
        while self._sizes and self.bytes + wanted > self._size_bytes:
            await self._drop(next(iter(self._sizes)))

    async def _drop(self, key: str) -> None:
        self.bytes -= self._sizes.pop(key, 0)
        self._openings.pop(key, None)
        with suppress(OSError):  # it is found again at the next start
            await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _turn_off(self, error: OSError) -> None:
        if self.is_on:
            why = error.strerror or error
            log.warning("The phrase cache %s is off for %.0f minutes: %s", self._folder, OFF_S / 60, why)
        self._off_until = self._clock() + OFF_S


def _packed(phrase: Phrase) -> bytes:
    body = json.dumps({"engine": phrase.engine, "opening": phrase.opening}).encode() + b"\n" + phrase.pcm
    return _MAGIC + hashlib.sha256(body).digest() + body


def _read(path: Path) -> Phrase | None:
    """The recording; None if it is damaged."""
    with path.open("rb") as file:
        content = file.read(_HEAD_BYTES + AUDIO_BYTES)
    start = len(_MAGIC) + hashlib.sha256().digest_size
    body = content[start:]
    if content[: len(_MAGIC)] != _MAGIC or hashlib.sha256(body).digest() != content[len(_MAGIC) : start]:
        return None
    with suppress(OSError):  # a read-only disk still speaks; only the order of going is lost
        os.utime(path)
    head, _, pcm = body.partition(b"\n")
    about = json.loads(head)  # ours, by the checksum
    return Phrase(str(about["engine"]), pcm, str(about["opening"]))


def _scan(folder: Path) -> dict[str, tuple[int, str]]:
    """Key to size and opening, the one not used for longest first. What a crash has left half written goes."""
    if not folder.is_dir():
        return {}
    found = []
    for entry in os.scandir(folder):
        if entry.name.startswith("."):
            Path(entry.path).unlink(missing_ok=True)
        elif entry.name.endswith(_SUFFIX) and entry.is_file(follow_symlinks=False):
            status = entry.stat(follow_symlinks=False)
            key = entry.name.removesuffix(_SUFFIX)
            found.append((status.st_mtime_ns, key, (status.st_size, _opening_of(Path(entry.path)))))
    return {key: kept for _, key, kept in sorted(found)}


def _opening_of(path: Path) -> str:
    """Not checked: it only decides whether a recording is looked for."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)[len(_MAGIC) + hashlib.sha256().digest_size :]
    try:
        return str(json.loads(head.partition(b"\n")[0])["opening"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "\n"  # which no text begins with
