"""What CLDR does not say of an added language, for those that homes ask for most: few words, none of them needed.

Sources: everyday use. A language that is missing here has its figures left to the voice, which knows how to read them.
"""

from typing import Final

# The decimal sign and minus, where unicode-rbnf's rules have no decimals or no negative numbers.
POINTS: Final = {"ca": "coma", "gl": "coma", "lt": "kablelis", "nb": "komma", "nn": "komma", "sv": "komma"}
MINUS: Final = {"ca": "menys", "eu": "minus", "gl": "menos", "lt": "minus", "nn": "minus"}

# Between the ends of a range: "3 tot 5".
TO: Final = {
    "bg": "до", "bs": "do", "ca": "a", "cs": "až", "da": "til", "el": "έως", "et": "kuni", "gl": "a", "hr": "do",
    "id": "sampai", "lt": "iki", "lv": "līdz", "nb": "til", "nl": "tot", "nn": "til", "pl": "do", "ro": "până la",
    "sk": "až", "sl": "do", "sr": "до", "sv": "till", "uk": "до", "vi": "đến",
}  # fmt: skip

# Hours and minutes of a clock. Elsewhere: two numbers, "fjorton trettio", "fjorton noll fem".
CLOCKS: Final = {"nl": ("{} uur {}", "{} uur")}
CLOCK_UNITS: Final = frozenset(("cs", "hu", "sk", "uk"))  # with CLDR's hours and minutes: "14 hodin 30 minut"
CLOCK_TAILS: Final = {"cs": r"hod\.|hodin|h", "nl": r"uur|u", "pl": "h", "sk": r"hod\.|hodín|h"}  # behind a time
CLOCK_LEADS: Final = r"(?:kl\.|kl|klo|klokken|klockan)"  # in front of hours with a full stop: "kl. 14.30"

# A figure with its ending -> unicode-rbnf's rule set.
ORDINALS: Final[dict[str, dict[str, str]]] = {
    "ca": {"r|n|t|è": "spellout-ordinal-masculine", "a": "spellout-ordinal-feminine"},
    "el": {
        "ος": "spellout-ordinal-masculine",
        "η": "spellout-ordinal-feminine",
        "ο": "spellout-ordinal-neuter",
    },
    "nl": {"e|ste|de": "spellout-ordinal"},
    "sv": {":a|:e": "spellout-ordinal-reale"},
}
# A figure and a full stop inside a sentence are an ordinal.
DOTTED_ORDINALS: Final = {
    "da": "spellout-ordinal-common",
    "fi": "spellout-ordinal",
    "hu": "spellout-ordinal",
    "nb": "spellout-ordinal-masculine",
    "tr": "spellout-ordinal",
}
YEAR_MARKS: Final = {" р.": " року", " г.": " година"}  # behind CLDR's dates

# Units for which CLDR has a sign, or words nobody says.
UNITS: Final[dict[str, dict[str, str]]] = {
    "tr": {"speed-kilometer-per-hour": "saatte {} kilometre", "speed-meter-per-second": "saniyede {} metre"},
    "vi": {
        "concentr-percent": "{} phần trăm",
        "speed-kilometer-per-hour": "{} ki lô mét trên giờ",
        "length-kilometer": "{} ki lô mét",
        "mass-kilogram": "{} ki lô gam",
    },
}
# Signs of units as only this language writes them.
SYMBOLS: Final[dict[str, dict[str, str]]] = {
    "nl": {"km/u": "speed-kilometer-per-hour", "u": "duration-hour", "uur": "duration-hour", "sec": "duration-second"},
    "pl": {"godz": "duration-hour", "sek": "duration-second"},
    "tr": {"sa": "duration-hour", "dk": "duration-minute", "sn": "duration-second"},
    "sv": {"tim": "duration-hour", "sek": "duration-second"},
    "uk": {
        "км/год": "speed-kilometer-per-hour", "м/с": "speed-meter-per-second", "кВт·год": "energy-kilowatt-hour",
        "кВт": "power-kilowatt", "Вт": "power-watt", "км": "length-kilometer", "м": "length-meter",
        "см": "length-centimeter", "мм": "length-millimeter", "кг": "mass-kilogram", "г": "mass-gram",
        "л": "volume-liter", "мл": "volume-milliliter", "год": "duration-hour", "хв": "duration-minute",
        "с": "duration-second", "гПа": "pressure-hectopascal",
    },
    "bg": {
        "км/ч": "speed-kilometer-per-hour", "м/с": "speed-meter-per-second", "км": "length-kilometer",
        "м": "length-meter", "см": "length-centimeter", "кг": "mass-kilogram", "г": "mass-gram", "л": "volume-liter",
        "ч": "duration-hour", "мин": "duration-minute",
    },
}  # fmt: skip

