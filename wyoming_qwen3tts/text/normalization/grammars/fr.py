"""French. Sources: CLDR 46; Grevisse, Le Bon Usage, §§ 593-608; Imprimerie nationale for hours and money."""

import re
from typing import ClassVar

from .grammar import COMMA_NUMBER, Number, spell
from .romance import Romance

_ELIDED = re.compile(r"\bde (?=[aeiouhéèàâêîôœ])")


class French(Romance):
    """French of France; Belgian and Swiss texts differ only in tens, which stay digits."""

    code = "fr"
    pair_link = " et "
    point_groups = False
    number = COMMA_NUMBER
    point = "virgule"
    reads_decimals_whole = True
    signs: ClassVar = {
        "-": "moins",
        "+": "plus",
        "±": "plus ou moins",
        "=": "égale",
        "<": "inférieur à",
        ">": "supérieur à",
        "≥": "au moins",
        "≤": "au plus",
        "×": "fois",
        "÷": "divisé par",
        "~": "environ",
        "&": "et",
        "and": "et",
        "@": "arobase",
        ".": "point",
        "/": "slash",
        "dash": "tiret",
        "_": "tiret bas",
        ":": "deux-points",
        "§": "paragraphe",
        "‰": "pour mille",
        "version": "version",
        "ratio": "à",
        "≠": "différent de",
        "squared": "au carré",
        "cubed": "au cube",
        "over": "sur",
        "#": "numéro",
    }
    per: ClassVar = {
        "gallon": "par gallon",
        "hour": "par heure",
        "second": "par seconde",
        "minute": "par minute",
        "day": "par jour",
        "week": "par semaine",
        "month": "par mois",
        "year": "par an",
        "kilowatt-hour": "le kilowattheure",
        "square-meter": "par mètre carré",
        "cubic-meter": "par mètre cube",
        "kilogram": "le kilo",
        "liter": "le litre",
        "kilometer": "par kilomètre",
        "person": "par personne",
    }
    units: ClassVar = {
        "energy-kilowatt-hour": ("kilowattheure", "kilowattheures"),
        "energy-watt-hour": ("wattheure", "wattheures"),
        "energy-megawatt-hour": ("mégawattheure", "mégawattheures"),
        "pressure-bar": ("bar", "bars"),
        "concentr-ppm": ("partie par million", "parties par million"),
        "concentr-ppb": ("partie par milliard", "parties par milliard"),
        "mass-microgram": ("microgramme", "microgrammes"),
        "speed-beaufort": ("Beaufort",),
        "sound-decibel": ("décibel", "décibels"),
        "sound-dbm": ("décibel milliwatt", "décibels milliwatt"),
        "electric-ampere-hour": ("ampère-heure", "ampères-heures"),
        "electric-milliampere-hour": ("milliampère-heure", "milliampères-heures"),
        "power-voltampere": ("voltampère", "voltampères"),
        "light-lumen": ("lumen", "lumens"),
        "digital-bit": ("bit", "bits"),
        "temperature-kelvin": ("kelvin", "kelvins"),
        "rotation-rpm": ("tour par minute", "tours par minute"),
        "electric-millivolt": ("millivolt", "millivolts"),
        "pressure-kilopascal": ("kilopascal", "kilopascals"),
        "digital-mebibyte": ("mébioctet", "mébioctets"),
        "digital-gibibyte": ("gibioctet", "gibioctets"),
        "mass-tonne": ("tonne", "tonnes"),
    }
    currencies: ClassVar = {
        "EUR": (("euro", "euros"), ("centime", "centimes")),
        "USD": (("dollar", "dollars"), ("cent", "cents")),
        "GBP": (("livre", "livres"), ("penny", "pence")),
        "JPY": (("yen", "yens"), ()),
        "CNY": (("yuan", "yuans"), ("fen", "fens")),
        "RUB": (("rouble", "roubles"), ("kopeck", "kopecks")),
        "KRW": (("won", "wons"), ()),
        "INR": (("roupie", "roupies"), ("paisa",)),
        "CHF": (("franc suisse", "francs suisses"), ("centime", "centimes")),
        "BRL": (("réal", "réaux"), ("centavo", "centavos")),
        "cent": (("centime", "centimes"), ()),
        "penny": (("penny", "pence"), ()),
    }
    denominators: ClassVar = {
        3: ("tiers", "tiers"),
        4: ("quart", "quarts"),
        5: ("cinquième", "cinquièmes"),
        6: ("sixième", "sixièmes"),
        8: ("huitième", "huitièmes"),
        10: ("dixième", "dixièmes"),
    }
    halves: ClassVar = {"1/2": "un demi", "n 1/2": "{} et demi"}
    article = ("un", "une")
    half = half_after = ("demi", "demie")
    numero = "numéro {}"
    magnitudes: ClassVar = {
        "k": "mille",
        "M": "millions de",
        "Md": "milliards de",
        "million": "million de",
        "millions": "millions de",
        "milliard": "milliard de",
        "milliards": "milliards de",
        "Mds": "milliards de",
        "billion": "billion de",
        "billions": "billions de",
    }
    month_words: ClassVar = {
        "janv": 1,
        "févr": 2,
        "fév": 2,
        "avr": 4,
        "juil": 7,
        "sept": 9,
        "oct": 10,
        "nov": 11,
        "déc": 12,
    }
    abbreviations: ClassVar = {
        "p. ex.": "par exemple",
        "p.ex.": "par exemple",
        "etc.": "et cetera",
        "env.": "environ",
        "M.": "Monsieur",
        "Mme": "Madame",
        "Mme.": "Madame",
        "Mlle.": "Mademoiselle",
        "Dr.": "Docteur",
        "Mlle": "Mademoiselle",
        "Dr": "Docteur",
        "Pr": "Professeur",
        "av.": "avenue",
        "bd": "boulevard",
        "max.": "maximum",
        "min.": "minimum",
        "tél.": "téléphone",
        "c.-à-d.": "c'est-à-dire",
        "temp.": "température",
    }

    def range(self, first: str, last: str) -> str:
        return f"{first} à {last}"

    def plural(self, number: Number) -> int:
        return 0 if number.amount < 2 else 1  # French has the singular below two: "1,5 degré"

    def _cldr_unit(self, unit: str, form: int) -> str:
        return super()._cldr_unit(unit, form).replace("kilooctet", "kilo-octet")

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} {cents}"

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        return f"{spell(numerator, 'fr', 'spellout-cardinal-masculine')} {names[numerator > 1]}"

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        name = self.ordinal(denominator, "e", "", "") or ""
        return name, f"{name}s"

    def is_feminine(self, noun: str) -> bool:
        return noun.split()[0].endswith(
            ("heure", "minute", "seconde", "tonne", "livre", "once", "tasse", "semaine", "cuillère", "calorie", "pinte")
        ) and not noun.endswith("wattheure")

    def of(self, noun: str) -> str:
        return f"d'{noun}" if noun[0] in "aeiouhéè" else f"de {noun}"

    def elided(self, spoken: str) -> str:
        return _ELIDED.sub("d'", spoken)

    def half_of(self, noun: str) -> str:
        return f"{self.article[self.is_feminine(noun)]} demi-{noun}"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        gender = "feminine" if suffix in ("re", "ère", "de", "nde") else "masculine"
        if suffix not in ("er", "re", "ère", "e", "ème", "ième", "eme", "nd", "nde", "d"):
            return None
        if number == 1:
            return "premier" if gender == "masculine" else "première"
        if number == 2 and suffix in ("nd", "nde", "d"):
            return "second" if suffix != "nde" else "seconde"
        words = spell(number, "fr", f"spellout-ordinal-{gender}")
        return words.replace("quatre-vingt-et-", "quatre-vingt-")  # CLDR's slip: 81st, 91st

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return f"{'premier' if day == 1 else day} {self.month(month)}" + (f" {year}" if year else "")

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period:
            hour = hour % 12 + (12 if period == "pm" else 0)
        spoken = f"{'une' if hour == 1 else hour} heure{'s' if hour > 1 else ''}" + (
            f" {minute}" if minute or second is not None else ""
        )
        return (
            spoken
            if second is None
            else f"{spoken} minute{'s' if minute > 1 else ''} et {second} seconde{'s' if second > 1 else ''}"
        )
