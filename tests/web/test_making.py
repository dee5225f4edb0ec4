"""Voices made on the page: cloned from a clip, designed by description, taken along and removed."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.browser import go, some_sound, visiting
from tests.web.home import KEY, ClipReport, Problem, Studio, clip, home
from wyoming_qwen3tts.errors import BadRequest


class Phone(Studio):
    """Finds every clip good: the real one has it decoded."""

    async def check(self, clip: bytes) -> ClipReport:
        return ClipReport(9.0, ok=True, problems=[])


async def upload(page: Page, body: bytes, name: str = "grandma.wav") -> None:
    await page.locator("#clip-file").set_input_files({"name": name, "mimeType": "audio/wav", "buffer": body})


async def test_a_voice_is_cloned_from_a_clip_and_speaks(chromium: Browser) -> None:
    studio, recording = Studio(), clip(12)
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await upload(page, recording)
        await expect(page.get_by_text("This recording is good.")).to_be_visible()
        make = page.get_by_role("button", name="Make the voice")
        await make.click()
        await expect(page.get_by_text("The voice needs a name.")).to_be_visible()
        await page.get_by_label("Name", exact=True).fill("taken")
        await make.click()
        await expect(page.get_by_text("Only clone voices whose owner agrees.")).to_be_visible()
        await page.get_by_label("This is my own voice").check()
        await make.click()
        await expect(page.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_text("A voice is called 'taken' already.")).to_be_visible()
        await page.get_by_label("Name", exact=True).fill("Oma Käthe")
        await make.click()

        await expect(page.get_by_role("heading", name="Oma Käthe is ready")).to_be_focused()
        await page.get_by_role("button", name="Listen to Oma Käthe").click()
        await some_sound(page, 1)
        assert studio.clips == [recording]
        await go(page, "voices")
        await expect(page.get_by_role("listitem").filter(has_text="Oma Käthe")).to_contain_text("cloned")


async def test_what_is_wrong_with_a_clip_is_said_before_it_is_used(
    chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)  # a machine without ffmpeg
    async with home(studio=Studio()) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        assert await page.locator("#clip-file").get_attribute("accept") == ".wav,.flac"
        for body, complaint in (
            (b"ID3" + bytes(2_000), "MP3 does not work here. WAV and FLAC do"),
            (b"hello", "This is no sound file"),
        ):
            await upload(page, body)
            await expect(page.get_by_text(complaint)).to_be_visible()
        for body, complaint in (
            (clip(1), "Too short"),
            (clip(9, gain=0, noise=0), "There is no sound in it"),
            (clip(9, gain=0.02, noise=0.0001), "Rather quiet"),
            (clip(9, gain=6), "The loudest parts are cut off"),
            (clip(9, noise=0.03), "There is noise in the background"),
        ):
            await upload(page, body)
            await expect(page.get_by_text(complaint)).to_be_visible()
            await page.get_by_role("button", name="Another recording").click()


async def test_a_clip_that_a_phone_has_recorded_is_taken_where_ffmpeg_is(
    chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    studio, recording = Phone(), b"\0\0\0\x18ftypM4A " + bytes(2_000)
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        assert ".m4a" in (await page.locator("#clip-file").get_attribute("accept") or "").split(",")
        await expect(page.get_by_text("WAV, FLAC, M4A, MP3, Ogg, and WebM, up to 60 s")).to_be_visible()
        await upload(page, recording, "Memo 1.m4a")
        await page.get_by_label("Name", exact=True).fill("Phone")
        await page.get_by_label("This is my own voice").check()
        await page.get_by_role("button", name="Make the voice").click()
        await expect(page.get_by_role("heading", name="Phone is ready")).to_be_visible()

    assert studio.clips == [recording]


async def test_what_the_server_hears_in_a_clip_is_told_and_decides(chromium: Browser) -> None:
    studio = Studio(problems=[Problem("music", "The clip sounds like music.")])
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY, locale="de") as page:
        await go(page, "new")
        await upload(page, clip(9))
        await expect(page.get_by_text("Es ist Musik darin.")).to_be_visible()
        await expect(page.get_by_role("button", name="Stimme erzeugen")).to_be_hidden()
        await page.get_by_role("button", name="Andere Aufnahme").click()
        studio.problems = [Problem("quiet", "The clip is quiet.", is_warning=True)]
        await upload(page, clip(9))

        await expect(page.get_by_text("Recht leise.")).to_be_visible()
        await expect(page.get_by_role("button", name="Stimme erzeugen")).to_be_visible()


async def test_a_voice_is_recorded_with_the_microphone_as_wav(chromium: Browser) -> None:
    studio = Studio()
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await page.get_by_role("button", name="Record", exact=True).click()
        await expect(page.get_by_role("meter", name="Level")).not_to_have_attribute("aria-valuenow", "0")
        await expect(page.locator(".clock")).to_have_text(re.compile(r"^(1\.[89]|[2-9]\.\d) s$"))
        await page.get_by_role("button", name="Stop recording").click()
        await page.get_by_label("Name", exact=True).fill("me")
        await page.get_by_label("This is my own voice").check()
        await page.get_by_role("button", name="Make the voice").click()
        await expect(page.get_by_role("heading", name="me is ready")).to_be_visible()

    with wave.open(io.BytesIO(studio.clips[0])) as reader:
        assert (reader.getnchannels(), reader.getsampwidth()) == (1, 2)
        samples = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
        assert len(samples) > 1.5 * reader.getframerate()
    assert np.abs(samples).max() > 1_000, "the clip is silent"
    assert studio.texts == [None], "so short a recording cannot hold the whole script"


async def test_a_voice_is_designed_from_the_variant_that_fits(chromium: Browser) -> None:
    studio = Studio()
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new/describe")
        await page.get_by_role("button", name="Make three variants").click()
        await expect(page.get_by_text("Describe the voice first.")).to_be_visible()
        await page.get_by_label("Describe the voice").fill("A patient teacher")
        await page.get_by_role("button", name="Make three variants").click()
        await expect(page.get_by_role("heading", name="Variant 3")).to_be_visible()
        await page.get_by_role("button", name="Listen to Variant 2").click()
        await some_sound(page, 1)
        await page.get_by_role("button", name="Choose: Variant 2").click()
        await page.get_by_role("textbox", name="Name").fill("teacher")
        await page.get_by_role("button", name="Keep it").click()
        await expect(page.get_by_role("heading", name="teacher is ready")).to_be_visible()
        await page.get_by_role("button", name="Speak with it").click()

        await expect(page.locator("#voice-button")).to_contain_text("teacher")
        assert studio.made["teacher"].kind == "design"


async def test_a_voice_is_taken_along_brought_back_and_deleted(chromium: Browser) -> None:
    studio = Studio()
    await studio.clone("Grandma", b"")
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "voices")
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="Export Grandma").click()
        saved = await (await downloading.value).path()
        await page.get_by_role("button", name="Delete Grandma").click()
        await page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
        await expect(page.get_by_text("None yet.")).to_be_visible()
        assert not studio.made

        await page.locator("input[type=file]").set_input_files(saved)
        await expect(page.get_by_role("button", name="Export Grandma")).to_be_visible()


async def test_a_voice_is_mixed_heard_and_mixed_anew(chromium: Browser) -> None:
    studio = Studio()
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await page.get_by_role("tab", name="Mix").click()
        await page.get_by_label("First voice").select_option("ryan")
        await page.get_by_label("Second voice").select_option("vivian")
        make = page.get_by_role("button", name="Mix the voices")
        await make.click()
        await expect(page.get_by_text("The voice needs a name.")).to_be_visible()
        await page.get_by_label("Name", exact=True).fill("Both")
        await make.click()
        await page.get_by_role("button", name="Listen to Both").click()
        await some_sound(page, 1)
        await page.get_by_role("button", name="Make another").click()
        await page.get_by_label("Parts: 2").fill("5")
        await expect(page.get_by_text("Parts: 5")).to_be_visible()
        await make.click()

        await expect(page.get_by_role("heading", name="Both is ready")).to_be_visible()
        assert studio.recipes == ["ryan(2)+vivian(1)", "ryan(5)+vivian(1)"]
        await go(page, "voices")
        await expect(page.get_by_role("listitem").filter(has_text="Both")).to_contain_text("mixed")


class Slow(Studio):
    """Judges a clip when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()

    async def check(self, clip: bytes) -> ClipReport:
        problems, self.problems = self.problems, []
        if problems:
            await self.may.wait()
        return ClipReport(9.0, ok=not problems, problems=problems)


