"""Every view, on a phone and a desktop, light and dark, in three languages: nobody is kept out, nothing is cut off, nor
too faint to be found."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.web.browser import LOCALES, SCHEMES, SIZES, go, visiting
from tests.web.home import KEY, SERVERS, Actor, Studio, clip, home
from tests.web.looks import AXE, faults
from wyoming_qwen3tts.settings import Settings

LONG = "Grossmutter Wilhelmine-Charlotte von und zu Donaudampfschifffahrt"
LOOKS = list(itertools.product(SIZES, SCHEMES, LOCALES))


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
    look_at = partial(faults, hover=locale == LOCALES[0])  # where the pointer is depends on no language
    async with (
        home(engine, Settings(data_dir=tmp_path), studio=studio) as house,
        visiting(
            chromium, house.url, size=size, scheme=scheme, locale=locale, key=KEY, reduced_motion="reduce"
        ) as page,
    ):
        await page.evaluate(AXE + ";null")
        await page.locator(".say").fill(f"{LONG}! " * 3)
        await page.locator("button.primary.large").click()
        await expect(page.locator(".note.bad")).to_be_visible()
        wrong["speak"] = await look_at(page)
        await page.locator("#voice-button").click()
        wrong["picker"] = await look_at(page)
        await page.keyboard.press("Escape")
        await page.locator("#settings-button").click()
        wrong["settings"] = await look_at(page)
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
            wrong[view] = await look_at(page)

    assert not any(wrong.values()), "\n".join(f"{view}: {one}" for view, found in wrong.items() for one in found)
