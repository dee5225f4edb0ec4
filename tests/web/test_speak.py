"""Typing, hearing, stopping, choosing who speaks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.harness import until
from tests.web.browser import SIZES, go, heard, some_sound, visiting
from tests.web.home import FRAME_SAMPLES, Actor, home
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.speech.engine import AudioStream, EngineStatus, Phase
from wyoming_qwen3tts.speech.request import SpeechRequest


async def test_a_typed_text_is_heard_while_it_is_still_being_made(chromium: Browser) -> None:
    engine = Actor()
    engine.hold_at = 3
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("The kettle is on, and the kitchen smells of bread.")
        await page.get_by_role("button", name="Speak", exact=True).click()

        await expect(page.get_by_text("First sound after")).to_be_visible()
        assert engine.frames_made == 3, "the engine is still at it"
        engine.resume.set()
        await expect(page.get_by_role("button", name="Save as WAV")).to_be_enabled()

        pieces = await heard(page)
        assert sum(piece["samples"] for piece in pieces) == engine.frames_made * FRAME_SAMPLES
        ends = [piece["when"] + piece["samples"] / 24_000 for piece in pieces]
        assert all(later["when"] >= end - 1e-6 for end, later in zip(ends, pieces[1:], strict=False)), "sounds overlap"
        assert engine.requests[-1][1] == ["The kettle is on, and the kitchen smells of bread."]


@pytest.mark.timing
async def test_sound_is_heard_within_100_ms_of_the_engines_first_frame(chromium: Browser) -> None:
    """By the machine's clock, which server and page share; the best of three, as others use the machine too."""
    engine = Actor(frame_s=0.02)
    delays = []
    async with home(engine) as house, visiting(chromium, house.url) as page:
        for _ in range(3):
            await page.evaluate("window.ear = []")
            await page.get_by_role("button", name="Speak", exact=True).click()
            await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
            await some_sound(page)
            delays.append((await heard(page))[0]["at"] - engine.first_frames[-1] * 1000)
            await page.get_by_role("button", name="Stop", exact=True).click()

    assert min(delays) < 100, delays


async def test_stop_silences_the_page_and_spares_the_engine(chromium: Browser) -> None:
    engine = Actor(frame_s=0.01)
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("A long story about a very long road. " * 40)
        await page.get_by_role("button", name="Speak", exact=True).click()
        await some_sound(page)
        await page.get_by_role("button", name="Stop", exact=True).click()

        await until(lambda: not engine.speaking)
        assert engine.frames_made < 150
        await expect(page.get_by_role("button", name="Speak", exact=True)).to_be_visible()


async def test_moods_pauses_and_voices_are_written_where_the_cursor_is(chromium: Browser) -> None:
    async with home(Actor()) as house, visiting(chromium, house.url) as page:
        text = page.get_by_label("Text", exact=True)
        await text.fill("Dinner is on the table. Come down at once!")
        await text.evaluate("text => text.setSelectionRange(23, 23)")
        await page.get_by_text("Moods, pauses and voices").click()
        await page.get_by_role("button", name="Pause", exact=True).click()
        await page.get_by_role("button", name="Another voice").click()
        await page.get_by_role("dialog").get_by_role("button", name="Vivian speaker").click()
        await page.get_by_role("button", name="happy", exact=True).click()
        await expect(text).to_have_value("Dinner is on the table. [pause:1s] [vivian] [happy] Come down at once!")


async def test_the_example_of_a_dialogue_is_spoken_by_two_and_takes_no_text_away(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_text("Moods, pauses and voices").click()
        await page.get_by_role("button", name="A dialogue").click()
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_role("button", name="Save as WAV")).to_be_enabled()
        assert engine.requests == [
            ("ryan-en", ["Dinner is on the table."]),
            ("vivian-en", ["I am coming down at once!"]),
        ]

        text = page.get_by_label("Text", exact=True)
        await text.fill("My own words.")
        await page.get_by_role("button", name="A dialogue").click()
        await expect(text).to_have_value(re.compile("^My own words. \\[ryan] Dinner"))


