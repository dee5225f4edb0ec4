"""Fractions, ordinals, ranges, signed and decimal numbers that nothing else has claimed."""

import re
from typing import Final

from ..sentences.full_stop import starts_german_sentence
from .context import text_after, text_before, word_before
from .grammars.grammar import LEFT, RIGHT, Grammar, spell
from .rule import Rule, alternatives
from .units import DASH, VULGAR, spoken_range

_VULGAR_NUMBER = re.compile(rf"(?:(?<!\d)(\d++)\s?)?([{''.join(VULGAR)}])")
_TIMES = re.compile(r"(?<=[\d\ue000-\ue009])\s?[x×*·]\s?(?=[\d\ue000-\ue009])")
_PAGES: Final = frozenset("page seite página pagina страница стр folge teil part step schritt étape paso".split())
_OF: Final = {"de": "von", "en": "of", "fr": "sur", "es": "de", "it": "di", "pt": "de", "ru": "из"}
# 〜 between two words, names or dates; behind the particle of a cheerful sentence it means nothing.
_WORD_RANGE = re.compile(
    r"(?<=[\u4e00-\u9fff\u30a1-\u30faA-Za-z\d)）\ue000-\ue009\uac00-\ud7a3])(?<![啊呢吧哦啦呀嘛的了好哈嗯哟喔咯吗요네야죠约約약])"
    r"(?:[〜～~]|\s[〜～~]\s)(?=[\u4e00-\u9fff\u3041-\u30fa\uac00-\ud7a3A-Za-z\d\ue000-\ue009])"
)
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
_TO_A_PART = re.compile(r"\b[Aa]l (?=1[/⁄]\d{1,2}(?![\d/]))")  # "al 1/4" is "a un quarto"
_RATED = re.compile(
    r"volum|lautstärke|громкост|rating|rated|score|note\b|nota\b|voto|bewertung|оценк|puntuación|punteggio|pontuação|calificación"
    r"|valoración|avaliação|рейтинг",
    re.IGNORECASE,
)
_LETTERS: Final = {"k": "thousand", "K": "thousand", "M": "million"}  # "1k people", but not "4K TV"
_OUT_OF = re.compile(rf"{LEFT}(\d{{1,2}}[.,]\d{{1,2}})\s?/\s?(\d{{1,3}})(?![\d/%°]|[.,]\d)")
_PAGES_OF = re.compile(r"(?<![\d/])第?(\d{1,4})/(\d{1,4})\s?(页|頁|ページ|쪽)")
_NAMED_PARTS: Final = frozenset((16, 32, 64, 100))
_LEADING_ZERO = re.compile(r"(?<![\d.,:])0(\d)(?=\s?[年月日时時分秒년월일시분초点點])")
_FRACTION = re.compile(
    rf"{LEFT}(?:(?P<sign>(?<![\w)])[-−])\s?)?(?:(?P<whole>\d{{1,3}})\s)?(?P<numerator>\d{{1,3}})[/⁄](?P<denominator>\d{{1,3}})(?![0-9/]|[.,]\d|\s?%)"
)
_ORDINAL_SUFFIX: Final = {
    "en": r"(st|nd|rd|th)\b",
    "de": r"(\.)(?=\s?[^\W\d_])",
    "fr": r"(er|re|ère|e|ème|ième|eme|nde|nd|de)s?\b",
    "es": r"(\.?(?:[ºª](?![A-Za-z])|er\b)|(?:r[ao]|d[ao]|t[ao]|m[ao]|v[ao]|n[ao])\b)",
    "it": r"([ºª])(?![A-Za-z])",
    "pt": r"(\.?[ºª])(?![A-Za-z])",
    "ru": r"(-(?:ый|ий|ой|й|ая|я|ое|е|ого|го|ому|му|ом|мя|ми|м|ую|ю|ых|х|ым|ти))\b",
}
_NUMERO = re.compile(
    r"(?<![A-Za-z\u00c0-\u024f\d])(?:№\s?|#\s?|[Nn]°\s?|[Nn][º]\s?|(?:Nr|No|Num|n[or](?=\.\s?\d+\s(?:est|ist|war)))\.\s?)(?P<number>\d{1,6})(?![\d]|[.,]\d)"
)
_LETTERS_AFTER = re.compile(r"^\s?[^\W\d_]")


