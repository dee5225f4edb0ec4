"""The user's own pronunciations: a word or phrase -> how it is to be written for the voice.

``lexicon/<language>.txt`` and ``lexicon/all.txt`` hold lines ``word = respelling``; ``#`` starts a comment. An entry
that is all small letters is found in any case; one with a capital only as it is written ("US = U S" leaves "us" alone).
"""

import errno
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ..errors import SpeechError
from ..speech.languages import LANGUAGES
from ..util.files import read_regular, write_atomic
from .tracked_text import TrackedText

FILES: Final = ("all", *LANGUAGES)
ENTRIES_PER_FILE: Final = 5_000
ENTRY_CHARS: Final = 200
FILE_BYTES: Final = 1_000_000
FURTHER_MAX: Final = 32  # files that voices.yaml names


@dataclass(frozen=True, slots=True)
class LexiconError:
    """A line that was left out, and why."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class LexiconFileError(SpeechError):
    """A file that cannot be read or written. What was there before still is."""

    code, http_status = "lexicon-file", 507


class Lexicon:
    """Respellings for each language, as they were when the files were read.

    ``more`` names for some languages a further file, whose entries count before the language's own.
    """

    def __init__(
        self,
        entries: dict[str, dict[str, str]] | None = None,
        errors: tuple[LexiconError, ...] = (),
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._entries, self._more = entries or {}, more
        self.errors = errors
        self._patterns: dict[str, re.Pattern[str] | None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    @cached_property
    def longest_words(self) -> int:
        """How many words the longest entry has."""
        return max((len(word.split()) for words in self._entries.values() for word in words), default=0)

    @cached_property
    def longest_chars(self) -> int:
        """How many characters the longest entry has."""
        return max((len(word) for words in self._entries.values() for word in words), default=0)

    def using(self, more: Mapping[str, str]) -> "Lexicon":
        """The same with a further file for some languages."""
        return Lexicon(self._entries, self.errors, more) if more else self

    def apply(self, tracked: TrackedText, language: str) -> None:
        """Write the words of this language as the user wants them spoken."""
        if pattern := self._entries and self._pattern_of(language):
            tracked.rewrite("lexicon", pattern, lambda match: self._find(match[0], language))

    def boundary(self, text: str, at: int, language: str) -> int:
        """Where to cut ``text`` so that no entry is cut apart: at ``at`` or before."""
        if pattern := self._entries and self._pattern_of(language):
            for match in pattern.finditer(text):
                if match.start() < at < match.end():
                    return match.start()
        return at

    def _pattern_of(self, language: str) -> re.Pattern[str] | None:
        if language not in self._patterns:
            self._patterns[language] = self._pattern(language)
        return self._patterns[language]

    def _words(self, language: str) -> dict[str, str]:
        further = self._entries.get(self._more.get(language, ""), {})
        return self._entries.get("all", {}) | self._entries.get(language, {}) | further

    def _pattern(self, language: str) -> re.Pattern[str] | None:
        words = sorted(self._words(language), key=len, reverse=True)
        if not words:
            return None
        return re.compile("|".join(map(_whole_word, words)), re.IGNORECASE)

    def _find(self, written: str, language: str) -> str | None:
        words = self._words(language)
        key = " ".join(written.split())
        if key in words:
            return words[key]
        return words.get(key.casefold())


EMPTY: Final = Lexicon()


class LexiconFolder:
    """A folder of lexicon files, read again when one of them changes. The only reader and writer of these files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, tuple[int, int]] | None = None
        self._lexicon = EMPTY
        self._further: set[str] = set()
        self._using: dict[tuple[tuple[str, str], ...], Lexicon] = {}  # by what was asked for: patterns are costly

    def current(self, more: Mapping[str, str] = MappingProxyType({})) -> Lexicon:
        """The lexicon as the files are now. Broken lines are listed in ``errors``; the others count. ``more`` names for
        some languages a further file."""
        self._further |= {name for name in more.values() if len(self._further) < FURTHER_MAX}
        seen = self._stamps()
        if seen != self._seen:
            self._seen = seen
            self._lexicon = self._read()
            self._using = {}
        if not more:
            return self._lexicon
        key = tuple(sorted(more.items()))
        if key not in self._using:
            self._using[key] = self._lexicon.using(more)
        return self._using[key]

    def text(self, name: str) -> str:
        """The file of ``name``, one of `FILES`, line by line as it is; nothing if it is not there. Blocks.

        Raises:
            LexiconFileError: for a file that only a part could be had of, so that nobody writes that part back.
        """
        path = self._folder / f"{name}.txt"
        try:
            raw = read_regular(path, FILE_BYTES + 1)
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise LexiconFileError(f"{path} cannot be read: {error.strerror or error}.") from error
        if len(raw) > FILE_BYTES:
            raise LexiconFileError(f"{path} has more than {FILE_BYTES:,} bytes: make it smaller in an editor.")
        return "".join(f"{line}\n" for line in raw.decode("utf-8-sig", errors="replace").splitlines())

    def replace(self, name: str, text: str) -> None:
        """Write the file of ``name``, one of `FILES`: all of it or nothing. Blocks.

        Raises:
            LexiconFileError: saying why.
        """
        try:
            write_atomic(self._folder / f"{name}.txt", text.encode(), is_shared=True)  # the user edits it too
        except OSError as error:
            what = "The disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
            raise LexiconFileError(f"{self._folder} cannot be written: {what}. Nothing was changed.") from error

    def _stamps(self) -> dict[str, tuple[int, int]]:
        stamps = {}
        for name in (*FILES, *sorted(self._further.difference(FILES))):
            try:
                status = (self._folder / f"{name}.txt").stat()
            except OSError:
                continue
            stamps[name] = (status.st_mtime_ns, status.st_size)
        return stamps

    def _read(self) -> Lexicon:
        entries: dict[str, dict[str, str]] = {}
        errors: list[LexiconError] = []
        for name in self._seen or ():
            path = self._folder / f"{name}.txt"
            try:
                raw = read_regular(path, FILE_BYTES + 1)
            except OSError as error:
                errors.append(LexiconError(path.name, 0, error.strerror or "cannot be read"))
                continue
            entries[name], wrong = parse(raw[:FILE_BYTES].decode("utf-8-sig", errors="replace"), path.name)
            errors += wrong
            if len(raw) > FILE_BYTES:
                errors.append(LexiconError(path.name, 0, f"only the first {FILE_BYTES} bytes are read"))
        return Lexicon(entries, tuple(errors))


