"""The user's own pronunciations: a word or phrase -> how it is to be written for the voice.

``lexicon/<language>.txt`` and ``lexicon/all.txt`` hold lines ``word = respelling``; ``#`` starts a comment. An entry
that is all small letters is found in any case; one with a capital only as it is written ("US = U S" leaves "us" alone).
"""

import errno
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ..errors import SpeechError
from ..speech.languages import LANGUAGES
from ..util.files import read_regular, write_atomic
from .tracked_text import TrackedText

FILES: Final = ("all", *LANGUAGES)  # and one for each language that the home has added
ENTRIES_PER_FILE: Final = 5_000
ENTRY_CHARS: Final = 200
FILE_BYTES: Final = 1_000_000
FURTHER_MAX: Final = 32  # files that voices.yaml names

_NO_BLANKS: Final = "\u3000"  # from here on letters belong to scripts without blanks between words
_WORD = re.compile(r"\w+")

#: What may be wrong with a line by itself.
FAULTS: Final = {
    "not-utf-8": "not UTF-8",
    "no-equals": "no '=' between word and respelling",
    "no-word": "no word before '='",
    "nothing-said": "nothing to speak after '='",
    "too-long": f"longer than {ENTRY_CHARS} characters",
}


@dataclass(frozen=True, slots=True)
class LexiconError:
    """A line that was left out, and why; ``code`` for programs."""

    file: str
    line: int
    reason: str
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class LexiconFileError(SpeechError):
    """A file that cannot be read or written. What was there before still is."""

    code, http_status = "lexicon-file", 507


@dataclass(frozen=True)
class _Entry:
    """A word or phrase of one language, and its respelling."""

    word: str
    respelling: str

    @property
    def is_any_case(self) -> bool:
        """Whether it is found in capitals too."""
        return self.word == self.word.lower()

    @cached_property
    def last_word(self) -> str:
        """Its last word in small letters: a text without that has not the entry."""
        return self.word.split()[-1].lower()

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What matches it at a place in a text. It does not match inside another word, where its script has blanks."""
        body = r"\s+".join(map(re.escape, self.word.split()))
        before = r"(?<!\w)" if self.word[0].isalnum() and self.word[0] < _NO_BLANKS else ""
        after = r"(?!\w)" if self.word[-1].isalnum() and self.word[-1] < _NO_BLANKS else ""
        return re.compile(f"{before}{body}{after}", re.IGNORECASE if self.is_any_case else 0)


class _Index:
    """The entries of one language by their first word, or by their first character where that begins no whole word."""

    def __init__(self, words: Mapping[str, str]) -> None:
        self._by_word: dict[str, list[_Entry]] = {}
        self._by_character: dict[str, list[_Entry]] = {}
        for word in sorted(words, key=len, reverse=True):  # the longest entry wins
            entry, first = _Entry(word, words[word]), _WORD.match(word)
            if first and max(first[0]) < _NO_BLANKS:
                self._by_word.setdefault(first[0].lower(), []).append(entry)
            else:
                self._by_character.setdefault(word[0].lower(), []).append(entry)
        characters = "".join({form for char in self._by_character for form in (char, char.upper()) if len(form) == 1})
        self._places = re.compile((f"[{re.escape(characters)}]|" if characters else "") + r"(?<!\w)\w")

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where entries stand in a text, from left to right, and what is to be said for them."""
        lowered, at = text.lower(), 0
        while place := self._places.search(text, at):
            at = place.start() + 1
            for entry in self._candidates(text, place.start()):
                if entry.last_word in lowered and (match := entry.pattern.match(text, place.start())):
                    yield match.start(), match.end(), entry.respelling
                    at = match.end()
                    break

    def _candidates(self, text: str, start: int) -> list[_Entry]:
        """The entries that may begin here, the longest first."""
        found = self._by_character.get(text[start].lower(), [])
        word = _WORD.match(text, start)
        if word and (begins := self._by_word.get(word[0].lower())):
            found = sorted((*found, *begins), key=lambda entry: -len(entry.word)) if found else begins
        return found


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
        self._indexes: dict[str, _Index | None] = {}

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

    def prepare(self) -> "Lexicon":
        """Sort the entries now, so that no request waits for it; itself. Blocks."""
        _ = self.longest_words, self.longest_chars
        for language in LANGUAGES:
            self._index(language)
        return self

    def apply(self, tracked: TrackedText, language: str) -> None:
        """Write the words of this language as the user wants them spoken."""
        if index := self._index(language):
            tracked.rewrite_at("lexicon", list(index.find(tracked.text)))

    def boundary(self, text: str, at: int, language: str) -> int:
        """Where to cut ``text`` so that no entry is cut apart: at ``at`` or before."""
        if index := self._index(language):
            for start, end, _ in index.find(text):
                if start < at < end:
                    return start
        return at

    def _index(self, language: str) -> _Index | None:
        if not self._entries:
            return None
        if language not in self._indexes:
            further = self._entries.get(self._more.get(language, ""), {})
            words = self._entries.get("all", {}) | self._entries.get(language, {}) | further
            self._indexes[language] = _Index(words) if words else None
        return self._indexes[language]


