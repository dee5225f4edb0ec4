"""What cannot be spoken goes: control characters, Markdown, HTML, tables, emoji. What they hold stays."""

import html
import re
import unicodedata
from typing import Final

from .positions import PositionMap
from .sentences.line_break import UNIT_NEXT
from .sentences.splitter import TAG_CHARS
from .tracked_text import TrackedText

# Control and format characters, lone surrogates, private use, letters that are blank; U+200C and U+200D join emoji.
_INVISIBLE_CHARS: Final = (
    "[\u115f\u1160\u17b4\u17b5\u180b-\u180e\u3164\uffa0\u2800"
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"
    "\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffd\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_INVISIBLE = re.compile(_INVISIBLE_CHARS)
_GONE = re.compile(f"\r(?=\n)|{_INVISIBLE_CHARS}")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_MARK_RUN = re.compile(
    r"([\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f])[\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f]{2,}"
)

_EMOJI = re.compile(
    "(?:[\u2190-\u21ff\u2300-\u23ff\u25a0-\u2604\u2607-\u266c\u2670-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
    "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]*|[\ufe0e\ufe0f\u20e3\u00a9\u00ae\u2122])+"
)
# Signs among the pictures that say something: arithmetic, sharps and flats, stars, keycaps with their figures.
_SPOKEN_PICTURES: Final = {"➕": "+", "➖": "−", "➗": "÷", "✖": "×", "✕": "×", "🔟": "10"}
_KEYCAP = re.compile("([#*0-9])\ufe0f?\u20e3")
_SIGN_PICTURE = re.compile("[➕➖➗✖✕🔟]\ufe0f?")
_ARROWS: Final = frozenset("←→↔⇒⇐⇔➜➔➡⟶↑↓⬆⬇")
# Wide forms of East Asian typing and letter-like symbols: ％ ℃ ㎡ ① become what their plain forms are.
_WIDE = re.compile(
    "[\uff03-\uff06\uff0b\uff0d\uff0f-\uff19\uff1c-\uff1e\uff20-\uff3a\uff41-\uff5a\uff5e\uffe0-\uffe6\u2080-\u2089\u2460-\u2473\u2103\u2109\u3371-\u33df\ufb00-\ufb06]"
    "|(?<=[0-9\uff10-\uff19])[\uff0e\uff1a](?=[0-9\uff10-\uff19])|(?<=[\uff10-\uff19])\uff0c(?=[\uff10-\uff19])"
)

_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,24}|#\d{1,7}|#[xX][0-9A-Fa-f]{1,6});")
_COMMENT = re.compile(r"<!--(?:[^-<]|-(?!->)|<(?!!--))*+-->")
_BLOCKS: Final = (
    "br|p|div|li|ul|ol|tr|h[1-6]|hr|dt|dd|dl|table|thead|tbody|tfoot|caption|summary|details|option|select|section|article"
    "|aside|header|footer|main|nav|blockquote|pre|figure|figcaption|form|label|button|address"
)
_BREAK_TAG = re.compile(rf"</?(?:{_BLOCKS})(?=[\s/>])[^<>]{{0,200}}>", re.IGNORECASE)
_CELL_TAG = re.compile(r"</t[dh]\s{0,9}>\s{0,99}<t[dh](?=[\s>])[^<>]{0,200}>", re.IGNORECASE)
_CELL_EDGE = re.compile(r"</?t[dh](?=[\s>])[^<>]{0,200}>", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>")

_TASK = re.compile(r"^([ \t]*(?:[-*+•][ \t]+)?)\[[ xX]\][ \t]+", re.MULTILINE)
_RULE_LINE = re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.MULTILINE)
_TABLE_RULE = re.compile(
    r"^[ \t]*+(?:\|[ \t]*+)?:?-{2,}+:?[ \t]*+(?:\|[ \t]*+:?-{2,}+:?[ \t]*+)*+\|?[ \t]*+$", re.MULTILINE
)
_HEADING = re.compile(r"^[ \t]*+#{1,6}[ \t]++|(?<![ \t])[ \t]++#{1,6}[ \t]*+$", re.MULTILINE)
_QUOTE = re.compile(r"^(?:[ \t]*>)+[ \t]?", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[-*+•◦▪●‣·–—][ \t]+|[•◦▪●‣])", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^\s()]*(?:\([^\s()]*\)[^\s()]*)*(?:[ \t]+\"[^\"\n]*\")?\)")
_HALF_LINK = re.compile(r"\]\([^\s()]*(?:\([^\s()]*\)[^\s()]*)*(?:[ \t]+\"[^\"\n]*\")?\)")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,20}\]:?")
_REFERENCE = re.compile(r"\[([^\[\]]+)\]\[[^\[\]]*\]")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+|[^<>\s@]+@[^<>\s]+)>")
_CODE = re.compile(r"(?<!`)(`++)([^`]+)\1(?!`)")
_EMPHASIS = re.compile(
    r"(?<![\w*])(\*{1,3}|_{1,3}|~~)(?=[^\s*_~])([^*~\n]*?[^\s*_~])\1(?!\w)|(\*{2,3})(?=\S)([^*\n]*[^\s*])\3"
)
_LEFTOVER = re.compile(r"(?<!\d)(?<!\d )\*+|\*+(?! ?\d)|\*{2,}|(?<!\w)_+|_+(?!\w)|~~+|`+|\\(?=[*_#`~\[\]()>|])")
_INNER_UNDERSCORE = re.compile(r"(?<=\w)_+(?=\w)")
_CELL = re.compile(r"^[ \t]*+\|[ \t]*+|(?<![ \t])[ \t]*+\|[ \t]*+$", re.MULTILINE)
_CELLS = re.compile(r"(?<![ \t])[ \t]*+\|++[ \t]*+")
_LINE_JOIN = re.compile(r"([^\s.,;:!?…。！？、，；：])?([.,;:!?…。！？、，；：]?)[ \t]{0,9}\n\s*+")
_EAST_ASIAN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def decode(text: str) -> str:
    """Text as it comes in: one kind of line end, nothing invisible. Works on any piece of a stream."""
    return _INVISIBLE.sub("", _LINE_BREAK.sub("\n", text))


