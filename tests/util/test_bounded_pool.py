"""Few work, few wait, the others are told at once."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from wyoming_qwen3tts.util.bounded_pool import BoundedPool, PoolFull


async def test_one_works_four_wait_and_the_next_is_told_at_once() -> None:
    pool, go = BoundedPool("test"), threading.Event()

    def work(number: int) -> int:
        go.wait(5)
        return number

    calls = [asyncio.ensure_future(pool.run(partial(work, number))) for number in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(PoolFull):
        await pool.run(lambda: 5)
    go.set()

    assert await asyncio.gather(*calls) == [0, 1, 2, 3, 4]
    assert await pool.run(lambda: 6) == 6
    pool.close()


async def test_work_that_nobody_waits_for_any_more_still_counts() -> None:
    pool, go = BoundedPool("test", waiting=0), threading.Event()
    call = asyncio.ensure_future(pool.run(go.wait))
    await asyncio.sleep(0.01)
    call.cancel()
    await asyncio.wait({call})
    with pytest.raises(PoolFull):
        await pool.run(lambda: None)
    go.set()
    await asyncio.sleep(0.05)
    assert await pool.run(lambda: 1) == 1
    pool.close()
    pool.close()


async def test_what_it_raises_is_raised() -> None:
    pool = BoundedPool("test")

    def broken() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await pool.run(broken)
    pool.close()
