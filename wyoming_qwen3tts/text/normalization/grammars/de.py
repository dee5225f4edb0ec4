"""German. Sources: CLDR 46 for units and months; Duden, Die Grammatik, §§ 500-525 for ordinals, dates and times."""

import re
from typing import ClassVar, Final

from .grammar import COMMA_NUMBER, Grammar, Number, spell

_TO_EN: Final = frozenset(
    "am vom zum dem den des im ab bis seit beim jeden einem einen ihrem ihren seinem seinen"
    " meinem meinen unserem unseren deinem deinen diesem diesen jedem zur der".split()
)
_TO_E: Final = frozenset("die das diese jede".split())
_DATIVE_LEAD = re.compile(r"\bam (?:\w+tag|Mittwoch|Sonnabend),? (?:dem |den )?$")
_BIS_LEAD = re.compile(
    r"\bvom [^.]{1,30} bis (?:zum )?$|\b(?:am|vom|zum|ab|den|dem) [\d.]{2,11} (?:\w+ )?(?:oder|und|bis) $",
    re.IGNORECASE,
)
_DATIVE: Final = frozenset("mit bei von nach seit vor aus zu ab".split())
# Verbs of recipes and meters: what is halved is their object.
_ACCUSATIVE = re.compile(
    r"\b(?:[Nn]imm|[Nn]ehm\w*|[Gg]ib|[Gg]ebe?n?|[Ff]ügen?|[Gg]ieß\w*|[Tt]rink\w*|[Bb]rauch\w*|verbrauch\w*|[Hh]ab\w*|hat"
    r"|enthält|[Kk]auf\w*|[Mm]isch\w*|[Kk]och\w*|um|für|pro)\b"
)
_HALVES: Final = {
    "m": ("ein halber", "einen halben", "einem halben"),
    "f": ("eine halbe", "eine halbe", "einer halben"),
    "n": ("ein halbes", "ein halbes", "einem halben"),
}
_DATIVE_NOUN = re.compile(r"\b(\w*(?:[Mm]eter|[Ll]iter|Tage|Pfunde))\b")
_FEMININE = re.compile(r"\s*(?:[A-ZÄÖÜ]\w*(?:e|ung|heit|keit|schaft|ion|tät|ei|ik))\b")


