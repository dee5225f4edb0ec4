"""What Home Assistant calls this server: asked for once, in the background where that takes long."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import pytest

from tests.harness import until
from wyoming_qwen3tts.errors import DeliveryFailed
from wyoming_qwen3tts.homeassistant.client import HomeAssistant
from wyoming_qwen3tts.homeassistant.own_entity import OwnEntity

PIPER = {"entity_id": "tts.piper", "attributes": {"friendly_name": "piper"}}
OURS = {"entity_id": "tts.hall", "attributes": {"friendly_name": "Qwen3-TTS"}}


class House:
    """A Home Assistant that tells its states, once it may."""

    def __init__(self, *states: dict[str, Any]) -> None:
        self.states, self.asked, self.may = list(states), 0, asyncio.Event()
        self.may.set()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        await self.may.wait()
        return httpx.Response(200, json=self.states)

    @contextlib.asynccontextmanager
    async def entity(self, named: str = "", again_s: float = 60.0) -> Any:
        transport = httpx.MockTransport(self.answer)
        async with (
            HomeAssistant("http://house/api", "t", transport) as home,
            contextlib.aclosing(OwnEntity(home, named, again_s=again_s)) as entity,
        ):
            yield entity


async def test_it_is_found_by_its_name_and_kept() -> None:
    house = House(PIPER, OURS)
    async with house.entity() as entity:
        assert await entity.soon() == "tts.hall"
        assert await entity.find() == "tts.hall"

    assert house.asked == 1


async def test_one_that_is_set_is_not_looked_for() -> None:
    house = House(OURS)
    async with house.entity("tts.mine") as entity:
        assert await entity.soon() == "tts.mine"

    assert house.asked == 0


async def test_nobody_waits_long_for_it_and_it_is_known_later() -> None:
    house = House(OURS)
    house.may.clear()
    async with house.entity() as entity:
        assert await entity.soon(0.0) is None
        assert await entity.soon(0.0) is None
        house.may.set()
        await until(lambda: entity._found)
        assert await entity.soon(0.0) == "tts.hall"

    assert house.asked == 1


@pytest.mark.parametrize(("again_s", "times"), [(60.0, 1), (0.0, 2)])
async def test_where_there_is_none_it_is_looked_for_again_but_not_at_once(again_s: float, times: int) -> None:
    house = House(PIPER)
    async with house.entity(again_s=again_s) as entity:
        assert await entity.soon() is None
        assert await entity.soon() is None
        assert house.asked == times
        with pytest.raises(DeliveryFailed, match=r"homeassistant\.tts_entity"):
            await entity.find()
