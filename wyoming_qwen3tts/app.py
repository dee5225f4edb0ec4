"""Puts everything together, and takes it apart in the right order. The only file that knows all the others."""

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
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from . import __version__, settings_sources
from .engine.builtin import BuiltinEngine
from .engine.checkpoints import Checkpoints
from .engine.control import control_of
from .engine.device import DeviceWish
from .engine.failover import FailoverEngine
from .engine.feed import FeedRules
from .engine.idle import IdleEngine
from .engine.local import LocalOptions
from .engine.machine import may_have_card
from .engine.qwen3 import Qwen3Engine
from .errors import SettingsError
from .mqtt_bridge.start import MqttStart
from .openai_http.server import HttpDoor, bind
from .ops.health import STUCK_S, Living, StateLog, Vitals, health
from .phrase_cache import PhraseCache
from .prerender import prerendering
from .service import SpeechService
from .settings import Address, Settings
from .shaping import Shaping
from .speech import Cloning, Engine, Unloadable
from .store import LARGE, SMALL, Store
from .text.lexicon import LexiconFolder
from .voice_files import VoiceFolder
from .voice_levels import VoiceLevels
from .voice_mapping import MappingFile
from .voice_studio import VoiceStudio
from .voices import VoiceCatalog
from .wyoming_server.client import connect
from .wyoming_server.discovery import announced, usable_addresses
from .wyoming_server.server import WyomingServer

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .mqtt_bridge.door import MqttDoor

log = logging.getLogger(__name__)

DEFAULT_MODELS = (SMALL, LARGE)  # what may be fetched where no model is configured; the card decides which
EXIT_STOPPED, EXIT_ENGINE_BROKEN, EXIT_PORT_TAKEN, EXIT_BAD_SETTINGS = 0, 70, 75, 78

_LOOK_S = 0.5  # how often the engine's health is looked at
_WEB_DOOR_AFTER_S = 1.5
_LAST_REPLIES_S = 2.0  # what the other voice still speaks may end, when the model's engine is broken
_HARD_EXIT_S = 4.0  # from then on: a thread that hangs in a CUDA call can neither be closed nor joined


Door: TypeAlias = "WyomingServer | HttpDoor | MqttDoor"


def build_engine(settings: Settings) -> Engine:
    """The engine that the settings ask for. Nothing is loaded yet, and nothing heavy imported."""
    wanted = settings.engine
    if wanted.kind == "builtin" or (wanted.kind == "auto" and not may_have_card()):
        return BuiltinEngine(sentence_pause_s=settings.voices.sentence_pause_s)
    return with_stand_in(settings, build_qwen3(settings))


def build_qwen3(settings: Settings) -> Qwen3Engine:
    """Qwen3-TTS on this machine, with the voices that were cloned here."""
    wanted = settings.engine
    store = build_store(settings, wanted.model or DEFAULT_MODELS)
    return Qwen3Engine(
        DeviceWish(
            kind=wanted.kind,
            device=wanted.device,
            dtype=wanted.dtype,
            models=wanted.model,
            slots=wanted.slots,
            vram_limit_mb=wanted.vram_limit_mb,
        ),
        LocalOptions(
            slots=wanted.slots,
            quantize=wanted.quantize,
            rounded_dir=settings.data_dir / "cache" / "models",
            queue=settings.limits.queue,
            feed=FeedRules(wanted.feed, settings.voices.sentence_pause_s),
            cache_dir=settings.data_dir / "cache" / "voices",
            cache_bytes=settings.limits.voice_cache_mb << 20,
        ),
        find=store.find,
        fetch=store.fetch,
        clones=VoiceFolder(settings.voices_dir, settings.limits.voices),
        language=settings.voices.language,
    )


def catalog_of(settings: Settings, engine: Engine) -> VoiceCatalog:
    """Everybody that ``engine`` can speak as, now and later, and whom the home's mapping names."""
    mapping = MappingFile(settings.voices_file).current
    if not isinstance(engine, Cloning):
        return VoiceCatalog(engine.voices, mapping=mapping)
    return VoiceCatalog(engine.voices, engine.clones, mapping=mapping, why_mute=engine.why_mute)


def build_studio(settings: Settings, engine: Engine, catalog: VoiceCatalog) -> VoiceStudio:
    """Where voices are made. ``engine`` renders descriptions, if a Qwen3-TTS engine is in it. To be closed."""
    store = build_store(settings)
    maker = engine.first if isinstance(engine, FailoverEngine) else engine
    return VoiceStudio(
        VoiceFolder(settings.voices_dir, settings.limits.voices),
        catalog,
        Checkpoints(settings.engine.model, store.find),
        maker if maker.name == Qwen3Engine.name else None,
    )


