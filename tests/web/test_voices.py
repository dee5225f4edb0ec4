"""Who can speak here: found, heard, liked, and told apart."""

from __future__ import annotations

from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.harness import until
from tests.web.browser import go, visiting
from tests.web.home import Actor, home
from wyoming_qwen3tts.speech.engine import Substitute
from wyoming_qwen3tts.speech.voice import Voice


class Away(Actor):
    """The built-in voice speaks for its speakers."""

    def substitute(self, voice: Voice) -> Substitute | None:
        other = next(one for one in self.voices() if one.name == f"builtin-{voice.language}")
        return None if voice.engine == "builtin" else Substitute(other, "loading")


def cards(page: Page) -> Any:
    return page.locator(".voice-card")


async def test_each_speaker_is_there_once_and_the_language_is_a_choice_in_the_card(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await go(page, "voices")
        await expect(page.get_by_role("region", name="Speakers of Qwen3-TTS").locator("li")).to_have_count(9)
        await expect(cards(page)).to_have_count(10)
        assert await page.evaluate("document.documentElement.scrollHeight") < 2_500
        sohee = cards(page).filter(has_text="Sohee")
        await expect(sohee).to_contain_text("woman · mother tongue Korean")
        await expect(sohee).to_contain_text("Warm, rich in feeling")
        await sohee.get_by_label("Language of Sohee").select_option("sohee-ko")
        await sohee.get_by_role("button", name="Listen to Sohee").click()
        await until(lambda: engine.requests)
        await sohee.get_by_role("button", name="Use Sohee").click()
        await expect(page.locator("#voice-button")).to_contain_text("Sohee")

    assert engine.requests[0][0] == "sohee-ko"


async def test_somebody_is_found_by_name_character_and_language(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await go(page, "voices")
        search = page.get_by_role("searchbox", name="Search: name, character, language")
        for wanted, who in (("uncle", "Uncle Fu"), ("playful", "Ono Anna"), ("rich", "Sohee"), ("EDGE", "Vivian")):
            await search.fill(wanted)
            await expect(cards(page)).to_have_count(1)
            await expect(cards(page)).to_contain_text(who)
        await search.fill("japanese")
        await expect(cards(page)).to_have_count(10)
        await search.fill("nobody at all")
        await expect(page.get_by_text("No voice fits.")).to_be_visible()
        await page.get_by_role("button", name="Search all languages").click()
        await expect(page.get_by_label("Language", exact=True)).to_have_value("")


async def test_they_are_heard_with_a_sentence_of_ones_own(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("The bus leaves soon.")
        await go(page, "voices")
        await page.get_by_role("button", name="Listen to Dylan").click()
        await until(lambda: len(engine.requests) == 1)
        await page.get_by_label("Sentence to try them with").fill("Where is the cat?")
        await page.get_by_role("button", name="Listen to Vivian").click()
        await until(lambda: len(engine.requests) == 2)

    assert engine.requests == [("dylan-en", ["The bus leaves soon."]), ("vivian-en", ["Where is the cat?"])]


async def test_favourites_stand_first_and_stay(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await go(page, "voices")
        await page.get_by_role("button", name="Vivian as a favourite").click()
        await page.reload()
        await expect(page.get_by_role("region", name="Speakers").locator("li").first).to_contain_text("Vivian")
        await go(page, "speak")
        await page.locator("#voice-button").click()
        await expect(page.locator(".pick-name").nth(2)).to_have_text("Vivian")


async def test_who_cannot_speak_now_says_why(chromium: Browser) -> None:
    async with home(Away()) as house, visiting(chromium, house.url, locale="de") as page:
        await go(page, "voices")
        await expect(cards(page).filter(has_text="Ryan")).to_contain_text(
            "Gerade nicht verfügbar: das Modell wird noch geladen."
        )
        await expect(page.get_by_role("region", name="Eingebaute Stimme")).not_to_contain_text("nicht verfügbar")
