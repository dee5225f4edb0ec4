"""Looks at all replies several times a second: gives places back that are not used, and frees what nothing moves.

Found at the next look: a place, a claim or a reply whose task is over, and a child whose task is over. Found after
`ENDING_S`: a reply that was told to end and does not. Found after the engine's own `longest_silence_s`, by when its
limits have ended whatever hangs: a reply without sound while nobody gets any, or while those who came later do.

Waits that are right, and are given longer:

* of a reply that has begun, while others are spoken to, for a slot for its next sentence: `NEXT_SENTENCE_S`, as a slow
  processor takes so long for a sentence of each
* of one that has not, for its turn behind others who came first and are spoken to, or whose listeners pause and keep
  their slots: `LONG_QUEUE_S`
* while the engine loads and nobody speaks in its place: the loading's own time
* for text, for the listener, and for a place: limits of their own (`text_idle_s`, `write_stall_s`,
  `listener_behind_s`, fair shares)

Time in which the whole process was held up, by the machine or by a stop, counts for nobody: nothing could have moved.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import EngineDown, Stalled
from ..settings import Limits
from ..speech.engine import Engine
from ..util import processes
from .admission import AdmissionController
from .reply import Reply

log = logging.getLogger(__name__)

LOOK_S = 0.25
ENDING_S = 5.0  # a child that is killed, and a listener who is told why, take 1 s
MOST_COUNTED_S = 2.0  # between two looks: much more than a slow machine makes of `LOOK_S`
NEXT_SENTENCE_S = 60.0
LONG_QUEUE_S = 300.0


@dataclass(slots=True)
class _Memory:
    """What was seen of a reply: since when it has not changed."""

    seen: tuple[object, ...]
    since: float


class ReplyWatchdog:
    """`wake` it when a reply begins; it sleeps again when there are none. Event loop only.

    ``freed`` counts what had to be freed, by what it was.
    """

    def __init__(
        self,
        replies: set[Reply],
        admission: AdmissionController,
        limits: Limits,
        engine: Engine,
        clock: Callable[[], float],
    ) -> None:
        self._replies, self._admission, self._limits = replies, admission, limits
        self._engine, self._clock = engine, clock
        self._memory: dict[Reply, _Memory] = {}
        self._sound_at = clock()  # when any reply last got sound
        self._looked_at = self._sound_at
        self._newest_heard = self._sound_at  # when the youngest reply began that has got some
        self._timer: asyncio.TimerHandle | None = None
        self.freed: Counter[str] = Counter()

    def wake(self) -> None:
        """Returns at once."""
        if self._timer is None:
            self._looked_at = self._clock()
            self._timer = asyncio.get_running_loop().call_later(self._look_s, self._tick)

    def close(self) -> None:
        """Look no more. Is idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def _look_s(self) -> float:
        return min(LOOK_S, self._limits.text_pause_s / 4, self._limits.listener_behind_s / 4)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.look()
        except Exception:  # it has to outlive what it looks at
            log.exception("The watchdog of the replies found a bug")
        if self._replies or self._admission.active or self._admission.waiting or processes.running():
            self.wake()

    def look(self) -> None:
        """Once, now."""
        now = self._clock()
        self._excuse(now - self._looked_at - MOST_COUNTED_S)
        self._looked_at = now
        for reply in [reply for reply in self._replies if reply.is_orphan]:
            self._replies.discard(reply)
            self._count("reply", "a reply whose task is over", reply.describe(now))
        self._memory = {reply: self._remembered(reply, now) for reply in self._replies}
        for reply, memory in list(self._memory.items()):
            self._look_at(reply, now - memory.since, now)
        for permit in (*self._admission.holders(), *self._admission.claimants()):
            if permit.is_orphan:
                self._count("place", "a place that nobody used any more; its reply", permit.describe())
                permit.give_back()
        for name in processes.end_orphans():
            self.freed["child"] += 1
            log.warning("Ended a child process that nobody waited for: %s", name)

    def _excuse(self, held_up_s: float) -> None:
        """Leave out time in which nobody could do anything."""
        if held_up_s <= 0:
            return
        self._sound_at += held_up_s
        for memory in self._memory.values():
            memory.since += held_up_s

    def _remembered(self, reply: Reply, now: float) -> _Memory:
        seen = (
            reply.text.chars, reply.sound_bytes, reply.engine_since, reply.is_waiting_for_text, reply.is_ending
        )  # fmt: skip
        known = self._memory.get(reply)
        if known is not None and known.seen == seen:
            return known
        if reply.sound_bytes and (known is None or known.seen[1] != reply.sound_bytes):
            self._sound_at, self._newest_heard = now, max(self._newest_heard, reply.stats.started)
        return _Memory(seen, now)

    def _look_at(self, reply: Reply, unchanged_s: float, now: float) -> None:
        if reply.is_ending:
            if unchanged_s >= ENDING_S and reply.has_place:
                self._count("place", "the place of a reply that does not end", reply.describe(now))
                reply.give_place_back()
        elif reply.pace.behind_s(now) >= self._limits.listener_behind_s:
            reply.cut(
                Stalled(
                    f"The listener was slower than half of real time for {self._limits.listener_behind_s:g} s or more."
                )
            )
        elif reply.is_waiting_for_text:
            if unchanged_s >= self._limits.text_pause_s:
                reply.pause()
        elif reply.is_waiting_for_engine and unchanged_s >= self._patience_s(reply, now) and not self._is_loading:
            self._count("reply", "a reply that did not move", reply.describe(now))
            reply.cut(EngineDown(f"There was no sound for {unchanged_s:.0f} s."))

    def _patience_s(self, reply: Reply, now: float) -> float:
        """It may only be waiting its turn, if those who came after it wait too."""
        longest_s = self._engine.longest_silence_s
        if not reply.sound_bytes and self._newest_heard > reply.stats.started:  # it was overtaken
            return longest_s
        is_silent = now - self._sound_at >= longest_s and not any(r.is_waiting_for_listener for r in self._replies)
        if is_silent:
            return longest_s
        return NEXT_SENTENCE_S if reply.sound_bytes else LONG_QUEUE_S

    @property
    def _is_loading(self) -> bool:
        status = self._engine.status
        return status.is_loading and not status.is_answered

    def _count(self, kind: str, what: str, doing: str) -> None:
        self.freed[kind] += 1
        log.warning("Freed %s: %s", what, doing)
