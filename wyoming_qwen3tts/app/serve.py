"""Starts everything in the right order, watches over it, and ends it in the right order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import TypeAlias

from ..errors import SettingsError
from ..homeassistant.hoarding import WyomingSound, version_watched
from ..homeassistant.supervisor import Supervisor, discovered, own_uri
from ..monitoring.health import STUCK_S, StateLog, health
from ..servers.connections import close_all
from ..servers.http.server import HttpServer
from ..servers.mqtt.start import is_wanted
from ..servers.wyoming.client import connect, local
from ..servers.wyoming.discovery import announced
from ..servers.wyoming.server import WyomingServer
from ..service.phrase_cache import PhraseCache
from ..service.prerender import prerendering
from ..service.service import SpeechService
from ..settings import Address, Settings
from ..speech.engine import Engine
from ..util.files import sweep
from ..util.memory import trimming
from ..util.tasks import cancel_and_wait
from . import start_lines
from .announcements import Announcements
from .build import BuiltEngine, build_download, build_engine, build_studio, speech_service
from .descriptors import raise_descriptors, within_descriptors
from .interpreter import answer_soon, keeping_loaded
from .voices_file import watch_voices
from .web import web_listener, web_server

log = logging.getLogger(__name__)

EXIT_STOPPED, EXIT_ENGINE_BROKEN, EXIT_PORT_TAKEN, EXIT_BAD_SETTINGS = 0, 70, 75, 78

_LOOK_S = 0.5  # how often the engine's health is looked at
_LOOK_AT_START_S = 0.05
_WHOSE_S = 0.5  # for whoever has our port to say who it is
_WEB_DOOR_AFTER_S = 1.5
_LAST_REPLIES_S = 2.0  # what the other voice still speaks may end, when the model's engine is broken
_HARD_EXIT_S = 4.0  # from then on: a thread that hangs in a CUDA call can neither be closed nor joined


Door: TypeAlias = WyomingServer | HttpServer | Announcements


async def serve(
    settings: Settings,
    built: BuiltEngine | None = None,
    *,
    stuck_s: float = STUCK_S,
    hard_exit: Callable[[int], object] | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP; returns the exit code. A second signal ends the process at once.

    An engine that is broken beyond repair, or has made no progress for ``stuck_s``, ends it with EXIT_ENGINE_BROKEN
    within five seconds, so that a supervisor starts us anew: if closing takes longer, by ``hard_exit``.
    """
    began = time.monotonic()
    is_own, built = built is None, built or build_engine(settings)
    engine = built.engine
    settings = within_descriptors(settings, raise_descriptors())
    stop = asyncio.Event()
    _on_signals(stop)
    answer_soon()
    start_lines.say_begin(settings)
    await asyncio.to_thread(sweep, settings.data_dir)
    address = settings.wyoming.address
    async with AsyncExitStack() as stack:
        phrases = PhraseCache(settings.phrases_dir, settings.cache.size_mb * 1_000_000)
        service = await stack.enter_async_context(speech_service(settings, engine, phrases))
        mqtt = is_wanted(settings)
        try:
            web_sockets = web_listener(settings)
        except OSError as error:
            return await _cannot_listen("http.uri", settings.http.address or address, error)
        if web_sockets is not None:
            stack.callback(close_all, web_sockets)
        try:
            sound = WyomingSound(settings.wyoming)
            shares_port = settings.wyoming.share_port
            server = await WyomingServer(
                service, address, settings.limits, lambda: sound.format, shares_port=shares_port
            ).__aenter__()
        except OSError as error:
            return await _cannot_listen("wyoming.uri", address, error)
        stack.push_async_callback(cancel_and_wait, asyncio.create_task(trimming(lambda: service.arrivals)))
        servers: list[Door] = [server]
        stack.push_async_callback(_close, servers)
        service.load()  # only now: with the port taken, nothing is loaded in vain
        address = Address(address.host, server.port)
        await stack.enter_async_context(prerendering(service, settings.cache))
        watching = watch_voices(service.catalog, settings.lexicon_dir)
        stack.push_async_callback(cancel_and_wait, asyncio.create_task(watching))
        await _wait_until_answering(address)
        if is_own:
            threading.Thread(target=_say_how_it_is, args=(settings,), daemon=True).start()
        await _announce(stack, address, settings, sound)
        # Only now, and beside all else: their libraries take longer to load than all before.
        opening = _open(stack, settings, service, built, web_sockets, servers, mqtt=mqtt, began=began)
        stack.push_async_callback(cancel_and_wait, asyncio.create_task(opening))
        fatal = await _stopped_or_broken(stop, engine, stuck_s)
        if fatal is None:
            log.info("Stopping: no new connections; speech in progress may end")
        else:
            log.critical("The %s engine is broken: %s. Stopping, to be started anew", engine.name, fatal)
            _hurry(servers, hard_exit or _end_now)
    log.info("Stopped")
    return EXIT_STOPPED if fatal is None else EXIT_ENGINE_BROKEN


def _hurry(servers: Sequence[Door], hard_exit: Callable[[int], object]) -> None:
    for server in servers:
        server.drain_s = min(server.drain_s, _LAST_REPLIES_S)
    _exit_anyway(hard_exit)


def _say_how_it_is(settings: Settings) -> None:
    from ..doctor import warn_at_start  # only now: the port answers already

    if not start_lines.engine_says_voice(settings):
        start_lines.say_voice(settings)
    warn_at_start(settings, os.environ)


