"""Every knob, once. Flags, environment and the options file are three spellings of the same names.

``--engine.slots 8`` = ``QWEN3TTS_ENGINE__SLOTS=8`` = ``engine: {slots: 8}`` in the options file; ``sources``
reads them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo

from .announce import Announce
from .audio import Audio, Cache
from .engine import EngineSettings, ModelSettings
from .limits import Limits
from .servers import HomeAssistantSettings, Http, Mqtt, Wyoming
from .values import Address, Section, lower, parse_address
from .voices import Voices

__all__ = [
    "Address", "Announce", "Audio", "Cache", "EngineSettings", "HomeAssistantSettings", "Http", "Limits",
    "ModelSettings", "Mqtt", "Section", "Settings", "Voices", "Wyoming", "is_secret", "parse_address", "walk",
]  # fmt: skip


def default_data_dir() -> Path:
    """Where voices, models and caches live: ``$XDG_DATA_HOME/wyoming-qwen3tts``, on a machine without HOME under
    /tmp."""
    base = os.environ.get("XDG_DATA_HOME")
    if not base:
        home = os.environ.get("HOME")
        base = str(Path(home) / ".local" / "share") if home and home != "/" else "/tmp"  # noqa: S108  any uid, no HOME
    return Path(base) / "wyoming-qwen3tts"


class Settings(Section):
    """All of them. Immutable after the start."""

    engine: EngineSettings = EngineSettings()
    models: ModelSettings = ModelSettings()
    wyoming: Wyoming = Wyoming()
    http: Http = Http()
    mqtt: Mqtt = Mqtt()
    homeassistant: HomeAssistantSettings = HomeAssistantSettings()
    announce: Announce = Announce()
    voices: Voices = Voices()
    audio: Audio = Audio()
    cache: Cache = Cache()
    limits: Limits = Limits()
    zeroconf: bool = True
    """Announce the server on the local network, so that Home Assistant finds it. Always off inside the add-on, which
    has its own way."""
    zeroconf_name: Annotated[str, Field(min_length=1, max_length=40)] = "qwen3-tts"
    """The announced name. Home Assistant remembers the server by it: choose once; each server needs its own."""
    zeroconf_address: str = ""
    """Announce this address instead of those of the network interfaces; for containers behind a bridge."""
    data_dir: Annotated[Path, AfterValidator(Path.expanduser)] = Field(default_factory=default_data_dir)
    """The one folder that is ever written to."""
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lower)] = "info"
    """`debug` also logs the spoken text."""

    @property
    def voices_dir(self) -> Path:
        """Voices of the home's own, cloned and designed."""
        return self.data_dir / "voices"

    @property
    def voices_file(self) -> Path:
        """Who speaks which language."""
        return Path(self.voices.mapping).expanduser() if self.voices.mapping else self.data_dir / "voices.yaml"

    @property
    def phrases_dir(self) -> Path:
        """Recordings of phrases."""
        return self.data_dir / "phrases"

    @property
    def levels_file(self) -> Path:
        """How loud each voice comes from its engine."""
        return self.data_dir / "voice-levels.json"

    @property
    def speeds_file(self) -> Path:
        """How fast the model speaks here, and how long its voices take for a text."""
        return self.data_dir / "cache" / "speeds.json"

    @property
    def lexicon_dir(self) -> Path:
        """How words are said here: ``de.txt``, ``en.txt``, ..., and ``all.txt``; a line is ``word = respelling``."""
        return self.data_dir / "lexicon"


def walk(model: type[BaseModel] = Settings, prefix: str = "") -> list[tuple[str, Any]]:
    """Every setting as ``(dotted name, pydantic field)``, in the order of this file."""
    found: list[tuple[str, Any]] = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found += walk(field.annotation, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", field))
    return found


def is_secret(field: FieldInfo) -> bool:
    """Whether the value must never be shown, not even in an error about it."""
    return _holds_secret(field.annotation)


def _holds_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_holds_secret(part) for part in get_args(annotation))
