"""From settings to parts: engines, voices, the service. What they do together is `serve`'s."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from ..downloads.store import LARGE, SMALL, Store
from ..engine.builtin.engine import BuiltinEngine
from ..engine.failover import FailoverEngine
from ..engine.idle import IdleEngine
from ..engine.qwen3.checkpoints import Checkpoints
from ..engine.qwen3.engine import Qwen3Engine
from ..engine.qwen3.feeder import FeedRules
from ..engine.qwen3.hardware.plan import DeviceWish
from ..engine.qwen3.hardware.probe import may_have_card
from ..engine.qwen3.runtime import LocalOptions
from ..engine.remote.engine import RemoteEngine
from ..errors import SettingsError
from ..monitoring.health import Liveness
from ..service.phrase_cache import PhraseCache
from ..service.postprocess import PostProcessor
from ..service.service import SpeechService
from ..settings import Settings
from ..speech.engine import Cloning, Engine, Unloadable
from ..studio.studio import VoiceStudio
from ..text.lexicon import LexiconFolder
from ..voices.catalog import VoiceCatalog
from ..voices.folder import VoiceFolder
from ..voices.levels import VoiceLevels
from ..voices.mapping import MappingFile

log = logging.getLogger(__name__)

LEXICON_PATIENCE_S = 0.02  # how long a request waits for changed pronunciations before it takes the old ones
DEFAULT_MODELS = (SMALL, LARGE)  # what may be fetched where no model is configured; the card decides which


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
            graphs=wanted.graphs,
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
    liveness: Callable[[], Liveness] | None = None,
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
        liveness=liveness,
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
        lexicon=LexiconFolder(settings.lexicon_dir, patience_s=LEXICON_PATIENCE_S),
        postprocessor=PostProcessor(
            settings.audio, VoiceLevels(settings.levels_file) if settings.audio.level else None
        ),
        phrases=phrases,
    )
    try:
        yield service
    finally:
        await service.close()
