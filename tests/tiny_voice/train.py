"""``script/train-tiny [FOLDER]``: data, codec, codes, language model, checkpoint; each goes on where it was left."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
import torch

from wyoming_qwen3tts.audio.pcm import Samples
from wyoming_qwen3tts.model.checkpoint.config import ModelConfig
from wyoming_qwen3tts.model.tokenizer import Tokenizer

from . import checkpoint, codec, ear, language, sentences, speech

log = logging.getLogger("train-tiny")

SENTENCES = 3_000
CODEC_S, LANGUAGE_S = 4_200, 4_200
_HEARD = 40  # held-out sentences that the ear judges


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/train-tiny", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the work and the checkpoint are kept")
    parser.add_argument("--sentences", type=int, default=SENTENCES)
    parser.add_argument("--codec-s", type=float, default=CODEC_S, help="seconds of training")
    parser.add_argument("--language-s", type=float, default=LANGUAGE_S, help="seconds of training")
    parser.add_argument("--threads", type=int, default=2)
    wanted = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(wanted.threads)
    wanted.folder.mkdir(parents=True, exist_ok=True)
    _same_work(wanted.folder / "work.txt", f"{wanted.sentences} sentences, {checkpoint.SHAPE}\n")
    Work(wanted.folder, wanted.sentences).run(wanted.codec_s, wanted.language_s)


def _same_work(file: Path, what: str) -> None:
    """What lies in a folder goes on only with the sizes that it was begun with."""
    if not file.exists():
        file.write_text(what)
    elif file.read_text() != what:
        sys.exit(f"{file.parent} holds another training ({file.read_text().strip()}). Name an empty folder.")


class Work:
    """One training in one folder."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.texts = folder, sentences.make(count)
        self.checkpoint = folder / "checkpoint"

    def run(self, codec_s: float, language_s: float) -> None:
        texts = [*self.texts.train, *self.texts.held_out]
        spoken = speech.spoken(texts, self.folder, log.info)
        learnt = len(self.texts.train)
        config = checkpoint.begin(self.checkpoint, texts)
        torch.manual_seed(0)
        trained = codec.Codec(config.codec)
        trained.is_coarse = True
        train = [one for every in spoken.values() for one in every[:learnt]]
        codec.train(trained, train, codec_s, self.folder / "codec.pt", log.info)
        trained.is_coarse = False
        checkpoint.write(self.checkpoint, trained, None)
        self.judge_codec(trained, {name: every[learnt:] for name, every in spoken.items()})
        self.teach(trained, config, spoken, language_s)

    def judge_codec(self, trained: codec.Codec, held_out: dict[str, list[Samples]]) -> None:
        """What the ear makes of held-out speech, and of what comes back through the codes."""
        wanted = list(self.texts.held_out[:_HEARD])
        for name, every in held_out.items():
            some = every[: len(wanted)]
            plain = [ear.hear(one) for one in some]
            back = [ear.hear(trained.decode(trained.encode(torch.from_numpy(one))).numpy()) for one in some]
            log.info(
                "%s: word errors %.1f %% as spoken, %.1f %% through the codec",
                name,
                100 * ear.word_errors(wanted, plain),
                100 * ear.word_errors(wanted, back),
            )

    def teach(
        self, trained: codec.Codec, config: ModelConfig, spoken: dict[str, list[Samples]], seconds: float
    ) -> None:
        """Talker and code predictor."""
        tokenizer = Tokenizer.load(self.checkpoint, config)
        utterances = [
            language.Utterance(tuple(tokenizer.speech(text)), name, self.codes(trained, one))
            for name, every in spoken.items()
            for text, one in zip(self.texts.train, every, strict=False)
        ]
        torch.manual_seed(0)
        teachable = language.Teachable(config, tokenizer.role)
        language.train(teachable, utterances, seconds, self.folder / "language.pt", log.info)
        checkpoint.write(self.checkpoint, None, teachable)
        log.info("The checkpoint is %s", self.checkpoint)

    @staticmethod
    def codes(trained: codec.Codec, samples: Samples) -> np.ndarray:
        return trained.encode(torch.from_numpy(samples)).numpy()


if __name__ == "__main__":
    main()
