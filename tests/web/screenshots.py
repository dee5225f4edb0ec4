"""Pictures of every view of the page, over an invented house: to look at after a change, and for the documents.

A run writes one folder: every view in each size, scheme and language, and an `index.html` that shows them side by side.
It also renews those of the documents, `docs/page-light.png` and `docs/page-dark.png`, and the recording
`docs/page.webp`; with `--documents` it does nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import html
import io
import itertools
import tempfile
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Locator, Page, async_playwright, expect

from tests.conftest import ROOT
from tests.web import browser
from tests.web.browser import LOCALES, SCHEMES, SIZES, go, some_sound
from tests.web.home import KEY, Actor, Home, Studio, clip, home
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase

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
FILM_SIZE, FILM_QUALITY, FILM_LAST_MS, FILM_MOST_BYTES = (960, 617), 62, 3_000, 1_500_000
FILM_TEXT = "Good morning! It is 21.5 °C outside, and Sonos plays in the kitchen at 30 %."
ASIDE = (1_000, 690)  # where the pointer covers nothing
#: A pointer that pictures show; the real one is none of the page's.
_POINTER = """
document.addEventListener("DOMContentLoaded", () => {
  const make = (name, properties) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
    return element;
  };
  const pointer = make("svg", { viewBox: "0 0 16 24" });
  pointer.append(make("path", { d: "M1 1v18l4-4 3 7 3-1-3-7h6z", fill: "#111", stroke: "#fff", "stroke-width": 1.2 }));
  Object.assign(pointer.style, { position: "fixed", left: 0, top: 0, width: "20px", height: "30px", zIndex: 99,
    pointerEvents: "none", transform: "translate(640px, 400px)" });
  pointer.setAttribute("aria-hidden", "true");
  document.body.append(pointer);
  window.pointerAt = [640, 400];
  document.addEventListener("mousemove", ({ clientX, clientY }) => {
    window.pointerAt = [clientX, clientY];
    pointer.style.transform = `translate(${clientX}px, ${clientY}px)`;
  }, true);
});
"""
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


class Newcomer(Actor):
    """Qwen3-TTS while it is fetched for the first time: the built-in voice speaks until then."""

    members = frozenset({"qwen3", "builtin"})

    def fetched(self, share: float) -> None:
        self.status = (
            EngineStatus(Phase.DOWNLOADING, progress=share, fallback="builtin")
            if share < 1
            else EngineStatus(Phase.READY)
        )


class Film:
    """Pictures of ``page``, each with how long it is seen, in ms: the story's time, however slow this machine is."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[tuple[bytes, int]] = []

    async def show(self, lasting: int) -> None:
        picture = await self.page.screenshot()
        if self.frames and self.frames[-1][0] == picture:
            lasting += self.frames.pop()[1]
        self.frames.append((picture, lasting))

    async def click(self, target: Locator) -> None:
        """The pointer goes there, and presses."""
        await target.scroll_into_view_if_needed()
        box = await target.bounding_box()
        assert box
        from_x, from_y = await self.page.evaluate("window.pointerAt")
        to_x, to_y = box["x"] + min(box["width"] / 2, 60), box["y"] + min(box["height"] / 2, 22)
        for step in range(1, 7):
            share = 1 - (1 - step / 6) ** 2  # slower towards its end
            await self.page.mouse.move(from_x + share * (to_x - from_x), from_y + share * (to_y - from_y))
            await self.show(70)
        await self.page.mouse.click(to_x, to_y)
        await self.show(250)

    def write(self, picture: Path) -> None:
        """An animated WebP that begins again at its end."""
        first, *others = (
            Image.open(io.BytesIO(png)).convert("RGB").resize(FILM_SIZE, Image.Resampling.LANCZOS)
            for png, _ in self.frames
        )
        first.save(
            picture, save_all=True, append_images=others, duration=[lasting for _, lasting in self.frames], loop=0,
            quality=FILM_QUALITY, method=5, minimize_size=True,
        )  # fmt: skip
        size = picture.stat().st_size
        assert size < FILM_MOST_BYTES, f"{picture} has {size:,} bytes"


