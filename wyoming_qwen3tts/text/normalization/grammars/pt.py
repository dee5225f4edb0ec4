"""Portuguese. Sources: CLDR 46; Cunha & Cintra, Nova Gramática do Português Contemporâneo, 12, for numerals."""

from typing import ClassVar

from .grammar import COMMA_NUMBER, spell
from .romance import Romance


class Portuguese(Romance):
    """Portuguese with the words of Brazil, as CLDR's ``pt`` has them."""

    code = "pt"
    pair_link = " e "
    number = COMMA_NUMBER
    point = "vírgula"
    reads_decimals_whole = True
    signs: ClassVar = {
        "-": "menos",
        "+": "mais",
        "±": "mais ou menos",
        "=": "igual a",
        "<": "menor que",
        ">": "maior que",
        "≥": "pelo menos",
        "≤": "no máximo",
        "×": "vezes",
        "÷": "dividido por",
        "~": "aproximadamente",
        "&": "e",
        "and": "e",
        "@": "arroba",
        ".": "ponto",
        "/": "barra",
        "dash": "hífen",
        "_": "sublinhado",
        ":": "dois pontos",
        "§": "parágrafo",
        "‰": "por mil",
        "version": "versão",
        "ratio": "a",
        "≠": "diferente de",
        "squared": "ao quadrado",
        "cubed": "ao cubo",
        "over": "sobre",
        "#": "número",
    }
    per: ClassVar = {
        "gallon": "por galão",
        "hour": "por hora",
        "second": "por segundo",
        "minute": "por minuto",
        "day": "por dia",
        "week": "por semana",
        "month": "por mês",
        "year": "por ano",
        "kilowatt-hour": "por quilowatt-hora",
        "square-meter": "por metro quadrado",
        "cubic-meter": "por metro cúbico",
        "kilogram": "por quilo",
        "liter": "por litro",
        "kilometer": "por quilômetro",
        "person": "por pessoa",
    }
    units: ClassVar = {
        "temperature-generic": ("grau", "graus"),
        "pressure-bar": ("bar", "bars"),
        "duration-day": ("dia", "dias"),
        "speed-knot": ("nó", "nós"),
        "energy-watt-hour": ("watt-hora", "watts-hora"),
        "energy-megawatt-hour": ("megawatt-hora", "megawatts-hora"),
        "concentr-ppm": ("parte por milhão", "partes por milhão"),
        "concentr-ppb": ("parte por bilhão", "partes por bilhão"),
        "mass-microgram": ("micrograma", "microgramas"),
        "speed-beaufort": ("Beaufort",),
        "sound-decibel": ("decibel", "decibéis"),
        "sound-dbm": ("decibel miliwatt", "decibéis miliwatt"),
        "electric-ampere-hour": ("ampere-hora", "amperes-hora"),
        "electric-milliampere-hour": ("miliampere-hora", "miliamperes-hora"),
        "power-voltampere": ("volt-ampere", "volt-amperes"),
        "light-lumen": ("lúmen", "lumens"),
        "digital-bit": ("bit", "bits"),
        "temperature-kelvin": ("kelvin", "kelvins"),
        "rotation-rpm": ("rotação por minuto", "rotações por minuto"),
        "electric-millivolt": ("milivolt", "milivolts"),
        "pressure-kilopascal": ("quilopascal", "quilopascais"),
        "digital-mebibyte": ("mebibyte", "mebibytes"),
        "digital-gibibyte": ("gibibyte", "gibibytes"),
        "mass-tonne": ("tonelada", "toneladas"),
    }
    currencies: ClassVar = {
        "EUR": (("euro", "euros"), ("cêntimo", "cêntimos")),
        "USD": (("dólar", "dólares"), ("centavo", "centavos")),
        "GBP": (("libra", "libras"), ("pêni", "pence")),
        "JPY": (("iene", "ienes"), ()),
        "CNY": (("yuan", "yuans"), ("fen",)),
        "RUB": (("rublo", "rublos"), ("copeque", "copeques")),
        "KRW": (("won", "wons"), ()),
        "INR": (("rúpia", "rúpias"), ("paisa",)),
        "CHF": (("franco suíço", "francos suíços"), ("cêntimo", "cêntimos")),
        "BRL": (("real", "reais"), ("centavo", "centavos")),
        "cent": (("cêntimo", "cêntimos"), ()),
        "penny": (("pêni", "pence"), ()),
    }
    denominators: ClassVar = {
        3: ("terço", "terços"),
        4: ("quarto", "quartos"),
        5: ("quinto", "quintos"),
        6: ("sexto", "sextos"),
        8: ("oitavo", "oitavos"),
        10: ("décimo", "décimos"),
    }
    halves: ClassVar = {"1/2": "meio", "n 1/2": "{} e meio"}
    article = ("um", "uma")
    half = half_after = ("meio", "meia")
    numero = "número {}"
    magnitudes: ClassVar = {
        "milhão": "milhão de",
        "milhões": "milhões de",
        "mil": "mil",
        "bilhões": "bilhões de",
        "k": "mil",
        "mi": "milhões de",
        "bi": "bilhões de",
        "bilhão": "bilhão de",
        "trilhão": "trilhão de",
        "trilhões": "trilhões de",
    }
    month_words: ClassVar = {"fev": 2, "abr": 4, "mai": 5, "ago": 8, "set": 9, "out": 10, "dez": 12}
    abbreviations: ClassVar = {
        "p. ex.": "por exemplo",
        "p.ex.": "por exemplo",
        "ex.": "exemplo",
        "etc.": "etcétera",
        "Sr.": "senhor",
        "Sra.": "senhora",
        "Srta.": "senhorita",
        "Dr.": "doutor",
        "Dra.": "doutora",
        "Prof.": "professor",
        "Profa.": "professora",
        "aprox.": "aproximadamente",
        "n.º": "número",
        "nº": "número",
        "Nº": "número",
        "N.º": "número",
        "Av.": "avenida",
        "pág.": "página",
        "máx.": "máxima",
        "mín.": "mínima",
        "tel.": "telefone",
        "temp.": "temperatura",
    }

    def range(self, first: str, last: str) -> str:
        return f"{first} a {last}"

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} e {cents} {word}"

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        return f"{spell(numerator, 'pt', 'spellout-cardinal-masculine')} {names[numerator > 1]}"

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        if name := {7: "sétimo", 9: "nono", 100: "centésimo"}.get(denominator):
            return name, f"{name}s"
        words = spell(denominator, "pt", "spellout-cardinal-masculine")
        return f"{words} avo", f"{words} avos"

    def is_feminine(self, noun: str) -> bool:
        head = noun.split()[0]
        return (head.endswith("a") and not head.endswith("grama")) or head == "colher"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        if suffix.strip(".") not in ("º", "°", "ª", "o", "a"):
            return None
        gender = "feminine" if suffix.strip(".") in ("ª", "a") else "masculine"
        return spell(number, "pt", f"spellout-ordinal-{gender}")

    def date(self, day: int, month: int, year: str, before: str) -> str:
        return f"{'primeiro' if day == 1 else day} de {self.month(month)}" + (f" de {year}" if year else "")

    def month_year(self, month: int, year: str) -> str:
        return f"{self.month(month)} de {year}"

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period:
            hour = hour % 12 + (12 if period == "pm" else 0)
        if second is not None:
            return f"{hour} horas, {minute} minutos e {second} segundos"
        if minute:
            return f"{hour} e {minute}"
        return f"{hour} hora{'s' if hour != 1 else ''}"
