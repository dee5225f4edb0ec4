"""Who speaks the next frame: nobody starves, nobody has two slots, and silence is the measure."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Scheduler, Utterance
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

VOICE = Voice(VoiceName("ryan-en"), "Ryan", ("en",), "qwen3", "ryan")


@dataclass
class Ear:
    """An outlet that is told what to want."""

    wants_audio: bool = True
    abandoned: bool = False
    format = FORMAT

    def put(self, pcm: bytes) -> None: ...
    def end(self) -> None: ...
    def fail(self, error: BaseException) -> None: ...


def reply(*, lead_s: float | None = None) -> EngineRequest:
    """One that has ``lead_s`` of audio ahead of its listener at time 0, or has not begun."""
    made = EngineRequest(Ear())
    if lead_s is not None:
        made.sent_s, made.first_at, made.has_begun = 1.0 + lead_s, -1.0, True
    return made


def utterance(of: EngineRequest | None = None, *, live: bool = False) -> Utterance:
    return Utterance(of or reply(), VOICE, "en", "live" if live else "sentence", 0, text="x", is_text_over=not live)


def scheduler(slots: int = 2, queue: int = 4, batch: int | None = None) -> Scheduler:
    return Scheduler(slots, queue, lambda: 0.0, batch)


def test_whoever_is_nearest_to_silence_goes_first() -> None:
    plans = scheduler(slots=3, batch=2)
    leads = {lead: utterance(reply(lead_s=lead)) for lead in (2.0, 0.5, 1.0)}
    for one in leads.values():
        plans.admit(one)
        plans.plan()

    assert plans.plan().decode == [leads[0.5], leads[1.0]]


def test_an_announcement_begins_with_the_next_frame_while_a_slot_is_free() -> None:
    plans, long, short = scheduler(), utterance(reply(lead_s=9)), utterance()
    plans.admit(long)
    plans.plan()
    plans.admit(short)

    plan = plans.plan()

    assert plan.prefill is short
    assert short in plan.decode


def test_one_prompt_is_read_between_two_frames() -> None:
    plans = scheduler(slots=3)
    for _ in range(3):
        plans.admit(utterance())

    assert [len(plans.plan().decode) for _ in range(3)] == [1, 2, 3]


def test_a_listener_with_a_full_mailbox_is_parked_and_keeps_its_slot() -> None:
    plans, slow = scheduler(slots=1), utterance()
    plans.admit(slow)
    plans.plan()
    slow.reply.outlet.wants_audio = False  # type: ignore[misc]

    assert not plans.plan()
    assert slow.slot == 0


def test_who_waits_for_text_is_parked_and_goes_on_when_it_comes() -> None:
    plans, live = scheduler(slots=1), utterance(live=True)
    live.ids = [7]
    plans.admit(live)
    first = plans.plan()
    live.frames = 1

    assert first.decode == [live]
    assert not plans.plan()
    live.ids.append(8)
    assert plans.plan().decode == [live]


class Pause:
    """A slot, held by somebody who said two words, and one who would like to have it."""

    def __init__(self) -> None:
        self.time = 0.0
        self.plans = Scheduler(1, 4, lambda: self.time, text_pause_s=2.0)
        self.live, self.newcomer = utterance(live=True), utterance()
        self.live.ids = [7, 8]
        self.plans.admit(self.live)
        self.plans.plan()
        self.live.frames = 2
        self.plans.plan()


def test_who_waits_for_text_gives_its_slot_to_who_could_begin_after_a_while() -> None:
    pause = Pause()
    pause.time = 1.5
    assert pause.plans.rest_s() is None  # as long as nobody wants it
    assert pause.plans.admit(pause.newcomer)
    assert not pause.plans.plan()
    assert pause.plans.rest_s() == 0.5

    pause.time = 2.0
    plan = pause.plans.plan()
    assert (plan.parked, plan.prefill) == (pause.live, pause.newcomer)
    assert pause.plans.rest_s() is None


def test_nobody_loses_its_slot_while_none_wants_it() -> None:
    pause = Pause()
    pause.time = 1000.0
    assert pause.plans.plan().parked is None
    assert pause.live.slot == 0


def test_who_gave_its_slot_up_is_begun_anew_with_more_text_and_in_line() -> None:
    pause = Pause()
    pause.plans.admit(pause.newcomer)
    pause.time = 2.0
    pause.plans.plan()
    pause.plans.finish(pause.newcomer)
    assert not pause.plans.plan()  # there is no text for a new frame

    pause.live.ids.append(9)
    later = utterance()
    pause.plans.admit(later)
    plan = pause.plans.plan()
    assert (plan.prefill, pause.live.frames, pause.live.frames_before, pause.live.attempts) == (pause.live, 0, 2, 1)
    pause.live.frames, pause.live.is_text_over = 2, True
    assert pause.plans.plan().decode == [pause.live]


def test_what_a_reply_says_next_does_not_overtake_what_it_gave_its_slot_up_in() -> None:
    pause = Pause()
    pause.plans.admit(pause.newcomer)
    pause.time = 2.0
    pause.plans.plan()
    pause.plans.admit(utterance(pause.live.reply))
    pause.plans.finish(pause.newcomer)
    assert not pause.plans.plan()
    pause.live.is_text_over = True
    assert pause.plans.plan().prefill is pause.live


def test_a_text_without_a_word_takes_no_slot() -> None:
    plans, live = scheduler(slots=1), utterance(live=True)
    plans.admit(live)

    assert not plans.plan()
    assert live.slot is None


def test_an_end_of_speech_is_impossible_before_the_text_is_eaten_however_early_it_is_known() -> None:
    live = utterance(live=True)
    live.ids, live.is_text_over = [1, 2, 3], True

    may_end = []
    for live.frames in range(5):
        may_end.append(live.may_end)

    assert may_end == [False, False, False, True, True]


def test_a_leaver_frees_its_slot_at_the_next_plan() -> None:
    plans, gone, waiting = scheduler(slots=1), utterance(), utterance()
    for one in (gone, waiting):
        plans.admit(one)
        plans.plan()
    gone.reply.outlet.abandoned = True

    assert plans.plan().prefill is waiting
    assert gone.slot is None


def test_a_reply_that_has_begun_goes_on_before_others_begin() -> None:
    plans, going_on, newcomer = scheduler(slots=1), reply(), utterance()
    first, second = utterance(going_on), utterance(going_on)
    for one in (first, newcomer, second):
        plans.admit(one)
    plans.plan()
    plans.finish(first)

    assert plans.plan().prefill is second


def test_the_next_turn_of_a_reply_goes_on_before_others_begin_and_is_never_refused() -> None:
    plans, spoken = scheduler(slots=1, queue=1), utterance()
    newcomer, next_turn = utterance(), utterance(EngineRequest(Ear(), has_begun=True))
    for one in (spoken, newcomer, next_turn):
        assert plans.admit(one)
        plans.plan()
    assert not plans.admit(utterance())
    assert next_turn.reply.has_queued, "that it is late says nothing about the engine"
    plans.finish(spoken)

    assert plans.plan().prefill is next_turn


def test_one_reply_never_has_two_slots() -> None:
    plans, one = scheduler(slots=3), reply()
    plans.admit(utterance(one))
    plans.admit(utterance(one))
    plans.plan()

    assert len(plans.plan().decode) == 1


def test_beyond_slots_and_queue_a_newcomer_is_refused_at_once_but_nobody_who_was_taken() -> None:
    plans = scheduler(slots=2, queue=3)
    taken = [utterance() for _ in range(5)]

    assert all(plans.admit(one) for one in taken)
    assert not plans.admit(utterance())
    assert plans.admit(utterance(taken[4].reply))


def test_a_slot_less_after_running_out_of_memory_but_never_none() -> None:
    plans = scheduler(slots=2)

    assert [plans.lower_ceiling() for _ in range(3)] == [1, 1, 1]
    plans.admit(utterance())
    assert plans.plan().prefill is not None


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10_000), slots=st.integers(1, 4), batch=st.integers(1, 4))
def test_no_slot_is_lost_or_doubled_and_everybody_who_was_taken_speaks(seed: int, slots: int, batch: int) -> None:
    """Random arrivals, stalls, leavers and ends."""
    rng, plans = random.Random(seed), Scheduler(slots, 5, lambda: 0.0, batch)
    alive: list[Utterance] = []
    heard: set[int] = set()
    for _ in range(60):
        if rng.random() < 0.4 and plans.admit(one := utterance()):
            alive.append(one)
        for one in alive:
            one.reply.outlet.wants_audio = rng.random() < 0.8  # type: ignore[misc]
            one.reply.outlet.abandoned = one.reply.outlet.abandoned or rng.random() < 0.03
        plan = plans.plan()
        for one in plan.decode:
            heard.add(id(one))
            one.reply.sent_s, one.reply.first_at = one.reply.sent_s + 0.08, 0.0
            if rng.random() < 0.2:
                plans.finish(one)
        taken = [one.slot for one in plans.speaking]
        assert len(set(taken)) == len(taken) <= plans.slots == slots
        assert len(plan.decode) <= batch
    for one in alive:
        one.reply.outlet.wants_audio = True  # type: ignore[misc]
    for _ in range(40 * len(alive) + 1):
        for one in plans.plan().decode:
            heard.add(id(one))
            plans.finish(one)
    assert not plans.speaking
    assert not plans.waiting
    assert all(id(one) in heard or one.reply.outlet.abandoned for one in alive)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_slots_are_given_from_the_lowest_so_that_speakers_lie_side_by_side(order: tuple[int, ...]) -> None:
    plans, three = scheduler(slots=3), [utterance() for _ in range(3)]
    for one in three:
        plans.admit(one)
        plans.plan()
    for at in order:
        plans.finish(three[at])
    again = utterance()
    plans.admit(again)
    plans.plan()

    assert again.slot == 0
