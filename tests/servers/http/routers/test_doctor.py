"""Who may have the server measure its processor, or fetch gigabytes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.harness import FakeEngine
from tests.servers.http.web import INSTALLED
from wyoming_qwen3tts.servers.http.app import build_app
from wyoming_qwen3tts.servers.http.natural import Tools
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

HERE, STRANGER, KEY = "127.0.0.1", "192.168.1.9", "open-sesame"


class Doctor:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    async def __call__(self, *, speed: bool = False) -> list[dict[str, Any]]:
        self.asked.append(speed)
        return []


async def ask(
    method: str, path: str, body: dict[str, Any] | None, *, by: str, key: str = "", **more: str
) -> tuple[int, Doctor]:
    settings = Settings.model_validate({"http": {"api_keys": [f"me:{KEY}"]} if key else {}})
    engine, doctor = FakeEngine(), Doctor()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), settings.limits, slots=1)
    app = build_app(service, settings, tools=Tools(INSTALLED, examination=doctor))
    transport = httpx.ASGITransport(app, client=(by, 40_000))
    headers = {name.replace("_", "-"): value for name, value in more.items()}
    headers |= {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        answered = await client.request(method, path, json=body)
    await service.close()
    if answered.status_code == 403:
        assert answered.json()["error"]["code"] == "owner-only"
    return answered.status_code, doctor


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/doctor", {"speed": True}),
        ("POST", "/v1/download", {"model": "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"}),
        ("DELETE", "/v1/download", None),
    ],
)
async def test_what_costs_much_is_for_who_has_a_key_or_sits_here(
    method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert (await ask(method, path, body, by=STRANGER))[0] == 403
    assert (await ask(method, path, body, by=HERE))[0] != 403
    assert (await ask(method, path, body, by=HERE, X_Forwarded_For=STRANGER))[0] == 403
    assert (await ask(method, path, body, by=STRANGER, key=KEY))[0] != 403


async def test_a_stranger_may_have_a_look() -> None:
    status, doctor = await ask("POST", "/v1/doctor", None, by=STRANGER)

    assert (status, doctor.asked) == (200, [False])
