"""Numbers with units, in the words of the language, with ranges and rates, parts and millions; and units alone."""

import re
from math import gcd
from typing import Final

from .context import text_before, touches_word, word_before
from .grammars.grammar import LATIN, LEFT, RIGHT, Grammar, Number
from .rule import Rule, alternatives
from .unit_symbol import PER_SYMBOLS, SYMBOLS, SYMBOLS_BY_LANGUAGE

DASH: Final = r"\s?[-–—~〜～]\s?"
PER: Final = (
    rf"(?:\s?(?:/|per |pro |por |par )\s?(?P<per>{alternatives(PER_SYMBOLS)})"
    r"(?![A-Za-z0-9\u00c0-\u024f\u0400-\u04ff]))?"
)
# After these a range stands bare: "per 25 30 minuti", "на 25 30 минут", not "per da 25 a 30".
BARE: Final = {
    "it": frozenset("per in di a con su ogni entro".split()),
    "ru": frozenset("на за в через по каждые".split()),
}
BETWEEN: Final = frozenset("between zwischen entre tra fra".split())  # what follows is "3 and 5"
FROM: Final = frozenset("da dal dai dalle от с".split())  # the text has its own "from"
VULGAR: Final = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅕": (1, 5),
    "⅖": (2, 5),
    "⅗": (3, 5),
    "⅘": (4, 5),
    "⅙": (1, 6),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
}

# Symbols that are also words or names; they count as units only after a blank.
SPACED_ONLY: Final = frozenset("A B t d K o j Mo To Go mi m2 m3 Mb S w y st ac in PS EL TL pt MP Gb".split())
_EAST_ASIAN_LETTERS: Final = frozenset(("B", "K", "S", "w", "y", "st", "ac", "in", "pt", "j", "o", "MP", "Mb", "Gb"))
_LETTERED_THING = re.compile(r"\s?[级號号栋座楼班区室型款房出동반호급형室組館棟]")  # "5A级": a letter
# Symbols that are words too: units only where no word can follow.
_ENDS_ONLY: Final = frozenset(("in", "y", "w", "st", "ac", "var"))
_AN_END = re.compile(
    r"\s{0,9}(?:$|[.,;:!?…)\]。，、！？：；）])|\s?[/x×]|\s(?:of|de|di|Regen|Schnee|rain|snow|wide|thick|long|tall|high|deep|across"
    r"|by|screen|TV|pipe|diameter|left|ago|remaining)\b|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_SURE_END = re.compile(
    r"\s{0,9}(?:$|[.,;:!?…)\]。，、！？：；）])|\s(?:left|ago|remaining)\b|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
)
_DECADE: Final = re.compile(r"(?:['’]|\bthe |\d\d)\d0$")  # "the 90s", "1990s"
_TENS: Final = re.compile(r"[1-9]0")
_SECONDS_BEFORE = re.compile(
    r"\b(?:for|in|wait|every|after|within|another|takes?|took|than|about)\s(?:\w+\s)?$", re.IGNORECASE
)
_SECONDS_AFTER = re.compile(r"\s?(?:timer|delay|ago|left|remaining|countdown|alarm|video|clip)\b")

_SCORED = re.compile(
    r"^(?:finit[ao]|terminat[ao]|vint[ao]|vinto|pers[ao]|perso|pareggiat\w+|punteggio|risultato|vince|vincono)$"
)
_THING = re.compile(  # "a 30 second timer", "a 512 gigabyte drive": what a measure describes
    r"\s(?:timer|delay|alarm|video|clip|countdown|break|walk|drive|ride|window|warning|cycle|SSD|HDD|disk|RAM|memory|card|bulb"
    r"|charger|battery|equivalent|LED|motor|tank|pipe|cable|router|connection|speaker|screen|monitor|TV|panel|heater|hose)\b"
)
_NOT_DESCRIBING: Final = frozenset(("concentr-percent", "temperature-celsius", "temperature-fahrenheit"))
_EAST_ASIAN: Final = frozenset(("zh", "ja", "ko"))
# Units whose values never reach thousands: a point before three digits is a decimal sign there.
SMALL: Final = frozenset(
    "temperature-celsius temperature-fahrenheit temperature-generic concentr-percent concentr-permille sound-decibel"
    " speed-kilometer-per-hour speed-meter-per-second speed-mile-per-hour speed-knot index-uv sound-dbm".split()
)
_LOOK_BACK_CHARS: Final = 240  # as long as a piece of text may be
_POINT_DECIMAL = re.compile(r"(?<![\d.,])\d{1,4}\.(?:\d{1,2}|\d{4})(?![\d.])")
_PROPER_PARTS: Final = frozenset((2, 3, 4, 5, 6, 8, 10, 16, 32, 64))

