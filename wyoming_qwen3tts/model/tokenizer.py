"""Text to ids: Qwen's byte-level BPE, in which nothing a user types can become a control token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from unicodedata import category

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Bpe
from tokenizers.models import BPE

from .checkpoint.config import ModelConfig
from .checkpoint.files import JSON_BYTES_MAX, ModelFileError, read_json

# How Qwen2's tokenizer cuts text into words before merging (the pattern belongs to the trained vocabulary).
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# What transformers 4.57.3 silently uses instead when the official package loads a local folder; for parity tests only.
MISTRAL_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_LEADING_NEWLINES = re.compile(r"\A\s*[\r\n]+")


@dataclass(frozen=True, slots=True)
class ControlIds:
    """The ids that no text can produce; taken from config.json."""

    im_start: int
    im_end: int


class Tokenizer:
    """Knows the three ways in which the model's prompt quotes text: spoken, transcript, instruction.

    Special tokens are not in its vocabulary at all: ``<|im_end|>`` in a user's text is ten harmless characters.
    """

    def __init__(self, bpe: Bpe, control: ControlIds) -> None:
        self._bpe = bpe
        self._control = control
        self._turn = self._plain("assistant\n")
        self._end = self._plain("\n")

    @classmethod
    def load(cls, folder: Path, config: ModelConfig, words: str = QWEN_WORDS) -> Tokenizer:
        """Read ``vocab.json`` and ``merges.txt``.

        Raises:
            ModelFileError: if one is missing, damaged, or does not belong to this model.
        """
        bpe = Bpe(_read_bpe(folder))
        bpe.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(words), behavior="isolated")
        bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        bpe.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
        tokenizer = cls(bpe, ControlIds(config.im_start_id, config.im_end_id))
        vocab = bpe.get_vocab(with_added_tokens=False)
        if max(vocab.values(), default=0) >= config.talker.text_vocab_size:
            raise ModelFileError(
                f"{folder / 'vocab.json'} has ids beyond the model's text table; download the model again"
            )
        if not len(tokenizer._turn) == 2 or len(tokenizer._end) != 1:
            raise ModelFileError(
                f"{folder / 'vocab.json'} does not hold 'assistant' as one token; download the model again"
            )
        return tokenizer

    def _plain(self, text: str) -> list[int]:
        return self._bpe.encode(text, add_special_tokens=False).ids

    @property
    def role(self) -> list[int]:
        """``<|im_start|>assistant\\n``: what stands before everything that is spoken."""
        return [self._control.im_start, *self._turn]

    def speech(self, text: str) -> list[int]:
        """Ids of a text to be spoken, or of a reference's transcript.

        They are those the text has after the role line, where the official code tokenises it. Newlines at the very
        start are dropped, since there they would merge with the role's own.
        """
        return self._plain("assistant\n" + _LEADING_NEWLINES.sub("", text))[2:]

    def continued(self, text: str) -> list[int]:
        """Ids of a part of a text that is not its first; see `TokenStream`."""
        return self._plain(text)

    def words(self, text: str, last: str = "") -> list[tuple[int, int]]:
        """Of each word of ``text``, as `continued` takes it behind the character ``last``: the index of its first id,
        and where in the text it begins. Where no blanks part words each id that begins a character counts as one."""
        encoding = self._bpe.encode(text, add_special_tokens=False)
        found: list[tuple[int, int]] = []
        before, at, begun = None, -1, None
        for index, (word, (start, end)) in enumerate(zip(encoding.word_ids, encoding.offsets, strict=True)):
            if word != before:  # a blank before the word may be an id of its own
                goes_on = text[start] in "'’" and (text[start - 1] if start else last).isalnum()
                before, begun = word, None if goes_on else index
            first = next((place for place in range(start, end) if text[place].isalnum()), None)
            if first is None or first <= at:
                continue
            if begun is not None or _EAST_ASIAN.match(text, first):
                found.append((index if begun is None else begun, first))
                begun = None
            at = first
        return found

    def instruct(self, text: str) -> list[int]:
        """Ids of the whole turn that tells the model how to speak."""
        return [self._control.im_start, *self._plain(f"user\n{text}"), self._control.im_end, *self._end]


class TokenStream:
    """Ids of a text that comes in pieces: each as early as no later piece can change it, all equal to the whole text's.

    A word is only final once something else follows it, for merging and composing (NFC) act inside words. The cuts are
    places where every match of `QWEN_WORDS` ends: after a letter or digit and before anything that is neither, nor a
    combining mark; and between punctuation and a space. (Not before a newline: punctuation swallows those.)
    """

    def __init__(self, tokenizer: Tokenizer, *, notes_words: bool = False) -> None:
        self._tokenizer = tokenizer
        self._held = ""
        self._started = False
        self._notes_words = notes_words
        self._ids = self._chars = 0  # final so far
        self._last = ""  # character of them
        self.words: list[tuple[int, int]] = []  # of each, the index of its first id and its place in the text

    def add(self, piece: str) -> list[int]:
        """The ids that ``piece`` has made final, if any."""
        fresh = max(len(self._held), 1)  # no cut before was found in what is held, except at its end
        self._held += piece
        cut = next((i for i in range(len(self._held) - 1, fresh - 1, -1) if _is_cut(*self._held[i - 1 : i + 1])), 0)
        ready, self._held = self._held[:cut], self._held[cut:]
        return self._encode(ready)

    def close(self) -> list[int]:
        """The ids of what was held back; the text is complete."""
        ready, self._held = self._held, ""
        return self._encode(ready)

    def _encode(self, text: str) -> list[int]:
        if not text:
            return []
        first, self._started = not self._started, True
        ids = self._tokenizer.speech(text) if first else self._tokenizer.continued(text)
        if self._notes_words:
            gone = text[: len(text) - len(_LEADING_NEWLINES.sub("", text))] if first else ""
            found = self._tokenizer.words(text[len(gone) :], self._last)
            self._last = text[-1]
            self.words += [(self._ids + index, self._chars + len(gone) + at) for index, at in found]
        self._ids, self._chars = self._ids + len(ids), self._chars + len(text)
        return ids


def _is_cut(before: str, after: str) -> bool:
    before_kind, after_kind = category(before)[0], category(after)[0]
    if before_kind in "LN":
        return after_kind not in "LNM"
    return before_kind in "PS" and after_kind == "Z"


def _read_bpe(folder: Path) -> BPE:
    vocab_file, merges_file = folder / "vocab.json", folder / "merges.txt"
    vocab = read_json(vocab_file)
    if not vocab or not all(type(value) is int and 0 <= value < 2**31 for value in vocab.values()):
        raise ModelFileError(f"{vocab_file} is not a table from tokens to ids; download the model again")
    try:
        if merges_file.stat().st_size > JSON_BYTES_MAX:
            raise ModelFileError(f"{merges_file} is too large for a list of merges; download the model again")
        lines = merges_file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{merges_file} cannot be read; download the model again") from error
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    try:
        return BPE(vocab=vocab, merges=[(left, right) for left, right in pairs], dropout=None, unk_token=None)
    except Exception as error:  # the library raises bare Exception for a merge outside the vocabulary
        raise ModelFileError(f"{merges_file} does not fit {vocab_file.name}; download the model again") from error
