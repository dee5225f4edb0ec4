"""From settings to parts: engines, voices, the service. What they do together is `serve`'s."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..downloads.store import Store
from ..engine.builtin.engine import BuiltinEngine
from ..engine.control import ModelControl
from ..engine.failover import FailoverEngine
from ..engine.idle import IdleEngine
from ..engine.qwen3.checkpoints import Checkpoints
from ..engine.qwen3.config import EngineConfig
from ..engine.qwen3.engine import Qwen3Engine
from ..engine.qwen3.hardware.plan import LARGE, SMALL
from ..engine.qwen3.hardware.probe import may_have_card
from ..engine.remote.engine import RemoteEngine, Timing
from ..errors import SettingsError
from ..service.phrase_cache import PhraseCache
from ..service.postprocess import PostProcessor
from ..service.service import SpeechService
from ..settings import Settings
from ..speech.engine import Engine
from ..studio.studio import VoiceStudio
from ..text.lexicon import LexiconFolder
from ..voices.catalog import VoiceCatalog
from ..voices.folder import VoiceFolder
from ..voices.levels import VoiceLevels
from ..voices.mapping import MappingFile

log = logging.getLogger(__name__)

LEXICON_PATIENCE_S = 0.02  # how long a request waits for changed pronunciations before it takes the old ones
DEFAULT_MODELS = (SMALL, LARGE)  # what may be fetched where no model is configured; the card decides which


@dataclass(frozen=True, slots=True)
class BuiltEngine:
    """An engine, and the parts of it that others than its listeners use."""

    engine: Engine
    control: ModelControl | None = None  # of its model; None if it has none to load and unload
    designer: Engine | None = None  # renders described voices; None if it has no model that can


def build_engine(settings: Settings) -> BuiltEngine:
    """The engine that the settings ask for. Nothing is loaded yet, and nothing heavy imported."""
    wanted = settings.engine
    if wanted.kind == "builtin" or (wanted.kind == "auto" and not may_have_card()):
        return BuiltEngine(build_builtin(settings))
    if wanted.kind == "remote":
        return with_fallback(settings, build_remote(settings))
    return with_fallback(settings, build_qwen3(settings), designs=True)


def build_builtin(settings: Settings) -> BuiltinEngine:
    """The built-in voice, in the languages of this home."""
    return BuiltinEngine(sentence_pause_s=settings.voices.sentence_pause_s, added=settings.voices.added)


def build_remote(settings: Settings) -> RemoteEngine:
    """Qwen3-TTS on other machines.

    Raises:
        SettingsError: if there is none to ask.
    """
    wanted = settings.engine
    if not wanted.urls:
        raise SettingsError("engine.kind is remote, but engine.urls is empty: name a server, http://HOST:8091")
    return RemoteEngine(
        wanted.urls,
        key=wanted.api_key.get_secret_value(),
        feed=wanted.feed,
        sentence_pause_s=settings.voices.sentence_pause_s,
        clones=VoiceFolder(settings.voices_dir, settings.limits.voices),
        timing=Timing(hedge_s=wanted.hedge_s),
    )


def build_qwen3(settings: Settings) -> Qwen3Engine:
    """Qwen3-TTS on this machine, with the voices that were cloned here.

    Raises:
        SettingsError: if a checkpoint that is here makes sound that cannot be spoken.
    """
    store = build_store(settings, settings.engine.model or DEFAULT_MODELS)
    engine = Qwen3Engine(
        EngineConfig.of(settings),
        find=store.find,
        fetch=store.fetch,
        clones=VoiceFolder(settings.voices_dir, settings.limits.voices),
    )
    if (why := engine.checkpoints.unfit()) is not None:
        raise SettingsError(why)
    return engine


def catalog_of(settings: Settings, engine: Engine) -> VoiceCatalog:
    """Everybody that ``engine`` can speak as, now and later, and whom the home's mapping names."""
    mapping, language = MappingFile(settings.voices_file).current, settings.voices.language
    return VoiceCatalog(
        engine.voices,
        engine.clones,
        mapping=mapping,
        why_mute=engine.why_mute,
        fallback_language=language,
        added=settings.voices.added,
    )


def build_studio(settings: Settings, designer: Engine | None, catalog: VoiceCatalog) -> VoiceStudio:
    """Where voices are made, those from descriptions by ``designer``. To be closed."""
    store = build_store(settings)
    return VoiceStudio(
        VoiceFolder(settings.voices_dir, settings.limits.voices),
        catalog,
        Checkpoints(settings.engine.model, store.find),
        designer,
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


def with_fallback(
    settings: Settings, model: Engine, fallback: Engine | None = None, *, designs: bool = False
) -> BuiltEngine:
    """``model``, and ``fallback``, by default the built-in voice, wherever and whenever it cannot speak. ``designs``:
    ``model`` renders described voices."""
    wanted = settings.engine
    primary, idle = model, None
    if model.can_unload:
        primary = idle = IdleEngine(model, wanted.unload_after)
    elif wanted.unload_after:
        log.warning("engine.unload_after has no effect: the %s engine cannot be unloaded", model.name)
    engine = FailoverEngine(
        primary,
        fallback or build_builtin(settings),
        patience_s=wanted.patience_s,
        earcon=wanted.earcon,
    )
    return BuiltEngine(engine, ModelControl(engine, idle) if idle else None, primary if designs else None)


@asynccontextmanager
async def speech_service(
    settings: Settings, engine: Engine | None = None, phrases: PhraseCache | None = None
) -> AsyncIterator[SpeechService]:
    """A service, not loaded yet; closed at the end."""
    engine = engine or build_engine(settings).engine
    service = SpeechService(
        engine,
        catalog_of(settings, engine),
        settings.limits,
        slots=settings.engine.slots,
        lexicon=LexiconFolder(settings.lexicon_dir, patience_s=LEXICON_PATIENCE_S, added=settings.voices.added),
        postprocessor=PostProcessor(
            settings.audio, VoiceLevels(settings.levels_file) if settings.audio.level else None
        ),
        phrases=phrases,
    )
    try:
        yield service
    finally:
        await service.close()
