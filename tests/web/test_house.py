"""The page where people have it: behind Home Assistant, behind a key, on a bad network, over a restart."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, expect

from tests.harness import free_port, until
from tests.web.browser import SCHEMES, go, heard, some_sound, visiting
from tests.web.home import INSTALLED, SERVERS, Actor, Studio, home
from tests.web.looks import AXE, faults
from wyoming_qwen3tts.servers.http.natural import Tools
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase


class Control:
    """Doors of an engine, that only note who came."""

    models = ("small", "large")
    model = None

    def __init__(self) -> None:
        self.asked: list[str | None] = []

    def load(self) -> None:
        self.asked.append("load")

    def unload(self) -> None:
        self.asked.append("unload")

    def switch(self, model: str | None) -> None:
        self.asked.append(model)

    def keep(self, seconds: float | None) -> None:
        raise NotImplementedError


PREFIX = "/api/hassio_ingress/Zm9v-bar"


@asynccontextmanager
async def ingress(port: int) -> AsyncIterator[str]:
    """What Home Assistant does in front of an add-on: takes its prefix off and says what it was."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, _, fields = head.partition("\r\n")
            assert f" {PREFIX}/" in line, f"the page asked for {line!r}, which is Home Assistant's own"
            kept = [one for one in fields.split("\r\n") if one and not one.lower().startswith("connection:")]
            extra = [f"X-Ingress-Path: {PREFIX}", "Connection: close"]  # so that each has one request
            inner_reader, inner = await asyncio.open_connection("127.0.0.1", port)
            inner.write("\r\n".join([line.replace(PREFIX, "", 1), *kept, *extra, "", ""]).encode("latin-1"))
            await asyncio.gather(_pipe(reader, inner), _pipe(inner_reader, writer))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{PREFIX}/"
    finally:
        server.close()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def test_everything_works_under_the_prefix_of_home_assistants_ingress(chromium: Browser) -> None:
    settings = Settings.model_validate({"http": {"api_keys": "secret-word"}})
    async with (
        home(settings=settings, studio=Studio(), supervisor="127.0.0.1") as house,
        ingress(house.door.port) as url,
        visiting(chromium, url) as page,
    ):
        await page.get_by_role("button", name="Speak", exact=True).click()
        await some_sound(page, 1)
        await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "ready")
        await go(page, "voices")
        await expect(page.get_by_role("heading", name="Ryan", exact=True)).to_be_visible()
        await go(page, "speak")
        await page.get_by_role("tab", name="curl").click()

        await expect(page.locator("pre")).not_to_contain_text("hassio_ingress")


async def test_inside_of_home_assistant_the_page_has_a_bar_on_top_and_nobody_is_kept_out(chromium: Browser) -> None:
    settings = Settings.model_validate({"homeassistant": {"tts_entity": "tts.living_room_voice"}})
    wrong: dict[str, list[str]] = {}
    async with (
        home(settings=settings, studio=Studio(), supervisor="127.0.0.1") as house,
        ingress(house.door.port) as url,
    ):
        for scheme in SCHEMES:
            async with visiting(chromium, url, scheme=scheme, reduced_motion="reduce") as page:
                await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "ready")
                await page.evaluate(AXE + ";null")
                bar = await page.locator(".top").bounding_box()
                main = await page.locator("main").bounding_box()
                assert bar
                assert main
                assert (bar["x"], bar["y"]) == (0, 0)
                assert bar["width"] > 1_200
                assert bar["height"] < 80
                await expect(page.locator("pre code")).to_contain_text("entity_id: tts.living_room_voice")
                for view in ("speak", "voices", "new", "words", "status"):
                    await go(page, view)
                    wrong[f"{view}, {scheme}"] = await faults(page)

    assert not any(wrong.values()), wrong


async def test_a_key_is_asked_for_kept_in_the_tab_and_never_put_in_an_address(chromium: Browser) -> None:
    settings = Settings.model_validate({"http": {"api_keys": "kitchen:open-sesame"}})
    async with home(settings=settings) as house, visiting(chromium, house.url) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        lock = page.get_by_role("dialog", name="This server wants a key")
        await lock.get_by_label("API key").fill("wrong")
        await lock.get_by_role("button", name="Unlock").click()
        await expect(lock.get_by_text("did not accept that key")).to_be_visible()
        await lock.get_by_label("API key").fill("open-sesame")
        await lock.get_by_role("button", name="Unlock").click()
        await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "ready")
        await page.get_by_role("button", name="Speak", exact=True).click()
        await some_sound(page, 1)
        await page.reload()
        await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "ready")

        assert not [url for url in asked if "sesame" in url]
        assert await page.evaluate("Object.values(localStorage).join()") == ""


