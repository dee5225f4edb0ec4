"""What settings are made of: addresses, lists, switches, and the base of every section."""

from __future__ import annotations

import difflib
import re
from typing import Annotated, NamedTuple
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from ..speech.languages import ADDED, LANGUAGES, normalize_tag
from ..util.names import is_safe_name


class Address(NamedTuple):
    """Where a door listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://[{self.host}]:{self.port}" if ":" in self.host else f"tcp://{self.host}:{self.port}"


def parse_address(uri: str, port: int = 10200) -> Address:
    """``tcp://HOST:PORT`` as an address; IPv6 hosts in brackets, ``*`` for every address of both families.

    Raises:
        ValueError: with a message that shows the right form; ``port`` is that of its example.
    """
    try:
        parts = urlsplit(uri if "://" in uri else f"tcp://{uri}")
    except ValueError:  # of brackets
        raise ValueError(f"must look like tcp://0.0.0.0:{port} (or tcp://[::]:{port})") from None
    try:
        given = parts.port
    except ValueError:
        given = None
    if parts.scheme != "tcp" or not parts.hostname or given is None or parts.path not in ("", "/") or "@" in uri:
        raise ValueError(f"must look like tcp://0.0.0.0:{port} (or tcp://[::]:{port}){_lacks(uri, parts, given, port)}")
    return Address("::" if parts.hostname == "*" else parts.hostname, given)


def _lacks(uri: str, parts: SplitResult, given: int | None, port: int) -> str:
    """What an address that is none would need, where that can be told; never a password."""
    if "@" in uri or not parts.hostname or parts.path not in ("", "/") or parts.query:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme != "tcp":
        return f"; here: tcp://{host}:{given or port}"
    has_port = uri.rpartition("]")[2].count(":") > uri.count("://") or (given is None and uri.rstrip("/")[-1:] == ":")
    return "; its port must be from 0 to 65535" if has_port else f"; the port is missing: tcp://{host}:{port}"


def yaml_off(value: object) -> object:
    return "off" if value is False else value  # YAML reads a bare `off` as false


def checked_uri(uri: str) -> str:
    parse_address(uri)
    return uri


def checked_web_uri_or_off(uri: str) -> str:
    """Browsers write the same address as ``http://``."""
    uri = uri.strip()
    if uri.lower() == "off":
        return "off"
    if uri.lower().startswith("http://"):
        uri = f"tcp://{uri[len('http://') :]}"
    elif uri.lower().startswith("https://"):
        raise ValueError(
            "must look like tcp://0.0.0.0:8880: for https put a proxy in front, and name it in http.base_url"
        )
    parse_address(uri, 8880)
    return uri


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


def web_address(example: str) -> AfterValidator:
    """A check for addresses of web servers, with an example of what the setting holds; they may be empty."""
    scheme = example.partition("://")[0]

    def checked(url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:  # of brackets
            raise ValueError(f"must look like {example}") from None
        if "@" in url:  # it would be shown wherever the address is
            raise ValueError("must hold no user name and no password; there is a setting for a key or token")
        if not url or (parts.scheme in ("http", "https") and parts.hostname and not parts.query + parts.fragment):
            return url.rstrip("/")
        if "://" not in url and not set(url) & set(" ?#"):
            raise ValueError(f"{scheme}:// is missing: {scheme}://{url.lstrip('/')}")
        if parts.query or parts.fragment:
            raise ValueError(f"must end before the ? or #, such as {example}")
        raise ValueError(f"must begin with http:// or https://, such as {example}")

    return AfterValidator(checked)


def checked_host(host: str) -> str:
    """A name or an address; may be empty."""
    if "@" in host:
        raise ValueError(
            "must be a name or an address, such as 192.168.1.10; who we are is mqtt.username, mqtt.password"
        )
    scheme, marks, rest = host.rpartition("://")
    bare = rest.strip("/")
    if set(bare) & set("/ ?#"):
        raise ValueError("must be a name or an address, such as 192.168.1.10")
    if marks:
        named = bare.partition(":")[0] if bare.count(":") == 1 else bare
        raise ValueError(f"write it without {scheme}://, as {named}; the port is mqtt.port, and encryption is mqtt.tls")
    if host.count(":") == 1 or (host.startswith("[") and "]:" in host):
        name, _, port = host.rpartition(":")
        raise ValueError(f"the port is a setting of its own: mqtt.host {name}, mqtt.port {port}")
    return host


def checked_entity(entity: str) -> str:
    """Of text-to-speech in Home Assistant; may be empty."""
    if entity and not re.fullmatch(r"tts\.[a-z0-9_]+", entity):
        raise ValueError("must look like tts.qwen3_tts, in small letters")
    return entity


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
WebUriOrOff = Annotated[str, BeforeValidator(yaml_off), AfterValidator(checked_web_uri_or_off)]
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
