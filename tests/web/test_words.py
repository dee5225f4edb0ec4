"""The lexicon on the page."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from playwright.async_api import Browser, Route, expect

from tests.harness import until
from tests.web.browser import go, visiting
from tests.web.home import home
from wyoming_qwen3tts.settings import Settings


async def test_a_word_is_added_corrected_and_heard_in_what_will_be_spoken(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "lexicon" / "all.txt"
    file.parent.mkdir()
    file.write_text("# our house\nSonos = Sohnoss  # the speakers\n", encoding="utf-8")
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await page.get_by_role("textbox", name="Sentence").fill("Sonos and Zigbee are on.")
        await expect(page.get_by_text("Sohnoss and Zigbee are on.")).to_be_visible()
        await page.get_by_label("Written", exact=True).fill("Zigbee")
        await page.get_by_role("button", name="Add").click()
        await expect(page.get_by_text("Write how it should be said.")).to_be_visible()
        await page.get_by_label("Said like", exact=True).fill("Sigbi")
        await page.get_by_role("button", name="Add").click()
        await expect(page.get_by_text("Sohnoss and Sigbi are on.")).to_be_visible()
        said = page.get_by_label("Said like: Sonos")
        await said.fill("So noss")
        await said.press("Enter")

        await expect(page.get_by_text("So noss and Sigbi are on.")).to_be_visible()
        assert file.read_text(encoding="utf-8") == "# our house\nSonos = So noss  # the speakers\nZigbee = Sigbi\n"
        await page.get_by_role("button", name="Delete Sonos").click()
        await expect(page.get_by_text("Sonos and Sigbi are on.")).to_be_visible()


async def test_a_file_that_changed_meanwhile_is_shown_anew_and_not_overwritten(
    chromium: Browser, tmp_path: Path
) -> None:
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await expect(page.get_by_text("No words yet.")).to_be_visible()
        file = tmp_path / "lexicon" / "all.txt"
        file.parent.mkdir()
        file.write_text("Hue = Hju\n", encoding="utf-8")
        await page.get_by_label("Written", exact=True).fill("Zigbee")
        await page.get_by_label("Said like", exact=True).fill("Sigbi")
        await page.get_by_role("button", name="Add").click()

        await expect(page.get_by_label("Said like: Hue")).to_have_value("Hju")
        await expect(page.get_by_text("was changed meanwhile")).to_be_visible()
        assert file.read_text(encoding="utf-8") == "Hue = Hju\n"


async def test_a_word_that_went_comes_back_by_the_keyboard(chromium: Browser, tmp_path: Path) -> None:
    file = tmp_path / "lexicon" / "all.txt"
    file.parent.mkdir()
    words = "# our house\nSonos = Sohnoss\nHue = Hju  # the lamps\n"
    file.write_text(words, encoding="utf-8")
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await page.get_by_role("button", name="Delete Sonos").press("Enter")
        await expect(page.get_by_text("Sonos is deleted")).to_be_visible()
        await expect(page.get_by_role("button", name="Undo")).to_be_focused()
        await page.get_by_role("button", name="Delete Hue").press("Enter")
        await expect(page.get_by_role("button", name="Undo")).to_have_count(2)
        assert file.read_text(encoding="utf-8") == "# our house\n"
        await page.get_by_role("button", name="Undo").nth(1).press("Enter")
        await expect(page.get_by_label("Said like: Hue")).to_have_value("Hju")
        await page.get_by_role("button", name="Undo").press("Enter")
        await expect(page.get_by_label("Said like: Sonos")).to_have_value("Sohnoss")

    assert file.read_text(encoding="utf-8") == words


async def test_the_sentence_holds_the_word_that_was_just_added(chromium: Browser, tmp_path: Path) -> None:
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await page.get_by_label("Written", exact=True).fill("Zigbee")
        await page.get_by_label("Said like", exact=True).fill("Sigbi")
        await page.get_by_role("button", name="Add").click()

        await expect(page.get_by_text(re.compile("Sigbi\\.$"))).to_be_visible()


async def test_the_words_of_one_language_are_chosen_in_a_list(chromium: Browser, tmp_path: Path) -> None:
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await page.get_by_label("Language of the words").select_option("de")
        await page.get_by_label("Written", exact=True).fill("Zigbee")
        await page.get_by_label("Said like", exact=True).fill("Sigbi")
        await page.get_by_role("button", name="Add").click()
        await expect(page.get_by_label("Said like: Zigbee")).to_be_visible()

    assert (tmp_path / "lexicon" / "de.txt").read_text(encoding="utf-8") == "Zigbee = Sigbi\n"


async def test_a_word_that_was_corrected_is_in_the_text_too_and_what_is_half_typed_stays(
    chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "lexicon" / "all.txt"
    file.parent.mkdir()
    file.write_text("Sonos = Sohnoss\nHue = Hju\n", encoding="utf-8")
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await page.get_by_label("Written", exact=True).fill("Half")
        said = page.get_by_label("Said like: Sonos")
        await said.fill("So noss")
        await said.press("Enter")
        await page.get_by_text("Edit as text").click()
        await expect(page.locator("#lexicon-text")).to_have_value("Sonos = So noss\nHue = Hju\n")
        await page.get_by_role("button", name="Delete Hue").click()
        await expect(page.get_by_label("Said like: Hue")).to_have_count(0)
        await expect(page.get_by_label("Written", exact=True)).to_have_value("Half")


async def test_two_corrections_at_once_are_both_kept(chromium: Browser, tmp_path: Path) -> None:
    """The first is still under way when the second is made."""
    file = tmp_path / "lexicon" / "all.txt"
    file.parent.mkdir()
    file.write_text("Sonos = Sohnoss\nHue = Hju\nBose = Bohs\n", encoding="utf-8")
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        await go(page, "words")
        await expect(page.get_by_label("Said like: Bose")).to_have_value("Bohs")
        await page.evaluate(
            """() => {
                for (const [name, said] of [["Sonos", "So noss"], ["Bose", "Boos"]]) {
                    const field = document.querySelector(`[aria-label="Said like: ${name}"]`);
                    field.value = said;
                    field.dispatchEvent(new Event("change"));
                    if (name === "Sonos") document.querySelector("[aria-label='Delete Hue']").click();
                }
            }"""
        )
        await expect(page.get_by_label("Said like: Hue")).to_have_count(0)
        await until(lambda: file.read_text(encoding="utf-8") == "Sonos = So noss\nBose = Boos\n")


async def test_a_file_that_comes_late_is_not_shown_as_that_of_another_language(
    chromium: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "lexicon" / "all.txt"
    file.parent.mkdir()
    file.write_text("Sonos = Sohnoss\n", encoding="utf-8")
    async with home(settings=Settings(data_dir=tmp_path)) as house, visiting(chromium, house.url) as page:
        late = asyncio.Event()

        async def hold(route: Route) -> None:
            await late.wait()
            await route.continue_()

        await page.route("**/v1/lexicon/all", hold)
        await go(page, "words")
        await page.get_by_label("Language of the words").select_option("de")
        await expect(page.get_by_text("No words yet.")).to_be_visible()
        await expect(page.get_by_role("textbox", name="Sentence")).to_have_value(re.compile("^Guten Morgen"))
        async with page.expect_response("**/v1/lexicon/all"):
            late.set()
        await go(page, "speak")
        await go(page, "words")
        await expect(page.get_by_text("No words yet.")).to_be_visible()
