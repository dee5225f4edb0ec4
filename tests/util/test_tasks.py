"""Ends of tasks, and calls that nobody can end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from wyoming_qwen3tts.util.tasks import cancel_and_wait, in_daemon_thread, to_the_end


async def test_all_have_ended_whatever_they_did_at_their_end() -> None:
    ended = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("slow")

    async def broken() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError

    async def finished() -> None:
        return

    tasks = [asyncio.create_task(work()) for work in (slow, broken, finished)]
    await asyncio.sleep(0)

    await cancel_and_wait(*tasks, None)

    assert all(task.done() for task in tasks)
    assert ended == ["slow"]


async def test_nothing_to_wait_for_is_no_wait() -> None:
    await cancel_and_wait()
    await cancel_and_wait(None)


async def test_a_thread_answers_or_raises_for_its_caller() -> None:
    def fails() -> None:
        raise ValueError("no luck")

    assert await in_daemon_thread(lambda: threading.current_thread().name, "of a test") == "of a test"
    assert await in_daemon_thread(lambda: threading.current_thread().daemon, "of a test")
    with pytest.raises(ValueError, match="no luck"):
        await in_daemon_thread(fails, "of a test")


async def test_a_caller_who_is_cancelled_does_not_wait_for_the_thread() -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait(30)
        has_ended.set()

    calling = asyncio.create_task(in_daemon_thread(work, "of a test"))
    await asyncio.sleep(0)
    await cancel_and_wait(calling)

    assert calling.cancelled()
    assert not has_ended.is_set()
    may_end.set()
    assert await asyncio.to_thread(has_ended.wait, 30)
    await asyncio.sleep(0.01)  # its answer comes and is dropped


def test_a_thread_that_outlives_the_loop_ends_quietly(recwarn: pytest.WarningsRecorder) -> None:
    may_end = threading.Event()

    async def main() -> None:
        calling = asyncio.create_task(in_daemon_thread(lambda: may_end.wait(30), "of this test"))
        await asyncio.sleep(0)
        await cancel_and_wait(calling)

    asyncio.run(main())
    thread = next(thread for thread in threading.enumerate() if thread.name == "of this test")
    may_end.set()
    thread.join(30)

    assert not thread.is_alive()
    assert not recwarn


async def test_what_is_to_be_done_to_the_end_is_although_the_caller_is_cancelled() -> None:
    done = []

    async def work(error: Exception | None = None) -> str:
        for _ in range(3):
            await asyncio.sleep(0)
        done.append(error)
        if error is not None:
            raise error
        return "done"

    assert await to_the_end(work()) == "done"
    with pytest.raises(ValueError, match="no"):
        await to_the_end(work(ValueError("no")))
    for error in (None, ValueError("nobody is told")):
        task = asyncio.create_task(to_the_end(work(error)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done[-1] is error
