"""Whether a single line break is meant, or only where an editor, a template or a mail has wrapped its text."""

import re
from enum import Enum
from typing import Final

from .left_out import MARKERS

SHORT_LINE_CHARS: Final = 40  # below this a line may be one of a list without marks, or of a poem
SHORT_EAST_ASIAN_CHARS: Final = 20


class Break(Enum):
    """What a line break is."""

    END = "end"  # of the sentence or the entry
    PAUSE = "pause"  # a short one, inside the sentence
    BLANK = "blank"  # nothing but a blank
    HYPHEN = "hyphen"  # in the middle of a word, behind a hyphen that goes


_INDENT = re.compile(r"[ \t\u00a0\u3000]*")
_MARKED_LINE = re.compile(
    r"[ \t]*(?:[-*+•◦▪●‣·–—](?:[ \t]|\Z)|\d{1,3}[.)](?:[ \t]|\Z)|[a-zA-Z]\)[ \t]|#{1,6}[ \t]|[|>]|```|~~~|[•◦▪●‣]"
    r"|(?:[-*_=][ \t]*){3,}\Z"
    rf"|</?(?:br|p|div|li|ul|ol|tr|td|th|h[1-6]|hr|table|dt|dd|option|summary|details)\b|[{MARKERS}])",
    re.IGNORECASE,
)
_ENDED_LINE = re.compile(r"[.!?…:;。！？：；｡][\"'”’»)\]*_`」』]*[ \t]*\Z")
_ENTITY_END = re.compile(r"&#?\w{1,24};\Z")
_HYPHENED = re.compile(r"(?<=[^\W\d_]{2})-\Z")
UNIT_NEXT = re.compile(
    r"(?:[°%‰€$£¥₽₩ºª²³]|(?:[AaPp]\.?[Mm]\.?|Uhr|Euro|Grad|Prozent|Std|Min|Sek|Stunden?|Minuten?|Sekunden?|Tage"
    r"|Liter|Volt|Watt|Mio|Mrd"
    r"|[kMGT]?(?:Wh?|Hz|B|Pa|J|VA|bit/s|bps|iB)|[CFKVAN]|mAh|Ah)(?![\w'’]))"
)
_CLOSING: Final = ",;:.!?)]}%»”’…，。、！？"
_EAST_ASIAN = re.compile(r"[\u3005\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_PARTICLE_END = re.compile(
    r"(?:[はがをにでのとへもや]|から|まで|より|[的在把被和与跟从向对是有]|[은는이가을를에의로와과도만고며서면]|지만|부터|까지|보다|에게|한테"
    r"|오전|오후|[년월] ?)\Z"
)
_COUNTER = re.compile(
    r"[度分秒時时点點日月年時間小时分钟個个回次円元名人台件本枚階层号番도분초시일월년원개번명대층%％℃°]|パーセント|퍼센트|摄氏|百分"
)
# Something follows these on the same line, unless a wrap came between. Not "on", "off", "an", "aus": a light is that.
_OPEN_WORDS: Final = frozenset(
    """
    the a of to at for from with by and or but is are was were has have will than your my our their his her its this
    these about between until since near per it's that's there's
    der die das den dem des ein eine einen einem einer und oder aber ist sind war hat haben wird im am um von vom bei
    beim mit für bis seit nach zum zur über unter vor hinter zwischen neben ins ans mein meine dein deine kein keine
    le la les un une des du de d' l' et ou mais est sont était à au aux en dans par pour sans sur sous entre chez vers
    el los las una unos unas del al y o pero es son era con por para sin sobre hasta desde hacia
    il lo gli i uno di da dal dalla della dello dei delle nel nella nei sul sulla con per tra fra e ma è sono era
    os as um uma uns umas do da dos das no na nos nas ao à em por pelo pela com sem até mas é são
    в во на с со к ко у о об от до из за по под над при для без и или а но не это
    """.split()
)


def is_marked(line: str) -> bool:
    """Whether a line is an entry of a list, a heading, a row, a quotation, or the place of something left out."""
    return bool(_MARKED_LINE.match(line))


def judge_break(line: str, following: str, length: int) -> Break:
    """What the break between a line and the first word of the next is; ``length`` counts the line's characters."""
    next_word = following.lstrip(" \t\u00a0\u3000")
    line = line.rstrip()
    if not line or not next_word:
        return Break.END
    if is_marked(following) and not (next_word[0].isdigit() and _is_open(line)):  # "am / 3. Mai" is no list
        return Break.END
    if is_marked(line):
        goes_on = following[:1].isspace() and next_word[:1].islower()
        return Break.BLANK if goes_on else Break.END
    if _ENDED_LINE.search(line) and not _ENTITY_END.search(line):
        return Break.END
    if _EAST_ASIAN.match(line[-1]) or (line[-1].isdigit() and _EAST_ASIAN.match(next_word)):
        joined = _PARTICLE_END.search(line) or _COUNTER.match(next_word) or length >= SHORT_EAST_ASIAN_CHARS
        return Break.BLANK if joined else Break.PAUSE
    return _judge_latin(line, next_word, length)


def _judge_latin(line: str, next_word: str, length: int) -> Break:
    if next_word[0].islower():
        return Break.HYPHEN if _HYPHENED.search(line) else Break.BLANK
    if next_word[0] in _CLOSING or (line[-1].isdigit() and UNIT_NEXT.match(next_word)):
        return Break.BLANK
    if line[-1] in "-–(/,&+=→×$€£#§" or _is_open(line):
        return Break.BLANK
    # A number begins an entry only where the one before began with a number too: "3 eggs", but "It costs / 12.50 €".
    is_entry = next_word[0].isupper() or (next_word[0].isdigit() and line.lstrip()[:1].isdigit())
    is_new = length < SHORT_LINE_CHARS and is_entry
    return Break.END if is_new else Break.BLANK


def _is_open(line: str) -> bool:
    """Whether the last word of a line wants another one behind it."""
    return line.rpartition(" ")[2].casefold().replace("’", "'") in _OPEN_WORDS


def next_line(text: str, at: int, chars: int) -> tuple[str, bool]:
    """The beginning of the line at ``at``, with its indent and first word, and whether all of that has come."""
    indent = _INDENT.match(text, at)
    start = indent.end() if indent else at
    window = text[start : start + chars]
    word = window.split("\n", maxsplit=1)[0]
    blank = re.search(r"\s", word)
    # One character more than the word: list marks are told by the blank behind them.
    shown = word[: blank.end()] if blank else word
    return text[at:start] + shown, bool(blank) or "\n" in window or len(window) == chars