async def test_a_voice_is_picked_by_listening(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_role("button", name="Automatic").click()
        picker = page.get_by_role("dialog", name="Choose a voice")
        await picker.get_by_label("Language").select_option("de")
        await picker.get_by_role("button", name="Listen to Ono Anna").click()
        await until(lambda: engine.requests)
        await picker.get_by_role("searchbox").fill("vivian")
        await picker.get_by_role("button", name="Vivian speaker").click()
        await expect(picker).to_be_hidden()
        await page.get_by_role("button", name="Speak", exact=True).click()
        await until(lambda: len(engine.requests) > 1)

        assert [who for who, _ in engine.requests] == ["ono_anna-de", "vivian-de"]


async def test_the_sentence_that_is_heard_is_shown_also_when_it_is_played_again(chromium: Browser) -> None:
    engine = Actor()
    first, second = "🍵 The kettle is on.", "The kitchen smells of bread."
    async with home(engine) as house, visiting(chromium, house.url) as page:
        engine.hold_at = 1 + len(first) * 3 // 4 // 5 + 1  # in the second sentence
        await page.get_by_label("Text", exact=True).fill(f"{first} {second}")
        caption = page.locator(".caption")
        await expect(caption).to_have_text("")
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(caption).to_contain_text("The kettle is on.")
        await expect(caption).not_to_contain_text("bread")
        await expect(caption).to_have_text(second)
        await expect(caption).to_have_attribute("lang", "en")
        engine.resume.set()
        await expect(page.get_by_role("button", name="Save as WAV")).to_be_visible()
        await expect(caption).to_have_text(second)
        await page.get_by_role("button", name="Play again").click()
        await expect(caption).to_contain_text("The kettle is on.")


async def test_the_word_that_is_heard_stands_out_where_the_server_tells_it(chromium: Browser) -> None:
    """With marks of our own: words come from a model that takes them one by one."""
    async with home() as house, visiting(chromium, house.url) as page:
        shown = await page.evaluate(
            """async (root) => {
                const { captions } = await import(root + "js/captions.js");
                const mark = (kind, text_offset, text_length, sample) => ({ kind, text_offset, text_length, sample });
                const reply = { text: "🍵 Tea is ready.", language: "en", position: 0.5, over: true, marks: [
                    mark("sentence", 0, 15, 0), mark("word", 2, 3, 2400), mark("word", 6, 2, 9600),
                    mark("word", 9, 5, 24000)] };
                const caption = captions();
                caption.follow(reply);
                return caption.element.innerHTML;
            }""",
            await page.evaluate("new URL('..', document.querySelector('script[type=module]').src).href"),
        )

    assert shown == "🍵 Tea <mark>is</mark> ready."


class Replaced(Actor):
    """Somebody else speaks, as while a model is loaded."""

    @asynccontextmanager
    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioStream]:
        async with super().speak(request) as audio:
            audio.engine = "builtin"
            audio.voice = next(voice for voice in self.voices() if voice.name == f"builtin-{request.voice.language}")
            audio.why = "loading"
            yield audio


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("en-GB", "builtin-en spoke in place of ryan-en: the model is still loading."),
        ("de", "builtin-de sprach anstelle von ryan-de: das Modell wird noch geladen."),
    ],
)
async def test_that_somebody_else_spoke_is_said_and_why(chromium: Browser, locale: str, said: str) -> None:
    engine = Replaced()
    engine.hold_at = 2
    engine.status = EngineStatus(Phase.DEGRADED, "no card", fallback="builtin")
    async with home(engine) as house, visiting(chromium, house.url, locale=locale) as page:
        await page.locator("button.primary.large").click()
        note = page.locator(".instead[role=status]")
        await expect(note).to_contain_text(said)
        await expect(note.get_by_role("link")).to_have_attribute("href", "#/status")
        await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "degraded")
        await go(page, "status")
        await expect(page.locator("tbody tr")).to_contain_text(said.split(": ")[1].removesuffix("."))


async def test_a_failure_is_told_in_words_and_what_is_wrong_beside_its_field(chromium: Browser) -> None:
    async with home(Actor(fail_at=0)) as house, visiting(chromium, house.url) as page:
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_text("The scripted fault.")).to_be_visible()

        await page.get_by_label("Text", exact=True).fill(" ")
        await page.get_by_role("button", name="Speak", exact=True).click()
        text = page.get_by_label("Text", exact=True)
        await expect(text).to_have_attribute("aria-invalid", "true")
        described = (await text.get_attribute("aria-describedby") or "").split()[-1]
        await expect(page.locator(f"#{described}")).to_contain_text("Write something")

        await go(page, "status")
        await expect(page.locator("section", has_text="Last errors")).to_contain_text("The scripted fault.")


