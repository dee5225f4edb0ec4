"""The browser of all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web import browser
from tests.web.home import clip


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
