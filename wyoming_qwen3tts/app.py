"""Puts everything together, and takes it apart in the right order. The only file that knows all the others."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from . import __version__, settings_sources
from .engine.builtin import BuiltinEngine
from .engine.checkpoints import Checkpoints
from .engine.device import DeviceWish
from .engine.failover import FailoverEngine
from .engine.feed import FeedRules
from .engine.idle import IdleEngine
from .engine.local import LocalOptions
from .engine.machine import may_have_card
from .engine.qwen3 import Qwen3Engine
from .engine.remote import RemoteEngine
from .errors import SettingsError
from .ops.health import STUCK_S, Living, StateLog, Vitals, health
from .phrase_cache import PhraseCache
from .prerender import prerendering
from .service import SpeechService
from .settings import Address, Settings
from .shaping import Shaping
from .speech import Cloning, Engine, Unloadable
from .store import LARGE, SMALL, Store
from .supervisor import Supervisor, discovered, own_uri
from .text.lexicon import LexiconFolder
from .voice_files import VoiceFolder
from .voice_levels import VoiceLevels
from .voice_mapping import MappingFile
from .voice_studio import VoiceStudio
from .voices import VoiceCatalog
from .wyoming_server.client import connect, local
from .wyoming_server.discovery import announced, usable_addresses
from .wyoming_server.server import WyomingServer

log = logging.getLogger(__name__)

DEFAULT_MODELS = (SMALL, LARGE)  # what may be fetched where no model is configured; the card decides which
EXIT_STOPPED, EXIT_ENGINE_BROKEN, EXIT_PORT_TAKEN, EXIT_BAD_SETTINGS = 0, 70, 75, 78

_LOOK_S = 0.5  # how often the engine's health is looked at
_LAST_REPLIES_S = 2.0  # what the other voice still speaks may end, when the model's engine is broken
_HARD_EXIT_S = 4.0  # from then on: a thread that hangs in a CUDA call can neither be closed nor joined


def build_engine(settings: Settings) -> Engine:
    """The engine that the settings ask for. Nothing is loaded yet, and nothing heavy imported."""
    wanted = settings.engine
    if wanted.kind == "builtin" or (wanted.kind == "auto" and not may_have_card()):
        return BuiltinEngine(sentence_pause_s=settings.voices.sentence_pause_s)
    if wanted.kind == "remote":
        return with_stand_in(settings, build_remote(settings))
    return with_stand_in(settings, build_qwen3(settings))


def build_remote(settings: Settings) -> RemoteEngine:
    """Qwen3-TTS on other machines.

    Raises:
        SettingsError: if there is none to ask.
    """
    wanted = settings.engine
    if not wanted.urls:
        raise SettingsError("engine.kind is remote, but engine.urls is empty: name a server, http://HOST:8091")
    return RemoteEngine(
        wanted.urls, key=wanted.api_key.get_secret_value(), sentence_pause_s=settings.voices.sentence_pause_s
    )


def build_qwen3(settings: Settings) -> Qwen3Engine:
    """Qwen3-TTS on this machine, with the voices that were cloned here."""
    wanted = settings.engine
    store = build_store(settings, wanted.model or DEFAULT_MODELS)
    return Qwen3Engine(
        DeviceWish.of(wanted),
        LocalOptions(
            slots=wanted.slots,
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
    if wanted.unload_after and isinstance(model, Unloadable):
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
    own_engine, engine = engine is None, engine or build_engine(settings)
    stop = asyncio.Event()
    _on_signals(stop)
    log.info("wyoming-qwen3tts %s, settings: %s", __version__, settings_sources.describe(settings))
    address = settings.wyoming.address
    async with AsyncExitStack() as stack:
        phrases = PhraseCache(settings.phrases_dir, settings.cache.size_mb * 1_000_000)
        service = await stack.enter_async_context(speech_service(settings, engine, phrases))
        try:
            server = await stack.enter_async_context(WyomingServer(service, address, settings.limits))
        except OSError as error:
            return _cannot_listen(address, error)
        service.load()  # only now: with the port taken, nothing is loaded in vain
        address = Address(address.host, server.port)
        await stack.enter_async_context(prerendering(service, settings.cache))
        await _wait_until_answering(address)
        _say_where(address, settings)
        if own_engine:
            threading.Thread(target=_say_how_it_is, args=(settings,), daemon=True).start()
        if supervisor := Supervisor.from_environ(os.environ):
            await stack.enter_async_context(discovered(supervisor, own_uri(address.port)))
        elif settings.zeroconf:
            await stack.enter_async_context(announced(settings.zeroconf_name, address, settings.zeroconf_address))
        fatal = await _stopped_or_broken(stop, engine, stuck_s)
        if fatal is None:
            log.info("Stopping: no new connections; speech in progress may end")
        else:
            log.critical("The %s engine is broken: %s. Stopping, to be started anew", engine.name, fatal)
            server.drain_s = min(server.drain_s, _LAST_REPLIES_S)
            _exit_anyway(hard_exit or _end_now)
    log.info("Stopped")
    return EXIT_STOPPED if fatal is None else EXIT_ENGINE_BROKEN


def _say_how_it_is(settings: Settings) -> None:
    from .doctor import say_at_start  # only now: the port answers already

    say_at_start(settings, os.environ)


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


def _cannot_listen(address: Address, error: OSError) -> int:
    if error.errno == errno.EADDRINUSE:
        log.error(
            "%s is taken by another program. Stop it, or choose another port: --wyoming.uri tcp://%s:10201",
            address,
            address.host,
        )
        return EXIT_PORT_TAKEN
    if error.errno == errno.EACCES:
        log.error("No permission to listen on %s. Choose a port above 1023: --wyoming.uri", address)
        return EXIT_PORT_TAKEN
    raise SettingsError(f"wyoming.uri: cannot listen on {address}: {error.strerror or error}")


async def _wait_until_answering(address: Address) -> None:
    """Home Assistant asks ``describe`` the moment it discovers us, and gives up if that fails: see for ourselves
    first."""
    async with connect(local(address)) as client:
        await client.describe()


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