# What people call their money, by CLDR's plural category; CLDR says "Swedish kronor".
CURRENCIES: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("cs", "CZK"): {"one": "koruna", "few": "koruny", "many": "koruny", "other": "korun"},
    ("da", "DKK"): {"one": "krone", "other": "kroner"},
    ("hu", "HUF"): {"other": "forint"},
    ("nb", "NOK"): {"one": "krone", "other": "kroner"},
    ("pl", "PLN"): {"one": "złoty", "few": "złote", "many": "złotych", "other": "złotego"},
    ("ro", "RON"): {"one": "leu", "few": "lei", "other": "de lei"},
    ("sv", "SEK"): {"one": "krona", "other": "kronor"},
    ("tr", "TRY"): {"other": "lira"},
    ("uk", "UAH"): {"one": "гривня", "few": "гривні", "many": "гривень", "other": "гривні"},
}
MONEY_SIGNS: Final[dict[str, dict[str, str]]] = {
    "bg": {"лв.": "BGN", "лв": "BGN"},
    "cs": {"Kč": "CZK"},
    "da": {"kr.": "DKK", "kr": "DKK"},
    "hu": {"Ft": "HUF"},
    "is": {"kr.": "ISK", "kr": "ISK"},
    "nb": {"kr": "NOK"},
    "ro": {"lei": "RON"},
    "sv": {"kr": "SEK", "kronor": "SEK"},
    "tr": {"TL": "TRY"},
    "uk": {"грн": "UAH"},
}

# Written -> spoken.
ABBREVIATIONS: Final[dict[str, dict[str, str]]] = {
    "cs": {"např.": "například", "atd.": "a tak dále", "tj.": "to jest", "hod.": "hodin"},
    "da": {"f.eks.": "for eksempel", "bl.a.": "blandt andet", "ca.": "cirka", "kl.": "klokken", "osv.": "og så videre"},
    "fi": {"esim.": "esimerkiksi", "klo": "kello", "mm.": "muun muassa", "jne.": "ja niin edelleen", "n.": "noin"},
    "hu": {"pl.": "például", "kb.": "körülbelül", "stb.": "és így tovább"},
    "nb": {"f.eks.": "for eksempel", "bl.a.": "blant annet", "ca.": "cirka", "kl.": "klokken", "osv.": "og så videre"},
    "nl": {
        "bijv.": "bijvoorbeeld", "bv.": "bijvoorbeeld", "enz.": "enzovoort", "o.a.": "onder andere", "ca.": "circa",
        "dhr.": "de heer", "mevr.": "mevrouw", "nr.": "nummer", "a.u.b.": "alstublieft", "max.": "maximaal",
        "min.": "minimaal", "incl.": "inclusief", "excl.": "exclusief", "i.p.v.": "in plaats van", "t/m": "tot en met",
    },
    "pl": {"np.": "na przykład", "itd.": "i tak dalej", "m.in.": "między innymi", "ok.": "około", "nr": "numer"},
    "ro": {"nr.": "numărul", "etc.": "et cetera"},
    "sv": {"t.ex.": "till exempel", "bl.a.": "bland annat", "ca": "cirka", "kl.": "klockan", "osv.": "och så vidare"},
    "tr": {"vb.": "ve benzeri", "örn.": "örneğin", "yak.": "yaklaşık"},
    "uk": {"напр.": "наприклад", "вул.": "вулиця", "та ін.": "та інше"},
}  # fmt: skip
