"""Never silent; never two voices in one reply; nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests import virtual_time
from tests.engine.scripted import FALLBACK_VOICES, LOADING, READY, RYAN, SOHEE, Scripted, heard, reply, text
from tests.harness import until
from wyoming_qwen3tts.app.build import build_engine, with_fallback
from wyoming_qwen3tts.audio.earcon import chime
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.tee import Tee
from wyoming_qwen3tts.errors import Busy, EngineDown, EngineError, OutOfMemory, TextStalled, UnknownVoice
from wyoming_qwen3tts.settings import EngineSettings as EngineSettings
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import AudioStream, Engine, EngineStatus, Liveness, Phase
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.speech.segment import Segment
from wyoming_qwen3tts.util.backoff import Backoff

LINES = ("One.", "Two.", "Three.")
HALF_LOADED = EngineStatus(Phase.LOADING, progress=0.43)
NO_CARD, NO_VOICE = EngineStatus(Phase.FAILED, "no card"), EngineStatus(Phase.FAILED, "no voice")
BY_PRIMARY = [("qwen3", "ryan-en", line) for line in LINES]
BY_FALLBACK = [("builtin", "builtin-en", line) for line in LINES]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Joined(FailoverEngine):
    """With what the harness asks of an engine."""

    def __init__(self, model: Scripted, fallback: Scripted | None = None, **knobs: Any) -> None:
        self.model, self.fallback = model, fallback or Scripted("builtin", FALLBACK_VOICES)
        self.release = model.release
        knobs.setdefault("patience_s", 0.05)
        knobs.setdefault("backoff", Backoff(chance=lambda: 0.0))
        super().__init__(self.model, self.fallback, **knobs)

    @property
    def speaking(self) -> int:
        return self.model.speaking + self.fallback.speaking


async def listen(engine: FailoverEngine, segments: AsyncIterator[Segment], said: list[bytes]) -> None:
    """To the end, noting what was heard before an error."""
    async with engine.speak(SpeechRequest(segments, RYAN)) as audio:
        async for piece in audio:
            said.append(piece)  # noqa: PERF401  what came before an error counts


async def test_a_ready_model_speaks_and_nobody_else() -> None:
    engine = Joined(Scripted())

    assert await reply(engine, *LINES) == BY_PRIMARY
    assert (engine.fallback.requests, engine.takeovers.total(), engine.status) == (0, 0, READY)


@pytest.mark.parametrize(
    "status",
    [
        LOADING,
        EngineStatus(Phase.LOADING, progress=0.43),
        EngineStatus(Phase.DOWNLOADING, progress=0.02),
        EngineStatus(Phase.WAITING, "the model"),
        EngineStatus(Phase.UNLOADED),
        EngineStatus(Phase.FAILED, "no card"),
    ],
    ids=str,
)
async def test_while_the_model_cannot_speak_the_built_in_voice_does_at_once(status: EngineStatus) -> None:
    engine = Joined(Scripted(status=status), patience_s=60)

    async with asyncio.timeout(10):
        assert await reply(engine, *LINES) == BY_FALLBACK
    assert engine.model.requests == 0
    assert engine.takeovers == {status.phase.value: 1}


async def test_the_reply_after_loading_is_spoken_by_the_model() -> None:
    engine = Joined(Scripted(status=EngineStatus(Phase.LOADING, progress=0.99)))
    during = await reply(engine, *LINES)
    engine.model.status = READY

    assert (during, await reply(engine, *LINES)) == (BY_FALLBACK, BY_PRIMARY)


@pytest.mark.parametrize("reads_ahead", [False, True])
async def test_a_model_that_makes_no_sound_in_time_is_replaced_and_nothing_is_lost(reads_ahead: bool) -> None:
    engine = Joined(Scripted(reads_ahead=reads_ahead))
    engine.model.release.clear()

    assert await reply(engine, *LINES) == BY_FALLBACK
    assert engine.takeovers == {"slow": 1}
    assert engine.model.speaking == 0


async def test_patience_begins_with_the_first_segment_not_with_the_request() -> None:
    """A language model may think for longer than 4 s before its first word."""
    engine = Joined(Scripted(), patience_s=0.05)

    async def late() -> AsyncIterator[Segment]:
        await asyncio.sleep(0.15)
        yield Segment("One.", "en")

    async with engine.speak(SpeechRequest(late(), RYAN)) as audio:
        assert heard(b"".join([pcm async for pcm in audio])) == BY_PRIMARY[:1]


async def test_a_text_that_goes_on_late_is_not_lost_when_the_model_is_given_up_while_it_waits_for_it() -> None:
    """To cancel a reader must not end the text: here the model is cancelled in the middle of asking for more."""
    engine = Joined(Scripted(reads_ahead=True))
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[Segment]:
        yield Segment("One.", "en")
        await go_on.wait()
        yield Segment("Two.", "en")
        yield Segment("Three.", "en")

    async with engine.speak(SpeechRequest(slow(), RYAN)) as audio:
        said = heard(await anext(audio))
        go_on.set()
        said += heard(b"".join([pcm async for pcm in audio]))

    assert said == BY_FALLBACK


@pytest.mark.parametrize(
    "error",
    [
        EngineError("no"),
        EngineDown("gone"),
        OutOfMemory("too much"),
        Busy("full"),
        RuntimeError("a bug"),
        TimeoutError(),
    ],
    ids=lambda e: type(e).__name__,
)
async def test_a_model_that_fails_before_its_first_sound_is_replaced(error: Exception) -> None:
    engine = Joined(Scripted(fail=error))

    assert await reply(engine, *LINES) == BY_FALLBACK
    assert engine.takeovers.total() == 1


async def test_a_model_that_has_no_sound_for_a_text_is_replaced() -> None:
    engine = Joined(Scripted(silent=True))

    assert await reply(engine, *LINES) == BY_FALLBACK


@pytest.mark.parametrize("frames", [1, 2, 3])
async def test_after_the_first_sound_the_voice_never_changes(frames: int) -> None:
    engine = Joined(Scripted(fail=EngineError("broke"), fail_at=frames))
    said: list[bytes] = []

    with pytest.raises(EngineError, match="broke"):
        await listen(engine, text(*LINES), said)

    assert heard(b"".join(said)) == BY_PRIMARY[:frames]
    assert engine.fallback.requests == 0


async def test_after_the_first_sound_there_is_no_time_limit() -> None:
    engine = Joined(Scripted(), patience_s=0.05)
    async with engine.speak(SpeechRequest(text(*LINES), RYAN)) as audio:
        said = heard(await anext(audio))
        engine.model.release.clear()
        asyncio.get_running_loop().call_later(0.15, engine.model.release.set)
        said += heard(b"".join([pcm async for pcm in audio]))

    assert said == BY_PRIMARY


async def test_what_the_caller_must_change_is_told_to_the_caller() -> None:
    engine = Joined(Scripted(fail=UnknownVoice("nobody")))

    with pytest.raises(UnknownVoice):
        await reply(engine, *LINES)
    assert engine.fallback.requests == 0


async def test_a_text_that_breaks_off_ends_the_reply_of_the_fallback_too() -> None:
    engine = Joined(Scripted(status=LOADING))

    async def stalls() -> AsyncIterator[Segment]:
        yield Segment("One.", "en")
        raise TextStalled("quiet")

    said: list[bytes] = []

    with pytest.raises(TextStalled):
        await listen(engine, stalls(), said)

    assert heard(b"".join(said)) == BY_FALLBACK[:1]


async def test_a_built_in_voice_that_is_asked_for_goes_straight_to_its_engine() -> None:
    engine = Joined(Scripted())

    said = await reply(engine, "Hallo.", voice=FALLBACK_VOICES[1], language="de")

    assert said == [("builtin", "builtin-de", "Hallo.")]
    assert (engine.model.requests, engine.takeovers.total()) == (0, 0)


@pytest.mark.parametrize(("language", "name"), [("ko", "builtin-ko"), ("de", "builtin-de"), ("ja", "builtin-ko")])
async def test_the_fallback_is_the_built_in_voice_of_the_language(language: str, name: str) -> None:
    """That of the text; of the voice, where the built-in engine does not have it."""
    engine = Joined(Scripted(status=LOADING))

    assert await reply(engine, "x", voice=SOHEE, language=language) == [("builtin", name, "x")]


async def test_without_a_fallback_that_works_the_model_gets_all_the_time_it_needs() -> None:
    engine = Joined(Scripted(), Scripted("builtin", FALLBACK_VOICES, status=EngineStatus(Phase.FAILED, "no espeak-ng")))
    engine.model.release.clear()
    asyncio.get_running_loop().call_later(0.15, engine.model.release.set)

    assert await reply(engine, *LINES) == BY_PRIMARY


async def test_without_a_fallback_that_works_a_model_that_loads_is_waited_for() -> None:
    """An engine waits with a request until it is loaded; a late reply is better than none."""
    engine = Joined(
        Scripted(status=EngineStatus(Phase.LOADING, progress=0.9)),
        Scripted("builtin", FALLBACK_VOICES, status=EngineStatus(Phase.FAILED, "no espeak-ng")),
    )

    assert await reply(engine, *LINES) == BY_PRIMARY


async def test_a_text_without_a_segment_is_nobodys() -> None:
    engine = Joined(Scripted())

    assert await reply(engine) == []
    assert (engine.model.requests, engine.fallback.requests) == (0, 0)


async def test_the_earcon_comes_before_the_fallback_and_only_then() -> None:
    engine = Joined(Scripted(status=LOADING), earcon=True)
    async with engine.speak(SpeechRequest(text(*LINES), RYAN)) as audio:
        sound = b"".join([pcm async for pcm in audio])
    asked_for = await reply(engine, "One.", voice=FALLBACK_VOICES[0])
    engine.model.status = READY

    assert sound.startswith(chime(FORMAT.rate))
    assert heard(sound.removeprefix(chime(FORMAT.rate))) == BY_FALLBACK
    assert asked_for == BY_FALLBACK[:1]
    assert await reply(engine, *LINES) == BY_PRIMARY


async def test_a_model_that_fails_again_and_again_is_left_alone_longer_and_longer() -> None:
    """Each attempt costs a listener the patience in silence; the first failure may be chance."""
    clock = Clock()
    engine = Joined(Scripted(fail=EngineError("no")), clock=clock)
    asked = []
    for clock.now in (100.0, 100.1, 100.2, 101.2, 101.3, 103.0, 103.3):
        before = engine.model.requests
        assert await reply(engine, *LINES) == BY_FALLBACK
        asked.append(engine.model.requests - before)
    engine.model.fail = None

    assert asked == [1, 1, 0, 1, 0, 0, 1]
    clock.now = 200.0
    assert await reply(engine, *LINES) == BY_PRIMARY
    assert engine.status == READY


class Slow(Scripted):
    """Makes its first sound after a while."""

    def __init__(self, needs_s: float, *, has_queued: bool = False) -> None:
        super().__init__()
        self.needs_s, self.has_queued = needs_s, has_queued

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with super().speak(request) as audio:
            yield AudioStream(self.name, self._late(audio), lambda: self.has_queued)

    async def _late(self, audio: AudioStream) -> AsyncIterator[bytes]:
        await asyncio.sleep(self.needs_s)
        async for pcm in audio:
            yield pcm


def as_configured(model: Scripted) -> Engine:
    return with_fallback(Settings(), model, Scripted("builtin", FALLBACK_VOICES)).engine


async def first_sound(engine: Engine) -> tuple[float, str]:
    """When the first sound of a reply came, and whose it was."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with engine.speak(SpeechRequest(text(*LINES), RYAN)) as audio:
        await anext(audio)
        return loop.time() - began, audio.engine