def note_decoded(positions: PositionMap, text: str, passed: int, given: int) -> None:
    """Note what `decode` leaves out of ``text``, which stands at ``given`` and is passed on from ``passed`` on."""
    for gone, found in enumerate(_GONE.finditer(text), start=1):
        positions.note(passed + found.end() - gone, given + found.end())


def clean(tracked: TrackedText, *, starts_line: bool) -> None:
    """Take the markup out of a piece of text, and make one line of it."""
    tracked.text = unicodedata.normalize("NFC", _MARK_RUN.sub(r"\1", tracked.text))
    tracked.text = _SPACES.sub(" ", tracked.text)
    tracked.unwrap("width", _WIDE, lambda match: unicodedata.normalize("NFKC", match[0]))
    _html(tracked)
    _lines(tracked, starts_line=starts_line)
    _spans(tracked)
    tracked.unwrap("emoji", _KEYCAP, lambda match: f" {match[1]} ")
    tracked.unwrap("emoji", _SIGN_PICTURE, lambda match: _SPOKEN_PICTURES[match[0][0]])
    tracked.unwrap("emoji", _EMOJI, lambda match: match[0] if match[0][0] in _ARROWS else " ")
    tracked.text = _SPACES.sub(" ", _LINE_JOIN.sub(_join, tracked.text.strip())).strip()


def _html(tracked: TrackedText) -> None:
    if "<" in tracked.text:
        tracked.unwrap("link", _AUTOLINK, lambda match: match[1])
        tracked.unwrap("html", _COMMENT, " ")
        tracked.unwrap("html", _CELL_TAG, ", ")
        tracked.unwrap("html", _CELL_EDGE, "\n")
        tracked.unwrap("html", _BREAK_TAG, "\n")
        tracked.unwrap("html", _TAG, lambda match: "" if len(match[0]) <= TAG_CHARS else None)
    if "&" in tracked.text:
        tracked.unwrap("html", _ENTITY, lambda match: _SPACES.sub(" ", decode(html.unescape(match[0]))))


def _lines(tracked: TrackedText, *, starts_line: bool) -> None:
    first, newline, rest = ("", "", tracked.text) if starts_line else tracked.text.partition("\n")
    tracked.text = rest
    if "|" in rest:
        tracked.unwrap("table", _TABLE_RULE, "")
        tracked.unwrap("table", _CELL, "")
        tracked.unwrap("table", _CELLS, ", ")
    tracked.unwrap("rule", _RULE_LINE, "")
    tracked.unwrap("quote", _QUOTE, "")
    tracked.unwrap("heading", _HEADING, "")
    tracked.unwrap("list", _TASK, lambda match: match[1])
    tracked.unwrap("list", _BULLET, "")
    tracked.text = first + newline + tracked.text


def _spans(tracked: TrackedText) -> None:
    if "[" in tracked.text or "]" in tracked.text:
        tracked.unwrap("link", _LINK, lambda match: match[1])
        tracked.unwrap("link", _HALF_LINK, "")
        tracked.unwrap("link", _FOOTNOTE, "")
        tracked.unwrap("link", _REFERENCE, lambda match: match[1])
    if "`" in tracked.text:
        tracked.unwrap("code", _CODE, lambda match: match[2])
    for _ in range(2):  # bold inside italic
        tracked.unwrap("emphasis", _EMPHASIS, lambda match: match[2] or match[4])
    tracked.unwrap("emphasis", _LEFTOVER, "")


def _join(match: re.Match[str]) -> str:
    """A line end inside a piece is a short pause, unless there is punctuation already."""
    last, mark = match[1] or "", match[2]
    if last.isdigit() and not mark and UNIT_NEXT.match(match.string, match.end()):
        return f"{last} "
    if mark or not last:
        return f"{last}{mark} "
    return f"{last}，" if _EAST_ASIAN.match(last) else f"{last}, "
