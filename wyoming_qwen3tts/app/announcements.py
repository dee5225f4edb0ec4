"""Announcements as this server makes them: settings to clips, ways to loudspeakers, and the announcer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..announcements import address
from ..announcements.announcement import Speaker
from ..announcements.announcer import Announcer
from ..announcements.clips import ClipStore
from ..announcements.voice_choice import VoiceChoice
from ..homeassistant.supervisor import Supervisor
from ..servers.mqtt.link import Link
from ..servers.mqtt.start import open_server
from ..servers.wyoming.discovery import usable_addresses
from ..service.service import SpeechService
from ..settings import Address, Settings
from ..util.tasks import cancel_and_wait

if TYPE_CHECKING:
    from ..homeassistant.own_entity import OwnEntity
    from ..servers.mqtt.server import MqttServer
    from ..util.backoff import Backoff

log = logging.getLogger(__name__)


class Announcements:
    """``async with`` = announcing, for the web server and, after `connect`, for MQTT.

    ``web`` is where the web server listens, None if it is off; ``mqtt`` whether there will be a broker.
    """

    announcer: Announcer  # from its entry on
    own_entity: OwnEntity | None = None  # where Home Assistant may be asked

    def __init__(
        self,
        settings: Settings,
        service: SpeechService,
        web: Address | None,
        *,
        mqtt: bool = False,
        usable: Callable[[str], list[str]] = usable_addresses,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings, self._service, self._mqtt, self._environ = settings, service, mqtt, environ
        wanted = settings.announce
        self.clips = ClipStore(limit_bytes=wanted.clips_mb << 20, lifetime_s=wanted.clip_s)
        self.base_url = address.base_url(settings.http.base_url, *web, usable) if web else None
        self._contained = address.in_container(environ)
        self._link = Link.of(settings) if mqtt else None
        self._stack = AsyncExitStack()

    @property
    def drain_s(self) -> float:
        """How long what is spoken may go on at the end."""
        return self.announcer.drain_s

    @drain_s.setter
    def drain_s(self, seconds: float) -> None:
        self.announcer.drain_s = seconds

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.clips)
            hermes = self._link.hermes if self._link else None
            home = await self._home(stack)
            self._has_speakers = bool(hermes or home)
            self.announcer = Announcer(
                self._service,
                self._settings,
                self.clips,
                base_url=self.base_url,
                speakers=[speaker for speaker in (hermes, home) if speaker is not None],
                choice=VoiceChoice(self._settings.data_dir / "announce-voice.txt"),
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.announcer.__aexit__(kind, error, trace)
        await self._stack.aclose()  # what the announcer says at its end is published too

    async def connect(self, *, backoff: Backoff | None = None) -> MqttServer | None:
        """Open the MQTT server; it is closed after the announcer. None if there was a bug, as the others go on."""
        assert self._link is not None  # noqa: S101  asked for
        server = await open_server(
            self._settings,
            self._service,
            self.announcer,
            self._link,
            page_url=self.base_url if self._is_reachable else None,
            environ=self._environ,
            backoff=backoff,
        )
        if server is not None:
            await self._stack.enter_async_context(contextlib.aclosing(server))
        return server

    def tell_reachability(self) -> None:
        """Say in the log whether loudspeakers can fetch clips, if somebody is going to have them played. The web
        server is open."""
        if self.base_url is not None and (self._mqtt or self._has_speakers):
            telling = address.tell_reachability(self.base_url, self.clips, contained=self._contained)
            self._stack.push_async_callback(cancel_and_wait, asyncio.create_task(telling))

    @property
    def _is_reachable(self) -> bool:
        url = self.base_url
        return url is not None and address.why_unreachable(url, contained=self._contained) is None

    async def _home(self, stack: AsyncExitStack) -> Speaker | None:
        """Home Assistant's players, where it is known and may be asked."""
        wanted = self._settings.homeassistant
        api, token = f"{wanted.url}/api", wanted.token.get_secret_value()
        if not wanted.url:
            supervisor = Supervisor.from_environ(self._environ)
            if supervisor is None:
                return None
            api, token = supervisor.core_api_url, supervisor.token
        from ..homeassistant.client import HomeAssistant  # only here: most homes announce nothing
        from ..homeassistant.own_entity import OwnEntity
        from ..homeassistant.players import HomeSpeakers

        home = await stack.enter_async_context(HomeAssistant(api, token))
        announce = self._settings.announce
        own_voice = not self._is_reachable if announce.delivery == "auto" else announce.delivery == "tts"
        self.own_entity = await stack.enter_async_context(contextlib.aclosing(OwnEntity(home, wanted.tts_entity)))
        return HomeSpeakers(home, self.own_entity, own_voice=own_voice, gap_s=announce.gap_s)
