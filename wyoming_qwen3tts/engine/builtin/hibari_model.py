"""hibari itself, held to little memory, and to texts that it can speak. Imported late: it brings onnxruntime, 0.4 s."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import onnxruntime
from hibari import Hibari

from .hibari_words import PackedG2P

MOST_DIGITS: Final = 36  # it has no word for what follows the decillions
MOST_PHONEMES: Final = 400  # from where it looks for a comma itself; each takes 0.3 MB while it is spoken
_LONG_NUMBER = re.compile(rf"\d(?:,?\d){{{MOST_DIGITS},}}")


class FrugalHibari(Hibari):  # type: ignore[misc]  # hibari carries no types
    """The voice ``heart``, at most `MOST_PHONEMES` at a time. Numbers beyond its own are read in groups of digits."""

    def __init__(self) -> None:
        super().__init__(threads=1, g2p=PackedG2P())
        self.sess = _frugal(self.model_path)

    def phonemize(self, text: str) -> list[str]:
        chunks: list[str] = super().phonemize(_LONG_NUMBER.sub(_digits, text))
        return [part for chunk in chunks for part in _parts(chunk)]


def _digits(number: re.Match[str]) -> str:
    digits = number[0].replace(",", "")
    return ", ".join(" ".join(digits[at : at + 3]) for at in range(0, len(digits), 3))


def _parts(phonemes: str) -> Iterator[str]:
    """``phonemes`` cut between words where there is no comma for too long, into parts of much the same length."""
    size = -(-len(phonemes) // -(-len(phonemes) // MOST_PHONEMES))
    while len(phonemes) > MOST_PHONEMES:
        end = phonemes.rfind(" ", 1, size + 1)
        end = size if end < 0 else end
        yield phonemes[:end]
        phonemes = phonemes[end:].lstrip()
    yield phonemes


def _frugal(path: str) -> Any:
    """The same network in a session that keeps nothing between texts: onnxruntime's arena and its patterns grow with
    each new length of a text, to some 300 MB, and save no time that could be measured."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
