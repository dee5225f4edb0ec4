"""Every view, on a phone in the dark and on a desktop in the light: nobody is kept out, nothing is cut off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.browser import go, visiting
from tests.web.home import KEY, SERVERS, Actor, Studio, clip, home
from wyoming_qwen3tts.settings import Settings

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
LONG = "Grossmutter Wilhelmine-Charlotte von und zu Donaudampfschifffahrt"
LOOKS = [("phone", "dark", "de"), ("desktop", "light", "en")]


async def faults(page: Page) -> list[str]:
    """What axe finds, one line a rule, and what is wider than the screen."""
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    lines = [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found["violations"]
    ]
    width, shown = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return lines + ([f"{width - shown} px are outside of the screen"] if width > shown else [])


@pytest.mark.parametrize(("size", "scheme", "locale"), LOOKS, ids=lambda value: value)
async def test_no_view_keeps_anybody_out(
    chromium: Browser, tmp_path: Path, size: str, scheme: str, locale: str
) -> None:
    studio, engine = Studio(), Actor(fail_at=0)
    engine.distant = SERVERS
    await studio.clone(LONG[:64], b"")
    lexicon = tmp_path / "lexicon"
    lexicon.mkdir()
    (lexicon / "all.txt").write_text(f"{LONG} = {LONG * 2}\nbroken\n", encoding="utf-8")
    wrong: dict[str, list[str]] = {}
    async with (
        home(engine, Settings(data_dir=tmp_path), studio=studio) as house,
        visiting(chromium, house.url, size=size, scheme=scheme, locale=locale, key=KEY) as page,
    ):
        await page.evaluate(AXE + ";null")
        await page.locator(".say").fill(f"{LONG}! " * 3)
        await page.locator("button.primary.large").click()
        await expect(page.locator(".note.bad")).to_be_visible()
        wrong["speak"] = await faults(page)
        await page.locator("#voice-button").click()
        wrong["picker"] = await faults(page)
        await page.keyboard.press("Escape")
        await page.locator("#settings-button").click()
        wrong["settings"] = await faults(page)
        await page.keyboard.press("Escape")
        for view in ("voices", "new", "new/describe", "words", "status"):
            await go(page, view)
            if view == "new":
                await page.locator("#clip-file").set_input_files(
                    {"name": f"{LONG}.wav", "mimeType": "audio/wav", "buffer": clip(4)}
                )
                await expect(page.locator("#consent")).to_be_visible()
            if view == "new/describe":
                await page.locator(".chips button").first.click()
                await page.locator("button.primary.large").click()
                await expect(page.locator(".variant")).to_have_count(3)
            if view == "words":
                await expect(page.locator(".word")).to_have_count(2)
            wrong[view] = await faults(page)

    assert not any(wrong.values()), "\n".join(f"{view}: {one}" for view, found in wrong.items() for one in found)
