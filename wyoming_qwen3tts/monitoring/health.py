"""How we are, as plain values: what the doors show, what the log says once, and what ends the process."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from ..speech.engine import EngineStatus, Liveness, Phase

log = logging.getLogger(__name__)

STUCK_S = 20.0  # a frame takes milliseconds on a GPU and a second on the slowest CPU (0xShug0/audio.cpp#66 waited on)


class FatalErrorRecorder:
    """The signs of life of an engine that reports its end by a call: hand it ``write``. Event loop only."""

    def __init__(self) -> None:
        self._liveness = Liveness()

    def write(self, error: BaseException) -> None:
        """Nothing but a new process helps, because of ``error``. The first reason is kept."""
        if self._liveness.broken is None:
            self._liveness = Liveness(broken=str(error) or type(error).__name__)

    def liveness(self) -> Liveness:
        return self._liveness


@dataclass(frozen=True, slots=True)
class Health:
    """``live``: this process is of use. ``ready``: a request made now is spoken."""

    live: bool
    ready: bool
    engine: str
    status: EngineStatus
    since_progress_s: float | None  # while there is work
    fatal: str | None  # why the process must end


def health(engine: str, status: EngineStatus, liveness: Liveness, now: float, *, stuck_s: float = STUCK_S) -> Health:
    """The verdict on the engine called ``engine`` at ``now``, in monotonic seconds."""
    idle_s = max(0.0, now - liveness.progressed_at) if liveness.working else None
    fatal = liveness.broken
    if fatal is None and idle_s is not None and idle_s > stuck_s:
        fatal = f"no progress for {idle_s:.0f} s while speech was waited for"
    return Health(fatal is None, fatal is None and status.is_answered, engine, status, idle_s, fatal)


class LanguageHealth:
    """Which languages cannot be spoken, as far as replies tell: told of each that failed or was spoken."""

    TRIES = 3  # failures in a row; one text may be to blame, or two
    LASTS_S = 600.0  # then nobody has asked for it, and it is not known any more

    def __init__(self) -> None:
        self._failures: dict[str, tuple[int, float, str]] = {}  # how many, when the last one was, its code

    def spoken(self, language: str) -> None:
        self._failures.pop(language, None)

    def failed(self, language: str, code: str, now: float, *, is_sure: bool = False) -> None:
        """The engine failed with ``code``; ``is_sure``: not because of the text."""
        count = self._failures.get(language, (0, 0.0, ""))[0]
        self._failures[language] = (self.TRIES if is_sure else count + 1, now, code)

    def mute(self, now: float) -> dict[str, str]:
        """Languages, and the code of the last error."""
        return {
            language: code
            for language, (count, at, code) in self._failures.items()
            if count >= self.TRIES and now - at < self.LASTS_S
        }


class StateLog:
    """Logs each change of an engine's status once; progress is no change. Up to the first time that it is ready, the
    lines of the start and the engine's own warnings say what there is: only that it speaks then is news, where somebody
    stood in for it."""

    def __init__(self) -> None:
        self._said: EngineStatus | None = None
        self._is_start = True

    def observe(self, now: Health) -> None:
        status, before = replace(now.status, progress=None), self._said
        if status == before:
            return
        self._said = status
        is_ready = status.phase is Phase.READY
        if self._is_start and not (is_ready and before is not None and before.is_answered):
            level = logging.DEBUG
        else:
            level = logging.WARNING if status.phase in (Phase.FAILED, Phase.DEGRADED) else logging.INFO
        self._is_start = self._is_start and not is_ready
        log.log(level, "The %s engine is %s", now.engine, now.status)
