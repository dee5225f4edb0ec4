"""The rules for a language of the generic grammar: dates, times, ordinals, money, units, ranges and decimals.

Few and careful: what is not surely one of these stays as it is written, for the voice to read.
"""

import re
from typing import Final

from . import dates
from .context import text_before, touches_word
from .grammars import generic_words as words
from .grammars.generic import Generic
from .grammars.grammar import LEFT, RIGHT, Number
from .money import SIGNS
from .rule import Rule, alternatives
from .unit_symbol import PER_SYMBOLS, SYMBOLS
from .units import DASH, SMALL, SPACED_ONLY

_DAY: Final = r"(3[01]|[12]\d|0?[1-9])"
_MONTH: Final = r"(1[0-2]|0?[1-9])"
_YEAR: Final = r"((?:19|20|21)\d\d)"
_HOUR: Final = r"(2[0-4]|[01]?\d)"
_NUMERIC_DATE = re.compile(rf"{LEFT}{_DAY}([./-])\s?{_MONTH}\2\s?{_YEAR}(?!\d|[.,/-]\d)")
_MONTH_FIRST = re.compile(rf"{LEFT}{_MONTH}([./-]){_DAY}\2{_YEAR}(?!\d|[.,/-]\d)")
_YEAR_FIRST = re.compile(rf"{LEFT}{_YEAR}([./-])\s?{_MONTH}\2\s?{_DAY}\.?(?!\d|[.,/-]\d)")
_TIME = rf"{_HOUR}:([0-5]\d)(?::([0-5]\d))?"
_CLOCK_WITH_POINT = re.compile(
    rf"(?<![\w.])({words.CLOCK_LEADS})\s?{_HOUR}\.([0-5]\d)(?!\d|[.,]\d|\s?[%°])", re.IGNORECASE
)
_AND = re.compile(r"\s{0,9}&{1,2}\s*")
_ARROW = re.compile(r"\s{0,9}(?:[←→↔⇒⇐⇔➜➔➡⟶]\ufe0f?|[-=]{1,9}>|<[-=]{1,9})\s*")
_LONE_DASH = re.compile(r"(?:(?<=\s)|^)[-–—]{1,3}(?=\s|$)|-{2,}")
_SLASH = re.compile(r"(?<=[^\W\d_])\s?/\s?(?=[^\W\d_])")
_EMPTY_BRACKETS = re.compile(r"[(（「『“«]\s*[)）」』”»]")
# No letter and no mark of any script, and no sign that a voice reads in its own language (+ = @ %).
_OTHER = re.compile(r"[\\^~*_#|{}\[\]<>§¶†‡©®™✓✔]|[\u2190-\u2bff\U0001f000-\U0001faff]")


def rules(grammar: Generic) -> list[Rule]:
    """All rules of an added language, in the order they must be tried."""
    if grammar.locale is None:
        return _last_rules(grammar)
    return [
        *_date_rules(grammar),
        *_time_rules(grammar),
        *_money_rules(grammar),
        *_unit_rules(grammar),
        *_ordinal_rules(grammar),
        *_number_rules(grammar),
        *_abbreviation_rules(grammar),
        *_last_rules(grammar),
    ]


def _date_rules(grammar: Generic) -> list[Rule]:
    def made(match: re.Match[str], day: str, month: str, year: str) -> str | None:
        try:
            return grammar.date(int(day), int(month), year, text_before(match))
        except ValueError:
            return None  # the 31st of February

    def iso(match: re.Match[str]) -> str | None:
        spoken = made(match, match[3], match[2], match[1])
        if spoken is None or match[4] is None:
            return spoken
        return f"{spoken}, {grammar.clock(int(match[4]), int(match[5]), None, '')}"

    found = [
        Rule("date", dates.ISO, iso, "-"),
        Rule("date", _YEAR_FIRST, lambda match: made(match, match[4], match[3], match[1]), "./-"),
    ]
    if grammar.day_first:
        found.append(Rule("date", _NUMERIC_DATE, lambda match: made(match, match[1], match[3], match[4]), "./-"))
    else:
        found.append(Rule("date", _MONTH_FIRST, lambda match: made(match, match[3], match[1], match[4]), "./-"))
    return found


