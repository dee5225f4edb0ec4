"""English. Sources: CLDR 46 for units and months; The Chicago Manual of Style, 9, for numbers, dates and money."""

from typing import ClassVar

from .grammar import POINT_NUMBER, Grammar, spell


class English(Grammar):
    """American forms; a day before its month is read the British way."""

    code = "en"
    pair_link = " and "
    number = POINT_NUMBER
    decimal_mark = "."
    point = "point"
    signs: ClassVar = {
        "-": "minus",
        "+": "plus",
        "±": "plus or minus",
        "=": "equals",
        "<": "less than",
        ">": "greater than",
        "≥": "at least",
        "≤": "at most",
        "×": "times",
        "÷": "divided by",
        "~": "about",
        "&": "and",
        "and": "and",
        "@": "at",
        ".": "dot",
        "/": "slash",
        "dash": "dash",
        "_": "underscore",
        ":": "colon",
        "§": "section",
        "‰": "per mille",
        "version": "version",
        "ratio": "to",
        "≠": "is not equal to",
        "squared": "squared",
        "cubed": "cubed",
        "over": "over",
        "#": "number",
    }
    per: ClassVar = {
        "hour": "per hour",
        "second": "per second",
        "minute": "per minute",
        "day": "per day",
        "week": "per week",
        "month": "per month",
        "year": "per year",
        "kilowatt-hour": "per kilowatt hour",
        "square-meter": "per square meter",
        "cubic-meter": "per cubic meter",
        "kilogram": "per kilogram",
        "liter": "per liter",
        "kilometer": "per kilometer",
        "person": "per person",
        "gallon": "per gallon",
    }
    units: ClassVar = {
        "concentr-permille": ("per mille",),
        "pressure-millimeter-ofhg": ("millimeter of mercury", "millimeters of mercury"),
        "temperature-generic": ("degree", "degrees"),
        "energy-kilowatt-hour": ("kilowatt hour", "kilowatt hours"),
        "energy-watt-hour": ("watt hour", "watt hours"),
        "energy-megawatt-hour": ("megawatt hour", "megawatt hours"),
        "concentr-ppm": ("part per million", "parts per million"),
        "concentr-ppb": ("part per billion", "parts per billion"),
        "mass-microgram": ("microgram", "micrograms"),
        "speed-beaufort": ("Beaufort",),
        "sound-decibel": ("decibel", "decibels"),
        "sound-dbm": ("decibel milliwatts",),
        "electric-ampere-hour": ("ampere hour", "ampere hours"),
        "electric-milliampere-hour": ("milliampere hour", "milliampere hours"),
        "power-voltampere": ("volt-ampere", "volt-amperes"),
        "light-lumen": ("lumen", "lumens"),
        "digital-bit": ("bit", "bits"),
        "temperature-kelvin": ("kelvin", "kelvins"),
        "rotation-rpm": ("revolution per minute", "revolutions per minute"),
        "electric-millivolt": ("millivolt", "millivolts"),
        "pressure-kilopascal": ("kilopascal", "kilopascals"),
        "digital-mebibyte": ("mebibyte", "mebibytes"),
        "digital-gibibyte": ("gibibyte", "gibibytes"),
        "mass-tonne": ("tonne", "tonnes"),
    }
    currencies: ClassVar = {
        "EUR": (("euro", "euros"), ("cent", "cents")),
        "USD": (("dollar", "dollars"), ("cent", "cents")),
        "GBP": (("pound", "pounds"), ("penny", "pence")),
        "JPY": (("yen",), ()),
        "CNY": (("yuan",), ("fen",)),
        "RUB": (("ruble", "rubles"), ("kopek", "kopeks")),
        "KRW": (("won",), ()),
        "INR": (("rupee", "rupees"), ("paisa", "paise")),
        "CHF": (("Swiss franc", "Swiss francs"), ("rappen",)),
        "BRL": (("real", "reais"), ("centavo", "centavos")),
        "cent": (("cent", "cents"), ()),
        "penny": (("penny", "pence"), ()),
    }
    denominators: ClassVar = {
        2: ("half", "halves"),
        3: ("third", "thirds"),
        4: ("quarter", "quarters"),
        5: ("fifth", "fifths"),
        6: ("sixth", "sixths"),
        8: ("eighth", "eighths"),
        10: ("tenth", "tenths"),
        16: ("sixteenth", "sixteenths"),
    }
    halves: ClassVar = {"1/2": "one half", "n 1/2": "{} and a half"}
    numero = "number {}"
    magnitudes: ClassVar = {
        "k": "thousand",
        "K": "thousand",
        "M": "million",
        "m": "million",
        "bn": "billion",
        "B": "billion",
        "tn": "trillion",
    } | {word: word for word in ("thousand", "million", "billion", "trillion")}
    abbreviations: ClassVar = {
        "e.g.": "for example",
        "i.e.": "that is",
        "etc.": "et cetera",
        "vs.": "versus",
        "Fig.": "Figure",
        "approx.": "approximately",
        "Dr.": "Doctor",
        "Mr.": "Mister",
        "Mrs.": "Missus",
        "Prof.": "Professor",
        "w/o": "without",
        "w/": "with",
        "min.": "minimum",
        "max.": "maximum",
        "Ave.": "Avenue",
        "Rd.": "Road",
        "Blvd.": "Boulevard",
        "Apt.": "Apartment",
        "temp.": "temperature",
    }

    def range(self, first: str, last: str) -> str:
        return f"{first} to {last}"

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} and {cents} {word}"

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        return f"{spell(numerator, 'en', 'spellout-cardinal')} {names[numerator > 1]}"

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        name = spell(denominator, "en", "spellout-ordinal")
        return name, f"{name}s"

    def part(self, numerator: int, denominator: int, whole: str, unit: str, before: str) -> str | None:
        spoken = self.fraction(numerator, denominator, whole)
        if spoken is None:
            return None
        if whole:
            return f"{spoken} {self.unit_noun(unit, several=True)}"
        noun = self.unit_noun(unit)
        article = "an" if noun.startswith(("a", "e", "i", "o", "hour")) else "a"
        link = "" if (numerator, denominator) == (1, 2) else "of "
        return f"{'half' if not link else spoken} {link}{article} {noun}"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        return spell(number, "en", "spellout-ordinal") if suffix in ("st", "nd", "rd", "th") else None

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return f"{self.month(month)} {spell(day, 'en', 'spellout-ordinal')}" + (f", {year}" if year else "")

    def written_date(self, day: int, month: int, year: str, before: str, order: str) -> str:
        if order == "md":
            return self.date(day, month, year, before)
        article = "" if before.casefold().rstrip().endswith("the") else "the "
        return f"{article}{spell(day, 'en', 'spellout-ordinal')} of {self.month(month)}" + (f" {year}" if year else "")

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        half = f" {period.upper()}" if period else ""
        minutes = f" {minute}" if minute > 9 else f" oh {minute}"
        if second is not None:
            if minute == 0:
                minutes, half = half or " o'clock", ""
            return f"{hour}{minutes} and {second} {'second' if second == 1 else 'seconds'}{half}"
        if minute == 0:
            if not half and (hour == 0 or hour > 12):
                return f"{hour} hundred" if hour else "midnight"
            return f"{hour}{half}" if half else f"{hour} o'clock"
        if hour == 0:
            hour, half = 12, " AM"
        return f"{hour}{minutes}{half}"