async def test_the_key_dialog_needs_no_mouse_and_can_be_come_back_to(chromium: Browser) -> None:
    settings = Settings.model_validate({"http": {"api_keys": "kitchen:open-sesame"}})
    async with home(settings=settings) as house, visiting(chromium, house.url) as page:
        key = page.get_by_label("API key")
        await expect(key).to_be_focused()
        await page.keyboard.type("open-sesamy")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("did not accept that key")).to_be_visible()
        await expect(key).to_have_value("open-sesamy")
        await page.keyboard.press("Escape")
        await expect(key).to_be_hidden()
        await expect(page.locator("body")).not_to_contain_text("Bearer")
        await page.get_by_role("button", name="Unlock").focus()
        await page.keyboard.press("Enter")
        await expect(key).to_be_focused()
        await page.keyboard.type("open-sesame")
        await page.keyboard.press("Enter")
        await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "ready")
        await expect(page.get_by_role("button", name="Unlock")).to_be_hidden()
        await expect(page.get_by_text("Read as English")).to_be_visible()


async def test_every_dialog_with_a_field_begins_there(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.locator("#voice-button").click()
        await expect(page.get_by_role("dialog").get_by_role("searchbox")).to_be_focused()
        await page.keyboard.press("Escape")
        await page.locator("#settings-button").click()
        await expect(page.get_by_role("dialog").get_by_label("Language of this page")).to_be_focused()


async def test_a_restart_of_the_server_is_said_and_survived(chromium: Browser) -> None:
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        async with home(port=port) as house:
            page = await stack.enter_async_context(visiting(chromium, house.url))
            await expect(page.locator("#engine-chip")).to_have_attribute("data-state", "ready")
        await expect(page.get_by_text("The server does not answer.")).to_be_visible()
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.locator(".note.bad")).to_contain_text("The server cannot be reached.")

        async with home(port=port):
            await expect(page.get_by_text("The server does not answer.")).to_be_hidden()
            await page.get_by_role("button", name="Speak", exact=True).click()
            await some_sound(page, 1)
            await stack.aclose()


