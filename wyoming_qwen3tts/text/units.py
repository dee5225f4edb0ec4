"""Numbers with units: symbols of the SI, of meters, sensors and networks -> the words of the language."""

import re
from typing import Final

from .grammar import LEFT, RIGHT, Grammar
from .rule import Rule, alternatives

DASH: Final = r"\s?[-–—~〜～]\s?"

# Symbol -> CLDR's name, or our own where CLDR has none; "a per b" is said with the words for "per b".
_UNITS: Final = {
    "°C": "temperature-celsius", "°С": "temperature-celsius", "ºC": "temperature-celsius", "° C": "temperature-celsius",
    "°F": "temperature-fahrenheit", "ºF": "temperature-fahrenheit", "° F": "temperature-fahrenheit", "°": "temperature-generic",
    "º": "temperature-generic", "K": "temperature-kelvin", "%": "concentr-percent", "‰": "concentr-permille",
    "km": "length-kilometer", "m": "length-meter", "cm": "length-centimeter", "mm": "length-millimeter", "µm": "length-micrometer",
    "dm": "length-decimeter", "nm": "length-nanometer", "mi": "length-mile", "ft": "length-foot", "yd": "length-yard",
    "km/h": "speed-kilometer-per-hour", "kmh": "speed-kilometer-per-hour", "Km/h": "speed-kilometer-per-hour", "kph": "speed-kilometer-per-hour",
    "m/s": "speed-meter-per-second", "mph": "speed-mile-per-hour", "kn": "speed-knot", "kt": "speed-knot", "kts": "speed-knot",
    "kWh": "energy-kilowatt-hour", "KWh": "energy-kilowatt-hour", "kwh": "energy-kilowatt-hour", "Wh": "energy-watt-hour",
    "MWh": "energy-megawatt-hour", "kJ": "energy-kilojoule", "J": "energy-joule", "kcal": "energy-kilocalorie", "cal": "energy-calorie",
    "W": "power-watt", "kW": "power-kilowatt", "KW": "power-kilowatt", "MW": "power-megawatt", "mW": "power-milliwatt", "GW": "power-gigawatt",
    "V": "electric-volt", "mV": "electric-millivolt", "A": "electric-ampere", "mA": "electric-milliampere", "Ω": "electric-ohm",
    "Ah": "electric-ampere-hour", "mAh": "electric-milliampere-hour", "VA": "power-voltampere", "hPa": "pressure-hectopascal",
    "Pa": "pressure-pascal", "kPa": "pressure-kilopascal", "mbar": "pressure-millibar", "bar": "pressure-bar",
    "psi": "pressure-pound-force-per-square-inch", "mmHg": "pressure-millimeter-ofhg", "lx": "light-lux", "lux": "light-lux", "lm": "light-lumen", "ppm": "concentr-ppm",
    "ppb": "concentr-ppb", "m²": "area-square-meter", "m2": "area-square-meter", "km²": "area-square-kilometer", "ha": "area-hectare", "cm²": "area-square-centimeter",
    "m³": "volume-cubic-meter", "m3": "volume-cubic-meter", "l": "volume-liter", "L": "volume-liter", "ml": "volume-milliliter", "mL": "volume-milliliter",
    "dl": "volume-deciliter", "cl": "volume-centiliter", "kg": "mass-kilogram", "g": "mass-gram", "mg": "mass-milligram", "t": "mass-tonne",
    "µg": "mass-microgram", "lb": "mass-pound", "lbs": "mass-pound", "oz": "mass-ounce", "B": "digital-byte", "kB": "digital-kilobyte",
    "KB": "digital-kilobyte", "MB": "digital-megabyte", "GB": "digital-gigabyte", "TB": "digital-terabyte", "MiB": "digital-mebibyte",
    "GiB": "digital-gibibyte", "kbit": "digital-kilobit", "Mbit": "digital-megabit", "Gbit": "digital-gigabit", "Mb": "digital-megabit",
    "Mo": "digital-megabyte", "Go": "digital-gigabyte", "To": "digital-terabyte",
    "Mbps": "digital-megabit per second", "Gbps": "digital-gigabit per second", "kbps": "digital-kilobit per second",
    "Hz": "frequency-hertz", "kHz": "frequency-kilohertz", "MHz": "frequency-megahertz", "GHz": "frequency-gigahertz",
    "h": "duration-hour", "min": "duration-minute", "s": "duration-second", "sec": "duration-second", "ms": "duration-millisecond",
    "d": "duration-day", "dB": "sound-decibel", "dB(A)": "sound-decibel", "dBA": "sound-decibel", "dBm": "sound-dbm", "Bft": "speed-beaufort", "rpm": "rotation-rpm",
    "hr": "duration-hour", "hrs": "duration-hour", "mins": "duration-minute", "secs": "duration-second",
}  # fmt: skip
_BY_LANGUAGE: Final = {
    "de": {"Std.": "duration-hour", "Std": "duration-hour", "Min.": "duration-minute", "Min": "duration-minute", "Sek.": "duration-second",
           "Sek": "duration-second", "Stk.": "count-piece", "Grad C": "temperature-celsius", "U/min": "rotation-rpm"},
    "fr": {"tr/min": "rotation-rpm", "j": "duration-day", "mn": "duration-minute", "o": "digital-byte", "ko": "digital-kilobyte"},
    "es": {"seg": "duration-second", "min.": "duration-minute", "hs": "duration-hour"},
    "it": {"sec.": "duration-second", "min.": "duration-minute", "ore": None, "gg": "duration-day"},
    "pt": {"seg": "duration-second", "min.": "duration-minute"},
    "en": {"min.": "duration-minute", "sec.": "duration-second", "hrs.": "duration-hour", "gal": "volume-gallon", "°": "temperature-generic"},
    "ru": {
        "км/ч": "speed-kilometer-per-hour", "м/с": "speed-meter-per-second", "км": "length-kilometer", "м": "length-meter",
        "см": "length-centimeter", "мм": "length-millimeter", "мм рт. ст.": "pressure-millimeter-hg", "мм рт.ст.": "pressure-millimeter-hg",
        "кг": "mass-kilogram", "г": "mass-gram", "мг": "mass-milligram", "мкг": "mass-microgram", "т": "mass-tonne", "л": "volume-liter",
        "мл": "volume-milliliter", "м²": "area-square-meter", "кв. м": "area-square-meter", "м³": "volume-cubic-meter", "куб. м": "volume-cubic-meter",
        "Вт": "power-watt", "кВт": "power-kilowatt", "МВт": "power-megawatt", "кВт·ч": "energy-kilowatt-hour", "кВтч": "energy-kilowatt-hour",
        "кВт*ч": "energy-kilowatt-hour", "кВт⋅ч": "energy-kilowatt-hour", "кВт-ч": "energy-kilowatt-hour", "Вт·ч": "energy-watt-hour",
        "В": "electric-volt", "А": "electric-ampere", "мА": "electric-milliampere", "мА·ч": "electric-milliampere-hour", "мАч": "electric-milliampere-hour",
        "гПа": "pressure-hectopascal", "бар": "pressure-bar", "лк": "light-lux", "лм": "light-lumen", "Гц": "frequency-hertz",
        "кГц": "frequency-kilohertz", "МГц": "frequency-megahertz", "ГГц": "frequency-gigahertz", "дБ": "sound-decibel", "КБ": "digital-kilobyte", "МБ": "digital-megabyte",
        "ГБ": "digital-gigabyte", "ТБ": "digital-terabyte", "Мбит": "digital-megabit", "Гбит": "digital-gigabit", "ч": "duration-hour",
        "ч.": "duration-hour", "мин": "duration-minute", "мин.": "duration-minute", "с": "duration-second", "сек": "duration-second",
        "сек.": "duration-second", "мс": "duration-millisecond", "ккал": "energy-kilocalorie", "шт.": "count-piece", "шт": "count-piece",
        "об/мин": "rotation-rpm", "сут": "duration-day", "дн.": "duration-day", "К": "temperature-kelvin",
    },
    "ja": {}, "ko": {}, "zh": {},
}  # fmt: skip
_PER: Final = {
    "h": "hour", "std": "hour", "s": "second", "sec": "second", "min": "minute", "d": "day", "kWh": "kilowatt-hour", "m²": "square-meter", "m2": "square-meter",
    "m³": "cubic-meter", "m3": "cubic-meter", "kg": "kilogram", "l": "liter", "L": "liter", "km": "kilometer", "ч": "hour", "с": "second",
    "мин": "minute", "м²": "square-meter", "м³": "cubic-meter", "кг": "kilogram", "л": "liter", "кВт·ч": "kilowatt-hour", "кВтч": "kilowatt-hour",
    "Tag": "day", "Monat": "month", "Jahr": "year", "Stunde": "hour", "day": "day", "month": "month", "year": "year", "hour": "hour", "week": "week",
    "jour": "day", "mois": "month", "an": "year", "heure": "hour", "día": "day", "mes": "month", "año": "year", "hora": "hour", "giorno": "day",
    "mese": "month", "anno": "year", "ora": "hour", "dia": "day", "mês": "month", "ano": "year", "мес": "month", "день": "day", "год": "year",
    "mo": "month", "yr": "year", "月": "month", "日": "day", "年": "year", "時間": "hour", "小时": "hour", "天": "day", "월": "month", "일": "day", "gal": "gallon",
    "升": "liter", "公斤": "kilogram", "千克": "kilogram", "平方米": "square-meter", "立方米": "cubic-meter", "千瓦时": "kilowatt-hour", "公里": "kilometer",
    "人": "person", "月份": "month", "リットル": "liter", "リッター": "liter", "시간": "hour", "리터": "liter", "개월": "month",
}  # fmt: skip
# Symbols that are also words or names; they count as units only where a space and nothing word-like could mislead.
_SPACED_ONLY: Final = frozenset(("A", "B", "t", "d", "K", "o", "j", "Mo", "To", "Go", "mi", "m2", "m3", "Mb"))
_DECADE: Final = re.compile(r"(?:['’]|\bthe |\d\d)\d0$")  # "the 90s", "1990s"

