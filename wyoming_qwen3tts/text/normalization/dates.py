"""Dates in figures, and days of a month in words."""

import re
from typing import Final

from .context import text_before, word_before
from .grammars.grammar import LEFT, Grammar
from .rule import Rule, alternatives

_DAY: Final = r"(?:3[01]|[12]\d|0?[1-9])"
_MONTH: Final = r"(?:1[0-2]|0?[1-9])"
_YEAR: Final = r"(?:1[5-9]|20|21)\d\d"

ISO = re.compile(
    rf"{LEFT}({_YEAR})-(0?[1-9]|1[0-2])-([0-2]\d|3[01]|[1-9])"
    r"(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?![0-9]|-\d)"
)
_YEAR_FIRST = re.compile(rf"{LEFT}({_YEAR})[./]({_MONTH})[./]({_DAY})(?![0-9]|[./]\d)")
_DOTTED = re.compile(rf"{LEFT}({_DAY})\.\s?({_MONTH})\.(?:\s?({_YEAR}|\d\d(?![\d:])))?(?!\d|\.\d)")
_DOTTED_SPAN = re.compile(rf"{LEFT}({_DAY})\.\s?[-–]\s?({_DAY})\.\s?({_MONTH})\.(?:\s?({_YEAR}))?(?!\d|\.\d)")
_SLASHED = re.compile(rf"{LEFT}({_DAY})([/-])({_DAY})\2({_YEAR}|\d\d)(?![0-9]|[/-]\d)")
_SLASHED_SHORT = re.compile(
    rf"{LEFT}(?<!第)(?<!p\. )({_DAY})/({_DAY})(?![0-9/%]|[.,]\d|\s?(?:页|頁|ページ|쪽|of\b|de la p))"
)
# "2026. 11. 24.": how Korean writes a date; Chinese and Japanese do without the blanks.
_EAST_ASIAN_DATE = re.compile(rf"{LEFT}({_YEAR})\.\s?({_MONTH})\.\s?({_DAY})(?:\.(?!\d))?(?!\d|\.\d)")
_YEAR_MONTH = re.compile(rf"{LEFT}({_YEAR})[-/](0[1-9]|1[0-2])(?![0-9]|[-/.,:]\d|\s?[-–]\s?\d)")
_MONTH_YEAR = re.compile(rf"{LEFT}({_MONTH})/((?:19|20)\d\d)(?![0-9]|[-/.,:]\d)")
_KOREAN_MONTH = re.compile(rf"{LEFT}({_YEAR})\.\s({_MONTH})\.(?=\s|$)")
_ALWAYS_TOLD = re.compile(r"(?:24\s?[/x×]\s?7)(?![0-9/]|[.,]\d)")
_FRENCH_ALWAYS = re.compile(
    rf"{LEFT}(?:(24)\s?h(?:eures)?\s?/\s?24|(7)\s?j(?:ours)?\s?/\s?7)(?:\s?(,|et)?\s?(?:7\s?j(?:ours)?\s?/\s?7))?(?!\d)"
)
_ALWAYS: Final = {
    "en": "24 7",
    "de": "rund um die Uhr",
    "fr": "24 heures sur 24 et 7 jours sur 7",
    "es": "24 horas al día, 7 días a la semana",
    "it": "24 ore su 24, 7 giorni su 7",
    "pt": "24 por 7",
    "ru": "круглосуточно",
    "zh": "24小时",
    "ja": "24時間年中無休",
    "ko": "24시간 연중무휴",
}
# Beside one of these a small pair is a part of a whole, whatever stands in front: "o tanque está em 1/4".
_LEVEL = re.compile(
    r"volum|lautstärke|громкост|helligkeit|brightness|luminosité|rating|score|bewertung|batt|bater|akku|tank|tanque|réservoir|depósito|serbatoio|full|\bvoll|llen[oa]|pien[oa]|chei[oa]|plein|progress|nivel"
    r"|nível|level|livello|niveau|füllstand|charge|carga|carica|бак|заряд|батаре|полон|полна|уров|电量|电池|剩余|油箱|水箱"
    r"|進捗|電池|バッテリー|残り|残量|배터리|남은|탱크|잔량|进度|容量",
    re.IGNORECASE,
)
_LEVEL_PARTS: Final = frozenset((2, 3, 4, 5, 8, 10))
_CLOCK_BEHIND = re.compile(
    r",?\s(?:(?:at|um|à|a las|alle|às|в|@)\s)?(?:\d{1,2}:\d\d|\d{1,2}\s?(?:h\b|Uhr|[ap]\.?m)|[\ue000-\ue009])"
    r"|\s?(?:上午|下午|晚上|早上|午前|午後|오전|오후)"
)
_WEEKDAY_BEHIND = re.compile(
    r"\s?[(（](?:[月火水木金土日월화수목금토일](?:曜日?|요일)?|(?:周|星期|礼拜)[一二三四五六日天]"
    r"|(?:mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim|mié|jue|vie|sáb|dom|gio|sab|seg|ter|qua"
    r"|qui|sex|пн|вт|ср|чт|пт|сб|вс)\w*\.?)[)）]",
    re.IGNORECASE,
)
_DATE_BEHIND: Final = {
    "zh": re.compile(r"\s?(?:之前|以前|前|起|开始|到期|截止|之后|以后|那天|晚上|上午|下午)"),
    "ja": re.compile(r"\s?(?:に|は|まで|から|より|以降|の(?:予定|会議|朝|夜|天気|午))"),
    "ko": re.compile(r"\s?(?:에|까지|부터|일정|예정)"),
}
_DATE_BEFORE: Final = {
    "zh": re.compile(r"(?:今天是?|明天是?|日期是?|生日是?|截止|定于|于|时间是?|周[一二三四五六日天])[:：]?\s?$"),
    "ja": re.compile(r"(?:今日は|明日は|日付は?|期限は?|次回は?|予定は?|曜日?)[:：]?\s?$"),
    "ko": re.compile(r"(?:오늘은?|내일은?|날짜는?|마감은?|기한은?|요일)[:：]?\s?$"),
}
_OR_ANOTHER = re.compile(r"\d/\d{1,2}\s?(?:[-–]|or|and|to|oder|und|bis|ou|et|au|o|y|al|e|a|или|и|по)\s?$")
_WEAK_LEADS: Final = frozenset("by from to at em de el al a le il за на".split())
# "26.11 или 27.11": Russian decimals have a comma, so this is a day, unless a unit follows.
_RUSSIAN_SHORT = re.compile(
    r"(?<![\d.,])(0[1-9]|[12]\d|3[01])\.(0[1-9]|1[0-2])(?=\s*(?:[.,;!?](?!\d)|или\b|и\b|в\s|$))"
)
_RUSSIAN_DAY = re.compile(  # "в чт, 3.12": behind a weekday
    r"(?:(?<=ник, )|(?<=ник )|(?<=еду, )|(?<=еду )|(?<=еда, )|(?<=ерг, )|(?<=ерг )|(?<=ицу, )|(?<=ицу )|(?<=ица, )"
    r"|(?<=оту, )|(?<=оту )|(?<=ота, )|(?<=нье, )|(?<=нье ))([12]\d|3[01]|0?[1-9])\.(1[0-2]|0?[1-9])(?!\d|\.\d|,\d)"
)
_DATE_LEADS: Final = {
    "en": "on by until since from due before after through to till dated scheduled ships arrives starts ends expires"
    " begins opens closes tue wed thu fri sat sun mon monday tuesday wednesday thursday friday saturday sunday",
    "fr": "le du au lundi mardi mercredi jeudi vendredi samedi dimanche",
    "es": "el del al día lunes martes miércoles jueves viernes sábado domingo",
    "it": "il del al dal giorno lunedì martedì mercoledì giovedì venerdì sabato domenica",
    "pt": "dia no em de até segunda terça quarta quinta sexta sábado domingo"
    " segunda-feira terça-feira quarta-feira quinta-feira sexta-feira",
    "de": "am vom zum bis ab den dem seit montag dienstag mittwoch donnerstag freitag samstag sonntag",
    "ru": "до с к от на по после понедельник вторник среда среду четверг пятница пятницу суббота субботу воскресенье",
    "ja": "",
    "ko": "",
    "zh": "",
}


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for dates, those in figures first."""

    def slashed(match: re.Match[str]) -> str | None:
        first, second, year = match[1], match[3], match[4]
        if match[2] == "-" and len(year) == 2:
            return None
        day, month = (second, first) if _month_first(grammar, first, second) else (first, second)
        return _date(grammar, match, day, month, year if len(year) == 4 else f"20{year}")

    found = [
        *_always_rules(grammar),
        *_east_asian_rules(grammar),
        Rule("date", ISO, lambda match: _iso(match, grammar), "-"),
        Rule("date", _YEAR_FIRST, lambda match: _date(grammar, match, match[3], match[2], match[1]), "./"),
        Rule("date", _SLASHED, slashed, "/-"),
        Rule("date", _YEAR_MONTH, lambda match: grammar.month_year(int(match[2]), match[1]), "-/"),
        Rule("date", _MONTH_YEAR, lambda match: grammar.month_year(int(match[1]), match[2]), "/"),
        Rule("date", _SLASHED_SHORT, lambda match: _short(match, grammar), "/"),
    ]
    if grammar.code == "de":
        found.append(Rule("date", _DOTTED_SPAN, lambda match: _german_span(match, grammar), "."))
    if grammar.code not in ("ja", "zh", "ko"):
        found.append(Rule("date", _DOTTED, lambda match: _dotted(match, grammar), "."))
    if grammar.code == "ru":
        found += [
            Rule("date", pattern, lambda match: _date(grammar, match, match[1], match[2], ""), ".")
            for pattern in (_RUSSIAN_DAY, _RUSSIAN_SHORT)
        ]
    return found + (_word_date_rules(grammar) if grammar.months() else [])


def _always_rules(grammar: Grammar) -> list[Rule]:
    """ "24/7", unless a date is named."""

    def always(match: re.Match[str]) -> str | None:
        is_date = "/" in match[0] and word_before(match) in _DATE_LEADS[grammar.code].split()
        return None if is_date else _ALWAYS[grammar.code]

    found = [Rule("date", re.compile(LEFT + _ALWAYS_TOLD.pattern), always, "0")]
    return [*found, Rule("date", _FRENCH_ALWAYS, _french_always, "/")] if grammar.code == "fr" else found


def _east_asian_rules(grammar: Grammar) -> list[Rule]:
    """ "2026. 11. 24.", and in Korean "2026. 11."."""
    if grammar.code not in ("ja", "zh", "ko"):
        return []
    found = [Rule("date", _EAST_ASIAN_DATE, lambda match: _date(grammar, match, match[3], match[2], match[1]), ".")]
    if grammar.code == "ko":
        found.append(Rule("date", _KOREAN_MONTH, lambda match: f"{match[1]}년 {int(match[2])}월", "."))
    return found


def _short(match: re.Match[str], grammar: Grammar) -> str | None:
    """A day and a month without a year."""
    if grammar.code in ("ja", "zh", "ko"):
        return _date(grammar, match, match[2], match[1], "") if _is_east_asian_date(match, grammar.code) else None
    if not _is_date(match, grammar.code):
        return None
    day, month = (match[2], match[1]) if _month_first(grammar, match[1], match[2]) else (match[1], match[2])
    return _date(grammar, match, day, month, "")


def _french_always(match: re.Match[str]) -> str:
    """ "24h/24", "7j/7", "24h/24 et 7j/7"."""
    if match[2]:
        return "7 jours sur 7"
    link = {"et": " et", ",": ","}.get(match[3] or "", " et")
    return "24 heures sur 24" + (f"{link} 7 jours sur 7" if "j" in match[0] else "")


def _is_date(match: re.Match[str], language: str) -> bool:
    """Whether "24/11" is a day, in a language with an alphabet: something beside it must say so."""
    first, second = int(match[1]), int(match[2])
    before, after = text_before(match), match.string[match.end() : match.end() + 30]
    near = before + " ".join(after.split()[:4])  # no further: what is pending must not change
    if not (first <= 12 or second <= 12):
        return False
    word = word_before(match).strip(",.")
    is_part = first < second and second in _LEVEL_PARTS
    if is_part and (language == "ru" or (word in _WEAK_LEADS and (_LEVEL.search(near) or word == "by"))):
        return bool(_WEEKDAY_BEHIND.match(after))
    leads = _DATE_LEADS[language].replace(",", "").split()
    return (
        word in leads
        or bool(_WEEKDAY_BEHIND.match(after) or _CLOCK_BEHIND.match(after))
        or bool(_OR_ANOTHER.search(before) and not is_part)
    )


def _is_east_asian_date(match: re.Match[str], language: str) -> bool:
    """Whether "11/24" is a day: it is where it fits, unless it is a part of something."""
    month, day = int(match[1]), int(match[2])
    before, after = text_before(match)[-12:], match.string[match.end() : match.end() + 6]
    if month > 12:
        return False
    if _WEEKDAY_BEHIND.match(after) or _DATE_BEFORE[language].search(before) or _CLOCK_BEHIND.match(after):
        return True
    if month < day and (_LEVEL.search(before) or day in _LEVEL_PARTS):
        return bool(_DATE_BEHIND[language].match(after)) and not _LEVEL.search(before)
    return True


def _iso(match: re.Match[str], grammar: Grammar) -> str | None:
    """ "2026-11-23T19:30"."""
    spoken = _date(grammar, match, match[3], match[2], match[1])
    if spoken is None or match[4] is None:
        return spoken
    clock = grammar.clock(int(match[4]), int(match[5]), int(match[6]) if match[6] and int(match[6]) else None, "")
    return {"ko": " ", "ja": "", "zh": ""}.get(grammar.code, ", ").join((spoken, clock))


def _german_span(match: re.Match[str], grammar: Grammar) -> str:
    """ "24.-26.12.2026"."""
    lead = f"{text_before(match)}vom "
    month, year = int(match[3]), match[4] or ""
    first = grammar.date(int(match[1]), month, "", lead).rpartition(" ")[0]
    return f"{first} bis {grammar.date(int(match[2]), month, year, lead)}"


def _dotted(match: re.Match[str], grammar: Grammar) -> str | None:
    year = match[3] or ""
    if not year and grammar.code != "de":
        return None  # "1.5." may end a sentence
    return _date(grammar, match, match[1], match[2], f"20{year}" if len(year) == 2 else year)


def _month_first(grammar: Grammar, first: str, second: str) -> bool:
    if int(second) > 12:
        return True
    return grammar.code in ("en", "ja", "zh", "ko") and int(first) <= 12


def _date(grammar: Grammar, match: re.Match[str], day: str, month: str, year: str) -> str | None:
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return None
    return grammar.date(int(day), int(month), year, text_before(match))


# How a day is marked beside the name of its month, what stands between them, and how a year follows.
_DAY_MARK: Final = {
    "de": r"\.",
    "en": r"(?:st|nd|rd|th)?",
    "fr": r"(?:er)?",
    "es": r"(?:º|\.º|o)?",
    "it": r"[º°]?",
    "pt": r"[º°o]?",
    "ru": r"(?:-?(?:го|е|ое))?",
}
_OF: Final = {"es": r"\s?(?:de|del)?\s", "pt": r"\s?(?:de)?\s"}
_OF_YEAR: Final = {"es": rf"(?:(?:\s(?:de|del)|,)?\s({_YEAR}))?", "pt": rf"(?:(?:\sde|,)?\s({_YEAR}))?"}
_PLAIN_YEAR: Final = rf"(?:,?\s({_YEAR})(?![\d:]))?"


def _word_date_rules(grammar: Grammar) -> list[Rule]:
    """A day beside the name of its month: "23. November 2026", "May 3rd"."""
    months, code = grammar.months(), grammar.code
    names = rf"(?:{alternatives(name for name in months if len(name) > 2)})"
    mark, of, year = _DAY_MARK[code], _OF.get(code, r"\s(?:of\s)?"), _OF_YEAR.get(code, _PLAIN_YEAR)
    tail = rf"{of}({names})\b\.?{year}" + (r"(?:\s(?:года|г\.))?" if code == "ru" else "")
    link = r"(\s?[-–—]\s?|\s(?:по|bis|au|al|a|to|e|и|und|et|y|and)\s)"
    spans = re.compile(rf"{LEFT}({_DAY}){mark}{link}({_DAY}){mark}{tail}", re.IGNORECASE)
    day_first = re.compile(rf"{LEFT}({_DAY}){mark}{tail}", re.IGNORECASE)

    def written(match: re.Match[str]) -> str | None:
        if code == "es" and match[1] == "1" and "º" in match[0]:
            return "primero" + grammar.written_date(1, months[match[2].casefold()], match[3] or "", "", "dm")[1:]
        month = months[match[2].casefold()]
        return grammar.written_date(int(match[1]), month, match[3] or "", text_before(match), "dm")

    found = [
        Rule("date", spans, lambda match: _span(grammar, match, months), "0"),
        Rule("date", day_first, written, "0"),
    ]
    return found + ([_month_first_rule(grammar, months, names)] if code == "en" else [])


def _month_first_rule(grammar: Grammar, months: dict[str, int], names: str) -> Rule:
    """ "May 3rd, 2026", but not "may 3"."""
    not_a_day = r"(?![\d:%]|[.,]\d|\s?(?:°|%|[ap]\.?m))"
    pattern = re.compile(
        rf"\b({names})\b\.?\s({_DAY})(?:st|nd|rd|th)?(?:\s?[-–]\s?({_DAY}))?{not_a_day}{_PLAIN_YEAR}", re.IGNORECASE
    )

    def written(match: re.Match[str]) -> str | None:
        if not match[1][0].isupper():
            return None
        spoken = grammar.written_date(int(match[2]), months[match[1].casefold()], "", text_before(match), "md")
        if match[3]:
            spoken += f" to {grammar.ordinal(int(match[3]), 'th', '', '')}"
        return f"{spoken}, {match[4]}" if match[4] else spoken

    return Rule("date", pattern, written, "0")


def _span(grammar: Grammar, match: re.Match[str], months: dict[str, int]) -> str | None:
    """ "3.–5. Mai", "с 3 по 5 мая": two days of one month."""
    first, link, last = int(match[1]), match[2].strip(), int(match[3])
    month, year = months[match[4].casefold()], match[5] or ""
    before = text_before(match)
    if grammar.code == "ru":
        lead = {"по": "по", "-": "по", "–": "по", "—": "по"}.get(link, before)
        start = grammar.date(first, month, "", before).rpartition(" ")[0]
        prefix = "с " if link in "-–—" and not re.search(r"\bс $", before) else ""
        return f"{prefix}{start} {'и' if link == 'и' else 'по'} {grammar.date(last, month, year, f'{lead} ')}"
    if grammar.code == "de":
        word = "bis" if link in "-–—" else link
        lead = before if word != "bis" or re.search(r"\b(?:vom|am|dem|den)\s$", before) else before + "vom "
        start = grammar.date(first, month, "", lead).rpartition(" ")[0]
        return f"{start} {word} {grammar.date(last, month, year, lead)}"
    if link not in "-–—":
        if grammar.code != "en":
            return None
        return f"{grammar.ordinal(first, 'th', '', '')} {link} {grammar.written_date(last, month, year, 'the ', 'dm')}"
    if grammar.code == "en":
        last_day = grammar.written_date(last, month, year, "the ", "dm")
        return f"the {grammar.range(grammar.ordinal(first, 'th', '', '') or '', last_day)}"
    return grammar.range(str(first), grammar.written_date(last, month, year, "the ", "dm"))
