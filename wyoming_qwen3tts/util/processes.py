"""The one way to run another program and to end it.

A child leads a process group of its own, gets an empty environment unless told otherwise (no token, no password of
ours), and is read while it writes, up to a limit. However a call ends, the whole group is killed, its pipes are drained
and closed, within `END_S`: neither a full pipe nor a grandchild that holds one keeps anybody waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

END_S = 1.0  # from the kill to the end of the pipes; what is open then is closed by force
OUTPUT_BYTES = 1 << 20
_ERROR_BYTES = 1 << 16  # kept of stderr; the rest is read and dropped
_NOTHING: Mapping[str, str] = MappingProxyType({})


class ProcessError(Exception):
    """A program could not be run to its end. The message names it and says why."""


class ProcessNotStarted(ProcessError):
    """It is not there, or the system refuses to run it."""


class ProcessTimeout(ProcessError):
    """It took too long."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a program has said until it ended. ``code`` is its exit code, negative for a signal."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """Its first line on stderr, else its exit code; at most 200 characters."""
        lines = self.stderr.decode(errors="replace").strip().splitlines()
        return lines[0][:200] if lines else f"exit code {self.code}"


async def run(
    command: Sequence[str],
    given: bytes = b"",
    *,
    timeout_s: float,
    environment: Mapping[str, str] = _NOTHING,
    output_bytes: int = OUTPUT_BYTES,
) -> Output:
    """Run a program to its end, with ``given`` on its stdin.

    Raises:
        ProcessTimeout: if it has not ended after ``timeout_s``.
        ProcessError: if it cannot be started, or writes more than ``output_bytes``.
    """
    child = await Child.start(command, environment=environment, output_bytes=output_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await child.finish(given)
    except TimeoutError:
        raise ProcessTimeout(f"{child.name} did not end within {timeout_s:g} s") from None
    finally:
        await child.end()


def run_blocking(
    command: Sequence[str],
    given: bytes = b"",
    *,
    timeout_s: float,
    environment: Mapping[str, str] = _NOTHING,
    output_bytes: int = OUTPUT_BYTES,
) -> Output:
    """`run` for commands and worker threads, where no event loop runs."""
    work = run(command, given, timeout_s=timeout_s, environment=environment, output_bytes=output_bytes)
    return asyncio.run(work)


_running: dict[int, Child] = {}  # by process id


def running() -> int:
    """How many children have been started and not ended."""
    return len(_running)


def end_orphans() -> list[str]:
    """End the children of this event loop whose task is over without having ended them; their names. Returns at
    once."""
    loop = asyncio.get_running_loop()
    orphans = [child for child in list(_running.values()) if child.is_orphan(loop)]
    for child in orphans:
        child.abandon()
    return [child.name for child in orphans]


class Child:
    """A program that runs beside us. Event loop only; whoever starts it calls `end`, which may be done twice."""

    def __init__(self, name: str, transport: asyncio.SubprocessTransport, pipes: _Pipes) -> None:
        self.name, self._transport, self._pipes = name, transport, pipes
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._number = self.pid  # the transport forgets it
        _running[self._number] = self

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] = _NOTHING,
        output_bytes: int = OUTPUT_BYTES,
        shares_output: bool = False,
    ) -> Child:
        """Start a program. With ``shares_output`` it writes where we write; else what it says is collected, of stdout
        at most ``output_bytes`` that nobody has taken.

        Raises:
            ProcessNotStarted: if it cannot be.
        """
        name = Path(command[0]).name
        output = None if shares_output else subprocess.PIPE
        starting = asyncio.ensure_future(
            asyncio.get_running_loop().subprocess_exec(
                lambda: _Pipes(name, output_bytes),
                *command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )
        )
        try:
            transport, pipes = await asyncio.shield(starting)
        except OSError as error:
            raise ProcessNotStarted(f"{name} cannot be started: {error.strerror or error}") from error
        except asyncio.CancelledError:  # asyncio's own way out of a start would kill the child alone, not its group
            with contextlib.suppress(OSError):
                transport, pipes = await starting
                await cls(name, transport, pipes).end()
            raise
        return cls(name, transport, pipes)

    @property
    def pid(self) -> int:
        return self._transport.get_pid() or 0

    @property
    def has_ended(self) -> bool:
        """Whether it has ended by itself."""
        return self._transport.get_returncode() is not None

    async def send(self, data: bytes) -> None:
        """Write to its stdin; returns when it has read most of that.

        Raises:
            BrokenPipeError: if it reads no more.
        """
        if not self._pipes.stdin_is_gone:
            self._stdin.write(data)
            await self._pipes.may_write.wait()
        if self._pipes.stdin_is_gone or self._stdin.is_closing():  # it may be found out by the write itself
            raise BrokenPipeError(f"{self.name} reads no more")

    def take(self) -> bytes:
        """What has come on its stdout since the last call."""
        return self._pipes.take()

    async def finish(self, given: bytes = b"") -> Output:
        """Write ``given``, close its stdin, and wait until it has ended. ``stdout`` is what was not taken before.

        Raises:
            ProcessError: if it writes too much.
        """
        if not self._pipes.stdin_is_gone:
            self._stdin.write(given)
            self._stdin.write_eof()
        await self._pipes.settled.wait()
        if self._pipes.has_overflowed:
            raise ProcessError(f"{self.name} answered with more than {self._pipes.output_bytes:,} bytes")
        return Output(self._transport.get_returncode() or 0, self.take(), bytes(self._pipes.stderr))

    async def end(self) -> None:
        """Leave nothing of it behind: no process of its group, no open pipe, no zombie. Takes `END_S` at most."""
        self._pipes.kill()
        try:
            await asyncio.wait({self._pipes.ended}, timeout=END_S)
        finally:
            self.abandon()

    def is_orphan(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the task that started it in ``loop`` is over."""
        return self._loop is loop and self._task is not None and self._task.done()

    def abandon(self) -> None:
        """Kill its group and close its pipes without waiting for anything."""
        _running.pop(self._number, None)
        self._pipes.kill()
        if self._stdin.get_write_buffer_size():
            self._stdin.abort()  # closing would wait until somebody reads that
        self._transport.close()

    @property
    def _stdin(self) -> asyncio.WriteTransport:
        stdin = self._transport.get_pipe_transport(0)
        assert isinstance(stdin, asyncio.WriteTransport)  # noqa: S101  it is a pipe
        return stdin


class _Pipes(asyncio.SubprocessProtocol):
    """Reads what a child writes, always: a pipe that is left full never shows its end."""

    def __init__(self, name: str, output_bytes: int) -> None:
        self.name, self.output_bytes = name, output_bytes
        self.stderr = bytearray()
        self.has_overflowed = self.stdin_is_gone = False
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.settled = asyncio.Event()
        """All that it says is here, or more than that."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """The process has ended, and its pipes too, or they have had `END_S` for it."""
        self._stdout = bytearray()
        self._group = 0  # none
        self._is_deaf = False
        self._grace: asyncio.TimerHandle | None = None

    def take(self) -> bytes:
        taken, self._stdout = bytes(self._stdout), bytearray()
        return taken

    def kill(self) -> None:
        """Kill all of its group; what it still says is of no interest. Does nothing after it has ended, as the number
        may be another's by then."""
        self._is_deaf = True
        self._kill_group()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)  # noqa: S101  of a subprocess
        self._group = transport.get_pid() or 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if self._is_deaf:
            return
        if fd == 2:
            self.stderr += data[: _ERROR_BYTES - len(self.stderr)]
            return
        self._stdout += data
        if len(self._stdout) > self.output_bytes:
            self.has_overflowed = True
            self._stdout.clear()
            self.kill()
            self.settled.set()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 0:
            self.stdin_is_gone = True
            self.may_write.set()

    def process_exited(self) -> None:
        self._kill_group()  # those it has left behind: nobody waits for them
        self._group = 0
        self._grace = asyncio.get_running_loop().call_later(END_S, self._settle)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._grace is not None:
            self._grace.cancel()
        self._settle()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def _settle(self) -> None:
        self.settled.set()
        if not self.ended.done():
            self.ended.set_result(None)

    def _kill_group(self) -> None:
        if self._group:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # all have ended; they are another user's
                os.killpg(self._group, signal.SIGKILL)