PER: Final = rf"(?:\s?(?:/|per |pro |por |par )\s?(?P<per>{alternatives(_PER)})(?![A-Za-z0-9\u00c0-\u024f\u0400-\u04ff]))?"


# After these a range stands bare: "per 25 30 minuti", "на 25 30 минут", not "per da 25 a 30".
BARE: Final = {
    "it": frozenset("per in di a con su ogni entro".split()), "ru": frozenset("на за в через по каждые".split()),
}  # fmt: skip
BETWEEN: Final = frozenset("between zwischen entre tra fra".split())  # what follows is "3 and 5"


def per_name(symbol: str) -> str:
    """The name of what an amount is per: "kWh" -> "kilowatt-hour"."""
    return _PER[symbol]


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for numbers with units, ranges first."""
    table = {symbol: unit for symbol, unit in (_UNITS | _BY_LANGUAGE[grammar.code]).items() if unit}
    if grammar.code in ("es", "pt", "it", "fr"):
        del table["º"]  # there it marks an ordinal
    if grammar.code != "fr":
        for symbol in ("Mo", "Go", "To"):
            table.pop(symbol, None)
    symbols = alternatives(table)
    number = grammar.number
    unit = rf"(?P<gap>\s?)(?P<unit>{symbols}){RIGHT}(?!\.?[A-Za-z]){PER}"
    span = re.compile(rf"{LEFT}(?P<first>[-−–+]?{number})(?:\s?(?:°C|°F|°|%))?(?:{DASH})(?P<last>[-−+]?{number}){unit}")
    one = re.compile(rf"{LEFT}(?P<sign>[-−–+±](?:/[-−])?\s?)?(?P<number>{number}){unit}")
    inches = re.compile(rf"{LEFT}(?P<number>{number})(?:″|\"(?=[^\"]*$))")
    two = re.compile(rf"{LEFT}(?P<first>\d+)\s?(?P<h>h|hr|hrs|ч|Std\.?)\s(?P<last>\d+)\s?(?P<min>min|mins|м|мин|Min\.?)\b\.?")

    def name(match: re.Match[str]) -> str | None:
        symbol = match["unit"]
        if symbol in _SPACED_ONLY and grammar.code not in ("zh", "ja", "ko") and not match["gap"] and not (symbol == "K" and len(match["number" if "number" in match.re.groupindex else "last"]) == 4):
            return None
        if symbol == "s" and not match["gap"] and _DECADE.search(match.string[: match.start("unit")]):
            return None
        base = table[symbol]
        return f"{base} per {_PER[match['per']]}" if match["per"] else base

    def speak(match: re.Match[str]) -> str | None:
        if (unit_name := name(match)) is None:
            return None
        sign = (match["sign"] or "").strip()
        spoken = grammar.quantity(grammar.parse(("±" if "/" in sign else sign) + match["number"]), unit_name, _before(match))
        return _spaced(match, spoken, grammar)

    def speak_span(match: re.Match[str]) -> str | None:
        if (unit_name := name(match)) is None:
            return None
        lead = match.string[max(0, match.start() - 12) : match.start()].rstrip().rpartition(" ")[2].casefold()
        if lead in BARE.get(grammar.code, ()):
            last = grammar.quantity(grammar.parse(match["last"]), unit_name)
            return _spaced(match, f"{grammar.say(grammar.parse(match['first']))} {last}", grammar)
        if lead in BETWEEN:
            last = grammar.quantity(grammar.parse(match["last"]), unit_name)
            return _spaced(match, f"{grammar.say(grammar.parse(match['first']))} {grammar.signs['and']} {last}", grammar)
        spoken = grammar.quantity_range(grammar.parse(match["first"]), grammar.parse(match["last"]), unit_name)
        return _spaced(match, _without_lead(spoken, lead, grammar), grammar)

    def speak_two(match: re.Match[str]) -> str:
        return " ".join(grammar.quantity(grammar.parse(match[group]), unit) for group, unit in (("first", "duration-hour"), ("last", "duration-minute")))

    def speak_inches(match: re.Match[str]) -> str | None:
        if match.string[: match.start()].count('"') % 2:
            return None  # a closing quotation mark
        return grammar.quantity(grammar.parse(match["number"]), "length-inch")

    return [Rule("unit", inches, speak_inches, '″"'), Rule("duration", two, speak_two, "0"), Rule("range", span, speak_span, "0"), Rule("unit", one, speak, "0")]


def _before(match: re.Match[str]) -> str:
    return match.string[max(0, match.start() - 40) : match.start()]


def _spaced(match: re.Match[str], spoken: str, grammar: Grammar) -> str:
    """Spoken words kept apart from a word that touched the symbol."""
    after = match.string[match.end() : match.end() + 1]
    return f"{spoken} " if after.isalnum() and grammar.code not in ("ja", "zh", "ko") else spoken


def _without_lead(spoken: str, lead: str, grammar: Grammar) -> str:
    """No second "from" where the text has one: "da 3-5" is not "da da 3 a 5"."""
    own = {"it": "da ", "ru": "от "}.get(grammar.code)
    if own is None or not spoken.startswith(own):
        return spoken
    if lead in ("da", "dai", "dalle", "от", "с"):
        return spoken.removeprefix(own)
    return spoken
