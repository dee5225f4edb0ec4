"""What an engine is, how it is, and where a voice's sound comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Self

from ..errors import UnknownVoice
from .audio_format import FORMAT, AudioFormat
from .request import SpeechRequest
from .voice import Voice


class Phase(Enum):
    """What an engine is doing, apart from replies."""

    WAITING = "waiting"  # for the network
    DOWNLOADING = "downloading"
    LOADING = "loading"
    READY = "ready"
    DEGRADED = "degraded"  # speaks, but part of it is away, or its last replies needed the fallback
    UNLOADED = "unloaded"
    RESTARTING = "restarting"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine says of itself. ``str()`` is the sentence for logs and people; programs read the fields."""

    phase: Phase
    reason: str = ""  # for DEGRADED and FAILED: what is wrong; for WAITING: for what
    progress: float | None = None  # 0 to 1, for LOADING and DOWNLOADING, as far as it is known
    fallback: str | None = None  # the name of the engine that speaks meanwhile
    runs_on: str = ""  # for an engine with a model: where and how it computes, as it came about

    @property
    def can_speak(self) -> bool:
        """A request made now is spoken by this engine itself."""
        return self.phase in (Phase.READY, Phase.DEGRADED)

    @property
    def is_loading(self) -> bool:
        """It will speak, but later."""
        return self.phase in (Phase.WAITING, Phase.DOWNLOADING, Phase.LOADING, Phase.RESTARTING)

    @property
    def is_answered(self) -> bool:
        """A request made now is spoken, by this engine or by the fallback."""
        return self.can_speak or self.fallback is not None

    def __str__(self) -> str:
        words = self.phase.value
        if self.progress is not None:
            words += f" {self.progress * 100:.0f} %"
        if self.reason:
            words += f" for {self.reason}" if self.phase is Phase.WAITING else f": {self.reason}"
        if self.fallback is not None and self.phase is not Phase.DEGRADED:  # degraded says it already
            words += f" ({'built-in voice' if self.fallback == 'builtin' else 'voice that stands in'} speaks)"
        return words


@dataclass(frozen=True, slots=True)
class Liveness:
    """What an engine with a thread of its own knows about itself."""

    broken: str | None = None  # why nothing but a new process helps: a poisoned CUDA context, a device that is gone
    working: bool = False  # a listener waits for sound that was promised
    progressed_at: float = 0.0  # monotonic: its last step, or the moment at which work came to an idle engine


@dataclass(frozen=True, slots=True)
class ServerCount:
    """One of the servers that an engine speaks through, and what became of it since the start."""

    url: str  # never with a password in it
    state: str  # well, away, draining, left-alone, on-trial
    trouble: str  # "": none
    asked: int  # sentences
    failed: int
    hedged: int  # sentences that another server was asked for as well, as this one was silent
    outstanding_s: float  # audio that was asked for and has not come, estimated


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a voice's sound comes from. While it stays the same, the same text may be spoken from what was kept."""

    engine: str  # its name
    identity: str  # of model, voice and options: everything besides the request that decides what is heard


@dataclass(frozen=True, slots=True)
class Substitute:
    """Who would speak now in the place of a voice."""

    voice: Voice
    why: str  # as in `AudioStream`


class AudioStream:
    """The sound of one reply as it is made: mono PCM. ``engine`` names the engine that speaks, ``voice`` whoever speaks
    in the place of the voice that was asked for (None: nobody does), ``why`` is the code of the reason for that, and
    ``format`` is that of the sound: all from the first sound on.

    Codes are the value of a `Phase`, the code of an error, `left-alone`, `mute`, `slow`, `too-slow` and `no-espeak`."""

    voice: Voice | None = None
    why: str = ""

    def __init__(
        self,
        engine: str,
        audio: AsyncIterator[bytes],
        has_queued: Callable[[], bool] = lambda: False,
        format_of: Callable[[], AudioFormat] = lambda: FORMAT,
        is_complete: Callable[[], bool] = lambda: False,
    ) -> None:
        self.engine, self._audio, self._has_queued, self._format_of = engine, audio, has_queued, format_of
        self._is_complete = is_complete

    @property
    def format(self) -> AudioFormat:
        """Of the sound."""
        return self._format_of()

    @property
    def is_complete(self) -> bool:
        """All of the sound is made, and lies ready to be taken. An engine need not know."""
        return self._is_complete()

    @property
    def is_held_back(self) -> bool:
        """Sound is made, and kept until the rest is sure to come in time: the listener is due silence meanwhile."""
        return False

    @property
    def note(self) -> str:
        """How the sound was held back, or who was too slow for this reply; for its log line."""
        return ""

    @property
    def has_queued(self) -> bool:
        """It came when every slot was taken: that it is late says nothing about the engine."""
        return self._has_queued()

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        return self._audio.__anext__()