def test_a_speaker_that_gives_up_after_two_seconds_has_heard_somebody_by_then() -> None:
    """ESPHome's limit (esphome/esphome#16462). The engine hangs; nobody touched the settings."""
    after_s, who = virtual_time.run(first_sound(as_configured(Slow(1e6))))

    assert after_s == pytest.approx(1.5)
    assert who == "builtin"


def test_a_model_that_needs_a_little_less_than_the_patience_is_left_to_speak_each_time() -> None:
    async def ten(engine: Engine) -> list[str]:
        return [(await first_sound(engine))[1] for _ in range(10)]

    engine = as_configured(Slow(1.2))

    assert virtual_time.run(ten(engine)) == ["qwen3"] * 10
    assert engine.takeovers.total() == 0


@pytest.mark.parametrize(("has_queued", "asked", "reason"), [(True, 6, "busy"), (False, 2, "slow")])
def test_a_reply_that_waits_for_a_slot_is_no_failure_of_the_model(has_queued: bool, asked: int, reason: str) -> None:
    """It is spoken by the other voice in time, but the next one is the model's again; a slow model is left alone."""
    model = Slow(1e6, has_queued=has_queued)
    engine = Joined(model, patience_s=1.5, clock=lambda: 100.0)

    async def six() -> list[str]:
        return [(await first_sound(engine))[1] for _ in range(6)]

    assert virtual_time.run(six()) == ["builtin"] * 6
    assert model.requests == asked
    assert engine.takeovers[reason] == asked
    assert (engine.status.phase is Phase.READY) == has_queued


