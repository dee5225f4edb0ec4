"""Pictures of every view of the page, over an invented house: for the README, and to look at after a change."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Page, async_playwright

from tests.web import browser
from tests.web.browser import SIZES, go, some_sound
from tests.web.home import KEY, Actor, Home, Studio, clip, home
from wyoming_qwen3tts.settings import Settings

LEXICON = "# our house\nSonos = Sohnoss\nIKEA Trådfri = Ikea Trodfree  # the lamps\nHA = Home Assistant\n"
GUESTS = ("ryan-en", "vivian-zh", "Storyteller")


async def walk(page: Page, house: Home, folder: Path, look: str) -> None:
    """Every view once, in a state that shows what it is for."""

    async def shoot(name: str) -> None:
        width, height = SIZES[look.split("-", maxsplit=1)[0]]
        await page.wait_for_timeout(300)
        tall = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({"width": width, "height": max(height, tall)})
        await page.wait_for_timeout(200)
        await page.screenshot(path=folder / f"{name}-{look}.png")
        await page.set_viewport_size({"width": width, "height": height})

    engine = house.engine
    await page.wait_for_timeout(500)
    text = "Good morning! It is 21.5 °C outside, the washing machine is done, and Sonos plays in the kitchen at 30 %."
    await page.locator(".say").fill(text)
    await page.wait_for_timeout(600)
    engine.hold_at = engine.frames_made + 14
    await page.locator("button.primary.large").click()
    await some_sound(page, 1)
    await page.wait_for_timeout(1_200)
    await shoot("speak")
    engine.hold_at = None
    engine.resume.set()
    await page.locator("#voice-button").click()
    await shoot("choose")
    await page.keyboard.press("Escape")
    for view in ("voices", "words", "new"):
        await go(page, view)
        await shoot(view)
    await page.locator(".button.record").click()
    await page.wait_for_timeout(4_000)
    await shoot("recording")
    await page.locator(".button.record").click()
    await page.locator("#consent").wait_for()
    await shoot("recorded")
    await go(page, "new/describe")
    await page.locator(".chips button").first.click()
    await page.locator("button.primary.large").click()
    await page.locator(".variant h3").nth(2).wait_for()
    await page.locator(".variant .button.small").first.click()
    await shoot("described")
    await go(page, "status")
    engine.frame_s = 0.05
    for guest in GUESTS:
        body = {"input": "Good morning, everybody. " * 9, "voice": guest, "response_format": "pcm"}
        await page.evaluate(
            """([body, key]) => { fetch("v1/audio/speech", {method: "POST", body: JSON.stringify(body),
               headers: {"Content-Type": "application/json", Authorization: `Bearer ${key}`}}); }""",
            [body, KEY],
        )
    await page.wait_for_timeout(1_200)
    await shoot("status")


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        data, microphone = Path(scratch) / "data", Path(scratch) / "microphone.wav"
        (data / "lexicon").mkdir(parents=True)
        (data / "lexicon" / "all.txt").write_text(LEXICON, encoding="utf-8")
        microphone.write_bytes(clip(12))
        with browser.running(Path(scratch) / "profile", microphone) as debugger:
            async with async_playwright() as playwright:
                chromium = await playwright.chromium.connect_over_cdp(debugger)
                for size in SIZES:
                    for scheme in ("light", "dark"):
                        studio = Studio()
                        await studio.clone("Grandma", b"")
                        await studio.clone("Storyteller", b"")
                        async with (
                            home(Actor(), Settings(data_dir=data), studio=studio) as house,
                            browser.visiting(chromium, house.url, size=size, scheme=scheme, key=KEY) as page,
                        ):
                            await walk(page, house, folder, f"{size}-{scheme}")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
