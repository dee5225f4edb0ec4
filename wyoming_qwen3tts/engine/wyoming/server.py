"""One Wyoming server: whom it speaks as, how it is, and its connections."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from ...errors import EngineError
from ...speech.segment import Segment
from ...util.backoff import Backoff
from ..ahead import Part, whole
from .connection import Connection, Gone, RefusedByServer
from .voices import ServerInfo, ServerVoice, server_info

log = logging.getLogger(__name__)

_IDLE_MAX = 4  # connections that wait for the next request
_PATIENT_S = 0.25  # who is given up earlier says nothing about the server
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 600.0  # for which a language that it would not speak is left alone


@dataclass(slots=True)
class _LeftAlone:
    """A language or a voice that is not asked for until then, and why."""

    backoff: Backoff = field(default_factory=lambda: Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S))
    until: float = 0.0
    why: str = ""


class WyomingServer:
    """A server at ``host`` and ``port``. Event loop only.

    ``instance`` is our own: a server that says it is the same is us, and is refused.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        instance: str,
        stall_s: float,
        backoff: Callable[[], Backoff] = Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"
        self._host, self._port, self._instance = host, port, instance
        self._stall_s, self._clock = stall_s, clock
        self.info: ServerInfo | None = None  # the last that was heard, kept while it is away
        self.trouble = "not asked yet"  # "": none
        self.backoff = backoff()
        self._idle: list[Connection] = []
        self._left_alone: dict[str, _LeftAlone] = {}  # by language, or name of a voice
        self._spoke: dict[str, None] = {}  # voices that have spoken, the last one last

    # -- how it is

    async def ask(self) -> None:
        """Whom it speaks as now. What is wrong is in ``trouble``."""
        connection: Connection | None = None
        try:
            connection = await Connection.open(self._host, self._port, self._stall_s)
            info = server_info(await connection.describe())
            if info.instance and info.instance == self._instance:
                raise EngineError("that is this very server: it cannot stand in for itself")
            self._is_well(info)
        except EngineError as error:
            self.fail(str(error))
        finally:
            if connection is not None:
                self._put_back(connection)

    def fail(self, why: str) -> None:
        """It does not work; it is asked again later."""
        if self.trouble != why and self.trouble in ("", "not asked yet"):
            log.warning("The voice server %s: %s", self.name, why)
        self.trouble = why
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _is_well(self, info: ServerInfo) -> None:
        if self.trouble:
            languages = sorted({code for voice in info.voices for code in voice.languages})
            log.log(
                logging.DEBUG if self.trouble == "not asked yet" else logging.INFO,  # at the start it is as expected
                "The voice server %s is there: %s %s, %d voices in %s",
                self.name, info.program, info.version, len(info.voices), ", ".join(languages),
            )  # fmt: skip
            self._left_alone.clear()
        self.info, self.trouble = info, ""
        self.backoff.reset()

    def knows(self, language: str) -> bool:
        """Whether any of its voices speaks ``language``."""
        return self.info is not None and any(language in voice.languages for voice in self.info.voices)

    def candidates(self, language: str, preferred: Sequence[str]) -> list[ServerVoice]:
        """Who may be asked for ``language`` now, best first: those of ``preferred``, then whoever has spoken before.

        Piper tells of every voice that there is, and has few of them: those that it refuses are left alone.
        """
        if self.info is None or self.trouble or self._why_not(language):
            return []
        spoke = [name for name in reversed(self._spoke) if name not in preferred]
        voices = self.info.for_language(language, (*preferred, *spoke))
        return [voice for voice in voices if not self._why_not(voice.name)]

    def why_mute(self, language: str) -> str | None:
        """Why ``language`` cannot be spoken by it now; None if it may be asked."""
        if self.trouble:
            return self.trouble
        if self.candidates(language, ()):
            return None
        return self._why_not(language) or "it refused every voice of this language that it tells of"

    def _why_not(self, name: str) -> str | None:
        left = self._left_alone.get(name)
        return left.why if left is not None and self._clock() < left.until else None

    # -- speech

    async def speak(
        self, part: Part, voice: ServerVoice, language: str, mark: dict[str, Any]
    ) -> AsyncGenerator[bytes, None]:
        """One sentence in ``FORMAT``, while it is written where the server can. Leaving it hangs up.

        Raises:
            EngineError: in words; a server that cannot be trusted any more has ``trouble`` then.
        """
        is_live = not isinstance(part, Segment) and self.info is not None and self.info.is_streaming
        named = {"name": voice.name, "language": language}
        is_heard = is_answered = False
        began = self._clock()
        try:
            async with aclosing(self._attempts(part, named, mark, is_live=is_live)) as sound:
                async for pcm in sound:
                    is_heard = True
                    yield pcm
            is_answered = True
            self._left_alone.pop(language, None)
            self._spoke.pop(voice.name, None)
            self._spoke[voice.name] = None
        except RefusedByServer as error:
            is_answered = True
            if not is_heard:
                self._leave_alone(voice.name, str(error))
            raise
        except EngineError as error:
            is_answered = True
            self.fail(str(error))
            raise
        finally:
            # Given up before the first sound, such as while Piper fetches a voice.
            if not is_heard and not is_answered and self._clock() - began > _PATIENT_S:
                self._leave_alone(language, "it made no sound in time")

    async def _attempts(
        self, part: Part, voice: dict[str, str], mark: dict[str, Any], *, is_live: bool
    ) -> AsyncGenerator[bytes, None]:
        """By a connection that waited, or by a new one where that had been closed meanwhile."""
        while True:
            connection = await self._connection()
            was_used, is_heard = connection.is_used, False
            try:
                sound = (
                    connection.speak_live(aiter(part), voice, mark)
                    if is_live and not isinstance(part, Segment)
                    else connection.speak((await whole(part)).text, voice, mark)
                )
                async with aclosing(sound):
                    async for pcm in sound:
                        is_heard = True
                        yield pcm
                return
            except Gone:
                if is_heard or not was_used:
                    raise
            finally:
                self._put_back(connection)

    def _leave_alone(self, name: str, why: str) -> None:
        left = self._left_alone.setdefault(name, _LeftAlone())
        left.until, left.why = self._clock() + left.backoff.next_s(), why

    # -- connections

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                return connection
            connection.close()
        return await Connection.open(self._host, self._port, self._stall_s)

    def _put_back(self, connection: Connection) -> None:
        if connection.is_idle and not connection.is_closed and len(self._idle) < _IDLE_MAX and not self.trouble:
            self._idle.append(connection)
        elif connection not in self._idle:
            connection.close()

    def close(self) -> None:
        """Hang up. It may be used again."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
