"""``script/train-tiny FOLDER``: data, codec, codes, language model, speaker encoder, checkpoints; each goes on where it
was left."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.model.checkpoint.config import ModelConfig, load_config
from wyoming_qwen3tts.model.speaker import speaker_vector
from wyoming_qwen3tts.model.tokenizer import Tokenizer

from . import checkpoint, codec, ear, language, progress, sentences, speaker, speech

log = logging.getLogger("train-tiny")

SENTENCES, DRILLS = 4_000, 3_000
CODEC_S, LANGUAGE_S, POLISH_S, SPEAKER_S = 1_500, 5_400, 3_000, 600
_SOUNDS = 400  # sentences that the codec learns from
_CLIPS = 60  # sentences that the speaker encoder learns from
_AROUND = 3  # frames of silence around a word when it is encoded: more than the encoder sees
_HEARD = 40  # held-out sentences that the ear judges


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/train-tiny", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the work and the checkpoint are kept")
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--drills", type=int, default=DRILLS, help="rows of words in any order, learnt from besides")
    parser.add_argument("--codec-s", type=float, default=CODEC_S, help="seconds of training")
    parser.add_argument("--language-s", type=float, default=LANGUAGE_S, help="seconds of training")
    parser.add_argument(
        "--polish-s", type=float, default=POLISH_S, help="seconds of training of the decoder, beside the language model"
    )
    parser.add_argument("--speaker-s", type=float, default=SPEAKER_S, help="seconds of training of the speaker encoder")
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    wanted.folder.mkdir(parents=True, exist_ok=True)
    what = f"{wanted.sentences} sentences, {wanted.drills} drills, {checkpoint.SHAPE}\n"
    _same_work(wanted.folder / "work.txt", what)
    work = Work(wanted.folder, sentences.make(wanted.sentences, wanted.drills))
    work.learn_codes(wanted.codec_s)
    work.learn_rest(wanted.language_s, wanted.polish_s)
    work.learn_voices(wanted.speaker_s)
    work.judge()
    log.info("The checkpoint is %s; %s is the same for clones", work.checkpoint, work.base)


def _same_work(file: Path, what: str) -> None:
    """What lies in a folder goes on only with the sizes that it was begun with."""
    if not file.exists():
        file.write_text(what)
    elif file.read_text() != what:
        sys.exit(f"{file.parent} holds another training ({file.read_text().strip()}). Name an empty folder.")


@dataclass(frozen=True, slots=True)
class Work:
    """One training in one folder."""

    folder: Path
    texts: sentences.Sentences

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    @property
    def base(self) -> Path:
        return self.folder / "base"

    def learn_codes(self, seconds: float) -> None:
        """The codec as a whole, on both cores."""
        config = checkpoint.begin(self.checkpoint, self.texts.train)
        trained = _codec(config)
        codec.train(trained, self.sounds(), seconds, self.folder / "codec.pt", log.info)
        checkpoint.write(self.checkpoint, trained, None)

    def learn_rest(self, language_s: float, polish_s: float) -> None:
        """The language model on one core; on the other the decoder goes on learning, of codes that are settled."""
        polish = multiprocessing.get_context("spawn").Process(target=self.polish, args=(polish_s,))
        polish.start()
        self.learn_language(language_s)
        polish.join()
        if polish.exitcode:
            sys.exit("The decoder's training broke off. The same command goes on where it was.")

    def polish(self, seconds: float) -> None:
        torch.set_num_threads(1)
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
        trained = self.codec()
        codes = self.codes()
        known = [codes(name, text) for name, text in self.some()]
        codec.train(trained, self.sounds(), seconds, self.folder / "polished.pt", log.info, codes=known)
        checkpoint.write(self.checkpoint, trained, None)

    def learn_language(self, seconds: float) -> None:
        torch.set_num_threads(1)
        config = load_config(self.checkpoint)
        tokenizer = Tokenizer.load(self.checkpoint, config)
        torch.manual_seed(0)
        teachable = language.Teachable(config, tokenizer.role)
        train, held_out = self.utterances(tokenizer)
        language.train(teachable, train, held_out, seconds, self.folder / "language.pt", log.info)
        checkpoint.write(self.checkpoint, None, teachable)

    def learn_voices(self, seconds: float) -> None:
        """The speaker encoder, on one core: the language model says which vector is which voice."""
        torch.set_num_threads(1)
        config = load_config(self.checkpoint)
        rows = {name: speaker_vector(self.checkpoint, config, name) for name in speech.SPEAKERS}
        described = checkpoint.begin_base(self.checkpoint, self.base).speaker_encoder
        assert described is not None
        texts = self.texts.train[:: max(1, len(self.texts.train) // _CLIPS)]
        heard = speaker.clips(speaker.recordings(texts), described)
        torch.manual_seed(0)
        encoder = speaker.begin(described, rows, heard)
        speaker.train(encoder, rows, heard, seconds, self.folder / "speaker.pt", log.info)
        checkpoint.write_encoder(self.checkpoint, encoder)
        checkpoint.write_base(self.checkpoint, self.base)

    def utterances(self, tokenizer: Tokenizer) -> tuple[list[language.Utterance], list[language.Utterance]]:
        """Those to learn from, and those that are never seen."""
        codes = self.codes()
        train, held_out = (
            [
                language.Utterance(tuple(tokenizer.speech(text)), name, codes(name, text))
                for text in texts
                for name in speech.SPEAKERS
            ]
            for texts in (self.texts.train, self.texts.held_out)
        )
        return train, held_out

    def codes(self) -> Callable[[str, str], np.ndarray]:
        """A function of speaker and text: ``[frames, books]``."""
        voice, trained = self.speech(), self.codec()
        around = voice.sound(_AROUND)

        @cache
        def of(part: speech.Part) -> np.ndarray:
            whole = torch.from_numpy(np.concatenate((around, voice.sound(part), around)))
            return trained.encode(whole).numpy()[_AROUND:-_AROUND]

        def say(name: str, text: str) -> np.ndarray:
            return np.concatenate([of(part) for part in speech.parts(name, text)])

        return say

    def codec(self) -> codec.Codec:
        """As far as it is trained."""
        trained = _codec(load_config(self.checkpoint))
        progress.load(self.folder / "codec.pt", trained)
        return trained.eval()

    def speech(self) -> speech.Speech:
        return speech.speech_of(sentences.words(self.texts.train))

    def some(self) -> list[tuple[str, str]]:
        """Speakers and sentences that the codec learns from."""
        texts = self.texts.train[:: max(1, len(self.texts.train) // _SOUNDS)]
        return [(name, text) for name in speech.SPEAKERS for text in texts]

    def sounds(self) -> list[Samples]:
        voice = self.speech()
        return [voice.say(name, text) for name, text in self.some()]

    def judge(self) -> None:
        """What the ear makes of held-out speech, and of what comes back through the codes."""
        trained = self.codec()
        progress.load(self.folder / "polished.pt", trained)
        wanted, voice, codes = self.texts.held_out[:_HEARD], self.speech(), self.codes()
        for name in speech.SPEAKERS:
            plain = [ear.hear(voice.say(name, text)) for text in wanted]
            back = [ear.hear(trained.decode(torch.from_numpy(codes(name, text))).numpy()) for text in wanted]
            log.info(
                "%s: word errors %.1f %% as spoken, %.1f %% through the codec",
                name,
                100 * ear.word_errors(wanted, plain),
                100 * ear.word_errors(wanted, back),
            )


def _codec(config: ModelConfig) -> codec.Codec:
    torch.manual_seed(0)
    made = codec.Codec(config.codec)
    made.is_coarse = True
    return made


if __name__ == "__main__":
    main()