def build_store(settings: Settings, models: Sequence[str] = ()) -> Store:
    """Where model files are. It fetches ``models``, by default the configured ones, and no others."""
    source = settings.models
    return Store(
        settings.data_dir / "models",
        models or settings.engine.model,
        endpoint=source.endpoint,
        offline=source.offline,
    )


def with_stand_in(
    settings: Settings,
    model: Engine,
    stand_in: Engine | None = None,
    vitals: Callable[[], Vitals] | None = None,
) -> FailoverEngine:
    """``model``, and the built-in voice wherever and whenever it cannot speak. ``vitals`` are the model's own by
    default; `ops.health.Obituary` makes them for an engine that calls ``on_fatal``."""
    wanted = settings.engine
    if isinstance(model, Unloadable):
        model = IdleEngine(model, wanted.unload_after)
    elif wanted.unload_after:
        log.warning("engine.unload_after has no effect: the %s engine cannot be unloaded", model.name)
    return FailoverEngine(
        model,
        stand_in or BuiltinEngine(sentence_pause_s=settings.voices.sentence_pause_s),
        patience_s=wanted.patience_s,
        earcon=wanted.earcon,
        vitals=vitals,
    )


@asynccontextmanager
async def speech_service(
    settings: Settings, engine: Engine | None = None, phrases: PhraseCache | None = None
) -> AsyncIterator[SpeechService]:
    """A service, not loaded yet; closed at the end."""
    engine = engine or build_engine(settings)
    service = SpeechService(
        engine,
        catalog_of(settings, engine),
        settings.limits,
        slots=settings.engine.slots,
        fallback_language=settings.voices.language,
        lexicon=LexiconFolder(settings.lexicon_dir),
        shaping=Shaping(settings.audio, VoiceLevels(settings.levels_file) if settings.audio.level else None),
        phrases=phrases,
    )
    try:
        yield service
    finally:
        await service.close()


async def serve(
    settings: Settings,
    engine: Engine | None = None,
    *,
    stuck_s: float = STUCK_S,
    hard_exit: Callable[[int], object] | None = None,
) -> int:
    """Serve until SIGTERM, SIGINT or SIGHUP; returns the exit code. A second signal ends the process at once.

    An engine that is broken beyond repair, or has made no progress for ``stuck_s``, ends it with EXIT_ENGINE_BROKEN
    within five seconds, so that a supervisor starts us anew: if closing takes longer, by ``hard_exit``.
    """
    engine = engine or build_engine(settings)
    stop = asyncio.Event()
    _on_signals(stop)
    log.info("wyoming-qwen3tts %s, settings: %s", __version__, settings_sources.describe(settings))
    address = settings.wyoming.address
    async with AsyncExitStack() as stack:
        phrases = PhraseCache(settings.phrases_dir, settings.cache.size_mb * 1_000_000)
        service = await stack.enter_async_context(speech_service(settings, engine, phrases))
        mqtt = MqttStart.wanted(settings, service, usable_addresses)
        try:
            web_socket = web_door_socket(settings)
        except OSError as error:
            return _cannot_listen("http.uri", settings.http.address or address, error)
        if web_socket is not None:
            stack.callback(web_socket.close)
        try:
            server = await WyomingServer(service, address, settings.limits).__aenter__()
        except OSError as error:
            return _cannot_listen("wyoming.uri", address, error)
        doors: list[Door] = [server]
        stack.push_async_callback(_close, doors)
        service.load()  # only now: with the port taken, nothing is loaded in vain
        address = Address(address.host, server.port)
        await stack.enter_async_context(prerendering(service, settings.cache))
        await _wait_until_answering(address)
        _say_where(address, settings)
        if settings.zeroconf and "SUPERVISOR_TOKEN" not in os.environ:
            await stack.enter_async_context(announced(settings.zeroconf_name, address, settings.zeroconf_address))
        # Only now, and beside all else: their libraries take longer to load than all before.
        web = None
        if web_socket is not None:
            studio = build_studio(settings, engine, service.catalog)
            stack.callback(studio.close)
            web = web_door(settings, service, web_socket, studio, mqtt)
        stack.push_async_callback(_given_up, asyncio.create_task(_open(web, mqtt, doors, settings, service)))
        fatal = await _stopped_or_broken(stop, engine, stuck_s)
        if fatal is None:
            log.info("Stopping: no new connections; speech in progress may end")
        else:
            log.critical("The %s engine is broken: %s. Stopping, to be started anew", engine.name, fatal)
            _hurry(doors, hard_exit or _end_now)
    log.info("Stopped")
    return EXIT_STOPPED if fatal is None else EXIT_ENGINE_BROKEN


