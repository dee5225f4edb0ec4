"""``clone``: a clip of somebody becomes a voice, kept, and spoken with ever after."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import write_clip
from tests.faults.test_process import COMMAND
from tests.parity import build
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.model.checkpoint.config import ModelType
from wyoming_qwen3tts.voices.folder import VoiceFolder

Folders = dict[ModelType, Path]
RATE = 24_000
SENTENCE = "The light is on."
TRANSCRIPT = "It is twelve degrees outside."


@pytest.fixture
def flags(tiny: Folders, tmp_path: Path) -> list[str]:
    """The settings of a home that can clone."""
    return ["--engine.kind", "qwen3", "--engine.model", str(tiny["base"]), "--data-dir", str(tmp_path / "home")]


@pytest.fixture
def voices(tmp_path: Path) -> VoiceFolder:
    return VoiceFolder(tmp_path / "home" / "voices")


def say(voice: str, file: Path) -> list[str]:
    return ["say", SENTENCE, "--raw", "--greedy", "--max-frames", "6", "--voice", voice, "--codes", str(file)]


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["clone", *words]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    return told


def noise(seconds: float, loudness: float = 0.1) -> np.ndarray:
    return np.random.RandomState(0).standard_normal(round(seconds * RATE)) * loudness


@pytest.mark.parametrize(("text", "raw"), [(None, []), (TRANSCRIPT, []), (TRANSCRIPT, ["--raw"])])
def test_a_clone_speaks_and_sounds_the_same_after_a_restart(
    text: str | None, raw: list[str], flags: list[str], voices: VoiceFolder, clip: Path, tmp_path: Path
) -> None:
    words = ["clone", "Anna", str(clip), *raw, *(["--text", text] if text else [])]
    assert main([*words, *flags]) == 0
    assert main([*say("Anna", tmp_path / "now.npy"), *flags]) == 0

    later = [*COMMAND, *say("anna", tmp_path / "later.npy"), *flags]  # names are found in any case
    done = subprocess.run(later, capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
    codes = np.load(tmp_path / "now.npy")
    assert codes.shape == (6, 16)
    np.testing.assert_array_equal(np.load(tmp_path / "later.npy"), codes)
    assert (voices.read("Anna").codes is not None) == (text is not None)


def test_a_raw_clone_is_the_clip_as_it_is(
    flags: list[str], voices: VoiceFolder, clip: Path, tiny: Folders, tmp_path: Path
) -> None:
    """Equality with the official encoders is the golden files'; here: nothing is done to the clip before them."""
    import torch

    from wyoming_qwen3tts.audio.reference.reader import read_clip
    from wyoming_qwen3tts.model.checkpoint.config import load_config
    from wyoming_qwen3tts.model.reference_codes import open_reference_encoder
    from wyoming_qwen3tts.model.speaker import open_speaker_encoder

    assert main(["clone", "Anna", str(clip), "--raw", "--text", TRANSCRIPT, *flags]) == 0

    samples, config = torch.from_numpy(read_clip(clip)), load_config(tiny["base"])
    with torch.inference_mode():
        vector = open_speaker_encoder(tiny["base"], config)(samples).numpy()
        codes = open_reference_encoder(tiny["base"] / "speech_tokenizer", config.codec)(samples).numpy()
    made = voices.read("Anna")
    np.testing.assert_allclose(made.vector, vector, atol=1e-6)  # computed twice: see `are_the_same_sound`
    np.testing.assert_array_equal(made.codes, codes)
    assert (made.text, made.model) == (TRANSCRIPT, "0b6 base")


def test_a_prepared_clip_loses_its_silence_and_its_level(flags: list[str], voices: VoiceFolder, tmp_path: Path) -> None:
    speech, silence = build.speech().numpy(), np.zeros(2 * RATE)
    plain = write_clip(tmp_path / "a.wav", speech)
    padded = write_clip(tmp_path / "b.wav", np.concatenate([silence, speech * 0.5, silence]))
    for name, clip in (("Anna", plain), ("Bert", padded)):
        assert main(["clone", name, str(clip), "--text", TRANSCRIPT, *flags]) == 0

    anna, bert = voices.read("Anna"), voices.read("Bert")

    assert anna.codes is not None
    assert bert.codes is not None
    assert abs(len(anna.codes) - len(bert.codes)) <= 1  # not 50 frames of silence
    assert np.linalg.norm(anna.vector - bert.vector) < 0.05 * np.linalg.norm(anna.vector)