async def test_what_is_found_out_about_one_clip_is_told_of_no_other(chromium: Browser) -> None:
    studio = Slow()
    studio.problems = [Problem("music", "The clip sounds like music.")]
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await upload(page, clip(9))
        await page.get_by_role("button", name="Another recording").click()
        await expect(page.get_by_role("button", name="Record", exact=True)).to_be_focused()
        await upload(page, clip(9))
        await expect(page.get_by_text("This recording is good.")).to_be_visible()
        async with page.expect_response("**/voices/check"):
            studio.may.set()
        await expect(page.get_by_role("button", name="Make the voice")).to_be_visible()
        await expect(page.get_by_text("sounds like music")).to_have_count(0)
        await expect(page.locator(".facts")).to_contain_text("Noise")
        await expect(page.locator(".facts")).not_to_contain_text("mostly")


async def test_consent_and_what_was_said_belong_to_one_clip(chromium: Browser) -> None:
    async with home(studio=Studio()) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await upload(page, clip(9))
        await page.get_by_label("What is said in it").fill("Hello, this is Grandma.")
        await page.get_by_label("This is my own voice").check()
        await page.get_by_label("Name", exact=True).fill("Grandma")
        await page.get_by_role("button", name="Make the voice").click()
        await page.get_by_role("button", name="Make another").click()
        await expect(page.get_by_role("button", name="Record", exact=True)).to_be_focused()
        await upload(page, clip(10))
        await expect(page.get_by_label("What is said in it")).to_have_value("")
        await expect(page.get_by_label("This is my own voice")).not_to_be_checked()
        await expect(page.get_by_label("Name", exact=True)).to_have_value("")


