"""Where requests come in, and whom the server talks to by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from .values import Address, Section, Uri, UriOrOff, checked_url, listed, parse_address


class Wyoming(Section):
    """The door that Home Assistant uses."""

    uri: Uri = "tcp://0.0.0.0:10200"
    """Address and port to listen on; `tcp://127.0.0.1:10200` for this machine only."""

    @property
    def address(self) -> Address:
        return parse_address(self.uri)


class Http(Section):
    """The web door: OpenAI's speech API, live text over WebSocket, and the page."""

    uri: UriOrOff = "tcp://127.0.0.1:8880"
    """Address and port to listen on; `tcp://0.0.0.0:8880` for the whole network, `off` to do without."""
    base_url: Annotated[str, AfterValidator(checked_url)] = ""
    """How speakers in the house reach the web door, such as `http://192.168.1.20:8880`. None: worked out from `uri`."""
    api_keys: Annotated[tuple[SecretStr, ...], BeforeValidator(listed)] = ()
    """Keys that clients must send, separated by commas; `name:key` names the client in the log. None: no key needed."""
    hosts: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Further names that the web door is reached by, such as `voice.example.org`. Addresses, `localhost`, names without
    a dot or under `.local`, `.lan`, `.internal` and `.home.arpa`, and the host of `base_url` always work; any other
    name is refused, as a web page from outside could use it to reach into the house."""

    @property
    def address(self) -> Address | None:
        return None if self.uri == "off" else parse_address(self.uri)


class Mqtt(Section):
    """The broker that announcements come from."""

    host: str = ""
    """Name or address of the broker. None: no MQTT, or inside the add-on the broker that the Supervisor knows."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    """Its port. 0: 1883, with TLS 8883."""
    username: str = ""
    """Who we are to the broker."""
    password: SecretStr = SecretStr("")
    """And the password for it."""
    base_topic: Annotated[str, Field(min_length=1, max_length=200)] = "qwen3tts"
    """Before every topic of ours: `qwen3tts/say`, `qwen3tts/result` and so on."""
    discovery_prefix: str = "homeassistant"
    """Where Home Assistant looks for devices. None: do not announce ourselves there."""
    tls: bool = False
    """Encrypt the connection."""
    ca: str = ""
    """File with the certificate authority to trust. None: the system's."""


class HomeAssistant(Section):
    """How announcements reach its media players and satellites."""

    url: Annotated[str, AfterValidator(checked_url)] = ""
    """Such as `http://homeassistant.local:8123`. Inside the add-on it is known by itself."""
    token: SecretStr = SecretStr("")
    """A long-lived access token, from your profile page in Home Assistant."""