class German(Grammar):
    """German of Germany; Austrian and Swiss spellings are understood."""

    code = "de"
    pair_link = " und "
    number = COMMA_NUMBER
    point = "Komma"
    signs: ClassVar = {
        "-": "minus",
        "+": "plus",
        "±": "plus minus",
        "=": "gleich",
        "<": "kleiner als",
        ">": "größer als",
        "≥": "mindestens",
        "≤": "höchstens",
        "×": "mal",
        "÷": "geteilt durch",
        "~": "ungefähr",
        "&": "und",
        "and": "und",
        "@": "at",
        ".": "Punkt",
        "/": "Schrägstrich",
        "dash": "Bindestrich",
        "_": "Unterstrich",
        ":": "Doppelpunkt",
        "§": "Paragraf",
        "‰": "Promille",
        "version": "Version",
        "ratio": "zu",
        "≠": "ungleich",
        "squared": "Quadrat",
        "cubed": "hoch 3",
        "over": "durch",
        "#": "Nummer",
    }
    per: ClassVar = {
        "gallon": "pro Gallone",
        "hour": "pro Stunde",
        "second": "pro Sekunde",
        "minute": "pro Minute",
        "day": "pro Tag",
        "week": "pro Woche",
        "month": "pro Monat",
        "year": "pro Jahr",
        "kilowatt-hour": "pro Kilowattstunde",
        "square-meter": "pro Quadratmeter",
        "cubic-meter": "pro Kubikmeter",
        "kilogram": "pro Kilogramm",
        "liter": "pro Liter",
        "kilometer": "pro Kilometer",
        "person": "pro Person",
    }
    units: ClassVar = {
        "count-piece": ("Stück",),
        "energy-watt-hour": ("Wattstunde", "Wattstunden"),
        "energy-megawatt-hour": ("Megawattstunde", "Megawattstunden"),
        "concentr-ppm": ("ppm",),
        "concentr-ppb": ("ppb",),
        "mass-microgram": ("Mikrogramm",),
        "speed-beaufort": ("Beaufort",),
        "sound-decibel": ("Dezibel",),
        "sound-dbm": ("Dezibel Milliwatt",),
        "electric-ampere-hour": ("Amperestunde", "Amperestunden"),
        "electric-milliampere-hour": ("Milliamperestunde", "Milliamperestunden"),
        "power-voltampere": ("Voltampere",),
        "light-lumen": ("Lumen",),
        "digital-bit": ("Bit",),
        "temperature-kelvin": ("Kelvin",),
        "rotation-rpm": ("Umdrehung pro Minute", "Umdrehungen pro Minute"),
        "electric-millivolt": ("Millivolt",),
        "pressure-kilopascal": ("Kilopascal",),
        "digital-mebibyte": ("Mebibyte",),
        "digital-gibibyte": ("Gibibyte",),
        "mass-tonne": ("Tonne", "Tonnen"),
    }
    currencies: ClassVar = {
        "EUR": (("Euro",), ("Cent",)),
        "USD": (("Dollar",), ("Cent",)),
        "GBP": (("Pfund",), ("Penny", "Pence")),
        "JPY": (("Yen",), ()),
        "CNY": (("Yuan",), ("Fen",)),
        "RUB": (("Rubel",), ("Kopeke", "Kopeken")),
        "KRW": (("Won",), ()),
        "INR": (("Rupie", "Rupien"), ("Paisa",)),
        "CHF": (("Franken",), ("Rappen",)),
        "BRL": (("Real", "Reais"), ("Centavo", "Centavos")),
        "cent": (("Cent",), ()),
        "penny": (("Penny", "Pence"), ()),
    }
    denominators: ClassVar = {
        3: ("Drittel", "Drittel"),
        4: ("Viertel", "Viertel"),
        5: ("Fünftel", "Fünftel"),
        6: ("Sechstel", "Sechstel"),
        8: ("Achtel", "Achtel"),
        10: ("Zehntel", "Zehntel"),
    }
    halves: ClassVar = {"1/2": "ein halb", "n 1/2": "{}einhalb"}
    numero = "Nummer {}"
    magnitudes: ClassVar = {
        "k": "Tausend",
        "Tsd.": "Tausend",
        "Mio.": "Millionen",
        "Mrd.": "Milliarden",
        "Mio": "Millionen",
        "Mrd": "Milliarden",
    } | {word: word for word in ("Tausend", "Million", "Millionen", "Milliarde", "Milliarden")}
    month_words: ClassVar = {
        "jänner": 1,
        "jan": 1,
        "feber": 2,
        "feb": 2,
        "mär": 3,
        "mrz": 3,
        "apr": 4,
        "jun": 6,
        "jul": 7,
        "aug": 8,
        "sep": 9,
        "sept": 9,
        "okt": 10,
        "nov": 11,
        "dez": 12,
    }
    abbreviations: ClassVar = {
        "z. B.": "zum Beispiel",
        "z.B.": "zum Beispiel",
        "d. h.": "das heißt",
        "d.h.": "das heißt",
        "u. a.": "unter anderem",
        "u.a.": "unter anderem",
        "usw.": "und so weiter",
        "etc.": "et cetera",
        "bzw.": "beziehungsweise",
        "ca.": "circa",
        "Nr.": "Nummer",
        "Dr.": "Doktor",
        "Prof.": "Professor",
        "Hr.": "Herr",
        "Fr.": "Frau",
        "Str.": "Straße",
        "inkl.": "inklusive",
        "evtl.": "eventuell",
        "ggf.": "gegebenenfalls",
        "vgl.": "vergleiche",
        "bspw.": "beispielsweise",
        "max.": "maximal",
        "min.": "minimal",
        "mind.": "mindestens",
        "Tel.": "Telefon",
        "Abs.": "Absatz",
        "o. Ä.": "oder Ähnliches",
        "v. a.": "vor allem",
        "zzgl.": "zuzüglich",
        "Fam.": "Familie",
        "Abb.": "Abbildung",
    }

    def range(self, first: str, last: str) -> str:
        return f"{first} bis {last}"

    def quantity(self, number: Number, unit: str, before: str = "") -> str:
        """ "mit 10 Kilometern", "seit 3 Tagen": the dative plural, where the noun shows it."""
        spoken = super().quantity(number, unit, before)
        if self.plural(number) == 0 or before.rstrip().rpartition(" ")[2].casefold() not in _DATIVE:
            return spoken
        head, per, rate = spoken.partition(" pro ")
        return _DATIVE_NOUN.sub(r"\1n", head, count=1) + per + rate

    def _join_prefix(self, prefix: str, noun: str) -> str:
        return prefix.capitalize() + noun[0].lower() + noun[1:]

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} {cents}"

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        return f"{'ein' if numerator == 1 else spell(numerator, 'de', 'spellout-numbering')} {names[0]}"

    def fraction(self, numerator: int, denominator: int, whole: str = "") -> str | None:
        if whole and (numerator, denominator) == (1, 2):
            return "eineinhalb" if whole == "1" else f"{spell(int(whole), 'de', 'spellout-numbering')}einhalb"
        return super().fraction(numerator, denominator, whole)

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        ending = "tel" if denominator < 20 else "stel"
        name = (spell(denominator, "de", "spellout-numbering") + ending).replace("siebentel", "siebtel")
        return name.capitalize(), name.capitalize()

    def part(self, numerator: int, denominator: int, whole: str, unit: str, before: str) -> str | None:
        spoken = self.fraction(numerator, denominator, whole)
        noun = self.unit_noun(unit)
        if spoken is None:
            return None
        if whole or (numerator, denominator) != (1, 2):
            return f"{spoken} {self.unit_noun(unit, several=bool(whole))}"
        case = 2 if before.rstrip().rpartition(" ")[2].casefold() in _DATIVE else 1 if _ACCUSATIVE.search(before) else 0
        return f"{_HALVES[self.gender(noun)][case]} {noun}"

    def gender(self, noun: str) -> str:
        """ "f", "n" or "m", told from the ending of a unit's name."""
        head = noun.split()[0]
        if head.endswith("e"):
            return "n" if head.endswith("yte") else "f"
        return "n" if head.endswith(("gramm", "Pfund", "Grad", "Volt", "Watt", "Ampere", "Prozent", "Jahr")) else "m"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        """ "3." with a word behind it; its ending follows the word in front."""
        if suffix != "." or not 0 < number < 10000:
            return None
        stem = spell(number, "de", "spellout-ordinal").rstrip("e").removeprefix("ein" if 999 < number < 2000 else "")
        word = before.rstrip().rpartition(" ")[2].casefold()
        if word in _TO_EN and word != "der":
            return stem + "en"
        if word == "der":
            return stem + (
                "en" if re.search(r"\b(?:in|an|auf|mit|zu|von|aus|bei|nach) der $", before.casefold()) else "e"
            )
        return stem + ("e" if word in _TO_E or _FEMININE.match(after) else "er")

    def date(self, day: int, month: int, year: str, before: str) -> str:
        stem = spell(day, "de", "spellout-ordinal").rstrip("e")
        word = before.rstrip().rpartition(" ")[2].casefold()
        if (word in _TO_EN and word != "der") or _DATIVE_LEAD.search(before) or _BIS_LEAD.search(before):
            ending = "en"
        else:
            ending = "e" if word in ("der", "das", "die") else "er"
        return f"{stem}{ending} {self.month(month)}" + (f" {year}" if year else "")

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period:
            hour = hour % 12 + (12 if period == "pm" else 0)
        spoken = f"{'ein' if hour == 1 else hour} Uhr" + (f" {minute}" if minute or second is not None else "")
        return spoken if second is None else f"{spoken} und {second} {'Sekunde' if second == 1 else 'Sekunden'}"
