"""What Home Assistant calls this server."""

from __future__ import annotations

import asyncio
import logging

from ..errors import DeliveryFailed
from ..util.tasks import cancel_and_wait
from .client import HomeAssistant

log = logging.getLogger(__name__)

_AGAIN_S = 60.0  # after Home Assistant had none: it may be added meanwhile


class OwnEntity:
    """The tts entity of this server, found by its name and kept. ``named``: it is set, and not looked for. ``again_s``
    after it was not found it is looked for anew. To be closed. Event loop only."""

    def __init__(self, home: HomeAssistant, named: str = "", *, again_s: float = _AGAIN_S) -> None:
        self._home, self._found, self._again_s = home, named, again_s
        self._search: asyncio.Task[None] | None = None
        self._not_before = 0.0

    async def aclose(self) -> None:
        await cancel_and_wait(self._search)

    async def find(self) -> str:
        """
        Raises:
            DeliveryFailed: if Home Assistant has none, or cannot be asked.
        """
        if not self._found:
            for state in await self._home.states():
                entity = str(state.get("entity_id", ""))
                name = str(state.get("attributes", {}).get("friendly_name", ""))
                if entity.startswith("tts.") and "qwen3" in f"{entity} {name}".lower():
                    self._found = entity
                    break
            else:
                raise DeliveryFailed(
                    "Home Assistant has no tts entity of this server: add the Wyoming integration, or name the "
                    "entity with homeassistant.tts_entity."
                )
        return self._found

    async def soon(self, wait_s: float = 1.0) -> str | None:
        """The same; None if it is not known within ``wait_s``. It is then looked for in the background."""
        loop = asyncio.get_running_loop()
        if not self._found and (self._search is None or self._search.done()) and loop.time() >= self._not_before:
            self._search = loop.create_task(self._look())
        if self._search is not None and not self._search.done():
            await asyncio.wait([self._search], timeout=wait_s)
        return self._found or None

    async def _look(self) -> None:
        try:
            await self.find()
        except DeliveryFailed as error:
            log.debug("What Home Assistant calls this server is not known: %s", error)
        finally:
            self._not_before = asyncio.get_running_loop().time() + self._again_s
