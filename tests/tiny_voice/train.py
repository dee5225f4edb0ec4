"""``script/train-tiny FOLDER``: data, codec, codes, language model, checkpoint; each goes on where it was left."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.model.checkpoint.config import ModelConfig, load_config
from wyoming_qwen3tts.model.tokenizer import Tokenizer
from wyoming_qwen3tts.util.files import atomic_file

from . import checkpoint, codec, ear, language, sentences, speech

log = logging.getLogger("train-tiny")

SENTENCES, DRILLS = 6_000, 4_000
CODEC_S, LANGUAGE_S, POLISH_S = 1_500, 5_400, 3_000
_TAKES = 2  # of a sentence by a speaker, to learn from
_SOUNDS = 2_000  # sentences that the codec learns from
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
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    wanted.folder.mkdir(parents=True, exist_ok=True)
    what = f"{wanted.sentences} sentences, {wanted.drills} drills, {checkpoint.SHAPE}\n"
    _same_work(wanted.folder / "work.txt", what)
    work = Work(wanted.folder, sentences.make(wanted.sentences, wanted.drills))
    work.learn_codes(wanted.codec_s)
    work.learn_rest(wanted.language_s, wanted.polish_s)
    work.judge()
    log.info("The checkpoint is %s", work.checkpoint)


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

    def learn_codes(self, seconds: float) -> None:
        """The codec as a whole, on both cores."""
        train, _ = self.spoken()
        config = checkpoint.begin(self.checkpoint, [*self.texts.train, *self.texts.held_out])
        trained = _codec(config)
        codec.train(trained, _both(_some(train)), seconds, self.folder / "codec.pt", log.info)
        checkpoint.write(self.checkpoint, trained, None)

    def learn_rest(self, language_s: float, polish_s: float) -> None:
        """The language model on one core; on the other the decoder goes on learning, of codes that are settled."""
        self.codes()
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
        train, _ = self.spoken()
        codec.train(trained, _both(_some(train)), seconds, self.folder / "polished.pt", log.info, is_settled=True)
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

    def utterances(self, tokenizer: Tokenizer) -> tuple[list[language.Utterance], list[language.Utterance]]:
        """Those to learn from, and those that are never seen."""
        codes, ends = self.codes()
        every = iter(np.split(codes, ends[:-1]))
        train = [
            language.Utterance(tuple(tokenizer.speech(text)), name, next(every))
            for name in speech.SPEAKERS
            for text in self.texts.train
            for _ in range(_TAKES)
        ]
        held_out = [
            language.Utterance(tuple(tokenizer.speech(text)), name, next(every))
            for text in self.texts.held_out
            for name in speech.SPEAKERS
        ]
        return train, held_out

    def codes(self) -> tuple[np.ndarray, np.ndarray]:
        """Of all takes, ``[frames, books]``, and where each ends; made once."""
        file = self.folder / "codes.npz"
        if not file.exists():
            log.info("Encoding")
            trained, chance = self.codec(), np.random.default_rng(0)
            train, held_out = self.spoken()
            takes = [
                speech.take(name, one, chance if again else None)
                for name in speech.SPEAKERS
                for one in train
                for again in range(_TAKES)
            ]
            takes += [speech.take(name, one) for one in held_out for name in speech.SPEAKERS]
            every = [trained.encode(torch.from_numpy(one)).numpy().astype(np.int64) for one in takes]
            with atomic_file(file) as out:
                np.savez(out, codes=np.concatenate(every), ends=np.cumsum([len(one) for one in every]))
        with np.load(file) as kept:
            return kept["codes"], kept["ends"]

    def codec(self) -> codec.Codec:
        """As far as it is trained."""
        trained = _codec(load_config(self.checkpoint))
        trained.load_state_dict(torch.load(self.folder / "codec.pt", weights_only=True)["codec"])
        return trained.eval()

    def spoken(self) -> tuple[list[Samples], list[Samples]]:
        every = speech.spoken([*self.texts.train, *self.texts.held_out], self.folder, log.info)
        return every[: len(self.texts.train)], every[len(self.texts.train) :]

    def judge(self) -> None:
        """What the ear makes of held-out speech, and of what comes back through the codes."""
        trained = self.codec()
        trained.load_state_dict(torch.load(self.folder / "polished.pt", weights_only=True)["codec"])
        wanted, (_, held_out) = self.texts.held_out[:_HEARD], self.spoken()
        for name in speech.SPEAKERS:
            takes = [speech.take(name, one) for one in held_out[:_HEARD]]
            plain = [ear.hear(one) for one in takes]
            back = [ear.hear(trained.decode(trained.encode(torch.from_numpy(one))).numpy()) for one in takes]
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


def _some(spoken: list[Samples]) -> list[Samples]:
    return spoken[:: max(1, len(spoken) // _SOUNDS)]


def _both(spoken: Sequence[Samples]) -> list[Samples]:
    return [speech.take(name, one) for name in speech.SPEAKERS for one in spoken]


if __name__ == "__main__":
    main()