async def test_a_busy_model_is_asked_again_for_the_next_reply() -> None:
    engine = Joined(Scripted(fail=Busy("full")))
    for _ in range(4):
        await reply(engine, *LINES)

    assert (engine.model.requests, engine.status) == (4, READY)


@pytest.mark.parametrize(
    ("primary", "fallback", "both"),
    [
        (HALF_LOADED, READY, EngineStatus(Phase.LOADING, progress=0.43, fallback="builtin")),
        (HALF_LOADED, LOADING, HALF_LOADED),
        (EngineStatus(Phase.UNLOADED), READY, EngineStatus(Phase.UNLOADED, fallback="builtin")),
        (READY, LOADING, READY),
        (READY, NO_VOICE, READY),
        (EngineStatus(Phase.DEGRADED, "1 slot"), READY, EngineStatus(Phase.DEGRADED, "1 slot")),
        (NO_CARD, READY, EngineStatus(Phase.DEGRADED, "no card", fallback="builtin")),
        (NO_CARD, NO_VOICE, EngineStatus(Phase.FAILED, "no card; builtin failed: no voice")),
    ],
)
async def test_the_status_says_who_speaks(primary: EngineStatus, fallback: EngineStatus, both: EngineStatus) -> None:
    assert Joined(Scripted(status=primary), Scripted("builtin", FALLBACK_VOICES, status=fallback)).status == both


