"""Several voices in one reply, pauses and moods: what the engine is asked for, and what the listener hears."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from wyoming.audio import AudioChunk
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

from tests.harness import TONE, FakeEngine
from tests.service.cast import ANNOUNCEMENT, Cast, silences
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.phrase_cache import PhraseCache
from wyoming_qwen3tts.service.postprocess import PostProcessor
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Audio, Limits
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.mapping import parse


class House:
    def __init__(self, engine: Cast | None = None, *, mapping: str = "", marks: bool = True, **audio: Any) -> None:
        self.engine = engine or Cast()
        parsed = parse(mapping)
        self.catalog = VoiceCatalog(self.engine.voices, mapping=lambda: parsed, marks=marks)
        self.outcomes: list[str] = []
        post = PostProcessor(Audio(**{"lead_in_s": 0, "tail_s": 0, **audio}), turn_pause_s=0.25)
        self.service = SpeechService(self.engine, self.catalog, Limits(), slots=2, postprocessor=post)
        self.service.observe(lambda stats: self.outcomes.append(stats.outcome))

    async def load(self) -> None:
        """So that the language of a text can be told."""
        self.service.load()
        await self.service.loaded()

    async def say(self, text: str, **options: Any) -> bytes:
        await self.load()
        async with self.service.speak(self.service.whole_text(text), SpeechOptions(**options)) as reply:
            return b"".join([pcm async for pcm in reply])

    @property
    def heard(self) -> list[tuple[str, list[str]]]:
        return self.engine.requests


async def test_each_turn_is_spoken_by_its_voice_with_the_pause_between() -> None:
    house = House()
    pcm = await house.say(ANNOUNCEMENT)

    assert house.heard == [
        ("ryan-en", ["Dinner is on the table."]),
        ("vivian-en", ["I am coming down at once!"]),
    ]
    assert silences(pcm) == [1.0]
    assert house.outcomes == ["done"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_plain_tts_speak_of_home_assistant_plays_a_two_voice_announcement(streaming: bool) -> None:
    """As Home Assistant's Wyoming client sends it: a text without a voice, whole or as a stream of one."""
    house = House()
    events = [Synthesize(ANNOUNCEMENT).event()]
    if streaming:
        cuts = [ANNOUNCEMENT[at : at + 7] for at in range(0, len(ANNOUNCEMENT), 7)]
        events = [SynthesizeStart().event(), *(SynthesizeChunk(cut).event() for cut in cuts), *events]
        events.append(SynthesizeStop().event())
    await house.load()
    pcm, last = b"", "synthesize-stopped" if streaming else "audio-stop"
    async with (
        WyomingServer(house.service, Address("127.0.0.1", 0), Limits()) as door,
        asyncio.timeout(20),
        AsyncTcpClient("127.0.0.1", door.port) as client,
    ):
        for event in events:
            await client.write_event(event)
        received: Event | None = None
        while received is None or received.type != last:
            received = await client.read_event()
            assert received is not None
            assert received.type != "error"
            pcm += AudioChunk.from_event(received).audio if AudioChunk.is_type(received.type) else b""

    assert [(voice, "".join(said)) for voice, said in house.heard] == [
        ("ryan-en", "Dinner is on the table."),
        ("vivian-en", "I am coming down at once!"),
    ]
    assert 1.0 in silences(pcm)


async def test_a_voice_without_a_pause_waits_the_usual_one_and_the_ends_are_those_of_the_reply() -> None:
    house = House(lead_in_s=0.5, tail_s=0.3)
    pcm = await house.say("[ryan] Dinner is on the table. [vivian] I am coming down at once! [pause:2s]")

    assert silences(pcm) == pytest.approx([0.5, 0.25, 2.3])


async def test_moods_become_instructions_and_the_homes_own_words_come_first() -> None:
    house = House(mapping='styles: {happy: {instruct: "Like a child on its birthday."}}')
    await house.say("[happy] It is your day today. [sad] But it rains outside. [normal] So it goes on.")

    instructs = [request.instruct for request in house.engine.asked]
    assert instructs == ["Like a child on its birthday.", "Speak sadly and quietly.", None]
    assert house.outcomes == ["done"]


async def test_a_mood_joins_what_the_request_asked_for() -> None:
    house = House()
    await house.say("[sad] It rains outside today.", voice="ryan-en", instruct="As a pirate.")
    assert house.engine.asked[0].instruct == "As a pirate. Speak sadly and quietly."


async def test_where_the_model_follows_no_instruction_a_style_serves_or_nothing_with_one_note() -> None:
    house = House(Cast(takes_instruct=False))
    text = "It is quiet in here now."
    plain = await house.say(text)
    whispered = await house.say(f"[whisper] {text}")
    sad = await house.say(f"[sad] {text} [angry] {text}")

    assert np.abs(np.frombuffer(whispered, "<i2")).max() < 0.7 * np.abs(np.frombuffer(plain, "<i2")).max()
    assert len(whispered) == len(plain)
    assert sad.startswith(TONE)
    assert [request.instruct for request in house.engine.asked] == [None] * 4
    assert [outcome.count("a mood was left out") for outcome in house.outcomes] == [0, 0, 1]
    assert all(said == [text] for _, said in house.heard)


async def test_notes_say_what_marks_asked_for_in_vain() -> None:
    house = House()
    await house.say("[voice:nobody] It is quiet in here now.")
    assert "a mark named a voice that is not here" in house.outcomes[0]
    assert house.heard == [("ryan-en", ["It is quiet in here now."])]


async def test_with_marks_off_brackets_are_text() -> None:
    house = House(marks=False)
    await house.say("[happy] It is quiet in here now.")
    assert house.heard == [("ryan-en", ["happy It is quiet in here now."])]


async def test_a_speaker_whose_model_is_away_is_spoken_by_the_built_in_voice_and_never_read_aloud() -> None:
    engine = FakeEngine()
    service = SpeechService(engine, VoiceCatalog(engine.voices), Limits(), slots=1)
    service.load()
    await service.loaded()
    async with service.speak(service.whole_text(ANNOUNCEMENT), SpeechOptions()) as reply:
        async for _ in reply:
            pass
    assert [said for _, said in engine.requests] == [["Dinner is on the table."], ["I am coming down at once!"]]


async def test_a_reply_of_several_turns_is_not_kept_and_never_mistaken_for_a_plain_one(tmp_path: Any) -> None:
    from tests.service.phrases import caching

    async with caching(tmp_path) as it:
        assert isinstance(it.service.phrases, PhraseCache)
        await it.say("The washing machine is done.", voice=None)
        await it.say("[pause:1s] The washing machine is done.", voice=None)
        await it.say("[pause:1s] The washing machine is done.", voice=None)
        await it.say("The washing machine is done.", voice=None)
        assert it.engine.spoken == ["The washing machine is done."] * 3


async def test_three_hundred_turns_are_one_reply() -> None:
    house = House()
    await house.say("".join(f"[{'ryan' if at % 2 else 'vivian'}] Line {at} is here. " for at in range(300)))
    assert len(house.heard) == 300
    assert house.outcomes == ["done"]
