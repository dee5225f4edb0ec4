"""Fractions, ordinals, ranges, signed and decimal numbers that nothing else has claimed."""

import re
from typing import Final

from ..sentences.full_stop import starts_german_sentence
from .context import text_before, word_before
from .grammars.grammar import LEFT, RIGHT, Grammar, spell
from .rule import Rule, alternatives
from .units import DASH, spoken_range

_VULGAR: Final = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅕": (1, 5),
    "⅖": (2, 5),
    "⅗": (3, 5),
    "⅘": (4, 5),
    "⅙": (1, 6),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
}
_VULGAR_NUMBER = re.compile(rf"(?:(?<!\d)(\d++)\s?)?([{''.join(_VULGAR)}])")
_TIMES = re.compile(r"(?<=[\d\ue000-\ue009])\s?[x×*·]\s?(?=[\d\ue000-\ue009])")
_PAGES: Final = frozenset("page seite página pagina страница стр folge teil part step schritt étape paso".split())
_OF: Final = {"de": "von", "en": "of", "fr": "sur", "es": "de", "it": "di", "pt": "de", "ru": "из"}
_COUNTED_RANGE = re.compile(
    r"(?<=[日月年時时分秒点度号页頁元円回次人歳階楼원일월년시분초도명회층])\s?[-–—~〜～]\s?(?=\d)"
)
_PER_COUNT = re.compile(r"(?<=[\u4e00-\u9fff])/(?=小时|秒|分钟|天|月|年|人|公斤|升|次)")
_HALF_HOUR = re.compile(r"(?<![\d/])(?:1/2|½) ?(?:Stunde|hour|hora|heure|ora|часа)\b")
_HALF_HOURS: Final = {
    "de": "eine halbe Stunde",
    "en": "half an hour",
    "es": "media hora",
    "fr": "une demi-heure",
    "it": "mezz'ora",
    "pt": "meia hora",
    "ru": "полчаса",
}
_DIVIDED = re.compile(r"(?<=\d) / (?=\d)")
_FRACTION = re.compile(rf"{LEFT}(?:(\d{{1,3}})\s)?(\d{{1,2}})[/⁄](\d{{1,3}})(?![0-9/]|[.,]\d|\s?%)")
_ORDINAL_SUFFIX: Final = {
    "en": r"(st|nd|rd|th)\b",
    "de": r"(\.)(?=\s?[^\W\d_])",
    "fr": r"(er|re|ère|e|ème|ième|eme|nde|nd|de)s?\b",
    "es": r"(\.?(?:[ºª](?![A-Za-z])|er\b))",
    "it": r"([ºª])(?![A-Za-z])",
    "pt": r"(\.?[ºª])(?![A-Za-z])",
    "ru": r"(-(?:ый|ий|ой|й|ая|я|ое|е|ого|го|ому|му|ом|м|ую|ю|ых|х|ым))\b",
}
_NUMERO = re.compile(
    r"(?<![A-Za-z\u00c0-\u024f\d])(?:№\s?|#|[Nn]°\s?|[Nn][º]\s?|(?:Nr|No|Num|n[or](?=\.\s?\d+\s(?:est|ist|war)))\.\s?)(?P<number>\d{1,6})(?![\d]|[.,]\d)"
)
_LETTERS_AFTER = re.compile(r"^\s?[^\W\d_]")