async def test_out_of_memory_is_seen_in_the_status_until_the_model_speaks_again() -> None:
    engine = Joined(Scripted(fail=OutOfMemory("CUDA out of memory. Tried to allocate 20 MiB")))
    await reply(engine, *LINES)
    degraded = engine.status
    engine.model.fail = None
    await reply(engine, *LINES)

    assert (degraded, engine.status) == (EngineStatus(Phase.DEGRADED, "out of memory"), READY)


async def test_one_engine_that_does_not_start_does_not_keep_the_other_from_it(caplog: pytest.LogCaptureFixture) -> None:
    engine = Joined(Scripted(status=LOADING))
    engine.model.start_error = RuntimeError("weights missing")
    await engine.start()

    assert engine.status == EngineStatus(Phase.DEGRADED, "weights missing", fallback="builtin")
    assert await reply(engine, *LINES) == BY_FALLBACK
    assert "could not be started" in caplog.text


async def test_closing_closes_both() -> None:
    engine = Joined(Scripted())
    await engine.close()

    assert engine.model.closed
    assert engine.fallback.closed


@pytest.mark.parametrize("holds", ["model", "fallback"])
async def test_leaving_the_block_cancels_whoever_is_in_use_at_once(holds: str) -> None:
    engine = Joined(Scripted(status=READY if holds == "model" else LOADING), patience_s=60)
    used: Scripted = getattr(engine, holds)
    used.release.clear()

    listening = asyncio.create_task(listen(engine, text(*LINES), []))
    await until(lambda: used.speaking)
    listening.cancel()
    for _ in range(20):  # turns of the loop: nothing is waited for
        await asyncio.sleep(0)

    assert listening.cancelled()
    assert used.speaking == 0