def marked_rules(grammar: Grammar) -> list[Rule]:
    """The rules for numbers that carry a mark of their own: "No. 5", "3rd"; they come before those for units."""
    found = [
        *_english_marks(grammar),
        Rule("number-sign", _NUMERO, lambda match: grammar.numero.format(match["number"]), "0"),
    ]
    if suffix := _ORDINAL_SUFFIX.get(grammar.code):
        ordinal = re.compile(rf"{LEFT}(\d{{1,4}}|\d\.\d{{3}}){suffix}")
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


def _english_marks(grammar: Grammar) -> list[Rule]:
    """ "1/4th", "the 1990s"."""
    if grammar.code != "en":
        return []
    part = re.compile(rf"{LEFT}(\d{{1,2}})/(\d{{1,2}})(?:rd|th)s?\b")
    thousands = re.compile(rf"{LEFT}({grammar.number})([kKM])(?=\s(?:[a-z]{{2,}}s|people|more|of)\b)")
    decade = re.compile(rf"{LEFT}(1[5-9]|20)([1-9])0['’]?s\b(?:\s?[-–]\s?['’]?([1-9]0)s\b)?")
    decade_span = re.compile(rf"{LEFT}([1-9]0s)\s?[-–]\s?['’]?([1-9]0s)\b")
    degrees = re.compile(r"(?<=[1-9]0s)\s?°\s?F\b")

    def decades(match: re.Match[str]) -> str:
        century = spell(int(match[1]), "en", "spellout-cardinal")
        last = f" to {match[3]}s" if match[3] else ""
        return f"{century} {spell(int(match[2]) * 10, 'en', 'spellout-cardinal')[:-1]}ies{last}"

    return [
        Rule("fraction", part, lambda match: grammar.fraction(int(match[1]), int(match[2])), "/"),
        Rule("number", thousands, lambda match: f"{grammar.say(grammar.parse(match[1]))} {_LETTERS[match[2]]}", "kKM"),
        Rule("number", decade, decades, "0"),
        Rule("range", decade_span, lambda match: f"{match[1]} to {match[2]}", "0"),
        Rule("unit", degrees, " degrees Fahrenheit", "°"),
    ]


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for bare numbers, in the order they must be tried."""
    return [
        Rule("fraction", _HALF_HOUR, lambda match: _HALF_HOURS.get(grammar.code), "½/"),
        Rule("fraction", _PAGES_OF, lambda match: _page(match, grammar.code), "/"),
        Rule("fraction", _OUT_OF, lambda match: _out_of(match, grammar), "/"),
        Rule("fraction", _VULGAR_NUMBER, lambda match: _vulgar(match, grammar), "".join(VULGAR)),
        *([Rule("fraction", _TO_A_PART, "a ", "/⁄")] if grammar.code in ("es", "it") else []),
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
        found.insert(0, Rule("number", _LEADING_ZERO, lambda match: _after_zero(match, grammar), "0"))
        found.insert(0, Rule("range", _COUNTED_RANGE, joint, "-–—~〜～"))
        found.append(
            Rule("range", _WORD_RANGE, joint if joint.endswith(" ") or grammar.code != "ko" else f"{joint} ", "~〜～")
        )
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


def _after_zero(match: re.Match[str], grammar: Grammar) -> str:
    """ "08月" is "8月"; only minutes of a clock keep their zero in Chinese."""
    is_minute = grammar.code == "zh" and match.string[match.start() - 1 : match.start()] in ("点", "點", "时", "時")
    return f"零{match[1]}" if is_minute and match.start() else match[1]


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
    if spoken := _counted_pair(match, grammar.code, first, last):
        return spoken
    if re.match(r"\s?=", text_after(match)):
        return f"{first} {grammar.signs['-']} {last}"
    if grammar.code == "ru" and _LETTERS_AFTER.match(text_after(match)):
        return f"{first} {last}"  # "3-4 раза" is "три четыре раза"
    return spoken_range(match, grammar, first, last)


def _counted_pair(match: re.Match[str], code: str, first: str, last: str) -> str | None:
    """Two of a row rather than a range: "page 5-6", "5-6行目", a house number "5-3号"."""
    after = match.string[match.end() : match.end() + 4]
    is_pair = first.isdigit() and last.isdigit() and int(last) == int(first) + 1
    if code == "en" and is_pair and word_before(match) == "page":
        return f"{first} and {last}"
    if code == "zh" and after.startswith(("之间", "之間")):
        return f"{first}和{last}"
    if code == "zh" and first.isdigit() and last.isdigit() and int(last) < int(first):
        return f"{first}杠{last}" if re.match(r"[号室栋楼幢]", after) else None
    if code == "ja" and (counter := re.match(r"[行日回番年階丁]目|号室|番線", after)):
        return f"{first}{counter[0]}から{last}"
    if code == "ko" and is_pair and (counter := re.match(r"[번호]", after)):
        return f"{first}{counter[0]}{'과' if counter[0] == '번' else '와'} {last}"
    return None


def _page(match: re.Match[str], code: str) -> str:
    """ "2/5页"."""
    page, pages, word = match.groups()
    if code == "zh":
        return f"第{page}{word}，共{pages}{word}"
    return f"{pages}{word}中{page}{word}" if code == "ja" else f"{pages}{word} 중 {page}{word}"


def _out_of(match: re.Match[str], grammar: Grammar) -> str:
    """ "9.8/10": a rating."""
    spoken = grammar.say(grammar.parse(match[1]))
    if grammar.code in ("zh", "ja", "ko"):
        return {"zh": "{0}分，满分{1}分", "ja": "{1}点中{0}点", "ko": "{1}점 만점에 {0}점"}[grammar.code].format(
            spoken, match[2]
        )
    return f"{spoken} {'out of' if grammar.code == 'en' else _OF[grammar.code]} {match[2]}"


def _ordinal(match: re.Match[str], grammar: Grammar) -> str | None:
    before, after = text_before(match), text_after(match)
    if (
        grammar.code == "de"
        and (not before.strip() or before.rstrip()[-1] in ".!?:")
        and not re.match(r"\s(?:\w+e?)?(?:Platz|Stock|Etage|Mal)", after)
    ):
        return None  # "1. Milch kaufen" is a list number
    following = after.split(maxsplit=1)[:1]
    if grammar.code == "de" and following and following[0][0].isupper() and starts_german_sentence(following[0]):
        return None  # "Es sind 23. Morgen wird es wärmer."
    return grammar.ordinal(int(match[1].replace(".", "")), match[2].casefold(), before, after)


def _russian_year(match: re.Match[str]) -> str:
    word = match[2]
    before = word_before(match)
    if word == "г.":
        word = "году" if before == "в" else "года"
    form = {"году": "-locative", "года": "-genitive", "годом": "-ablative", "год": ""}[word]
    return f"{spell(int(match[1]), 'ru', f'spellout-ordinal-masculine{form}').removeprefix('одна ')} {word}"


def _vulgar(match: re.Match[str], grammar: Grammar) -> str | None:
    spoken = grammar.fraction(*VULGAR[match[2]], whole=match[1] or "")
    return spoken and (
        f" {spoken}"
        if match.start() and match.string[match.start() - 1].isascii() and match.string[match.start() - 1].isalpha()
        else spoken
    )


def _fraction(match: re.Match[str], grammar: Grammar) -> str | None:
    numerator, denominator = int(match["numerator"]), int(match["denominator"])
    if word_before(match).strip(".:") in _PAGES and grammar.code in _OF:
        return f"{numerator} {_OF[grammar.code]} {denominator}"
    is_east_asian = grammar.code in ("ja", "zh", "ko")
    sign = grammar.signs["-"] + ("" if is_east_asian else " ") if match["sign"] else ""
    if numerator == denominator and not is_east_asian:
        return f"{sign}{numerator} {denominator}"
    if not is_east_asian and denominator in (5, 10, 20, 100) and _RATED.search(text_before(match)):
        return f"{numerator} {'out of' if grammar.code == 'en' else _OF[grammar.code]} {denominator}"
    is_named = is_east_asian or denominator <= 10 or denominator in _NAMED_PARTS
    if numerator and is_named and (spoken := grammar.fraction(numerator, denominator, match["whole"] or "")):
        return sign + grammar.object_of(text_before(match), spoken)
    if not match["whole"] and not is_east_asian and numerator < denominator:
        return f"{sign}{numerator} {_OF[grammar.code]} {denominator}"
    if numerator >= 12 and numerator < 80 and denominator not in (5, 10, 100) and not is_east_asian:
        return f"{sign}{numerator} {denominator}"  # "16/8 fasting", "14/2 cable"
    gap = "" if grammar.code in ("ja", "zh") else " "
    if grammar.code in ("ja", "zh", "ko"):
        return f"{sign}{match['denominator']}{grammar.signs['over']}{gap}{match['numerator']}"
    whole = f"{match['whole']} " if match["whole"] else ""
    over = "out of" if grammar.code == "en" and denominator in (5, 10, 100) else grammar.signs["over"]
    return f"{sign}{whole}{match['numerator']} {over} {match['denominator']}"
