"""The line for what few may use at once: nobody waits behind another one's crowd, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from tests.harness import until
from wyoming_qwen3tts.util.fair_line import FairLine


async def test_one_who_asks_now_and_then_is_next_whatever_the_others_have_in_line() -> None:
    line, served = FairLine(1), []

    async def use(owner: str) -> None:
        async with line.turn(owner, 100):
            served.append(owner)
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(use(f"greedy{number % 4}"))
        await until(lambda: len(served) >= 8)
        tasks.create_task(use("quiet"))
    assert len(served) == 41
    assert served.index("quiet") < 12  # of forty; behind the one that has the place, and what was served meanwhile


async def test_owners_get_the_same_of_it_however_many_they_send_and_each_in_order() -> None:
    line, served = FairLine(1, clock=lambda: 0.0), []

    async def use(owner: str, cost: int) -> None:
        async with line.turn(owner, cost):
            served.append((owner, cost))
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(use("many", 10 + number % 2))
        for _ in range(5):
            tasks.create_task(use("long", 100))
    first = served[:20]
    assert sum(cost for owner, cost in first if owner == "many") == pytest.approx(
        sum(cost for owner, cost in first if owner == "long"), abs=100
    )
    assert [cost for owner, cost in served if owner == "many"] == [10, 11] * 15


async def test_of_one_owner_who_came_first_is_next_while_the_clock_goes_on() -> None:
    ticks = itertools.count()
    line, served = FairLine(1, clock=lambda: float(next(ticks))), []

    async def use(number: int) -> None:
        async with line.turn("one", 100):
            served.append(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for number in range(20):
            tasks.create_task(use(number))
    assert served == list(range(20))


async def test_who_leaves_the_line_at_any_moment_takes_no_place_along() -> None:
    line = FairLine(2)
    for moment in range(4):
        tasks = [asyncio.create_task(line.acquire(f"host{number}", 1)) for number in range(6)]
        await asyncio.sleep(0)
        has_place = [task for task in tasks if task.done()]
        assert len(has_place) == 2
        for _ in has_place:
            line.release()
            for _ in range(moment % 2):
                await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in outcomes[2:]:
            if outcome is None:
                line.release()
        assert line.free == 2
        assert not line._waiting


async def test_what_somebody_had_is_forgotten() -> None:
    now = [0.0]
    line = FairLine(1, clock=lambda: now[0])
    for number in range(100):
        await line.acquire(f"host{number}", 10)
        line.release()
        now[0] += 10
    assert len(line._had) < 6