def _time_rules(grammar: Generic) -> list[Rule]:
    tail = rf"(?:\s?(?:{words.CLOCK_TAILS[grammar.code]})(?!\w))?" if grammar.code in words.CLOCK_TAILS else ""
    one = re.compile(rf"{LEFT}{_TIME}(?!\d|[.,:]\d)(?:\s?([AaPp])\.?[Mm]\b\.?)?{tail}")
    two = re.compile(rf"{LEFT}{_HOUR}:([0-5]\d)\s?[-–—]\s?{_HOUR}:([0-5]\d)(?!\d|[.,:]\d){tail}")

    def clock(match: re.Match[str]) -> str:
        second = int(match[3]) if match[3] and int(match[3]) else None
        period = f"{match[4].lower()}m" if match[4] else ""
        return grammar.clock(int(match[1]), int(match[2]), second, period)

    def span(match: re.Match[str]) -> str:
        first, last = (grammar.clock(int(match[at]), int(match[at + 1]), None, "") for at in (1, 3))
        return grammar.range(first, last)

    def pointed(match: re.Match[str]) -> str:
        lead = words.ABBREVIATIONS.get(grammar.code, {}).get(match[1].casefold(), match[1])
        lead = lead.capitalize() if match[1][0].isupper() else lead
        return f"{lead} {grammar.clock(int(match[2]), int(match[3]), None, '')}"

    return [
        Rule("time", two, span, ":"),
        Rule("time", one, clock, ":"),
        Rule("time", _CLOCK_WITH_POINT, pointed, "."),
    ]


def _money_rules(grammar: Generic) -> list[Rule]:
    number = grammar.number
    after = SIGNS | words.MONEY_SIGNS.get(grammar.code, {})
    per = rf"(?:\s?/\s?(?P<per>{alternatives(PER_SYMBOLS)}){RIGHT})?"
    prefix = re.compile(
        rf"(?<![0-9A-Za-z])(?P<sign>[-−]\s?)?(?P<currency>{alternatives(SIGNS)})\s?(?P<number>[-−]?{number})"
        rf"(?!\d|[.,]\d){per}"
    )
    suffix = re.compile(
        rf"{LEFT}(?P<sign>[-−]\s?)?(?P<number>{number})\s?(?P<currency>{alternatives(after)}){RIGHT}{per}"
    )
    dashed = re.compile(r"(?P<currency>[€$£])\s?(?P<number>\d+),[-–]{1,2}(?=[\s.,;!?]|$)(?P<sign>)(?P<per>)")

    def amount(match: re.Match[str]) -> str | None:
        rate = grammar.per_unit(PER_SYMBOLS[match["per"]]) if match["per"] else ""
        if rate is None:
            return None
        value = grammar.parse((match["sign"] or "").strip() + match["number"])
        spoken = f"{grammar.money(value, after[match['currency']])} {rate}".strip()
        return f"{spoken} " if touches_word(match) else spoken

    return [
        Rule("money", dashed, amount, "€$£"),
        Rule("money", prefix, amount, "0"),
        Rule("money", suffix, amount, "0"),
    ]


def _unit_rules(grammar: Generic) -> list[Rule]:
    own = words.SYMBOLS.get(grammar.code, {})
    table = {symbol: unit for symbol, unit in SYMBOLS.items() if symbol not in _ORDINAL_SIGNS} | own
    number, symbols = grammar.number, alternatives(table)
    unit = rf"(?P<gap>\s?)(?P<unit>{symbols}){RIGHT}(?:\s?/\s?(?P<per>{alternatives(PER_SYMBOLS)}){RIGHT})?(?!/\w)"
    span = re.compile(rf"{LEFT}(?P<first>[-−]?{number})(?:\s?(?:°C|°F|°|%))?{DASH}(?P<number>[-−]?{number}){unit}")
    one = re.compile(rf"{LEFT}(?P<sign>[-−–+]\s?)?(?P<number>{number}){unit}")
    turned = re.compile(rf"{LEFT}%(?P<number>{number})(?!\d)")  # how Turkish and Basque write it

    def name(match: re.Match[str]) -> str | None:
        if not match["gap"] and match["unit"] in SPACED_ONLY and match["unit"] not in own:
            return None
        found = table[match["unit"]]
        return f"{found} per {PER_SYMBOLS[match['per']]}" if match["per"] else found

    def apart(match: re.Match[str], spoken: str | None) -> str | None:
        return f"{spoken} " if spoken and touches_word(match) else spoken

    def value(written: str, measure: str) -> Number:
        return grammar.parse(written, point_is_decimal=measure in SMALL, is_amount=True)

    def counted(match: re.Match[str]) -> str | None:
        if (measure := name(match)) is None:
            return None
        written = (match["sign"] or "").strip() + match["number"]
        return apart(match, grammar.counted(value(written, measure), measure))

    def between(match: re.Match[str]) -> str | None:
        if (measure := name(match)) is None:
            return None
        first, last = value(match["first"], measure), value(match["number"], measure)
        return apart(match, grammar.counted_range(first, last, measure))

    def percent(match: re.Match[str]) -> str | None:
        return grammar.counted(grammar.parse(match["number"]), "concentr-percent")

    found = [Rule("range", span, between, "0"), Rule("unit", one, counted, "0")]
    return [Rule("unit", turned, percent, "%"), *found] if grammar.code in ("tr", "eu") else found


