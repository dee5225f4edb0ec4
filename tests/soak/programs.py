"""Programs beside the server under test that a soak kills and starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


class Program:
    """A Python module as a process of its own, kept running from `start` to `close`. What it says goes to ``log``.

    However it ends, it is started again after ``pause_s``; ``codes`` are the exit codes that it had, negative for
    signals.
    """

    def __init__(self, *command: str, log: Path, pause_s: float = 1.0) -> None:
        self._command, self._log, self._pause_s = command, log, pause_s
        self._process: asyncio.subprocess.Process | None = None
        self._keeping: asyncio.Task[None] | None = None
        self.codes: list[int] = []

    def signal(self, number: int) -> bool:
        """Whether it was there to be told."""
        process = self._process
        if process is None or process.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        return True

    async def __aenter__(self) -> Program:
        self._keeping = asyncio.create_task(self._keep())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._keeping is not None
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep(self) -> None:
        with self._log.open("ab") as log:
            while True:
                process = self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", *self._command, stdout=log, stderr=log, preexec_fn=_ignore_usr1
                )
                try:
                    self.codes.append(await process.wait())
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
                await asyncio.sleep(self._pause_s)


def _ignore_usr1() -> None:
    """Until the program has a use for it."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


@asynccontextmanager
async def piped_log(path: Path) -> AsyncIterator[int]:
    """A descriptor for a server's stderr whose lines reach ``path`` by way of another process: a limit on the size of
    the server's files is none on its log."""
    reading, writing = os.pipe()
    try:
        with path.open("wb") as file:
            cat = await asyncio.create_subprocess_exec("cat", stdin=reading, stdout=file)
    finally:
        os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)
        await cat.wait()


class WallClock:
    """The wall clock of a server, which jumps when it is told: ``environment`` is for the server's start. Without a C
    compiler it goes right, and ``is_there`` is False."""

    def __init__(self, folder: Path) -> None:
        self._offset, self._library = folder / "clock", folder / "clock.so"
        self.jump_to(0)
        compiler = shutil.which("cc")
        if compiler is not None:
            source = Path(__file__).with_name("clock.c")
            flags = ("-shared", "-fPIC", "-O1", "-o", str(self._library), str(source), "-ldl")
            subprocess.run([compiler, *flags], check=True)

    @property
    def is_there(self) -> bool:
        return self._library.exists()

    @property
    def environment(self) -> Mapping[str, str]:
        return {"LD_PRELOAD": str(self._library), "SOAK_CLOCK": str(self._offset)} if self.is_there else {}

    def jump_to(self, offset_s: int) -> None:
        """So many seconds from the right time."""
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:  # it is mapped: never another file
            file.write(offset_s.to_bytes(8, sys.byteorder, signed=True))
