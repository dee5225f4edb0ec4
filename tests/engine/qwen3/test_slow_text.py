"""A text that is written more slowly than it is spoken: speech stops between words, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import pytest

from tests.engine.qwen3.test_newcomers import Ear
from wyoming_qwen3tts.audio.pcm import Samples, to_pcm
from wyoming_qwen3tts.engine.qwen3.core import EngineCore, More, Say
from wyoming_qwen3tts.engine.qwen3.runner.runner import Frame
from wyoming_qwen3tts.engine.qwen3.scheduler import EngineRequest, Scheduler, Utterance
from wyoming_qwen3tts.engine.qwen3.slow_text import MOST_KEPT_S, Tempo, kept_samples
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.voice import Voice, VoiceName

VOICE = Voice(VoiceName("ryan-en"), "Ryan", ("en",), "qwen3", "ryan")
RATE, FRAME = 24_000, 1920
SLOW_S, FAST_S = 0.4, 0.02  # a word


class Tokens:
    """A token is a letter."""

    words: Sequence[tuple[int, int]] = ()

    def add(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]

    def close(self) -> list[int]:
        return []


class Machine:
    """Speaks a frame for each letter and as many behind the text, in no time: a tone with a gap of 80 ms wherever
    ``is_gap`` says so of a frame's number."""

    kind, format = "custom_voice", FORMAT

    def __init__(self, is_gap: Callable[[int], bool]) -> None:
        self.clock, self.made, self.is_gap = 0.0, 0, is_gap
        self.sounds: list[Samples] = []

    def speaks(self, voice: object) -> bool:
        return True

    def tokens(self, *, notes_words: bool) -> Tokens:
        return Tokens()

    def prefill(self, utterance: Utterance, voice: object) -> int:
        self.made, self.sounds = 0, []
        return 500

    def frame(self, utterances: Sequence[Utterance], biases: Sequence[float]) -> list[Frame]:
        (utterance,) = utterances
        self.made += 1
        is_end = utterance.may_end and self.made > 2 * len(utterance.ids)
        return [Frame([self.made] * 16, is_end=is_end, is_broken=False)]

    def sound(self, chunks: Sequence[tuple[Utterance, list[list[int]]]]) -> list[Samples]:
        tone: Samples = (0.5 * np.sin(np.arange(FRAME) / 5)).astype(np.float32)
        ((_, codes),) = chunks
        self.sounds += [tone * np.float32(0.001 if self.is_gap(number) else 1) for number, *_ in codes]
        return [np.concatenate(self.sounds[-len(codes) :])]


class House:
    """An engine with one slot, somebody who writes to it, and what is heard after each word."""

    def __init__(self, machine: Machine) -> None:
        self.machine, runner = machine, cast(Any, machine)
        self.core = EngineCore([runner], lambda _: cast(Any, _Voice()), Scheduler(1, 8, self.now), self.now)

    def now(self) -> float:
        return self.machine.clock

    def speak(self, words: Sequence[str], word_s: float) -> list[bytes]:
        """All that was handed over after each word, and at the end."""
        ear = Ear()
        utterance = Utterance(EngineRequest(ear), VOICE, "en", "live", 0)
        self.core.obey(Say(utterance))
        heard = []
        for at, word in enumerate(words):
            self.core.obey(More(utterance, word, is_last=at == len(words) - 1))
            self.rest()
            heard.append(ear.pcm)
            self.machine.clock += word_s
        return heard

    def rest(self) -> None:
        while self.core.turn():
            pass


class _Voice:
    ref_codes = None


WORDS = list("abcdefghijklmnop")


