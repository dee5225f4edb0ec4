"""Several voices in one reply, pauses and moods: what the engine is asked for, and what the listener hears."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wyoming.audio import AudioChunk
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop

from tests.harness import TONE, FakeEngine
from tests.service.cast import ANNOUNCEMENT, Cast, silences
from tests.service.phrases import Traced, caching
from wyoming_qwen3tts.errors import BadRequest
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service import prerender
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.service.postprocess import PostProcessor
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Audio, Limits
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.text.moods import INSTRUCT
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.mapping import parse


class StagedCast(Traced, Cast):
    """Whose speech may be kept."""


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


async def test_each_turn_is_a_phrase_and_a_pause_before_it_is_none_of_it(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        plain = await it.say("The washing machine is done.", voice=None)
        paused = await it.say("[pause:1s] The washing machine is done.", voice=None)
        one = "The washing machine is done. [pause:1s] Hang up the clothes, please."
        first, again = await it.say(one, voice=None), await it.say(one, voice=None)

        assert it.engine.spoken == ["The washing machine is done.", "Hang up the clothes, please."]
        assert it.was_cached == [False, True, False, True]
        assert paused == FORMAT.silence(1.0) + plain
        assert again == first


async def test_a_turn_is_kept_as_it_was_spoken_and_taken_for_no_other(tmp_path: Path) -> None:
    engine = StagedCast()
    async with caching(tmp_path, engine) as it:
        text = "It is your day today."
        for voice, mood in (("ryan", ""), ("ryan", "[happy]"), ("vivian", "[happy]")) * 2:
            await it.say(f"[{voice}] {mood} {text}", voice=None)
        asked = [(request.voice.name, request.instruct) for request in engine.asked]

        happy = INSTRUCT["happy"]
        assert asked == [("ryan-en", None), ("ryan-en", happy), ("vivian-en", happy)]


async def test_a_reply_whose_first_turn_is_recorded_does_not_wait_for_the_others(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        await it.say("The washing machine is done.", voice=None)
        it.engine.release.clear()
        text = it.service.whole_text("The washing machine is done. [pause:1s] Hang up the clothes, please.")
        async with it.service.speak(text, SpeechOptions()) as reply:
            assert await anext(reply)
            assert not reply.stats.is_cached
            it.engine.release.set()
            async for _ in reply:
                pass
        assert it.engine.spoken == ["The washing machine is done.", "Hang up the clothes, please."]


async def test_a_dialogue_is_spoken_ahead_of_time_turn_by_turn(tmp_path: Path) -> None:
    async with caching(tmp_path) as it:
        text = "The washing machine is done. [pause:1s] Hang up the clothes, please."
        for _ in range(2):
            assert await it.service.record(it.service.whole_text(text), SpeechOptions(server="prerender"))
            await it.cache.close()
        await it.say(text, voice=None)
        assert it.engine.spoken == ["The washing machine is done.", "Hang up the clothes, please."]
        assert it.was_cached == [True]


def test_a_mood_in_a_file_of_phrases_is_no_language() -> None:
    lines, wrong = prerender.parse("ryan-en|[sad] It rains.\n[de] Es regnet.")
    assert wrong == []
    assert [(line.text, line.language) for line in lines] == [("[sad] It rains.", None), ("Es regnet.", "de")]


async def test_the_pause_between_sentences_is_the_requests_else_the_styles_else_the_engines() -> None:
    house = House(mapping="styles: {slow: {sentence_pause_s: 0.8}, happy: {sentence_pause_s: 0.1}}")
    text = "It is quiet in here now. And it will be so tomorrow."
    for voice, asked in (("ryan-en", None), ("ryan-slow-en", None), ("ryan-slow-en", 1.5), ("ryan-en", 0.0)):
        await house.say(text, voice=voice, sentence_pause_s=asked)
    await house.say(f"[happy] {text} [ryan-slow] {text}")

    assert [request.sentence_pause_s for request in house.engine.asked] == [None, 0.8, 1.5, 0.0, 0.1, 0.8]
    with pytest.raises(BadRequest, match="sentence_pause_s must be a number from 0 to 5"):
        await house.say(text, sentence_pause_s=9.0)


async def test_the_pause_between_two_voices_is_the_one_between_sentences() -> None:
    house = House()
    text = "[ryan] Dinner is on the table. [vivian] I am coming down at once!"
    assert silences(await house.say(text, sentence_pause_s=1.5)) == [1.5]
    assert silences(await house.say(text)) == [0.25]


async def test_three_hundred_turns_are_one_reply() -> None:
    house = House()
    await house.say("".join(f"[{'ryan' if at % 2 else 'vivian'}] Line {at} is here. " for at in range(300)))
    assert len(house.heard) == 300
    assert house.outcomes == ["done"]