class Engine(ABC):
    """Turns segments into sound. Event loop only.

    An engine says how it is, who it speaks as, and speaks; everything else has an answer here that suits an engine with
    fixed voices that are always there.
    """

    name: str

    @property
    @abstractmethod
    def status(self) -> EngineStatus:
        """How it is now. Cheap enough for every request."""

    @abstractmethod
    def voices(self) -> tuple[Voice, ...]:
        """The voices that it always has, known before it is ready."""

    @abstractmethod
    async def start(self) -> None:
        """Load and warm up. Requests made meanwhile wait for it.

        Raises:
            EngineDown: with the reason, if it cannot be loaded.
        """

    @abstractmethod
    def speak(self, request: SpeechRequest) -> AbstractAsyncContextManager[AudioStream]:
        """The reply, in pieces of at most four frames, as it is made. Leaving the block is the only way to cancel it.

        An empty piece says that all the text given so far is spoken: what comes next waits for text.

        Raises:
            EngineError: from the iterator, if a segment cannot be spoken.
        """

    @abstractmethod
    async def close(self) -> None:
        """Free threads and processes. Is idempotent."""

    def clones(self) -> tuple[Voice, ...]:
        """Cloned and designed voices; there may be others each time."""
        return ()

    def why_mute(self, name: str) -> str | None:
        """Why the cloned or designed voice ``name`` is not among `clones`; None if there is none of that name."""
        return None

    def blend(self, recipe: str) -> Voice:
        """The voice that is mixed as ``recipe`` says, ``ryan(2)+aiden(1)``, without being kept. Cheap, and may be asked
        in any number.

        Raises:
            BadRequest: if it cannot be mixed; says why.
            UnknownVoice: for a part that is not here, and for all of them where the engine mixes none.
        """
        raise UnknownVoice(
            f"The {self.name} engine cannot mix voices. The Qwen3-TTS engine of this machine can: engine.kind qwen3.",
            field="voice",
        )

    def substitute(self, voice: Voice) -> Substitute | None:
        """Who would speak now in the place of ``voice``, one of its own; None: ``voice`` itself. Cheap enough to be
        asked for every voice."""
        return None

    @property
    def members(self) -> frozenset[str]:
        """The names of the engines that it is made of: its voices are theirs."""
        return frozenset({self.name})

    def mute_languages(self) -> dict[str, str]:
        """Languages of its voices that it cannot speak now, and why. Cheap enough for every request."""
        return {}

    def origin(self, voice: Voice) -> Origin | None:
        """Where the voice's sound would come from now; None while that is not known: then it is not recorded. Cheap
        enough for every request."""
        return None

    @property
    def longest_silence_s(self) -> float:
        """How long a listener may wait for its sound at most, while nobody else gets any: its own limits have ended
        what hangs by then."""
        return 10.0

    def liveness(self) -> Liveness:
        """Its signs of life. Asked twice a second; must not block."""
        return Liveness()

    def wake(self) -> None:
        """Load again what was unloaded, unless that is done or being done. Returns at once."""
        return

    @property
    def can_unload(self) -> bool:
        """`unload` gives memory back, and `start` loads again."""
        return False

    async def unload(self) -> None:
        """Give the memory back. Called only where ``can_unload``, and while no reply is being spoken."""
        return

    def models(self) -> tuple[str, ...]:
        """Those that `use` may name; empty where there is no choice."""
        return ()

    @property
    def chosen_model(self) -> str | None:
        """The one that `use` chose; None: all of them, or what suits the device."""
        return None

    def use(self, model: str | None) -> None:
        """Load only ``model``, one of `models`, from the next `start` on; None: all of them."""
        return

    @property
    def may_hold_back(self) -> bool:
        """Whether a reply made now could be held back; see `AudioStream.is_held_back`."""
        return False

    @property
    def takeovers(self) -> Counter[str]:
        """Replies that a fallback spoke in its place, by reason."""
        return Counter()

    def servers(self) -> tuple[ServerCount, ...]:
        """The servers that it speaks through, where there are any."""
        return ()
