"""Russian. Sources: CLDR 46 for plural forms and units; Розенталь, Справочник по правописанию, §§ 164-167."""

import re
from typing import ClassVar, Final

from babel.dates import get_month_names

from .grammar import COMMA_NUMBER, Grammar, Number, spell

_PARTS: Final = {1: ("десятая", "десятых"), 2: ("сотая", "сотых"), 3: ("тысячная", "тысячных")}
_NOMINATIVE_LEAD = re.compile(
    r"(?:\b(?:сегодня|завтра|вчера|дата|это|наступило)(?:\s(?:понедельник|вторник|среда|четверг|пятница|суббота|воскресенье))?\s*[:,—–-]?\s*)$",
    re.IGNORECASE,
)
# Verbs whose object a fraction may be, and the prepositions with the same case.
_ACCUSATIVE = re.compile(
    r"\b(?:(?:до|при|на|под|раз|в)?(?:бав|ле|сып|кла|лож|мер|вес)\w*(?:те|ь|ить|ять|й)|возьми\w*|взять|вып\w+|купи\w*"
    r"|использу\w*|через|на|за|про|съе\w+)(?:\s\w+)?\s$",
    re.IGNORECASE,
)
_GENITIVE: Final = frozenset("до от около более менее ниже выше свыше после без для из больше меньше".split())
_ORDINAL_ENDINGS: Final = {
    "й": "masculine",
    "ый": "masculine",
    "ий": "masculine",
    "ой": "masculine",
    "я": "feminine",
    "ая": "feminine",
    "е": "neuter",
    "ое": "neuter",
    "го": "masculine-genitive",
    "ого": "masculine-genitive",
    "му": "masculine-dative",
    "ому": "masculine-dative",
    "м": "masculine-locative",
    "ом": "masculine-locative",
    "ю": "feminine-accusative",
    "ую": "feminine-accusative",
    "х": "plural-genitive",
    "ых": "plural-genitive",
    "ым": "masculine-ablative",
    "е гг": "plural",
}


_HUNDREDS: Final = ["", "сот", *(f"{stem}сот" for stem in "двух трёх четырёх пяти шести семи восьми девяти".split())]
_ACCUSATIVE_LEADS: Final = frozenset("через за на про спустя".split())
_ONE_FEMININE = re.compile(r"(?<!1)1$")


