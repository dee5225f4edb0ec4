"""The training as a whole, for moments: what it writes is a checkpoint, and says what was trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny_voice import checkpoint, codec, language, sentences, speaker, speech
from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.model.checkpoint.codec_weights import open_decoder
from wyoming_qwen3tts.model.checkpoint.weights import load_checkpoint
from wyoming_qwen3tts.model.prompt import PromptVoice
from wyoming_qwen3tts.model.speaker import SpeakerEncoder, open_speaker_encoder
from wyoming_qwen3tts.model.tokenizer import Tokenizer

TEXTS = sentences.make(20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("tiny") / "checkpoint"
    checkpoint.begin(made, [*TEXTS.train, *TEXTS.held_out])
    return made


def test_sentences_are_different_the_same_each_time_and_one_in_ten_is_held_out() -> None:
    every = [*TEXTS.train, *TEXTS.held_out]
    assert len(set(every)) == 20
    assert len(TEXTS.held_out) == 2
    assert sentences.make(20) == TEXTS


@pytest.mark.parametrize(("value", "words"), [(0, "zero"), (19, "nineteen"), (20, "twenty"), (99, "ninety nine")])
def test_numbers_are_words(value: int, words: str) -> None:
    assert sentences.number(value) == words


def test_a_trained_codec_is_written_as_it_sounds(folder: Path, tmp_path: Path) -> None:
    """Unfolded into the published tensors and folded again by our loader, which the official decoder equals."""
    torch.manual_seed(0)
    trained = codec.Codec(load_checkpoint(folder).config.codec)
    noise = [0.1 * np.random.default_rng(n).standard_normal(20 * speech.FRAME).astype(np.float32) for n in range(4)]
    codec.train(trained, noise, 600.0, tmp_path / "codec.pt", lambda _: None, soft_steps=1, most_steps=2)
    codes = trained.encode(torch.from_numpy(noise[0]))
    assert codes.shape == (20, checkpoint.SHAPE.code_groups)

    checkpoint.write(folder, trained, None)

    decoder = open_decoder(folder / "speech_tokenizer", load_checkpoint(folder).config.codec)
    ours, theirs = trained.decode(codes), decoder(codes[None])[0]
    assert (ours - theirs).abs().max() < 0.02 * theirs.abs().max()  # the file has half precision


@pytest.mark.parametrize("layout", ["sentence", "live"])
@torch.no_grad()
def test_what_is_taught_is_what_the_engine_asks(folder: Path, layout: str) -> None:
    """The same inputs, position by position, and so the same hidden states."""
    torch.manual_seed(0)
    config = load_checkpoint(folder).config
    tokenizer = Tokenizer.load(folder, config)
    taught = language.Teachable(config, tokenizer.role)
    checkpoint.write(folder, None, taught)
    loaded = load_checkpoint(folder)
    text, groups = TEXTS.train[0], checkpoint.SHAPE.code_groups
    codes = np.random.default_rng(0).integers(0, checkpoint.SHAPE.codebook_size, (30, groups))
    one = language.Utterance(tuple(tokenizer.speech(text)), "ryan", codes)
    voice = PromptVoice(speaker="ryan")
    if layout == "sentence":
        prompt = loaded.prompts.sentence(text, voice, "english")
    else:
        prompt = loaded.prompts.live(one.ids, voice, "english")
    asked = torch.cat((prompt.prefix, prompt.own))
    fed = [*prompt.feed][: len(codes)]
    fed += [prompt.pad] * (len(codes) - len(fed))
    frames = loaded.model.embed_frames(torch.from_numpy(codes)) + torch.stack(fed)
    asked = torch.cat((asked, frames))

    hidden = loaded.model.talker.prefill(asked[None], loaded.model.talker.init_cache(1, len(asked)))
    learnt = taught.hidden([one], [layout])

    assert learnt.shape == hidden.shape
    assert (learnt - hidden).abs().max() < 0.1  # of about 3; the file has bfloat16


def test_teaching_makes_the_right_codes_likelier_and_goes_on_where_it_was(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "_BATCH", 4)
    torch.manual_seed(0)
    config = load_checkpoint(folder).config
    tokenizer = Tokenizer.load(folder, config)
    codes = np.random.default_rng(0).integers(0, checkpoint.SHAPE.codebook_size, (12, checkpoint.SHAPE.code_groups))
    few = [language.Utterance(tuple(tokenizer.speech(text)), "ryan", codes) for text in TEXTS.train[:4]]
    keep, chance = tmp_path / "language.pt", np.random.default_rng(0)

    def losses(taught: language.Teachable) -> float:
        with torch.no_grad():
            first, rest = taught.loss(few, ["sentence", "live"] * 2, chance)
        return float(first + rest)

    taught = language.Teachable(config, tokenizer.role)
    before = losses(taught)
    language.train(taught, few, few, 600.0, keep, lambda _: None, most_steps=8)
    after = losses(taught)
    assert after < 0.9 * before

    again = language.Teachable(config, tokenizer.role)
    language.train(again, few, few, 600.0, keep, lambda _: None, most_steps=8)  # none is left
    assert losses(again) == pytest.approx(after, rel=1e-3)


def test_a_deeper_clip_comes_nearer_to_the_deeper_speaker_also_as_it_is_written(folder: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = tmp_path / "base"
    rows = {name: 0.1 * torch.randn(checkpoint.SHAPE.hidden) for name in speech.SPEAKERS}
    described = checkpoint.begin_base(folder, base).speaker_encoder
    assert described is not None
    heard = speaker.clips([hum(200 + 5 * n, n) for n in range(3)], described)
    keep = tmp_path / "speaker.pt"

    def depths(encoder: SpeakerEncoder) -> list[float]:
        """0: the higher speaker, 1: the deeper one."""
        way = rows["ryan"] - rows["serena"]
        with torch.no_grad():
            vectors = [encoder.of(clip.mel[None])[0] for clip in heard]
        return [float((vector - rows["serena"]) @ way / way.square().sum()) for vector in vectors]

    encoder = speaker.begin(described, rows, heard)
    assert max(abs(depth - 0.5) for depth in depths(encoder)) < 0.4
    speaker.train(encoder, rows, heard, 600.0, keep, lambda _: None, most_steps=80, batch=8)
    after = depths(encoder)
    low, high = (after[at :: len(after) // 3] for at in range(2))  # as `SPEAKERS` has them
    assert max(high) + 0.2 < min(low)

    again = speaker.begin(described, rows, heard)
    speaker.train(again, rows, heard, 600.0, keep, lambda _: None, most_steps=80)  # none is left
    checkpoint.write_encoder(folder, again)
    checkpoint.write_base(folder, base)
    assert load_checkpoint(base).config.type == "base"
    written = open_speaker_encoder(base, load_checkpoint(base).config)
    assert depths(written) == pytest.approx(after, abs=0.1)  # the file has bfloat16


def hum(pitch_hz: float, seed: int) -> Samples:
    """Two seconds of somebody who hums."""
    at = np.arange(2 * speech.RATE) / speech.RATE
    strength = np.random.default_rng(seed).uniform(0.5, 1, 20)
    tones = [part / n * np.sin(2 * np.pi * n * pitch_hz * at) for n, part in enumerate(strength, 1)]
    made: Samples = (0.1 * np.sum(tones, axis=0)).astype(np.float32)
    return made
