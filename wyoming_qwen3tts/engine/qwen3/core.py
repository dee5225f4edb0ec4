"""The engine without its thread: plan, read a prompt, make a frame, decode what is due, hand it over.

The file a newcomer reads first. No torch: networks and tensors are the runners'.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...audio.pcm import Samples, to_pcm
from ...errors import Busy, DeviceLost, EngineError, OutOfMemory, SpeechError, UnknownVoice
from ...speech.request import Moment
from ...speech.voice import Voice
from .chunking import ChunkPolicy
from .device_errors import let_go
from .guards import GuardLimits, RunawayGuard
from .priming import Priming
from .scheduler import EngineRequest, Plan, Scheduler, Utterance
from .slow_text import Tempo, kept_samples

if TYPE_CHECKING:
    from ...model.prompt import PromptVoice as PromptVoice
    from ...model.tokenizer import TokenStream
    from .runner.runner import Frame, ModelRunner

log = logging.getLogger(__name__)

JOINT_FADE_S = 0.005  # between sentences, so that nothing clicks
STOP_FADE_S = 0.02  # where speech is cut off
TAIL_S = 0.15  # players cut the end of what they play (home-assistant/core#150397)
ATTEMPTS = 2
_NEW_SEED = 0x9E3779B9  # what the second attempt adds to the seed
_NEVER = float("-inf")
STALL_S = 0.12  # how long those who are heard may wait for the prompts of newcomers before their next frame


@dataclass(frozen=True, slots=True)
class Say:
    """Command: speak an utterance, now or when it is its turn."""

    utterance: Utterance


@dataclass(frozen=True, slots=True)
class More:
    """Command: more of an utterance's text, to its end if ``is_last``."""

    utterance: Utterance
    text: str
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """Command: no further utterance will come."""

    reply: EngineRequest


@dataclass(frozen=True, slots=True)
class Prepare:
    """Command: somebody may soon speak with this voice."""

    voice: Voice


Command = Say | More | End | Prepare


@dataclass(slots=True)
class _Work:
    """What the engine remembers of an utterance besides the utterance."""

    runner: ModelRunner
    voice: PromptVoice
    guard: RunawayGuard
    tokens: TokenStream | None  # live layout only
    tempo: Tempo
    codes: list[list[int]] = field(default_factory=list)  # frames made, not yet decoded
    chunk: int = 1  # how many of them to gather
    sent: bool = False  # something of this utterance was, or is kept to be
    kept: Samples = field(default_factory=lambda: np.zeros(0, np.float32))  # sound that waits for more text
    peak: float = 0.0  # of the sound so far
    heard_before: int = 0  # frames made again, that its listener has had
    decoded: int = 0  # frames, those that are not sent too
    words_told: int = 0  # of `tokens.words`
    is_ended: bool = False  # by the model
    why_stopped: str | None = None  # by a guard
    is_broken: bool = False

    @property
    def is_over(self) -> bool:
        return self.is_ended or self.is_broken or self.why_stopped is not None


@dataclass(slots=True)
class Counters:
    """What has happened so far. Written by the engine thread, read by anybody."""

    frames: int = 0  # of utterances: two that speak in one batch make two
    utterances: int = 0
    stopped: int = 0  # by a guard, with sound already sent
    retried: int = 0
    parked: int = 0  # gave their slots to others while they waited for text
    broken: int = 0  # not a number, or a code that is none
    out_of_memory: int = 0


class Tuner(Protocol):
    """Makes the engine faster while it is idle: a `ThreadTuner`."""

    def made_frame(self, seconds: float) -> None: ...
    def step(self) -> bool: ...