class Russian(Grammar):
    """Russian. A noun takes one of four forms: after 1, after 2-4, after 5-20, after a fraction."""

    code = "ru"
    pair_link = " и "
    point_groups = False
    number = COMMA_NUMBER
    point = "целых"
    signs: ClassVar = {
        "-": "минус",
        "+": "плюс",
        "±": "плюс-минус",
        "=": "равно",
        "<": "меньше",
        ">": "больше",
        "≥": "не менее",
        "≤": "не более",
        "×": "на",
        "÷": "разделить на",
        "~": "примерно",
        "&": "и",
        "and": "и",
        "@": "собака",
        ".": "точка",
        "/": "слэш",
        "dash": "дефис",
        "_": "нижнее подчёркивание",
        ":": "двоеточие",
        "§": "параграф",
        "‰": "промилле",
        "version": "версия",
        "ratio": "к",
        "≠": "не равно",
        "squared": "в квадрате",
        "cubed": "в кубе",
        "over": "дробь",
        "#": "номер",
    }
    per: ClassVar = {
        "gallon": "за галлон",
        "hour": "в час",
        "second": "в секунду",
        "minute": "в минуту",
        "day": "в день",
        "week": "в неделю",
        "month": "в месяц",
        "year": "в год",
        "kilowatt-hour": "за киловатт-час",
        "square-meter": "на квадратный метр",
        "cubic-meter": "на кубический метр",
        "kilogram": "за килограмм",
        "liter": "за литр",
        "kilometer": "на километр",
        "person": "на человека",
    }
    units: ClassVar = {
        "energy-watt-hour": ("ватт-час", "ватт-часа", "ватт-часов", "ватт-часа"),
        "energy-megawatt-hour": ("мегаватт-час", "мегаватт-часа", "мегаватт-часов", "мегаватт-часа"),
        "concentr-ppm": ("ппм",),
        "concentr-ppb": ("ппб",),
        "mass-microgram": ("микрограмм", "микрограмма", "микрограмм", "микрограмма"),
        "speed-beaufort": ("балл", "балла", "баллов", "балла"),
        "sound-decibel": ("децибел", "децибела", "децибел", "децибела"),
        "sound-dbm": ("децибел-милливатт", "децибел-милливатта", "децибел-милливатт", "децибел-милливатта"),
        "electric-ampere-hour": ("ампер-час", "ампер-часа", "ампер-часов", "ампер-часа"),
        "electric-milliampere-hour": ("миллиампер-час", "миллиампер-часа", "миллиампер-часов", "миллиампер-часа"),
        "power-voltampere": ("вольт-ампер", "вольт-ампера", "вольт-ампер", "вольт-ампера"),
        "light-lumen": ("люмен", "люмена", "люменов", "люмена"),
        "digital-bit": ("бит", "бита", "бит", "бита"),
        "temperature-kelvin": ("кельвин", "кельвина", "кельвинов", "кельвина"),
        "rotation-rpm": ("оборот в минуту", "оборота в минуту", "оборотов в минуту", "оборота в минуту"),
        "electric-millivolt": ("милливольт", "милливольта", "милливольт", "милливольта"),
        "pressure-kilopascal": ("килопаскаль", "килопаскаля", "килопаскалей", "килопаскаля"),
        "pressure-millimeter-hg": (
            "миллиметр ртутного столба",
            "миллиметра ртутного столба",
            "миллиметров ртутного столба",
            "миллиметра ртутного столба",
        ),
        "digital-mebibyte": ("мебибайт", "мебибайта", "мебибайт", "мебибайта"),
        "digital-gibibyte": ("гибибайт", "гибибайта", "гибибайт", "гибибайта"),
        "mass-tonne": ("тонна", "тонны", "тонн", "тонны"),
        "count-piece": ("штука", "штуки", "штук", "штуки"),
    }
    currencies: ClassVar = {
        "EUR": (("евро",), ("цент", "цента", "центов", "цента")),
        "USD": (("доллар", "доллара", "долларов", "доллара"), ("цент", "цента", "центов", "цента")),
        "GBP": (("фунт", "фунта", "фунтов", "фунта"), ("пенс", "пенса", "пенсов", "пенса")),
        "JPY": (("иена", "иены", "иен", "иены"), ()),
        "CNY": (("юань", "юаня", "юаней", "юаня"), ("фэнь", "фэня", "фэней", "фэня")),
        "RUB": (("рубль", "рубля", "рублей", "рубля"), ("копейка", "копейки", "копеек", "копейки")),
        "KRW": (("вона", "воны", "вон", "воны"), ()),
        "INR": (("рупия", "рупии", "рупий", "рупии"), ("пайса", "пайсы", "пайс", "пайсы")),
        "CHF": (
            ("швейцарский франк", "швейцарских франка", "швейцарских франков", "швейцарского франка"),
            ("сантим", "сантима", "сантимов", "сантима"),
        ),
        "BRL": (("реал", "реала", "реалов", "реала"), ("сентаво",)),
        "cent": (("цент", "цента", "центов", "цента"), ()),
        "penny": (("пенс", "пенса", "пенсов", "пенса"), ()),
        "kopek": (("копейка", "копейки", "копеек", "копейки"), ()),
    }
    denominators: ClassVar = {
        2: ("вторая", "вторых"),
        3: ("треть", "трети"),
        4: ("четверть", "четверти"),
        5: ("пятая", "пятых"),
        6: ("шестая", "шестых"),
        8: ("восьмая", "восьмых"),
        10: ("десятая", "десятых"),
    }
    many_form = 2
    counts = (1, 2, 5, 1.5)
    halves: ClassVar = {"1/2": "одна вторая", "n 1/2": "{} с половиной"}
    numero = "номер {}"
    magnitudes: ClassVar = {
        "тыс.": "тысяча",
        "тыс": "тысяча",
        "млн": "миллион",
        "млрд": "миллиард",
        "млн.": "миллион",
        "млрд.": "миллиард",
        "трлн": "триллион",
    } | {
        word: word
        for word in (
            *("тысяча", "тысячи", "тысяч", "миллион", "миллиона", "миллионов"),
            *("миллиард", "миллиарда", "миллиардов", "триллионов"),
        )
    }
    abbreviations: ClassVar = {
        "т. е.": "то есть",
        "т.е.": "то есть",
        "и т. д.": "и так далее",
        "и т.д.": "и так далее",
        "и т. п.": "и тому подобное",
        "и т.п.": "и тому подобное",
        "и др.": "и другие",
        "напр.": "например",
        "на ул.": "на улице",
        "на пл.": "на площади",
        "на просп.": "на проспекте",
        "ул.": "улица",
        "пр.": "проспект",
        "просп.": "проспект",
        "д.": "дом",
        "кв.": "квартира",
        "г-н": "господин",
        "г-жа": "госпожа",
        "макс.": "максимум",
        "мин.": "минимум",
        "тел.": "телефон",
        "стр.": "страница",
        "пл.": "площадь",
        "пер.": "переулок",
        "корп.": "корпус",
        "ок.": "около",
    }

    def plural(self, number: Number) -> int:
        if number.fraction:
            return 3
        last, tens = int(number.whole[-1:] or 0), int(number.whole[-2:] or 0)
        if last == 1 and tens != 11:
            return 0
        return 1 if 2 <= last <= 4 and not 12 <= tens <= 14 else 2

    def _cldr_unit(self, unit: str, form: int) -> str:
        if form == 3:
            return self._cldr_unit(unit, 1).replace("ических ", "ического ").replace("атных ", "атного ")
        return self._sample(unit, (1, 2, 5)[form])

    def decimal(self, whole: str, fraction: str) -> str:
        """ "двадцать одна целая пять десятых": the numerals agree with feminine nouns, so 1 and 2 are written out."""
        if len(fraction) > 3:
            return f"{whole} и {' '.join(fraction)}"
        digits = fraction.lstrip("0") or "0"
        part = _PARTS[len(fraction)][self.plural(Number(digits)) != 0]
        return (
            f"{_feminine(whole)} {'целая' if self.plural(Number(whole)) == 0 else 'целых'} {_feminine(digits)} {part}"
        )

    def range(self, first: str, last: str) -> str:
        return f"от {first} до {last}"

    def quantity_range(self, first: Number, last: Number, unit: str) -> str:
        form = 3 if last.fraction or self.plural(last) == 0 else 2  # genitive: "до 21 градуса", "до 25 градусов"
        return self._unit(unit, form).format(self.range(self.say(first), self.say(last)))

    def quantity(self, number: Number, unit: str, before: str = "") -> str:
        """ "до 21 градуса", "около 5 минут": the genitive, where the preposition asks for it."""
        lead = before.rstrip().rpartition(" ")[2].casefold()
        if lead in ("около", "более", "менее", "до", "от") and (number.whole, number.fraction) == ("1", "5"):
            return f"полутора {self.unit_form(unit, 2)}"
        if lead in ("при", "о") and not number.fraction and (spoken := self._locative(number, unit)):
            return spoken
        if lead in _ACCUSATIVE_LEADS and _ONE_FEMININE.search(number.whole) and not number.fraction:
            noun = self.unit_form(unit, 0)
            if noun.split()[0][-1] in "ая":
                words = spell(int(number.whole), "ru", "spellout-cardinal-feminine")
                return f"{re.sub('одна$', 'одну', words)} {_FEMININE_NOUN.sub(_to_accusative, noun, count=1)}"
        if number.fraction or lead not in _GENITIVE:
            return super().quantity(number, unit, before)
        return self._unit(unit, 3 if self.plural(number) == 0 else 2).format(self.say(number))

    def _locative(self, number: Number, unit: str) -> str | None:
        """ "при 20 градусах": the prepositional, of nouns that show it plainly."""
        if self.plural(number) == 0:
            head, _, rest = self.unit_form(unit, 0).partition(" ")
            if head[-1] in "аяьй":
                return None
            return f"{self.say(number)} {head}е {rest}".strip()
        head, _, rest = self.unit_form(unit, 2).partition(" ")
        return f"{self.say(number)} {head[:-2]}ах {rest}".strip() if head.endswith("ов") else None

    def magnitude(self, word: str, number: Number) -> str:
        noun, form = self.magnitudes[word], self.plural(number)
        if noun == word:
            return word
        if noun == "тысяча":
            return ("тысяча", "тысячи", "тысяч", "тысячи")[form]
        return noun + ("", "а", "ов", "а")[form]

    def join_cents(self, amount: str, cents: str, word: str) -> str:
        return f"{amount} {cents} {word}"

    def fraction(self, numerator: int, denominator: int, whole: str = "") -> str | None:
        if whole and (numerator, denominator) == (1, 2):
            return f"{whole} с половиной" if whole != "1" else "полтора"
        return super().fraction(numerator, denominator, whole)

    def fraction_words(self, numerator: int, names: tuple[str, str]) -> str:
        return f"{spell(numerator, 'ru', 'spellout-cardinal-feminine')} {names[numerator > 1]}"

    def denominator(self, denominator: int) -> tuple[str, str] | None:
        name = spell(denominator, "ru", "spellout-ordinal-feminine")
        return name, spell(denominator, "ru", "spellout-ordinal-plural-genitive")

    def object_of(self, before: str, spoken: str) -> str:
        return _accusative(spoken) if _ACCUSATIVE.search(before) else spoken

    def part(self, numerator: int, denominator: int, whole: str, unit: str, before: str) -> str | None:
        noun = self._unit(unit, 3).replace("{}", "").strip()
        spoken = self.fraction(numerator, denominator)
        if spoken is None:
            return None
        if (numerator, denominator) == (1, 2):
            if whole == "1":
                return f"{'полторы' if self.unit_noun(unit).split()[0][-1] in 'ая' else 'полтора'} {noun}"
            if whole:
                counted = self._unit(unit, self.plural(Number(whole))).replace("{}", "").strip()
                return f"{_feminine(whole)} с половиной {counted}"
            if unit == "duration-hour":
                return "полчаса"
            spoken = "половина"
        elif whole:
            spoken = f"{_feminine(whole)} {'целая' if self.plural(Number(whole)) == 0 else 'целых'} {spoken}"
        return f"{self.object_of(before, spoken)} {noun}"

    def ordinal(self, number: int, suffix: str, before: str, after: str) -> str | None:
        suffix = suffix.lstrip("-")
        if suffix in ("х", "ти", "ми", "мя") and (cardinal := self._inflected(number, suffix, after)):
            return cardinal
        form = _ORDINAL_ENDINGS.get(suffix)
        if suffix == "е" and number % 10 == 0 and not re.match(r"\s(?:число|место|января|февраля|ма[яй])", after):
            form = "plural"  # "1990-е"
        if form == "neuter" and after.lstrip().startswith(("годы", "числа", "места")):
            form = "plural"  # "90-е годы"
        return self._ordinal(number, f"spellout-ordinal-{form}") if form else None

    def _inflected(self, number: int, suffix: str, after: str) -> str | None:
        """ "2-х часов" is "двух часов", "5-ти" is "пяти"; but "90-х годов" are the nineties."""
        if suffix == "х" and (number > 4 or re.match(r"\sгод", after)):
            return None
        few = {2: ("двух", "двумя"), 3: ("трёх", "тремя"), 4: ("четырёх", "четырьмя")}.get(number)
        if few:
            return few[suffix in ("ми", "мя")]
        if suffix == "ти" and (5 <= number <= 20 or number == 30):
            words = spell(number, "ru", "spellout-cardinal-masculine")
            return "восьми" if number == 8 else f"{words[:-1]}и"
        return None

    def _ordinal(self, number: int, ruleset: str) -> str:
        """An ordinal; CLDR has none for 200 to 900."""
        if number % 100 or not number % 1000 or number < 200:
            return spell(number, "ru", ruleset).removeprefix("одна ")
        ending = spell(100, "ru", ruleset).removeprefix("сот")
        hundred = _HUNDREDS[number // 100 % 10] + ending
        return (
            spell(number - number % 1000, "ru", "spellout-cardinal-masculine").removeprefix("одна ") + " "
            if number > 999
            else ""
        ) + hundred

    def date(self, day: int, month: int, year: str, before: str) -> str:
        word = before.rstrip().rpartition(" ")[2].casefold()
        if _NOMINATIVE_LEAD.search(before) or word in ("по", "на"):
            case = "neuter"
        else:
            case = "neuter-dative" if word in ("к", "ко") else "neuter-genitive"
        spoken = f"{spell(day, 'ru', f'spellout-ordinal-{case}')} {self.month(month)}"
        return f"{spoken} {self.year(int(year), 'genitive')} года" if year else spoken

    def month_year(self, month: int, year: str) -> str:
        name = get_month_names("wide", context="stand-alone", locale="ru")[month]
        return f"{name} {self.year(int(year), 'genitive')} года"

    def year(self, year: int, case: str) -> str:
        """A year as an ordinal: "две тысячи двадцать шестого"."""
        return spell(year, "ru", "spellout-ordinal-masculine" + (f"-{case}" if case else "")).removeprefix("одна ")

    def clock(self, hour: int, minute: int, second: int | None, period: str) -> str:
        if period:
            hour = hour % 12 + (12 if period == "pm" else 0)
        if second is not None:
            parts = ((hour, "duration-hour"), (minute, "duration-minute"), (second, "duration-second"))
            return " ".join(self.count(number, unit) for number, unit in parts)
        if minute == 0:
            return self.count(hour, "duration-hour")
        return f"{hour} {minute}" if minute > 9 else f"{hour} ноль {minute}"

    def count(self, number: int, unit: str) -> str:
        """A whole number with its unit."""
        return self.quantity(Number(str(number)), unit)


_FEMININE_NOUN = re.compile(r"[ая]\b")


def _to_accusative(match: re.Match[str]) -> str:
    return {"а": "у", "я": "ю"}[match[0]]


def _accusative(words: str) -> str:
    """ "одна вторая" -> "одну вторую", "половина" -> "половину"."""
    for nominative, accusative in (("одна", "одну"), ("половина", "половину"), ("ая", "ую")):
        words = re.sub(rf"{nominative}\b", accusative, words)
    return words


def _feminine(digits: str) -> str:
    """A number as digits, or in words where its feminine form differs: одна, две."""
    if len(digits) <= 12 and digits[-1] in "12" and digits[-2:] not in ("11", "12"):
        return spell(int(digits), "ru", "spellout-cardinal-feminine")
    return digits