class Refusing(Studio):
    async def check(self, clip: bytes) -> ClipReport:
        raise BadRequest("The clip is no sound that can be read.", field="clip")


async def test_a_clip_that_the_server_refuses_is_told(chromium: Browser) -> None:
    async with home(studio=Refusing()) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await upload(page, clip(9))
        await expect(page.get_by_text("The clip is no sound that can be read.")).to_be_visible()
        await expect(page.get_by_role("button", name="Make the voice")).to_be_hidden()


async def test_a_view_that_is_left_while_the_browser_asks_opens_no_microphone(chromium: Browser) -> None:
    async with home(studio=Studio()) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await page.evaluate(
            """() => {
                const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
                window.asked = [];
                window.allowed = new Promise((allow) => { window.allow = allow; });
                navigator.mediaDevices.getUserMedia = async (what) => {
                    await window.allowed;
                    const stream = await ask(what);
                    window.asked.push(stream);
                    return stream;
                };
            }"""
        )
        record = page.get_by_role("button", name="Record", exact=True)
        await record.click()
        await expect(record).to_be_disabled()
        await go(page, "speak")
        await page.evaluate("window.allow()")
        await page.wait_for_function(
            "window.asked.length === 1 && window.asked[0].getTracks().every((track) => track.readyState === 'ended')"
        )


class Fickle(Studio):
    """Mixes some."""

    async def blend(self, name: str, recipe: str) -> Any:
        if recipe.startswith("aiden"):
            raise BadRequest("These two cannot be mixed.")
        return await super().blend(name, recipe)


async def test_a_mix_that_fails_leaves_the_one_before(chromium: Browser) -> None:
    studio = Fickle()
    async with home(studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new/mix")
        await page.get_by_label("First voice").select_option("ryan")
        await page.get_by_label("Second voice").select_option("vivian")
        await page.get_by_label("Name", exact=True).fill("Both")
        make = page.get_by_role("button", name="Mix the voices")
        await make.click()
        await page.get_by_role("button", name="Make another").click()
        await page.get_by_label("First voice").select_option("aiden")
        await make.click()
        await expect(page.get_by_text("These two cannot be mixed.")).to_be_visible()

    assert studio.recipes == ["ryan(2)+vivian(1)", "ryan(2)+vivian(1)"]
    assert "Both" in studio.made


async def test_variants_that_do_not_all_come_are_told(chromium: Browser) -> None:
    async with home(studio=Studio()) as house, visiting(chromium, house.url, key=KEY) as page:
        await page.route(
            "**/voices/design", lambda route: route.fulfill(content_type="text/event-stream", body=": \n\n")
        )
        await go(page, "new/describe")
        await page.get_by_label("Describe the voice").fill("A patient teacher")
        await page.get_by_label("Sentence to try it with").fill("My own sentence.")
        await page.get_by_label("Language").select_option("de")
        await expect(page.get_by_label("Sentence to try it with")).to_have_value("My own sentence.")
        await page.get_by_role("button", name="Make three variants").click()
        await expect(page.get_by_text("The connection broke off in the middle.")).to_be_visible()
