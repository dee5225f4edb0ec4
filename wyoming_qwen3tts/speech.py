"""The domain: what is asked for, what comes back, and who can make it. No I/O, no torch."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self, runtime_checkable

from .errors import BadRequest, TextStalled, TextTooLong, UnknownVoice


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """PCM as it crosses our layers: signed little-endian integers, whole samples."""

    rate: int = 24_000  # Hz; Qwen3-TTS's own rate, so nothing is resampled on the way out
    width: int = 2  # bytes a sample
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one 80 ms frame, the unit in which Qwen3-TTS makes sound."""
        return self.rate * 80 // 1000 * self.width * self.channels

    def seconds(self, pcm_bytes: int) -> float:
        """How long ``pcm_bytes`` of this format play."""
        return pcm_bytes / (self.rate * self.width * self.channels)

    def silence(self, seconds: float) -> bytes:
        return bytes(round(self.rate * seconds) * self.width * self.channels)


FORMAT = AudioFormat()


class VoiceName(str):
    """A voice's name: letters, digits, space, ``_`` and ``-`` in any script; so it is a safe file stem by
    construction."""

    __slots__ = ()

    @classmethod
    def parse(cls, raw: str) -> Self:
        """The name, normalised.

        Raises:
            UnknownVoice: if it cannot be the name of any voice.
        """
        name = unicodedata.normalize("NFKC", raw).strip()
        if not 1 <= len(name) <= 64 or not all(c.isalnum() or c in " _-" for c in name):
            raise UnknownVoice(f"No voice is called {raw[:64]!r}. A name has 1 to 64 letters, digits, spaces, _ or -.")
        return cls(name)


@dataclass(frozen=True, slots=True)
class Style:
    """How a voice speaks, whatever it says."""

    instruct: str | None = None  # in the model's own words; only CustomVoice and VoiceDesign checkpoints follow it
    speed: float = 1.0  # 0.5 to 2, without a change of pitch; 1: as the settings say, and so on
    volume: float = 1.0  # 0 to 1
    chime: bool = False  # two tones before the speech


PLAIN = Style()
VoiceKind = Literal["builtin", "speaker", "clone", "design"]


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody who can speak. ``languages`` are ISO 639-1 codes, the one the name promises first."""

    name: VoiceName
    label: str  # what Home Assistant lists, and sorts by
    languages: tuple[str, ...]
    engine: str  # the engine that owns it: "builtin"
    speaker: str  # the engine's own word for it
    kind: VoiceKind = "speaker"
    style: Style = PLAIN

    @property
    def language(self) -> str:
        return self.languages[0]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that will be spoken otherwise than it was written."""

    rule: str
    before: str
    after: str

    def as_json(self) -> dict[str, str]:
        """The form the command line and the page show."""
        return {"rule": self.rule, "from": self.before, "to": self.after}


@dataclass(frozen=True, slots=True)
class Segment:
    """One sentence, or the first clause of a reply, as it will be spoken."""

    text: str
    language: str  # ISO 639-1, one of ours
    pause_s: float = 0.0  # silence asked for after it
    changes: tuple[Change, ...] = ()


class OpenSegment(Protocol):
    """A segment whose text is still being written. What it has said is never taken back.

    Its pieces, joined, are the text of the `Segment` that it becomes. It may be read several times over, and a reader
    who is cancelled in the middle spoils it for nobody.
    """

    @property
    def language(self) -> str: ...

    def __aiter__(self) -> AsyncIterator[str]:
        """The text as it becomes certain, from the beginning on."""
        ...

    async def whole(self) -> Segment:
        """The segment, once all of it is there."""
        ...


Feed = Literal["sentence", "live", "hybrid"]


