"""Who really speaks is told: in the headers, in the list of voices, and by the health."""

from __future__ import annotations

import pytest

from tests.engine.scripted import FALLBACK_VOICES, RYAN, Scripted
from tests.servers.http.web import web
from wyoming_qwen3tts.engine.builtin.engine import BuiltinEngine
from wyoming_qwen3tts.engine.failover import FailoverEngine
from wyoming_qwen3tts.errors import EngineError
from wyoming_qwen3tts.speech.engine import EngineStatus, Phase


@pytest.mark.parametrize(
    ("status", "fail", "why"),
    [
        (EngineStatus(Phase.FAILED, "torch is not installed"), None, "failed"),
        (EngineStatus(Phase.LOADING), None, "loading"),
        (EngineStatus(Phase.READY), EngineError("a broken text"), "engine-failed"),
    ],
    ids=["failed", "loading", "broken"],
)
async def test_a_reply_names_who_spoke_whom_they_spoke_for_and_why(
    status: EngineStatus, fail: Exception | None, why: str
) -> None:
    model = Scripted(fail=fail)
    engine = FailoverEngine(model, Scripted("builtin", FALLBACK_VOICES))
    async with web(engine) as it:
        await it.service.loaded()
        model.status = status
        reply = await it.post(input="Hello there.", voice=RYAN.name, response_format="pcm")
        listed = {voice["id"]: voice for voice in (await it.client.get("/v1/audio/voices")).json()["data"]}

    assert reply.status_code == 200
    told = {name: reply.headers.get(f"X-TTS-{name}") for name in ("Engine", "Voice", "Instead-Of", "Instead-Why")}
    assert told == {"Engine": "builtin", "Voice": "builtin-en", "Instead-Of": RYAN.name, "Instead-Why": why}
    if why != "engine-failed":  # which is known only when it was tried
        assert listed[RYAN.name]["spoken_by"] == {"voice": "builtin-en", "why": why}
    assert listed["builtin-en"]["spoken_by"] is None


async def test_a_voice_that_speaks_itself_names_nobody_else() -> None:
    async with web(FailoverEngine(Scripted(), Scripted("builtin", FALLBACK_VOICES))) as it:
        reply = await it.post(input="Hello there.", voice=RYAN.name, response_format="pcm")
        ryan = (await it.client.get(f"/v1/audio/voices/{RYAN.name}")).json()

    assert reply.headers["X-TTS-Voice"] == RYAN.name
    assert not {"X-TTS-Instead-Of", "X-TTS-Instead-Why"} & set(reply.headers)
    assert ryan["spoken_by"] is None
    assert ryan["about"] == {"gender": "man", "age": None, "native": "en"}


async def test_a_speaker_whose_model_is_not_here_is_named_as_the_one_that_was_asked_for() -> None:
    async with web(BuiltinEngine()) as it:
        reply = await it.post(input="Hello there.", voice="ryan-en", response_format="pcm")

    told = [reply.headers.get(f"X-TTS-{name}") for name in ("Voice", "Instead-Of", "Instead-Why")]
    assert told == ["builtin-en", "ryan-en", "no-model"]


async def test_german_without_espeak_is_the_english_voice_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    async with web(BuiltinEngine()) as it:
        await it.service.loaded()
        german = await it.post(input="Guten Morgen, die Wäsche ist fertig.", language="de", response_format="pcm")
        russian = await it.post(input="Доброе утро.", language="ru", response_format="pcm")
        listed = {voice["id"]: voice for voice in (await it.client.get("/v1/audio/voices")).json()["data"]}
        ready = (await it.client.get("/health/ready")).json()

    told = [german.headers.get(f"X-TTS-{name}") for name in ("Voice", "Instead-Of", "Instead-Why", "Language")]
    assert told == ["builtin-en", "builtin-de", "no-espeak", "de"]
    assert russian.status_code >= 500
    assert listed["builtin-de"]["spoken_by"] == {"voice": "builtin-en", "why": "no-espeak"}
    assert listed["builtin-en"]["spoken_by"] is None
    assert set(ready["read_with_accent"]) == {"de", "es", "fr", "it", "pt"}
    assert set(ready["cannot_speak"]) == {"ja", "ko", "ru", "zh"}
