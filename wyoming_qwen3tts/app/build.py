"""From settings to parts: engines, voices, the service. What they do together is `serve`'s."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ..downloads.background import BackgroundDownload
from ..downloads.store import Kind, Store, check_model
from ..engine.builtin.engine import BuiltinEngine
from ..engine.control import ModelControl
from ..engine.failover import FailoverEngine
from ..engine.head_start import HeadStart
from ..engine.idle import IdleEngine
from ..engine.qwen3.checkpoints import Checkpoints
from ..engine.qwen3.config import EngineConfig
from ..engine.qwen3.engine import Qwen3Engine
from ..engine.qwen3.hardware.plan import LARGE, SMALL
from ..engine.qwen3.hardware.probe import may_have_card
from ..engine.remote.engine import RemoteEngine, Timing
from ..engine.wyoming.engine import WyomingEngine
from ..errors import SettingsError, StoreError
from ..homeassistant.piper_app import stand_in_addresses
from ..service.phrase_cache import PhraseCache
from ..service.postprocess import PostProcessor
from ..service.service import SpeechService
from ..settings import Settings
from ..speech.engine import Engine
from ..studio.studio import VoiceStudio
from ..text.lexicon import LexiconFolder
from ..util.instance import INSTANCE
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
    if wanted.chosen_kind == "builtin":
        return BuiltEngine(build_builtin(settings))
    if wanted.chosen_kind == "wyoming":
        return BuiltEngine(build_wyoming(settings))
    if wanted.chosen_kind == "auto" and not may_have_card():
        return BuiltEngine(build_stand_in(settings))
    if wanted.chosen_kind == "remote":
        return with_fallback(settings, build_remote(settings))
    return with_fallback(settings, build_qwen3(settings), designs=True)


def build_builtin(settings: Settings) -> BuiltinEngine:
    """The built-in voice, in the languages of this home."""
    return BuiltinEngine(sentence_pause_s=settings.voices.sentence_pause_s, added=settings.voices.added)


def build_wyoming(settings: Settings) -> Engine:
    """The voices of other Wyoming servers, and the built-in one where they cannot speak.

    Raises:
        SettingsError: if none is named.
    """
    if not stand_in_addresses(settings.engine, os.environ):
        raise SettingsError("engine.kind is wyoming, but engine.stand_in names no server: name one, tcp://HOST:10200")
    return _before_builtin(settings, is_stand_in=False)


def build_stand_in(settings: Settings) -> Engine:
    """Whoever speaks while the model cannot: the servers of ``engine.stand_in``, and the built-in voice."""
    return (
        _before_builtin(settings, is_stand_in=True)
        if stand_in_addresses(settings.engine, os.environ)
        else build_builtin(settings)
    )


def _before_builtin(settings: Settings, *, is_stand_in: bool) -> FailoverEngine:
    others = WyomingEngine(
        stand_in_addresses(settings.engine, os.environ),
        instance=INSTANCE,
        preferred=settings.engine.stand_in_voices,
        is_stand_in=is_stand_in,
        sentence_pause_s=settings.voices.sentence_pause_s,
    )
    return FailoverEngine(others, build_builtin(settings), patience_s=settings.engine.patience_s)


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
    return VoiceCatalog(
        engine.voices,
        engine.clones,
        mapping=MappingFile(settings.voices_file).current,
        why_mute=engine.why_mute,
        fallback_language=settings.voices.language,
        added=settings.voices.added,
        marks=settings.voices.marks,
        blend=engine.blend,
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


def check_models(settings: Settings, kind: Kind = "CustomVoice") -> None:
    """See that every configured model can be one. ``kind`` is proposed in the place of one that names none.

    Raises:
        SettingsError: for the first that cannot.
    """
    for model in settings.engine.model:
        try:
            check_model(model, kind)
        except StoreError as error:
            raise SettingsError(f"engine.model: {error}") from None


def build_store(settings: Settings, models: Sequence[str] = ()) -> Store:
    """Where model files are. It fetches ``models``, by default the configured ones, and no others."""
    source = settings.models
    return Store(
        settings.data_dir / "models",
        models or settings.engine.model,
        endpoint=source.endpoint,
        offline=source.offline,
    )


def build_download(settings: Settings) -> BackgroundDownload:
    """Fetches the models that are configured, by default those that are published, when somebody asks. To be closed."""
    models = settings.engine.model or DEFAULT_MODELS
    return BackgroundDownload(build_store(settings, models), models)


def with_fallback(
    settings: Settings, model: Engine, fallback: Engine | None = None, *, designs: bool = False
) -> BuiltEngine:
    """``model``, and ``fallback``, by default whoever stands in, wherever and whenever it cannot speak. ``designs``:
    ``model`` renders described voices."""
    wanted = settings.engine
    primary, idle = model, None
    if model.can_unload:
        primary = idle = IdleEngine(model, wanted.unload_after)
    elif wanted.unload_after:
        log.warning("engine.unload_after has no effect: the %s engine cannot be unloaded", model.name)
    head_start = None
    if wanted.head_start_s:
        head_start = HeadStart(wanted.head_start_s, settings.speeds_file, measures=model.can_unload)
    engine = FailoverEngine(
        primary,
        fallback or build_stand_in(settings),
        patience_s=wanted.patience_s,
        earcon=wanted.earcon,
        head_start=head_start,
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
            settings.audio,
            VoiceLevels(settings.levels_file) if settings.audio.level else None,
            turn_pause_s=settings.voices.sentence_pause_s,
        ),
        phrases=phrases,
    )
    try:
        yield service
    finally:
        await service.close()
