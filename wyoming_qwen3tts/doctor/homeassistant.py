"""The Supervisor and Home Assistant, where announcements are to go through them."""

from __future__ import annotations

import asyncio

from ..homeassistant.hoarding import ADVICE, WyomingSound, held_back_s, is_hoarding
from ..homeassistant.requester import Requester, Unreachable
from ..homeassistant.supervisor import Supervisor, SupervisorError
from ..settings.servers import Wyoming
from ..speech.audio_format import FORMAT
from .checks import Check, CheckContext, fine, wrong

_ANSWER_S = 5.0


def check(place: CheckContext) -> list[Check]:
    home = place.settings.homeassistant
    checks = asyncio.run(_supervisor(place.supervisor, place.settings.wyoming)) if place.supervisor else []
    if home.url:
        return [*checks, asyncio.run(_api(f"{home.url}/api", home.token.get_secret_value(), "homeassistant.token"))]
    if place.supervisor:
        api, token = place.supervisor.core_api_url, place.supervisor.token
        return [*checks, asyncio.run(_api(api, token, "the Supervisor's token"))]
    found = "finds the server by itself" if _is_announced(place) else "does not find the server by itself: add it there"
    return [fine("Home Assistant", f"{found}; homeassistant.url is only needed for announcements")]


def _is_announced(place: CheckContext) -> bool:
    """Whether other machines of the network hear of the server."""
    address = place.settings.zeroconf_address or place.settings.wyoming.address.host
    return place.settings.zeroconf and address not in ("localhost", "::1") and not address.startswith("127.")


async def _supervisor(supervisor: Supervisor, wyoming: Wyoming) -> list[Check]:
    try:
        info = await supervisor.info()
    except SupervisorError as error:
        return [wrong("Supervisor", str(error), "Restart the add-on; if that does not help, restart the host")]
    answers = fine("Supervisor", f"answers: add-on {info.get('slug', '?')} {info.get('version', '?')}")
    try:
        return [answers, _version(await supervisor.homeassistant_version(), wyoming)]
    except SupervisorError as error:
        return [answers, fine("Home Assistant's version", f"not known: {error}")]


def _version(version: str, wyoming: Wyoming) -> Check:
    """What it means for the first sound."""
    name = "Home Assistant's version"
    held_s = held_back_s(version)
    if held_s is None:
        return fine(name, f"{version}, which is not known to hold sound back")
    if not is_hoarding(version):
        return fine(name, f"{version} passes sound on at once")
    sound = WyomingSound(wyoming)
    sound.learned(version)
    share = FORMAT.rate / (sound.format.rate * sound.format.channels)
    detail = f"{version} holds sound back for up to {held_s * share:.1f} s"
    if share == 1:
        return wrong(name, detail, ADVICE)
    return fine(name, f"{detail} as it is sent ({held_s:.1f} s at 24 kHz mono); 2026.11 does not")


async def _api(url: str, token: str, whose: str) -> Check:
    name = "Home Assistant"
    try:
        async with Requester(url, token, answer_s=_ANSWER_S) as home:
            status = (await home.ask("GET", "/")).status
    except Unreachable as error:
        why = "no answer" if error.is_late else error
        return wrong(name, f"{url} cannot be reached: {why}", "Start Home Assistant, or correct homeassistant.url")
    if status in (401, 403):
        fix = f"Make a new long-lived access token on your profile page; {whose} was refused"
        return wrong(name, f"{url} does not let us in ({status})", fix)
    if status != 200:
        return wrong(name, f"{url} answers {status}", "Wait until Home Assistant has started, or look at its log")
    return fine(name, f"{url} lets us in")