@pytest.mark.parametrize("status", [READY, LOADING], ids=str)
async def test_leaving_while_the_text_is_waited_for_leaves_no_task_behind(status: EngineStatus) -> None:
    """The wait for more text is a task of its own; the fixture of all tests fails if it is left."""
    engine, ended = Joined(Scripted(status=status), patience_s=60), asyncio.Event()

    async def never_goes_on() -> AsyncIterator[Segment]:
        try:
            yield Segment("One.", "en")
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with engine.speak(SpeechRequest(never_goes_on(), RYAN)) as audio:
        said = await anext(audio)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(audio), 0.02)

    assert heard(said)[0][2] == "One."
    assert ended.is_set()
    assert engine.speaking == 0


async def test_a_tee_asks_its_source_once_for_each_item() -> None:
    asked = 0

    async def source() -> AsyncIterator[int]:
        nonlocal asked
        for asked in range(1, 6):
            yield asked

    async with Tee(source()) as tee:
        assert await tee.first() == 1
        lazy = asked
        both = await asyncio.gather(*[_all(tee.reader()) for _ in range(2)])

    assert lazy == 1
    assert both == [[1, 2, 3, 4, 5]] * 2


async def _all(items: AsyncIterator[int]) -> list[int]:
    return [item async for item in items]


async def test_the_settings_reach_the_engine() -> None:
    settings = Settings(engine=EngineSettings(patience_s=0.02, earcon=True, unload_after=3600))
    model = Scripted()
    model.release.clear()
    engine = with_fallback(settings, model, Scripted("builtin", FALLBACK_VOICES)).engine
    await engine.start()
    async with engine.speak(SpeechRequest(text(*LINES), RYAN)) as audio:
        sound = b"".join([pcm async for pcm in audio])
    await engine.close()

    assert heard(sound.removeprefix(chime(FORMAT.rate))) == BY_FALLBACK


async def test_an_engine_that_cannot_be_unloaded_is_joined_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    class Stays(Scripted):
        can_unload = False

    model = Stays()
    built = with_fallback(Settings(engine=EngineSettings(unload_after=60)), model, Scripted("builtin", FALLBACK_VOICES))
    model.signs = Liveness(broken="device lost")

    assert await reply(built.engine, *LINES) == BY_PRIMARY
    assert (built.control, built.designer) == (None, None)
    assert built.engine.liveness().broken == "device lost"
    assert "engine.unload_after has no effect" in caplog.text


def test_the_parts_that_others_use_come_with_the_engine() -> None:
    built = with_fallback(Settings(), Scripted(), Scripted("builtin", FALLBACK_VOICES), designs=True)

    assert isinstance(built.engine, FailoverEngine)
    assert built.designer is built.engine.primary
    assert built.control is not None
    assert build_engine(Settings(engine=EngineSettings(kind="builtin"))).control is None
