"""The five lines that the log of a start has, whatever the engine and wherever it runs; all else is a warning."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Mapping

from .. import __version__
from ..announcements.address import in_container, is_of_a_container
from ..engine.qwen3.hardware.probe import may_have_card, probe_driver
from ..homeassistant.piper_app import stand_in_addresses
from ..servers.mqtt.start import is_wanted
from ..servers.wyoming.client import local
from ..servers.wyoming.discovery import usable_addresses
from ..settings import Address, Settings, sources
from ..util.installation import IMAGE_USER, qwen3_advice

log = logging.getLogger(__name__)

_SUPERVISOR = "SUPERVISOR_TOKEN"


def say_begin(settings: Settings) -> None:
    """Which version, with which settings, and where its data lies."""
    log.info(
        "wyoming-qwen3tts %s; settings: %s; data in %s", __version__, sources.describe(settings), settings.data_dir
    )


def engine_says_voice(settings: Settings) -> bool:
    """Whether the engine says who speaks, once it has looked at the machine: only it loads PyTorch."""
    kind = settings.engine.chosen_kind
    return kind == "qwen3" or (kind == "auto" and may_have_card())


def say_voice(settings: Settings, environ: Mapping[str, str] = os.environ) -> None:
    """Who speaks, and how to get another voice. Not for the event loop."""
    log.info("Voice: %s", voice(settings, environ))


def voice(settings: Settings, environ: Mapping[str, str]) -> str:
    """As `say_voice` says it."""
    wanted = settings.engine
    others = ", ".join(str(address) for address in stand_in_addresses(wanted, environ))
    if others and wanted.stand_in == ("auto",):
        others = "Piper, where that app runs"
    built_in = f"{others}; built-in where that cannot" if others else "built-in"
    match wanted.chosen_kind:
        case "remote":
            return f"Qwen3-TTS by {', '.join(wanted.urls)}; while it is away, {built_in}"
        case "wyoming":
            return built_in
        case "builtin":
            return "built-in, as engine.kind says"
    why = _why_no_card(settings, environ)
    return f"{built_in}, as {why}. Natural voices: {_natural(environ)}"


def _why_no_card(settings: Settings, environ: Mapping[str, str]) -> str:
    from ..doctor import card  # only now: the port answers already
    from ..doctor.checks import CheckContext

    checks = card.check(CheckContext(settings, environ, probe=probe_driver))
    wrong = next((check for check in checks if not check.ok), None)
    return f"{wrong.detail}. {wrong.fix}" if wrong else "there is no NVIDIA card"


def _natural(environ: Mapping[str, str]) -> str:
    if _SUPERVISOR in environ:
        return "turn on Natural voice in this app's configuration"
    if environ.get(IMAGE_USER):
        return "QWEN3TTS_ENGINE__NATURAL_VOICE=on, or docs/install.md"
    return f"{qwen3_advice(serve=True)}, or docs/install.md"


def say_home_assistant(settings: Settings, address: Address, announced: str | None, environ: Mapping[str, str]) -> None:
    """How Home Assistant gets to ``address``; ``announced`` is the name that the network knows it by."""
    log.info("Home Assistant: %s", home_assistant(settings, address, announced, environ))


def home_assistant(settings: Settings, address: Address, announced: str | None, environ: Mapping[str, str]) -> str:
    """As `say_home_assistant` says it."""
    if _SUPERVISOR in environ:
        return f"it is offered there, Settings > Devices & services, Discovered (port {address.port})"
    hosts = [settings.zeroconf_address] if settings.zeroconf_address else usable_addresses(address.host)
    host = hosts[0] if hosts else local(address).host
    if _is_loopback(host):
        opened = Address("0.0.0.0", address.port)  # noqa: S104  it is what one would type
        return f"on this machine only, host {host}, port {address.port}; for the house: --wyoming.uri {opened}"
    if is_of_a_container(host) and in_container(environ):
        host = "the address of this machine"
    name = f"announced as {announced}" if announced else "not announced"
    return f'add "Wyoming Protocol", host {host}, port {address.port} ({name})'


def say_page(settings: Settings, port: int, environ: Mapping[str, str]) -> None:
    """Where the page is, and for whom. The port is the one that it has got."""
    log.info("Page: %s", page(settings, port, environ))


def page(settings: Settings, port: int, environ: Mapping[str, str]) -> str:
    """As `say_page` says it."""
    address = settings.http.address
    assert address is not None  # noqa: S101  it listens
    if _SUPERVISOR in environ:
        return "Open Web UI, on this app's page in Home Assistant"
    if settings.http.base_url:
        return settings.http.base_url
    found = usable_addresses(address.host)
    host = found[0] if found else local(address).host
    if is_of_a_container(host) and in_container(environ):
        return f"http://HOST:{port}, HOST being the address of this machine (http.base_url)"
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if _is_loopback(host):
        opened = Address("0.0.0.0", port)  # noqa: S104  it is what one would type
        return f"{url}, from this machine only; for the house: --http.uri {opened}"
    return url


def say_no_page() -> None:
    """The page was turned off."""
    log.info("Page: off (http.uri)")


def say_ready(settings: Settings, seconds: float, *, has_page: bool, environ: Mapping[str, str]) -> None:
    """A request that is made now is spoken."""
    log.info(
        "Ready after %.1f s. Announcements: %s", seconds, announcements(settings, has_page=has_page, environ=environ)
    )


def announcements(settings: Settings, *, has_page: bool, environ: Mapping[str, str]) -> str:
    """How they come in, and where they are heard."""
    if settings.mqtt.host:
        return f"by MQTT, {settings.mqtt.host}, topic {settings.mqtt.base_topic}/say"
    if is_wanted(settings, environ):
        return f"by MQTT, where Home Assistant has a broker, topic {settings.mqtt.base_topic}/say"
    if has_page and settings.homeassistant.url:
        return "by HTTP; MQTT is off (mqtt.host)"
    return "off (mqtt.host)"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
