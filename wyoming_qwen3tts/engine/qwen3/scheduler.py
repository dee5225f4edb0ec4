"""Who speaks the next frame. Plain Python: no torch, no threads, no clock of its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ...speech.audio_format import AudioFormat
from ...speech.request import Moment
from ...speech.voice import Voice

Layout = Literal["sentence", "live"]  # the whole text before the first frame | one text id per frame


class AudioSink(Protocol):
    """Where a reply's audio goes: a `Mailbox`."""

    abandoned: bool
    format: AudioFormat

    @property
    def wants_audio(self) -> bool: ...
    def put(self, pcm: bytes) -> None: ...
    def end(self) -> None: ...
    def fail(self, error: BaseException) -> None: ...


@dataclass(slots=True, eq=False)
class EngineRequest:
    """One request: utterances that follow each other in one slot. Written by the engine thread only.

    ``spoken`` is told after each utterance, on the engine thread; ``notes`` and ``moments`` are the request's own
    lists.
    """

    outlet: AudioSink
    spoken: Callable[[], None] = lambda: None
    notes: list[str] = field(default_factory=list)
    sent_s: float = 0.0  # audio handed over, pauses included
    first_at: float | None = None  # when its first audio was
    speaking: Utterance | None = None  # the one that has a slot
    waiting: int = 0  # utterances admitted and not begun
    has_begun: bool = False  # an utterance of it, or of the turn before it, has had a slot
    has_queued: bool = False  # when it came, every slot was taken
    is_complete: bool = False  # no further utterance will come
    is_over: bool = False  # ended, failed or abandoned
    last_sample: int = 0  # of what was handed over: where a fade has to start
    moments: list[Moment] = field(default_factory=list)
    wants_words: bool = False  # among the moments

    @property
    def sent_samples(self) -> int:
        """Audio handed over, in samples."""
        return round(self.sent_s * self.outlet.format.rate)

    def lead_s(self, now: float) -> float:
        """How long until the listener hears silence; 0 for who has heard nothing yet."""
        return 0.0 if self.first_at is None else self.sent_s - (now - self.first_at)


@dataclass(slots=True, eq=False)
class Utterance:
    """One segment of a reply, on its way through one slot. Made by the event loop, then the engine thread's own.

    ``text`` grows until ``is_text_over``. In the live layout ``ids`` are the tokens of it that no later text can
    change; in the live layout frame n consumes token n; an unknown token makes the utterance unschedulable.
    """

    reply: EngineRequest
    voice: Voice
    language: str  # ISO 639-1
    layout: Layout
    seed: int
    instruct: str | None = None
    pause_s: float = 0.0  # silence before it
    text: str = ""
    is_text_over: bool = False
    ids: list[int] = field(default_factory=list)
    slot: int | None = None
    frames: int = 0  # made in this attempt
    attempts: int = 0
    frames_before: int = 0  # made when its slot went to somebody else; they are made again before any new one
    dry_since: float | None = None  # it has a slot, and waits for text
    number: int = 0  # of the request's segments

    @property
    def has_text(self) -> bool:
        """Whether the text that the next new frame needs is known."""
        return self.has_text_for(max(self.frames, self.frames_before))

    @property
    def may_end(self) -> bool:
        """Whether the next frame may be the end of speech: the whole text has been eaten.

        Not "is known": that would depend on when the text came, and so would the codes.
        """
        return self.may_end_at(self.frames)

    def has_text_for(self, frame: int) -> bool:
        """`has_text` of any frame, counted from 0."""
        return self.is_text_over or (self.layout == "live" and len(self.ids) > frame)

    def may_end_at(self, frame: int) -> bool:
        """`may_end` of any frame whose text is known."""
        return self.layout == "sentence" or (self.is_text_over and frame >= len(self.ids))

    @property
    def is_ready(self) -> bool:
        return self.has_text and self.reply.outlet.wants_audio


@dataclass(slots=True)
class Plan:
    """What to do next: a prompt to read, if any (and `Scheduler.another`), then one frame for each of ``decode``, the
    neediest first. ``parked`` has just lost its slot."""

    prefill: Utterance | None = None
    decode: list[Utterance] = field(default_factory=list)
    parked: Utterance | None = None

    def __bool__(self) -> bool:
        return bool(self.decode)


