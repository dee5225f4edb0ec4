"""The page's promised numbers, by a browser: how soon something is seen, and how much is fetched for all of it."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.web.browser import go, visiting
from tests.web.home import Studio, home

FIRST_PAINT_MS, ALL_BYTES = 1_000, 300_000

_PAINTED = """
() => new Promise((done) => {
  const found = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
  const look = () => (found() === undefined ? setTimeout(look, 20) : done(found()));
  look();
})
"""


@pytest.mark.timing
async def test_something_is_seen_within_a_second(chromium: Browser) -> None:
    """From the click on the address to the first text, with nothing kept from before."""
    async with home() as house, visiting(chromium, house.url) as page:
        await expect(page.get_by_role("button", name="Speak", exact=True)).to_be_visible()

        assert await page.evaluate(_PAINTED) < FIRST_PAINT_MS


@pytest.mark.parametrize("locale", ["en-GB", "ru-RU"])
async def test_a_visit_to_every_view_fetches_less_than_300_kb(chromium: Browser, locale: str) -> None:
    """Unpacked, and without what the API answers."""
    async with home(studio=Studio()) as house, visiting(chromium, house.url, locale=locale) as page:
        for view in ("speak", "voices", "new", "new/describe", "words", "status"):
            await go(page, view)
        sizes: dict[str, int] = await page.evaluate(
            """() => Object.fromEntries([...performance.getEntriesByType("navigation"),
               ...performance.getEntriesByType("resource")].filter((one) => !one.name.includes("/v1/"))
               .map((one) => [one.name, one.decodedBodySize]))"""
        )

        assert len(sizes) > 20, "the files were not counted"
        assert sum(sizes.values()) < ALL_BYTES
