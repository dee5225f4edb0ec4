"""Always on, for every test: nothing unhandled reaches the event loop, and no task, thread or file descriptor is left
behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import itertools
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

_PREFIX = str(Path(sys.prefix).resolve())  # .venv may be a link
ROOT = Path(__file__).parents[1]
"""The checkout. Everything in tests/ begins its paths here, so that a test may be moved."""


def pytest_configure(config: pytest.Config) -> None:
    """Files given on the command line are taken folder by folder: where one of an outer folder stands between two of an
    inner one, pytest 9.1 forgets the inner one's fixtures (pytest-dev/pytest#14640)."""
    config.args[:] = in_tree_order(config.args)


def in_tree_order(arguments: list[str]) -> list[str]:
    """By the folders of their paths; what follows ``::`` stays in its order."""
    return sorted(arguments, key=lambda argument: Path(argument.partition("::")[0]).parts)


_numbers = itertools.count()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A developer's own environment must not change a test. The data folder is made by whoever needs it."""
    for key in [key for key in os.environ if key.startswith("QWEN3TTS_")]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / f"data-{next(_numbers)}"))


@pytest.fixture
async def nothing_unhandled_and_nothing_left() -> AsyncIterator[None]:
    """Fails a test whose leftovers would be a leak, or a traceback in the log, in a server that runs for a year."""
    async with nothing_left():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test is checked for what it leaves: one with an event loop in that too, for others a loop would only cost
    time."""
    for item in items:
        if isinstance(item, pytest.Function):
            check = nothing_unhandled_and_nothing_left if _has_loop(item) else no_file_left_open
            made = item._fixtureinfo.name2fixturedefs
            wider = [name for name in item.fixturenames if name in made and made[name][-1].scope != "function"]
            item.fixturenames.insert(len(wider), check.__name__)  # what is made for several tests may stay


def _has_loop(item: pytest.Function) -> bool:
    definitions = [made[-1].func for made in item._fixtureinfo.name2fixturedefs.values()]
    return any(map(_is_async, (item.obj, *definitions)))


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


@pytest.fixture
def no_file_left_open() -> Iterator[None]:
    """For tests without an event loop."""
    before = _open_files()
    yield
    for _ in range(1000):  # a server in a thread may be closing its sockets; what is left is left after ten seconds too
        left = _open_files() - before
        if not left:
            break
        time.sleep(0.01)
    assert not left, f"file descriptors left open: {left}"


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Fails if there is more at its end than at its beginning, in this event loop and this process."""
    unhandled: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: unhandled.append(context))
    tasks_before = asyncio.all_tasks()
    fds_before = _open_files()

    yield

    for _ in range(1000):  # a thread may be loading a library still; what is left is left after ten seconds too
        left = {task for task in asyncio.all_tasks() - tasks_before - {asyncio.current_task()} if not task.done()}
        if not left and not _open_files() - fds_before:
            break
        await asyncio.sleep(0.01)
    assert not unhandled, f"unhandled: {unhandled}"
    assert not left, f"tasks left: {left}"
    left_open = _open_files() - fds_before
    assert not left_open, f"file descriptors left open: {left_open}"


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Worker threads belong to somebody who ends them."""
    before = {thread for thread in threading.enumerate() if not thread.daemon}
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon and not thread.name.startswith("asyncio_"):
            thread.join(30)
            assert not thread.is_alive(), f"thread left: {thread.name}"


def _open_files() -> set[str]:
    """What is open, by number and target; a library that is loaded in a test may keep its files, and a CUDA context
    the nameless ones that the driver opens when it likes."""
    cuda = sys.modules.get("torch.cuda")
    of_others = ("anon_inode:", "pipe:") if cuda is not None and cuda.is_initialized() else ()
    found = set()
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208  only the names
        with contextlib.suppress(FileNotFoundError):  # the listing's own
            target = os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115
            if not target.startswith(("/usr/", "/proc/", _PREFIX, "/dev/", *of_others)):
                found.add(f"{number} {target}")
    return found


def pytest_collection_finish() -> None:
    """Twelve thousand tests are no rubbish: a collection need not look at them again and again."""
    gc.collect()
    gc.freeze()
