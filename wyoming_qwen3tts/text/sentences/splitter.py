"""The splitter: text that arrives in any cuts becomes sentences, the same ones whatever the cuts.

A decision looks only at characters up to a point that the text itself fixes; where they have not come yet, it waits for
them or for the end. There is no clock here: whoever reads the text says when it pauses. Pieces are raw text: their
markup is removed later, so here it counts for nothing and is never cut apart.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from ..positions import PositionMap
from .full_stop import Stop, goes_on, goes_on_small, judge, starts_german_sentence
from .left_out import MARKERS
from .line_break import Break, is_marked, judge_break, next_line

SHORTEST_CHARS: Final = (
    12  # a shorter fragment joins the next: very short inputs make the model run away (vllm-omni#4576)
)
LONGEST_CHARS: Final = 220
SETTLED_CHARS: Final = (
    180  # a forced cut falls between here and LONGEST_CHARS, so text up to here can be spoken before it
)
CLAUSE_CHARS: Final = 25  # the first clause of a reply may go from here, so that sound starts early
LIST_CHARS: Final = 60  # a list of short lines is cut from here on
TARGET_CHARS: Final = 2_000  # the longest link target that is still taken for one
TAG_CHARS: Final = 300
MARKUP_CHARS: Final = 4_000  # of one piece, beside its words; behind more it is cut, as each rule looks at all of it
MIXED_CASE_CHARS: Final = 3  # how much of a word tells that it is like "iPhone"
WORD_CHARS: Final = 40  # how much of the next word a decision may ask for

_LANDMARK = re.compile(r"[.!?…。！？｡\n<,;:，、；：–—「『」』《》\]]|(?<=\s)-")
_TAG = re.compile(r"<(?:!--(?:[^-]|-(?!->))*-->|/?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>)")
_OPEN_TAG = re.compile(r"<(?:!?-{0,2}|!--(?:[^-]|-(?!->))*|/?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?|/)\Z")
_TARGET = re.compile(r"\]\([^\s()]*(?:\([^\s()]*\)[^\s()]*)*(?:[ \t]+\"[^\"\n]*\")?\)")
_OPEN_TARGET = re.compile(r"\](?:\([^\s()]*(?:\([^\s()]*(?:\)[^\s()]*)?)*(?:[ \t]+(?:\"[^\"\n]*\"?)?)?)?\Z")
_STOP_RUN = re.compile(r"[.!?…‽]{1,16}(?:[\"'”’“»)\]*_`~）」』}]|[ \u00a0\u202f]»){0,8}")
_GAP = re.compile(r"[ \t\u00a0\u202f\u3000]+")
_SOFT_END = re.compile(r"[.!?…]\s|[。！？｡\n<]")
_SOFT_TAIL = re.compile(r"[.!?…]\Z")
_FORCED_TAG = re.compile(r"</?(?:break|p|s|lang|speak|paragraph|sentence)\b", re.IGNORECASE)
_MARKER = re.compile(f"[{MARKERS}]")
_CAPITAL = re.compile(r"[A-Z\u00c0-\u00d6\u00d8-\u00de\u0410-\u042f\u0401]")
_BREAK_NEXT = re.compile(r"\s*<break\b", re.IGNORECASE)
_MAYBE_BREAK_NEXT = re.compile(r"\s{0,99}(?:<(?:b(?:r(?:e(?:ak?)?)?)?)?)?\Z", re.IGNORECASE)
_UNSPOKEN = re.compile(
    r"[*_`#~|>\ue010-\ue40f\s\u2600-\u27bf\ufe0f\u200d\U0001f000-\U0001faff]+|<[^<>]{1,200}>|\]\([^\s()]*\)"
)
_SPEAKABLE = re.compile(r"[^\W_]")
_CJK_LETTER = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_BLANKS_BEFORE_QUOTE: Final = " \u00a0\u202f"
_QUOTE_ENDS: Final = "\"'”’“»)"
_LIST_NUMBER = re.compile(r"(?:^|[\s(])\d{1,2}$")
_CJK_END: Final = "。！？｡"
_CLAUSE: Final = ",;:，、；：–—-"


class _Verdict(Enum):
    GO_ON = "go on"
    CUT = "cut"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Piece:
    """Raw text of one segment; ``starts_line`` says whether line markup may stand at its beginning,
    ``starts_paragraph`` whether a blank line stands before it. ``start`` and ``end`` are places in all the text so far,
    without the blanks around it."""

    raw: str
    starts_line: bool
    starts_paragraph: bool = False
    start: int = 0
    end: int = 0


class Splitter:
    """Cuts a stream of text into pieces of 12 to 220 characters, at sentence ends wherever there are some."""

    def __init__(self, language_of: Callable[[str], str], *, ssml: bool = False, added: tuple[str, ...] = ()) -> None:
        self._language_of, self._ssml, self._added = language_of, ssml, added
        self._text = ""
        self._start = 0  # where the open piece starts in `_text`
        self._at = 0  # everything before it is decided
        self._unspoken = 0  # characters of markup in the open piece
        self._held = ""  # a fragment too short to stand alone; the open piece continues it
        self._held_at: tuple[int, int] | None = None  # where it begins and ends
        self._passed = 0  # characters in front of `_text`
        self.positions = PositionMap()  # where what is cut here stood in what came in
        self._quotes = 0  # how deep in 「」 we are
        self._starts_line = True  # the held fragment, or else the open piece, does
        self._breaks = 0  # lines that ended since the last piece
        self._is_first = True
        self._line_chars = 0  # of the open piece's first line, in front of the piece
        self._has_capitals = False  # the reply has had some: else its sentences may begin with small letters
        self._done: list[Piece] = []

    def add(self, text: str) -> Iterator[Piece]:
        """The pieces that this text completes, one by one: the language of one may decide where the next one ends."""
        self._text += text
        yield from self._scan(ended=False)

    def close(self) -> Iterator[Piece]:
        """The pieces that were waiting for more text. More may come all the same: a piece of its own."""
        yield from self._scan(ended=True)
        self._cut(len(self._text), forced=True)
        yield from self._take()

    @property
    def waiting(self) -> str:
        """The raw text that no piece has been made of yet."""
        return self._held + self._text[self._start :]

    @property
    def open_piece(self) -> Piece:
        """The beginning of the next piece, as far as it is certain."""
        end = min(self._at, self._start + self._unspoken + max(0, SETTLED_CHARS - len(self._held)))
        raw = self._held + self._text[self._start : end]
        return Piece(raw, self._starts_line, self._starts_paragraph(raw), self._span(end)[0])

    def _span(self, end: int) -> tuple[int, int]:
        """Where the open piece begins and would end at ``end``, without blanks and what stands for what was left
        out."""
        first, last = self._start, end
        while first < last and _is_blank(self._text[first]):
            first += 1
        while last > first and _is_blank(self._text[last - 1]):
            last -= 1
        first, last = self._passed + first, self._passed + last
        if self._held_at is None:
            return first, last
        return self._held_at[0], self._held_at[1] if first == last else last

    def _starts_paragraph(self, raw: str) -> bool:
        return self._breaks + raw[: len(raw) - len(raw.lstrip())].count("\n") > 1

    def _take(self) -> list[Piece]:
        pieces, self._done = self._done, []
        return pieces

    def _scan(self, *, ended: bool) -> Iterator[Piece]:
        while True:
            limit = self._start + self._unspoken + max(1, LONGEST_CHARS - len(self._held))
            found = _LANDMARK.search(self._text, self._at, min(limit, len(self._text)))
            if found is None and limit > len(self._text):
                self._at = len(self._text)
                break
            if found is None:
                self._cut(self._forced_end(limit), forced=True)
                yield from self._take()
                continue
            self._at = found.start()
            verdict = self._judge(found[0], ended=ended)
            if verdict is _Verdict.WAIT:
                break
            if verdict is _Verdict.GO_ON:
                self._at = max(self._at, found.end())
            yield from self._take()
        self._passed += self._start
        self._text, self._at, self._start = self._text[self._start :], self._at - self._start, 0

    def _judge(self, mark: str, *, ended: bool) -> _Verdict:
        """What the landmark at ``_at`` means; a cut is made here, and markup is stepped over."""
        if mark == "\n":
            return self._line_end(ended=ended)
        if mark in _CJK_END:
            return _Verdict.GO_ON if self._quotes else self._end(self._at + 1, ended=ended)
        if mark in ".!?…":
            return self._sentence_end(ended=ended)
        if mark in "「『」』《》":
            self._quotes = max(0, self._quotes + (1 if mark in "「『《" else -1))
            return _Verdict.GO_ON
        if mark == "<":
            return self._step_over(_TAG, _OPEN_TAG, TAG_CHARS, ended=ended)
        if mark == "]":
            return self._step_over(_TARGET, _OPEN_TARGET, TARGET_CHARS, ended=ended)
        return self._clause_end(ended=ended)

    def _step_over(self, whole: re.Pattern[str], begun: re.Pattern[str], chars: int, *, ended: bool) -> _Verdict:
        """Pass a tag or a link target in one step, so that nothing inside it is taken for the end of a sentence."""
        end = self._at + chars
        if match := whole.match(self._text, self._at, end):
            if self._ssml and _FORCED_TAG.match(match[0]):
                return self._cut(match.end(), forced=True)
            self._unspoken += len(match[0])
            if self._unspoken > MARKUP_CHARS:
                return self._cut(match.end(), forced=True)
            return self._pass_to(match.end())
        if not ended and len(self._text) < end and begun.match(self._text, self._at):
            return _Verdict.WAIT
        return _Verdict.GO_ON

    def _sentence_end(self, *, ended: bool) -> _Verdict:
        run = _STOP_RUN.match(self._text, self._at)
        if run is None:  # cannot be: the landmark is its first character
            return _Verdict.GO_ON
        end = run.end()
        if end == len(self._text):
            return _Verdict.GO_ON if ended else _Verdict.WAIT
        following = self._text[end]
        if not ended and end + 1 == len(self._text) and following in _BLANKS_BEFORE_QUOTE:
            return _Verdict.WAIT  # " »" may come
        if following == "\n" and (verdict := self._stop_at_line_end(run[0], end, ended=ended)):
            return verdict
        if not following.isspace():
            if self._text[self._at] != "." and _CJK_LETTER.match(following):
                return self._end(end, ended=ended)
            return self._pass_to(end)
        return self._judge_stop(run[0], end, ended=ended)

    def _stop_at_line_end(self, run: str, end: int, *, ended: bool) -> _Verdict | None:
        """A terminator at the end of a line: the end of the sentence, unless it may be an abbreviation's (None)."""
        line, has_come = next_line(self._text, end + 1, WORD_CHARS)
        stop = self._stop(run)
        if stop in (Stop.INSIDE, Stop.ASK_NEXT, Stop.ASK_DIGIT, Stop.ASK_WORD):
            if not has_come and not ended:
                return _Verdict.WAIT
            if line.strip() and not is_marked(line):
                self._text = f"{self._text[:end]} {self._text[end + 1 :]}"
                return None
        return self._end(end + 1, ended=ended)

    def _line_end(self, *, ended: bool) -> _Verdict:
        """A line break: the end of an entry, a short pause in it, or a blank where the text was only wrapped."""
        at = self._at
        before = self._held + self._text[self._start : at]
        line = before.rpartition("\n")[2]
        length = len(line) + (self._line_chars if "\n" not in before else 0)
        following, has_come = next_line(self._text, at + 1, WORD_CHARS)
        if not line.strip() or (ended and not has_come and not following.strip()):
            return self._end(at + 1, ended=ended)
        if not has_come and not ended:
            return _Verdict.WAIT
        found = judge_break(line, following, length)
        if found is Break.END:
            is_list = following.strip() and self._weight(line) < SHORTEST_CHARS
            if is_list and self._weight(before) < LIST_CHARS and not is_marked(following):
                return _Verdict.GO_ON  # a list of short lines is spoken in one breath
            return self._end(at + 1, ended=ended)
        if found is not Break.PAUSE:
            drop = 1 if found is Break.HYPHEN and at > self._start else 0
            blank = "" if drop else " "
            self._text = f"{self._text[: at - drop]}{blank}{self._text[at + 1 :]}"
            if drop:
                gone_at = self._passed + at - drop
                self.positions.note(gone_at, self.positions.given(gone_at) + 2)
            self._at = at - drop
            return _Verdict.CUT
        return _Verdict.GO_ON

    def _judge_stop(self, run: str, end: int, *, ended: bool) -> _Verdict:
        """A terminator with whitespace behind it: the end of the sentence, unless the words around say otherwise."""
        stop = self._stop(run)
        gap = _GAP.match(self._text, end)
        start = gap.end() if gap else end
        word = self._text[start : start + WORD_CHARS].partition("\n")[0].split(maxsplit=1)
        next_word = word[0] if word else ""
        comes_more = not ended and len(self._text) < start + WORD_CHARS
        if stop is not Stop.INSIDE and comes_more and self._needs_more(stop, start, next_word):
            return _Verdict.WAIT
        if self._goes_on(stop, next_word):
            return self._pass_to(end)
        return self._end(end, ended=ended)

    def _needs_more(self, stop: Stop, start: int, next_word: str) -> bool:
        """Whether what follows a terminator has to come further before it can be judged."""
        if start == len(self._text):
            return True
        if start + len(next_word) < len(self._text):
            return False
        return stop is Stop.ASK_WORD or (next_word[:1].islower() and len(next_word) < MIXED_CASE_CHARS)

    def _goes_on(self, stop: Stop, next_word: str) -> bool:
        """Whether the sentence goes on with the next word."""
        if stop is Stop.INSIDE:
            return True
        before = self._text[self._start : self._at]
        if goes_on_small(before, next_word) and (self._has_capitals or _CAPITAL.search(before)):
            return True
        if stop is Stop.ASK_DIGIT:
            return next_word[:1].isdigit()
        if stop is Stop.ASK_WORD and next_word and not starts_german_sentence(next_word):
            return True
        return stop in (Stop.ASK_NEXT, Stop.ASK_WORD) and goes_on(next_word)

    def _stop(self, run: str) -> Stop:
        if run.startswith((".)", ".]")) and _LIST_NUMBER.search(self._text[self._start : self._at]):
            return Stop.INSIDE
        if run.startswith(".") and not run.startswith("..") and run[-1] not in _QUOTE_ENDS:
            before = self._held + self._text[self._start : self._at]
            return judge(before, self._language_of, self._added)
        if run[0] in ".…" or run[-1] in _QUOTE_ENDS:  # "Well... perhaps", '"Really?" he said'
            return Stop.ASK_NEXT
        return Stop.END

    def _clause_end(self, *, ended: bool) -> _Verdict:
        """Let the first clause of a reply go early, if it is long enough and what is left will be no fragment."""
        end = self._at + 1
        if not self._is_first or self._weight(self._held + self._text[self._start : end]) < CLAUSE_CHARS:
            return _Verdict.GO_ON
        rest = self._text[end : end + SHORTEST_CHARS + 1]
        if _SOFT_END.search(rest):
            return _Verdict.GO_ON
        if len(rest) <= SHORTEST_CHARS:
            return _Verdict.GO_ON if ended else _Verdict.WAIT
        if _SOFT_TAIL.search(rest):
            return _Verdict.GO_ON
        mark, before = self._text[self._at], self._text[self._at - 1]
        if mark in "–—-" and not (before.isspace() and rest[0].isspace()):
            return _Verdict.GO_ON
        if mark in ",;:" and not rest[0].isspace():
            return _Verdict.GO_ON
        if before.isdigit() and rest.lstrip()[:1].isdigit():
            return _Verdict.GO_ON
        return self._end(end, ended=ended)

    def _end(self, end: int, *, ended: bool) -> _Verdict:
        """End the open piece, unless a break that belongs to it follows."""
        if self._ssml and _BREAK_NEXT.match(self._text, end):
            return self._pass_to(end)
        if self._ssml and not ended and _MAYBE_BREAK_NEXT.match(self._text, end):
            return _Verdict.WAIT
        return self._cut(end)

    def _pass_to(self, end: int) -> _Verdict:
        self._at = end
        return _Verdict.GO_ON

    def _cut(self, end: int, *, forced: bool = False) -> _Verdict:
        """End the open piece here; a fragment is held for the next one, silence is dropped."""
        raw = self._held + self._text[self._start : end]
        _, newline, line = raw.rpartition("\n")
        self._line_chars = len(line) + (0 if newline else self._line_chars)
        self._has_capitals = self._has_capitals or bool(_CAPITAL.search(raw))
        weight, span = self._weight(raw), self._span(end)
        self._start = self._at = end
        self._unspoken = self._quotes = 0
        if forced or weight >= SHORTEST_CHARS or len(raw) > LONGEST_CHARS:
            if _SPEAKABLE.search(raw) or (self._ssml and "<" in raw):
                self._done.append(Piece(raw, self._starts_line, self._starts_paragraph(raw), *span))
                self._is_first, self._breaks = False, raw[len(raw.rstrip()) :].count("\n")
            else:
                self._breaks += raw.count("\n")
            self._held, self._held_at = "", None
        else:
            is_kept = _SPEAKABLE.search(raw) is not None
            self._breaks += 0 if is_kept else raw.count("\n")
            self._held, self._held_at = (raw, span) if is_kept else ("".join(_MARKER.findall(raw)), None)
        if not _SPEAKABLE.search(self._held):
            self._starts_line = raw.endswith("\n")
        return _Verdict.CUT

    def _weight(self, raw: str) -> int:
        """How many of these characters will be spoken, roughly."""
        return len(_UNSPOKEN.sub(" ", raw).strip())

    def _forced_end(self, limit: int) -> int:
        """Where to cut a text that is too long: at a clause, or else at whitespace, or else right here."""
        settled = max(self._start, limit - (LONGEST_CHARS - SETTLED_CHARS))
        for at in range(limit - 1, settled, -1):
            if (self._text[at].isspace() and self._text[at - 1] in _CLAUSE) or self._text[at] in "，、；：":
                return at + 1
        for at in range(limit - 1, self._start, -1):
            if self._text[at].isspace() and not (self._text[at - 1].isdigit() and at > settled):
                return at + 1
        return limit


def _is_blank(char: str) -> bool:
    """Whether nothing of the text stands there: white space, or what stands for something left out."""
    return char.isspace() or MARKERS[0] <= char <= MARKERS[-1]
