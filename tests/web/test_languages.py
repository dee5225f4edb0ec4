"""A page in a language has no words of another: what the server says in English stands in `code`, for who opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.browser import go, visiting
from tests.web.home import KEY, SERVERS, Actor, Problem, Studio, clip, home
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase

#: Text that is seen or read aloud, without what stands in `code`, in fields, or in another language on purpose; and
#: what English in it there is: words that are none of German's, and for Japanese any two words in a row.
_ENGLISH = """
(language) => {
  const skipped = "code, pre, textarea, script, style, template, [lang]:not(html)";
  const names = ["Home Assistant", "Wyoming Protocol", "Qwen3-TTS", "API", "Ono Anna", "Uncle Fu", "Sonos", "Grandma",
    "Ryan Announcer", "Ryan Whisper", "Storyteller"];
  const words = language === "de"
    ? /\\b(the|is|are|not|of|and|with|this|you|has|have|cannot|there|which|their|from|only|be|it|to|or|no|too|as)\\b/i
    : /[A-Za-z]{2,}[ ,.:;]+[A-Za-z]{2,}/;
  const found = [];
  const look = (text, where) => {
    for (const name of names) text = text.replaceAll(name, "");
    if (words.test(text)) found.push(`${where}: ${text.trim().slice(0, 120)}`);
  };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement;
    const isSeen = !parent.closest(skipped) && parent.checkVisibility();
    if (isSeen) look(walk.currentNode.data, parent.className || parent.tagName);
  }
  for (const element of document.querySelectorAll("[aria-label], [title], [placeholder]")) {
    if (element.closest(skipped.replace("textarea, ", ""))) continue;
    for (const name of ["aria-label", "title", "placeholder"]) {
      look(element.getAttribute(name) ?? "", `${name} of ${element.tagName}`);
    }
  }
  return found;
}
"""


async def english(page: Page, language: str) -> list[str]:
    found: list[str] = await page.evaluate(_ENGLISH, language)
    return found


class Spoilt(Studio):
    """Makes no voice, for a reason that it tells."""

    async def clone(self, name: str, clip: bytes, **_: Any) -> Any:
        return self._add("taken", "clone")


@pytest.mark.parametrize("language", ["de", "ja"])
async def test_a_page_has_no_words_of_another_language(chromium: Browser, tmp_path: Path, language: str) -> None:
    studio, engine = Spoilt(problems=[Problem("noisy", "There is noise behind the speech.", is_warning=True)]), Actor()
    studio._add("Grandma", "clone")
    engine.distant = SERVERS
    lexicon = tmp_path / "lexicon"
    lexicon.mkdir()
    (lexicon / "all.txt").write_text("Sonos = Sohnoss\nbroken\n", encoding="utf-8")
    seen: dict[str, list[str]] = {}
    async with (
        home(engine, Settings(data_dir=tmp_path), studio=studio) as house,
        visiting(chromium, house.url, locale=language, key=KEY) as page,
    ):
        text = page.locator(".say")
        await text.fill("[pause:5h] [voice:nobody] 21,5 °C am 3.5.2026 um 14:30, 5 € [happy] Sonos")
        await expect(page.locator(".note.warn")).to_have_count(2)
        seen["speak"] = await english(page, language)
        engine._fail_at = engine.frames_made
        await page.locator("button.primary.large").click()
        await expect(page.locator(".note.bad")).to_be_visible()
        seen["failed"] = await english(page, language)
        await page.locator("#voice-button").click()
        seen["choose"] = await english(page, language)
        await page.keyboard.press("Escape")
        await page.locator("#settings-button").click()
        seen["settings"] = await english(page, language)
        await page.keyboard.press("Escape")
        await go(page, "voices")
        seen["voices"] = await english(page, language)
        await go(page, "words")
        await expect(page.locator(".word")).to_have_count(2)
        await page.locator(".adder button").click()
        await expect(page.locator(".adder .error")).to_be_visible()
        seen["words"] = await english(page, language)
        await go(page, "new")
        await page.locator("#clip-file").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": clip(9)})
        await expect(page.locator(".note.warn")).to_be_visible()
        await page.locator("input[maxlength='64']").fill("taken")
        await page.locator("#consent").check()
        await page.locator("button.primary.large").click()
        await expect(page.locator("[aria-invalid=true]")).to_be_visible()
        seen["clone"] = await english(page, language)
        await go(page, "new/describe")
        await page.locator(".chips button").first.click()
        await page.locator("button.primary.large").click()
        await expect(page.locator(".variant")).to_have_count(3)
        seen["design"] = await english(page, language)
        for phase in (Phase.LOADING, Phase.DEGRADED, Phase.FAILED):
            engine.status = EngineStatus(phase, "the card's memory is full", 0.4 if phase is Phase.LOADING else None)
            await go(page, "status")
            state = {"loading": "loading", "degraded": "degraded", "failed": "failed"}[phase.value]
            await expect(page.locator("#engine-chip")).to_have_attribute("data-state", state)
            seen[f"status, {phase.value}"] = await english(page, language)

    assert not any(seen.values()), "\n".join(f"{view}: {one}" for view, found in seen.items() for one in found)


async def test_english_is_found_where_it_is(chromium: Browser) -> None:
    """The check itself: an English page is full of it."""
    async with home() as house, visiting(chromium, house.url) as page:
        for language in ("de", "ja"):
            assert len(await english(page, language)) > 3
