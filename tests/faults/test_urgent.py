"""Finding 6: a fire alarm is never busy; what is not urgent waits for its place, and does not hold up what is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import FakeEngine, until
from wyoming_qwen3tts.announcements.announcement import Announcement, Sound
from wyoming_qwen3tts.announcements.announcer import Announcer
from wyoming_qwen3tts.announcements.clips import ClipStore
from wyoming_qwen3tts.announcements.voice_choice import VoiceChoice
from wyoming_qwen3tts.errors import Busy
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Limits, Settings
from wyoming_qwen3tts.util.tasks import cancel_and_wait
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

PLACES = 36
PRIORITIES = {"low": -5, "normal": 0, "high": 5, "critical": 10}


class Kitchen:
    """A loudspeaker, and what was played on it."""

    has_own_voice = False

    def __init__(self) -> None:
        self.played: list[str] = []

    def plays_on(self, target: str) -> bool:
        return target == "kitchen"

    def has_volume(self, target: str) -> bool:
        return True

    async def check(self, announcement: Announcement, target: str) -> None:
        return

    async def play(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        self.played.append(announcement.id)


class House:
    """A service whose places can be held, and its announcer."""

    def __init__(self, service: SpeechService, announcer: Announcer, kitchen: Kitchen) -> None:
        self.service, self.announcer, self.kitchen = service, announcer, kitchen
        self._strangers: list[asyncio.Task[None]] = []

    async def hold_all(self, hosts: int) -> None:
        """By strangers who have begun to write, and do not go on."""
        for number in range(PLACES):
            self._strangers.append(asyncio.create_task(self._hold(f"stranger {number % hosts}")))
        await until(lambda: self.service.active == PLACES)

    async def _hold(self, host: str) -> None:
        text = self.service.open_text()
        text.add("Wait")
        with contextlib.suppress(Busy):
            async with self.service.speak(text, SpeechOptions("builtin-en", host=host)):
                await asyncio.Event().wait()

    async def free_one(self) -> None:
        await cancel_and_wait(self._strangers.pop())

    async def free_all(self) -> None:
        await cancel_and_wait(*self._strangers)

    def submit(self, name: str, **how: Any) -> asyncio.Future[Any]:
        return self.announcer.submit(Announcement(name, f"{name}.", **how))


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    engine, kitchen = FakeEngine(), Kitchen()
    settings = Settings(data_dir=folder)
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(), slots=4)
    service.load()
    async with AsyncExitStack() as stack:
        clips = await stack.enter_async_context(ClipStore(limit_bytes=1 << 24, lifetime_s=60))
        announcer = Announcer(
            service,
            settings,
            clips,
            base_url="http://house",
            speakers=[kitchen],
            choice=VoiceChoice(folder / "voice"),
        )
        async with announcer:
            it = House(service, announcer, kitchen)
            yield it
            await it.free_all()
        await until(lambda: not (service.active or service.in_line))
    await service.close()


@pytest.mark.parametrize("priority", ["high", "critical"])
@pytest.mark.parametrize("hosts", [1, 2, PLACES])
async def test_with_all_places_held_what_is_urgent_is_heard(tmp_path: Path, hosts: int, priority: str) -> None:
    async with house(tmp_path) as it, asyncio.timeout(5):
        await it.hold_all(hosts)
        for name in ("Fire", "Water"):
            result = await it.submit(f"{name} {priority}", priority=PRIORITIES[priority])
            assert result.error is None


@pytest.mark.parametrize("hosts", [1, 2])
async def test_strangers_with_more_than_their_share_do_not_keep_a_normal_one_waiting(
    tmp_path: Path, hosts: int
) -> None:
    async with house(tmp_path) as it, asyncio.timeout(5):
        await it.hold_all(hosts)
        assert (await it.submit("Dinner")).error is None


async def test_a_normal_one_waits_for_its_place_and_a_critical_one_overtakes_it(tmp_path: Path) -> None:
    async with house(tmp_path) as it, asyncio.timeout(5):
        await it.hold_all(PLACES)
        dinner = it.submit("Dinner", targets=("kitchen",))
        await until(lambda: it.service.in_line == 1)
        fire = it.submit("Fire", targets=("kitchen",), priority=10)
        assert (await fire).error is None
        await until(lambda: it.kitchen.played == ["Fire"])
        assert not dinner.done()
        await it.free_one()

        assert (await dinner).error is None
        await until(lambda: it.kitchen.played == ["Fire", "Dinner"])


async def test_more_alarms_than_reserved_places_wait_too(tmp_path: Path) -> None:
    async with house(tmp_path) as it, asyncio.timeout(5):
        await it.hold_all(PLACES)
        alarms = [it.submit(f"Alarm {number}", priority=5) for number in range(5)]

        assert [(await alarm).error for alarm in alarms] == [None] * 5


async def test_one_whose_place_does_not_come_in_time_expires(tmp_path: Path) -> None:
    async with house(tmp_path) as it, asyncio.timeout(5):
        await it.hold_all(PLACES)
        result = await it.submit("Dinner", expires_s=0.1)

        assert result.error.code == "expired"
        assert (it.service.in_line, it.announcer.waiting) == (0, 0)
        assert (await it.submit("Dinner", priority=5)).error is None  # it may be tried again


async def test_one_that_waits_for_its_place_can_be_stopped(tmp_path: Path) -> None:
    async with house(tmp_path) as it, asyncio.timeout(5):
        await it.hold_all(PLACES)
        dinner = it.submit("Dinner")
        await until(lambda: it.service.in_line == 1)

        assert it.announcer.stop("Dinner") == 1
        assert (await dinner).error.code == "stopped"
        assert it.service.in_line == 0
