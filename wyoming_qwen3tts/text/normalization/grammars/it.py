"""Italian. Sources: CLDR 46 for units and months; Serianni, Grammatica italiana, VI, for dates, hours and ordinals."""

from typing import ClassVar

from .grammar import COMMA_NUMBER, spell
from .romance import Romance


class Italian(Romance):
    """Italian."""

    code = "it"
    pair_link = " e "
    number = COMMA_NUMBER
    point = "virgola"
    reads_decimals_whole = True
    signs: ClassVar = {
        "-": "meno",
        "+": "più",
        "±": "più o meno",
        "=": "uguale a",
        "<": "minore di",
        ">": "maggiore di",
        "≥": "almeno",
        "≤": "al massimo",
        "×": "per",
        "÷": "diviso",
        "~": "circa",
        "&": "e",
        "and": "e",
        "@": "chiocciola",
        ".": "punto",
        "/": "barra",
        "dash": "trattino",
        "_": "trattino basso",
        ":": "due punti",
        "§": "paragrafo",
        "‰": "per mille",
        "version": "versione",
        "ratio": "a",
        "≠": "diverso da",
        "squared": "al quadrato",
        "cubed": "al cubo",
        "over": "su",
        "#": "numero",
    }
    per: ClassVar = {
        "gallon": "al gallone",
        "hour": "all'ora",
        "second": "al secondo",
        "minute": "al minuto",
        "day": "al giorno",
        "week": "alla settimana",
        "month": "al mese",
        "year": "all'anno",
        "kilowatt-hour": "al chilowattora",
        "square-meter": "al metro quadrato",
        "cubic-meter": "al metro cubo",
        "kilogram": "al chilo",
        "liter": "al litro",
        "kilometer": "al chilometro",
        "person": "a persona",
    }
    units: ClassVar = {
        "digital-byte": ("byte",),
        "pressure-bar": ("bar",),
        "duration-day": ("giorno", "giorni"),
        "energy-watt-hour": ("wattora",),
        "energy-megawatt-hour": ("megawattora",),
        "concentr-ppm": ("parte per milione", "parti per milione"),
        "concentr-ppb": ("parte per miliardo", "parti per miliardo"),
        "mass-microgram": ("microgrammo", "microgrammi"),
        "speed-beaufort": ("Beaufort",),
        "sound-decibel": ("decibel",),
        "sound-dbm": ("decibel milliwatt",),
        "electric-ampere-hour": ("amperora",),
        "electric-milliampere-hour": ("milliamperora",),
        "power-voltampere": ("voltampere",),
        "light-lumen": ("lumen",),
        "digital-bit": ("bit",),
        "temperature-kelvin": ("kelvin",),
        "rotation-rpm": ("giro al minuto", "giri al minuto"),
        "electric-millivolt": ("millivolt",),
        "pressure-kilopascal": ("chilopascal",),
        "digital-mebibyte": ("mebibyte",),
        "digital-gibibyte": ("gibibyte",),
        "mass-tonne": ("tonnellata", "tonnellate"),
    }
    currencies: ClassVar = {
        "EUR": (("euro",), ("centesimo", "centesimi")),
        "USD": (("dollaro", "dollari"), ("centesimo", "centesimi")),
        "GBP": (("sterlina", "sterline"), ("penny", "pence")),
        "JPY": (("yen",), ()),
        "CNY": (("yuan",), ("fen",)),
        "RUB": (("rublo", "rubli"), ("copeco", "copechi")),
        "KRW": (("won",), ()),
        "INR": (("rupia", "rupie"), ("paisa",)),
        "CHF": (("franco svizzero", "franchi svizzeri"), ("centesimo", "centesimi")),
        "BRL": (("real", "reais"), ("centavo", "centavos")),
        "cent": (("centesimo", "centesimi"), ()),
        "penny": (("penny", "pence"), ()),
    }
    denominators: ClassVar = {
        3: ("terzo", "terzi"),
        4: ("quarto", "quarti"),
        5: ("quinto", "quinti"),
        6: ("sesto", "sesti"),
        8: ("ottavo", "ottavi"),
        10: ("decimo", "decimi"),
    }
    halves: ClassVar = {"1/2": "mezzo", "n 1/2": "{} e mezzo"}
    article = ("un", "una")
    half = half_after = ("mezzo", "mezza")
    numero = "numero {}"
    magnitudes: ClassVar = {
        "milione": "milione di",
        "milioni": "milioni di",
        "miliardi": "miliardi di",
        "mila": "mila",
        "k": "mila",
        "mln": "milioni di",
        "mld": "miliardi di",
        "miliardo": "miliardo di",
        "mille": "mille",
    }
    month_words: ClassVar = {
        "gen": 1,
        "mag": 5,
        "giu": 6,
        "lug": 7,
        "ago": 8,
        "set": 9,
        "sett": 9,
        "ott": 10,
        "dic": 12,
    }
    abbreviations: ClassVar = {
        "p. es.": "per esempio",
        "p.es.": "per esempio",
        "es.": "esempio",
        "ecc.": "eccetera",
        "sig.ra": "signora",
        "sig.na": "signorina",
        "sig.": "signor",
        "dott.ssa": "dottoressa",
        "dott.": "dottor",
        "prof.": "professor",
        "ing.": "ingegner",
        "avv.": "avvocato",
        "n.": "numero",
        "ca.": "circa",
        "pag.": "pagina",
        "max.": "massimo",
        "min.": "minimo",
        "tel.": "telefono",
        "v.le": "viale",
        "p.zza": "piazza",
        "temp.": "temperatura",
    }

    def range(self, first: str, last: str) -> str:
        return f"da {first} a {last}"

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} e {cents} {word}"

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        spoken = "un" if numerator == 1 else spell(numerator, "it", "spellout-cardinal-masculine")
        return f"{spoken} {names[numerator > 1]}"

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        name = spell(denominator, "it", "spellout-ordinal-masculine")
        return name, f"{name[:-1]}i"

    def is_feminine(self, noun: str) -> bool:
        return super().is_feminine(noun) and not noun.endswith(("wattora", "amperora"))

    def of(self, noun: str) -> str:
        return f"di {noun}"

    def half_of(self, noun: str) -> str:
        return "mezz'ora" if noun == "ora" else super().half_of(noun)

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        if suffix.strip(".") not in ("º", "°", "ª", "o", "a"):
            return None
        gender = "feminine" if suffix.strip(".") in ("ª", "a") else "masculine"
        return spell(number, "it", f"spellout-ordinal-{gender}")

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return f"{'primo' if day == 1 else day} {self.month(month)}" + (f" {year}" if year else "")

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period:
            hour = hour % 12 + (12 if period == "pm" else 0)
        if second is not None:
            return f"{hour} e {minute} e {second} secondi"
        return f"{hour} e {minute}" if minute else f"{hour}"