def parse(text: str, file: str) -> tuple[dict[str, str], list[LexiconError]]:
    """The entries of one file, and what is wrong with its other lines."""
    entries: dict[str, str] = {}
    errors: list[LexiconError] = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.split("#", maxsplit=1)[0].strip()
        if not line:
            continue
        word, equals, respelling = (part.strip() for part in line.partition("="))
        word, respelling = " ".join(word.split()), " ".join(respelling.split())
        if reason := _fault(word, equals, respelling, "\ufffd" in line):
            errors.append(LexiconError(file, number, reason))
        elif word in entries:
            errors.append(LexiconError(file, number, f"{word!r} is there already"))
        elif len(entries) >= ENTRIES_PER_FILE:
            errors.append(LexiconError(file, number, f"more than {ENTRIES_PER_FILE} entries"))
            break
        else:
            entries[word] = respelling
    return entries, errors


def _fault(word: str, equals: str, respelling: str, is_broken: bool) -> str | None:
    if is_broken:
        return "not UTF-8"
    if not equals:
        return "no '=' between word and respelling"
    if not word or not any(map(str.isalnum, word)):
        return "no word before '='"
    if not respelling or not any(map(str.isalnum, respelling)):
        return "nothing to speak after '='"
    if max(len(word), len(respelling)) > ENTRY_CHARS:
        return f"longer than {ENTRY_CHARS} characters"
    return None


def _whole_word(word: str) -> str:
    """A pattern for the entry that does not match inside another word, where its script has spaces between words."""
    body = r"\s+".join(map(re.escape, word.split()))
    before = r"(?<!\w)" if word[0].isalnum() and word[0] < "\u3000" else ""
    after = r"(?!\w)" if word[-1].isalnum() and word[-1] < "\u3000" else ""
    return f"{before}{body}{after}"
