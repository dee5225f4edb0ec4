"""The Supervisor and Home Assistant, where announcements are to go through them."""

from __future__ import annotations

import asyncio

from ..homeassistant.supervisor import Supervisor, SupervisorError
from .checks import Check, CheckContext, fine, wrong

_ANSWER_S = 5.0


def check(place: CheckContext) -> list[Check]:
    home = place.settings.homeassistant
    checks = [asyncio.run(_supervisor(place.supervisor))] if place.supervisor else []
    if home.url:
        return [*checks, _api(f"{home.url}/api", home.token.get_secret_value(), "homeassistant.token")]
    if place.supervisor:
        return [*checks, _api(place.supervisor.core_api_url, place.supervisor.token, "the Supervisor's token")]
    return [fine("Home Assistant", "finds the server by itself; homeassistant.url is only needed for announcements")]


async def _supervisor(supervisor: Supervisor) -> Check:
    try:
        info = await supervisor.info()
    except SupervisorError as error:
        return wrong("Supervisor", str(error), "Restart the add-on; if that does not help, restart the host")
    return fine("Supervisor", f"answers: add-on {info.get('slug', '?')} {info.get('version', '?')}")


def _api(url: str, token: str, whose: str) -> Check:
    import httpx

    name = "Home Assistant"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        status = httpx.get(f"{url}/", headers=headers, timeout=_ANSWER_S, trust_env=False).status_code
    except httpx.HTTPError as error:
        why = str(error) or type(error).__name__
        return wrong(name, f"{url} cannot be reached: {why}", "Start Home Assistant, or correct homeassistant.url")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        fix = f"Make a new long-lived access token on your profile page; {whose} was refused"
        return wrong(name, f"{url} does not let us in ({status})", fix)
    if status != httpx.codes.OK:
        return wrong(name, f"{url} answers {status}", "Wait until Home Assistant has started, or look at its log")
    return fine(name, f"{url} lets us in")
