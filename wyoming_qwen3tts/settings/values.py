"""What settings are made of: addresses, lists, switches, and the base of every section."""

from __future__ import annotations

import difflib
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from ..speech.languages import ADDED, LANGUAGES, normalize_tag
from ..util.names import is_safe_name


class Address(NamedTuple):
    """Where a door listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


def parse_address(uri: str) -> Address:
    """``tcp://HOST:PORT`` as an address; IPv6 hosts in brackets, ``*`` for every address of both families.

    Raises:
        ValueError: with a message that shows the right form.
    """
    parts = urlsplit(uri if "://" in uri else f"tcp://{uri}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "tcp" or not parts.hostname or port is None or parts.path not in ("", "/") or "@" in uri:
        raise ValueError("must look like tcp://0.0.0.0:10200 (or tcp://[::]:10200)")
    return Address("::" if parts.hostname == "*" else parts.hostname, port)


def yaml_off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` as false


def checked_uri(uri: str) -> str:
    parse_address(uri)
    return uri


def checked_uri_or_off(uri: str) -> str:
    return "off" if uri.strip().lower() == "off" else checked_uri(uri)


def lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def as_text(value: object) -> object:
    """YAML reads a bare `5` as a number."""
    return str(value) if type(value) in (int, float) else value


def checked_topic(topic: str) -> str:
    """The beginning of MQTT topics; may be empty."""
    if topic and not all(map(is_safe_name, topic.split("/"))):
        raise ValueError("must look like qwen3tts or home/speech: letters, digits, _, - and dots between slashes")
    return topic


def checked_url(url: str) -> str:
    parts = urlsplit(url)
    if "@" in parts.netloc:  # it would be shown wherever the address is
        raise ValueError("must hold no user name and no password; there is a setting for a key or token")
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment):
        raise ValueError("must look like https://mirror.example")
    return url.rstrip("/")


def checked_host(host: str) -> str:
    """A name or an address; may be empty."""
    if set(host) & set("@/ ?#"):
        raise ValueError("must be a name or an address, such as 192.168.1.10, without mqtt:// and a user name")
    return host


def checked_origin(origin: str) -> str:
    """As browsers send it, or ``*``."""
    origin = origin.lower()
    parts = urlsplit(origin)
    is_page = parts.scheme in ("http", "https") and parts.netloc and f"{parts.scheme}://{parts.netloc}" == origin
    if origin != "*" and not is_page:
        raise ValueError("must look like https://chat.example.org, with the port if it has one and without a slash")
    return origin


_KEY_CHARS = 8


def checked_key(secret: SecretStr) -> SecretStr:
    """``name:key`` or a key; see `split_key`."""
    if len(split_key(secret.get_secret_value())[1]) < _KEY_CHARS:
        raise ValueError(f"a key must have at least {_KEY_CHARS} characters")
    return secret


def split_key(text: str) -> tuple[str, str]:
    """Name, empty if there is none, and key of ``name:key`` or ``key``; spaces around them do not count."""
    name, colon, key = text.partition(":")
    return (name.strip(), key.strip()) if colon else ("", text.strip())


def checked_stand_in(names: tuple[str, ...]) -> tuple[str, ...]:
    """``auto``, ``builtin``, or addresses.

    Raises:
        ValueError: for anything else, or a mixture of them.
    """
    words = tuple(name.lower() for name in names)
    if words in ((), ("builtin",)):
        return ("builtin",)
    if words == ("auto",):
        return words
    if {"auto", "builtin"} & set(words):
        raise ValueError(
            "must be auto, or builtin, or addresses such as tcp://192.168.1.20:10200, not several of these"
        )
    return tuple(str(parse_address(name)) for name in names)


Key = Annotated[SecretStr, AfterValidator(checked_key)]
Uri = Annotated[str, AfterValidator(checked_uri)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
UriOrOff = Annotated[str, BeforeValidator(yaml_off), AfterValidator(checked_uri_or_off)]
LANGUAGES_MAX = 100


def checked_language(tag: str) -> str:
    """A language as its code, without a region.

    Raises:
        ValueError: for one that nobody has heard of, naming the nearest.
    """
    if code := normalize_tag(tag):
        return code
    near = difflib.get_close_matches(tag[:20].casefold(), [*LANGUAGES, *ADDED], n=3, cutoff=0.0)
    raise ValueError(
        f"{tag[:20]!r} is no language known here: write its code, such as nl, pl or sv (nearest: {', '.join(near)})"
    )


def checked_languages(tags: tuple[str, ...]) -> tuple[str, ...]:
    """The codes, each once; a region counts for nothing here, as every region of a language is offered."""
    return tuple(dict.fromkeys(map(checked_language, tags)))


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
