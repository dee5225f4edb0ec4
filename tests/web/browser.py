"""One chromium for all tests, and pages of it that notice what no page of ours may do."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, expect

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--remote-debugging-port=0",
)  # fmt: skip
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
LOCALES = ("en-GB", "de-DE", "ja-JP")  # a short language, a long one, and one with other letters

#: Notes every piece of sound that is scheduled, and by which clocks.
_EAR = """
window.ear = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (when = 0, ...rest) {
  const now = this.context.currentTime;
  const at = performance.timeOrigin + performance.now() + (when - now) * 1000;
  window.ear.push({when, samples: this.buffer.length, at});
  return start.call(this, when, ...rest);
};
"""

expect.set_options(timeout=8_000)


@contextmanager
def running(folder: Path, microphone: Path) -> Iterator[str]:
    """A browser that hears the WAV file ``microphone``; gives the address of its debugger."""
    assert CHROMIUM
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}", f"--user-data-dir={folder}"]
    process = subprocess.Popen([CHROMIUM, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        active, until = folder / "DevToolsActivePort", time.monotonic() + 20
        while not (active.exists() and active.read_text().count("\n")):
            assert process.poll() is None, "chromium ended at once"
            assert time.monotonic() < until, "chromium does not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{active.read_text().split()[0]}"
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def visiting(
    chromium: Browser,
    url: str,
    *,
    size: str = "desktop",
    scheme: str = "light",
    locale: str = "en-GB",
    key: str = "",
    **context: Any,
) -> AsyncIterator[Page]:
    """The page at ``url`` in a fresh profile, unlocked with ``key``.

    At the end: nothing went to another host, no policy was broken, no error was left alone."""
    width, height = SIZES[size]
    profile = await chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale=locale, **context  # type: ignore[arg-type]
    )  # fmt: skip
    page = await profile.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda message: _note(message.text, message.type, wrong))
    await page.add_init_script(_EAR)
    if key:
        await page.add_init_script(f"sessionStorage.setItem('qwen3tts.api-key', {key!r})")
    try:
        await page.goto(url)
        await expect(page.locator("h1")).to_be_visible()
        yield page
        host = urlsplit(url).netloc
        strangers = [
            one for one in asked if urlsplit(one).scheme in ("http", "https", "ws") and urlsplit(one).netloc != host
        ]
        assert not strangers, strangers
        assert not wrong, wrong
    finally:
        await profile.close()


def _note(text: str, kind: str, wrong: list[str]) -> None:
    """Chromium itself logs every status of 400 and more, and a server that is away: those are no fault of the page."""
    if kind == "error" and not text.startswith("Failed to load resource"):
        wrong.append(text)


async def go(page: Page, view: str) -> None:
    """Open a view as its link does."""
    await page.evaluate(f"location.hash = '#/{view}'")
    await expect(page.locator(f".view-{view.split('/')[0]}")).to_be_visible()


async def some_sound(page: Page, pieces: int = 3) -> None:
    """Wait until so many pieces of sound were scheduled."""
    async with asyncio.timeout(8):
        while len(await heard(page)) < pieces:  # noqa: ASYNC110  the page tells nobody
            await asyncio.sleep(0.02)


async def heard(page: Page) -> list[dict[str, float]]:
    """The sound that was scheduled so far: ``when`` by the audio clock, ``samples``, ``at`` in ms since 1970."""
    found: list[dict[str, float]] = await page.evaluate("window.ear")
    return found
