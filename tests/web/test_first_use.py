"""The first visit: who speaks and why, the steps to a natural voice, what making voices needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.downloads.hub import LoopbackHub, loopback_hub
from tests.web.browser import go, visiting
from tests.web.home import INSTALLED, KEY, Actor, Studio, home
from wyoming_qwen3tts.cli import parser
from wyoming_qwen3tts.downloads.background import BackgroundDownload
from wyoming_qwen3tts.downloads.store import Store
from wyoming_qwen3tts.engine.qwen3.hardware.plan import SMALL
from wyoming_qwen3tts.servers.http.natural import Tools
from wyoming_qwen3tts.settings import Settings, sources
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase

BASE = "Qwen/Qwen3-TTS-12Hz-0.6B-Base"


class Builtin(Actor):
    """The built-in voice alone."""

    name = "builtin"

    def voices(self) -> Any:
        return tuple(voice for voice in super().voices() if voice.speaker == "builtin")


class Failing(Actor):
    """Qwen3-TTS that the built-in voice speaks for."""

    members = frozenset({"qwen3", "builtin"})


class Measured:
    """`doctor`, whose checks are known."""

    def __init__(self, *checks: dict[str, Any]) -> None:
        self.checks = list(checks)

    async def __call__(self, *, speed: bool = False) -> list[dict[str, Any]]:
        return self.checks


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LoopbackHub]:
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(300_000))
    with loopback_hub({SMALL: folder}) as hub:
        yield hub


def card(page: Page) -> Any:
    return page.get_by_role("region", name="You hear the built-in voice.")


async def test_without_a_card_the_page_says_who_speaks_why_and_what_to_do(chromium: Browser) -> None:
    async with home(Builtin()) as house, visiting(chromium, house.url) as page:
        await expect(card(page)).to_contain_text("No NVIDIA card was found here.")
        await expect(page.locator("#engine-chip")).to_have_text("Built-in speaks")
        await expect(card(page).locator("pre")).to_have_text(
            [
                ".venv/bin/wyoming-qwen3tts doctor --speed",
                "script/run --engine.kind qwen3",
                "script/run --engine.kind remote --engine.urls http://OTHER:8880",
            ]
        )
        await card(page).get_by_role("button", name="Copy: script/run --engine.kind qwen3").click()
        await expect(page.get_by_text("Copied")).to_be_visible()
        await go(page, "voices")
        await expect(card(page)).to_be_visible()


@pytest.mark.parametrize(
    ("installed", "engine", "says"),
    [
        ({"has_torch": False, "has_card": True, "has_driver": True}, Builtin, "PyTorch is missing"),
        ({"place": "addon"}, Builtin, "natural_voice: true"),
        ({"place": "container"}, Builtin, "QWEN3TTS_ENGINE__KIND=qwen3"),
        ({"has_card": True}, Builtin, "--gpus all"),
    ],
    ids=["no extra", "add-on", "container", "no driver"],
)
async def test_the_steps_are_those_for_this_machine(
    chromium: Browser, installed: dict[str, Any], engine: type[Actor], says: str
) -> None:
    tools = Tools(replace(INSTALLED, **installed))
    async with home(engine(), tools=tools) as house, visiting(chromium, house.url) as page:
        await expect(card(page)).to_contain_text(says)


async def test_a_card_that_was_put_away_comes_back_when_the_state_is_another(chromium: Browser) -> None:
    engine = Failing()
    engine.status = EngineStatus(Phase.LOADING, progress=0.2, fallback="builtin")
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await expect(card(page)).to_contain_text("are being loaded")
        await card(page).get_by_role("button", name="Hide").click()
        await expect(card(page)).to_be_hidden()
        await page.reload()
        await expect(page.locator("#engine-chip")).to_have_text("Loading 20%")
        await expect(card(page)).to_be_hidden()

        engine.status = EngineStatus(Phase.DEGRADED, "Only 300 MiB are free.", fallback="builtin")
        await expect(card(page)).to_contain_text("could not be loaded")
        await expect(card(page).locator("code")).to_have_text("Only 300 MiB are free.")
        await card(page).get_by_role("link", name="To the checks").click()
        await expect(page.locator(".view-status")).to_be_visible()
        engine.status = EngineStatus(Phase.READY)
        await expect(card(page)).to_be_hidden()


async def test_the_processor_is_measured_from_the_page(chromium: Browser) -> None:
    slow = {"size": "0.6B", "quantize": "int8", "alone": 1.21, "two": 1.9, "needed_mb": 2400, "fits": True}
    measured = Measured(
        {"check": "processor", "ok": True, "detail": "an Example", "fix": ""},
        {"check": "quiet", "ok": False, "detail": "a load of 9", "fix": "Measure again"},
        {"check": "0.6B int8", "ok": True, "detail": "97 ms", "fix": "", "facts": slow},
        {"check": "setting", "ok": True, "detail": "", "fix": "", "facts": {"verdict": "change", "best": "0.6B int8"}},
    )
    tools = Tools(INSTALLED, examination=measured)
    async with home(Builtin(), tools=tools) as house, visiting(chromium, house.url) as page:
        await card(page).get_by_role("button", name="Measure here").click()
        await expect(card(page)).to_contain_text("0.6B int8: 1.21 s for a second of speech, 2.3 GB of memory")
        await expect(card(page)).to_contain_text("Qwen3-TTS can speak here, best as 0.6B int8.")
        await expect(card(page)).to_contain_text("Other programs used the machine meanwhile.")


async def test_the_model_is_downloaded_from_the_page_and_is_tried_again_after_a_failure(
    chromium: Browser, tmp_path: Path, hub: LoopbackHub
) -> None:
    hub.faults.status = {"model.safetensors": 404}
    store = Store(tmp_path / "models", [SMALL], endpoint=hub.url, wait_s=0.001)
    download = BackgroundDownload(store, [SMALL])
    async with (
        home(Builtin(), tools=Tools(INSTALLED, download)) as house,
        visiting(chromium, house.url) as page,
    ):
        await card(page).get_by_role("button", name="Download", exact=True).click()
        await expect(card(page)).to_contain_text("The download failed.")
        hub.faults.status = {}
        await card(page).get_by_role("button", name="Download", exact=True).click()
        await expect(card(page).get_by_text("Done")).to_be_visible()
        assert store.find(SMALL) is not None
    await download.close()


async def test_following_the_page_alone_ends_at_the_form(chromium: Browser) -> None:
    """From the fresh state: the command that it prints, and the key in it, are all that is needed."""
    async with home(Builtin(), studio=None) as house, visiting(chromium, house.url) as page:
        await go(page, "new")
        needs = page.locator(".needs li")
        await expect(needs).to_have_count(6)
        await expect(page.locator(".needs li[data-ok=false]")).to_have_count(5)
        await expect(page.get_by_label("Choose or drop a file")).to_be_hidden()
        command = await page.locator(".command code").inner_text()

    chosen = vars(parser.parse(command.removeprefix("script/run ").split()))
    settings = sources.load({name: value for name, value in chosen.items() if "." in name}, {})
    key = settings.http.api_keys[0].get_secret_value().partition(":")[2]
    async with home(Actor(), settings, studio=Studio()) as house, visiting(chromium, house.url) as page:
        await page.get_by_label("API key").fill(key)
        await page.keyboard.press("Enter")
        await go(page, "new")
        await expect(page.locator("#clip-file")).to_be_attached()
        await expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
        await expect(page.locator(".needs")).to_be_hidden()


async def test_a_base_model_without_an_engine_is_promised_no_download(chromium: Browser) -> None:
    settings = Settings.model_validate({"engine": {"model": BASE}})
    async with (
        home(Builtin(), settings, studio=Studio(can_clone=False, why_not="-")) as house,
        visiting(chromium, house.url, key=KEY) as page,
    ):
        await go(page, "new")
        missing = page.locator(".needs li[data-ok=false]")
        await expect(missing).to_have_count(2)
        await expect(missing.first).to_contain_text("Qwen3-TTS speaks on this machine")
        await expect(page.locator(".command code")).to_have_text("script/run --engine.kind qwen3")
        await expect(page.locator("main")).not_to_contain_text("Wait until")


async def test_what_is_being_downloaded_is_waited_for(chromium: Browser) -> None:
    engine = Failing()
    engine.status = EngineStatus(Phase.DOWNLOADING, progress=0.31, fallback="builtin")
    settings = Settings.model_validate({"engine": {"kind": "qwen3", "model": f"{SMALL},{BASE}"}})
    studio = Studio(can_clone=False, why_not="-")
    async with home(engine, settings, studio=studio) as house, visiting(chromium, house.url, key=KEY) as page:
        await go(page, "new")
        await expect(page.get_by_text("They are being downloaded: 31%.")).to_be_visible()
        studio.can_clone = True
        engine.status = EngineStatus(Phase.READY)
        await expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
