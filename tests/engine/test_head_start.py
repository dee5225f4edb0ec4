"""A machine that speaks slower than real time starts late, or not at all; a fast one is left as it was."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests import virtual_time
from tests.engine.scripted import FALLBACK_VOICES, READY, RYAN, Scripted
from wyoming_qwen3tts.app.build import with_fallback
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.engine.head_start import HeadStart, SpeedBook, TooSlow
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Limits, Settings
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.speech.engine import AudioStream, EngineStatus
from wyoming_qwen3tts.speech.request import SpeechRequest, TextLength
from wyoming_qwen3tts.speech.voice import VoiceName
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

TONE = b"\x10\x20" * (FORMAT.frame_bytes // 2)
FIRST_S = 0.2
CHAR_S = 0.08
DIALOGUE = (
    "[ryan] Hello? [aiden] Yes. [ryan] Dinner is on the table, and it is getting cold. [aiden] In a minute or two, I "
    "have to save this. [ryan] Now. [aiden] I am coming down at once, keep some for me!"
)
AIDEN = replace(RYAN, name=VoiceName("aiden-en"), speaker="aiden")


class Slow(Scripted):
    """Takes ``rtf`` seconds a second of sound, `FIRST_S` to the first; a frame a character."""

    def __init__(self, rtf: float, status: EngineStatus = READY) -> None:
        super().__init__(voices=(RYAN, AIDEN), status=status)
        self.rtf, self.frames, self.first_s = rtf, 0, FIRST_S

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        self.requests += 1
        frames = self._frames(request)
        try:
            yield AudioStream(self.name, frames)
        finally:
            await frames.aclose()

    async def _frames(self, request: SpeechRequest) -> Any:
        await asyncio.sleep(self.first_s)
        async for segment in request.whole_segments():
            for _ in segment.text:
                await asyncio.sleep(0.08 * self.rtf)
                self.frames += 1
                yield TONE
            yield b""


class Listener:
    """Plays in real time from the first piece on."""

    def __init__(self) -> None:
        self.dry_s = self.dry_at = 0.0
        self.first_at: float | None = None  # anything at all
        self.sound_at: float | None = None
        self.pieces: list[bytes] = []
        self.longest_wait_s = 0.0
        self.last_at = asyncio.get_running_loop().time()
        self.silence_s = self._silent_s = 0.0  # the longest between two sounds

    def hear(self, pcm: bytes) -> None:
        now = asyncio.get_running_loop().time()
        if self.first_at is not None:
            self.dry_s = max(self.dry_s, now - self.dry_at)
        else:
            self.longest_wait_s = now - self.last_at
        self.first_at = now if self.first_at is None else self.first_at
        if any(pcm):
            self.silence_s = max(self.silence_s, self._silent_s)
            self._silent_s = 0.0
            self.sound_at = now if self.sound_at is None else self.sound_at
        elif self.sound_at is not None:
            self._silent_s += FORMAT.seconds(len(pcm))
        self.dry_at = max(self.dry_at, now) + FORMAT.seconds(len(pcm))
        self.pieces.append(pcm)


class House:
    def __init__(self, rtf: float, *, most_s: float = 6.0, known: float | None = None) -> None:
        self.slow, self.builtin = Slow(rtf), Scripted("builtin", FALLBACK_VOICES)
        self.head_start = HeadStart(most_s)
        if known is not None:
            self.head_start.book.learn_speed("ryan-en", 1, known)
        self.head_start.book.char_s["ryan-en"] = CHAR_S
        clock = asyncio.get_running_loop().time
        self.engine = FailoverEngine(self.slow, self.builtin, head_start=self.head_start, clock=clock)
        self.service = SpeechService(self.engine, VoiceCatalog(self.engine.voices), Limits(), slots=2, clock=clock)
        self.told: list[RequestStats] = []
        self.service.observe(self.told.append)

    async def hear(self, text: str, **options: Any) -> Listener:
        listener, began = Listener(), asyncio.get_running_loop().time()
        listener.last_at = began
        options = {"fills_pauses": True, "rate": 24_000, "server": "test", **options}
        async with self.service.speak(self.service.whole_text(text), SpeechOptions("ryan-en", **options)) as reply:
            async for pcm in reply:
                listener.hear(pcm)
        return listener


def text_of(seconds: float) -> str:
    """Sentences that `Slow` takes so long to speak for a listener."""
    chars = round(seconds / 0.08)
    words = "Word and word and word and word and so on it goes. " * 40
    return words[: chars - 1].rstrip(" .") + "."


def run(case: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(case())


@pytest.mark.parametrize(
    ("rtf", "seconds"), [(1.5, 3), (1.5, 8), (1.5, 12), (1.3, 15), (1.15, 20), (1.15, 40), (1.02, 60), (1.0, 30)]
)
def test_nobody_hears_a_stutter(rtf: float, seconds: float) -> None:
    async def case() -> None:
        house = House(rtf, known=rtf)
        listener = await house.hear(text_of(seconds))
        assert house.told[0].engine == "qwen3"
        assert listener.dry_s == 0
        assert listener.sound_at is not None
        assert listener.sound_at <= 6 + 0.5 + FIRST_S + 1.0
        assert listener.longest_wait_s <= 1.2, "a satellite gives up after 2 s without a piece"

    run(case)


def test_the_same_without_a_head_start_stutters() -> None:
    async def case() -> None:
        house = House(1.5)  # its speed is not known: the reply begins at once
        assert (await house.hear(text_of(8))).dry_s > 0

    run(case)


def test_what_is_heard_is_all_of_it_and_the_silence_before_it_is_no_part_of_the_reply() -> None:
    async def case() -> None:
        house = House(1.4, known=1.4)
        listener = await house.hear(text_of(8))
        sound = b"".join(piece for piece in listener.pieces if any(piece))
        assert sound == TONE * house.slow.frames
        assert house.told[0].audio_bytes == len(sound)
        assert "held back" in house.told[0].line()

    run(case)


def test_what_would_begin_too_late_is_spoken_whole_by_the_builtin_voice_and_is_no_failure() -> None:
    async def case() -> None:
        house = House(1.5, known=1.5)
        for _ in range(4):
            await house.hear(text_of(20))
        assert house.slow.requests == 0
        assert {stats.engine for stats in house.told} == {"builtin"}
        assert house.engine.takeovers == Counter({"too-slow": 4})
        assert house.engine.status == READY
        assert "more than engine.head_start_s" in house.told[0].line()
        await house.hear(text_of(5))
        assert house.told[-1].engine == "qwen3", "it is not left alone"

    run(case)


def test_a_reply_that_turns_out_too_slow_while_it_is_held_back_changes_its_voice_unheard() -> None:
    async def case() -> None:
        house = House(3.0, known=1.2)
        listener = await house.hear(text_of(20))
        assert house.told[0].engine == "builtin"
        assert house.slow.frames > 0
        assert not any(TONE in piece for piece in listener.pieces)
        assert listener.dry_s == 0
        assert house.engine.status == READY

    run(case)


@pytest.mark.parametrize("known", [0.4, 0.9, None])
def test_a_fast_engine_is_handed_on_piece_by_piece(known: float | None) -> None:
    async def case() -> None:
        fast, plain = House(0.5, known=known), House(0.5, known=known)
        plain.engine._head_start = None
        heard, as_before = await fast.hear(text_of(10)), await plain.hear(text_of(10))
        assert heard.pieces == as_before.pieces
        assert heard.longest_wait_s == pytest.approx(as_before.longest_wait_s)
        assert not fast.told[0].head_start

    run(case)


def test_speed_and_length_are_learnt_from_replies() -> None:
    async def case() -> None:
        house = House(1.3)
        house.head_start.book.char_s.clear()
        await house.hear(text_of(8))
        assert house.head_start.book.rtf["ryan-en 1"] == pytest.approx(1.3, rel=0.05)
        assert house.head_start.book.char_s["ryan-en"] == pytest.approx(CHAR_S, rel=0.1)
        assert house.head_start.may_hold
        assert (await house.hear(text_of(8))).dry_s == 0

    run(case)


def test_a_text_that_is_still_being_written_is_held_back_for_what_such_texts_come_to() -> None:
    async def case() -> None:
        house = House(1.3, known=1.3)
        house.head_start.book.stream_chars = 150
        text, listener = house.service.open_text(), Listener()

        async def write() -> None:
            for word in text_of(12).split():
                text.add(f"{word} ")
                await asyncio.sleep(0.05)
            text.close()

        writing = asyncio.create_task(write())
        options = SpeechOptions("ryan-en", fills_pauses=True, rate=24_000, server="test")
        async with house.service.speak(text, options) as reply:
            async for pcm in reply:
                listener.hear(pcm)
        await writing
        assert listener.dry_s == 0
        assert "held back" in house.told[0].line()

    run(case)


def test_a_dialogue_of_six_turns_has_no_gap_beyond_its_pauses_at_half_of_real_time() -> None:
    async def case() -> None:
        house = House(0.5)
        listener = await house.hear(DIALOGUE)
        assert house.slow.requests == 6
        assert listener.dry_s + listener.silence_s <= 0.35  # a turn begins `FIRST_S` after the engine is asked

    run(case)


def test_a_dialogue_on_a_slow_machine_is_held_back_once_for_all_its_turns() -> None:
    async def case() -> None:
        house = House(1.3, known=1.3)
        house.slow.first_s = 0.0  # what a turn takes to its first sound is known to nobody before
        listener = await house.hear(DIALOGUE)
        assert house.told[0].engine == "qwen3"
        assert house.slow.requests == 6
        assert listener.dry_s + listener.silence_s <= 0.35

    run(case)


def test_what_a_dialogue_takes_says_nothing_about_the_length_of_a_text() -> None:
    async def case() -> None:
        house = House(1.1)
        await house.hear(DIALOGUE)
        assert house.head_start.book.char_s == {"ryan-en": CHAR_S}
        await house.hear(f"[happy] {text_of(8)}")
        assert house.head_start.book.char_s["ryan-en"] < CHAR_S

    run(case)


def test_what_nobody_plays_is_made_as_slowly_as_it_takes() -> None:
    async def case() -> None:
        house = House(1.5, known=1.5)
        await house.service.record(house.service.whole_text(text_of(20)), SpeechOptions("ryan-en", server="test"))
        assert house.engine.takeovers == Counter()

    run(case)


def test_a_start_measures_once_and_the_next_one_remembers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def case(path: Path) -> int:
        slow = Slow(1.2)
        clock = asyncio.get_running_loop().time
        engine = FailoverEngine(
            slow, Scripted("builtin", FALLBACK_VOICES), head_start=HeadStart(6, path, measures=True), clock=clock
        )
        await engine.start()
        await engine.close()
        return slow.requests

    caplog.set_level(logging.INFO)
    path = tmp_path / "speeds.json"
    assert virtual_time.run(case(path)) == 1
    assert "speaks 0.8 times as fast as speech" in caplog.text
    assert SpeedBook.read(path).speed("ryan-en", 1) == pytest.approx(1.2, rel=0.02)
    assert virtual_time.run(case(path)) == 0
    path.write_text('{"rtf": 3}')
    assert virtual_time.run(case(path)) == 1


# -- the book


def test_the_speed_of_another_voice_or_of_fewer_at_once_is_better_than_none() -> None:
    book = SpeedBook()
    assert book.speed("ryan-en", 2) is None
    book.learn_speed("ryan-en", 1, 1.2)
    assert book.speed("sohee-ko", 3) == 1.2
    book.learn_speed("sohee-ko", 2, 1.9)
    assert book.speed("ryan-en", 3) == 1.9
    assert book.speed("ryan-en", 1) == 1.2


def test_a_wait_is_allowed_up_to_the_setting() -> None:
    head_start = HeadStart(6)
    head_start.book.learn_speed("ryan-en", 1, 1.5)
    head_start.book.char_s["ryan-en"] = 0.1
    head_start.check("ryan-en", "en", lambda: TextLength(120, is_complete=True))
    with pytest.raises(TooSlow, match=r"13 s of speech at 1\.50 of real time would begin 6 s late"):
        head_start.check("ryan-en", "en", lambda: TextLength(130, is_complete=True))


def test_few_characters_of_an_unfinished_text_promise_no_short_reply() -> None:
    book = SpeedBook()
    assert book.length_s(RYAN.name, "en", TextLength(5, is_complete=True)) < 1
    assert book.length_s(RYAN.name, "en", TextLength(5, is_complete=False)) > 5


def test_the_servers_own_engine_is_measured_and_a_remote_one_is_not(tmp_path: Path) -> None:
    model, remote = Scripted(), Scripted()
    remote.can_unload = False
    for engine, is_ours in ((model, True), (remote, False)):
        made = with_fallback(Settings(data_dir=tmp_path), engine, Scripted("builtin", FALLBACK_VOICES)).engine
        assert isinstance(made, FailoverEngine)
        assert made._head_start is not None
        assert made._head_start.measures is is_ours
