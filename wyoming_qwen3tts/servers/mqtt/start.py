"""Whether there is an MQTT server, and its opening. Imports nothing heavy before that: most homes have none."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...announcements.announcer import Announcer
from ...service.service import SpeechService
from ...settings import Settings
from .link import Link
from .tls import tls_context

if TYPE_CHECKING:
    from ...util.backoff import Backoff
    from .server import MqttServer

log = logging.getLogger(__name__)


def is_wanted(settings: Settings, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether a broker is named, or there is a Supervisor that may know one.

    Raises:
        SettingsError: if a certificate cannot be used.
    """
    if settings.mqtt.tls or settings.mqtt.ca or settings.mqtt.certificate:
        tls_context(settings.mqtt)
    return bool(settings.mqtt.host) or "SUPERVISOR_TOKEN" in environ


async def open_server(
    settings: Settings,
    service: SpeechService,
    announcer: Announcer,
    link: Link,
    *,
    page_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
    backoff: Backoff | None = None,
) -> MqttServer | None:
    """The MQTT server, open whether or not its broker is there; None if there was a bug."""
    try:
        make = await asyncio.to_thread(_imported)
        server = make(service, settings, announcer, link, page_url=page_url, environ=environ, backoff=backoff)
        return await server.__aenter__()
    except Exception:  # the other servers speak all the same
        log.exception("The MQTT door could not be opened")
        return None


def _imported() -> type[MqttServer]:
    from .server import MqttServer

    return MqttServer