class Scheduler:
    """Continuous batching over a fixed number of slots: whoever is nearest to silence goes first.

    ``batch`` is the most utterances of one frame (all slots by default), ``queue`` how many replies may wait.

    Who has waited ``text_pause_s`` for text gives its slot to who could begin: else a few streams of a word now and
    then would silence everybody. With more text it is begun anew, in line, and comes to the same codes, as these depend
    on text and seed alone; what its listener has heard is not sent again.
    """

    def __init__(
        self,
        slots: int,
        queue: int,
        now: Callable[[], float],
        batch: int | None = None,
        text_pause_s: float = 2.0,
    ) -> None:
        self._now, self._queue, self._batch = now, queue, batch or slots
        self._text_pause_s = text_pause_s
        self._free = list(range(slots))  # a heap: the lowest first, so that those who speak lie side by side
        self.waiting: list[Utterance] = []
        self.speaking: list[Utterance] = []

    @property
    def slots(self) -> int:
        return len(self._free) + len(self.speaking)

    def admit(self, utterance: Utterance) -> bool:
        """Take it, or say no at once; an unbounded queue only turns overload into time-outs.

        A reply that has been taken goes on: its later utterances are never refused.
        """
        reply = utterance.reply
        if not reply.has_begun and not reply.waiting:
            newcomers = {id(u.reply) for u in self.waiting if not u.reply.has_begun and not u.reply.outlet.abandoned}
            if len(newcomers) >= self._queue + len(self._free):
                return False
            reply.has_queued = reply.has_queued or len(newcomers) >= len(self._free)
        elif reply.first_at is None and reply.speaking is None and not reply.waiting:  # a later turn of one
            reply.has_queued = not self._free
        reply.waiting += 1
        self.waiting.append(utterance)
        return True

    def plan(self) -> Plan:
        """Who does what now. Those who left lose their slot here, and a free one goes to who waits."""
        for utterance in [u for u in self.speaking if u.reply.outlet.abandoned]:
            self.finish(utterance)
        self.waiting = [u for u in self.waiting if not u.reply.outlet.abandoned]
        parked = self._make_room()
        prefill = self._next_to_begin() if self._free else None
        if prefill is not None:
            self._begin(prefill)
        now = self._now()
        ready = sorted((u for u in self.speaking if u.is_ready), key=lambda u: u.reply.lead_s(now))
        decode = ready[: self._batch]
        if prefill is not None and prefill not in decode:
            decode[-1] = prefill
        return Plan(prefill, decode, parked)

    def rest_s(self) -> float | None:
        """How long there is nothing to plan, unless something comes; None: for ever."""
        dry = [u.dry_since for u in self.speaking if u.dry_since is not None]
        if self._free or not dry or self._next_to_begin() is None:
            return None
        return max(0.0, min(dry) + self._text_pause_s - self._now())

    def another(self, plan: Plan) -> Utterance | None:
        """One more prompt for this turn, where there are a slot and a place in its frame; None: there is none."""
        if not self._free or len(plan.decode) >= self._batch:
            return None
        prefill = self._next_to_begin()
        if prefill is not None:
            self._begin(prefill)
            plan.decode.append(prefill)
        return prefill

    def finish(self, utterance: Utterance) -> None:
        """Its slot is free, for the next of its reply first of all. Is idempotent."""
        if utterance.slot is None:
            return
        heapq.heappush(self._free, utterance.slot)
        utterance.slot = utterance.dry_since = None
        utterance.reply.speaking = None
        self.speaking.remove(utterance)

    def again(self, utterance: Utterance) -> None:
        """Give its slot back and begin it anew, before anybody else."""
        self.finish(utterance)
        utterance.frames = utterance.frames_before = 0
        utterance.reply.waiting += 1
        self.waiting.insert(0, utterance)

    def _make_room(self) -> Utterance | None:
        """Take the slot of who has waited for text the longest, if that is too long and somebody could begin."""
        now = self._now()
        for utterance in self.speaking:
            if utterance.has_text:
                utterance.dry_since = None
            elif utterance.dry_since is None:
                utterance.dry_since = now
        dry = [(u.dry_since, at) for at, u in enumerate(self.speaking) if u.dry_since is not None]
        if self._free or not dry or now - min(dry)[0] < self._text_pause_s or self._next_to_begin() is None:
            return None
        parked = self.speaking[min(dry)[1]]
        self.finish(parked)
        parked.frames_before, parked.frames = parked.frames, 0
        parked.attempts -= 1
        parked.reply.waiting += 1
        self.waiting.append(parked)
        return parked

    def lower_ceiling(self) -> int:
        """Do with one slot less from now on, if there is more than one free or left; returns how many there are."""
        if self._free and self.slots > 1:
            self._free.remove(max(self._free))
            heapq.heapify(self._free)
        return self.slots

    def _next_to_begin(self) -> Utterance | None:
        """A reply that goes on before one that has not begun: silence inside a reply is worse than a later start.

        Each reply has its utterances one after the other; among replies that go on the nearest to silence is first. Who
        gave its slot up is silent already, and waits in line.
        """
        now = self._now()
        first = {id(u.reply): u for u in reversed(self.waiting)}  # of each reply
        can = [u for u in self.waiting if u.reply.speaking is None and u.is_ready and first[id(u.reply)] is u]
        going_on = [u for u in can if u.reply.has_begun and not u.frames_before]
        if going_on:
            return min(going_on, key=lambda u: u.reply.lead_s(now))
        return can[0] if can else None

    def _begin(self, utterance: Utterance) -> None:
        self.waiting.remove(utterance)
        utterance.slot = heapq.heappop(self._free)
        utterance.attempts += 1
        reply = utterance.reply
        reply.waiting -= 1
        reply.speaking, reply.has_begun = utterance, True
        self.speaking.append(utterance)
