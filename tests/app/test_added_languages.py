"""One setting, and the home's own language is listed and spoken: the server as it is built, with the real espeak-ng."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info, TtsVoice
from wyoming.tts import Synthesize, SynthesizeVoice

from tests.harness import FakeEngine, pcm, until
from tests.servers.http.web import web
from wyoming_qwen3tts import doctor
from wyoming_qwen3tts.app.build import build_engine, speech_service, with_fallback
from wyoming_qwen3tts.doctor import CheckContext
from wyoming_qwen3tts.errors import SettingsError, UnknownVoice
from wyoming_qwen3tts.servers.http.errors import HttpError
from wyoming_qwen3tts.servers.http.names import all_models, language_of
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.service.stats import RequestStats
from wyoming_qwen3tts.settings import Address, Settings
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.speech.engine import Phase
from wyoming_qwen3tts.speech.languages import ADDED, LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.text.lexicon import LexiconFolder
from wyoming_qwen3tts.text.spoken import explain
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

HOME = {
    "cs": "V kuchyni je 21,5 °C a světlo je zapnuto.",
    "da": "Der er 21,5 °C i køkkenet.",
    "fi": "Keittiössä on 21,5 °C, ja valo on päällä.",
    "nl": "Het licht in de keuken is aan, en het is 21,5 °C.",
    "pl": "W kuchni jest 21,5 °C, a drzwi są otwarte.",
    "sv": "Lampan i köket är tänd, och det är 21,5 °C.",
    "tr": "Mutfak ışığı açıldı, sıcaklık 21,5 °C.",
    "uk": "Світло увімкнено, температура 21,5 °C.",
}


def settings(tmp_path: Path, **more: str) -> Settings:
    chosen = {name.replace("__", "."): value for name, value in more.items()}
    return load({"engine.kind": "builtin", "data_dir": str(tmp_path)} | chosen, {})


@asynccontextmanager
async def home(chosen: Settings) -> AsyncIterator[tuple[SpeechService, WyomingServer, list[RequestStats]]]:
    told: list[RequestStats] = []
    async with speech_service(chosen) as service:
        service.observe(told.append)
        service.load()
        async with WyomingServer(service, Address("127.0.0.1", 0), chosen.limits) as door:
            yield service, door, told
            await until(lambda: service.engine.status.phase is Phase.READY, 30)  # nothing is still being loaded


async def answer(door: WyomingServer, event: Event, last: str) -> list[Event]:
    found = []
    async with AsyncTcpClient("127.0.0.1", door.port) as client:
        await client.write_event(event)
        while received := await client.read_event():
            found.append(received)
            if received.type == last:
                break
    return found


async def voices(door: WyomingServer) -> list[TtsVoice]:
    [event] = await answer(door, Describe().event(), "info")
    return Info.from_event(event).tts[0].voices


def home_assistant_languages(found: list[TtsVoice]) -> list[str]:
    """What its Wyoming entity lists: every tag of an installed voice, and under each those who speak it."""
    by_language: dict[str, set[str]] = {}
    for voice in found:
        if voice.installed:
            for tag in voice.languages:
                by_language.setdefault(tag, set()).add(voice.name)
    return sorted(by_language)


async def test_home_assistant_lists_dutch_after_one_setting(tmp_path: Path) -> None:
    async with home(settings(tmp_path)) as (_, door, _):
        before = home_assistant_languages(await voices(door))
    async with home(settings(tmp_path, voices__languages="nl")) as (_, door, _):
        found = await voices(door)

    assert set(home_assistant_languages(found)) - set(before) == {"nl", "nl-NL", "nl-BE"}
    assert next(voice.description for voice in found if "nl" in voice.languages) == "Built-in (Nederlands)"


async def test_a_reply_without_a_voice_is_spoken_in_the_language_of_its_text(tmp_path: Path) -> None:
    seconds = {}
    async with home(settings(tmp_path, voices__languages=",".join(HOME))) as (_, door, told):
        for language, text in HOME.items():
            sound = pcm(await answer(door, Synthesize(text).event(), "audio-stop"))
            seconds[language] = len(sound) / 48_000
        assert pcm(await answer(door, Synthesize("The door of the garage is open.").event(), "audio-stop"))

    assert [(stats.language, stats.voice) for stats in told] == [(code, f"builtin-{code}") for code in (*HOME, "en")]
    assert all(1.5 < length < 12 for length in seconds.values()), seconds


async def test_the_voice_that_home_assistant_names_speaks(tmp_path: Path) -> None:
    """An assistant in Dutch names the voice it was made with, whatever the text."""
    async with home(settings(tmp_path, voices__languages="nl")) as (_, door, told):
        ask = Synthesize("OK. 21,5 °C.", voice=SynthesizeVoice(name="builtin-nl"))
        assert pcm(await answer(door, ask.event(), "audio-stop"))

    assert (told[0].language, told[0].voice) == ("nl", "builtin-nl")


async def test_the_home_language_itself_may_be_one_of_them(tmp_path: Path) -> None:
    async with home(settings(tmp_path, voices__language="nl")) as (service, door, told):
        assert service.catalog.languages[-1] == "nl"
        assert pcm(await answer(door, Synthesize("OK").event(), "audio-stop"))

    assert told[0].language == "nl"


async def test_every_language_of_espeak_at_once(tmp_path: Path) -> None:
    many = [code for code in ADDED if code != "nl"][:99]
    chosen = settings(tmp_path, voices__languages=",".join(("nl", *many)))
    async with home(chosen) as (_, door, told):
        found = await voices(door)
        assert pcm(await answer(door, Synthesize("De deur van de garage is open.").event(), "audio-stop"))

    assert len(found) > 80
    assert told[0].language == "nl"


@pytest.mark.parametrize(
    ("written", "codes"),
    [
        ("nl", ("nl",)), ("nl_BE, nl-NL ,NL", ("nl",)), ("pt_BR, zh-Hant", ()), ("no", ("nb",)),
        ("Dutch, svenska", ("nl", "sv")), ("", ()), (" , ,", ()),
    ],
)  # fmt: skip
def test_a_language_may_be_written_in_many_ways(written: str, codes: tuple[str, ...], tmp_path: Path) -> None:
    assert settings(tmp_path, voices__languages=written).voices.added == codes


@pytest.mark.parametrize("written", ["xx", "klingon", "nl,auto", "n l", "<script>", "nl;pl"])
def test_what_is_no_language_is_said_at_the_start(written: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"voices\.languages .*is no language known here: write its code"):
        settings(tmp_path, voices__languages=written)


def test_too_many_are_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"voices\.languages"):
        settings(tmp_path, voices__languages=",".join(ADDED))


def test_a_language_that_nobody_speaks_is_in_doctor_and_in_the_log_and_not_offered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chosen = settings(tmp_path, voices__languages="nl,zu")
    place = CheckContext(chosen, {})
    [spoken, unspoken] = doctor.languages.check(place)

    assert (spoken.ok, spoken.detail) == (True, "Nederlands by espeak-ng")
    assert (unspoken.ok, unspoken.detail) == (False, "espeak-ng has no voice for zu")
    with caplog.at_level(logging.INFO):
        doctor.warn_at_start(chosen, {})
    assert "espeak-ng has no voice for zu. Take them out of voices.languages" in caplog.text
    assert "zu" not in [code for voice in build_engine(chosen).engine.voices() for code in voice.languages]


async def test_a_language_that_was_not_added_is_refused_with_the_setting_that_adds_it(tmp_path: Path) -> None:
    async with speech_service(settings(tmp_path)) as service:
        with pytest.raises(UnknownVoice, match=r"No voice speaks 'nl'\..*The setting voices\.languages can add nl"):
            service.catalog.find(None, "nl")


async def test_without_espeak_the_added_languages_are_named_as_mute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    engine = build_engine(settings(tmp_path, voices__languages="nl")).engine
    await engine.start()

    assert engine.mute_languages()["nl"] == "espeak-ng is not installed"
    await engine.close()


async def test_the_model_speaks_the_ten_and_espeak_the_added_ones(tmp_path: Path) -> None:
    chosen = settings(tmp_path, voices__languages="nl")
    model = _Model()
    async with speech_service(chosen, with_fallback(chosen, model).engine) as service:
        told: list[RequestStats] = []
        service.observe(told.append)
        service.load()
        async with WyomingServer(service, Address("127.0.0.1", 0), chosen.limits) as door:
            assert pcm(await answer(door, Synthesize("The light is on. De deur is open.").event(), "audio-stop"))
            assert pcm(await answer(door, Synthesize("De deur is open. The light is on.").event(), "audio-stop"))
            await until(lambda: _is_loaded(service), 30)

    assert [(stats.language, stats.engine) for stats in told] == [("en", "fake"), ("nl", "builtin")]
    assert [texts for _, texts in model.requests] == [["The light is on.", "De deur is open."]]


class _Model(FakeEngine):
    """Ryan in the ten languages, as the model has him."""

    def voices(self) -> tuple[Voice, ...]:
        return tuple(Voice(VoiceName(f"ryan-{code}"), "Ryan", (code,), self.name, "ryan") for code in LANGUAGES)


def _is_loaded(service: SpeechService) -> bool:
    return "nl" in service.catalog.languages and not service.engine.mute_languages()


def _catalog() -> VoiceCatalog:
    dutch = Voice(VoiceName("builtin-nl"), "Built-in", ("nl",), "builtin", "builtin")
    polish = Voice(VoiceName("piper-pl"), "Piper", ("pl",), "wyoming", "piper")
    anna = Voice(VoiceName("Anna"), "Anna", tuple(LANGUAGES), "qwen3", "anna", "clone")
    return VoiceCatalog((*_Model().voices(), dutch, polish), lambda: (anna,), added=("nl", "sv"))


def test_a_speaker_of_the_model_lets_somebody_else_speak_an_added_language() -> None:
    """OpenAI's clients must name a voice, whatever the language."""
    found = _catalog().find("ryan", "nl-BE")

    assert found is not None
    assert found.name == "builtin-nl"