def test_of_a_slow_text_nothing_is_broken_off_inside_of_a_word() -> None:
    house = House(Machine(is_gap=lambda number: number % 5 == 0))

    *heard, whole = house.speak(WORDS, SLOW_S)

    lengths = {len(pcm) // FORMAT.frame_bytes for pcm in heard}
    assert lengths == {1, 5, 10, 15}  # the first frame is sent: nobody knows yet how fast the text comes
    assert whole[: 2 * len(WORDS) * FORMAT.frame_bytes] == to_pcm(_faded(house.machine))


def _faded(machine: Machine) -> Samples:
    """The whole utterance, which begins as every one: with a ramp of 5 ms."""
    sound = np.concatenate(machine.sounds)
    sound[:120] *= np.linspace(0, 1, 120, endpoint=False, dtype=np.float32)
    return sound


@pytest.mark.parametrize("word_s", [SLOW_S, FAST_S])
def test_the_same_is_said_however_fast_the_text_comes(word_s: float) -> None:
    at_once, in_words = House(Machine(lambda number: number % 5 == 0)), House(Machine(lambda number: number % 5 == 0))

    assert in_words.speak(WORDS, word_s)[-1] == at_once.speak(["".join(WORDS)], 0)[-1]


def test_of_a_fast_text_every_frame_is_sent_at_once() -> None:
    house = House(Machine(is_gap=lambda number: number % 5 == 0))

    *heard, _ = house.speak(WORDS, FAST_S)

    assert [len(pcm) // FORMAT.frame_bytes for pcm in heard] == list(range(1, len(WORDS)))


def test_a_second_slow_text_begins_with_a_whole_word() -> None:
    house = House(Machine(is_gap=lambda number: number % 5 == 0))
    house.speak(WORDS, SLOW_S)

    first = house.speak(WORDS, SLOW_S)[:6]

    assert [len(pcm) // FORMAT.frame_bytes for pcm in first] == [0, 0, 0, 0, 5, 5]


def test_without_a_quiet_place_no_more_is_kept_than_a_word() -> None:
    house = House(Machine(is_gap=lambda number: False))

    *heard, _ = house.speak(WORDS, SLOW_S)

    for made, pcm in enumerate(heard, 1):
        assert made * FORMAT.frame_bytes - len(pcm) <= MOST_KEPT_S * RATE * FORMAT.width
    assert len(heard[-1]) > len(heard[0])


def test_who_gives_its_slot_up_has_said_all_that_was_made() -> None:
    house, ear = House(Machine(is_gap=lambda number: False)), Ear()
    utterance = Utterance(EngineRequest(ear), VOICE, "en", "live", 0)
    house.core.obey(Say(utterance))
    for word in WORDS[:4]:
        house.core.obey(More(utterance, word))
        house.rest()
        house.machine.clock += SLOW_S
    assert len(ear.pcm) == FORMAT.frame_bytes

    house.machine.clock += 10
    house.core.obey(Say(Utterance(EngineRequest(Ear()), VOICE, "en", "sentence", 0, text="Hi.", is_text_over=True)))
    house.core.turn()

    assert house.core.counters.parked == 1
    assert len(ear.pcm) == 4 * FORMAT.frame_bytes


@pytest.mark.parametrize(
    ("levels", "kept_s"),
    [
        ([1] * 8 + [0] * 4 + [1] * 5, 0.05),  # behind the last gap
        ([1] * 8 + [0] * 2 + [1] * 5, 0.15),  # that is none: all, as it is shorter than a word
        ([1] * 8 + [0] * 4, 0.0),
        ([1] * 30 + [0.5] + [1] * 29, 0.3),  # the quietest of what is long
        ([0] * 12, 0.0),
    ],
)
def test_speech_stops_where_it_is_quiet(levels: Sequence[float], kept_s: float) -> None:
    sound = np.repeat(np.array(levels, np.float32), RATE // 100)

    assert kept_samples(sound, RATE, 1.0) / RATE == pytest.approx(kept_s)


def test_nothing_yet_is_kept_of_what_is_shorter_than_a_look() -> None:
    assert kept_samples(np.ones(10, np.float32), RATE, 1.0) == 10


def test_a_tempo_counts_what_came_after_the_first() -> None:
    tempo = Tempo()
    tempo.came(0, 9)
    tempo.came(3, 10)
    assert tempo.id_s == 0
    tempo.came(2, 10.5)
    tempo.came(2, 11)

    assert tempo.id_s == pytest.approx(0.25)
    tempo.came(1, 21)  # it has thought
    assert tempo.id_s == pytest.approx(0.3)
    assert tempo.learnt() == pytest.approx(0.3)
    assert Tempo(usual_s=0.5).id_s == 0.5
