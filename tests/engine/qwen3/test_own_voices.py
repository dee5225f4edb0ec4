"""Voices of the home's own through the real server: mapped, cloned while it runs, designed, and after a restart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from wyoming.audio import AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.tts import Synthesize

from tests.harness import until
from tests.studio.own_voices import TRANSCRIPT, a_voice, clip, home, settings_of
from wyoming_qwen3tts.doctor import models
from wyoming_qwen3tts.doctor.checks import CheckContext
from wyoming_qwen3tts.errors import UnknownVoice
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.model.checkpoint.tiny import TinyShape, write_tiny_checkpoint
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.voices.folder import VoiceFolder

Folders = dict[ModelType, Path]
SAID = "It is 12 degrees outside, and it will rain tonight."
GERMAN = "Guten Abend, das Licht in der Küche ist an und die Haustür ist abgeschlossen."


def loudest_difference(one: bytes, other: bytes) -> int:
    first, second = (np.frombuffer(wav[44:], "<i2").astype(int) for wav in (one, other))
    length = min(len(first), len(second))
    return int(np.abs(first[:length] - second[:length]).max())


async def test_a_german_reply_with_no_voice_named_is_spoken_by_the_mapped_voice(
    tiny_folders: Folders, tmp_path: Path
) -> None:
    """With the client library that Home Assistant uses."""
    (tmp_path / "voices.yaml").write_text("languages: {de: vivian}\n")
    async with home(settings_of(tmp_path, tiny_folders["custom_voice"])) as house:
        async with AsyncTcpClient("127.0.0.1", house.server.door.port) as client:
            await client.write_event(Synthesize(GERMAN).event())
            while (event := await client.read_event()) and not AudioStop.is_type(event.type):
                assert event.type in ("audio-start", "audio-chunk")
        assert [(r.voice, r.engine, r.language) for r in house.stats] == [("vivian-de", "qwen3", "de")]
        assert (await house.describe())["vivian-de"]["description"].startswith("01 ")


async def test_a_changed_mapping_holds_for_the_next_reply(tiny_folders: Folders, tmp_path: Path) -> None:
    async with home(settings_of(tmp_path, tiny_folders["custom_voice"])) as house:
        before = await house.who_speaks(GERMAN)
        (tmp_path / "voices.yaml").write_text("languages: {de: {voice: serena, style: whisper}}\n")

        assert before[0] == "ryan-de"
        assert (await house.who_speaks(GERMAN))[0] == "serena-whisper-de"


async def test_a_voice_cloned_while_the_server_runs_is_described_and_speaks_and_so_it_does_after_a_restart(
    tiny_folders: Folders, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, tiny_folders["custom_voice"], tiny_folders["base"])
    async with home(settings) as house:
        assert "Grandma" not in await house.describe()
        made = await house.studio.clone("Grandma", clip(), text=TRANSCRIPT, consent="She said yes, 2026-11-01.")

        assert made.kind == "clone"
        assert (await house.describe())["Grandma"]["languages"][:2] == ["de", "de-DE"]
        core = house.core
        await until(lambda: core.priming.done, within_s=30)  # while nobody is spoken to
        assert await house.who_speaks(GERMAN, voice={"name": "grandma"}) == ("Grandma", "qwen3", "de")

    async with home(settings) as house:
        core = house.core
        await until(lambda: core.priming.done, within_s=30)  # by itself, before anybody asks
        assert "Grandma" in await house.describe()
        assert await house.who_speaks("The light is on.", voice={"name": "Grandma"}) == ("Grandma", "qwen3", "en")
    assert VoiceFolder(settings.voices_dir).read("Grandma").consent == "She said yes, 2026-11-01."


async def test_a_described_voice_is_rendered_kept_and_spoken_as_a_clone_of_that_reference(
    tiny_folders: Folders, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, tiny_folders["voice_design"], tiny_folders["base"])
    async with home(settings) as house:
        variants = [v async for v in house.studio.design("A calm old man.", text=SAID, variants=2, seed=5)]
        again = [v async for v in house.studio.design("A calm old man.", text=SAID, variants=1, seed=6)]
        kept = await house.studio.keep(variants[1].id, "Walter")

        assert [variant.seed for variant in variants] == [5, 6]
        assert loudest_difference(again[0].wav, variants[1].wav) <= 2  # of 32,768: packets differ, seeds do not
        assert loudest_difference(variants[0].wav, variants[1].wav) > 1_000
        assert kept.kind == "design"
        assert await house.who_speaks("The light is on.", voice={"name": "Walter"}) == ("Walter", "qwen3", "en")
    stored = VoiceFolder(settings.voices_dir).read("Walter")
    assert (stored.kind, stored.description) == ("design", "A calm old man.")
    assert stored.codes is not None
    assert stored.text == SAID


async def test_a_voice_of_another_models_size_is_not_advertised_and_says_which_model_to_add(
    tiny_folders: Folders, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, tiny_folders["base"])
    folder = VoiceFolder(settings.voices_dir)
    folder.add(a_voice("Big", size=2048, model="1b7 base"))
    folder.add(a_voice("Small"))
    async with home(settings) as house:
        described = await house.describe()

        assert "Small" in described
        assert "Big" not in described
        with pytest.raises(UnknownVoice, match=r"add Qwen/Qwen3-TTS-12Hz-1\.7B-Base to engine\.model"):
            house.server.service.catalog.find("big")


async def test_a_damaged_voice_is_not_advertised_and_says_what_to_do(tiny_folders: Folders, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, tiny_folders["base"])
    path = VoiceFolder(settings.voices_dir).add(a_voice("Anna"))
    path.write_bytes(path.read_bytes()[:100])
    async with home(settings) as house:
        assert "Anna" not in await house.describe()
        with pytest.raises(UnknownVoice, match=r"damaged, or no voice; clone it again"):
            house.server.service.catalog.find("anna")


async def test_a_fine_tuned_checkpoint_brings_its_own_speakers(tmp_path: Path) -> None:
    import json

    folder = write_tiny_checkpoint(tmp_path / "tuned", "custom_voice", shape=TinyShape())
    config = json.loads((folder / "config.json").read_text())
    talker = config["talker_config"]
    one = next(iter(talker["spk_id"].values()))
    talker["spk_id"] = {"Opa Karl": one, "kids.tv": one + 1}
    talker["spk_is_dialect"] = {"Opa Karl": "sichuan_dialect", "kids.tv": False}
    del talker["codec_language_id"]["japanese"]
    (folder / "config.json").write_text(json.dumps(config))
    async with home(settings_of(tmp_path / "data", folder)) as house:
        described = await house.describe()

        plain = {name for name in described if name.startswith(("opa", "kids")) and name.count("-") == 1}
        assert plain == {f"{who}-{code}" for who in ("opa karl", "kids_tv") for code in LANGUAGES if code != "ja"}
        assert "Opa Karl" in described["opa karl-de"]["description"]
        assert house.server.service.catalog.knows("opa karl")  # so a text may name it: [Opa Karl]
        assert (await house.who_speaks(GERMAN, voice={"name": "Opa Karl"}))[:2] == ("opa karl-de", "qwen3")
        assert (await house.who_speaks("今天天气很好。", voice={"name": "kids_tv-zh"}))[:2] == ("kids_tv-zh", "qwen3")


async def test_a_fine_tuned_checkpoint_brings_its_own_languages(tmp_path: Path) -> None:
    import json

    folder = write_tiny_checkpoint(tmp_path / "tuned", "custom_voice", shape=TinyShape())
    config = json.loads((folder / "config.json").read_text())
    table = config["talker_config"]["codec_language_id"]
    table |= dict.fromkeys(("dutch", "welsh", "klingon"), table["german"])
    (folder / "config.json").write_text(json.dumps(config))
    settings = settings_of(tmp_path / "data", folder, voices={"languages": ["nl"]})
    async with home(settings) as house:
        described = await house.describe()
        ryans = {name for name in described if name.startswith("ryan-") and name.count("-") == 1}
        assert ryans == {f"ryan-{code}" for code in (*LANGUAGES, "nl")}
        said = await house.who_speaks("Het licht in de keuken is aan.", voice={"name": "ryan-nl"})
        assert said == ("ryan-nl", "qwen3", "nl")

    place = CheckContext(settings, {})
    lines = [check.detail for check in models._languages(place, str(folder))]
    assert any("dutch (nl)" in line and "welsh (cy)" in line and "add cy to voices.languages" in line for line in lines)
    assert any(line.startswith("klingon cannot be asked for") for line in lines)