async def first_use(film: Film, engine: Newcomer) -> None:
    """What somebody does who has never been here: types, hears it, looks who else can speak."""
    page = film.page
    chip = page.locator("#engine-chip")
    for share in (62, 68, 75, 81):
        engine.fetched(share / 100)
        await expect(chip).to_have_text(f"Loading {share}%")
        await film.show(500)
    text, speak = page.locator(".say"), page.locator("button.primary.large")
    await film.click(text)
    await page.keyboard.press("ControlOrMeta+a")
    await film.show(250)
    for at in range(0, len(FILM_TEXT), 3):
        await page.keyboard.type(FILM_TEXT[at : at + 3])
        await film.show(110)
    await expect(page.locator(".spoken")).to_contain_text("percent")
    await film.show(900)
    engine.fetched(1)
    await expect(page.locator(".card.natural")).to_be_hidden()
    await film.show(900)
    await film.click(speak)
    await page.mouse.move(*ASIDE)
    await page.locator(".player").scroll_into_view_if_needed()
    wave, heard = page.locator(".player .wave"), 0.0
    while await speak.get_attribute("data-busy") == "true":
        heard_to = float(await wave.get_attribute("aria-valuenow") or 0)
        await film.show(max(40, round(1_000 * (heard_to - heard))))
        heard = max(heard_to, heard)
    await film.show(900)
    await film.click(page.locator(".nav a[href='#/voices']"))
    await expect(page.locator(".view-voices")).to_be_visible()
    await film.show(1_500)
    engine.hold_at = engine.frames_made + 30
    await film.click(page.locator(".voice-card").filter(has_text="Serena").locator(".icon-button.round"))
    await film.show(FILM_LAST_MS)


async def record(chromium: Browser, data: Path, picture: Path) -> None:
    """The first use, for the documents."""
    engine = Newcomer(frame_s=0.04)  # twice as fast as it is heard
    engine.pace = 15
    engine.fetched(0.55)
    async with home(engine, Settings(data_dir=data)) as house, browser.visiting(chromium, house.url) as page:
        await page.add_init_script(_POINTER)
        await page.set_viewport_size({"width": 1_120, "height": 720})
        await page.reload()
        await page.locator(".card.natural").wait_for()
        film = Film(page)
        await first_use(film, engine)
    film.write(picture)


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


async def main(folder: Path | None, looks: list[str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        data, microphone = Path(scratch) / "data", Path(scratch) / "microphone.wav"
        (data / "lexicon").mkdir(parents=True)
        (data / "lexicon" / "all.txt").write_text(LEXICON, encoding="utf-8")
        microphone.write_bytes(clip(12))
        with browser.running(Path(scratch) / "profile", microphone) as debugger:
            async with async_playwright() as playwright:
                chromium = await playwright.chromium.connect_over_cdp(debugger)
                if folder is not None:
                    for look in looks:
                        await picture_look(chromium, data, folder, look)
                    write_index(folder, looks)
                await record(chromium, data, ROOT / "docs" / "page.webp")
                for scheme in SCHEMES:
                    picture = ROOT / "docs" / f"page-{scheme}.png"
                    async with (
                        home(Actor(), Settings(data_dir=data), studio=await people()) as house,
                        browser.visiting(chromium, house.url, scheme=scheme, key=KEY) as page,
                    ):
                        await show(page, house, picture)
                    shrink(picture)


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
    parser.add_argument("--documents", action="store_true", help="only the pictures and the recording of docs/")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("screenshots") / f"{now:%Y-%m-%d-%H%M%S}")
    wanted = parser.parse_args()
    if wanted.documents:
        asyncio.run(main(None, []))
    else:
        wanted.folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(main(wanted.folder, wanted.look or list(LOOKS)))
        print(wanted.folder / "index.html")  # noqa: T201  it is what the command is for
