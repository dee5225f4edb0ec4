"""Looks at all replies several times a second: gives places back that are not used, and frees what nothing moves."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass

from ..errors import EngineDown, SpeechError, Stalled
from ..settings import Limits
from ..util import processes
from .admission import AdmissionController, Permit
from .reply import Reply

log = logging.getLogger(__name__)

LOOK_S = 0.25
STUCK_S = 60.0  # an engine that makes no sound for anybody for so long will make none
LONG_QUEUE_S = 300.0  # and one that makes some, none for a reply that waits so long


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
        replies: Collection[Reply],
        admission: AdmissionController,
        limits: Limits,
        is_loading: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._replies, self._admission, self._limits = replies, admission, limits
        self._is_loading, self._clock = is_loading, clock
        self._memory: dict[Reply, _Memory] = {}
        self._sound_at = clock()  # when any reply last got sound
        self._newest_heard = self._sound_at  # when the youngest reply began that has got some
        self._timer: asyncio.TimerHandle | None = None
        self.freed: Counter[str] = Counter()

    def wake(self) -> None:
        """Returns at once."""
        if self._timer is None:
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
        if self._replies or self._admission.active or processes.running():
            self.wake()

    def look(self) -> None:
        """Once, now."""
        now = self._clock()
        self._memory = {reply: self._remembered(reply, now) for reply in self._replies if not reply.is_ending}
        for reply, memory in list(self._memory.items()):
            self._look_at(reply, now - memory.since, now)
        for permit in self._admission.holders():
            if permit.task is not None and permit.task.done():
                self._free_orphan(permit)
        for name in processes.end_orphans():
            self.freed["child"] += 1
            log.warning("Ended a child process that nobody waited for: %s", name)

    def _remembered(self, reply: Reply, now: float) -> _Memory:
        seen = (reply.text.chars, reply.sound_bytes, reply.engine_since, reply.is_waiting_for_text)
        known = self._memory.get(reply)
        if known is not None and known.seen == seen:
            return known
        if reply.sound_bytes and (known is None or known.seen[1] != reply.sound_bytes):
            self._sound_at, self._newest_heard = now, max(self._newest_heard, reply.stats.started)
        return _Memory(seen, now)

    def _look_at(self, reply: Reply, unchanged_s: float, now: float) -> None:
        if reply.pace.behind_s(now) >= self._limits.listener_behind_s:
            reply.cut(
                Stalled(
                    f"The listener was slower than half of real time for {self._limits.listener_behind_s:g} s or more."
                )
            )
        elif reply.is_waiting_for_text:
            if unchanged_s >= self._limits.text_pause_s:
                reply.pause()
        elif reply.is_waiting_for_engine and unchanged_s >= self._patience_s(reply, now) and not self._is_loading():
            self._free(reply, EngineDown(f"There was no sound for {unchanged_s:.0f} s."), "reply")

    def _patience_s(self, reply: Reply, now: float) -> float:
        """It may only be waiting its turn, if those who came after it wait too."""
        was_overtaken = not reply.sound_bytes and self._newest_heard > reply.stats.started
        return STUCK_S if was_overtaken or now - self._sound_at >= STUCK_S else LONG_QUEUE_S

    def _free(self, reply: Reply, error: SpeechError, what: str) -> None:
        self.freed[what] += 1
        log.warning("Freed a reply that did not move: %s", reply.describe(self._clock()))
        reply.cut(error)

    def _free_orphan(self, permit: Permit) -> None:
        self.freed["place"] += 1
        log.warning("Freed a place that nobody used any more; its reply: %s", permit.describe())
        permit.give_back()
