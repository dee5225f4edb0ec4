"""One browser, its driver and one event loop for all tests of the page: to start them takes longer than a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.conftest import nothing_left
from tests.web import browser
from tests.web.home import clip

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
            item.add_marker(pytest.mark.xdist_group("browser"))  # one for all, where tests run in parallel too


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def nothing_unhandled_and_nothing_left() -> AsyncIterator[None]:
    """As everywhere, but in the loop of these tests."""
    async with nothing_left():
        yield


@pytest.fixture(scope="session")
def debugger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running chromium, by the address of its debugger."""
    if browser.CHROMIUM is None:
        pytest.skip("chromium is not installed: apt install chromium")
    folder: Path = tmp_path_factory.mktemp("chromium")
    microphone = folder / "microphone.wav"
    microphone.write_bytes(clip(12))
    with browser.running(folder / "profile", microphone) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium(debugger: str) -> AsyncIterator[Browser]:
    """The same, as tests drive it."""
    async with async_playwright() as playwright:
        yield await playwright.chromium.connect_over_cdp(debugger)
