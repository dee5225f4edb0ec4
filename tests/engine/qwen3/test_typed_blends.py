"""``ryan(2)+aiden(1)`` as a voice's name: spoken over every door without being kept, and never many at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.harness import FakeEngine, start
from tests.servers.http.web import web
from tests.studio.own_voices import a_voice, home, settings_of
from wyoming_qwen3tts.audio.leveller import VoiceLevel
from wyoming_qwen3tts.engine.qwen3.blends import Blends
from wyoming_qwen3tts.engine.qwen3.checkpoints import Checkpoints
from wyoming_qwen3tts.engine.qwen3.runner.runner import ModelRunner
from wyoming_qwen3tts.engine.qwen3.voice_lookup import ClonedVoices
from wyoming_qwen3tts.errors import BadRequest, SpeechError, UnknownVoice
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.prompt import PromptVoice
from wyoming_qwen3tts.service.options import SpeechOptions
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.speech.voice import Voice, VoiceName
from wyoming_qwen3tts.voices.catalog import VoiceCatalog
from wyoming_qwen3tts.voices.folder import VoiceFolder
from wyoming_qwen3tts.voices.levels import VoiceLevels

Folders = dict[ModelType, Path]
SAID = "The light in the kitchen is on."
MIX = "ryan(2)+vivian(1)"


def blends(tmp_path: Path, *models: Path) -> Blends:
    return Blends(VoiceFolder(tmp_path / "voices"), Checkpoints([str(model) for model in models], Path))


async def test_it_is_spoken_over_wyoming_and_in_a_dialogue_and_is_not_advertised(
    tiny_folders: Folders, tmp_path: Path
) -> None:
    async with home(settings_of(tmp_path, tiny_folders["custom_voice"])) as house:
        before = set(await house.describe())
        assert await house.who_speaks(SAID, voice={"name": "Ryan (2) + vivian"}) == (MIX, "qwen3", "en")
        assert await house.who_speaks(f"[vivian+ryan] {SAID}", voice={"name": "ryan-en"}) == ("ryan-en", "qwen3", "en")
        assert set(await house.describe()) == before
        assert not list((tmp_path / "voices").glob("*"))

        service, spoken = house.server.service, []
        prefill = ModelRunner.prefill

        def noted(runner: ModelRunner, utterance: Any, voice: PromptVoice) -> int:
            spoken.append((utterance.voice.name, voice.is_of_speakers))
            return prefill(runner, utterance, voice)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ModelRunner, "prefill", noted)
            text = service.whole_text(f"[{MIX}] {SAID} [ryan] {SAID}")
            async with service.speak(text, SpeechOptions("vivian-en")) as reply:
                async for _ in reply:
                    if len(spoken) == 2:
                        break
        assert spoken == [(MIX, True), ("ryan-en", False)]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ryan(2)", "at least two"),
        ("ryan+vivian+serena+eric+dylan+sohee", "at most 5"),
        ("ryan(-2)+vivian", "above 0"),
        ("ryan(0)+vivian", "above 0"),
        ("ryan(101)+vivian", "up to 100"),
        ("ryan(1e999)+vivian", "up to 100"),
        ("ryan+ryan", "twice"),
        ("ryan+nobody", "called 'nobody'"),
        ("ryan+Anna", "cannot be mixed"),
        ("Anna+Bert", "different models"),
        ("+", "no part"),
    ],
)
async def test_what_cannot_be_mixed_is_refused_in_words_and_nobody_else_speaks(
    tiny_folders: Folders, tmp_path: Path, name: str, says: str
) -> None:
    settings = settings_of(tmp_path, tiny_folders["custom_voice"], tiny_folders["base"])
    folder = VoiceFolder(settings.voices_dir)
    folder.add(a_voice("Anna"))
    folder.add(a_voice("Bert", size=128, model="1b7 base"))
    made = Blends(folder, Checkpoints(settings.engine.model, Path))

    with pytest.raises(SpeechError, match=says) as raised:
        made.voice(name, "qwen3")
    assert isinstance(raised.value, BadRequest | UnknownVoice)
    assert raised.value.field == "voice"


async def test_over_wyoming_and_http_the_refusal_comes_in_the_same_words(tiny_folders: Folders, tmp_path: Path) -> None:
    async with home(settings_of(tmp_path, tiny_folders["custom_voice"])) as house:
        wire = await house.server.connect()
        await wire.send(start(voice={"name": "ryan(-1)+vivian"}))
        events = await wire.until("error")
        assert "above 0" in events[-1].data["text"]
        await wire.close()
    async with web() as it:
        reply: httpx.Response = await it.post(input=SAID, voice="ryan(-1)+vivian")
        assert reply.status_code == 400
        assert reply.json()["error"]["param"] == "voice"
        assert "above 0" in reply.json()["error"]["message"]


def test_a_blend_of_qwens_speakers_is_spoken_by_the_built_in_voice_while_their_model_is_away(tmp_path: Path) -> None:
    """As each of them is: nobody stays silent for it."""
    builtin = Voice(VoiceName("builtin-en"), "Built-in", ("en",), "builtin", "builtin")
    nowhere = Blends(VoiceFolder(tmp_path / "voices"), Checkpoints((str(tmp_path / "none"),), Path))
    for blend in (FakeEngine().blend, lambda recipe: nowhere.voice(recipe, "qwen3")):
        catalog = VoiceCatalog([builtin], blend=blend)
        assert (found := catalog.find(MIX, "en")) is not None
        assert found.name == builtin.name
        assert catalog.find("Ryan (2) + VIVIAN") is None  # the text's language tells
        with pytest.raises(UnknownVoice):
            catalog.find("ryan+nobody", "en")
        with pytest.raises(BadRequest):
            catalog.find("ryan(0)+vivian", "en")


async def test_an_engine_without_blends_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnknownVoice, match=r"fake engine cannot mix voices.*engine\.kind qwen3"):
        FakeEngine().blend(MIX)


def test_clones_of_one_model_mix_and_a_changed_file_changes_the_blend(tiny_folders: Folders, tmp_path: Path) -> None:
    made = blends(tmp_path, tiny_folders["base"])
    folder = VoiceFolder(tmp_path / "voices")
    folder.add(a_voice("Anna"))
    folder.add(a_voice("Bert"))
    voice = made.voice("anna(3)+bert", "qwen3")

    assert (voice.name, voice.kind, voice.languages) == ("Anna(3)+Bert(1)", "blend", tuple(LANGUAGES))
    assert made.stamps("Anna(3)+Bert(1)") == " ".join(str(folder.stamp(name)) for name in ("Anna", "Bert"))


def test_a_strangers_endless_names_fill_neither_memory_nor_disk(tiny_folders: Folders, tmp_path: Path) -> None:
    made = blends(tmp_path, tiny_folders["custom_voice"])
    resolve, levels = ClonedVoices(VoiceFolder(tmp_path / "voices"), made), VoiceLevels(tmp_path / "levels.json")
    levels._levels[VoiceName("ryan-en")] = VoiceLevel(-20.0, 9.0)
    for number in range(1, 100):
        voice = made.voice(f"ryan({number})+vivian", "qwen3")
        assert resolve(voice).key is None  # nothing of it goes to the disk
        levels.learned(voice.name, VoiceLevel(-18.0, 5.0))

    assert len(resolve._mixed) == 16
    assert len(resolve._kept) == 0
    assert len(levels._mixed) == 32
    assert list(levels._levels) == ["ryan-en"]
    assert resolve(voice) is resolve(voice)
    assert [path.name for path in tmp_path.iterdir()] == []


async def test_a_blends_first_sound_costs_the_passes_of_a_speakers(tiny_folders: Folders, tmp_path: Path) -> None:
    """By counting: prompts read and frames made before the first sound are as many, the first time and the second."""
    counts = {}
    async with home(settings_of(tmp_path, tiny_folders["custom_voice"])) as house:
        runner = house.core._runners[0]
        service = house.server.service
        for name in ("serena-en", MIX):
            for time in range(2):
                before = runner.prefills, runner.frames
                async with service.speak(service.whole_text(SAID), SpeechOptions(name, seed=3)) as reply:
                    async for _ in reply:
                        counts[name, time] = runner.prefills - before[0]
                        break
    assert counts[MIX, 0] == counts["serena-en", 0]
    assert counts[MIX, 1] == counts["serena-en", 1] <= counts[MIX, 0]
