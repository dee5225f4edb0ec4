"""F09 to F19: listeners that leave, stall or come in crowds; texts that are too long, empty or never end."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from tests.harness import STOP, FakeEngine, Wire, chunk, kinds, pcm, serving, start, synthesize, until
from wyoming_qwen3tts.speech.audio_format import FORMAT

LONG = "This is one of many sentences that are spoken to a listener. " * 60


async def test_a_listener_who_leaves_costs_at_most_two_frames_more(caplog: pytest.LogCaptureFixture) -> None:
    """F09, and one INFO line says so."""
    caplog.set_level(logging.INFO)
    async with serving() as server:
        wire = await server.connect(receive_buffer=4096)
        await wire.send(synthesize(LONG))
        await wire.until("audio-chunk")
        await wire.close()
        await until(lambda: not server.engine.speaking)

        assert server.engine.frames_made < 300  # the socket's buffers, not the 900 frames of the text
        assert server.service.active == 0
    assert [r for r in caplog.records if "listener left" in r.message and r.levelno == logging.INFO]


async def test_a_listener_who_resets_costs_at_most_one_frame_more() -> None:
    """F10."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(synthesize(LONG))
        await wire.until("audio-chunk")
        server.engine.release.clear()
        wire.reset()

        await server.engine.idle(within_frames=1)


@pytest.mark.parametrize("moment", ["before the first frame", "while queued on the connection", "in an open stream"])
async def test_a_reset_at_any_moment_frees_everything(moment: str) -> None:
    """F10."""
    async with serving() as server:
        server.engine.release.clear()
        wire = await server.connect()
        if moment == "in an open stream":
            await wire.send(start(), chunk("A sentence that is over. And one"))
        else:
            await wire.send(
                synthesize("Hello there."), *[synthesize("Next.")] * (moment == "while queued on the connection")
            )
        await until(lambda: server.engine.speaking)
        wire.reset()

        await server.engine.idle(within_frames=0)


async def test_a_listener_who_stops_reading_is_dropped_and_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """F12."""
    caplog.set_level(logging.INFO)
    async with serving(write_stall_s=0.3) as server:
        stalled = await server.connect(receive_buffer=4096)
        stalled.stop_reading()
        await stalled.send(synthesize(LONG))
        await asyncio.sleep(0.1)
        parked_at = server.engine.frames_made
        others = await asyncio.gather(*(server.speak("Others are served.") for _ in range(8)))
        others_made = sum(len(pcm(events)) for events in others) // FORMAT.frame_bytes

        assert {tuple(kinds(events)) for events in others} == {("audio-start", "audio-chunk", "audio-stop")}
        assert server.engine.frames_made - parked_at - others_made <= 2  # it is parked
        await until(lambda: not server.engine.speaking)
    assert [r for r in caplog.records if "listener-stalled" in r.message]


async def test_a_client_that_closes_its_half_hears_everything() -> None:
    """F13."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start(), chunk("The first sentence is here. And the rest comes"))
        wire.writer.write_eof()
        events = await wire.until("synthesize-stopped")

        assert kinds(events)[-1] == "synthesize-stopped"
        assert server.engine.requests[0][1] == ["The first sentence is here.", "And the rest comes"]
        assert await wire.is_closed(5)


async def test_a_crowd_is_served_or_told_busy_at_once() -> None:
    """F14."""
    async with serving(slots=4, queue=32) as server:
        server.engine.release.clear()
        wires = [await server.connect() for _ in range(120)]
        began = time.perf_counter()
        for wire in wires:
            await wire.send(synthesize("A short announcement."))
        refused = asyncio.create_task(_count_refused(wires))
        await asyncio.sleep(0.3)
        server.engine.release.set()
        codes = await refused

        assert codes.count("busy") == 120 - 36
        assert codes.count(None) == 36
        assert time.perf_counter() - began < 5


async def _count_refused(wires: list[Wire]) -> list[str | None]:
    async def outcome(wire: Wire) -> str | None:
        events = await wire.until("audio-stop", "error")
        return events[-1].data.get("code") if events and events[-1].type == "error" else None

    return list(await asyncio.gather(*(outcome(wire) for wire in wires)))


@pytest.mark.timing
async def test_busy_comes_within_fifty_milliseconds() -> None:
    """F14, P5."""
    async with serving(slots=1, queue=0) as server:
        server.engine.release.clear()
        speaking = await server.connect()
        await speaking.send(synthesize("I have the only place."))
        await speaking.until("audio-start")
        began = time.perf_counter()
        events = await server.speak("And I have none.")
        took = time.perf_counter() - began

        assert [event.data["code"] for event in events] == ["busy"]
        assert took < 0.05


async def test_an_open_stream_without_a_word_takes_no_place() -> None:
    """F18: nothing is scheduled for it."""
    async with serving(slots=1, queue=0) as server:
        waiting = await server.connect()
        await waiting.send(start())
        await waiting.until("audio-start")

        assert kinds(await server.speak("I speak meanwhile.")) == ["audio-start", "audio-chunk", "audio-stop"]
        assert server.service.active == 0


async def test_silent_connections_of_one_host_are_cut_to_its_share() -> None:
    """F15."""
    async with serving(hello_s=0.2, host_connections=16, connections=64) as server:
        idle = [await server.connect() for _ in range(60)]
        await asyncio.sleep(0.4)
        other = await server.connect(source="127.0.0.2")
        await other.send("describe")
        answer = await other.read()

        assert answer is not None
        assert [await _is_refused(wire) for wire in idle].count(False) == 16


async def _is_refused(wire: Wire) -> bool:
    try:
        event = await wire.read(0.02)
    except TimeoutError:
        return False
    return event is None or event.type == "error"


async def test_a_host_that_fills_every_place_with_silence_is_pushed_out_by_those_who_speak() -> None:
    """F15: before its five seconds are over."""
    async with serving(connections=8, host_connections=4) as server:
        for _ in range(16):
            await server.connect()
        await asyncio.sleep(0.3)

        assert kinds(await server.speak("I have something to say."))[-1] in ("audio-stop", "error")
        wire = await server.connect(source="127.0.0.3")
        await wire.send("describe")
        answer = await wire.read()
        assert answer is not None
        assert answer.type == "info"


async def test_describe_is_answered_beyond_the_connection_limit_and_speech_is_busy() -> None:
    """Describe and ping are never refused for load."""
    async with serving(connections=2) as server:
        server.engine.release.clear()
        for _ in range(2):
            wire = await server.connect()
            await wire.send(synthesize("I am spoken to."))
            await wire.until("audio-start")
        third = await server.connect()
        await third.send("describe")
        answer = await third.read()
        await third.send(synthesize("And speech?"))

        assert answer is not None
        assert answer.type == "info"
        assert await third.error() == "busy"


async def test_a_thousand_quick_visits_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """F16: a port scan is no news."""
    caplog.set_level(logging.INFO)
    async with serving() as server:
        for number in range(1000):
            wire = await server.connect()
            if number % 2:
                wire.reset()
            else:
                await wire.close()
        await until(lambda: not server.door.connections)
    assert not [record for record in caplog.records if ".servers.wyoming." in record.name or record.name == "asyncio"]


@pytest.mark.parametrize("chars", [8_000, 8_001])
async def test_the_text_limit_holds_at_the_character(chars: int) -> None:
    """F17."""
    async with serving() as server:
        events = await server.speak("ab " * (chars // 3) + "x" * (chars % 3))

        assert events[-1].type == ("audio-stop" if chars == 8_000 else "error")
        if chars > 8_000:
            assert events[-1].data["code"] == "text-too-long"


async def test_a_text_that_grows_too_long_in_chunks_is_refused() -> None:
    """F17: ten megabytes, a piece at a time."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start())
        answer = asyncio.create_task(wire.error())
        for _ in range(100):
            await wire.send(chunk("word " * 20_000))
            if answer.done():
                break

        assert await answer == "text-too-long"