class TextStream:
    """Text on its way in, all at once or as a language model writes it. Event loop only.

    Bounded by ``limit_chars``; whoever reads gives up after ``idle_s`` without a word.
    """

    def __init__(self, *, limit_chars: int, idle_s: float) -> None:
        self._limit_chars, self._idle_s = limit_chars, idle_s
        self._pieces: list[str] = []
        self._changed = asyncio.Event()
        self._closed = False
        self.chars = 0  # so far, read or not
        self.is_stream = True  # it came, or comes, in pieces

    @classmethod
    def of(cls, text: str, *, limit_chars: int) -> Self:
        """A text that is already complete.

        Raises:
            TextTooLong: if it has more than ``limit_chars`` characters.
        """
        stream = cls(limit_chars=limit_chars, idle_s=0)
        stream.add(text)
        stream.close()
        stream.is_stream = False
        return stream

    @property
    def closed(self) -> bool:
        return self._closed

    def add(self, text: str) -> None:
        """Append; any cut will do.

        Raises:
            TextTooLong: if the whole would have more characters than the limit. Nothing is added then.
            BadRequest: if the text was closed.
        """
        if self._closed:
            raise BadRequest("The text has ended already; open a new stream for more.")
        if self.chars + len(text) > self._limit_chars:
            raise TextTooLong(
                f"The text has more than {self._limit_chars:,} characters. "
                "Send it in parts, or raise limits.text_chars."
            )
        self.chars += len(text)
        self._pieces.append(text)
        self._changed.set()

    def close(self) -> None:
        """No more text will come. Is idempotent."""
        self._closed = True
        self._changed.set()

    async def read(self) -> str:
        """Everything added since the last time, as soon as there is some; nothing once it is closed and read. Being
        cancelled here loses no text.

        Raises:
            TextStalled: after ``idle_s`` without new text.
        """
        while not self._pieces:
            if self._closed:
                return ""
            self._changed.clear()
            try:
                async with asyncio.timeout(self._idle_s):
                    await self._changed.wait()
            except TimeoutError:
                raise TextStalled(f"No text came for {self._idle_s:g} s, and the stream was not stopped.") from None
        piece = "".join(self._pieces)
        self._pieces.clear()
        return piece or await self.read()

    async def ends_within(self, seconds: float) -> bool:
        """Whether it is closed by then. Not while somebody reads."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._closed:
                    self._changed.clear()
                    await self._changed.wait()
        return self._closed

    async def __aiter__(self) -> AsyncIterator[str]:
        """What `read` gives, to the end."""
        while piece := await self.read():
            yield piece


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What an engine is asked to say, once voice and language are known.

    ``notes`` is the engine's: what went wrong without ending the reply, for the one log line that the request gets.
    """

    segments: AsyncIterator[Segment | OpenSegment]
    voice: Voice
    seed: int | None = None
    instruct: str | None = None
    is_stream: bool = False  # the text comes in pieces, so its first words may be spoken before its first sentence ends
    feed: Feed | None = None  # asked for by name; otherwise the engine's settings decide
    notes: list[str] = field(default_factory=list)

    async def whole_segments(self) -> AsyncGenerator[Segment, None]:
        """The segments, each when it is complete: for an engine that speaks a sentence at a time."""
        async for segment in self.segments:
            yield segment if isinstance(segment, Segment) else await segment.whole()


@runtime_checkable
class Attributed(Protocol):
    """The audio of an engine that is made of several: ``engine`` names the one that speaks, from the first sound on."""

    engine: str


class Engine(Protocol):
    """Turns segments into sound. Leaving the ``async with`` block is the only way to cancel."""

    name: str

    @property
    def state(self) -> str:
        """``loading`` (perhaps with how much of it is done), ``ready``, or ``failed: <why>``."""
        ...

    def voices(self) -> tuple[Voice, ...]:
        """Everybody it can speak as, known before it is ready."""
        ...

    async def start(self) -> None:
        """Load and warm up. Requests made meanwhile wait for it."""
        ...

    def speak(self, request: SpeechRequest) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """PCM in ``FORMAT``, in pieces of at most four frames, as it is made.

        Raises:
            EngineError: from the iterator, if a segment cannot be spoken.
        """
        ...

    async def close(self) -> None:
        """Free threads and processes. Is idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a voice's sound comes from. While it stays the same, the same text may be spoken from what was kept."""

    engine: str  # its name
    identity: str  # of model, voice and options: everything besides the request that decides what is heard


@runtime_checkable
class Traceable(Protocol):
    """An engine whose speech may be kept."""

    def origin(self, voice: Voice) -> Origin | None:
        """Where the voice's sound would come from now; None while that is not known. Cheap enough for every request."""
        ...


@runtime_checkable
class Cloning(Protocol):
    """An engine that speaks as people who were cloned; there may be more of them each time it is asked."""

    def clones(self) -> tuple[Voice, ...]: ...


@runtime_checkable
class Unloadable(Engine, Protocol):
    """An engine that can leave the memory. ``start`` loads it again."""

    async def unload(self) -> None:
        """Give the memory back. Called only while nobody is spoken to."""
        ...


@runtime_checkable
class Sleeper(Protocol):
    """An engine that may be unloaded, and wants to be told that it is needed."""

    def wake(self) -> None:
        """Load, unless that is done or being done. Returns at once."""
        ...