def test_in_context_and_x_vector_only_are_two_ways_to_speak(flags: list[str], clip: Path, tmp_path: Path) -> None:
    assert main(["clone", "Anna", str(clip), *flags]) == 0
    assert main(["clone", "Bert", str(clip), "--text", TRANSCRIPT, *flags]) == 0
    for name in ("Anna", "Bert"):
        assert main([*say(name, tmp_path / f"{name}.npy"), *flags]) == 0

    assert not np.array_equal(np.load(tmp_path / "Anna.npy"), np.load(tmp_path / "Bert.npy"))


def _short(folder: Path) -> Path:
    return write_clip(folder / "short.wav", build.speech().numpy()[: round(1.2 * RATE)])


def _silent(folder: Path) -> Path:
    return write_clip(folder / "silent.wav", noise(4, 1e-4))


def _clipped(folder: Path) -> Path:
    return write_clip(folder / "clipped.wav", build.speech().numpy() * 40)


def _text_file(folder: Path) -> Path:
    (folder / "clip.wav").write_text("This is no sound.")
    return folder / "clip.wav"


def _cut_off(folder: Path) -> Path:
    (folder / "clip.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt ")
    return folder / "clip.wav"


def _absent(folder: Path) -> Path:
    return folder / "absent.wav"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_short, "at least 1.5 s"),
        (_silent, "silent"),
        (_clipped, "too loud"),
        (_text_file, "no sound file that is read here"),
        (_cut_off, "cannot be decoded"),
        (_absent, "No such file"),
    ],
)
def test_a_clip_that_cannot_be_a_voice_is_refused_and_nothing_is_kept(
    make: Callable[[Path], Path], why: str, flags: list[str], voices: VoiceFolder, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert why in refusal(capsys, "Anna", str(make(tmp_path)), *flags)

    assert voices.names() == []


def test_raw_takes_what_is_refused_otherwise_but_not_less_than_can_be_heard(
    flags: list[str], voices: VoiceFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clone", "Anna", str(_short(tmp_path)), "--raw", *flags]) == 0
    capsys.readouterr()
    blip = write_clip(tmp_path / "blip.wav", noise(0.01))

    assert "no voice in it" in refusal(capsys, "Bert", str(blip), "--raw", *flags)
    assert voices.names() == ["Anna"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Ryan", "already"),
        ("uncle_fu", "already"),
        ("builtin", "already"),
        ("Builtin-DE", "already"),
        ("Anna-de", "may not end in -de"),
        ("Anna-ZH", "may not end in -ZH"),
        ("../anna", "cannot be called"),
        ("/etc/anna", "cannot be called"),
        ("a\x00b", "cannot be called"),
        (".", "cannot be called"),
        ("", "cannot be called"),
        ("a" * 65, "cannot be called"),
        ("\U00020000" * 64, "too long"),
    ],
)
def test_a_name_that_is_taken_or_none_is_refused_before_the_clip_is_read(
    name: str, why: str, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = refusal(capsys, name, str(tmp_path / "absent.wav"), *flags)

    assert why in told
    assert "absent.wav" not in told
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_name_is_given_once_whatever_its_case(
    flags: list[str], voices: VoiceFolder, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clone", "Anna", str(clip), *flags]) == 0
    first = voices.read("Anna").vector
    capsys.readouterr()

    assert "already" in refusal(capsys, "ANNA", str(clip), *flags)

    np.testing.assert_array_equal(voices.read("Anna").vector, first)


@pytest.mark.parametrize("name", ["de", "Mai-Lin", "Grandma Jo", "\u00c4nne", "\u30a2\u30f3\u30ca", "a-den"])
def test_a_name_in_any_script_is_taken(name: str, flags: list[str], voices: VoiceFolder, clip: Path) -> None:
    assert main(["clone", name, str(clip), *flags]) == 0

    assert voices.names() == [name]


@pytest.mark.parametrize("text", ["", "  "])
def test_a_transcript_of_nothing_is_refused(
    text: str, flags: list[str], voices: VoiceFolder, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "transcript is empty" in refusal(capsys, "Anna", str(clip), "--text", text, *flags)

    assert voices.names() == []


@pytest.mark.parametrize("kind", ["custom_voice", "voice_design", None])
def test_without_a_base_model_it_says_which_to_configure(
    kind: ModelType | None, tiny: Folders, clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--engine.kind", "qwen3", *(["--engine.model", str(tiny[kind])] if kind else [])]

    told = refusal(capsys, "Anna", str(clip), *flags)

    assert "Base checkpoint: --engine.model" in told


def test_a_damaged_base_model_ends_in_one_line(
    tiny: Folders, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from shutil import copytree

    folder = copytree(tiny["base"], tmp_path / "model")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-500])

    told = refusal(capsys, "Anna", str(clip), "--engine.model", str(folder), "--data-dir", str(tmp_path / "home"))

    assert str(file) in told
    assert "truncated" in told
