"""Text that is still arriving -> segments ready to be spoken. The only file here that knows all the others."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from ..speech.languages import LANGUAGES, normalize_tag
from ..speech.segment import Change, Segment, Turn
from . import ssml as markup
from .clean import clean, decode, note_decoded
from .language.detect import decided, detect
from .lexicon import EMPTY, Lexicon
from .marks import Manner, Mark, MarkScanner
from .normalization.normalize import LOOKS_AHEAD
from .normalization.normalize import normalize as write_out
from .positions import PositionMap, Whereabouts
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
_OPENING_CHARS: Final = 2 * LONGEST_CHARS  # with markup; what has more waits for its end, not read anew for each letter


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
        self._given = self._decoded = self._scanned = self._unmarked = 0  # characters in and out of the first steps
        self._of_decoded, self._of_unmarked = PositionMap(), PositionMap()
        self._whereabouts = Whereabouts(
            self._splitter.positions, self._of_unmarked, self._filter.positions, self._of_decoded
        )
        self._before = ""  # a word with its full stop that a pause let go: "local" right behind it makes an address
        self._fragment = ""  # that a pause let go; it tells the language of the next piece, as it would have in one
        self.silence_s = 0.0  # pauses that were asked for where nothing is spoken
        self._is_new_paragraph = False  # what was left out stood behind a blank line
        self._short: Piece | None = None  # a piece that is too short when spoken; the next one joins it
        self._known_language: tuple[object, str | None] = None, None  # of an opening, and of what
        self._known_opening: tuple[object, str] = None, ""

    def add(self, text: str) -> list[Segment]:
        """The segments that this text completed."""
        return _joined(self.adding(text))

    def adding(self, text: str) -> Iterator[list[Segment]]:
        """`add` in steps of one piece of text at most, so that others may have a turn in between. Take them all before
        anything else is asked for."""
        if self._after_cr and text.startswith("\n"):
            text = text[1:]
            self._after_cr = False
            self._given += 1
            self._of_decoded.note(self._decoded, self._given)
        if text:
            self._after_cr = text.endswith("\r")
            if text[0].isspace() and not self._splitter.waiting:
                self._before = ""
        passed = self._filter.add(self._read(text))
        if self._scanner is None:
            yield from self._speak(self._splitter.add(passed))
        else:
            yield from self._marked(self._scanner.add(passed))

    def _read(self, text: str) -> str:
        decoded = decode(text)
        if len(decoded) != len(text):
            note_decoded(self._of_decoded, text, self._decoded, self._given)
        self._given, self._decoded = self._given + len(text), self._decoded + len(decoded)
        return decoded

    @property
    def turn(self) -> Turn:
        """How the next segment is to be spoken."""
        return self._manner.turn

    @property
    def starts_paragraph(self) -> bool:
        """Whether a blank line stands before the open segment."""
        return self._is_new_paragraph or (self._short or self._splitter.open_piece).starts_paragraph

    @property
    def opens_at(self) -> int:
        """Where in the text the open segment begins."""
        return self._whereabouts.of((self._short or self._splitter.open_piece).start)

    @property
    def notes(self) -> list[str]:
        """What marks asked for that cannot be."""
        return self._manner.notes

    def _marked(self, items: Iterable[str | Mark]) -> Iterator[list[Segment]]:
        """A mark ends the segment before it, wherever it stands."""
        for item in items:
            if isinstance(item, str):
                self._scanned, self._unmarked = self._scanned + len(item), self._unmarked + len(item)
                yield from self._speak(self._splitter.add(item))
                continue
            self._scanned += len(item.raw)
            self._of_unmarked.note(self._unmarked, self._scanned)
            if self._short or self._splitter.waiting.strip():
                yield from self._all_waiting()
            self._before = ""
            self._marks.append(Change("mark", item.raw[:SHOWN_CHARS], ""))
            self._take_mark(item)

    def _take_mark(self, mark: Mark) -> None:
        before = self._manner.turn
        self._manner.take(mark, has_spoken=self._has_spoken)
        self._has_spoken = self._has_spoken and self._manner.turn is before

    def pause(self) -> list[Segment]:
        """No text has come for a while: the segments that end here whatever may follow. The words stay the same ones;
        what waits for more text to be understood goes on waiting."""
        return _joined(self.pausing())

    def pausing(self) -> Iterator[list[Segment]]:
        """`pause` in steps, as `adding`."""
        waiting = (self._short.raw if self._short else "") + self._splitter.waiting
        language = self._inner.current or self._asked or decided(waiting, self._last or self._fallback, self._added)
        is_open = self._filter.is_open or (self._scanner is not None and self._scanner.is_open)
        if is_open or not is_sure_end(waiting, language, self._added):
            return
        last, segments = self._last, []
        for step in self._all_waiting():
            segments += step
            yield step
        if len(segments) == 1 and min(len(waiting.strip()), len(segments[0].text)) < SHORTEST_CHARS:
            self._last, self._fragment = last, f"{waiting.strip()} "
        run = _LAST_WORD.search(waiting)
        self._before = run[0] if run else ""

    def _all_waiting(self) -> Iterator[list[Segment]]:
        yield from self._speak(self._splitter.close())
        if self._short:
            yield self._segments(Piece("", starts_line=False), is_last=True)

    def close(self) -> list[Segment]:
        """The segments that were waiting for more text."""
        return _joined(self.closing())

    def closing(self) -> Iterator[list[Segment]]:
        """`close` in steps, as `adding`."""
        rest = self._filter.close()
        if self._scanner is None:
            yield from self._speak(self._splitter.add(rest))
            yield from self._all_waiting()
            return
        yield from self._marked(self._scanner.add(rest))
        yield from self._marked(self._scanner.close())
        yield from self._all_waiting()
        if not self._has_spoken:
            self.trailing_s = self._manner.turn.pause_s
            self.silence_s += self.trailing_s

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
        if self._ssml or self._before or len(piece.raw) > _OPENING_CHARS:
            return "", ""
        raw = _settled(piece.raw, self._lexicon)
        if not raw.strip():
            return "", ""
        fixed = self._inner.current or self._asked
        if fixed is None:
            fixed = self._decided(Piece(raw, piece.starts_line))
        if fixed is None:
            return "", ""
        raw = raw[: self._lexicon.boundary(piece.raw, len(raw), fixed)]
        spoken = self._opened(Piece(raw, piece.starts_line), fixed)
        return (spoken, fixed) if spoken else ("", "")

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

    def _speak(self, pieces: Iterable[Piece]) -> Iterator[list[Segment]]:
        return map(self._segments, pieces)

    def _segments(self, piece: Piece, *, is_last: bool = False) -> list[Segment]:
        """The segments of a piece, mostly one. What turns out too short when spoken waits for the next piece."""
        if self._short:
            raw, end = self._short.raw + piece.raw, max(self._short.end, piece.end)
            piece = replace(self._short, raw=raw, end=end)
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
        span = self._whereabouts.span(piece.start, piece.end)
        last_pauses = [0.0] * (len(parts := _parts(spoken)) - 1) + [pause_s]
        return [
            Segment(part, language, pause, changes if at == 0 else (), turn, starts_paragraph and at == 0, *span)
            for at, (part, pause) in enumerate(zip(parts, last_pauses, strict=True))
        ]

    def _decided(self, piece: Piece) -> str | None:
        """The language of an opening, however it goes on. Told once until it grows: text may come by the letter."""
        told_by = piece, self._last, self._added
        if self._known_language[0] != told_by:
            tracked = TrackedText(_MARKER.sub("", piece.raw))
            clean(tracked, starts_line=piece.starts_line)
            language = decided(tracked.text + " ", self._last or self._fallback, self._added)
            self._known_language = told_by, language
        return self._known_language[1]

    def _opened(self, piece: Piece, language: str) -> str:
        """An opening as it will be spoken. Written out once until it grows."""
        made_of = piece, language
        if self._known_opening[0] != made_of:
            spoken, _ = self._written_out(piece, language)
            self._known_opening = made_of, _parts(spoken)[0]
        return self._known_opening[1]

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


def _joined(steps: Iterable[list[Segment]]) -> list[Segment]:
    return [segment for step in steps for segment in step]


def _settled(raw: str, lexicon: Lexicon) -> str:
    """The part of an unfinished piece that no rule can reach any more: it ends in plain words."""
    if run := _EAST_ASIAN_RUN.search(raw):
        return raw[: max(run.start(), run.end() - max(_HELD_EAST_ASIAN, lexicon.longest_chars))]
    tokens = list(_TOKEN.finditer(raw))
    are_text = _are_text([token[0] for token in tokens])
    held = max(1, lexicon.longest_words)  # an entry may begin in any of the last words
    for at in range(len(tokens), max(_HELD_WORDS, held), -1):
        tail = tokens[at - _HELD_WORDS - 1 : at]
        if (
            are_text[at - 1 - held]
            and all(_PLAIN.fullmatch(token[0]) for token in tail)
            and not LOOKS_AHEAD.search(raw, tail[0].start(), tail[-1].end())
        ):
            return raw[: tokens[at - 1 - held].end()]
    return ""


def _are_text(words: Iterable[str]) -> list[bool]:
    """Of each word with the blank behind it, whether it ends in text: not inside a tag, nor a link's target or title.
    Each is looked at once."""
    found, in_tag, in_target = [], False, False
    for word in words:
        in_tag = word.rfind("<") > word.rfind(">") if "<" in word or ">" in word else in_tag
        target = word.rfind("](")
        in_target = word.find(")", max(target, 0)) < 0 and (in_target or target >= 0)
        found.append(not (in_tag or in_target))
    return found


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
