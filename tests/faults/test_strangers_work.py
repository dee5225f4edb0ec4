"""Finding 9: work of a stranger's choosing is bounded, and pages of other sites cannot cause any."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect as websocket
from websockets.exceptions import InvalidStatus

from tests.faults.test_floods import describe_s
from tests.servers.http.web import Web, web
from wyoming_qwen3tts.announcements.clips import ClipStore
from wyoming_qwen3tts.servers.http.routers import clips, lexicon, page
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.settings import Address, Limits, Settings
from wyoming_qwen3tts.text.spoken import explain

SPOKEN = "/v1/audio/spoken"
WORK = "Am 3. Mai um 17:45 Uhr sind es 21,5 °C, 3/4 von 1.234,56 EUR. "
LINKED = ("/favicon.ico", "/assets/", "/announce/")  # the page, its files, and the clips


@asynccontextmanager
async def whole(tmp_path: Path) -> AsyncIterator[Web]:
    """With all routers that the running server has, but for announcements."""
    settings = Settings(data_dir=tmp_path)
    async with ClipStore(limit_bytes=1 << 20, lifetime_s=60) as store:
        more = (page.routes(), lexicon.routes(settings), clips.routes(store))
        async with web(settings=settings, routers=more) as it:
            yield it


@pytest.mark.parametrize("site", ["none", "same-origin", "same-site", "cross-site"])
async def test_pages_of_other_sites_get_no_further_than_the_page_and_the_clips(tmp_path: Path, site: str) -> None:
    """Of all routes that the app has, so that a new one cannot be forgotten."""
    async with whole(tmp_path) as it:
        routes: list[Any] = it.door._app.state.routes
        headers = {"Sec-Fetch-Site": site, "Content-Type": "application/json"}
        is_foreign = site in ("same-site", "cross-site")
        asked, linked = 0, 0
        for route in routes:
            path = route.path.replace("{", "").replace("}", "").replace(":path", "")
            is_linked = path == "/" or path.startswith(LINKED)
            for method in getattr(route, "methods", None) or ():
                async with it.client.stream(method, path, headers=headers, content=b"") as reply:
                    told = await reply.aread() if reply.status_code == 403 else b""
                assert (b"Pages of other sites" in told) is (is_foreign and not is_linked), (method, path, told)
                asked, linked = asked + 1, linked + is_linked
            if not hasattr(route, "methods"):
                opening = websocket(f"ws://127.0.0.1:{it.door.port}{path}", additional_headers=headers)
                if is_foreign:
                    with pytest.raises(InvalidStatus, match="403"):
                        await opening
                else:
                    await (await opening).close()
                asked += 1
        nowhere = await it.client.get("/nowhere", headers=headers)

        assert (asked > 30, linked) == (True, 8)
        assert nowhere.status_code == (403 if is_foreign else 404)


async def test_a_crowd_that_asks_what_will_be_spoken_is_told_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    go = threading.Event()

    def slow(*args: Any, **kwargs: Any) -> dict[str, Any]:
        go.wait(5)
        return explain(*args, **kwargs)

    monkeypatch.setattr("wyoming_qwen3tts.servers.http.routers.spoken.explain", slow)
    async with web() as it:
        asking = [asyncio.ensure_future(it.client.get(SPOKEN, params={"text": WORK})) for _ in range(12)]
        await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.sleep(0.3)
        assert sum(call.done() for call in asking) == 12 - 5
        go.set()
        statuses = sorted([(await call).status_code for call in asking])

        assert statuses == [200] * 5 + [503] * 7


@pytest.mark.parametrize(("chars", "status"), [(2_000, 200), (2_001, 413)])
async def test_it_is_told_of_two_thousand_characters(chars: int, status: int) -> None:
    async with web() as it:
        assert (
            await it.client.get(SPOKEN, params={"text": "a " * (chars // 2) + "a" * (chars % 2)})
        ).status_code == status


@pytest.mark.timing
async def test_describe_is_answered_beside_sixteen_who_ask_what_will_be_spoken() -> None:
    async with web() as it, WyomingServer(it.service, Address("127.0.0.1", 0), Limits()) as door:

        async def ask() -> None:
            while True:
                await it.client.get(SPOKEN, params={"text": (WORK * 40)[:2000]})
                await asyncio.sleep(0.01)  # this client shares the event loop with the server

        asking = [asyncio.ensure_future(ask()) for _ in range(16)]
        await asyncio.sleep(0.5)
        took = await describe_s(door.port, 40)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)

        assert took[-2] < 0.25