async def test_on_a_slow_network_the_page_comes_and_speech_has_gaps_but_loses_nothing(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        network = await page.context.new_cdp_session(page)
        slow = {"offline": False, "latency": 150, "downloadThroughput": 60_000, "uploadThroughput": 30_000}
        await network.send("Network.enable")
        await network.send("Network.setCacheDisabled", {"cacheDisabled": True})
        await network.send("Network.emulateNetworkConditions", slow)
        began = time.monotonic()
        await page.reload()
        await expect(page.get_by_role("button", name="Speak", exact=True)).to_be_visible()
        took = time.monotonic() - began
        await network.send("Network.emulateNetworkConditions", slow | {"downloadThroughput": 20_000})
        await page.get_by_label("Text", exact=True).fill("Slow.")
        await page.get_by_role("button", name="Speak", exact=True).click()
        await expect(page.get_by_role("button", name="Save as WAV")).to_be_enabled()

        assert took < 5, f"{took:.1f} s over 480 kbit/s"
        assert sum(piece["samples"] for piece in await heard(page)) == engine.frames_made * 1_920


async def test_the_first_paint_comes_within_a_second(chromium: Browser) -> None:
    """In a fresh profile, but not in the first page of a browser that has just been started."""
    paints = []
    async with home() as house:
        for _ in range(2):
            async with visiting(chromium, house.url) as page:
                paints += await page.evaluate(
                    "performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)"
                )

    assert len(paints) == 2
    assert min(paints) < 1_000, paints


async def test_the_engine_is_seen_loading_and_is_told_to_leave_and_to_come_back(chromium: Browser) -> None:
    engine, control = Actor(), Control()
    engine.status = EngineStatus(Phase.LOADING, progress=0.43, fallback="builtin")
    async with home(engine, control=control) as house, visiting(chromium, house.url) as page:
        await expect(page.locator("#engine-chip")).to_have_text("Loading 43%")
        await go(page, "status")
        await expect(page.get_by_role("progressbar")).to_have_attribute("value", "0.43")
        engine.status = EngineStatus(Phase.READY)
        await expect(page.locator("#engine-chip")).to_have_text("Ready")
        await page.get_by_role("button", name="Free the memory").click()
        await until(lambda: control.asked == ["unload"])
        engine.status = EngineStatus(Phase.UNLOADED, fallback="builtin")
        await expect(page.locator("#engine-chip")).to_have_text("Asleep")
        await page.get_by_role("button", name="Load", exact=True).click()
        await page.get_by_label("Model").select_option("large")

        await until(lambda: control.asked == ["unload", "load", "large"])


async def test_streams_are_seen_while_they_are_spoken_and_afterwards(chromium: Browser) -> None:
    engine = Actor()
    engine.hold_at = 2
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await page.get_by_role("button", name="Speak", exact=True).click()
        await some_sound(page, 1)
        await go(page, "status")
        row = page.locator("tbody tr")
        await expect(row).to_contain_text("API (127.0.0.1)")
        await expect(page.get_by_text("1 now")).to_be_visible()
        engine.resume.set()

        await expect(row).to_contain_text("done")
        await expect(page.get_by_text("0 now")).to_be_visible()


async def test_the_servers_of_a_remote_engine_are_shown_with_what_is_wrong_with_each(chromium: Browser) -> None:
    engine = Actor()
    async with home(engine) as house, visiting(chromium, house.url) as page:
        await go(page, "status")
        await expect(page.get_by_role("heading", name="Last errors")).to_be_visible()
        await expect(page.get_by_role("heading", name="Servers")).to_be_hidden()
        engine.distant = SERVERS
        card = page.get_by_role("region", name="Servers").locator("tbody tr")
        await expect(card).to_have_count(3)
        await expect(page.get_by_text("1 of 3 ready")).to_be_visible()
        await expect(card.nth(0)).to_contain_text("10.0.0.2:8091Ready12 s4,21030")
        await expect(card.nth(1)).to_contain_text("10.0.0.3:8091Takes no moreits health is 5033.5 s3,98502")
        await expect(card.nth(2)).to_contain_text("Left alonenothing came for 10 s–891")


class Doctor:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.checks = [
            {"check": "disk", "ok": True, "detail": "9 GB free", "fix": ""},
            {
                "check": "built-in voice, other languages",
                "ok": False,
                "detail": "espeak-ng is not installed",
                "fix": "apt",
            },
        ]

    async def __call__(self, *, speed: bool = False) -> list[dict[str, Any]]:
        self.asked += 1
        return self.checks


async def test_the_server_is_examined_on_status_and_again_when_asked(chromium: Browser) -> None:
    doctor = Doctor()
    tools = Tools(INSTALLED, examination=doctor)
    async with home(tools=tools) as house, visiting(chromium, house.url, locale="de") as page:
        await go(page, "status")
        card = page.get_by_role("region", name="Prüfung")
        await expect(card).to_contain_text("Eingebaute Stimme: andere Sprachen (espeak-ng) espeak-ng is not installed")
        await expect(card).to_contain_text("Zu tun: apt")
        await expect(card.get_by_text("In Ordnung: 1")).to_be_visible()
        doctor.checks = doctor.checks[:1]
        await card.get_by_role("button", name="Noch einmal prüfen").click()
        await expect(card.get_by_text("Alles ist in Ordnung: 1 Punkte")).to_be_visible()
        await go(page, "speak")
        await go(page, "status")
        await expect(card.get_by_text("Alles ist in Ordnung: 1 Punkte")).to_be_visible()

    assert doctor.asked == 2


async def test_last_errors_say_how_long_ago_and_can_be_cleared_and_a_mistake_is_not_red(chromium: Browser) -> None:
    async with home(Actor(fail_at=0)) as house, visiting(chromium, house.url, locale="de") as page:
        await page.locator("button.primary.large").click()
        await expect(page.locator(".note.bad")).to_be_visible()
        await page.evaluate("""fetch("v1/audio/speech", {method: "POST", headers: {"Content-Type": "application/json"},
            body: JSON.stringify({input: "Hallo.", voice: "nobody"})})""")
        await go(page, "status")
        errors = page.get_by_role("region", name="Letzte Fehler")
        await expect(errors.locator("li")).to_have_count(2)
        await expect(errors.locator(".note.bad")).to_have_count(1)
        await expect(errors.locator("time").first).to_have_text(re.compile(r"^(jetzt|vor \d+ Sekunden?)$"))
        await errors.get_by_role("button", name="Leeren").click()
        await expect(errors.locator("li")).to_have_count(0)


async def test_what_is_selected_and_scrolled_to_on_status_stays_while_the_server_works(chromium: Browser) -> None:
    engine = Actor()
    engine.hold_at = 2
    async with home(engine) as house, visiting(chromium, house.url, size="phone") as page:
        await page.get_by_role("button", name="Speak", exact=True).click()
        await some_sound(page, 1)
        await go(page, "status")
        table = page.get_by_role("region", name="Replies").locator(".table-wrap")
        await table.evaluate("table => { table.focus(); table.scrollLeft = 20; }")
        await page.evaluate(
            "getSelection().selectAllChildren(document.querySelector('[aria-labelledby=where-title] dd code'))"
        )
        port = await page.evaluate("getSelection().toString()")
        seconds = table.locator("td").last
        before = await seconds.inner_text()
        await expect(seconds).not_to_have_text(before)

        assert await table.evaluate("table => table.scrollLeft") == 20
        assert port
        assert await page.evaluate("getSelection().toString()") == port
        await expect(table).to_be_focused()


async def test_a_language_that_cannot_be_fetched_changes_nothing_and_is_told(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.route("**/i18n/de.json", lambda route: route.abort())
        await page.locator("#settings-button").click()
        await page.get_by_label("Language of this page").select_option("de")
        await expect(page.get_by_role("dialog").get_by_text("The server cannot be reached.")).to_be_visible()
        await expect(page.get_by_label("Language of this page")).to_have_value("en")
        assert await page.evaluate("localStorage.getItem('qwen3tts.language')") is None


async def test_snippets_name_this_server_and_the_loudspeaker_as_home_assistant_does(chromium: Browser) -> None:
    async def own_entity() -> str:
        return "tts.hall"

    tools = Tools(INSTALLED, own_entity=own_entity)
    settings = Settings.model_validate({"announce": {"targets": "assist_satellite.hall, media_player.kitchen"}})
    async with home(settings=settings, tools=tools) as house, visiting(chromium, house.url) as page:
        code = page.locator(".snippets code")
        await expect(code).to_contain_text("entity_id: tts.hall")
        await expect(code).to_contain_text("media_player_entity_id: media_player.kitchen")


async def test_an_address_of_no_view_is_that_of_the_first(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, f"{house.url}#/constructor") as page:
        await expect(page.locator(".view-speak")).to_be_visible()


async def test_copying_over_plain_http_leaves_the_focus_on_its_button(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
        copy = page.get_by_role("button", name="Copy", exact=True)
        await copy.focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Copied")).to_be_visible()
        await expect(copy).to_be_focused()


async def test_a_selection_that_ends_beside_a_dialog_does_not_close_it(chromium: Browser) -> None:
    async with home() as house, visiting(chromium, house.url) as page:
        await page.locator("#voice-button").click()
        search = page.get_by_role("dialog").get_by_role("searchbox")
        await search.fill("vivian")
        box = await search.bounding_box()
        assert box
        await page.mouse.move(box["x"] + 60, box["y"] + 20)
        await page.mouse.down()
        await page.mouse.move(5, 400)
        await page.mouse.up()
        await expect(search).to_be_visible()
        await page.mouse.click(5, 400)
        await expect(search).to_be_hidden()


async def test_what_could_not_be_read_while_the_server_was_away_is_read_when_it_is_back(chromium: Browser) -> None:
    port = free_port()
    async with contextlib.AsyncExitStack() as stack:
        async with home(port=port) as house:
            page = await stack.enter_async_context(visiting(chromium, house.url))
            await expect(page.get_by_text("Read as English")).to_be_visible()
        await page.get_by_label("Text", exact=True).fill("Good night.")
        await expect(page.locator("[aria-labelledby=spoken-title]")).to_contain_text("cannot be reached")
        await go(page, "words")
        await expect(page.locator(".note.bad")).to_contain_text("cannot be reached")
        await go(page, "speak")
        async with home(port=port):
            await expect(page.get_by_text("Read as English")).to_be_visible(timeout=20_000)
            await stack.aclose()
