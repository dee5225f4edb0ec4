"""While the text of a reply pauses, its listener hears silence in real time: proved with one who plays in real time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import virtual_time
from tests.harness import TONE, FakeEngine
from wyoming_qwen3tts.errors import EngineError, TextStalled
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.postprocess import PostProcessor
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Audio, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.text_stream import TextStream
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.levels import VoiceLevels

OPTIONS = SpeechOptions("builtin-en", fills_pauses=True, server="test")
FIRST, SECOND = "Let me look that up. ", "It is sunny in the whole country."


class Player:
    """Plays what it gets in real time, from the first piece on."""

    def __init__(self) -> None:
        self.pieces: list[tuple[float, bytes]] = []
        self.dry_at = 0.0
        self.most_dry_s = self.most_ahead_s = 0.0
        self.at_piece: dict[int, Callable[[], None]] = {}

    def hear(self, pcm: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if self.pieces:
            self.most_dry_s = max(self.most_dry_s, now - self.dry_at)
        self.dry_at = max(self.dry_at, now) + FORMAT.seconds(len(pcm))
        self.pieces.append((now, pcm))
        self.at_piece.get(len(self.pieces), lambda: None)()
        if not any(pcm):
            self.most_ahead_s = max(self.most_ahead_s, self.dry_at - now)

    @property
    def sound(self) -> bytes:
        return b"".join(pcm for _, pcm in self.pieces if any(pcm))

    @property
    def silence_s(self) -> float:
        return sum(FORMAT.seconds(len(pcm)) for _, pcm in self.pieces if not any(pcm))


class House:
    """A service in virtual time, and one listener."""

    def __init__(self, engine: FakeEngine | None = None, postprocessor: PostProcessor | None = None) -> None:
        self.engine, self.player, self.told = engine or FakeEngine(), Player(), list[RequestStats]()
        catalog, clock = VoiceCatalog(self.engine.voices()), asyncio.get_running_loop().time
        limits = Limits(text_idle_s=30)
        self.service = SpeechService(self.engine, catalog, limits, slots=1, clock=clock, postprocessor=postprocessor)
        self.service.observe(self.told.append)
        self.text = self.service.open_text()

    @asynccontextmanager
    async def listening(self, options: SpeechOptions = OPTIONS) -> AsyncIterator[asyncio.Task[None]]:
        """Somebody hears the reply; leaves when the block is left."""
        hearing = asyncio.create_task(self._hear(options))
        try:
            yield hearing
        finally:
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError, TextStalled, EngineError):
                await hearing

    async def _hear(self, options: SpeechOptions) -> None:
        async with self.service.speak(self.text, options) as reply:
            async for pcm in reply:
                self.player.hear(pcm)


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        virtual_time.run(test())

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def write(text: TextStream, *pieces: str | float) -> None:
    """Pieces of text, and seconds to wait between them; then the stop."""
    for piece in pieces:
        if isinstance(piece, str):
            text.add(piece)
        else:
            await asyncio.sleep(piece)
    text.close()


@virtually
async def test_a_listener_is_never_dry_and_never_far_ahead_in_a_pause_of_five_seconds() -> None:
    house = House()
    async with house.listening() as hearing:
        await write(house.text, FIRST, 5.0, SECOND)
        await hearing
    player, stats = house.player, house.told[0]

    assert player.most_dry_s <= 0.0
    assert player.most_ahead_s <= 0.3
    sound_s = FORMAT.seconds(len(TONE)) * (2 + len(FIRST.strip()) // 5 + len(SECOND) // 5)
    assert FORMAT.seconds(len(player.sound)) == pytest.approx(sound_s)
    resumed_at = next(at for at, pcm in reversed(player.pieces) if not any(pcm))
    assert 4.8 < resumed_at <= 5.0
    first_at = player.pieces[0][0]
    assert player.silence_s == pytest.approx(5 - first_at - FORMAT.seconds(len(TONE)) * 5, abs=0.25)
    # counted apart
    assert FORMAT.seconds(stats.audio_bytes) == pytest.approx(sound_s)
    assert FORMAT.seconds(stats.silence_bytes) == pytest.approx(player.silence_s)
    assert stats.ttfa_s == pytest.approx(first_at)
    assert stats.working_s == pytest.approx(0)
    assert f"{player.silence_s:.1f} s of silence" in stats.line()


@virtually
async def test_a_pause_inside_a_sentence_and_one_behind_a_finished_one_are_filled_too() -> None:
    for first in ("Let me look that up.", f"{FIRST}And then the light in the kitchen is"):
        house = House()
        async with house.listening() as hearing:
            await write(house.text, first, 5.0, " It is sunny in the whole country.")
            await hearing

        assert house.player.most_dry_s <= 0.0
        assert house.player.silence_s > 3


@virtually
async def test_nothing_goes_out_before_the_first_sound() -> None:
    house = House()
    async with house.listening() as hearing:
        house.text.add("Let me look")
        await asyncio.sleep(5)
        assert not house.player.pieces

        await write(house.text, " that up.")
        await hearing

    assert house.player.silence_s == 0


@virtually
async def test_there_is_no_silence_where_nobody_asked_for_it_or_the_text_is_whole() -> None:
    for options in (SpeechOptions("builtin-en"), OPTIONS):
        house = House()
        async with house.listening(options) as hearing:
            if options.fills_pauses:
                await write(house.text, FIRST + SECOND)
            else:
                await write(house.text, FIRST, 5.0, SECOND)
            await hearing

        assert house.player.silence_s == 0


@virtually
async def test_an_engine_that_is_late_gets_no_silence() -> None:
    house = House()
    house.player.at_piece = {2: house.engine.release.clear}
    async with house.listening() as hearing:
        house.text.add(FIRST)
        await asyncio.sleep(5)  # in the middle of its sentence
        assert len(house.player.pieces) == 2
        assert house.player.silence_s == 0

        house.engine.release.set()
        await asyncio.sleep(0.05)
        house.text.add("It is sunny everywhere. And ")  # and before a new one, while more text is waited for
        house.engine.release.clear()
        await asyncio.sleep(5)
        assert house.player.silence_s == 0
        house.engine.release.set()
        house.text.close()
        await hearing


@virtually
async def test_silence_goes_on_to_the_first_new_sound() -> None:
    house = House()
    async with house.listening() as hearing:
        house.text.add(FIRST)
        await asyncio.sleep(5)
        house.engine.release.clear()
        house.text.add(SECOND + " And ")
        await asyncio.sleep(2)  # what the engine needs
        house.engine.release.set()
        await asyncio.sleep(0.1)
        house.text.close()
        await hearing

    assert house.player.most_dry_s <= 0.0
    assert house.player.silence_s > 6


@virtually
async def test_half_a_minute_of_pause_and_a_stop_end_in_order() -> None:
    house = House()
    async with house.listening() as hearing:
        await write(house.text, FIRST, 29.0)
        await hearing
    stopped_at = asyncio.get_running_loop().time()

    assert stopped_at == pytest.approx(29, abs=0.2)
    assert house.told[0].is_done
    assert house.player.pieces[-1][0] <= 29


@virtually
async def test_a_text_that_never_goes_on_ends_as_without_silence() -> None:
    house = House()
    async with house.listening() as hearing:
        house.text.add(FIRST)
        with pytest.raises(TextStalled):
            await hearing

    assert asyncio.get_running_loop().time() == pytest.approx(30, abs=0.2)
    assert house.player.most_dry_s <= 0.0


@virtually
async def test_a_listener_who_leaves_in_the_pause_costs_nothing_more() -> None:
    house = House()
    async with house.listening():
        house.text.add(FIRST)
        await asyncio.sleep(3)
        assert house.player.silence_s > 0
        heard = len(house.player.pieces)

    assert house.engine.speaking == 0
    assert house.service.active == 0
    await asyncio.sleep(5)
    assert len(house.player.pieces) == heard


@virtually
async def test_an_error_behind_a_pause_is_told() -> None:
    house = House(FakeEngine(fail_at=6))
    async with house.listening() as hearing:
        house.text.add(FIRST)
        await asyncio.sleep(5)
        house.text.add(SECOND + " And ")
        with pytest.raises(EngineError):
            await hearing


def test_what_the_pipeline_holds_back_is_heard_at_the_beginning_of_the_pause(tmp_path: Path) -> None:
    """Speech at another speed and one loudness looks ahead; the end of a word must not come seconds after it."""

    async def test() -> None:
        levels = VoiceLevels(tmp_path / "levels.json")
        house = House(postprocessor=PostProcessor(Audio(), levels))
        options = SpeechOptions("builtin-en", fills_pauses=True, speed=1.25)
        async with house.listening(options) as hearing:
            await write(house.text, FIRST, 5.0, SECOND)
            await hearing
        told = house.told[0]
        loud = [at for at, pcm in house.player.pieces if any(pcm)]

        assert not [at for at in loud if 1.5 < at < 4.9]
        whole_s = FORMAT.seconds(len(TONE)) * (2 + len(FIRST.strip()) // 5 + len(SECOND) // 5) / 1.25
        assert FORMAT.seconds(told.audio_bytes) == pytest.approx(whole_s, abs=0.03)
        await house.service.close()

    virtual_time.run(test())
