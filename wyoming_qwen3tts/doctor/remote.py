"""The servers that ``engine.kind remote`` speaks through."""

from __future__ import annotations

from ..errors import first_line
from .checks import Check, CheckContext, fine, wrong

_ANSWER_S = 5.0


def check(place: CheckContext) -> list[Check]:
    engine = place.settings.engine
    if engine.kind != "remote":
        return []
    if not engine.urls:
        return [wrong("remote engine", "none is named", "Name one: --engine.urls http://HOST:8091")]
    return [_one(url, engine.api_key.get_secret_value()) for url in engine.urls]


def _one(url: str, key: str) -> Check:
    import httpx

    name = f"remote engine {url}"
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with httpx.Client(headers=headers, timeout=_ANSWER_S, trust_env=False) as client:
            health = client.get(f"{url}/health").status_code
            voices = client.get(f"{url}/v1/audio/voices").status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return wrong(
            name,
            f"cannot be reached: {first_line(error)}",
            "Start it, open its port to this machine, or correct engine.urls",
        )
    if health != httpx.codes.OK:
        return wrong(name, f"its health is {health}", "Wait until it has loaded its model, or look at its log")
    if voices in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return wrong(name, f"it does not let us in ({voices})", "Set engine.api_key to its key")
    if voices != httpx.codes.OK:
        return wrong(name, f"it has no voices ({voices})", "It must serve a Qwen3-TTS model: vllm serve MODEL --omni")
    return fine(name, "it is well, and has voices")
