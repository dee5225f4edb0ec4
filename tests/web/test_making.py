"""Voices made on the page: cloned from a clip, designed by description, taken along and removed."""

from __future__ import annotations

import io
import re
import wave

import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.browser import go, some_sound, visiting
from tests.web.home import KEY, ClipReport, Problem, Studio, clip, home


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