EMPTY: Final = Lexicon()


class LexiconFolder:
    """A folder of lexicon files, read again when one of them changes. The only reader and writer of these files.

    ``patience_s`` is for the event loop: who asks waits at most so long for changed files, and until these are read and
    sorted in a thread, has the lexicon from before. Without it, who asks waits for them. ``added`` are the languages
    that have a file besides the ten.
    """

    def __init__(self, folder: Path, *, patience_s: float | None = None, added: tuple[str, ...] = ()) -> None:
        self._folder, self._patience_s, self._files = folder, patience_s, (*FILES, *added)
        self._seen: dict[str, tuple[int, int]] | None = None
        self._lexicon = EMPTY
        self._further: set[str] = set()
        self._using: dict[tuple[tuple[str, str], ...], Lexicon] = {}  # by what was asked for: sorting is costly
        self._reading: Future[Lexicon] | None = None

    def current(self, more: Mapping[str, str] = MappingProxyType({})) -> Lexicon:
        """The lexicon as the files are now. Broken lines are listed in ``errors``; the others count. ``more`` names for
        some languages a further file."""
        self._further |= {name for name in more.values() if len(self._further) < FURTHER_MAX}
        self._refresh()
        if not more:
            return self._lexicon
        key = tuple(sorted(more.items()))
        if key not in self._using:
            self._using[key] = self._lexicon.using(more)
        return self._using[key]

    def _refresh(self) -> None:
        """Take what a thread has read; have it read again if a file has changed."""
        self._take(0)
        seen = self._stamps()
        if self._reading is not None or seen == self._seen:
            return
        self._seen = seen
        reading: Future[Lexicon] = Future()
        self._reading = reading

        def read() -> None:
            try:
                reading.set_result(self._read(seen).prepare())
            except Exception as error:  # noqa: BLE001  (the one who asks is to have it)
                reading.set_exception(error)

        threading.Thread(target=read, name="lexicon", daemon=True).start()
        self._take(self._patience_s)

    def _take(self, timeout_s: float | None) -> None:
        if self._reading is None:
            return
        try:
            lexicon = self._reading.result(timeout_s)
        except TimeoutError:
            return
        except BaseException:
            self._reading, self._seen = None, None
            raise
        self._reading, self._lexicon, self._using = None, lexicon, {}

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
        for name in (*self._files, *sorted(self._further.difference(self._files))):
            try:
                status = (self._folder / f"{name}.txt").stat()
            except OSError:
                continue
            stamps[name] = (status.st_mtime_ns, status.st_size)
        return stamps

    def _read(self, names: Iterable[str]) -> Lexicon:
        entries: dict[str, dict[str, str]] = {}
        errors: list[LexiconError] = []
        for name in names:
            path = self._folder / f"{name}.txt"
            try:
                raw = read_regular(path, FILE_BYTES + 1)
            except OSError as error:
                errors.append(LexiconError(path.name, 0, error.strerror or "cannot be read", "unreadable"))
                continue
            entries[name], wrong = parse(raw[:FILE_BYTES].decode("utf-8-sig", errors="replace"), path.name)
            errors += wrong
            if len(raw) > FILE_BYTES:
                errors.append(LexiconError(path.name, 0, f"only the first {FILE_BYTES} bytes are read", "too-much"))
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
        if fault := _fault(word, equals, respelling, "\ufffd" in line):
            errors.append(LexiconError(file, number, FAULTS[fault], fault))
        elif word in entries:
            errors.append(LexiconError(file, number, f"{word!r} is there already", "twice"))
        elif len(entries) >= ENTRIES_PER_FILE:
            errors.append(LexiconError(file, number, f"more than {ENTRIES_PER_FILE} entries", "too-many"))
            break
        else:
            entries[word] = respelling
    return entries, errors


def _fault(word: str, equals: str, respelling: str, is_broken: bool) -> str | None:
    """One of `FAULTS`, or None."""
    if is_broken:
        return "not-utf-8"
    if not equals:
        return "no-equals"
    if not word or not any(map(str.isalnum, word)):
        return "no-word"
    if not respelling or not any(map(str.isalnum, respelling)):
        return "nothing-said"
    if max(len(word), len(respelling)) > ENTRY_CHARS:
        return "too-long"
    return None