# Written-out units that a fraction agrees with: "1½ tasses", "½ Liter".
_SPELLED: Final = (
    "volume-liter volume-cup volume-tablespoon volume-teaspoon mass-kilogram mass-pound duration-hour duration-minute"
    " duration-day duration-week duration-month duration-year length-meter length-kilometer length-inch length-mile"
    " mass-ounce volume-gallon volume-pint mass-gram"
).split()
_BARE_ENGLISH: Final = frozenset(("volume-cup", "volume-tablespoon", "volume-teaspoon"))  # "three quarters cup"

# Read without a number too, because no word is written like them.
_LONE_SIGNS: Final = re.compile(r"[°/²³·⋅µΩ]|[a-zа-я][A-ZА-Я]|^[A-Z][a-z]*[A-Z]")
_LONE_TOO: Final = frozenset(
    "kcal Mcal Gcal kvarh ms"
    " km cm mm kg mg ml mL mph psi dBA ppm ppb kbit Mbit Gbit Mbps Gbps lbs lb oz hPa mbar mmHg Hz Wh Ah"
    " км см мм кг мг мл"
    " мм² лк гПа Гц кВт".split()
)
_NEVER_LONE: Final = frozenset("PS EL TL KW KG MP GB KB MB TB PB EB ZB YB Go To Mo VA MV MJ GJ TW MW CCF MCF".split())
# "m/w/d", "B/W", "A/C" are no rates.
_RATES: Final = "h s min d m² m³ m2 m3 ft³ ft² cm km kWh dL dl L l kg 100km ч с мин м² м³ л кг км".split()
_INCHES_OF_A_FOOT: Final = 12
_DURATION: Final = (("days", "duration-day"), ("hours", "duration-hour"))
_DURATION_PARTS: Final = (*_DURATION, ("minutes", "duration-minute"), ("seconds", "duration-second"))


def per_name(symbol: str) -> str:
    """The name of what an amount is per: "kWh" -> "kilowatt-hour"."""
    return PER_SYMBOLS[symbol]


def spoken_range(match: re.Match[str], grammar: Grammar, first: str, last: str) -> str:
    """ "3 to 5" in words that fit the word in front of it."""
    lead = word_before(match)
    if lead in BARE.get(grammar.code, ()):
        return f"{first} {last}"
    if lead in BETWEEN:
        return f"{first} {grammar.signs['and']} {last}"
    if grammar.code == "it" and (own := _italian_range(lead, first, last)):
        return own
    spoken = grammar.range(first, last)
    return spoken.partition(" ")[2] if lead in FROM and grammar.code in ("it", "ru") else spoken


def _italian_range(lead: str, first: str, last: str) -> str | None:
    """A score, or hours behind a weekday."""
    if _SCORED.search(lead):
        return f"{first} a {last}"
    if lead.strip(",:").endswith(("dì", "sabato", "domenica")) and first.isdigit() and last.isdigit():
        return f"dalle {first} alle {last}"
    return None