def test_a_voice_of_the_homes_own_refuses_what_its_model_cannot_speak() -> None:
    with pytest.raises(UnknownVoice, match="The voice Anna does not speak nl"):
        _catalog().find("Anna", "nl")


def test_what_the_home_did_not_add_or_nobody_speaks_is_not_listed() -> None:
    catalog = _catalog()

    assert catalog.added == ("nl",)
    assert "piper-pl" not in [voice.name for voice in catalog.all()]


def test_the_models_of_openai_are_listed_with_the_added_languages() -> None:
    languages = _catalog().languages

    assert "tts-1-nl" in all_models(languages)
    assert language_of("tts-1-nl", languages) == "nl"
    with pytest.raises(HttpError, match="There is no model called 'tts-1-nl'"):
        language_of("tts-1-nl")


async def test_the_web_door_takes_and_lists_an_added_language(tmp_path: Path) -> None:
    chosen = settings(tmp_path, voices__languages="nl")
    async with web(build_engine(chosen).engine, chosen) as door:
        about = (await door.client.get("/v1/about")).json()
        models = (await door.client.get("/v1/models")).json()
        spoken = (await door.client.get("/v1/audio/spoken", params={"text": "Het is 21,5 °C."})).json()
        dutch = await door.post(input="Het is 21,5 °C.", voice="echo", language="nl-BE", response_format="pcm")
        named = await door.post(input="Het is 21,5 °C.", voice="alloy", model="tts-1-nl", response_format="pcm")
        polish = await door.post(input="Dzień dobry.", language="pl")

    assert about["languages"] == [*LANGUAGES, "nl"]
    assert "tts-1-nl" in [model["id"] for model in models["data"]]
    assert (spoken["spoken"], spoken["voice"]) == ("Het is 21 komma 5 graden Celsius.", "builtin-nl")
    assert [(reply.status_code, reply.headers["X-TTS-Voice"]) for reply in (dutch, named)] == [(200, "builtin-nl")] * 2
    assert len(dutch.content) > 48_000
    assert polish.status_code == 400
    assert "'pl' is not one of ours" in polish.json()["error"]["message"]


def test_the_homes_own_words_count_in_added_languages(tmp_path: Path) -> None:
    (tmp_path / "nl.txt").write_text("NS = en es\n", encoding="utf-8")
    lexicon = LexiconFolder(tmp_path, added=("nl",)).current()

    assert explain("De NS rijdt.", "nl", lexicon=lexicon, added=("nl",))["spoken"] == "De en es rijdt."
