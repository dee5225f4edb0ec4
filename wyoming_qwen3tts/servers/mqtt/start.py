"""Whether there is an MQTT door, and its opening. Imports nothing heavy before that: most homes have none."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ...service.service import SpeechService
from ...settings import Address, Settings
from .tls import tls_context

if TYPE_CHECKING:
    from fastapi import APIRouter

    from .server import MqttServer

log = logging.getLogger(__name__)


class MqttStart:
    """The door before it is open."""

    def __init__(
        self,
        settings: Settings,
        service: SpeechService,
        usable: Callable[[str], list[str]],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings, self._service, self._usable, self._environ = settings, service, usable, environ
        self._door: MqttServer | None = None

    @classmethod
    def wanted(
        cls,
        settings: Settings,
        service: SpeechService,
        usable: Callable[[str], list[str]],
        environ: Mapping[str, str] = os.environ,
    ) -> MqttStart | None:
        """None where no broker is named, and there is no Supervisor that may know one.

        Raises:
            SettingsError: if a certificate cannot be used.
        """
        if settings.mqtt.tls or settings.mqtt.ca or settings.mqtt.certificate:
            tls_context(settings.mqtt)
        if not settings.mqtt.host and "SUPERVISOR_TOKEN" not in environ:
            return None
        return cls(settings, service, usable, environ)

    def build(self) -> MqttServer:
        """The door. The first call may come from a thread: it imports a lot."""
        from .server import MqttServer

        if self._door is None:
            self._door = MqttServer(self._service, self._settings, usable=self._usable, environ=self._environ)
        return self._door

    def routes(self, router: APIRouter) -> APIRouter:
        """``router`` with the addresses of announcements, for the web door."""
        return self.build().routes(router)

    async def open(self, web: Address | None) -> MqttServer | None:
        """The open door; ``web`` is where the web door listens, None if it is closed. None if there was a bug."""
        try:
            server = await asyncio.to_thread(self.build)
            server.web = web
            return await server.__aenter__()
        except Exception:  # Wyoming speaks all the same
            log.exception("The MQTT door could not be opened")
            return None