def slash_rules(grammar: Grammar) -> list[Rule]:
    """The rules for parts of a unit and for two values of one; they come before those for dates."""
    units = _Units(grammar)
    whole = rf"(?:(?P<whole>\d{{1,3}})(?:\s|-(?=\d/)|(?=[{''.join(VULGAR)}])))?"
    parts = rf"(?:(?P<numerator>\d{{1,2}})[/⁄](?P<denominator>\d{{1,3}})|(?P<vulgar>[{''.join(VULGAR)}]))"
    symbols = alternatives({**units.table, **units.words})
    link = r"(?:\s(?:(?:de|di|of an?)\s|d['’]))?"  # not "del", which is no litre if units.words else ""
    part = re.compile(
        rf"(?<![\d.,/:⁄\w])(?P<sign>[-−]\s?)?{whole}{parts}(?P<gap>\s?-?){link}(?P<unit>{symbols}){RIGHT}(?![-'’]?[{LATIN}\d]){PER}(?!/\w)"
    )
    number = grammar.number
    pair = re.compile(
        rf"{LEFT}(?P<first>[-−]?{number})\s?/\s?(?P<second>[-−]?{number})(?P<gap>\s?)"
        rf"(?P<unit>{alternatives(units.table)}){RIGHT}(?![.'’]?[{LATIN}]){PER}"
    )
    inches = re.compile(rf"(?<![\d.,/:⁄\w])(?P<sign>[-−]\s?)?{whole}{parts}(?P<gap>)(?P<unit>[\"″])(?=[\s,.;:)]|$)")
    return [
        Rule("fraction", inches, units.part, '"″'),
        Rule("fraction", part, units.part, "/⁄" + "".join(VULGAR)),
        Rule("unit", pair, units.pair, "/"),
    ]


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for numbers with units, ranges before single numbers."""
    units = _Units(grammar)
    number, symbols = grammar.number, alternatives(units.table)
    unit = rf"(?P<gap>\s?)(?P<unit>{symbols}){RIGHT}(?![.'’]?[{LATIN}]){PER}"
    inches = re.compile(rf"{LEFT}(?P<number>{number})(?:″|\"(?=[^\"]*$))")
    feet = re.compile(rf"{LEFT}(?P<feet>\d{{1,2}})['′]\s?(?P<inches>\d{{1,2}}(?:\.\d)?)(?:[\"″]|'')")
    several = re.compile(
        rf"{LEFT}(?:(?P<days>\d+)\s?[dдj]\.?\s?)?"
        r"(?:(?P<hours>\d+)\s?(?:hrs?|h|ч|Std\.?)\.?\s?)?"
        r"(?:(?P<minutes>\d+)\s?(?:mins?|m|мин|м|Min)\.?\s?)?"
        rf"(?:(?P<seconds>\d+)\s?(?:secs?|s|сек|с|Sek|seg))?(?<=[\w.])(?<! ){RIGHT}"
    )
    span = re.compile(
        rf"{LEFT}(?P<first>[-−–+]?{number})(?:\s?(?:°C|°F|°|%|{symbols}(?=\s?[-–—~〜～])))?(?:{DASH})"
        rf"(?P<number>[-−+]?{number}){unit}"
    )
    one = re.compile(rf"{LEFT}(?P<sign>[-−–+±](?:/[-−])?\s?)?(?P<number>{number}){unit}")
    found = [
        Rule("unit", feet, units.feet, "'′"),
        Rule("unit", inches, units.inches, '″"'),
        Rule("duration", several, units.duration, "0"),
        Rule("range", span, units.span, "0"),
    ]
    if grammar.code in ("it", "es"):  # "al 60–70 %" is "dal 60 al 70 percento"
        lead = "[Aa]l" if grammar.code == "it" else "[Dd]el"
        to = re.compile(rf"\b(?P<lead>{lead})\s(?P<first>{number}){DASH}(?P<number>{number}){unit}")
        found.insert(0, Rule("range", to, units.to, "0"))
    if grammar.code == "ru":  # "около 1,5 часа" is "около полутора часов"
        half = re.compile(
            rf"\b(?P<lead>[Оо]коло|[Бб]олее|[Мм]енее|[Дд]о|[Оо]т)\s1[,.]5\s?(?P<unit>{alternatives(units.words)}){RIGHT}"
        )
        found.insert(0, Rule("unit", half, units.half_more, "0"))
    if words := {word for word in grammar.magnitudes if len(word) > 2 or not word.isascii()}:
        end = "" if grammar.code in ("zh", "ja", "ko") else r"(?!\w)"
        many = re.compile(
            rf"{LEFT}(?P<sign>[-−–+±]\s?)?(?P<number>{number})\s?(?P<mag>{alternatives(words)}){end}(?:\s(?:de|di)\b|\sd['’])?{unit}"
        )
        found.append(Rule("unit", many, units.many, "0"))
    lone = alternatives(symbol for symbol in units.table if units.stands_alone(symbol))
    alone = re.compile(
        rf"(?<![0-9{LATIN}\u0400-\u04ff_.,/·°\ue000-\ue009-])(?P<gap>)(?P<unit>{lone}){RIGHT}(?![./·-]?[A-Za-z\d]|\(){PER}"
    )
    rate = re.compile(
        rf"(?<![0-9{LATIN}\u0400-\u04ff_.,/·°\ue000-\ue009-])(?P<unit>{alternatives(units.rated)})/"
        rf"(?P<per>{alternatives(_RATES)}){RIGHT}(?![./·-]?[A-Za-z\d]|\()"
    )
    return [
        *found,
        Rule("unit", one, units.one, "0"),
        Rule("unit", rate, units.alone, "/"),
        Rule("unit", alone, units.alone),
    ]


class _Units:
    """The unit symbols of one language, and how numbers with them are spoken."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self.table = SYMBOLS | SYMBOLS_BY_LANGUAGE[grammar.code]
        if grammar.code in ("es", "pt", "it", "fr"):
            del self.table["º"]  # there it marks an ordinal
        if grammar.code != "fr":
            for octets in ("Mo", "Go", "To"):
                del self.table[octets]
        is_spaced = grammar.code not in ("zh", "ja", "ko")
        self._glued = SPACED_ONLY if is_spaced else _EAST_ASIAN_LETTERS
        self.words: dict[str, str] = {}
        if is_spaced:
            for unit in _SPELLED:
                for form in range(4 if grammar.code == "ru" else 2):
                    self.words[grammar.unit_form(unit, form)] = unit

    @property
    def rated(self) -> list[str]:
        """The symbols that are read alone where they are "per" something."""
        return [symbol for symbol in self.table if len(symbol) > 1 or symbol in "mlLgSBW"]

    def stands_alone(self, symbol: str) -> bool:
        """Whether a symbol is read as a unit where no number stands before it."""
        if symbol in _LONE_TOO:
            return True
        return (
            len(symbol) > 1
            and bool(_LONE_SIGNS.search(symbol))
            and symbol not in _NEVER_LONE
            and symbol[-1] not in ". "
            and " " not in symbol
        )

    def one(self, match: re.Match[str]) -> str | None:
        """ "-3 °C"."""
        if (unit := self._name(match)) is None:
            return None
        sign = (match["sign"] or "").strip()
        number = self._parse(match, ("±" if "/" in sign else sign) + match["number"], unit)
        if self._grammar.code == "en" and unit not in _NOT_DESCRIBING and _THING.match(match.string, match.end()):
            return f"{self._grammar.say(number)} {self._grammar.unit_form(unit, 0)}"  # "a 30 second timer"
        return self._apart(match, self._grammar.quantity(number, unit, text_before(match)))

    def many(self, match: re.Match[str]) -> str | None:
        """ "3.5 million kg"."""
        if (unit := self._name(match)) is None:
            return None
        number = self._grammar.parse((match["sign"] or "").strip() + match["number"])
        return self._apart(match, self._grammar.many(number, match["mag"], unit))

    def alone(self, match: re.Match[str]) -> str | None:
        """ "the kWh price"."""
        grammar = self._grammar
        base = self.table[match["unit"]]
        spoken = grammar.unit_noun(base)
        if match["per"]:
            per = grammar.per_words(PER_SYMBOLS[match["per"]])
            spoken = per + spoken if grammar.code in ("zh", "ja", "ko") else f"{spoken} {per}"
        return self._apart(match, spoken)

    def part(self, match: re.Match[str]) -> str | None:
        """ "1/2 l", "1½ tasses"."""
        grammar, symbol = self._grammar, match["unit"]
        numerator, denominator = (
            VULGAR[match["vulgar"]] if match["vulgar"] else (int(match["numerator"]), int(match["denominator"]))
        )
        if not match["vulgar"] and (
            denominator not in _PROPER_PARTS or numerator >= denominator or gcd(numerator, denominator) > 1
        ):
            return None
        unit = "length-inch" if symbol in '"″' else self.words.get(symbol) or self._name(match)
        if unit is None or (grammar.code == "en" and unit in _BARE_ENGLISH and symbol in self.words):
            return None
        spoken = grammar.part(numerator, denominator, match["whole"] or "", unit, text_before(match))
        if spoken is None:
            return None
        minus = grammar.signs["-"] if match["sign"] else ""
        if minus and not minus.endswith(" ") and grammar.code not in ("zh", "ja", "ko"):
            minus += " "
        return self._apart(match, minus + spoken)

    def pair(self, match: re.Match[str]) -> str | None:
        """ "21/12 °C": two values of one unit."""
        if (unit := self._name(match)) is None:
            return None
        grammar = self._grammar
        first, second = (self._parse(match, match[group], unit) for group in ("first", "second"))
        if unit.endswith("hg"):  # blood pressure
            over = f"{grammar.say(first)} {grammar.signs['over']} {grammar.quantity(second, unit)}"
            return self._apart(
                match, over if grammar.code not in _EAST_ASIAN else grammar.quantity_pair(first, second, unit)
            )
        return self._apart(match, grammar.quantity_pair(first, second, unit))

    def span(self, match: re.Match[str]) -> str | None:
        """ "3-5 °C"."""
        if (unit := self._name(match)) is None:
            return None
        grammar, lead = self._grammar, word_before(match)
        first, last = (self._parse(match, match[group], unit) for group in ("first", "number"))
        if lead in BETWEEN or lead in BARE.get(grammar.code, ()):
            return self._apart(match, spoken_range(match, grammar, grammar.say(first), grammar.quantity(last, unit)))
        spoken = grammar.quantity_range(first, last, unit)
        plain = grammar.range("", "").partition(" ")[0]  # "da", "от"
        if lead in FROM and grammar.code in ("it", "ru"):
            spoken = spoken.removeprefix(f"{plain} ")
        return self._apart(match, spoken)

    def half_more(self, match: re.Match[str]) -> str:
        """ "около 1,5 часа"."""
        return f"{match['lead']} полутора {self._grammar.unit_form(self.words[match['unit']], 2)}"

    def to(self, match: re.Match[str]) -> str | None:
        """ "al 60–70 %": the preposition is said twice."""
        if (unit := self._name(match)) is None:
            return None
        first, last = (self._parse(match, match[group], unit) for group in ("first", "number"))
        lead = "del" if self._grammar.code == "es" else "dal"
        lead = lead if match["lead"].islower() else lead.capitalize()
        return self._apart(match, f"{lead} {self._grammar.say(first)} al {self._grammar.quantity(last, unit)}")

    def duration(self, match: re.Match[str]) -> str | None:
        """ "2 h 15 min"."""
        parts = [(match[group], unit) for group, unit in _DURATION_PARTS if match[group]]
        if len(parts) < 2 or match[0] != match[0].strip():
            return None
        gap = "" if self._grammar.code in ("zh", "ja") else " "
        return gap.join(self._grammar.quantity(Number(amount.lstrip("0") or "0"), unit) for amount, unit in parts)

    def inches(self, match: re.Match[str]) -> str | None:
        """'55"', unless the mark closes a quotation."""
        if match.string[: match.start()].count('"') % 2:
            return None
        return self._grammar.quantity(self._grammar.parse(match["number"]), "length-inch")

    def feet(self, match: re.Match[str]) -> str:
        """ "5'10\""."""
        gap = "" if self._grammar.code in ("zh", "ja") else " "
        parts = (match["feet"], "length-foot"), (match["inches"], "length-inch")
        if float(match["inches"]) >= _INCHES_OF_A_FOOT:  # "5'30\"" of cooking
            parts = (match["feet"], "duration-minute"), (match["inches"], "duration-second")
        return gap.join(self._grammar.quantity(self._grammar.parse(number), unit) for number, unit in parts)

    def _parse(self, match: re.Match[str], written: str, unit: str) -> Number:
        """A number; whether its point groups is told by the unit, or by another number in front."""
        return self._grammar.parse(
            written,
            point_is_decimal=unit in SMALL
            or bool(_POINT_DECIMAL.search(match.string, max(0, match.start() - _LOOK_BACK_CHARS), match.start())),
            is_amount=True,
        )

    def _name(self, match: re.Match[str]) -> str | None:
        """The unit's name, or None where the letters mean something else."""
        symbol, after = match["unit"], match.string[match.end() : match.end() + 12]
        groups = match.groupdict()
        if not match["gap"] and self._is_letter(symbol, groups.get("number") or "", after):
            return None
        if (
            symbol in _ENDS_ONLY
            and not groups.get("per")
            and not (_AN_END if symbol == "in" else _SURE_END).match(after)
        ):
            return None
        if symbol == "S" and not groups.get("per"):
            return None
        if symbol == "s" and not match["gap"] and self._is_decade(match):
            return None
        base = self.table[symbol]
        return f"{base} per {PER_SYMBOLS[groups['per']]}" if groups.get("per") else base

    def _is_letter(self, symbol: str, number: str, after: str) -> bool:
        if symbol in ("A", "B") and _LETTERED_THING.match(after):
            return True
        return symbol in self._glued and not (symbol == "K" and len(number) == 4)

    def _is_decade(self, match: re.Match[str]) -> bool:
        """ "the mid-80s", but not "in 30s"."""
        before = match.string[max(0, match.start() - 20) : match.start()]
        number = match.groupdict().get("number") or ""
        if _DECADE.search(match.string[max(0, match.start("unit") - 9) : match.start("unit")]) and not _TENS.fullmatch(
            number
        ):
            return True
        if self._grammar.code != "en" or not _TENS.fullmatch(number):
            return bool(_DECADE.search(match.string[max(0, match.start("unit") - 9) : match.start("unit")]))
        if number in ("10", "20", "30", "40", "50", "60", "90") and (
            _SECONDS_BEFORE.search(before) or _SECONDS_AFTER.match(match.string, match.end())
        ):
            return bool(re.search(r"\b(?:her|his|my|their|your|the|late|early|mid|upper|lower|low|high)[\s-]$", before))
        return True

    def _apart(self, match: re.Match[str], spoken: str) -> str:
        return f"{spoken} " if touches_word(match) and self._grammar.code not in ("ja", "zh", "ko") else spoken