async def test_snippets_say_what_the_form_says(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill('It\'s "done".')
        await page.get_by_label("Language", exact=True).select_option("de")
        code = page.locator("pre")

        await expect(code).to_contain_text('message: "It\'s \\"done\\"."')
        await expect(code).to_contain_text('language: "de"')
        await page.get_by_role("tab", name="curl").click()
        await expect(code).to_contain_text(f"curl -N {house.url}v1/audio/speech")
        await expect(code).to_contain_text("It'\\''s")
        await page.get_by_role("tab", name="curl").press("ArrowRight")
        await expect(code).to_contain_text("from openai import OpenAI")


async def test_the_built_in_voice_is_heard_in_the_page(chromium: Browser) -> None:
    """The real one, with nothing else installed."""
    engine = BuiltinEngine()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("Good morning.")
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_role("button", name="Save as WAV")).to_be_enabled(timeout=20_000)

        assert sum(piece["samples"] for piece in await heard(page)) > 12_000


async def test_the_player_keeps_its_height(chromium: Browser) -> None:
    for size in SIZES:
        engine = Actor()
        engine.hold_at = 3
        async with home(engine) as house, visiting(chromium, house.url, size=size) as page:
            player = page.locator(".player")

            async def height(player: Locator = player) -> float:
                box = await player.bounding_box()
                assert box
                return box["height"]

            before = await height()
            await page.get_by_role("button", name="Speak", exact=True).click()
            await some_sound(page, 1)
            during = await height()
            engine.resume.set()
            await expect(page.get_by_role("button", name="Play again")).to_be_enabled()

            assert before == during == await height()


async def test_a_click_into_the_wave_and_the_arrow_keys_seek(chromium: Browser) -> None:
    async with home(Actor()) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("The kettle is on, and the kitchen smells of bread. " * 3)
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_role("button", name="Play again")).to_be_enabled()
        total = sum(piece["samples"] for piece in await heard(page))
        wave = page.locator(".player .wave")
        box = await wave.bounding_box()
        assert box

        await page.evaluate("window.ear = []")
        await wave.click(position={"x": box["width"] * 0.75, "y": 20})
        await some_sound(page, 1)
        rest = sum(piece["samples"] for piece in await heard(page))
        assert 0.2 < rest / total < 0.3
        assert float(await wave.get_attribute("aria-valuenow") or 0) > 0.7 * total / 24_000
        await page.evaluate("window.ear = []")
        await wave.press("Home")
        await until_async(lambda: heard(page), total)


async def until_async(hear: Callable[[], Awaitable[list[dict[str, float]]]], samples: float) -> None:
    async with asyncio.timeout(8):
        while sum(piece["samples"] for piece in await hear()) != samples:  # noqa: ASYNC110  the page tells nobody
            await asyncio.sleep(0.02)


