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


async def test_an_eager_line_gives_one_who_had_little_a_place_more_and_others_none() -> None:
    line = FairLine(2, clock=lambda: 0.0, is_eager=True)
    await line.acquire("greedy", 100)
    await line.acquire("greedy", 100)
    asking = [asyncio.create_task(line.acquire(owner, 10)) for owner in ("greedy", "quiet", "greedy", "another")]
    await asyncio.sleep(0)

    assert [task.done() for task in asking] == [False, True, False, False]  # there is one more, and no two
    line.release()
    await asyncio.sleep(0)
    assert [task.done() for task in asking] == [False, True, False, True]
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_an_eager_line_keeps_its_last_place_for_one_who_comes_again_and_forgets_it_when_it_stays_away() -> None:
    now = 0.0
    line = FairLine(2, clock=lambda: now, is_eager=True)
    await line.acquire("quiet", 10)
    await line.acquire("greedy", 1000)
    line.release()
    waiting = asyncio.create_task(line.acquire("greedy", 1000))
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.wait_for(line.acquire("quiet", 10), 5)
    line.release()
    line.release()  # the greedy one's own
    await waiting

    now = 1000.0
    line._take("greedy", 0)  # which is when those are forgotten who stay away
    line._free += 1
    await asyncio.wait_for(line.acquire("greedy", 1000), 5)
    assert line.free == 0


async def test_equals_share_all_places_of_an_eager_line() -> None:
    line = FairLine(2, clock=lambda: 0.0, is_eager=True)
    await asyncio.wait_for(line.acquire("a", 100), 5)
    await asyncio.wait_for(line.acquire("b", 100), 5)
    line.release()
    await asyncio.wait_for(line.acquire("a", 100), 5)
    assert line.free == 0
