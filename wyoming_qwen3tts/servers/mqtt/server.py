"""The MQTT server: its connection to the broker, and what the messages mean."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ...announcements.announcer import Announcer
from ...service.service import SpeechService
from ...settings import Settings
from ...util.tasks import cancel_and_wait
from .bridge import Bridge
from .connection import Broker, BrokerConnection, NoBroker
from .hermes import Hermes
from .link import Link

if TYPE_CHECKING:
    from ...util.backoff import Backoff

log = logging.getLogger(__name__)

_STOP_S = 3.0
_PORT, _TLS_PORT = 1883, 8883


class MqttServer:
    """``async with`` = announcing what comes over MQTT. To be left after ``announcer``, whose last words it publishes.

    ``page_url`` is where people in the house find the page, if they do.
    """

    def __init__(
        self,
        service: SpeechService,
        settings: Settings,
        announcer: Announcer,
        link: Link,
        *,
        page_url: str | None = None,
        environ: Mapping[str, str] = os.environ,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings, self._environ, self.announcer = settings, environ, announcer
        self.bridge = Bridge(service, announcer, settings, page_url=page_url)
        if link.hermes is not None:
            limit = settings.limits.mqtt_payload_bytes
            self.bridge.hermes = Hermes(announcer.submit, link.hermes.publish, link.hermes, limit)
        self.connection = self.bridge.connection = BrokerConnection(
            settings,
            self._find_broker,
            will=self.bridge.will,
            subscriptions=self.bridge.subscriptions,
            hello=self.bridge.hello,
            receive=self.bridge.receive,
            outbox=link.outbox,
            backoff=backoff,
        )
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Never fails for a broker that is away."""
        self._stack.push_async_callback(self._end, asyncio.create_task(self.connection.run()))
        self._stack.push_async_callback(cancel_and_wait, asyncio.create_task(self.bridge.watch()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Publish what there is, say that we go, and close."""
        await self._stack.aclose()

    async def _end(self, running: asyncio.Task[None]) -> None:
        self.connection.stop()
        await asyncio.wait([running], timeout=_STOP_S)
        await cancel_and_wait(running)

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
