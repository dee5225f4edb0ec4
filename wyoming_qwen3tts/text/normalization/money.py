"""Amounts of money: "€12.50", "12,50 €", "0,32 €/kWh", "$3 million"."""

import re
from typing import Final

from .context import touches_word
from .grammars.grammar import LEFT, RIGHT, Grammar
from .rule import Rule, alternatives
from .units import DASH, PER, per_name, spoken_range

# In use, and no words: their names are CLDR's.
_CODES: Final = (
    "AUD CAD NZD HKD SGD TWD MXN SEK NOK DKK PLN CZK HUF RON BGN ISK TRY ILS ZAR THB IDR MYR PHP VND AED SAR EGP ARS"
    " CLP COP UYU UAH KZT BYN GEL NGN KES PKR BDT LKR QAR KWD MAD TND DZD IQD CRC DOP GTQ BOB PYG RSD AMD AZN UZS"
).split()
SIGNS: Final = {
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
    "HK$": "HKD",
    "A$": "AUD",
    "AU$": "AUD",
    "C$": "CAD",
    "CA$": "CAD",
    "NZ$": "NZD",
    "S$": "SGD",
    "NT$": "TWD",
    "MX$": "MXN",
    "CN¥": "CNY",
    "JP¥": "JPY",
    "₺": "TRY",
    "₴": "UAH",
    "₫": "VND",
    "฿": "THB",
    "₱": "PHP",
    "₦": "NGN",
    "₪": "ILS",
    "zł": "PLN",
    "Kč": "CZK",
} | {code: code for code in _CODES}
_CENTS: Final = re.compile(r"[.,]\d\d$")
_AFTER: Final = {"¢": "cent", "ct": "cent", "Ct": "cent", "cts": "cent"}
_AFTER_BY_LANGUAGE: Final = {
    "en": {"p": "penny"},
    "ru": {"руб.": "RUB", "руб": "RUB", "р.": "RUB", "коп.": "kopek", "коп": "kopek"},
}


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for money, ranges first."""
    money = _Money(grammar)
    number, before, after = grammar.number, alternatives(money.signs), alternatives(money.after)
    magnitude = rf"(?:\s?(?P<mag>{alternatives(grammar.magnitudes)}){RIGHT})?"
    prefix = re.compile(
        rf"(?<![0-9A-Za-z\u00c0-\u024f])(?P<sign>[-−+]\s?)?(?P<currency>{before})\s?(?P<minus>[-−])?"
        rf"(?P<number>{number}){magnitude}(?!\d|[.,]\d){PER}"
    )
    suffix = re.compile(
        rf"{LEFT}(?P<sign>[-−–+]\s?)?(?P<minus>)(?P<number>{number}){magnitude}\s?(?P<currency>{after}){RIGHT}{PER}"
    )
    prefix_span = re.compile(
        rf"(?<![0-9A-Za-z])(?P<currency>{before})\s?(?P<first>{number}){DASH}(?:{before})?\s?(?P<last>{number})(?!\d)"
    )
    suffix_span = re.compile(
        rf"{LEFT}(?P<first>{number})(?:\s?(?:{before}))?{DASH}(?P<last>{number})\s?(?P<currency>{after}){RIGHT}"
    )
    lone = re.compile(rf"(?P<currency>[€$£¥₽₩₹]){PER}")
    return [
        Rule("money", prefix_span, money.span, "0"),
        Rule("money", suffix_span, money.span, "0"),
        Rule("money", prefix, money.amount, "0"),
        Rule("money", suffix, money.amount, "0"),
        Rule("money", lone, money.lone, "€$£¥₽₩₹"),
    ]


class _Money:
    """The signs and names of currencies in one language, and how amounts are spoken."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._gap = "" if grammar.code in ("ja", "zh", "ko") else " "
        self.signs = SIGNS | ({"¥": "CNY"} if grammar.code == "zh" else {})
        # A currency's name needs help only with cents and rates: "12,50 Euro", "0.5元/kWh".
        self._names = {form: code for code, (unit, _) in grammar.currencies.items() if len(code) == 3 for form in unit}
        self.after = self._names | self.signs | _AFTER | _AFTER_BY_LANGUAGE.get(grammar.code, {})

    def amount(self, match: re.Match[str]) -> str | None:
        """ "€12.50", "5 Mio. €", "0,32 €/kWh"."""
        grammar, written = self._grammar, match["currency"]
        code = self.after[written]
        if written in self._names and not match["per"] and (match["mag"] or not _CENTS.search(match["number"])):
            return None
        number = grammar.parse((match["sign"] or "").strip() + (match["minus"] or "") + match["number"])
        if match["mag"]:
            word = grammar.magnitude(match["mag"], number)
            spoken = grammar.elided(self._gap.join((grammar.say(number), word, self._form(code, 2))))
        else:
            spoken = grammar.money(number, code)
        if match["per"]:
            per = grammar.per_words(per_name(match["per"]))
            spoken = f"{spoken} {per}" if self._gap else per + spoken
        return f"{spoken} " if touches_word(match) and self._gap else spoken

    def span(self, match: re.Match[str]) -> str | None:
        """ "5-10 €"."""
        grammar, code = self._grammar, self.after[match["currency"]]
        if match["currency"] in self._names:
            return None
        first, last = grammar.parse(match["first"]), grammar.parse(match["last"])
        if last.fraction:
            return spoken_range(match, grammar, grammar.money(first, code), grammar.money(last, code))
        word = self._form(code, 2 if grammar.code == "ru" else grammar.plural(last))
        return spoken_range(match, grammar, grammar.say(first), grammar.say(last)) + self._gap + word

    def lone(self, match: re.Match[str]) -> str | None:
        """A sign without an amount: "€/kWh"."""
        code = self.after[match["currency"]]
        name = self._form(code, 2)
        if match["per"]:
            per = self._grammar.per_words(per_name(match["per"]))
            name = f"{name} {per}" if self._gap else per + name
        return f"{self._gap}{name}{self._gap}"

    def _form(self, code: str, form: int) -> str:
        forms = self._grammar.currency(code)[0]
        return forms[min(form, len(forms) - 1)]