def _hurry(doors: Sequence[Door], hard_exit: Callable[[int], object]) -> None:
    for door in doors:
        door.drain_s = min(door.drain_s, _LAST_REPLIES_S)
    _exit_anyway(hard_exit)


async def _stopped_or_broken(stop: asyncio.Event, engine: Engine, stuck_s: float) -> str | None:
    """Watch the engine until we are to stop; why it has to be, if nobody asked."""
    states = StateLog()
    while not stop.is_set():
        vitals = engine.vitals() if isinstance(engine, Living) else Vitals()
        now = health(engine.name, engine.state, vitals, time.monotonic(), stuck_s=stuck_s)
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


def web_door_socket(settings: Settings) -> socket.socket | None:
    """The web door's socket; none if it is off, or if the address is the default and another program has it: a home
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
            "The web door stays closed, as another program has %s. Choose another port, or none: --http.uri "
            "tcp://%s:%d, --http.uri off",
            address,
            address.host,
            address.port + 1,
        )
        return None


def web_door(
    settings: Settings, service: SpeechService, sock: socket.socket, studio: VoiceStudio, mqtt: MqttStart | None = None
) -> HttpDoor:
    """The web door, to be opened. The sound of announcements that come over ``mqtt`` is fetched there."""

    def build() -> FastAPI:
        from .openai_http.access import OpenRouter
        from .openai_http.app import build_app

        routers = [mqtt.routes(OpenRouter())] if mqtt else []
        return build_app(service, settings, studio=studio, control=control, routers=routers)

    control = control_of(service.engine, settings.engine.model or DEFAULT_MODELS)
    return HttpDoor(build, Address(*sock.getsockname()[:2]), settings.limits, sock)


def web_address(settings: Settings, port: int) -> str:
    """How a person reaches the web door."""
    assert settings.http.address is not None  # noqa: S101  there is a door
    host = local(settings.http.address).host
    return settings.http.base_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def _open(
    web: HttpDoor | None, mqtt: MqttStart | None, doors: list[Door], settings: Settings, service: SpeechService
) -> None:
    """Open these doors, but let the voice be loaded first, if that is soon: all want the processor."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_WEB_DOOR_AFTER_S):
            await asyncio.shield(service.loaded())
    address = None
    if web is not None:
        try:
            await web.__aenter__()
        except Exception:  # Wyoming speaks all the same
            log.exception("The web door could not be opened")
        else:
            doors.append(web)
            assert settings.http.address is not None  # noqa: S101  there is a door
            address = Address(settings.http.address.host, web.port)
            log.info("The web door is open: %s", web_address(settings, web.port))
    if mqtt is not None and (door := await mqtt.open(address)) is not None:
        doors.append(door)


async def _given_up(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _close(doors: Sequence[Door]) -> None:
    """All of them at the same time: the Supervisor counts ten seconds for everything."""
    await asyncio.gather(*(door.__aexit__(None, None, None) for door in doors))


def _cannot_listen(setting: str, address: Address, error: OSError) -> int:
    if error.errno == errno.EADDRINUSE:
        log.error(
            "%s is taken by another program. Stop it, or choose another port: --%s tcp://%s:%d",
            address,
            setting,
            address.host,
            address.port + 1,
        )
        return EXIT_PORT_TAKEN
    if error.errno == errno.EACCES:
        log.error("No permission to listen on %s. Choose a port above 1023: --%s", address, setting)
        return EXIT_PORT_TAKEN
    raise SettingsError(f"{setting}: cannot listen on {address}: {error.strerror or error}")


async def _wait_until_answering(address: Address) -> None:
    """Home Assistant asks ``describe`` the moment it discovers us, and gives up if that fails: see for ourselves
    first."""
    async with connect(local(address)) as client:
        await client.describe()


def local(address: Address) -> Address:
    """How this machine reaches a server that listens on ``address``."""
    return Address({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host), address.port)  # noqa: S104  compared, not bound


def _say_where(address: Address, settings: Settings) -> None:
    hosts = [settings.zeroconf_address] if settings.zeroconf_address else usable_addresses(address.host)
    host = hosts[0] if hosts else local(address).host
    log.info(
        "Listening on %s. In Home Assistant: Settings > Devices & services > Add integration > Wyoming Protocol, "
        "host %s, port %d",
        address,
        host,
        address.port,
    )
