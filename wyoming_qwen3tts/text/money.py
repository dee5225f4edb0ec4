"""Amounts of money: "€12.50", "12,50 €", "0,32 €/kWh", "$3 million"."""

import re
from typing import Final

from .grammar import LEFT, RIGHT, Grammar
from .rule import Rule, alternatives
from .units import DASH, PER, per_name

_SIGNS: Final = {
    "€": "EUR",
    "$": "USD",
    "US$": "USD",
    "£": "GBP",
    "¥": "JPY",
    "₽": "RUB",
    "₩": "KRW",
    "₹": "INR",
    "R$": "BRL",
    "EUR": "EUR",
    "USD": "USD",
    "GBP": "GBP",
    "JPY": "JPY",
    "CNY": "CNY",
    "RMB": "CNY",
    "RUB": "RUB",
    "KRW": "KRW",
    "INR": "INR",
    "CHF": "CHF",
    "BRL": "BRL",
    "Fr.": "CHF",
}
_CENTS: Final = re.compile(r"[.,]\d\d$")
_AFTER: Final = {"¢": "cent", "ct": "cent", "Ct": "cent", "cts": "cent"}
_AFTER_BY_LANGUAGE: Final = {
    "en": {"p": "penny"},
    "ru": {"руб.": "RUB", "руб": "RUB", "р.": "RUB", "коп.": "kopek", "коп": "kopek"},
}


def _words(grammar: Grammar) -> dict[str, str]:
    """The names of currencies in this language, which need help only with cents and rates: "12,50 Euro"."""
    return {form: code for code, (unit, _) in grammar.currencies.items() if len(code) == 3 for form in unit}


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for money, ranges first."""
    signs = dict(_SIGNS)
    if grammar.code == "zh":
        signs["¥"] = "CNY"
    words = _words(grammar)
    after = words | signs | _AFTER | _AFTER_BY_LANGUAGE.get(grammar.code, {})
    number, before = grammar.number, alternatives(signs)
    magnitude = (
        rf"(?:(?P<gap>\s?)(?P<mag>{alternatives(grammar.magnitudes)})(?![A-Za-z\u00c0-\u024f\u0400-\u04ff]))?"
        if grammar.magnitudes
        else "(?P<gap>)(?P<mag>)?"
    )
    tail = rf"(?![0-9A-Za-z\u00c0-\u024f\u0400-\u04ff]){PER}"
    prefix = re.compile(
        rf"(?<![0-9A-Za-z\u00c0-\u024f])(?P<sign>[-−+]\s?)?(?P<currency>{before})\s?(?P<minus>[-−])?(?P<number>{number}){magnitude}(?!\d|[.,]\d){PER}"
    )
    suffix = re.compile(
        rf"{LEFT}(?P<sign>[-−–+]\s?)?(?P<number>{number}){magnitude}\s?(?P<currency>{alternatives(after)}){tail}"
    )
    prefix_span = re.compile(
        rf"(?<![0-9A-Za-z])(?P<currency>{before})\s?(?P<first>{number}){DASH}(?:{before})?\s?(?P<last>{number})(?!\d)"
    )
    suffix_span = re.compile(
        rf"{LEFT}(?P<first>{number})(?:\s?(?:{before}))?{DASH}(?P<last>{number})\s?(?P<currency>{alternatives(after)}){RIGHT}"
    )

    def amount(match: re.Match[str]) -> str | None:
        code = after[match["currency"]]
        if code not in grammar.currencies:
            return None
        if match["currency"] in words and not match["per"] and (match["mag"] or not _CENTS.search(match["number"])):
            return None
        sign = (match["sign"] or "").strip() or (match.groupdict().get("minus") or "")
        parsed = grammar.parse(sign + match["number"])
        if match["mag"]:
            word = grammar.magnitude(match["mag"], parsed)
            gap = "" if grammar.code in ("ja", "zh", "ko") else " "
            forms = grammar.currencies[code][0]
            spoken = f"{grammar.say(parsed)}{gap}{word}{gap}{forms[min(2, len(forms) - 1)]}"
        else:
            spoken = grammar.money(parsed, code)
        if match["per"]:
            per = grammar.per[per_name(match["per"])]
            spoken = f"{per}{spoken}" if grammar.code in ("ja", "zh", "ko") else f"{spoken} {per}"
        touches = match.string[match.end() : match.end() + 1].isalpha() and grammar.code not in ("ja", "zh", "ko")
        return f"{spoken} " if touches else spoken

    def span(match: re.Match[str]) -> str | None:
        code = after[match["currency"]]
        if code not in grammar.currencies or match["currency"] in words:
            return None
        first, last = grammar.parse(match["first"]), grammar.parse(match["last"])
        if last.fraction:
            return grammar.range(grammar.money(first, code), grammar.money(last, code))
        forms = grammar.currencies[code][0]
        word = forms[min(2 if grammar.code == "ru" else grammar.plural(last), len(forms) - 1)]
        gap = "" if grammar.code in ("ja", "zh", "ko") else " "
        return f"{grammar.range(grammar.say(first), grammar.say(last))}{gap}{word}"

    return [
        Rule("money", prefix_span, span, "0"), Rule("money", suffix_span, span, "0"),
        Rule("money", prefix, amount, "0"), Rule("money", suffix, amount, "0"),
    ]  # fmt: skip