async def test_a_file_is_called_as_its_text_begins(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("[happy] Grüße, 3 Tassen: /etc/passwd & mehr als das hier")
        await page.get_by_role("button", name="Speak", exact=True).click()
        save = page.get_by_role("button", name="Save as WAV")
        await expect(save).to_be_enabled()
        async with page.expect_download() as downloading:
            await save.click()

        assert (await downloading.value).suggested_filename == "Grüße-3-Tassen-etc-passwd-mehr.wav"


async def test_a_long_text_leaves_the_page_short_and_is_counted_before_it_is_sent(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        text = page.get_by_label("Text", exact=True)
        one_line = await text.evaluate("text => text.rows")
        await text.fill("The kettle is on at 21.5 °C, and 30 % of the kitchen smells of bread. " * 42)
        await expect(page.get_by_text("The first 1,500 characters are shown.")).to_be_visible()
        assert (one_line, await text.evaluate("text => text.rows")) == (4, 10)
        assert await page.evaluate("document.documentElement.scrollHeight") < 2_000
        await expect(page.locator(".count")).to_be_hidden()
        folded = await page.locator(".spoken").evaluate("text => text.clientHeight")
        await page.get_by_role("button", name="Show all").click()
        assert await page.locator(".spoken").evaluate("text => text.clientHeight") > 2 * folded
        await page.get_by_role("button", name="Show less").click()

        await text.fill("x" * 7_000)
        await expect(page.get_by_text("7,000 of 8,000 characters")).to_be_visible()
        await text.fill("x" * 8_100)
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_text("The text is 100 characters too long.")).to_be_visible()
        assert not engine.requests


async def test_a_manner_is_asked_for_only_where_a_model_follows_it(chromium: Browser) -> None:
    builtin = Actor()
    builtin.name = "builtin"
    for one, is_off in ((Actor(), False), (builtin, True)):
        async with home(one) as house, visiting(chromium, house.url) as page:
            await expect(page.locator("#engine-chip")).not_to_have_attribute("data-state", "waiting")
            manner = page.get_by_label("Manner")
            await page.get_by_text("Speed and style").click()
            await (expect(manner).to_be_disabled() if is_off else expect(manner).to_be_enabled())


@pytest.mark.parametrize(("platform", "said"), [("MacIntel", "⌘ + Enter"), ("Linux x86_64", "Ctrl + Enter")])
async def test_the_key_is_that_of_the_machine(chromium: Browser, platform: str, said: str) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.add_init_script(f"Object.defineProperty(navigator, 'platform', {{get: () => {platform!r}}})")
        await page.reload()

        await expect(page.locator(".keys")).to_have_text(said)


async def test_what_came_before_a_failure_is_heard_to_its_end_and_can_be_stopped(chromium: Browser) -> None:
    engine = Actor(fail_at=60)
    engine.pace = 40
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("The kettle is on, and the kitchen smells of bread.")
        await page.get_by_role("button", name="Speak", exact=True).click()
        await until(lambda: engine.frames_made == 60)
        await some_sound(page, 1)
        await expect(page.locator(".note.bad")).to_be_hidden()
        stop = page.get_by_role("button", name="Stop", exact=True)
        await expect(stop).to_be_visible()
        await expect(page.locator(".note.bad")).to_contain_text("The scripted fault.")
        await expect(stop).to_be_hidden()
        assert sum(piece["samples"] for piece in await heard(page)) == 60 * FRAME_SAMPLES


async def test_a_reply_goes_on_and_its_failure_is_told_when_somebody_comes_back_to_it(chromium: Browser) -> None:
    engine = Actor()
    engine.hold_at, engine.pace = 30, 40
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("Text", exact=True).fill("The kettle is on, and the kitchen smells of bread.")
        await page.get_by_role("button", name="Speak", exact=True).click()
        await some_sound(page, 1)
        await go(page, "status")
        await go(page, "speak")
        await expect(page.locator(".caption")).to_contain_text("The kettle is on")
        wave = page.locator(".player .wave")
        before = float(await wave.get_attribute("aria-valuenow") or 0)
        await expect(wave).not_to_have_attribute("aria-valuenow", str(before))
        engine._fail_at = 30
        await go(page, "voices")
        engine.resume.set()
        await until(lambda: not engine.speaking)
        await go(page, "speak")
        await expect(page.locator(".note.bad")).to_contain_text("The scripted fault.")


async def test_a_sentence_of_ours_is_one_of_the_language_that_is_chosen(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        text = page.get_by_label("Text", exact=True)
        await go(page, "voices")
        card = page.locator(".voice-card").filter(has_text="Sohee")
        await card.get_by_label("Language of Sohee").select_option("sohee-ko")
        await card.get_by_role("button", name="Use Sohee").click()
        await expect(text).to_have_value(re.compile("^좋은 아침"))
        await text.fill("My own words.")
        await go(page, "voices")
        await page.locator(".voice-card").filter(has_text="Ryan").get_by_role("button", name="Use Ryan").click()
        await expect(text).to_have_value("My own words.")


async def test_a_waveform_has_the_colours_of_the_theme_that_is_chosen(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_role("button", name="Play again")).to_be_enabled()
        picture = "document.querySelector('.player canvas').toDataURL()"
        light = await page.evaluate(picture)
        await page.locator("#settings-button").click()
        await page.get_by_role("button", name="Dark").click()

        assert await page.evaluate(picture) != light
        assert await page.evaluate("localStorage.getItem('qwen3tts.theme')") == "dark"
        assert await page.evaluate("localStorage.getItem('theme')") is None, "in Home Assistant that is another's"
