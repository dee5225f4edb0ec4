"""The only way in: what it tells of every request, the refused ones included."""

from __future__ import annotations

import pytest

from tests.harness import FakeEngine
from wyoming_qwen3tts.errors import Busy, NoPlace, UnknownVoice
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Limits
from wyoming_qwen3tts.voices.catalog import VoiceCatalog


def service_of(**limits: int) -> tuple[SpeechService, list[RequestStats]]:
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices()), Limits(**limits), slots=1)
    told: list[RequestStats] = []
    service.observe(told.append)
    return service, told


async def test_a_voice_that_nobody_has_is_told_to_who_observes() -> None:
    service, told = service_of()

    with pytest.raises(UnknownVoice):
        async with service.speak(
            service.whole_text("Hello."), SpeechOptions("nobody", server="test", client="kitchen")
        ):
            pass

    (stats,) = told
    assert isinstance(stats.error, UnknownVoice)
    assert (stats.server, stats.client, stats.chars) == ("test", "kitchen", 6)
    assert not service.replies


async def test_a_request_that_finds_no_place_is_told_and_holds_none() -> None:
    service, told = service_of(queue=0)

    async with service.speak(service.whole_text("First."), SpeechOptions("builtin-en")) as speech:
        with pytest.raises(Busy):
            async with service.speak(service.whole_text("Second."), SpeechOptions("builtin-en")):
                pass
        assert [type(stats.error) for stats in told] == [NoPlace]
        assert [pcm async for pcm in speech]

    assert [stats.outcome for stats in told][1:] == ["done"]
    assert service.active == 0
