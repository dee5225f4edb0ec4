"""A text that is on its way can be waited for."""

from __future__ import annotations

import asyncio

import pytest

from wyoming_qwen3tts.errors import TextStalled
from wyoming_qwen3tts.speech.text_stream import TextStream


def stream(idle_s: float = 5) -> TextStream:
    return TextStream(limit_chars=100, idle_s=idle_s)


async def test_it_has_begun_with_its_first_character_which_can_still_be_read() -> None:
    text = stream()
    waiting = asyncio.create_task(text.has_begun())
    for nothing in ("", ""):
        text.add(nothing)
        await asyncio.sleep(0.01)
    assert not waiting.done()

    text.add("Hello.")
    await waiting
    await text.has_begun()

    assert await text.read() == "Hello."


async def test_one_that_ends_without_a_word_is_not_waited_for_any_longer() -> None:
    text = stream()
    waiting = asyncio.create_task(text.has_begun())
    await asyncio.sleep(0)
    text.close()
    await waiting

    assert await text.read() == ""


async def test_one_that_is_never_begun_has_stalled() -> None:
    with pytest.raises(TextStalled):
        await stream(idle_s=0.01).has_begun()
