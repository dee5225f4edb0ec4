"""Where requests come in, and whom the server talks to by itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo, field_validator

from .values import (
    Address,
    Key,
    Section,
    Uri,
    WebUriOrOff,
    as_text,
    checked_entity,
    checked_host,
    checked_origin,
    checked_topic,
    listed,
    parse_address,
    web_address,
)


class Wyoming(Section):
    """The server that Home Assistant uses."""

    uri: Uri = "tcp://0.0.0.0:10200"
    """Address and port to listen on; `tcp://127.0.0.1:10200` for this machine only, `tcp://[::]:10200` or
    `tcp://*:10200` for IPv6 too."""
    rate: Annotated[Literal["auto", "24000", "48000"], BeforeValidator(as_text)] = "auto"
    """Samples a second of the sound. Home Assistant before 2026.11 holds sound back, half as long with 48000. `auto`:
    inside the add-on 48000 for those versions, else 24000."""
    channels: Annotated[Literal["auto", "1", "2"], BeforeValidator(as_text)] = "auto"
    """1, or 2 with the same sound in both, which halves that time again. `auto`: inside the add-on 2 for Home Assistant
    before 2026.11, else 1."""
    share_port: bool = False
    """Let other servers of the same user listen on this port too, each with this setting: Linux gives every new
    connection to one of them. For a building that one process is too few for."""

    @property
    def address(self) -> Address:
        return parse_address(self.uri)


class Http(Section):
    """The web server: the page, OpenAI's speech API, and live text over WebSocket."""

    uri: WebUriOrOff = "tcp://127.0.0.1:8880"
    """Address and port to listen on; `tcp://0.0.0.0:8880` for the whole network, `off` to do without. `http://` instead
    of `tcp://` will do."""
    base_url: Annotated[str, web_address("http://192.168.1.20:8880")] = ""
    """How speakers in the house reach the web server, such as `http://192.168.1.20:8880`. None: worked out from
    `uri`."""
    api_keys: Annotated[tuple[Key, ...], BeforeValidator(listed)] = ()
    """Keys of 8 characters or more that clients must send, separated by commas; `name:key` names the client in the
    log. None: no key needed."""
    hosts: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Further names that the web server is reached by, such as `voice.example.org`. What no stranger can own works by
    itself: addresses, names without a dot or under `.local`, `.lan`, `.home`, `.internal`, `.home.arpa` and their like,
    below `fritz.box` and `speedport.ip`, this machine's own, and the host of `base_url`. Any other name is refused, as
    a web page from outside could use it to reach into the house."""

    origins: Annotated[tuple[Annotated[str, AfterValidator(checked_origin)], ...], BeforeValidator(listed)] = ()
    """Web pages of other sites that may use the web server, such as `https://chat.example.org`, separated by commas;
    `*` for all, where there are keys. None: only its own."""

    @field_validator("origins")
    @classmethod
    def _all_only_with_keys(cls, origins: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "*" in origins and not info.data.get("api_keys"):
            raise ValueError("* lets every web page in, which needs http.api_keys; or list the pages")
        return origins

    @property
    def address(self) -> Address | None:
        return None if self.uri == "off" else parse_address(self.uri)


class Mqtt(Section):
    """The broker that announcements come from."""

    host: Annotated[str, AfterValidator(checked_host)] = ""
    """Name or address of the broker. None: no MQTT, or inside the add-on the broker that the Supervisor knows."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Its port. 0: 1883, with TLS 8883."""
    username: str = ""
    """Who we are to the broker."""
    password: SecretStr = SecretStr("")
    """Password for the broker."""
    base_topic: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(checked_topic)] = "qwen3tts"
    """Before every topic of ours: `qwen3tts/say`, `qwen3tts/result` and so on. Each server needs its own."""
    discovery_prefix: Annotated[str, AfterValidator(checked_topic)] = "homeassistant"
    """Where Home Assistant looks for devices. None: do not announce ourselves there."""
    tls: bool = False
    """Encrypt the connection."""
    ca: str = ""
    """File with the certificate authority to trust. None: the system's."""
    certificate: str = ""
    """File with our own certificate, for brokers that ask for one."""
    key: str = ""
    """File with the key of `certificate`, if it is not in the same file."""
    protocol: Annotated[Literal["auto", "5", "3.1.1"], BeforeValidator(as_text)] = "auto"
    """The version of MQTT. `auto`: 5, and 3.1.1 where the broker knows no other. With 5 the broker keeps for us what
    is published while our connection is broken."""
    keepalive_s: Annotated[int, Field(ge=5, le=3600)] = 30
    """How often the broker hears from us at least; a dead connection is noticed after that time and a half."""
    hermes: bool = False
    """Also serve satellites of Rhasspy: `hermes/tts/say` in, `hermes/audioServer/<site>/playBytes` out."""
    audio: bool = False
    """Also publish the sound of every announcement, as a WAV on `<base>/audio/<id>`. Off: of those that ask for it
    with `"audio": true`."""


class HomeAssistantSettings(Section):
    """How announcements reach its media players and satellites."""

    url: Annotated[str, web_address("http://homeassistant.local:8123")] = ""
    """Such as `http://homeassistant.local:8123`. Inside the add-on it is known by itself."""
    token: SecretStr = SecretStr("")
    """A long-lived access token, from your profile page in Home Assistant."""
    tts_entity: Annotated[str, AfterValidator(checked_entity)] = ""
    """What this server is called there, such as `tts.qwen3_tts`. None: looked for by its name."""
