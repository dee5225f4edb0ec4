"""The MQTT door as `app` opens it: broker, announcements and Home Assistant, put together."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...announcements import address
from ...announcements.announcement import Speaker
from ...announcements.announcer import Announcer
from ...announcements.clips import Clip, ClipStore
from ...announcements.routes import PREFIX, shelf_routes
from ...service.service import SpeechService
from ...settings import Address, Settings
from ...util.tasks import cancel_and_wait
from .bridge import Bridge
from .connection import Broker, BrokerConnection, NoBroker
from .hermes import Hermes, HermesSpeaker
from .voice_choice import VoiceChoice

if TYPE_CHECKING:
    from fastapi import APIRouter

    from ...util.backoff import Backoff

log = logging.getLogger(__name__)

_STOP_S = 3.0
_PORT, _TLS_PORT = 1883, 8883


class MqttServer:
    """``async with`` = announcing what comes over MQTT. `routes` go to the web door before that, and ``web`` is
    where that door listens, None if it is off."""

    def __init__(
        self,
        service: SpeechService,
        settings: Settings,
        *,
        usable: Callable[[str], list[str]],
        environ: Mapping[str, str] = os.environ,
        backoff: Backoff | None = None,
    ) -> None:
        self._service, self._settings, self._environ = service, settings, environ
        self._usable, self._backoff = usable, backoff
        wanted = settings.announce
        self.shelf = ClipStore(limit_bytes=wanted.clips_mb << 20, lifetime_s=wanted.clip_s)
        self.web: Address | None = None
        self.base_url: str | None = None
        self._stack = AsyncExitStack()

    @property
    def drain_s(self) -> float:
        """How long what is spoken may go on when the door closes."""
        return self.announcer.drain_s

    @drain_s.setter
    def drain_s(self, seconds: float) -> None:
        self.announcer.drain_s = seconds

    def routes(self, router: APIRouter) -> APIRouter:
        """``router`` with the addresses of announcements, for the web door."""
        return shelf_routes(self.shelf, router)

    async def __aenter__(self) -> Self:
        """Never fails for a broker that is away.

        Raises:
            SettingsError: if a certificate cannot be used.
        """
        self._contained = address.in_container(self._environ)
        if self.web is not None:
            self.base_url = address.base_url(self._settings.http.base_url, *self.web, self._usable)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.shelf)
            await self._open(stack)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        choice = VoiceChoice(settings.data_dir / "announce-voice.txt")
        self.announcer = Announcer(self._service, settings, self.shelf, url_of=self._url)
        chosen = choice.load()
        self.announcer.voice = settings.announce.voice if chosen is None else chosen
        self.announcer.offers_urls = self.base_url is not None
        self.bridge = Bridge(self._service, self.announcer, settings, choice, page_url=self._page_url())
        if settings.mqtt.hermes:
            self._with_hermes()
        if home := await self._home(stack):
            self.announcer.speakers.append(home)
        self.connection = self.bridge.connection = BrokerConnection(
            settings,
            self._find_broker,
            will=self.bridge.will,
            subscriptions=self.bridge.subscriptions,
            hello=self.bridge.hello,
            receive=self.bridge.receive,
            backoff=self._backoff,
        )
        stack.push_async_callback(self._end, asyncio.create_task(self.connection.run()))
        await stack.enter_async_context(self.announcer)
        stack.push_async_callback(cancel_and_wait, asyncio.create_task(self.bridge.watch()))
        if self.base_url is not None:
            telling = address.tell_reachability(self.base_url, self.shelf, contained=self._contained)
            stack.push_async_callback(cancel_and_wait, asyncio.create_task(telling))

    async def _end(self, running: asyncio.Task[None]) -> None:
        """The connection goes last: what the announcer says at its end is published too."""
        self.connection.stop()
        await asyncio.wait([running], timeout=_STOP_S)
        await cancel_and_wait(running)

    # -- the parts

    def _with_hermes(self) -> None:
        speaker = HermesSpeaker(self._publish)
        self.announcer.speakers.append(speaker)
        limit = self._settings.limits.mqtt_payload_bytes
        self.bridge.hermes = Hermes(self.announcer.submit, self._publish, speaker, limit)

    def _publish(self, topic: str, payload: str | bytes) -> None:
        self.connection.publish(topic, payload)

    async def _home(self, stack: AsyncExitStack) -> Speaker | None:
        """Home Assistant's players, where it is known and may be asked."""
        wanted = self._settings.homeassistant
        api, token = f"{wanted.url}/api", wanted.token.get_secret_value()
        if not wanted.url:
            from ...homeassistant.supervisor import Supervisor

            supervisor = Supervisor.from_environ(self._environ)
            if supervisor is None:
                return None
            api, token = supervisor.core_api_url, supervisor.token
        from ...homeassistant.client import HomeAssistant
        from ...homeassistant.players import HomeSpeakers

        home = await stack.enter_async_context(HomeAssistant(api, token))
        gap_s = self._settings.announce.gap_s
        return HomeSpeakers(home, own_voice=self._own_voice(), tts_entity=wanted.tts_entity, gap_s=gap_s)

    def _own_voice(self) -> bool:
        delivery = self._settings.announce.delivery
        if delivery != "auto":
            return delivery == "tts"
        return self.base_url is None or address.why_unreachable(self.base_url, contained=self._contained) is not None

    async def _find_broker(self) -> Broker:
        wanted = self._settings.mqtt
        if wanted.host:
            port = wanted.port or (_TLS_PORT if wanted.tls else _PORT)
            return Broker(wanted.host, port, wanted.username, wanted.password.get_secret_value(), wanted.tls)
        from ...homeassistant.supervisor import Supervisor

        supervisor = Supervisor.from_environ(self._environ)
        found = await supervisor.mqtt_service() if supervisor else None
        if found is None:
            raise NoBroker("Home Assistant has none yet: install the Mosquitto add-on, or set mqtt.host")
        return Broker(found.host, found.port, found.username, found.password, found.ssl)

    def _url(self, clip: Clip) -> str | None:
        return f"{self.base_url}{PREFIX}/{clip.name}" if self.base_url else None

    def _page_url(self) -> str | None:
        if self.base_url is None or address.why_unreachable(self.base_url, contained=self._contained):
            return None
        return self.base_url
