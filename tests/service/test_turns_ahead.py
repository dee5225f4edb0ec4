"""The next turn of a dialogue is made while the one before it plays: a change of voice costs a listener no silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import virtual_time
from tests.engine.studio import studio
from tests.harness import TONE
from tests.service.cast import Cast, silences
from wyoming_qwen3tts.errors import EngineError
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.postprocess import PostProcessor
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Audio, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import AudioStream, Engine
from wyoming_qwen3tts.speech.request import SpeechRequest
from wyoming_qwen3tts.util.tasks import cancel_and_wait
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

SIX_TURNS = (
    "[ryan] Dinner is on the table. [vivian] I am coming down at once! [ryan] Is your brother with you up there? "
    "[vivian] He is in the garden, I think. [ryan] Would you please go and fetch him? [vivian] Of course, right away."
)
TWO_TURNS = "[ryan] The light is on. [vivian] The door is shut."


class Paced(Cast):
    """Takes ``prompt_s`` before the first frame of a request and ``rtf`` of real time for each, up to two seconds ahead
    of its listener; knows when all of a request is made, as the engine of the model does."""

    def __init__(self, prompt_s: float, rtf: float, *, knows: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._prompt_s, self._frame_s, self._knows = prompt_s, 0.08 * rtf, knows
        self.most = 0  # requests at a time

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        pieces: asyncio.Queue[bytes | Exception | None] = asyncio.Queue(25)

        async def make() -> None:
            try:
                await asyncio.sleep(self._prompt_s)
                async for pcm in self._frames(request):
                    if pcm:
                        await asyncio.sleep(self._frame_s)
                        await pieces.put(pcm)
                await pieces.put(None)
            except Exception as error:  # noqa: BLE001  the listener's
                await pieces.put(error)

        async def taken() -> AsyncIterator[bytes]:
            while (piece := await pieces.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece

        self.speaking += 1
        self.most = max(self.most, self.speaking)
        making = asyncio.create_task(make())
        try:
            yield AudioStream(self.name, taken(), is_complete=lambda: self._knows and making.done())
        finally:
            await cancel_and_wait(making)
            self.speaking -= 1


def service_of(engine: Engine, clock: Any = None) -> SpeechService:
    post = PostProcessor(Audio(lead_in_s=0, tail_s=0), turn_pause_s=0.25)
    clock = clock or asyncio.get_running_loop().time
    return SpeechService(engine, VoiceCatalog(engine.voices), Limits(), slots=2, postprocessor=post, clock=clock)


async def gaps_of(engine: Engine, text: str, *, buffer_s: float) -> list[float]:
    """How long a player that never has more than ``buffer_s`` before it was without sound, each time."""
    service, now = service_of(engine), asyncio.get_running_loop().time
    dry_at, gaps = 0.0, []
    async with service.speak(service.whole_text(text), SpeechOptions("ryan-en")) as reply:
        async for pcm in reply:
            if dry_at and now() > dry_at + 1e-6:
                gaps.append(now() - dry_at)
            dry_at = max(dry_at, now()) + FORMAT.seconds(len(pcm))
            await asyncio.sleep(max(0.0, dry_at - now() - buffer_s))
    await service.close()
    return gaps


@pytest.mark.parametrize("buffer_s", [0.1, 0.3, 1.0])
def test_six_turns_at_half_of_real_time_have_no_gap_beyond_their_pauses(buffer_s: float) -> None:
    engine = Paced(prompt_s=0.5, rtf=0.5)
    gaps = virtual_time.run(gaps_of(engine, SIX_TURNS, buffer_s=buffer_s))

    assert len(engine.requests) == 6
    assert max(gaps, default=0.0) < 0.35  # 0.11 at the most, behind the turn of 0.4 s
    assert engine.most == 1


def test_where_the_engine_cannot_tell_the_next_turn_waits_for_the_end_of_this_one() -> None:
    """What the test before this one would find without looking ahead: prompt and first frame, less the buffer."""
    gaps = virtual_time.run(gaps_of(Paced(prompt_s=0.5, rtf=0.5, knows=False), SIX_TURNS, buffer_s=0.1))

    assert len(gaps) == 5
    assert all(gap > 0.15 for gap in gaps)


async def test_the_next_prompt_is_read_before_the_last_frame_of_this_turn_is_delivered(
    tmp_path: Path,
) -> None:
    """On the tiny checkpoint, by counting: a listener takes a piece only when the engine has nothing to do."""
    folder = write_tiny_checkpoint(tmp_path / "model", "custom_voice")
    async with studio(folder, slots=1) as room:
        service = service_of(room.engine)
        delivered, at_second = 0, 0  # bytes; when the second prompt was read
        room.runner.codes.clear()  # of its warming up
        room.runner.order.clear()
        async with service.speak(service.whole_text(TWO_TURNS), SpeechOptions("ryan-en")) as reply:
            async for pcm in reply:
                delivered += len(pcm)
                before = -1
                while before != len(room.runner.order):
                    before = len(room.runner.order)
                    await asyncio.sleep(0.03)
                if not at_second and room.runner.order.count("prefill") == 2:
                    at_second = delivered
        first, second = room.runner.codes

    assert (first.voice.name, second.voice.name) == ("ryan-en", "vivian-en")
    assert 0 < at_second < len(room.runner.codes[first]) * FORMAT.frame_bytes


async def test_the_sound_is_that_of_turns_one_after_the_other() -> None:
    heard = []
    for knows in (True, False):
        engine = Paced(prompt_s=0, rtf=0, knows=knows)
        service = service_of(engine)
        async with service.speak(service.whole_text(SIX_TURNS), SpeechOptions("ryan-en")) as reply:
            heard.append(b"".join([pcm async for pcm in reply]))
            assert reply.stats.voice == "ryan-en"
            assert reply.stats.engine == "fake"
        assert engine.speaking == 0
        await service.close()

    assert heard[0] == heard[1]
    assert silences(heard[0]) == pytest.approx([0.25] * 5)
    assert len(heard[0]) == engine.frames_made * len(TONE) + 5 * len(FORMAT.silence(0.25))


async def test_a_listener_who_leaves_ends_what_was_begun_for_later() -> None:
    engine = Paced(prompt_s=0, rtf=0)
    service = service_of(engine)
    async with service.speak(service.whole_text(SIX_TURNS), SpeechOptions("ryan-en")) as reply:
        async for _ in reply:
            await asyncio.sleep(0)
            if len(engine.requests) == 2:
                break
    assert engine.speaking == 0
    made = engine.frames_made
    await asyncio.sleep(0.01)
    assert engine.frames_made == made
    await service.close()


async def test_a_turn_that_fails_is_told_when_its_turn_has_come() -> None:
    engine = Paced(prompt_s=0, rtf=0, fail_at=5)  # the first turn has five frames
    service, heard = service_of(engine), b""
    failure: EngineError | None = None
    try:
        async with service.speak(service.whole_text(SIX_TURNS), SpeechOptions("ryan-en")) as reply:
            async for pcm in reply:
                heard += pcm
                await asyncio.sleep(0.001)
    except EngineError as error:
        failure = error
    assert "scripted" in str(failure)
    assert heard.startswith(TONE * 5)
    assert engine.speaking == 0
    await service.close()
