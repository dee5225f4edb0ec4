"""Abbreviated weekdays: in ranges and lists, before a time or a date, after "on", and in brackets behind a date."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from ..sentences.full_stop import starts_german_sentence
from .context import text_after, word_before
from .grammars.grammar import Grammar
from .rule import Rule, alternatives

_NAMES: Final = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday",
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag",
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "lunes martes miércoles jueves viernes sábado domingo",
    "it": "lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "pt": "segunda terça quarta quinta sexta sábado domingo",
    "ru": "понедельник вторник среда четверг пятница суббота воскресенье",
}
_SHORT: Final = {
    "en": "Mon|Tue Tues|Wed|Thu Thur Thurs|Fri|Sat|Sun",
    "de": "Mo|Di|Mi|Do|Fr|Sa|So",
    "fr": "lun|mar|mer|jeu|ven|sam|dim",
    "es": "lun|mar|mié miér|jue|vie|sáb|dom",
    "it": "lun|mar|mer|gio|ven|sab|dom",
    "pt": "seg|ter|qua|qui|sex|sáb|dom",
    "ru": "пн|вт|ср|чт|пт|сб|вс",
}
_GENITIVE: Final = "понедельника вторника среды четверга пятницы субботы воскресенья".split()
_ACCUSATIVE: Final = "понедельник вторник среду четверг пятницу субботу воскресенье".split()
_LINKS: Final = {
    "en": "to through thru until",
    "de": "bis",
    "fr": "à au",
    "es": "a al",
    "it": "a al",
    "pt": "a à até",
    "ru": "по до",
}
_ANDS: Final = {"en": "and", "de": "und", "fr": "et", "es": "y", "it": "e", "pt": "e", "ru": "и"}
# What is in front of a range already, so that it is not said twice.
_FROMS: Final = {
    "fr": ("du", "du {} au {}"),
    "es": ("de", "de {} a {}"),
    "it": ("da", "da {} a {}"),
    "pt": ("de", "de {} a {}"),
    "ru": ("с", "с {} по {}"),
}
_RANGE: Final = {"en": "{} to {}", "de": "{} bis {}"}
_LEADS: Final = {
    "en": "on next this every last by until from each since",
    "de": "am bis ab vom von jeden nächsten seit zum letzten kommenden diesen und oder",
    "fr": "le ce chaque du au jusqu'au prochain",
    "es": "el los cada este del al próximo",
    "it": "il ogni di dal al questo prossimo",
    "pt": "na no toda todo próxima próximo até esta este",
    "ru": "в во на до с к по от каждый каждую следующий следующую",
}
# Abbreviations that are words too: after "the" they need a figure or a full stop behind them.
_WORDS: Final = frozenset("mar mer jeu vie sam dim ven sal ter qua qui sex dom seg lun gio sab sun sat".split())
_FIGURES: Final = (
    r"(?=\.?,?:?\s(?:\d{1,2}[:.hH/]\d|\d{1,2}\s?(?:Uhr|[hH]\b|[ap]\.?m)|\d{1,2}\s?[-–]\s?\d{1,2}\b(?!\s?[°%])"
    r"|(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec)\w*\.?\s\d"
    r"|(?:um|at|à|a las|alle|às|в|@|von|from|de|dalle|das|с)\s\d"
    r"|\d{1,2}(?:\.|st|nd|rd|th|er)?\s(?:de\s)?[A-Za-zа-я]{3})|\.?:\s[-−]?\d)"
)
_GERMAN_NAME = re.compile(r"\s[A-ZÄÖÜ]\w+(?:\s|[.,]|$)")
_EAST_ASIAN: Final = {"ja": "月火水木金土日", "ko": "월화수목금토일", "zh": "一二三四五六日天"}


def short_names() -> set[str]:
    """Every abbreviation of a weekday, in every language, as it may be written."""
    names = set(_EAST_ASIAN["ko"])
    for code, words in _SHORT.items():
        names.update(words.replace("|", " ").split())
        if code not in ("de", "en"):
            names.update(words.replace("|", " ").title().split())
    return names


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for weekdays; they come before those for abbreviations and dates."""
    if grammar.code in _EAST_ASIAN:
        return _east_asian_rules(grammar.code)
    return _Weekdays(grammar.code).rules()


