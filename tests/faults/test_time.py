"""F31 and F42: an event loop that is held, and a wall clock that jumps."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from tests.conftest import ROOT
from tests.harness import FakeEngine, kinds, pcm, serving, synthesize, until

WHOLE = ["audio-start", "audio-chunk", "audio-stop"]


async def test_an_event_loop_that_is_held_for_a_second_costs_no_stream_and_no_sound() -> None:
    """F31."""
    engine = FakeEngine()
    async with serving(engine, slots=4, event_s=0.5, write_stall_s=0.5, text_idle_s=0.5) as server:
        engine.release.clear()
        speaking = [asyncio.create_task(server.speak("A sentence of some length.")) for _ in range(4)]
        await until(lambda: engine.speaking == 4)
        time.sleep(1)  # noqa: ASYNC251  that is the fault
        engine.release.set()
        replies = await asyncio.gather(*speaking)
    assert [kinds(reply) for reply in replies] == [WHOLE] * 4
    assert len({len(pcm(reply)) for reply in replies}) == 1


@pytest.mark.parametrize("jump_s", [86_400.0, -86_400.0])
async def test_a_clock_that_jumps_by_a_day_ends_nothing(jump_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """F42: time-outs are of the monotonic clock."""
    engine, real, shift = FakeEngine(), time.time, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + shift)
    async with serving(engine, slots=2) as server:
        engine.release.clear()
        idle = await server.connect()
        speaking = asyncio.create_task(server.speak("A sentence of some length."))
        await until(lambda: engine.speaking)
        shift = jump_s
        await asyncio.sleep(0.05)
        engine.release.set()
        assert kinds(await speaking) == WHOLE
        await idle.send(synthesize("And the next one."))
        assert kinds(await idle.until("audio-stop", "error")) == WHOLE


#: Who may ask what time it is: for dates that people or other programs read, and ages of files.
WALL_CLOCK = {
    "announcements/announcer.py",  # quiet hours
    "servers/http/routers/live.py",
    "servers/http/routers/consents.py",
    "util/files.py",
}


def test_nothing_else_asks_the_wall_clock() -> None:
    """F42."""
    package = ROOT / "wyoming_qwen3tts"
    asks = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"\btime\.time\(|\.now\(|utcnow\(|time\.time\b", path.read_text())
    }
    assert asks == WALL_CLOCK
