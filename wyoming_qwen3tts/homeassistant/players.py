"""Announcements on media players and satellites, through Home Assistant."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any

from ..announcements.announcement import Announcement, Sound
from ..errors import BadRequest, DeliveryFailed
from .client import HomeAssistant
from .own_entity import OwnEntity

log = logging.getLogger(__name__)

_ENTITY = re.compile(r"(media_player|assist_satellite)\.[a-z0-9_]{1,200}")
_CHARS_A_SECOND = 14.0  # how fast speech is, where only Home Assistant knows how long it was
_STOP_S = 5.0


class HomeSpeakers:
    """Targets such as ``media_player.kitchen`` and ``assist_satellite.bedroom``.

    With ``own_voice`` Home Assistant has this server speak the text over Wyoming; else its players fetch our sound.
    """

    def __init__(self, home: HomeAssistant, own_entity: OwnEntity, *, own_voice: bool, gap_s: float = 0.5) -> None:
        self._home, self._own_entity, self._gap_s = home, own_entity, gap_s
        self.has_own_voice = own_voice
        self._told: set[str] = set()

    def plays_on(self, target: str) -> bool:
        return _ENTITY.fullmatch(target) is not None

    def has_volume(self, target: str) -> bool:
        return target.startswith("media_player.")

    async def check(self, announcement: Announcement, target: str) -> None:
        state = await self._home.state(target)
        if state is None:
            raise BadRequest(f"Home Assistant knows no {target}.")
        if state.get("state") == "unavailable":
            raise DeliveryFailed(f"{target} is unavailable in Home Assistant.")
        if self.has_own_voice and target.startswith("media_player."):
            await self._own_entity.find()

    async def play(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        use_sound = sound is not None and not self.has_own_voice
        if use_sound and sound is not None and sound.url is None:
            raise DeliveryFailed("The sound has no URL: http.uri is off.")
        if not use_sound:
            self._say_what_is_lost(announcement)
        if target.startswith("assist_satellite."):
            await self._on_satellite(announcement, target, sound if use_sound else None)
        else:
            await self._on_player(announcement, target, sound if use_sound else None)

    # -- satellites: the call lasts until it is spoken

    async def _on_satellite(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        data: dict[str, Any] = {"entity_id": target, "preannounce": False}  # the chime is ours, and part of the sound
        if sound is None:
            data |= {"message": announcement.text, "preannounce": bool(announcement.chime)}
        else:
            data["media_id"] = sound.url
        most_s = 60 + 2 * _estimate_s(announcement)
        await self._home.call("assist_satellite", "announce", data, answer_s=most_s)
        await asyncio.sleep(self._gap_s)

    # -- media players: the call only starts it

    async def _on_player(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        before = await self._louder(target, announcement.volume)
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            await self._start(announcement, target, sound)
            seconds = _estimate_s(announcement)
            if sound is not None:
                await sound.clip.whole()
                seconds = sound.clip.seconds
            await asyncio.sleep(max(0.0, began + seconds + self._gap_s - loop.time()))
        except asyncio.CancelledError:
            await self._after_all("media_stop", {"entity_id": target})
            raise
        finally:
            if before is not None:
                await self._after_all("volume_set", {"entity_id": target, "volume_level": before})

    async def _start(self, announcement: Announcement, target: str, sound: Sound | None) -> None:
        if sound is not None:
            data: dict[str, Any] = {
                "entity_id": target,
                "media_content_id": sound.url,
                "media_content_type": "music",
                "announce": announcement.announce,
            }
            await self._home.call("media_player", "play_media", data)
            return
        data = {
            "entity_id": await self._own_entity.find(),
            "media_player_entity_id": target,
            "message": announcement.text,
        }
        if announcement.voice:
            data["options"] = {"voice": announcement.voice}
        if announcement.language:
            data["language"] = announcement.language
        await self._home.call("tts", "speak", data)

    async def _louder(self, target: str, volume: float | None) -> float | None:
        """Set the volume; returns the one before, to be set again, or None if there is nothing to set back."""
        if volume is None:
            return None
        state = await self._home.state(target)
        before = (state or {}).get("attributes", {}).get("volume_level")
        await self._home.call("media_player", "volume_set", {"entity_id": target, "volume_level": volume})
        return float(before) if isinstance(before, int | float) else None

    async def _after_all(self, service: str, data: dict[str, Any]) -> None:
        """Put a player back as it was; being cancelled meanwhile does not keep it from that."""
        call = asyncio.ensure_future(self._home.call("media_player", service, data, answer_s=_STOP_S))
        try:
            await asyncio.shield(call)
        except asyncio.CancelledError:
            await asyncio.wait([call])
            raise
        except DeliveryFailed as error:
            log.warning("media_player.%s: %s", service, error)

    # -- our own voice there

    def _say_what_is_lost(self, announcement: Announcement) -> None:
        lost = [name for name in ("instruct", "speed", "seed", "format") if getattr(announcement, name) is not None]
        new = set(lost) - self._told
        if new:
            self._told |= new
            log.warning(
                "Home Assistant cannot pass on %s. Set http.base_url to an address that its players reach, and "
                "announce.delivery to url",
                ", ".join(sorted(new)),
            )


def _estimate_s(announcement: Announcement) -> float:
    return 1.0 + len(announcement.text) / _CHARS_A_SECOND