class _Weekdays:
    """The weekdays of one language with an alphabet."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._names = _NAMES[code].split()
        self._numbers: dict[str, int] = {}
        for number, (name, short) in enumerate(zip(self._names, _SHORT[code].split("|"), strict=True)):
            for word in (name, *short.split()):
                self._numbers[word] = number
                if code not in ("de", "en"):
                    self._numbers[word.capitalize()] = number
        self._short = [word for word in self._numbers if word.casefold() not in map(str.casefold, self._names)]

    def rules(self) -> list[Rule]:
        """Ranges first."""
        code = self._code
        day, short = rf"(?:{alternatives(self._numbers)})\.?", rf"(?:{alternatives(self._short)})"
        left, right = r"(?<![\w'’.-])", r"(?![\w-])"
        words = alternatives(_LINKS[code].split())
        span = re.compile(rf"{left}({day})(?:\s?[-–—]\s?|\s(?:{words})\s)({day}){right}")
        short_day = rf"{short}\.?"
        chain = re.compile(rf"{left}{short_day}(?:(?:,\s|/|\s[&+]\s|\s{_ANDS[code]}\s){short_day})+{right}")
        figures = re.compile(rf"{left}({short})\.?(?!\w){_FIGURES}")
        brackets = re.compile(rf"(?<=[\w.]\s\()({short})\.?(?=\))")
        leads = alternatives({*_LEADS[code].split(), *map(str.capitalize, _LEADS[code].split())})
        led = re.compile(rf"(?:(?<=\s)|^)({leads})\s({short})(\.?){right}")
        return [
            Rule("weekday", span, self._stopped(self._span)),
            Rule("weekday", chain, self._stopped(self._chain)),
            Rule("weekday", figures, self._one),
            Rule("weekday", brackets, self._one, "("),
            Rule("weekday", led, self._stopped(self._led)),
        ]

    def _stopped(self, spoken: Callable[[re.Match[str]], str | None]) -> Callable[[re.Match[str]], str | None]:
        """The full stop of an abbreviation is kept where it ends the sentence too."""

        def finished(match: re.Match[str]) -> str | None:
            after = spoken(match)
            following = text_after(match).split(maxsplit=1)[:1]
            if after is None or not match[0].endswith(".") or not following or not following[0][0].isupper():
                return after
            if self._code == "de" and not starts_german_sentence(following[0]):
                return after
            return f"{after}."

        return finished

    def _number(self, word: str) -> int:
        return self._numbers[word.strip(".")]

    def _is_short(self, word: str) -> bool:
        return word.strip(".") in self._short

    def _span(self, match: re.Match[str]) -> str | None:
        """ "Mo.–Fr."."""
        first, last = match[1], match[2]
        if not (self._is_short(first) or self._is_short(last) or re.search(r"\w\s?[-–—]\s?\w", match[0])):
            return None
        begin, end = self._number(first), self._number(last)
        is_russian = self._code == "ru"
        names = (_GENITIVE if is_russian else self._names)[begin], (_ACCUSATIVE if is_russian else self._names)[end]
        if self._code in _RANGE:
            return _RANGE[self._code].format(*names)
        lead, pattern = _FROMS[self._code]
        spoken = pattern.format(*names)
        before = word_before(match)
        if before == "dal":
            return f"{names[0]} al {names[1]}"
        return spoken.partition(" ")[2] if before in (lead, "das", "со") else spoken

    def _chain(self, match: re.Match[str]) -> str | None:
        """ "Mo, Mi und Fr", "Sa/So"."""
        parts = re.split(r"(,\s|/|\s[&+]\s|\s\w+\s)", match[0])
        if not all(self._is_short(part) for part in parts[::2]):
            return None
        numbers = [self._number(part) for part in parts[::2]]
        if any(last <= first for first, last in pairwise(numbers)):
            return None  # "So, so" is no list of days
        names = [self._name(part, word_before(match)) for part in parts[::2]]
        links = [f" {_ANDS[self._code]} " if link.strip(" ") in "/&+" else link for link in parts[1::2]]
        links = [", " if link == ", " else link for link in links]
        return "".join(name + link for name, link in zip(names, [*links, ""], strict=True))

    def _one(self, match: re.Match[str]) -> str:
        return self._name(match[1], word_before(match))

    def _led(self, match: re.Match[str]) -> str | None:
        """ "am Fr.", "on Tue", "в ср"."""
        short, stop = match[2], match[3]
        if short.casefold() in _WORDS and short.islower() and not (stop and text_after(match).strip()):
            return None
        if self._code == "de" and (short, stop) == ("Fr", ".") and _GERMAN_NAME.match(match.string, match.end()):
            return None  # "von Fr. Müller"
        if not stop and short == "So" and match[1] in ("und", "oder"):
            return None
        return f"{match[1]} {self._name(short, match[1].casefold())}"

    def _name(self, word: str, lead: str) -> str:
        number = self._number(word)
        if self._code == "ru":
            if lead in ("в", "во", "на", "по", "каждую", "следующую"):
                return _ACCUSATIVE[number]
            if lead in ("с", "до", "от", "после"):
                return _GENITIVE[number]
        return self._names[number]


def _east_asian_rules(code: str) -> list[Rule]:
    days = _EAST_ASIAN[code]
    if code == "zh":
        day = rf"((?:周|星期|礼拜|週)[{days}])"
        span = re.compile(rf"{day}\s?[-–—~〜～]\s?((?:周|星期|礼拜|週)?[{days}])(?![\u4e00-\u9fff]*[曜])")
        bracket = re.compile(rf"(?<=[日号\d])\s?[(（]((?:周|星期|礼拜)?[{days}])[)）]")

        def spoken(match: re.Match[str]) -> str:
            prefix = "" if match[2][0] in "周星礼週" else match[1][:-1]
            return f"{match[1]}至{prefix}{match[2]}"

        def named(match: re.Match[str]) -> str:
            return match[1] if len(match[1]) > 1 else f"周{match[1]}"

        return [Rule("weekday", span, spoken, "-–—~〜～"), Rule("weekday", bracket, named, "(（")]
    if code == "ja":
        left, right = r"(?<![\u3041-\u30fa\u4e00-\u9fff\d])", r"(?![\u4e00-\u9fff\d])"
        span = re.compile(rf"{left}([{days}])(曜日?)?\s?[-–—~〜～]\s?([{days}])(曜日?)?{right}")
        before = re.compile(rf"{left}([{days}])\s?(?=\d{{1,2}}:\d\d)")
        chain = re.compile(rf"{left}[{days}](?:[・/][{days}])+(?:曜日?)?{right}")
        bracket = re.compile(rf"(?<=[日\d])\s?[(（]([{days}])(?:曜日?)?(?:[・、](祝日?))?[)）]")
        return [
            Rule(
                "weekday", span, lambda m: f"{m[1]}{m[2] or m[4] or '曜'}から{m[3]}{m[4] or m[2] or '曜'}", "-–—~〜～"
            ),
            Rule("weekday", chain, lambda m: "、".join(f"{d}曜" for d in m[0] if d in days and d != "曜"), "・/"),
            Rule("weekday", before, lambda m: f"{m[1]}曜", ":"),
            Rule("weekday", bracket, lambda m: f"{m[1]}曜日" + ("、祝日" if m[2] else ""), "(（"),
        ]
    span = re.compile(rf"(?<![\w])([{days}])(?:요일)?\s?[-–—~〜～]\s?([{days}])(?:요일)?(?:\s?까지)?(?![가-힣])")
    chain = re.compile(rf"(?<![\w])[{days}](?:[·・/,]\s?[{days}])+(?![가-힣\w])")
    before = re.compile(rf"(?<![\w])([{days}])(?=\s\d{{1,2}}:\d\d)")
    bracket = re.compile(rf"(?<=[일\d.])\s?[(（]([{days}])(?:요일)?[)）]")
    return [
        Rule("weekday", span, lambda m: f"{m[1]}요일부터 {m[2]}요일까지", "-–—~〜～"),
        Rule("weekday", chain, lambda m: ", ".join(f"{d}요일" for d in m[0] if d in days), "·・/,"),
        Rule("weekday", before, lambda m: f"{m[1]}요일", ":"),
        Rule("weekday", bracket, lambda m: f" {m[1]}요일", "(（"),
    ]
