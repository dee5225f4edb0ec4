"""Every knob, once. Flags, environment and the options file are three spellings of the same names.

``--engine.slots 8`` = ``QWEN3TTS_ENGINE__SLOTS=8`` = ``engine: {slots: 8}`` in the options file; ``settings_sources``
reads them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


class Address(NamedTuple):
    """Where a door listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


def parse_address(uri: str) -> Address:
    """``tcp://HOST:PORT`` as an address; IPv6 hosts in brackets.

    Raises:
        ValueError: with a message that shows the right form.
    """
    parts = urlsplit(uri if "://" in uri else f"tcp://{uri}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "tcp" or not parts.hostname or port is None or parts.path not in ("", "/"):
        raise ValueError("must look like tcp://0.0.0.0:10200 (or tcp://[::]:10200)")
    return Address(parts.hostname, port)


def _yaml_off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` as false


def _checked_uri(uri: str) -> str:
    parse_address(uri)
    return uri


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must look like https://mirror.example")
    return url.rstrip("/")


def default_data_dir() -> Path:
    """Where voices, models and caches live: ``$XDG_DATA_HOME/wyoming-qwen3tts``, on a machine without HOME under
    /tmp."""
    base = os.environ.get("XDG_DATA_HOME")
    if not base:
        home = os.environ.get("HOME")
        base = str(Path(home) / ".local" / "share") if home and home != "/" else "/tmp"  # noqa: S108  any uid, no HOME
    return Path(base) / "wyoming-qwen3tts"


Uri = Annotated[str, AfterValidator(_checked_uri)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
LanguageCode = Literal["de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh"]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Engine(Section):
    """Who speaks."""

    kind: Annotated[Literal["auto", "builtin", "qwen3"], BeforeValidator(_lower)] = "auto"
    """`builtin`: hibari for English, espeak-ng for the other languages. `qwen3`: Qwen3-TTS on this machine. `auto`:
    `qwen3` where a CUDA card works, else `builtin`."""
    model: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    """Qwen3-TTS checkpoints, hub ids or folders, separated by commas. Each decides which voices it speaks. None: chosen
    by the memory of the graphics card. Only what is listed here is ever downloaded."""
    device: Annotated[Literal["auto", "cpu", "cuda"], BeforeValidator(_lower)] = "auto"
    """Where the model runs. `auto`: `cuda` where a card works, else `cpu`."""
    dtype: Annotated[Literal["auto", "float32", "bfloat16"], BeforeValidator(_lower)] = "auto"
    """The precision of its weights. `auto`: `bfloat16` where the machine computes with it, else `float32`."""
    feed: Annotated[Literal["hybrid", "live", "sentence"], BeforeValidator(_lower)] = "hybrid"
    """How text reaches Qwen3-TTS: `sentence` by sentence, `live` word by word, or `hybrid`: the first sentence of a
    streamed reply live, the later ones as sentences."""
    slots: Annotated[int, Field(ge=1, le=64)] = 4
    """How many replies are spoken at the same time."""
    patience_s: Annotated[float, Field(gt=0, le=60)] = 4.0
    """How long the model may take to its first sound, from the first sentence on, before the built-in voice speaks."""
    earcon: bool = False
    """Play two soft tones before the built-in voice speaks in the place of the model."""
    vram_limit_mb: Annotated[int, Field(ge=0)] = 0
    """How much memory of the graphics card the model may take, in MiB; others may need the rest. 0: what is free."""
    unload_after: Annotated[float, Field(ge=0, le=604_800)] = 0.0
    """After how many idle seconds the model leaves the memory. The next request loads it again, and is spoken by the
    built-in voice meanwhile. 0: never."""


class Models(Section):
    """Where model files come from. They are kept in `models` inside the data folder."""

    offline: bool = False
    """Never download anything. `HF_HUB_OFFLINE=1` in the environment does the same."""
    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    """A mirror of the Hugging Face hub, such as `https://mirror.example`. None: `HF_ENDPOINT`, else the hub itself."""


class Wyoming(Section):
    """The door that Home Assistant uses."""

    uri: Uri = "tcp://0.0.0.0:10200"
    """Address and port to listen on; `tcp://127.0.0.1:10200` for this machine only."""

    @property
    def address(self) -> Address:
        return parse_address(self.uri)


class Voices(Section):
    """Who speaks what."""

    language: Annotated[LanguageCode, BeforeValidator(_lower)] = "en"
    """The language of a text that names no voice and is too short to tell, such as "OK" or "21"."""
    sentence_pause_s: Annotated[float, Field(ge=0, le=5)] = 0.25
    """Silence between two sentences of the built-in voice."""


class Limits(Section):
    """What one stranger on the LAN may cost us. Every limit is finite on purpose."""

    connections: Annotated[int, Field(ge=1, le=4096)] = 64
    """Connections at once. As many again may still ask `describe` and `ping`, but not speak."""
    host_connections: Annotated[int, Field(ge=1, le=4096)] = 16
    """Connections of one host that have not said anything yet."""
    hello_s: Seconds = 5.0
    """How long a connection may be silent before it counts for `host_connections`."""
    header_bytes: Annotated[int, Field(ge=256, le=1 << 20)] = 8 * 1024
    """The first line of a Wyoming event."""
    data_bytes: Annotated[int, Field(ge=1024, le=1 << 24)] = 256 * 1024
    """The JSON data of a Wyoming event."""
    payload_bytes: Annotated[int, Field(ge=0, le=1 << 24)] = 0
    """The payload of an incoming Wyoming event; text-to-speech needs none."""
    event_s: Seconds = 5.0
    """How long one event may take to arrive after its first byte."""
    idle_s: Seconds = 300.0
    """How long a connection may stay open without an event while nothing is spoken."""
    text_chars: Annotated[int, Field(ge=1, le=100_000)] = 8_000
    """The text of one request."""
    text_idle_s: Seconds = 30.0
    """How long a text stream may be quiet before it is ended."""
    write_stall_s: Seconds = 30.0
    """How long a listener may read nothing before it is dropped."""
    queue: Annotated[int, Field(ge=0, le=4096)] = 32
    """How many replies may wait for a slot; one more is told `busy` at once."""
    utterances: Annotated[int, Field(ge=1, le=4096)] = 16
    """How many requests one connection may have waiting behind each other."""
    drain_s: Annotated[float, Field(ge=0, le=60)] = 6.0
    """How long speech in progress may go on after SIGTERM. The Home Assistant Supervisor kills after 10 s."""


def _http_off(value: object) -> object:
    value = _yaml_off(value)
    if isinstance(value, str) and value.lower() != "off":
        raise ValueError("the web door is not part of this version yet; only 'off' is possible")
    return "off"


class Http(Section):
    """The web door. Not part of this version yet."""

    uri: Annotated[Literal["off"], BeforeValidator(_http_off)] = "off"
    """`off` is the only value so far."""


class Settings(Section):
    """All of them. Immutable after the start."""

    engine: Engine = Engine()
    models: Models = Models()
    wyoming: Wyoming = Wyoming()
    http: Http = Http()
    voices: Voices = Voices()
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
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = "info"
    """`debug` also logs the spoken text."""

    @property
    def voices_dir(self) -> Path:
        """Cloned voices."""
        return self.data_dir / "voices"

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
