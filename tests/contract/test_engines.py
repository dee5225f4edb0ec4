"""What every engine promises to its listeners: one suite for the built-in voice, Qwen3 here and elsewhere, the engines
that wrap another one, and the fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.configs import engine_config
from tests.engine.remote.speech_server import TONE, says, speech_server
from tests.engine.studio import StudioRunner, by_text, studio
from tests.engine.wyoming.voice_server import voice_server
from tests.harness import FakeEngine, until
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.delegating import DelegatingEngine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.idle import IdleEngine
from wyoming_qwen3tts.engine.qwen3.engine import Qwen3Engine
from wyoming_qwen3tts.engine.qwen3.hardware.probe import Hardware
from wyoming_qwen3tts.engine.qwen3.runtime import Runtime
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine
from wyoming_qwen3tts.engine.wyoming.engine import WyomingEngine
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import Engine, EngineStatus, Phase
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import OpenSegment, Segment
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.reader import SegmentReader
from wyoming_qwen3tts.voices.folder import VoiceFolder

TEXT = "The light in the kitchen is on and the front door is locked."


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_checkpoint(tmp_path_factory.mktemp("contract") / "tiny")


class Model(FakeEngine):
    """A fake with voices of its own."""

    name = "model"

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(VoiceName(f"ryan-{code}"), "Ryan", (code,), self.name, "ryan") for code in LANGUAGES)


class Gone(Model):
    """It cannot be loaded: another engine speaks for its voices."""

    status = EngineStatus(Phase.FAILED, "no card")


@pytest.fixture(
    params=["builtin", "runtime", "qwen3", "remote", "wyoming", "delegating", "idle", "failover", "failed over", "fake"]
)
async def engine(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> AsyncIterator[Engine]:
    async with AsyncExitStack() as stack:
        if request.param in ("runtime", "qwen3"):
            runtime = (await stack.enter_async_context(studio(folder, ends=by_text))).engine
        if request.param == "runtime":
            yield runtime
            return
        if request.param == "remote":
            url = (await stack.enter_async_context(speech_server(says(*[TONE] * 8)))).url
        if request.param == "wyoming":
            server = await stack.enter_async_context(voice_server())
        engines: dict[str, Callable[[], Engine]] = {
            "builtin": BuiltinEngine,
            "qwen3": lambda: qwen3(runtime, folder, tmp_path),
            "remote": lambda: RemoteEngine([url]),
            "wyoming": lambda: WyomingEngine([server.address], instance="ours"),
            "delegating": lambda: DelegatingEngine(FakeEngine()),
            "idle": lambda: IdleEngine(Model(), 60),
            "failover": lambda: FailoverEngine(IdleEngine(Model(), 60), BuiltinEngine()),
            "failed over": lambda: FailoverEngine(Gone(), FakeEngine()),
            "fake": FakeEngine,
        }
        engine = engines[request.param]()
        await engine.start()
        yield engine
        await engine.close()


def qwen3(runtime: Runtime, folder: Path, clones: Path) -> Qwen3Engine:
    """On a runtime whose replies end by their text: a random model ends at random."""

    class OnRuntime(Qwen3Engine):
        def _build(self, *_: object) -> Runtime:
            return runtime

    return OnRuntime(
        engine_config(kind="qwen3", models=(str(folder),)),
        find=lambda _: folder,
        fetch=lambda *_, **__: folder,
        clones=VoiceFolder(clones),
        probe=lambda: Hardware(torch="2.13.0+cpu"),
    )


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
    assert engine.status.can_speak
    assert engine.status.is_answered
    assert any(voice.language == "de" for voice in engine.voices())
    assert len({voice.name for voice in engine.voices()}) == len(engine.voices())


async def test_it_speaks_whole_samples_in_packets_of_at_most_four_frames(engine: Engine) -> None:
    async with engine.speak(asking(engine, TEXT, "And a second sentence.")) as audio:
        packets = [pcm async for pcm in audio if pcm]

    assert all(0 < len(pcm) <= 4 * FORMAT.frame_bytes and len(pcm) % 2 == 0 for pcm in packets)
    assert len(packets[0]) <= FORMAT.frame_bytes
    assert FORMAT.seconds(len(b"".join(packets))) > 1.0
    assert any(any(pcm) for pcm in packets)


async def test_it_says_when_all_that_it_was_given_is_spoken_and_goes_on_with_more(engine: Engine) -> None:
    text = TextStream(limit_chars=1000, idle_s=60)
    text.add(f"{TEXT} ")
    reader = SegmentReader(text, FrontEnd(language="en"))
    async with asyncio.timeout(30), engine.speak(asking(engine, segments=reader)) as audio:
        assert await anext(audio), "a reply does not begin with an empty piece"
        while await anext(audio):
            pass
        made_of_second = 0
        text.add("It is warm outside, and dry.")
        text.close()
        async for pcm in audio:
            made_of_second += len(pcm)

    assert FORMAT.seconds(made_of_second) > 0.3


async def test_what_is_heard_has_the_name_of_an_engine_whose_voices_these_are(engine: Engine) -> None:
    async with engine.speak(asking(engine, TEXT)) as audio:
        await anext(audio)

        assert audio.engine in {voice.engine for voice in engine.voices()} | {engine.name}


async def test_every_question_has_an_answer_at_once(engine: Engine) -> None:
    assert engine.why_mute("Nobody at all") is None
    assert engine.liveness().broken is None
    assert engine.chosen_model is None
    assert {voice.name for voice in engine.clones()}.isdisjoint(voice.name for voice in engine.voices())
    assert all(engine.origin(voice) == engine.origin(voice) for voice in engine.voices())
    assert sum(engine.takeovers.values()) == 0
    engine.wake()
    assert await speech(engine, asking(engine, TEXT))


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


@pytest.mark.parametrize("engine", ["builtin", "runtime", "remote", "wyoming"], indirect=True)
async def test_the_pauses_of_a_text_are_those_that_were_asked_for(engine: Engine) -> None:
    async def seconds(pause_s: float) -> float:
        async def segments() -> AsyncIterator[Segment]:
            yield Segment("The first one of them,", "en")
            yield Segment("and then the second one.", "en")
            yield Segment("Then there was a third…", "en")
            yield Segment("And at last the fourth.", "en", pause_s=0.7)
            yield Segment("It asks for what it likes.", "en", starts_paragraph=True)
            yield Segment("A new paragraph begins.", "en", starts_paragraph=True)

        asked = replace(asking(engine, segments=segments()), sentence_pause_s=pause_s)
        return FORMAT.seconds(len(await speech(engine, asked)))

    clause, sentence, ellipsis, paragraph = 0.5, 1.0, 2.0, 2.0
    assert await seconds(0.4) - await seconds(0.0) == pytest.approx(
        0.4 * (clause + sentence + ellipsis + paragraph), abs=0.02
    )


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
