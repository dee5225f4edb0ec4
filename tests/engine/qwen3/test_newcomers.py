"""Those who ask together start together, and whoever is heard already is not kept waiting for all of their prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.engine.qwen3.core import STALL_S, EngineCore, Say
from wyoming_qwen3tts.engine.qwen3.runner.runner import Frame
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Scheduler, Utterance
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

VOICE = Voice(VoiceName("ryan-en"), "Ryan", ("en",), "qwen3", "ryan")


class Ear:
    """A listener who takes everything."""

    abandoned, wants_audio, format = False, True, FORMAT

    def __init__(self) -> None:
        self.pcm = b""

    def put(self, pcm: bytes) -> None:
        self.pcm += pcm

    def end(self) -> None: ...
    def fail(self, error: BaseException) -> None:
        raise error


class Machine:
    """A runner on a clock of its own: a prompt takes ``prompt_s``, a frame ``frame_s`` however many are in it."""

    kind, format = "custom_voice", FORMAT

    def __init__(self, prompt_s: float, frame_s: float = 0.1) -> None:
        self.clock, self.prompt_s, self.frame_s = 0.0, prompt_s, frame_s
        self.did: list[str] = []
        self.decoded: list[int] = []  # frames that were made sound of at a time

    def speaks(self, voice: object) -> bool:
        return True

    def prefill(self, utterance: Utterance, voice: object) -> int:
        self.clock += self.prompt_s
        self.did.append("prompt")
        return 500

    def frame(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
        self.clock += self.frame_s
        self.did.append(f"frame of {len(utterances)}")
        return [Frame([len(self.did)] * 16, is_end=False, is_broken=False) for _ in utterances]

    def sound(self, chunks: Sequence[tuple[Utterance, list[list[int]]]]) -> list[Samples]:
        self.decoded += [len(codes) for _, codes in chunks]
        noise = np.random.default_rng(len(self.did))
        return [noise.uniform(-0.5, 0.5, 1920 * len(codes)).astype(np.float32) for _, codes in chunks]


def core_on(machine: Machine, slots: int) -> EngineCore:
    runner: Any = machine
    return EngineCore(
        [runner], lambda _: cast(Any, _Voice()), Scheduler(slots, 8, lambda: machine.clock), lambda: machine.clock
    )


class _Voice:
    ref_codes = None


def ask(core: EngineCore) -> EngineRequest:
    reply = EngineRequest(Ear())
    core.obey(Say(Utterance(reply, VOICE, "en", "sentence", 0, text="One two three.", is_text_over=True)))
    return reply


def test_four_who_ask_together_are_all_heard_after_four_prompts_and_one_frame() -> None:
    machine = Machine(prompt_s=0.1)
    core = core_on(machine, slots=4)
    replies = [ask(core) for _ in range(4)]

    core.turn()

    assert machine.did == ["prompt"] * 4 + ["frame of 4"]
    assert all(reply.first_at == machine.clock for reply in replies)


def test_who_is_heard_waits_for_short_prompts_only_as_long_as_he_may() -> None:
    machine = Machine(prompt_s=STALL_S / 2)
    core = core_on(machine, slots=8)
    ask(core)
    core.turn()
    for _ in range(5):
        ask(core)
    machine.did.clear()

    for _ in range(3):
        core.turn()

    assert machine.did == [*["prompt"] * 2, "frame of 3", *["prompt"] * 2, "frame of 5", "prompt", "frame of 6"]


def test_of_long_prompts_one_is_read_between_two_frames_of_who_is_heard() -> None:
    machine = Machine(prompt_s=2 * STALL_S)
    core = core_on(machine, slots=4)
    ask(core)
    core.turn()
    for _ in range(3):
        ask(core)
    machine.did.clear()

    for _ in range(3):
        core.turn()

    assert machine.did == ["prompt", "frame of 2", "prompt", "frame of 3", "prompt", "frame of 4"]


def test_no_more_are_begun_than_have_a_slot_and_a_place_in_the_frame() -> None:
    machine = Machine(prompt_s=0.01)
    core = core_on(machine, slots=2)
    for _ in range(3):
        ask(core)

    core.turn()

    assert machine.did == ["prompt", "prompt", "frame of 2"]
    assert core.busy_slots == 2


def test_a_long_prompt_keeps_no_packet_small() -> None:
    """How long the prompt took says nothing of the frames: packets of few frames cost the codec more."""

    def decoded(prompt_s: float) -> list[int]:
        machine = Machine(prompt_s, frame_s=0.03)
        core = core_on(machine, slots=1)
        ask(core)
        for _ in range(20):
            core.turn()
        return machine.decoded

    assert decoded(prompt_s=0.5) == decoded(prompt_s=0.0)
    assert max(decoded(prompt_s=0.5)) == 4
