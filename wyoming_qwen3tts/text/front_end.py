"""Text that is still arriving -> segments ready to be spoken. The only file here that knows all the others."""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from ..speech.languages import LANGUAGES, normalize_tag
from ..speech.segment import Change, Segment, Turn
from . import ssml as markup
from .clean import clean, decode
from .language.detect import decided, detect
from .lexicon import EMPTY, Lexicon
from .marks import Manner, Mark, MarkScanner
from .normalization.normalize import LOOKS_AHEAD
from .normalization.normalize import normalize as write_out
from .sentences.full_stop import is_sure_end
from .sentences.left_out import MARKERS, LeftOutFilter
from .sentences.splitter import LONGEST_CHARS, SETTLED_CHARS, SHORTEST_CHARS, Piece, Splitter
from .tracked_text import SHOWN_CHARS, TrackedText

_SPEAKABLE = re.compile(r"[^\W_]")
_BLANK_START = re.compile(r"\A[\s.,;:!?…。！？、，；：)\]}»”’」』–—-]++(?=[^\W_\s.,;:!?…])")
_LAST_WORD = re.compile(r"(?<![^\W\d_])[^\W\d_]++\.\Z")
_MARKER = re.compile(f"[{MARKERS}]")
_TOKEN = re.compile(r"(?<!\S)\S++\s")
_PLAIN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*[,;:!?]?\s")
_EAST_ASIAN_RUN = re.compile(r"(?<![\u3040-\u30ff\u3400-\u9fff、，])[\u3040-\u30ff\u3400-\u9fff、，]{12,}+\Z")
_HELD_WORDS: Final = 4  # a date, a time or a unit reaches at most this many words to the left: "Monday the 3rd of May"
_HELD_EAST_ASIAN: Final = 6


