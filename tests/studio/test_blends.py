"""Voices mixed from several: of what, how they sound to the model, and what cannot be mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.studio.own_voices import a_voice, home, settings_of
from tests.studio.test_studio import Folders, desk
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.engine.qwen3.voice_lookup import model_voice
from wyoming_qwen3tts.engine.remote.carried import CarriedVoices
from wyoming_qwen3tts.errors import BadRequest, UnknownVoice
from wyoming_qwen3tts.model.checkpoint.config import MODEL_TYPES, load_config
from wyoming_qwen3tts.model.checkpoint.tiny import write_tiny_checkpoint
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.prompt import PromptVoice
from wyoming_qwen3tts.model.speaker import speaker_vector
from wyoming_qwen3tts.speech.voice import VoiceName
from wyoming_qwen3tts.voices import blend
from wyoming_qwen3tts.voices.file_format import ClonedVoice, card_of, decode, encode
from wyoming_qwen3tts.voices.folder import VoiceFolder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("tiny-blends")
    return {kind: write_tiny_checkpoint(root / kind, kind) for kind in MODEL_TYPES}


@pytest.mark.parametrize(
    ("recipe", "parts"),
    [
        ("ryan(2)+aiden(1)", [("ryan", 2.0), ("aiden", 1.0)]),
        (" ryan + Anna Maria ( 0,5 ) ", [("ryan", 1.0), ("Anna Maria", 0.5)]),
        ("a+b+c+d+e", [(name, 1.0) for name in "abcde"]),
    ],
)
def test_a_recipe_names_voices_and_weights(recipe: str, parts: list[tuple[str, float]]) -> None:
    assert list(blend.parse(recipe)) == parts


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        ("ryan", "at least two"), ("ryan(2)", "at least two"), ("+".join("abcdefghij"), "at most 5"), ("", "no part"),
        ("ryan(-1)+aiden", "must be a number above 0"), ("ryan(0)+aiden", "must be a number above 0"),
        ("ryan(nan)+aiden", "must be a number above 0"), ("ryan(1e9)+aiden", "up to 100"), ("ryan++aiden", "no part"),
        ("ryan(much)+aiden", "must be a number"), ("ryan+RYAN", "twice"), ("ryan(1+aiden", "no part"),
    ],
)  # fmt: skip
def test_what_is_no_blend_is_refused_in_words(recipe: str, says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        blend.parse(recipe)


def test_a_blend_of_clones_is_the_weighted_mean_of_their_vectors_and_keeps_what_was_agreed() -> None:
    anna, bert = a_voice("Anna", frames=20), replace(a_voice("Bert"), consent="Bert, 2026")
    bert = replace(bert, vector=-2 * bert.vector)
    made = blend.blended(VoiceName("Both"), (anna, bert), blend.parse("Anna(3)+Bert(1)"))

    assert np.allclose(made.vector, (3 * anna.vector + bert.vector) / 4)
    assert (made.kind, made.description, made.consent) == ("blend", "Anna(3)+Bert(1)", "Bert: Bert, 2026")
    assert (made.codes, made.text, made.model) == (None, None, anna.model)
    again = decode(encode(made), "Both", "The file")
    assert (again.kind, again.description, again.is_of_speakers) == ("blend", "Anna(3)+Bert(1)", False)


def test_voices_of_different_models_do_not_mix() -> None:
    speaker, own = replace(a_voice("ryan"), model="0b6 custom_voice"), a_voice("Anna")
    with pytest.raises(BadRequest, match="ryan is a speaker of the model and Anna a voice of your own"):
        blend.blended(VoiceName("Both"), (own, speaker), blend.parse("Anna+ryan"))
    with pytest.raises(BadRequest, match="made with different models"):
        blend.blended(VoiceName("Both"), (own, a_voice("Bert", size=128, model="1b7 base")), blend.parse("Anna+Bert"))


def test_all_of_one_speaker_is_that_speaker_to_the_model(tiny: Folders) -> None:
    folder = tiny["custom_voice"]
    config = load_config(folder)
    speaker = min(config.talker.speakers)
    vector = speaker_vector(folder, config, speaker).numpy()
    mixed = model_voice(ClonedVoice(VoiceName("Mix"), vector, None, None, f"{config.size} {config.type}", "blend"))
    prompts = load_checkpoint(folder).prompts
    named = PromptVoice(speaker=speaker)

    for language in ("English", "German"):
        assert torch.equal(
            prompts.prefix(mixed, language, "Speak sadly.", "sentence"),
            prompts.prefix(named, language, "Speak sadly.", "sentence"),
        )
    with pytest.raises(ValueError, match="speaks by a cloned voice"):
        load_checkpoint(tiny["base"]).prompts.prefix(mixed, "English", None, "sentence")


async def test_the_studio_mixes_speakers_and_says_who_there_is(tiny: Folders, tmp_path: Path) -> None:
    async with desk(tmp_path, tiny["custom_voice"], tiny["base"]) as here:
        config = load_config(tiny["custom_voice"])
        one, other = sorted(config.talker.speakers)[:2]
        voice = await here.studio.blend("Mix", f"{one}(2)+{other}")
        kept = here.folder.read("Mix")
        vectors = [speaker_vector(tiny["custom_voice"], config, who).numpy() for who in (one, other)]

        assert (voice.name, voice.kind) == ("Mix", "blend")
        assert np.allclose(kept.vector, (2 * vectors[0] + vectors[1]) / 3, atol=1e-6)
        assert kept.is_of_speakers
        assert card_of(kept).published.endswith("0.6B-CustomVoice")
        here.folder.add(a_voice("Anna"))
        with pytest.raises(BadRequest, match="cannot be mixed"):
            await here.studio.blend("Other", f"Anna+{one}")
        with pytest.raises(UnknownVoice, match=f"called 'nobody'. Speakers: .*{one}"):
            await here.studio.blend("Other", f"nobody+{one}")
        with pytest.raises(BadRequest, match="already"):
            await here.studio.blend("Mix", f"{one}+{other}")
        assert here.folder.names() == ["Anna", "Mix"]


async def test_a_blend_is_spoken_by_the_checkpoint_of_its_speakers_and_missed_without_it(
    tiny: Folders, tmp_path: Path
) -> None:
    one, other = sorted(load_config(tiny["custom_voice"]).talker.speakers)[:2]
    async with home(settings_of(tmp_path, tiny["custom_voice"])) as here:
        await here.studio.blend("Mix", f"{one}+{other}")
        said = await here.who_speaks("The light in the kitchen is on.", voice={"name": "Mix"})
        assert said == ("Mix", "qwen3", "en")
    async with home(settings_of(tmp_path, tiny["base"])) as here:
        assert "Mix" not in await here.describe()
        assert "CustomVoice to engine.model" in (here.engine.why_mute("Mix") or "")


def test_a_blend_of_speakers_is_not_taken_to_servers_that_speak_clones(tmp_path: Path) -> None:
    folder = VoiceFolder(tmp_path)
    folder.add(replace(a_voice("Both"), kind="blend"))
    folder.add(replace(a_voice("Speakers"), kind="blend", model="0b6 custom_voice"))
    assert [voice.name for voice in CarriedVoices(folder).voices("remote")] == ["Both"]


def test_the_command_keeps_one(tiny: Folders, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = sorted(load_config(tiny["custom_voice"]).talker.speakers)[:2]
    model = ["--engine.kind", "qwen3", "--engine.model", str(tiny["custom_voice"])]
    flags = [*model, "--data-dir", str(tmp_path / "home")]
    assert main(["voices", "blend", "Mix", f"{one}(3)+{other}", *flags]) == 0
    assert "Mix is one of the voices now" in capsys.readouterr().out
    assert VoiceFolder(tmp_path / "home" / "voices").read("Mix").description == f"{one}(3)+{other}(1)"
    assert main(["voices", "blend", "Other", one, *flags]) == 1
    assert "at least two voices" in capsys.readouterr().err