def marked_rules(grammar: Grammar) -> list[Rule]:
    """The rules for numbers that carry a mark of their own: "No. 5", "3rd"; they come before those for units."""
    found = [Rule("number-sign", _NUMERO, lambda match: grammar.numero.format(match["number"]), "0")]
    if suffix := _ORDINAL_SUFFIX.get(grammar.code):
        ordinal = re.compile(rf"{LEFT}(\d{{1,4}}){suffix}")
        found.append(Rule("ordinal", ordinal, lambda match: _ordinal(match, grammar), "0"))
    if grammar.code == "it":  # "il 3° piano", but "21° e sole"
        floor = re.compile(
            r"(?:(?<=[IiAa]l )|(?<=[DdNn]el )|(?<=[Dd]al )|(?<=[Ss]ul ))(\d{1,2})°(?=\s(?!e\b|in\b|a\b|fuori\b)[a-z])"
        )
        found.append(Rule("ordinal", floor, lambda match: grammar.ordinal(int(match[1]), "°", "", ""), "°"))
    if grammar.code == "ru":
        year = re.compile(rf"{LEFT}((?:1[5-9]|20|21)\d\d)\s?(г\.|году|года|годом|год)(?![А-я])")
        found.append(Rule("year", year, _russian_year, "0"))
    return found


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for bare numbers, in the order they must be tried."""
    return [
        Rule("fraction", _HALF_HOUR, lambda match: _HALF_HOURS.get(grammar.code), "½/"),
        Rule("fraction", _VULGAR_NUMBER, lambda match: _vulgar(match, grammar), "".join(_VULGAR)),
        Rule("fraction", _FRACTION, lambda match: _fraction(match, grammar), "/⁄"),
        *_plain_rules(grammar),
    ]


def _plain_rules(grammar: Grammar) -> list[Rule]:
    number, say, parse = grammar.number, grammar.say, grammar.parse
    gap = "" if grammar.code in ("ja", "zh") else " "
    chain = re.compile(rf"{LEFT}\d{{1,6}}(?:[-–]\d{{1,6}}){{2,8}}(?![0-9A-Za-z])")
    link = {"ja": "の", "zh": "杠", "ko": " 다시 "}.get(grammar.code, " ")
    ratio = re.compile(rf"{LEFT}(\d{{1,3}}):(\d{{1,3}})(?![\d:])")
    span = re.compile(rf"{LEFT}(?P<first>{number}){DASH}(?P<last>{number})(?![0-9A-Za-wyz]|[-–.,:/]\d)")
    signed = re.compile(rf"{LEFT}(?P<sign>[-−–+±])\s?(?P<number>{number})(?!\d)")
    odd = re.compile(rf"(?<![0-9.,])(?P<number>{number})(?![0-9]|[.,]\d)")
    found = [
        Rule("number", chain, lambda match: _chain(match, grammar, link), "-–"),
        Rule("ratio", ratio, lambda match: f"{match[1]}{gap}{grammar.signs['ratio']}{gap}{match[2]}", ":"),
        Rule("range", span, lambda match: _range(match, grammar), "0"),
        Rule("sign", _DIVIDED, f"{gap}{grammar.signs['÷']}{gap}", "/"),
        Rule("sign", _TIMES, f"{gap}{grammar.signs['×']}{gap}", "x×*·"),
        Rule("sign", signed, lambda match: say(parse(match["sign"] + match["number"])), "0"),
        Rule("number", odd, lambda match: _plain(match, grammar), "0"),
    ]
    if grammar.code in ("ja", "ko", "zh"):
        joint = grammar.range("", "")
        found.insert(0, Rule("range", _COUNTED_RANGE, joint, "-–—~〜～"))
        if grammar.code == "zh":
            found.append(Rule("sign", _PER_COUNT, "每", "/"))
    return ([_magnitude_rule(grammar)] if grammar.code in ("de", "ru") else []) + found


def _chain(match: re.Match[str], grammar: Grammar, link: str) -> str:
    """ "1-2-3"; so many digits that it must be a telephone number are read one by one."""
    groups = re.findall(r"\d+", match[0])
    return ", ".join(map(grammar.digits, groups)) if len("".join(groups)) > 9 else link.join(groups)


def _magnitude_rule(grammar: Grammar) -> Rule:
    """ "5 Mio."."""
    pattern = re.compile(rf"{LEFT}({grammar.number})\s?({alternatives(grammar.magnitudes)}){RIGHT}")

    def spoken(match: re.Match[str]) -> str:
        number = grammar.parse(match[1])
        return f"{grammar.say(number)} {grammar.magnitude(match[2], number)}"

    return Rule("number", pattern, spoken, "0")


def _plain(match: re.Match[str], grammar: Grammar) -> str | None:
    """A number that is no plain whole one, kept apart from the letters it touched: "PM2.5"."""
    number = grammar.parse(match["number"])
    if (
        not number.fraction
        and number.whole == match["number"]
        and not (len(number.whole) > 1 and number.whole[0] == "0")
    ):
        return None
    text, start, end = match.string, match.start(), match.end()
    if grammar.code in ("ja", "zh"):
        return grammar.say(number)
    before = " " if start and text[start - 1].isalnum() and text[start - 1].isascii() else ""
    return before + grammar.say(number) + (" " if text[end : end + 1].isalpha() and text[end].isascii() else "")


def _range(match: re.Match[str], grammar: Grammar) -> str:
    first, last = (grammar.say(grammar.parse(match[group])) for group in ("first", "last"))
    if re.match(r"\s?=", match.string[match.end() :]):
        return f"{first} {grammar.signs['-']} {last}"
    if grammar.code == "ru" and _LETTERS_AFTER.match(match.string[match.end() :]):
        return f"{first} {last}"  # "3-4 раза" is "три четыре раза"
    return spoken_range(match, grammar, first, last)


def _ordinal(match: re.Match[str], grammar: Grammar) -> str | None:
    before, after = text_before(match), match.string[match.end() :]
    if (
        grammar.code == "de"
        and (not before.strip() or before.rstrip()[-1] in ".!?:")
        and not re.match(r"\s(?:\w+e?)?(?:Platz|Stock|Etage|Mal)", after)
    ):
        return None  # "1. Milch kaufen" is a list number
    following = after.split(maxsplit=1)[:1]
    if grammar.code == "de" and following and following[0][0].isupper() and starts_german_sentence(following[0]):
        return None  # "Es sind 23. Morgen wird es wärmer."
    return grammar.ordinal(int(match[1]), match[2].casefold(), before, after)


def _russian_year(match: re.Match[str]) -> str:
    word = match[2]
    before = word_before(match)
    if word == "г.":
        word = "году" if before == "в" else "года"
    form = {"году": "-locative", "года": "-genitive", "годом": "-ablative", "год": ""}[word]
    return f"{spell(int(match[1]), 'ru', f'spellout-ordinal-masculine{form}').removeprefix('одна ')} {word}"


def _vulgar(match: re.Match[str], grammar: Grammar) -> str | None:
    spoken = grammar.fraction(*_VULGAR[match[2]], whole=match[1] or "")
    return spoken and (
        f" {spoken}"
        if match.start() and match.string[match.start() - 1].isascii() and match.string[match.start() - 1].isalpha()
        else spoken
    )


def _fraction(match: re.Match[str], grammar: Grammar) -> str | None:
    numerator, denominator = int(match[2]), int(match[3])
    if word_before(match).strip(".") in _PAGES and grammar.code in _OF:
        return f"{numerator} {_OF[grammar.code]} {denominator}"
    if (numerator, denominator) == (24, 7) or numerator == denominator:
        return f"{numerator} {denominator}"
    if numerator and denominator and (spoken := grammar.fraction(numerator, denominator, match[1] or "")):
        return spoken
    gap = "" if grammar.code in ("ja", "zh") else " "
    if grammar.code in ("ja", "zh", "ko"):
        return f"{match[3]}{grammar.signs['over']}{gap}{match[2]}"
    whole = f"{match[1]} " if match[1] else ""
    return f"{whole}{match[2]} {grammar.signs['over']} {match[3]}"