_ORDINAL_SIGNS: Final = frozenset(("º", "Mo", "Go", "To"))


def _ordinal_rules(grammar: Generic) -> list[Rule]:
    def spoken(match: re.Match[str]) -> str | None:
        return grammar.ordinal(int(match[1]), match[2].lower(), text_before(match), "")

    found = []
    if endings := words.ORDINALS.get(grammar.code):
        suffix = "|".join(sorted("|".join(endings).split("|"), key=len, reverse=True))
        found.append(Rule("ordinal", re.compile(rf"{LEFT}(\d{{1,3}})({suffix})(?!\w)"), spoken, "0"))
    if grammar.code in words.DOTTED_ORDINALS:  # not at the beginning, where it numbers a list
        inside = re.compile(rf"(?<=\w\s){LEFT}(\d{{1,3}})(\.)(?=\s[^\W\d_A-ZÀ-ÖØ-ÞŞİÇĞ])")
        found.append(Rule("ordinal", inside, spoken, "."))
    return found


def _number_rules(grammar: Generic) -> list[Rule]:
    number, parse, say = grammar.number, grammar.parse, grammar.say
    span = re.compile(rf"{LEFT}(?P<first>{number})\s?[-–—]\s?(?P<last>{number})(?![0-9A-Za-z]|[-–.,:/]\d)")
    signed = re.compile(rf"{LEFT}[-−–]\s?(?P<number>{number})(?!\d|[.,:/-]\d)")
    odd = re.compile(rf"(?<![0-9.,:/\w-])(?P<number>{number})(?![0-9]|[.,:/-]\d)")

    def plain(match: re.Match[str]) -> str | None:
        found = parse(match["number"])
        return say(found) if found.fraction or found.whole != match["number"] else None

    def ends(match: re.Match[str]) -> str:
        return grammar.range(say(parse(match["first"])), say(parse(match["last"])))

    return [
        Rule("range", span, ends, "-–—"),
        Rule("sign", signed, lambda match: say(parse(f"-{match['number']}")), "-−–"),
        Rule("number", odd, plain, "0"),
    ]


def _abbreviation_rules(grammar: Generic) -> list[Rule]:
    known = words.ABBREVIATIONS.get(grammar.code)
    if not known:
        return []
    table = known | {short[0].upper() + short[1:]: full[0].upper() + full[1:] for short, full in known.items()}
    pattern = re.compile(rf"(?<![\w./])(?:{alternatives(table)})(?![\w])(?=\s*[\w\ue000-\ue009(,;])")
    return [Rule("abbreviation", pattern, lambda match: table[match[0]])]


def _last_rules(grammar: Generic) -> list[Rule]:
    link = grammar.signs.get("&", "")
    return [
        Rule("arrow", _ARROW, ", ", "→←↔⇒⇐⇔➜➔➡⟶-=<"),
        *([Rule("sign", _AND, f" {link} ", "&")] if link else []),
        Rule("sign", _SLASH, " ", "/"),
        Rule("left out", _EMPTY_BRACKETS, " ", "()（「『“«"),
        Rule("left out", _OTHER, " ", ""),
        Rule("left out", _LONE_DASH, " ", "-–—"),
    ]