class FrontEnd:
    """One reply on its way to being spoken. Whatever the cuts of the text, the segments are the same.

    ``added`` are the languages that it may be in besides the ten. A reply that has begun in one of the ten stays among
    them: its voice may know no other.
    """

    def __init__(
        self,
        *,
        language: str | None = None,
        fallback: str = "en",
        lexicon: Lexicon = EMPTY,
        ssml: bool = False,
        normalize: str = "auto",
        added: tuple[str, ...] = (),
        is_voice: Callable[[str], bool] | None = None,
    ) -> None:
        """``is_voice`` tells whether a mark may name that voice, casefolded; without it marks are text."""
        self._added = added
        self._asked = self._known(language)
        self._fallback = self._known(fallback) or "en"
        self._last: str | None = None
        self._lexicon, self._ssml, self._normalize = lexicon, ssml, normalize
        self._inner = markup.Languages(added)
        self._filter = LeftOutFilter()
        self._scanner = None if is_voice is None else MarkScanner(is_voice, ssml=ssml)
        self._manner = Manner()
        self._has_spoken = False  # in this turn
        self._marks: list[Change] = []  # to be reported with the next segment
        self.trailing_s = 0.0  # a pause at the end, behind what is spoken
        self._splitter = Splitter(self._language_of, ssml=ssml, added=added)
        self._after_cr = False
        self._before = ""  # a word with its full stop that a pause let go: "local" right behind it makes an address
        self._fragment = ""  # that a pause let go; it tells the language of the next piece, as it would have in one
        self.silence_s = 0.0  # pauses that were asked for where nothing is spoken
        self._is_new_paragraph = False  # what was left out stood behind a blank line
        self._short: Piece | None = None  # a piece that is too short when spoken; the next one joins it

    def add(self, text: str) -> list[Segment]:
        """The segments that this text completed."""
        if self._after_cr and text.startswith("\n"):
            text = text[1:]
            self._after_cr = False
        if text:
            self._after_cr = text.endswith("\r")
            if text[0].isspace() and not self._splitter.waiting:
                self._before = ""
        passed = self._filter.add(decode(text))
        if self._scanner is None:
            return self._speak(self._splitter.add(passed))
        return self._marked(self._scanner.add(passed))

    @property
    def turn(self) -> Turn:
        """How the next segment is to be spoken."""
        return self._manner.turn

    @property
    def starts_paragraph(self) -> bool:
        """Whether a blank line stands before the open segment."""
        return self._is_new_paragraph or (self._short or self._splitter.open_piece).starts_paragraph

    @property
    def notes(self) -> list[str]:
        """What marks asked for that cannot be."""
        return self._manner.notes

    def _marked(self, items: Iterable[str | Mark]) -> list[Segment]:
        """A mark ends the segment before it, wherever it stands."""
        segments: list[Segment] = []
        for item in items:
            if isinstance(item, str):
                segments += self._speak(self._splitter.add(item))
                continue
            if self._short or self._splitter.waiting.strip():
                segments += self._all_waiting()
            self._before = ""
            self._marks.append(Change("mark", item.raw[:SHOWN_CHARS], ""))
            self._take_mark(item)
        return segments

    def _take_mark(self, mark: Mark) -> None:
        before = self._manner.turn
        self._manner.take(mark, has_spoken=self._has_spoken)
        self._has_spoken = self._has_spoken and self._manner.turn is before

    def pause(self) -> list[Segment]:
        """No text has come for a while: the segments that end here whatever may follow. The words stay the same ones;
        what waits for more text to be understood goes on waiting."""
        waiting = (self._short.raw if self._short else "") + self._splitter.waiting
        language = self._inner.current or self._asked or decided(waiting, self._last or self._fallback, self._added)
        is_open = self._filter.is_open or (self._scanner is not None and self._scanner.is_open)
        if is_open or not is_sure_end(waiting, language, self._added):
            return []
        last, segments = self._last, self._all_waiting()
        if len(segments) == 1 and min(len(waiting.strip()), len(segments[0].text)) < SHORTEST_CHARS:
            self._last, self._fragment = last, f"{waiting.strip()} "
        run = _LAST_WORD.search(waiting)
        self._before = run[0] if run else ""
        return segments

    def _all_waiting(self) -> list[Segment]:
        segments = self._speak(self._splitter.close())
        return segments + (self._segments(Piece("", starts_line=False), is_last=True) if self._short else [])

    def close(self) -> list[Segment]:
        """The segments that were waiting for more text."""
        rest = self._filter.close()
        if self._scanner is None:
            return self._speak(self._splitter.add(rest)) + self._all_waiting()
        segments = self._marked(self._scanner.add(rest)) + self._marked(self._scanner.close()) + self._all_waiting()
        if not self._has_spoken:
            self.trailing_s = self._manner.turn.pause_s
            self.silence_s += self.trailing_s
        return segments

    @property
    def pending(self) -> str:
        """The beginning of the next segment, as far as no later text can change it."""
        return self.opening[0]

    @property
    def opening(self) -> tuple[str, str]:
        """`pending`, and the language that the next segment will have; both empty while nothing is certain."""
        piece = self._splitter.open_piece
        if self._short:
            piece = replace(self._short, raw=self._short.raw + piece.raw)
        raw = _settled(piece.raw, self._lexicon)
        if not raw.strip() or self._ssml or self._before:
            return "", ""
        fixed = self._inner.current or self._asked
        if fixed is None:
            tracked = TrackedText(_MARKER.sub("", raw))
            clean(tracked, starts_line=piece.starts_line)
            fixed = decided(tracked.text + " ", self._last or self._fallback, self._added)
        if fixed is None:
            return "", ""
        raw = raw[: self._lexicon.boundary(piece.raw, len(raw), fixed)]
        spoken, _ = self._written_out(Piece(raw, piece.starts_line), fixed)
        return (_parts(spoken)[0], fixed) if spoken else ("", "")

    @property
    def language(self) -> str:
        """The language spoken last, or else the one that will be."""
        return self._last or self._asked or self._fallback

    def _known(self, tag: str | None) -> str | None:
        """A language that this reply may be in: one of the ten, or of the added ones."""
        code = normalize_tag(tag)
        return code if code in LANGUAGES or code in self._added else None

    def _language_of(self, text: str) -> str:
        return (
            self._inner.current or self._asked or detect(self._fragment + text, self._last, self._fallback, self._added)
        )

    def _speak(self, pieces: Iterable[Piece]) -> list[Segment]:
        return [segment for piece in pieces for segment in self._segments(piece)]

    def _segments(self, piece: Piece, *, is_last: bool = False) -> list[Segment]:
        """The segments of a piece, mostly one. What turns out too short when spoken waits for the next piece."""
        if self._short:
            piece = replace(self._short, raw=self._short.raw + piece.raw)
            self._short = None
        spoken, tracked = self._going_on(piece) or self._written_out(piece, None)
        pause_s = markup.pause_s(piece.raw) if self._ssml else 0.0
        language = self.language
        if (
            spoken
            and len(spoken) < SHORTEST_CHARS
            and not is_last
            and not self._ssml
            and len(piece.raw) < LONGEST_CHARS
        ):
            self._short = piece
            return []
        if self._ssml:
            self._inner.pass_over(piece.raw)
        starts_paragraph = self._is_new_paragraph or piece.starts_paragraph
        self._is_new_paragraph = starts_paragraph and not spoken
        if not spoken:
            if self._scanner is not None and pause_s:
                self._take_mark(Mark("", "pause", pause_s=pause_s))
            else:
                self.silence_s += pause_s
            return []
        self._fragment = ""
        left_out = [self._filter.left_out.pop(marker) for marker in _MARKER.findall(piece.raw)]
        changes = (
            *self._marks,
            *(Change(thing.rule, thing.text.strip(), "") for thing in left_out),
            *tracked.changes,
        )
        self._marks, turn = [], self._manner.turn
        self._manner.has_said()
        self._has_spoken = self._manner.turn is turn
        last_pauses = [0.0] * (len(parts := _parts(spoken)) - 1) + [pause_s]
        return [
            Segment(part, language, pause, changes if at == 0 else (), turn, starts_paragraph and at == 0)
            for at, (part, pause) in enumerate(zip(parts, last_pauses, strict=True))
        ]

    def _going_on(self, piece: Piece) -> tuple[str, TrackedText] | None:
        """What will be spoken of a piece right behind a word that was spoken already, as if they had come together."""
        before, self._before = self._before, ""
        if not before or not piece.raw:
            return None
        spoken, tracked = self._written_out(Piece(before + piece.raw, starts_line=False), None)
        word = before[:-1]
        if not spoken.startswith(word):
            return None
        return _BLANK_START.sub("", spoken[len(word) :], count=1).strip(), tracked

    def _written_out(self, piece: Piece, language: str | None) -> tuple[str, TrackedText]:
        """What will be spoken of a piece; without a language given, its language becomes the last one."""
        tracked = TrackedText(_MARKER.sub("", piece.raw))
        if self._ssml:
            markup.read(tracked)
        clean(tracked, starts_line=piece.starts_line)
        if language is None:
            if not _SPEAKABLE.search(tracked.text):
                return "", tracked
            language = self._last = self._language_of(tracked.text)
            if self._added and language in LANGUAGES and self._asked is None:
                self._added = ()  # whoever speaks it may know the ten only, and a reply has one voice
        if self._normalize != "off":
            self._lexicon.apply(tracked, language)
            write_out(tracked, language, strict=self._normalize == "strict")
        spoken = (
            _BLANK_START.sub("", tracked.finished(), count=1)
            if tracked.text[:1] in ".,;:!?…。！？、，；：)]}»”’」』–—-"
            else tracked.finished()
        )
        spoken = spoken.strip()
        return (spoken if _SPEAKABLE.search(spoken) else ""), tracked


