"""Spanish. Sources: CLDR 46 for units and months; RAE, Ortografía de la lengua española (2010), VIII, for the rest."""

from typing import ClassVar

from .grammar import COMMA_NUMBER, spell
from .romance import Romance


class Spanish(Romance):
    """Spanish; a decimal point is read as a comma, as in Spain."""

    code = "es"
    pair_link = " y "
    number = COMMA_NUMBER
    point = "coma"
    reads_decimals_whole = True
    signs: ClassVar = {
        "-": "menos",
        "+": "más",
        "±": "más menos",
        "=": "igual a",
        "<": "menor que",
        ">": "mayor que",
        "≥": "al menos",
        "≤": "como máximo",
        "×": "por",
        "÷": "entre",
        "~": "aproximadamente",
        "&": "y",
        "and": "y",
        "@": "arroba",
        ".": "punto",
        "/": "barra",
        "dash": "guion",
        "_": "guion bajo",
        ":": "dos puntos",
        "§": "sección",
        "‰": "por mil",
        "version": "versión",
        "ratio": "a",
        "≠": "distinto de",
        "squared": "al cuadrado",
        "cubed": "al cubo",
        "over": "sobre",
        "#": "número",
    }
    per: ClassVar = {
        "gallon": "por galón",
        "hour": "por hora",
        "second": "por segundo",
        "minute": "por minuto",
        "day": "por día",
        "week": "por semana",
        "month": "por mes",
        "year": "por año",
        "kilowatt-hour": "por kilovatio hora",
        "square-meter": "por metro cuadrado",
        "cubic-meter": "por metro cúbico",
        "kilogram": "por kilo",
        "liter": "por litro",
        "kilometer": "por kilómetro",
        "person": "por persona",
    }
    units: ClassVar = {
        "light-lux": ("lux",),
        "energy-watt-hour": ("vatio hora", "vatios hora"),
        "energy-megawatt-hour": ("megavatio hora", "megavatios hora"),
        "concentr-ppm": ("parte por millón", "partes por millón"),
        "concentr-ppb": ("parte por mil millones", "partes por mil millones"),
        "mass-microgram": ("microgramo", "microgramos"),
        "speed-beaufort": ("Beaufort",),
        "sound-decibel": ("decibelio", "decibelios"),
        "sound-dbm": ("decibelio milivatio", "decibelios milivatio"),
        "electric-ampere-hour": ("amperio hora", "amperios hora"),
        "electric-milliampere-hour": ("miliamperio hora", "miliamperios hora"),
        "power-voltampere": ("voltiamperio", "voltiamperios"),
        "light-lumen": ("lumen", "lúmenes"),
        "digital-bit": ("bit", "bits"),
        "temperature-kelvin": ("kelvin", "kelvin"),
        "rotation-rpm": ("revolución por minuto", "revoluciones por minuto"),
        "electric-millivolt": ("milivoltio", "milivoltios"),
        "pressure-kilopascal": ("kilopascal", "kilopascales"),
        "digital-mebibyte": ("mebibyte", "mebibytes"),
        "digital-gibibyte": ("gibibyte", "gibibytes"),
        "mass-tonne": ("tonelada", "toneladas"),
    }
    currencies: ClassVar = {
        "EUR": (("euro", "euros"), ("céntimo", "céntimos")),
        "USD": (("dólar", "dólares"), ("centavo", "centavos")),
        "GBP": (("libra", "libras"), ("penique", "peniques")),
        "JPY": (("yen", "yenes"), ()),
        "CNY": (("yuan", "yuanes"), ("fen",)),
        "RUB": (("rublo", "rublos"), ("kopek", "kopeks")),
        "KRW": (("won", "wones"), ()),
        "INR": (("rupia", "rupias"), ("paisa", "paisas")),
        "CHF": (("franco suizo", "francos suizos"), ("céntimo", "céntimos")),
        "BRL": (("real", "reales"), ("centavo", "centavos")),
        "cent": (("céntimo", "céntimos"), ()),
        "penny": (("penique", "peniques"), ()),
    }
    denominators: ClassVar = {
        3: ("tercio", "tercios"),
        4: ("cuarto", "cuartos"),
        5: ("quinto", "quintos"),
        6: ("sexto", "sextos"),
        8: ("octavo", "octavos"),
        10: ("décimo", "décimos"),
    }
    halves: ClassVar = {"1/2": "medio", "n 1/2": "{} y medio"}
    article = ("un", "una")
    half = half_after = ("medio", "media")
    numero = "número {}"
    magnitudes: ClassVar = {
        "millón": "millón de",
        "millones": "millones de",
        "k": "mil",
        "mil": "mil",
        "M": "millones de",
    } | {word: f"{word} de" for word in ("billón", "billones", "mil millones", "trillones")}
    month_words: ClassVar = {"set": 9, "setiembre": 9, "sep": 9, "ene": 1, "abr": 4, "ago": 8, "dic": 12}
    abbreviations: ClassVar = {
        "p. ej.": "por ejemplo",
        "p.ej.": "por ejemplo",
        "etc.": "etcétera",
        "Sr.": "señor",
        "Sra.": "señora",
        "Srta.": "señorita",
        "Dr.": "doctor",
        "Dra.": "doctora",
        "Ud.": "usted",
        "Uds.": "ustedes",
        "aprox.": "aproximadamente",
        "n.º": "número",
        "Nº": "número",
        "nº": "número",
        "N.º": "número",
        "núm.": "número",
        "Av.": "avenida",
        "Avda.": "avenida",
        "pág.": "página",
        "máx.": "máxima",
        "mín.": "mínima",
        "EE. UU.": "Estados Unidos",
        "EE.UU.": "Estados Unidos",
        "tel.": "teléfono",
        "temp.": "temperatura",
        "C/": "calle",
        "prof.": "profesor",
    }

    def range(self, first: str, last: str) -> str:
        return f"{first} a {last}"

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} con {cents} {word}"

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        return f"{spell(numerator, 'es', 'spellout-cardinal-masculine')} {names[numerator > 1]}"

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        name = {7: "séptimo", 9: "noveno", 100: "centésimo"}.get(denominator)
        name = (
            name or spell(denominator, "es", "spellout-cardinal-masculine").replace("é", "e").replace(" ", "") + "avo"
        )
        return name, f"{name}s"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        suffix = suffix.strip(".")
        if len(suffix) == 2 and suffix != "er":  # "2da", "3ro"
            suffix = suffix[1]
        if suffix in ("ª", "a"):
            return spell(number, "es", "spellout-ordinal-feminine")
        if suffix == "er":
            return spell(number, "es", "spellout-ordinal-masculine-adjective")
        return spell(number, "es", "spellout-ordinal-masculine") if suffix in ("º", "o", "°") else None

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return f"{day} de {self.month(month)}" + (f" de {year}" if year else "")

    def month_year(self, month: int, year: str) -> str:
        return f"{self.month(month)} de {year}"

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period == "pm":
            part = " de la noche" if 8 <= hour < 12 else " de la tarde"
        elif period:
            part = " de la madrugada" if hour < 6 or hour == 12 else " de la mañana"
        else:
            part = ""
        if second is not None:
            return f"{hour} horas, {minute} minutos y {second} segundos{part}"
        if minute == 0:
            return f"{hour}{part}" if part or 0 < hour < 13 else f"{hour} horas"
        if hour > 12 and minute > 9:
            return f"{hour} {minute}"
        return f"{hour} y {minute}{part}"
