"""Pictures of every view of the page, over an invented house: to look at after a change, and for the documents.

A run writes one folder: every view in each size, scheme and language, and an `index.html` that shows them side by side.
It also renews `docs/page-light.png` and `docs/page-dark.png`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import html
import itertools
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from tests.conftest import ROOT
from tests.web import browser
from tests.web.browser import LOCALES, SCHEMES, SIZES, go, some_sound
from tests.web.home import KEY, Actor, Home, Studio, clip, home
from wyoming_qwen3tts.settings import Settings

LEXICON = "# our house\nSonos = Sohnoss\nIKEA Trådfri = Ikea Trodfree  # the lamps\nHA = Home Assistant\n"
GUESTS = ("ryan-en", "vivian-zh", "Storyteller")
TEXTS = {
    "en": "Good morning! It is 21.5 °C outside, the washing machine is done, and Sonos plays in the kitchen at 30 %.",
    "de": "Guten Morgen! Draußen sind es 21,5 °C, die Waschmaschine ist fertig, und Sonos spielt nebenan mit 30 %.",
    "ja": "おはようございます。外は21.5 °C、洗濯が終わりました。台所では Sonos が音量30 %で鳴っています。",
}
LOOKS = {
    f"{size}-{scheme}-{locale[:2]}": (size, scheme, locale)
    for size, scheme, locale in itertools.product(SIZES, SCHEMES, LOCALES)
}
VIEWS = ("speak", "choose", "voices", "words", "new", "recording", "recorded", "described", "status")


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
    await speak(page, house, TEXTS[look[-2:]])
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


async def speak(page: Page, house: Home, text: str) -> None:
    """Leave the page in the middle of speaking ``text``."""
    engine = house.engine
    await page.locator(".say").fill(text)
    await page.wait_for_timeout(600)
    engine.hold_at = engine.frames_made + 14
    await page.locator("button.primary.large").click()
    await some_sound(page, 1)
    await page.wait_for_timeout(1_200)


async def show(page: Page, house: Home, picture: Path) -> None:
    """The page while it speaks, for the documents."""
    await speak(page, house, TEXTS["en"])
    await page.mouse.move(0, 0)
    await page.evaluate("window.scrollTo(0, 0)")
    await page.wait_for_timeout(300)
    await page.screenshot(path=picture)


def shrink(picture: Path) -> None:
    """In 256 colours, which a page has few more of than: a third of the bytes."""
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def write_index(folder: Path, looks: list[str]) -> None:
    """All pictures side by side, a view a row."""
    head = "".join(f"<th>{html.escape(look)}</th>" for look in looks)
    rows = "".join(
        f"<tr><th>{view}</th>"
        + "".join(f'<td><a href="{view}-{look}.png"><img src="{view}-{look}.png" alt=""></a></td>' for look in looks)
        + "</tr>"
        for view in VIEWS
    )
    style = "body { font: 14px sans-serif } img { width: 300px } td, th { vertical-align: top; padding: 4px }"
    page = f"<!doctype html><meta charset=utf-8><title>The page</title><style>{style}</style>"
    (folder / "index.html").write_text(f"{page}<table><tr><th></th>{head}</tr>{rows}</table>\n", encoding="utf-8")


async def main(folder: Path, looks: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        data, microphone = Path(scratch) / "data", Path(scratch) / "microphone.wav"
        (data / "lexicon").mkdir(parents=True)
        (data / "lexicon" / "all.txt").write_text(LEXICON, encoding="utf-8")
        microphone.write_bytes(clip(12))
        with browser.running(Path(scratch) / "profile", microphone) as debugger:
            async with async_playwright() as playwright:
                chromium = await playwright.chromium.connect_over_cdp(debugger)
                for look in looks:
                    await picture_look(chromium, data, folder, look)
                for scheme in SCHEMES:
                    picture = ROOT / "docs" / f"page-{scheme}.png"
                    async with (
                        home(Actor(), Settings(data_dir=data), studio=await people()) as house,
                        browser.visiting(chromium, house.url, scheme=scheme, key=KEY) as page,
                    ):
                        await show(page, house, picture)
                    shrink(picture)
    write_index(folder, looks)


async def picture_look(chromium: Browser, data: Path, folder: Path, look: str) -> None:
    size, scheme, locale = LOOKS[look]
    async with (
        home(Actor(), Settings(data_dir=data), studio=await people()) as house,
        browser.visiting(chromium, house.url, size=size, scheme=scheme, locale=locale, key=KEY) as page,
    ):
        await walk(page, house, folder, look)


async def people() -> Studio:
    studio = Studio()
    for name in ("Grandma", "Storyteller"):
        await studio.clone(name, b"")
    return studio


if __name__ == "__main__":
    now = datetime.datetime.now(datetime.UTC)
    parser = argparse.ArgumentParser(prog="script/screenshots", description=__doc__.splitlines()[0])
    parser.add_argument("--look", action="append", choices=LOOKS, help="only this one; may be given several times")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("screenshots") / f"{now:%Y-%m-%d-%H%M%S}")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(wanted.folder, wanted.look or list(LOOKS)))
    print(wanted.folder / "index.html")  # noqa: T201  it is what the command is for
