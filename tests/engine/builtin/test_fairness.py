"""R28: one host's crowd keeps nobody else from the built-in voice, whichever of its two parts speaks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np
import pytest

from tests.harness import until
from wyoming_qwen3tts.engine.builtin import espeak
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.builtin.espeak import Espeak
from wyoming_qwen3tts.engine.builtin.hibari import HibariVoice
from wyoming_qwen3tts.util.processes import Output

Speak = Callable[[str, str], Coroutine[Any, Any, Any]]  # of a text, for a host


async def crowd(speak: Speak, spoken: list[str], go_on: Callable[[], None]) -> list[str]:
    """What is spoken, in order, where one host asked for six texts before another one asked for its own."""
    asking = [asyncio.create_task(speak(f"greedy {number}", "greedy")) for number in range(6)]
    await until(lambda: spoken)
    asking.append(asyncio.create_task(speak("quiet", "quiet")))
    await asyncio.sleep(0.01)
    go_on()
    await asyncio.gather(*asking)
    return spoken


def held_voice() -> tuple[HibariVoice, list[str], threading.Event]:
    """hibari with one thread, which waits for the event, and what it was given to speak."""
    voice, spoken, go_on = HibariVoice(1), [], threading.Event()

    def model(text: str, seed: int) -> np.ndarray:
        spoken.append(text)
        go_on.wait(5)
        return np.zeros(8, np.float32)

    voice._model = model
    return voice, spoken, go_on


async def test_hibari_speaks_for_a_host_that_asks_now_and_then_before_another_ones_crowd() -> None:
    voice, spoken, go_on = held_voice()
    try:
        order = await crowd(
            lambda text, host: voice.speak(text, None, lambda samples: samples, host), spoken, go_on.set
        )
    finally:
        voice.close()
    assert order[:2] == ["greedy 0", "quiet"]


async def test_a_listener_who_leaves_hibari_at_work_gives_its_thread_to_nobody_before_it_has_ended() -> None:
    voice, spoken, go_on = held_voice()
    try:
        first = asyncio.create_task(voice.speak("first", None, len, "a"))
        await until(lambda: spoken)
        first.cancel()
        second = asyncio.create_task(voice.speak("second", None, len, "a"))
        await asyncio.sleep(0.01)
        assert voice._line.free == 0
        assert spoken == ["first"]
        go_on.set()
        assert await second == 8
        await until(lambda: voice._line.free == 1)
    finally:
        voice.close()


async def test_a_long_line_on_a_slow_machine_is_no_silence_of_an_engine_that_hangs() -> None:
    """Replies in English that wait their turn while German is spoken were taken for stuck."""
    now, go_on = [0.0], threading.Event()

    def model(text: str, seed: int) -> np.ndarray:
        go_on.wait(5)
        now[0] += 4
        return np.zeros(8, np.float32)

    engine = BuiltinEngine()
    engine._hibari = voice = HibariVoice(1, clock=lambda: now[0])
    voice._model = model
    at_rest_s = engine.longest_silence_s
    try:
        go_on.set()
        await voice.speak("first", None, len)
        go_on.clear()
        asking = [asyncio.create_task(voice.speak(f"text {number}", None, len)) for number in range(6)]
        await asyncio.sleep(0)
        assert engine.longest_silence_s == at_rest_s + 5 * 4
        go_on.set()
        await asyncio.gather(*asking)
        assert engine.longest_silence_s == at_rest_s
    finally:
        voice.close()


async def test_espeak_speaks_for_a_host_that_asks_now_and_then_before_another_ones_crowd(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoken: list[str] = []
    go_on = asyncio.Event()

    async def run(_: list[str], given: bytes, **__: object) -> Output:
        spoken.append(given.decode())
        await go_on.wait()
        return Output(0, b"", b"")

    monkeypatch.setattr(espeak, "run", run)
    voice = Espeak(1)
    voice._program = "espeak-ng"
    order = await crowd(lambda text, host: voice.speak(text, "de", 24_000, len, host), spoken, go_on.set)
    assert order[:2] == ["greedy 0", "quiet"]
