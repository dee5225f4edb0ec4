"""Other programs: whatever they do, nobody waits for them for long and nothing of them is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from wyoming_qwen3tts.util.processes import END_S, Child, ProcessError, ProcessTimeout, run, run_blocking

SLEEPER = f"4242.{os.getpid()}"  # seconds that nobody else asks for, two test processes at a time included


def shell(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


def sleepers() -> list[str]:
    """The processes of this test that are alive, or dead and not collected."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and SLEEPER.encode() in (entry / "cmdline").read_bytes():
                found.append(entry.name)
    return found


def collected() -> None:
    """Wait until init has buried what was killed."""
    while sleepers():
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def no_sleeper_left() -> Iterator[None]:
    yield
    assert not sleepers()


async def test_what_it_says_comes_back() -> None:
    output = await run(shell("cat; echo oops >&2; echo more >&2; exit 3"), b"hello", timeout_s=5)

    assert (output.code, output.stdout, output.stderr) == (3, b"hello", b"oops\nmore\n")
    assert output.complaint == "oops"


async def test_without_a_word_the_exit_code_is_the_complaint() -> None:
    assert (await run(shell("exit 3"), timeout_s=5)).complaint == "exit code 3"
    assert (await run(shell("kill -9 $$"), timeout_s=5)).complaint == "exit code -9"


def test_a_command_waits_for_it_without_an_event_loop() -> None:
    assert run_blocking(shell("echo hello"), timeout_s=5).stdout == b"hello\n"


async def test_it_gets_none_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "hunter2")

    everything = (await run(["/usr/bin/env"], timeout_s=5)).stdout
    told = (await run(["/usr/bin/env"], timeout_s=5, environment={"LC_ALL": "C"})).stdout

    assert everything == b""
    assert told == b"LC_ALL=C\n"


async def test_a_program_that_is_not_there_is_named() -> None:
    with pytest.raises(ProcessError, match="espeak-ng cannot be started: No such file"):
        await run(["/nowhere/espeak-ng"], timeout_s=5)


async def test_large_input_and_output_pass_each_other() -> None:
    """More than the pipes hold, in both directions at once."""
    given = os.urandom(1 << 20)

    assert (await run(["/bin/cat"], given, timeout_s=20, output_bytes=2 << 20)).stdout == given


async def test_a_program_that_reads_nothing_may_still_answer() -> None:
    assert (await run(shell("echo hello"), bytes(1 << 20), timeout_s=5)).stdout == b"hello\n"


async def test_a_program_that_hangs_is_ended_with_its_children() -> None:
    with pytest.raises(ProcessTimeout, match=r"sh did not end within 0\.3 s"):
        await run(shell(f"sleep {SLEEPER} & sleep {SLEEPER}"), timeout_s=0.3)


async def test_output_is_counted_while_it_comes() -> None:
    """It never ends by itself, so it must have been stopped at the limit."""
    with pytest.raises(ProcessError, match="yes answered with more than 100,000 bytes"):
        await run(["/usr/bin/yes"], timeout_s=30, output_bytes=100_000)


async def test_complaints_without_an_end_take_no_memory() -> None:
    output = await run(shell("yes | head -c 9000000 >&2"), timeout_s=20)

    assert 1000 < len(output.stderr) < 100_000
    assert output.code == 0


@pytest.mark.parametrize("after_ms", [0, 1, 3, 12, 50])
async def test_a_caller_who_leaves_a_full_pipe_is_let_go(after_ms: int) -> None:
    """What is left in the pipe hides its end from a reader who has stopped reading."""
    for _ in range(5):
        running = asyncio.create_task(run(["/usr/bin/yes"], timeout_s=60, output_bytes=1 << 40))
        await asyncio.sleep(after_ms / 1000)
        running.cancel()

        done, _ = await asyncio.wait({running}, timeout=2 * END_S)

        assert done
        assert running.cancelled()


@pytest.mark.parametrize("after_ms", [0, 5, 60])
async def test_a_caller_who_leaves_takes_the_children_of_the_child_along(after_ms: int) -> None:
    script = shell(f"sleep {SLEEPER} & sleep {SLEEPER}")
    running = asyncio.create_task(run(script, timeout_s=60))
    await asyncio.sleep(after_ms / 1000)
    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running

    assert not sleepers()


async def test_one_who_left_its_group_and_holds_the_pipe_costs_a_moment() -> None:
    """Its output is not waited for, and its end neither."""
    escape = f"import os, sys\nif os.fork() == 0: os.setsid(); os.execlp('sleep', 'sleep', '{SLEEPER}')\nprint('here')"
    began = asyncio.get_running_loop().time()
    try:
        output = await run([sys.executable, "-c", escape], timeout_s=30)

        assert output.stdout == b"here\n"
        assert asyncio.get_running_loop().time() - began < 10  # it sleeps for a day
    finally:
        for number in sleepers():
            os.kill(int(number), 9)
        await asyncio.to_thread(collected)


async def test_a_child_is_talked_to_piece_by_piece() -> None:
    child = await Child.start(["/bin/cat"])
    try:
        await child.send(b"one ")
        heard = b""
        while heard != b"one ":
            heard += child.take()
            await asyncio.sleep(0)
        await child.send(b"two")
        output = await child.finish()
    finally:
        await child.end()

    assert (output.code, output.stdout) == (0, b"two")


async def test_a_child_that_reads_no_more_says_so() -> None:
    child = await Child.start(shell("exec <&-; sleep 60"))
    try:
        with pytest.raises(BrokenPipeError, match="sh reads no more"):
            await child.send(bytes(1 << 20))
    finally:
        await child.end()
        await child.end()


async def test_what_nobody_reads_is_not_waited_for_at_the_end() -> None:
    """Its stdin holds more than the pipe, and nobody will take it."""
    child = await Child.start(["/bin/sleep", SLEEPER])
    sending = asyncio.create_task(child.send(bytes(1 << 20)))
    await asyncio.sleep(0)

    await child.end()

    with pytest.raises(BrokenPipeError):
        await sending
    assert not Path(f"/proc/{child.pid}").exists()  # noqa: ASYNC240  no disk behind it


async def test_a_child_may_write_where_we_do(capfd: pytest.CaptureFixture[str]) -> None:
    child = await Child.start(shell("cat; echo oops >&2"), shares_output=True)
    try:
        await child.finish(b"hello")
    finally:
        await child.end()

    assert capfd.readouterr() == ("hello", "oops\n")