class EngineCore:
    """All that speak, and who could. One thread at a time; every call returns soon."""

    def __init__(
        self,
        runners: Sequence[ModelRunner],
        resolve: Callable[[Voice], PromptVoice],
        scheduler: Scheduler,
        now: Callable[[], float],
        *,
        chunks: ChunkPolicy | None = None,
        limits: GuardLimits | None = None,
        counters: Counters | None = None,
        tuner: Tuner | None = None,
    ) -> None:
        self._runners, self._resolve, self._scheduler, self._now = runners, resolve, scheduler, now
        self._chunks, self._limits = chunks or ChunkPolicy(), limits or GuardLimits()
        self.counters, self._tuner = counters or Counters(), tuner
        self._work: dict[Utterance, _Work] = {}
        self._replies: set[EngineRequest] = set()
        self._frame_cost_s = 0.0
        self._usual_id_s = 0.0  # how fast texts are written: seconds a token
        self.priming = Priming()

    @property
    def busy_slots(self) -> int:
        return len(self._scheduler.speaking)

    # -- commands

    def obey(self, command: Command) -> None:
        """Take note of what the event loop says."""
        if isinstance(command, End):
            command.reply.is_complete = True
            self._replies.add(command.reply)
            self._end_if_done(command.reply)
        elif isinstance(command, Prepare):
            self.priming.add(command.voice)
        elif command.utterance.reply.is_over:
            return
        elif isinstance(command, Say):
            self._admit(command.utterance)
        elif command.utterance in self._work:
            self._hear(command.utterance, command.text, is_last=command.is_last)

    def _admit(self, utterance: Utterance) -> None:
        reply = utterance.reply
        self._replies.add(reply)
        try:
            voice = self._resolve(utterance.voice)
            runner = next((runner for runner in self._runners if runner.speaks(voice)), None)
            if runner is None:
                raise UnknownVoice(f"No loaded model speaks as {utterance.voice.name}; add one to engine.model.")
        except SpeechError as error:
            self._fail(reply, error)
            return
        except Exception:  # a voice's files are not the engine's to know; what is wrong with them ends this reply only
            log.exception("The voice %s cannot be used", utterance.voice.name)
            self._fail(reply, EngineError(f"The voice {utterance.voice.name} cannot be used; see the log."))
            return
        reply.outlet.format = runner.format
        if voice.ref_codes is not None:  # such a clone takes up to ten words of the text before its first frame
            utterance.layout = "sentence"
        if not self._scheduler.admit(utterance):
            self._fail(reply, Busy("Every slot and every place in the queue is taken. Try again in a moment."))
            return
        tokens = runner.tokens(notes_words=reply.wants_words) if utterance.layout == "live" else None
        self._work[utterance] = _Work(runner, voice, self._guard(runner), tokens, Tempo(self._usual_id_s))
        text, is_over = utterance.text, utterance.is_text_over
        utterance.text, utterance.is_text_over = "", False
        self._hear(utterance, text, is_last=is_over)

    def _hear(self, utterance: Utterance, text: str, *, is_last: bool) -> None:
        utterance.text += text
        work = self._work[utterance]
        if work.tokens is not None:
            known = len(utterance.ids)
            utterance.ids += work.tokens.add(text)
            if is_last:
                utterance.ids += work.tokens.close()
            work.tempo.came(len(utterance.ids) - known, self._now())
            if is_last:
                self._usual_id_s = work.tempo.learnt()
        utterance.is_text_over = is_last

    # -- the turn

    def turn(self) -> bool:
        """One turn: prompts of newcomers, one frame for everybody who can, and the sound that is due. False: nothing to
        do until a command comes."""
        began = self._now()
        self._let_go()
        plan = self._scheduler.plan()
        self._forget_who_left()
        if plan.parked is not None:
            self._park(plan.parked)
        self._begin_all(plan, began)
        frames_began = self._now()  # prompts are none of a frame's cost: they would keep the chunks small
        self._make_frames(plan.decode)
        self._make_sound()
        for utterance in [u for u, work in self._work.items() if work.is_over]:
            self._conclude(utterance, self._work[utterance])
        if plan.decode:
            cost_s = self._now() - frames_began
            self._frame_cost_s = 0.8 * self._frame_cost_s + 0.2 * cost_s if self._frame_cost_s else cost_s
            if self._tuner is not None and len(plan.decode) == 1 and plan.prefill is None:
                self._tuner.made_frame(cost_s)
        is_busy = bool(plan.decode) or plan.prefill is not None
        return is_busy or (not self._work and self._use_quiet())

    def rest_s(self) -> float | None:
        """How long there is nothing to do unless a command comes, where `turn` said so; None: for ever."""
        return self._scheduler.rest_s()

    def _park(self, utterance: Utterance) -> None:
        """It has lost its slot, and is begun anew when there is more of its text."""
        work = self._work[utterance]
        self._release(utterance.reply, work)
        heard = utterance.frames_before if work.sent else 0
        self._work[utterance] = _Work(
            work.runner,
            work.voice,
            self._guard(work.runner),
            work.tokens,
            work.tempo,
            sent=work.sent,
            heard_before=heard,
            words_told=work.words_told,
        )
        self.counters.parked += 1
        log.debug("%s waits for text, and gave its slot to another reply", utterance.voice.name)

    def _use_quiet(self) -> bool:
        """A piece of what can wait for a moment in which nobody is spoken to; False: there is nothing."""
        return self.priming.step(self._runners, self._resolve) or (self._tuner is not None and self._tuner.step())

    def _let_go(self) -> None:
        for reply in [reply for reply in self._replies if reply.outlet.abandoned]:
            reply.is_over = True
            self._replies.discard(reply)

    def _forget_who_left(self) -> None:
        for utterance in [u for u in self._work if u.reply.is_over]:
            self._drop(utterance)

    def _begin_all(self, plan: Plan, began: float) -> None:
        """Read the prompts of those who came together, so that they start together; while somebody is heard, no more of
        them than `STALL_S` has room for, and one at least."""
        is_heard = any(u.reply.first_at is not None for u in plan.decode)
        newcomer = plan.prefill
        while newcomer is not None:
            if not self._begin(newcomer):
                plan.decode.remove(newcomer)
            if is_heard and self._now() - began >= STALL_S:
                return
            newcomer = self._scheduler.another(plan)

    def _begin(self, utterance: Utterance) -> bool:
        """Read its prompt. What goes wrong here is the newcomer's own trouble."""
        work = self._work[utterance]
        try:
            room = work.runner.prefill(utterance, work.voice)
        except OutOfMemory as error:
            self._fail(utterance.reply, error)
            self._out_of_memory()
        except SpeechError as error:
            if isinstance(error, DeviceLost):
                raise
            self._fail(utterance.reply, error)
        else:
            work.guard = self._guard(work.runner, room)
            return True
        return False

    def _guard(self, runner: ModelRunner, room: int | None = None) -> RunawayGuard:
        return RunawayGuard(self._limits, is_cloned=runner.kind == "base", room=room)

    def _out_of_memory(self) -> None:
        self.counters.out_of_memory += 1
        log.warning("Out of memory; from now on at most %d replies at once", self._scheduler.lower_ceiling())

    def _make_frames(self, utterances: list[Utterance]) -> None:
        for runner in self._runners:
            mine = [u for u in utterances if self._work[u].runner is runner]
            if not mine:
                continue
            try:
                frames = runner.frame(mine, [self._eos_bias(u) for u in mine])
            except OutOfMemory as error:  # blame the newcomer; the others go on with the next turn
                self._fail(max(mine, key=self._scheduler.speaking.index).reply, error)
                self._out_of_memory()
                continue
            for utterance, frame in zip(mine, frames, strict=True):
                self._take(utterance, self._work[utterance], frame)

    def _eos_bias(self, utterance: Utterance) -> float:
        return self._work[utterance].guard.eos_bias(len(utterance.ids)) if utterance.may_end else _NEVER

    def _take(self, utterance: Utterance, work: _Work, frame: Frame) -> None:
        if frame.is_end or frame.is_broken:
            work.is_ended, work.is_broken = frame.is_end, frame.is_broken
            return
        work.codes.append(frame.codes)
        utterance.frames += 1
        self.counters.frames += 1
        work.why_stopped = work.guard.made(frame.codes[0], len(utterance.ids) if utterance.is_text_over else None)

    # -- sound

    def _make_sound(self) -> None:
        """Decode what is due: a full chunk, the end of an utterance, or what was made before its text ran dry."""
        due = [u for u, w in self._work.items() if w.codes and (len(w.codes) >= w.chunk or w.is_over or not u.has_text)]
        due.sort(key=lambda u: (id(self._work[u].runner), len(self._work[u].codes), u.slot))
        for _, group in groupby(due, key=lambda u: (id(self._work[u].runner), len(self._work[u].codes))):
            together = list(group)
            chunks = [(u, self._work[u].codes) for u in together]
            try:
                sounds = self._work[together[0]].runner.sound(chunks)
            except OutOfMemory as error:  # the codec's rows may have moved half a step: nothing to go on from
                for utterance in together:
                    self._fail(utterance.reply, error)
                self._out_of_memory()
                continue
            for utterance, samples in zip(together, sounds, strict=True):
                self._deliver(utterance, self._work[utterance], samples)
                if not (utterance.has_text or self._work[utterance].is_over):
                    utterance.reply.outlet.put(b"")  # it waits for more of its sentence

    def _deliver(self, utterance: Utterance, work: _Work, samples: Samples) -> None:
        frames = samples.reshape(len(work.codes), -1)
        work.codes, work.decoded = [], work.decoded + len(frames)
        if not np.isfinite(samples).all():
            work.is_broken = True
            return
        kept, why = work.guard.heard(frames, text_is_over=utterance.may_end)
        work.why_stopped = work.why_stopped or why
        frames, cut = frames[:kept], len(frames) - kept
        again = min(work.heard_before, len(frames))
        frames, work.heard_before = frames[again:], work.heard_before - again
        if not work.sent:
            peaks = np.abs(frames).max(axis=1, initial=0.0)
            loud = np.flatnonzero(peaks >= self._limits.lead_in_peak)
            frames = frames[loud[0] :] if len(loud) else frames[:0]
        if not len(frames):
            return
        sound = frames.reshape(-1).copy()
        reply = utterance.reply
        if not work.sent:
            sound *= _ramp(len(sound), JOINT_FADE_S, reply.outlet.format.rate)
            self._put(reply, reply.outlet.format.silence(utterance.pause_s))
            reply.moments.append(Moment(utterance.number, reply.sent_samples))
        if work.tokens is not None and work.tokens.words:
            self._tell_words(utterance, work, work.decoded - cut - len(frames), frames.shape[1])
        if work.why_stopped:
            sound *= _ramp(len(sound), STOP_FADE_S, reply.outlet.format.rate)[::-1]
        work.sent = True
        self._hand_over(utterance, work, sound)
        work.chunk = self._chunks.frames(len(frames), reply.lead_s(self._now()), self._frame_cost_s)

    def _hand_over(self, utterance: Utterance, work: _Work, sound: Samples) -> None:
        """``sound`` comes behind what was kept. Of a text that is slower than speech, what comes behind the last place
        where speech may stop is kept in its turn."""
        fmt = utterance.reply.outlet.format
        sound, work.kept = np.concatenate([work.kept, sound]), sound[:0]
        work.peak = max(work.peak, float(np.abs(sound).max(initial=0.0)))
        is_waiting = not (utterance.has_text or work.is_over)
        if is_waiting and work.tempo.id_s > fmt.seconds(fmt.frame_bytes):
            at = len(sound) - kept_samples(sound, fmt.rate, work.peak)
            sound, work.kept = sound[:at], sound[at:]
        self._put(utterance.reply, to_pcm(sound))

    def _release(self, reply: EngineRequest, work: _Work) -> None:
        """What was kept is not waited with any longer."""
        self._put(reply, to_pcm(work.kept))
        work.kept = work.kept[:0]

    def _tell_words(self, utterance: Utterance, work: _Work, first: int, frame_samples: int) -> None:
        """Note the words whose ids were taken for the frames from ``first`` on, which are sent next."""
        words, reply = work.tokens.words if work.tokens is not None else [], utterance.reply
        while work.words_told < len(words) and words[work.words_told][0] < work.decoded:
            index, chars = words[work.words_told]
            at = reply.sent_samples + len(work.kept) + max(0, index - first) * frame_samples
            reply.moments.append(Moment(utterance.number, at, chars))
            work.words_told += 1

    def _put(self, reply: EngineRequest, pcm: bytes) -> None:
        if not pcm:
            return
        if reply.first_at is None:
            reply.first_at = self._now()
        reply.sent_s += reply.outlet.format.seconds(len(pcm))
        reply.last_sample = int.from_bytes(pcm[-2:], "little", signed=True)
        reply.outlet.put(pcm)

    def _fade(self, reply: EngineRequest, seconds: float) -> None:
        """From the last sample down to nothing: whatever was said last, nothing clicks."""
        if reply.last_sample:
            count = round(reply.outlet.format.rate * seconds)
            self._put(reply, np.linspace(reply.last_sample, 0, count + 1)[1:].astype("<i2").tobytes())

    # -- ends

    def _conclude(self, utterance: Utterance, work: _Work) -> None:
        """The utterance is at its end, good or bad."""
        reply = utterance.reply
        self._release(reply, work)
        if work.is_broken:
            self.counters.broken += 1
            log.error("The model computed what is no number for %s; this reply ends here", utterance.voice.name)
            self._fade(reply, STOP_FADE_S)
            self._fail(reply, EngineError("The model's numbers went wrong. Try again; if it stays, see the log."))
        elif not work.sent:
            self._try_again(utterance, work)
        else:
            if work.why_stopped:
                self._confess(utterance, work.why_stopped)
            self._fade(reply, JOINT_FADE_S)
            self.counters.utterances += 1
            self._drop(utterance)
            reply.spoken()
            self._end_if_done(reply)
            if not reply.is_over and not reply.waiting and reply.speaking is None:
                reply.outlet.put(b"")

    def _try_again(self, utterance: Utterance, work: _Work) -> None:
        """Nothing was heard yet, so another throw of the dice costs nobody anything. Once."""
        why = work.why_stopped or "an end before any sound"
        if utterance.attempts >= ATTEMPTS:
            self._fail(utterance.reply, EngineError(f"The model made no speech of this text ({why}), twice."))
            return
        self.counters.retried += 1
        log.warning("%s: %s; trying again with another seed", utterance.voice.name, why)
        utterance.seed += _NEW_SEED
        self._scheduler.again(utterance)
        self._work[utterance] = _Work(work.runner, work.voice, self._guard(work.runner), work.tokens, work.tempo)

    def _confess(self, utterance: Utterance, why: str) -> None:
        self.counters.stopped += 1
        utterance.reply.notes.append(f"a sentence was cut off: {why}")
        log.warning("%s did not end by itself and was cut off: %s", utterance.voice.name, why)

    def _drop(self, utterance: Utterance) -> None:
        del self._work[utterance]
        self._scheduler.finish(utterance)

    def _end_if_done(self, reply: EngineRequest) -> None:
        if reply.is_complete and not reply.is_over and not reply.waiting and reply.speaking is None:
            if reply.sent_s:
                self._put(reply, reply.outlet.format.silence(TAIL_S))
            reply.is_over = True
            self._replies.discard(reply)
            reply.outlet.end()

    def _fail(self, reply: EngineRequest, error: SpeechError) -> None:
        """This reply ends here; nobody else is touched."""
        for utterance in [u for u in self._work if u.reply is reply]:
            self._drop(utterance)
        self._scheduler.waiting = [u for u in self._scheduler.waiting if u.reply is not reply]
        reply.is_over = True
        self._replies.discard(reply)
        let_go(error)  # it goes to the event loop, and must not take this core with it
        reply.outlet.fail(error)

    def fail_all(self, error: SpeechError) -> None:
        """Everybody who was taken ends here. The core is of no use afterwards."""
        for reply in self._replies:
            reply.is_over = True
            reply.outlet.fail(error)
        self._replies.clear()


def _ramp(length: int, seconds: float, rate: int) -> Samples:
    """Ones, but for a rise over the first ``seconds``."""
    ramp = np.ones(length, dtype=np.float32)
    rise = min(length, round(rate * seconds))
    ramp[:rise] = np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    return ramp
