"""The web door of this server: where it listens, what is behind it. FastAPI is imported when it opens, not before."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..downloads.background import BackgroundDownload
from ..engine.control import ModelControl
from ..servers.connections import bind
from ..servers.http.server import HttpServer
from ..service.service import SpeechService
from ..settings import Address, Settings
from ..studio.studio import VoiceStudio
from .announcements import Announcements
from .examination import Examination

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)


def web_listener(settings: Settings) -> list[socket.socket] | None:
    """The web door's sockets; None if it is off, or if the address is the default and another program has it: a home
    that never asked for this door must not fall silent for it.

    Raises:
        OSError: if an address that was asked for cannot be had.
    """
    address = settings.http.address
    if address is None:
        return None
    try:
        return bind(address)
    except OSError as error:
        if "uri" in settings.http.model_fields_set or error.errno != errno.EADDRINUSE:
            raise
        log.warning(
            "Page: off, as another program has %s. Choose another port, or none: --http.uri tcp://%s:%d, or "
            "--http.uri off",
            address,
            address.host,
            address.port + 1,
        )
        return None


def web_server(
    settings: Settings,
    service: SpeechService,
    sockets: Sequence[socket.socket],
    studio: VoiceStudio,
    control: ModelControl | None = None,
    announcements: Announcements | None = None,
    download: BackgroundDownload | None = None,
) -> HttpServer:
    """The web door, to be opened when ``announcements`` are; their sound is fetched there."""

    def build() -> FastAPI:
        from ..servers.http.app import build_app
        from ..servers.http.hosts import own_names
        from ..servers.http.installation import look
        from ..servers.http.natural import Tools
        from ..servers.http.routers import announce, clips, lexicon, page

        routers = [page.routes(), lexicon.routes(settings)]
        if announcements is not None:
            routers += [announce.routes(announcements.announcer), clips.routes(announcements.clips)]
        own_entity = announcements.own_entity if announcements else None
        tools = Tools(look(os.environ), download, Examination(settings), own_entity.soon if own_entity else None)
        return build_app(
            service, settings, studio=studio, control=control, routers=routers, tools=tools, own_names=own_names
        )

    return HttpServer(build, Address(*sockets[0].getsockname()[:2]), settings.limits, sockets)
