"""What every engine promises to whoever speaks through it: one suite for the built-in voice, Qwen3 here and
elsewhere, and the fake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.remote.speech_server import TONE, says, speech_server
from tests.engine.studio import StudioRunner, by_text, studio
from tests.harness import FakeEngine, until
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import Engine
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import OpenSegment, Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import SegmentReader

TEXT = "The light in the kitchen is on and the front door is locked."


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("contract") / "tiny")


@pytest.fixture(params=["builtin", "qwen3", "remote", "fake"])
async def engine(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Engine]:
    async with AsyncExitStack() as stack:
        if request.param == "qwen3":
            yield (await stack.enter_async_context(studio(folder, ends=by_text))).engine
            return
        if request.param == "remote":
            url = (await stack.enter_async_context(speech_server(says(*[TONE] * 8)))).url
        engines: dict[str, Callable[[], Engine]] = {
            "builtin": BuiltinEngine, "remote": lambda: RemoteEngine([url]), "fake": FakeEngine,
        }  # fmt: skip
        engine = engines[request.param]()
        await engine.start()
        yield engine
        await engine.close()


async def parts(texts: Sequence[str]) -> AsyncIterator[Segment | OpenSegment]:
    for text in texts:
        yield Segment(text, "en")


def asking(engine: Engine, *texts: str, segments: Any = None) -> SpeechRequest:
    voice = next(voice for voice in engine.voices() if voice.language == "en")
    return SpeechRequest(segments or parts(texts), voice, is_stream=segments is not None)


async def speech(engine: Engine, request: SpeechRequest) -> bytes:
    async with engine.speak(request) as audio:
        return b"".join([pcm async for pcm in audio])


async def test_it_is_ready_after_its_start_and_has_voices(engine: Engine) -> None:
    assert engine.state == "ready"
    assert any(voice.language == "de" for voice in engine.voices())
    assert len({voice.name for voice in engine.voices()}) == len(engine.voices())


async def test_it_speaks_whole_samples_in_packets_of_at_most_four_frames(engine: Engine) -> None:
    async with engine.speak(asking(engine, TEXT, "And a second sentence.")) as audio:
        packets = [pcm async for pcm in audio]

    assert all(0 < len(pcm) <= 4 * FORMAT.frame_bytes and len(pcm) % 2 == 0 for pcm in packets)
    assert len(packets[0]) <= FORMAT.frame_bytes
    assert FORMAT.seconds(len(b"".join(packets))) > 1.0
    assert any(any(pcm) for pcm in packets)


async def test_leaving_gives_a_reply_up_and_the_next_one_is_spoken(engine: Engine) -> None:
    for _ in range(3):
        async with engine.speak(asking(engine, *[TEXT] * 20)) as audio:
            await anext(aiter(audio))

    assert await speech(engine, asking(engine, TEXT))


async def test_cancelling_the_listener_gives_a_reply_up(engine: Engine) -> None:
    listening = asyncio.create_task(speech(engine, asking(engine, *[TEXT] * 5000)))
    await asyncio.sleep(0.02)
    listening.cancel()

    with pytest.raises(asyncio.CancelledError):
        await listening
    assert await speech(engine, asking(engine, TEXT))


async def test_replies_are_spoken_at_the_same_time_and_do_not_mix(engine: Engine) -> None:
    texts = [TEXT, "One two three four five.", "It will rain tonight."]
    alone = [len(await speech(engine, asking(engine, text))) for text in texts]

    together = await asyncio.gather(*(speech(engine, asking(engine, text)) for text in texts))

    assert [len(pcm) for pcm in together] == alone


async def test_no_text_is_no_sound_and_no_error(engine: Engine) -> None:
    assert not any(await speech(engine, asking(engine)))


async def test_an_error_in_the_text_reaches_the_listener(engine: Engine) -> None:
    async def breaks() -> AsyncIterator[Segment]:
        yield Segment(TEXT, "en")
        raise SpeechError("The text broke.")

    with pytest.raises(SpeechError, match="broke"):
        await speech(engine, asking(engine, segments=breaks()))
    assert await speech(engine, asking(engine, TEXT))


async def test_a_text_that_is_still_being_written_is_spoken_to_its_end(engine: Engine) -> None:
    text = TextStream(limit_chars=1000, idle_s=5)
    request = asking(engine, segments=SegmentReader(text, FrontEnd(language="en")))
    speaking = asyncio.create_task(speech(engine, request))
    for word in TEXT.split(" "):
        text.add(f"{word} ")
        await asyncio.sleep(0.001)
    text.close()

    pcm = await speaking

    assert FORMAT.seconds(len(pcm)) > 1.0


async def test_a_listener_who_reads_nothing_costs_a_bounded_amount(folder: Path) -> None:
    """Of the engines that run ahead of their listener: the built-in one makes a segment when it is asked for."""
    async with studio(folder, audio_queue_frames=6) as room:
        runner: StudioRunner = room.runner
        async with room.engine.speak(asking(room.engine, *[TEXT] * 20)):
            await until(lambda: room.engine.counters.frames >= 6)
            await asyncio.sleep(0.05)

            assert room.engine.counters.frames <= 6 + 4
            assert sum(map(len, runner.codes.values())) <= 1 + 6 + 4  # one of the warm-up


async def test_closing_twice_does_nothing_more(engine: Engine) -> None:
    await engine.close()
    await engine.close()