async def _announce(stack: AsyncExitStack, address: Address, settings: Settings, sound: WyomingSound) -> None:
    """Let Home Assistant find us: inside the add-on through the Supervisor, else by zeroconf; both would offer us
    twice."""
    name = None
    if supervisor := Supervisor.from_environ(os.environ):
        if sound.is_automatic:
            await stack.enter_async_context(version_watched(supervisor, sound.learned))
        await stack.enter_async_context(discovered(supervisor, own_uri(address.port)))
    elif settings.zeroconf:
        name = await stack.enter_async_context(announced(settings.zeroconf_name, address, settings.zeroconf_address))
    start_lines.say_home_assistant(settings, address, name, os.environ)


async def _stopped_or_broken(stop: asyncio.Event, engine: Engine, stuck_s: float) -> str | None:
    """Watch the engine until we are to stop; why it has to be, if nobody asked."""
    states = StateLog()
    while not stop.is_set():
        now = health(engine.name, engine.status, engine.liveness(), time.monotonic(), stuck_s=stuck_s)
        states.observe(now)
        if now.fatal is not None:
            return now.fatal
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await stop.wait()
    return None


def _end_now(code: int) -> None:
    logging.shutdown()
    os._exit(code)


def _exit_anyway(hard_exit: Callable[[int], object]) -> None:
    """End the process soon even if closing hangs, or the interpreter's own end, which waits for threads."""

    timer = threading.Timer(_HARD_EXIT_S, hard_exit, (EXIT_ENGINE_BROKEN,))
    timer.daemon = True
    timer.start()


def _on_signals(stop: asyncio.Event) -> None:
    def asked() -> None:
        if stop.is_set():
            log.warning("Asked twice: stopping now")
            _end_now(EXIT_STOPPED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, asked)


async def _open(
    stack: AsyncExitStack,
    settings: Settings,
    service: SpeechService,
    built: BuiltEngine,
    web_sockets: Sequence[socket.socket] | None,
    servers: list[Door],
    *,
    mqtt: bool,
    began: float,
) -> None:
    """Open the web server and MQTT, but let the voice be loaded first, if that is soon: all want the processor."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WEB_DOOR_AFTER_S):
            await asyncio.shield(service.loaded())
    announcements = None
    if web_sockets is not None:
        assert settings.http.address is not None  # noqa: S101  it has sockets
        address = Address(settings.http.address.host, web_sockets[0].getsockname()[1])
        announcements = await Announcements(settings, service, address, mqtt=mqtt).__aenter__()
        servers.append(announcements)
        studio = build_studio(settings, built.designer, service.catalog)
        stack.callback(studio.close)
        download = build_download(settings)
        stack.push_async_callback(download.close)
        web = web_server(settings, service, web_sockets, studio, built.control, announcements, download)
        try:
            await web.__aenter__()
        except Exception:  # Wyoming speaks all the same
            log.exception("The page and the API could not be opened")
            servers.remove(announcements)
            await announcements.__aexit__(None, None, None)
            announcements = None
        else:
            servers.append(web)
            announcements.tell_reachability()
            start_lines.say_page(settings, web.port, os.environ)
    elif settings.http.address is None:
        start_lines.say_no_page()
    if mqtt:
        if announcements is None:
            announcements = await Announcements(settings, service, None, mqtt=True).__aenter__()
            servers.append(announcements)
        await announcements.connect()
    while not service.engine.status.is_answered and service.is_loading:  # noqa: ASYNC110  a status has no event
        await asyncio.sleep(_LOOK_AT_START_S)
    has_page = web_sockets is not None and announcements is not None
    start_lines.say_ready(settings, time.monotonic() - began, has_page=has_page, environ=os.environ)
    await service.loaded()
    stack.enter_context(keeping_loaded())


async def _close(servers: Sequence[Door]) -> None:
    """All of them at the same time: the Supervisor counts ten seconds for everything."""
    await asyncio.gather(*(server.__aexit__(None, None, None) for server in servers))


async def _cannot_listen(setting: str, address: Address, error: OSError) -> int:
    if error.errno == errno.EADDRINUSE:
        whose = "wyoming-qwen3tts itself, which runs already" if await _is_ours(setting, address) else "another program"
        other = Address(address.host, address.port + 1)
        log.error("%s is taken by %s. Stop it, or choose another port: --%s %s", address, whose, setting, other)
        return EXIT_PORT_TAKEN
    if error.errno == errno.EACCES:
        log.error("No permission to listen on %s. Choose a port above 1023: --%s", address, setting)
        return EXIT_PORT_TAKEN
    raise SettingsError(f"{setting}: cannot listen on {address}: {error.strerror or error}")


async def _is_ours(setting: str, address: Address) -> bool:
    """Whether a server of our kind answers there, within a moment: somebody waits to hear why there is no start."""
    from ..doctor.ports import speaks_http, speaks_wyoming

    if setting == "wyoming.uri":
        return await speaks_wyoming(address, _WHOSE_S)
    return await asyncio.to_thread(speaks_http, address, _WHOSE_S)


async def _wait_until_answering(address: Address) -> None:
    """Home Assistant asks ``describe`` the moment it discovers us, and gives up if that fails: see for ourselves
    first."""
    async with connect(local(address)) as client:
        await client.describe()
