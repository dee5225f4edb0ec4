"""Phrases that were spoken before, on disk, as the engine made them: speed, loudness and volume are applied anew each
time, so one recording serves them all.

A recording's name is the hash of all that decides what is heard: the text as it will be spoken (which holds whatever
front-end and lexicon made of it), voice, style, seed and the engine's `Origin`. It is raw PCM behind a checksum: a
phrase of 6 s is read and checked in 0.2 ms, where FLAC at 55 % of the size takes 1.5 ms and 15 ms once for its library.
No words of the text are kept on the disk.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from ..speech.audio_format import FORMAT
from ..speech.engine import Origin
from ..speech.request import SpeechRequest
from ..speech.segment import Segment
from ..util.disk_cache import DiskCache

TEXT_CHARS = 500  # what is longer is no phrase that comes again
AUDIO_BYTES = 60 * FORMAT.rate * FORMAT.width
_SUFFIX = ".phrase"
_HEAD_BYTES = 4096  # more than engine and openings
_OPENING_CHARS = (16, 32, 64)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A recording: who spoke, mono PCM of ``rate`` Hz, the text of its first segment, which is empty once it was kept,
    and the sample at which each segment begins."""

    engine: str
    pcm: bytes
    opening: str = ""
    rate: int = FORMAT.rate
    begins: tuple[int, ...] = ()


def key_of(request: SpeechRequest, segments: Sequence[Segment], origin: Origin) -> str:
    """The name under which the recording of a request, one turn of a reply, is kept."""
    voice = request.voice
    parts = [
        [__version__, origin.engine, origin.identity, voice.name, voice.speaker],
        [request.instruct, request.seed, request.feed, request.sentence_pause_s],
        [[segment.text, segment.language, segment.pause_s] for segment in segments],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


class PhraseCache:
    """At most ``size_bytes`` of recordings; the one not used for longest goes first.

    Event loop only; the disk is touched in threads. Nothing that goes wrong here reaches a reply (F35).
    """

    def __init__(self, folder: Path, size_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._disk = DiskCache(folder, size_bytes, _SUFFIX, clock=clock)
        self._largest = min(AUDIO_BYTES, size_bytes)
        self._openings: dict[str, frozenset[str]] = {}  # hashes of how each begins
        self._writing: set[asyncio.Task[None]] = set()
        self.hits = self.misses = 0
        self.dropped = 0  # found damaged

    def __len__(self) -> int:
        return len(self._disk)

    def __contains__(self, key: str) -> bool:
        return key in self._disk

    @property
    def bytes(self) -> int:
        return self._disk.used_bytes

    @property
    def is_on(self) -> bool:
        return self._disk.is_on

    async def load(self) -> None:
        """Find what an earlier run has left."""
        heads = await asyncio.to_thread(self._disk.load, _HEAD_BYTES)
        self._openings = {key: _openings_of(head) for key, head in heads.items()} | self._openings

    def may_begin(self, text: str) -> bool:
        """Whether a phrase begins like this, as far as its hashes tell: a text of less than 16 characters must be all
        of its opening."""
        asked = _hash(text[: max((n for n in _OPENING_CHARS if n <= len(text)), default=len(text))])
        return any(asked in opening for key, opening in self._openings.items() if key in self._disk)

    async def find(self, key: str) -> Phrase | None:
        """The recording, if there is a good one."""
        phrase = None
        if key in self._disk:
            content = await asyncio.to_thread(self._disk.get, key)
            phrase = None if content is None else _unpacked(content)
            self.dropped += key not in self._disk
        if phrase is None:
            self.misses += 1
        else:
            self.hits += 1
        return phrase

    def keep(self, key: str, phrase: Phrase) -> None:
        """Write a recording, in the background."""
        if self.is_on and 0 < len(phrase.pcm) <= self._largest:
            task = asyncio.create_task(self._write(key, phrase))
            self._writing.add(task)
            task.add_done_callback(self._writing.discard)

    async def close(self) -> None:
        """Wait until what is being written is written."""
        await asyncio.gather(*self._writing)

    async def _write(self, key: str, phrase: Phrase) -> None:
        if await asyncio.to_thread(self._disk.put, key, _packed(phrase)):
            self._openings = {key: opening for key, opening in self._openings.items() if key in self._disk}
            self._openings[key] = frozenset(_hashes(phrase.opening))


def _hashes(opening: str) -> list[str]:
    """Of the whole, and of its beginnings."""
    return [_hash(opening[:n]) for n in {len(opening), *(n for n in _OPENING_CHARS if n < len(opening))}]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


def _packed(phrase: Phrase) -> bytes:
    about = {"engine": phrase.engine, "openings": _hashes(phrase.opening), "rate": phrase.rate}
    about |= {"begins": phrase.begins}
    return json.dumps(about).encode() + b"\n" + phrase.pcm


def _unpacked(content: bytes) -> Phrase:
    head, _, pcm = content.partition(b"\n")
    about = json.loads(head)  # ours, by the checksum
    begins = tuple(map(int, about.get("begins", ())))
    return Phrase(str(about["engine"]), pcm, rate=int(about.get("rate", FORMAT.rate)), begins=begins)


def _openings_of(head: bytes) -> frozenset[str]:
    """Not checked: it only decides whether a recording is looked for."""
    try:
        return frozenset(map(str, json.loads(head.partition(b"\n")[0])["openings"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return frozenset()
