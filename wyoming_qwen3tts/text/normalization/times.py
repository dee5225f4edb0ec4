"""Times of day, in figures and with the letters of each language."""

import re
from typing import Final

from .context import word_before
from .grammars.grammar import LEFT, Grammar
from .rule import Rule

_HOUR: Final = r"(?:2[0-4]|[01]?\d)"
_TIME: Final = rf"({_HOUR}):([0-5]\d)(?::([0-5]\d)(?:\.\d{{1,6}})?)?"
_DASH: Final = r"\s?[-–—~〜]\s?"
_TIME_SUFFIX: Final = {
    "de": r"(?:\s?Uhr\b|\s?h\b)?",
    "fr": r"(?:\s?h\b)?",
    "es": r"(?:\s?(?:hs?|hrs)\b\.?|\s(?:horas)\b)?",
    "it": r"",
    "pt": r"(?:\s?(?:hs?|hrs)\b|\s(?:horas)\b)?",
    "ru": r"(?:\s(?:ч\.|часов\b))?",
    "en": r"(?:\s?(?:h|hrs|hours)\b)?",
    "ja": "",
    "ko": "",
    "zh": "",
}
_PERIOD: Final = r"(?:\s?([AaPp])\.?\s?[Mm](?![A-Za-z])\.?)?"
_PERIOD_ALONE: Final = r"\s?([AaPp])\.?\s?[Mm](?![A-Za-z])\.?"
_HALF_DAYS: Final = "午前|午後|上午|下午|晚上|早上|凌晨|中午|오전|오후"
_SAID_ONCE: Final = {"en": (" o'clock",), "de": (" Uhr",)}  # "8 bis 17 Uhr"


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for times, ranges first."""
    suffix = _TIME_SUFFIX[grammar.code]
    lead = rf"(?:({_HALF_DAYS})\s?)?" if grammar.code in ("ja", "zh", "ko") else "()"
    time = re.compile(rf"{LEFT}{lead}{_TIME}(?![\d]|[.,:]\d){suffix}{_PERIOD}")
    span = re.compile(rf"{LEFT}{_TIME}{suffix}{_PERIOD}{_DASH}{_TIME}(?!\d|[.,:]\d){suffix}{_PERIOD}")

    def clock(match: re.Match[str]) -> str:
        half_day = f"{match[1]} " if match[1] and grammar.code == "ko" else match[1] or ""
        return half_day + _clock(grammar, match[2], match[3], match[4], match[5])

    def clocks(match: re.Match[str]) -> str:
        first = _clock(grammar, match[1], match[2], match[3], match[4])
        last = _clock(grammar, match[5], match[6], match[7], match[8])
        for shared in _SAID_ONCE.get(grammar.code, ()):
            first = first.removesuffix(shared) if last.endswith(shared) else first
        return _time_range(grammar, match, first, last)

    found = [
        *(_italian_rules() if grammar.code == "it" else []),
        *_aspect_rules(grammar),
        Rule("time", span, clocks, ":"),
        Rule("time", time, clock, ":"),
        *_half_day_rules(grammar),
    ]
    if grammar.code == "en":
        return _english_rules(grammar) + found
    return found + (_lettered_rules(grammar) if grammar.code in ("de", "it", "fr", "pt", "es", "ru") else [])


_ITALIAN_ONE = re.compile(r"\b([Ss]ono le|[Aa]lle|[Dd]alle|[Dd]elle|[Ll]e)\s0?1[:.]([0-5]\d)(?!\d|[.,:]\d|\s?[-–])")
_ONE_O_CLOCK: Final = {"sono le": "è l'una", "alle": "all'una", "dalle": "dall'una", "delle": "dell'una", "le": "l'una"}


def _italian_rules() -> list[Rule]:
    """ "Sono le 1:00" is "È l'una"."""

    def spoken(match: re.Match[str]) -> str:
        words = _ONE_O_CLOCK[match[1].casefold()]
        words = words[0].upper() + words[1:] if match[1][0].isupper() else words
        return words + (f" e {int(match[2])}" if int(match[2]) else "")

    return [Rule("time", _ITALIAN_ONE, spoken, "1")]


# The shapes of pictures: "16:10" is one beside a word for a screen.
_SHAPE = re.compile(rf"{LEFT}(\d{{1,2}}):(3|4|9|10|1|2)(?![\d]|[.,:]\d)")
_SHAPE_WORDS = re.compile(
    r"screen|format|aspect|picture|display|video|bildschirm|bild|seitenverhältnis|écran|image|ratio|pantalla|imagen|aspecto"
    r"|schermo|immagine|formato|tela|imagem|proporção|экран|формат|соотношени|изображени|видео|屏幕|画面|比例|显示|アスペクト"
    r"|画像|比率|화면|비율",
    re.IGNORECASE,
)
_SHAPE_LINK: Final = {
    "de": " zu ",
    "en": " to ",
    "es": " por ",
    "pt": " por ",
    "ru": " на ",
    "zh": "比",
    "ja": "対",
    "ko": " 대 ",
}


def _aspect_rules(grammar: Grammar) -> list[Rule]:
    """ "a 16:10 screen"."""

    def spoken(match: re.Match[str]) -> str | None:
        after = match.string[match.end() : match.end() + (6 if grammar.code in ("ja", "zh") else 30)]
        near = match.string[max(0, match.start() - 30) : match.start()] + " ".join(after.split()[:2])
        if not _SHAPE_WORDS.search(near):
            return None
        if link := _SHAPE_LINK.get(grammar.code):
            return f"{match[1]}{link}{match[2]}"
        parts = int(match[2])
        names = (grammar.denominators.get(parts) or grammar.denominator(parts)) if parts > 2 else None
        return f"{match[1]} {names[1]}" if names else f"{match[1]} {grammar.signs['ratio']} {match[2]}"

    return [Rule("ratio", _SHAPE, spoken, ":")]


def _english_rules(grammar: Grammar) -> list[Rule]:
    """ "9-5 pm", "9am-5pm", "7.30 pm"."""
    hours = re.compile(rf"{LEFT}({_HOUR}){_DASH}({_HOUR}){_PERIOD_ALONE}")
    halves = re.compile(rf"{LEFT}({_HOUR})(?::([0-5]\d))?{_PERIOD_ALONE}{_DASH}({_HOUR})(?::([0-5]\d))?{_PERIOD_ALONE}")
    dotted = re.compile(rf"{LEFT}({_HOUR})\.([0-5]\d){_PERIOD_ALONE}")

    def short(match: re.Match[str]) -> str:
        return grammar.range(match[1], _clock(grammar, match[2], "0", None, match[3]))

    def both(match: re.Match[str]) -> str:
        first, last = (_clock(grammar, match[at], match[at + 1] or "0", None, match[at + 2]) for at in (1, 4))
        return grammar.range(first, last)

    return [
        Rule("time", hours, short, "0"),
        Rule("time", halves, both, "0"),
        Rule("time", dotted, lambda match: _clock(grammar, match[1], match[2], None, match[3]), "0"),
    ]


def _time_range(grammar: Grammar, match: re.Match[str], first: str, last: str) -> str:
    """Two times; no second "from" where there is one already."""
    spoken = grammar.range(first, last)
    before = word_before(match)
    if grammar.code == "it":
        if before in ("dalle", "dalla"):
            return f"{first} alle {last}"
        return f"dalle {first} alle {last}" if before not in ("da", "tra") else f"{first} e {last}"
    if grammar.code == "ru":
        return f"{'' if before == 'с' else 'с '}{first} до {last}"
    if grammar.code == "es":
        return f"{'' if before in ('las', 'la') else 'de '}{first} a {last}"
    return spoken


def _half_day_rules(grammar: Grammar) -> list[Rule]:
    """ "7 PM", without minutes."""
    alone = re.compile(rf"{LEFT}(1[0-2]|0?[1-9]){_PERIOD_ALONE}")
    return [Rule("time", alone, lambda match: _clock(grammar, match[1], "0", None, match[2]), "mM")]


def _lettered_rules(grammar: Grammar) -> list[Rule]:
    """ "19h30", "19.30 Uhr", "19 ч 30 мин", "alle 19.30"."""
    pattern = {
        "de": rf"{LEFT}({_HOUR})\.([0-5]\d)\s?Uhr\b",
        "it": rf"(?:(?<=\b[Aa]lle )|(?<=\b[Dd]alle )|(?<=\b[Dd]elle ))({_HOUR})\.([0-5]\d)(?!\d|[.,]\d)"
        rf"|(?<=\b[Oo]re )({_HOUR})\.([0-5]\d)(?!\d|[.,]\d)",
        "ru": rf"{LEFT}({_HOUR})\s?ч\.?\s?([0-5]?\d)\s?мин\b\.?",
    }.get(grammar.code, rf"{LEFT}({_HOUR})\s?[hH]\s?([0-5]\d)(?![0-9A-Za-z]|\s?(?:min|mn))")

    def clock(match: re.Match[str]) -> str | None:
        if grammar.code == "ru":
            return " ".join(
                (
                    grammar.quantity(grammar.parse(match[1]), "duration-hour"),
                    grammar.quantity(grammar.parse(match[2]), "duration-minute"),
                )
            )
        hour, minute = [group for group in match.groups() if group]
        return _clock(grammar, hour, minute, None, None)

    found = [Rule("time", re.compile(pattern), clock, "0")]
    if grammar.code in ("es", "pt", "fr"):  # "las 12.30 h"
        dotted = re.compile(
            rf"{LEFT}({_HOUR})\.([0-5]\d)\s?[hH]s?\b\.?|(?<=\b[àl]as )({_HOUR})\.([0-5]\d)(?![\d%]|[.,]\d)"
        )
        found.append(Rule("time", dotted, clock, "0"))
    if grammar.code == "ru":  # "в 15.30", but not "в 2.5 раза"
        dotted = re.compile(
            rf"(?<=\b[вВс] )({_HOUR})\.([0-5]\d)(?!\d|[.,]\d|\s?[%°]|\s(?:раз|мет|км|кг|л|ч|мин|сек|м|см|г|В|Вт|кВт))"
        )
        found.append(Rule("time", dotted, lambda match: _clock(grammar, match[1], match[2], None, None), "0"))
    if grammar.code == "de":
        hour = re.compile(rf"(?:(?<=\b[Uu]m )|(?<=\b[Bb]is )|(?<=\b[Aa]b )|(?<=\bgegen ))({_HOUR})\s?h\b")
        found.append(Rule("time", hour, lambda match: _clock(grammar, match[1], "0", None, None), "h"))
        span = re.compile(rf"{LEFT}({_HOUR}){_DASH}({_HOUR})\s?Uhr\b")
        found.append(
            Rule("time", span, lambda match: grammar.range(match[1], _clock(grammar, match[2], "0", None, None)), "0")
        )
    if grammar.code in ("fr", "pt", "es"):
        span = re.compile(rf"{LEFT}({_HOUR})(?:\s?[hH])?{_DASH}({_HOUR})\s?[hH]\b")
        found.append(
            Rule(
                "time",
                span,
                lambda match: grammar.range(match[1], grammar.quantity(grammar.parse(match[2]), "duration-hour")),
                "hH",
            )
        )
    return found


def _clock(grammar: Grammar, hour: str, minute: str, second: str | None, period: str | None) -> str:
    return grammar.clock(
        int(hour), int(minute), int(second) if second and int(second) else None, f"{period.lower()}m" if period else ""
    )