def _settled(raw: str, lexicon: Lexicon) -> str:
    """The part of an unfinished piece that no rule can reach any more: it ends in plain words."""
    if run := _EAST_ASIAN_RUN.search(raw):
        return raw[: max(run.start(), run.end() - max(_HELD_EAST_ASIAN, lexicon.longest_chars))]
    tokens = list(_TOKEN.finditer(raw))
    held = max(1, lexicon.longest_words)  # an entry may begin in any of the last words
    for at in range(len(tokens), max(_HELD_WORDS, held), -1):
        tail = tokens[at - _HELD_WORDS - 1 : at]
        if all(_PLAIN.fullmatch(token[0]) for token in tail) and not LOOKS_AHEAD.search(
            raw, tail[0].start(), tail[-1].end()
        ):
            head = raw[: tokens[at - 1 - held].end()]
            tag, target = head.rfind("<"), head.rfind("](")
            if tag <= head.rfind(">") and (target < 0 or head.find(")", target) >= 0):
                return head  # words inside a tag or a link's title are no text
    return ""


def _parts(spoken: str) -> list[str]:
    """Parts of at most 220 characters; only units and dates written out make a text longer than its piece."""
    parts = []
    while len(spoken) > LONGEST_CHARS:
        cut = max(spoken.rfind(mark, SETTLED_CHARS, LONGEST_CHARS) for mark in (", ", "; ", "，", "、"))
        if cut < 0:
            cut = spoken.rfind(" ", 1, LONGEST_CHARS)
        cut = cut + 1 if cut > 0 else LONGEST_CHARS
        parts.append(spoken[:cut].strip())
        spoken = spoken[cut:].strip()
    return [*parts, spoken]