@pytest.mark.parametrize(
    "text",
    ["", "   ", "\n\t", "...", "😀👍🏽", "\u0000\u0007\u200b", "\u0301" * 5000, "—", "“”", "***"],
    ids=lambda text: ascii(text[:8]),
)
@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
async def test_what_cannot_be_spoken_is_a_short_silence_without_the_engine(text: str, streaming: bool) -> None:
    """F17: an error would fail the whole reply of an assistant."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(*([start(), chunk(text), STOP] if streaming else [synthesize(text)]))
        events = await wire.until("synthesize-stopped" if streaming else "audio-stop")

        assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop"] + ["synthesize-stopped"] * streaming
        assert pcm(events) == bytes(FORMAT.rate // 10 * 2)
        assert server.engine.requests == []


async def test_a_text_stream_that_is_never_continued_is_ended() -> None:
    """F18."""
    async with serving(text_idle_s=0.1) as server:
        wire = await server.connect()
        await wire.send(start())

        assert await wire.error() == "text-stalled"
        assert server.engine.requests == []


async def test_text_that_comes_slower_than_speech_is_waited_for() -> None:
    """F19: no invented words, nothing lost, one start."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start())
        for word in [
            "The ",
            "first ",
            "sentence ",
            "is ",
            "complete. ",
            "The ",
            "second ",
            "one ",
            "comes ",
            "slowly.",
        ]:
            await wire.send(chunk(word))
            await asyncio.sleep(0.005)
        await wire.send(STOP)
        events = await wire.until("synthesize-stopped")

        assert kinds(events) == ["audio-start", "audio-chunk", "audio-stop", "synthesize-stopped"]
        assert server.engine.requests[0][1] == ["The first sentence is complete.", "The second one comes slowly."]


async def test_sound_starts_while_the_text_is_still_being_written() -> None:
    """The point of a stream."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start(), chunk("The first sentence is complete. And then"))

        assert kinds(await wire.until("audio-chunk")) == ["audio-start", "audio-chunk"]


async def test_audio_start_comes_before_any_text() -> None:
    """Home Assistant starts its converter on it."""
    async with serving() as server:
        wire = await server.connect()
        await wire.send(start())
        event = await wire.read()

        assert event is not None
        assert (event.type, event.data) == (
            "audio-start",
            {"rate": 24000, "width": 2, "channels": 1, "timestamp": None},
        )


async def test_an_engine_that_fails_in_mid_reply_is_told_and_closed() -> None:
    """P7."""
    async with serving(FakeEngine(fail_at=3)) as server:
        wire = await server.connect()
        await wire.send(synthesize(LONG))

        assert await wire.error() == "engine-failed"
        server.engine._fail_at = None


async def test_an_idle_connection_is_closed_in_the_end() -> None:
    """P4."""
    async with serving(idle_s=0.1) as server:
        wire = await server.connect()
        await wire.send("ping")
        await wire.read()

        assert await wire.is_closed(5)


async def test_a_connection_is_not_idle_while_it_is_spoken_to() -> None:
    """P4's other half."""
    async with serving(idle_s=0.05) as server:
        server.engine.release.clear()
        wire = await server.connect()
        await wire.send(synthesize("Slow."))
        await asyncio.sleep(0.2)
        server.engine.release.set()

        assert kinds(await wire.until("audio-stop"))[-1] == "audio-stop"
