"""Lengths of time that are written like times of day: "0:05:00 left", "Uptime: 3 days, 4:05:06"."""

import re
from typing import Final

from .grammars.grammar import LEFT, Grammar, Number
from .rule import Rule

_REACH_WORDS: Final = 4  # how far a word that tells a duration may stand off, on either side
_REACH_EAST_ASIAN_BEFORE: Final = 12
_REACH_EAST_ASIAN_AFTER: Final = 6  # no rule may look further ahead: what is pending could change

_PATTERN = re.compile(rf"{LEFT}(\d{{1,3}}):([0-5]\d)(?::([0-5]\d)(?:\.\d{{1,6}})?)?(?!\d|[.,:/]\d|\s?[-–—~〜～]\s?\d)")
_DURATION_WORDS: Final = {
    "en": "left remaining long lasts last lasted takes took timer timers duration elapsed played countdown uptime"
    " runtime length",
    "de": "noch verbleibend verbleiben verbleibende verbleibt restzeit restlaufzeit dauert dauerte dauer timer läuft"
    " laufzeit übrig spieldauer länge",
    "fr": "reste restent restant restante restants restantes encore durée dure minuteur minuterie durera écoulé",
    "es": "queda quedan falta faltan restante restantes dura duró duración temporizador transcurrido restan",
    "it": "manca mancano resta restano rimane rimangono rimanente rimanenti ancora durata dura timer trascorso",
    "pt": "falta faltam resta restam restante restantes dura duração temporizador timer decorrido",
    "ru": "осталось осталась остался осталось, ещё еще длится длительность таймер продолжительность прошло",
    "zh": "剩 剩余 还有 还需 时长 持续 倒计时 计时器 定时器 已播放",
    "ja": "残り あと 所要 再生 タイマー 経過 長さ",
    "ko": "남은 남았 남음 동안 길이 소요 타이머 경과",
}
_CLOCK_LEAD = re.compile(
    r"(?:\b(?:at|um|à|a las|a la|las|la|alle|all'|dalle|delle|às|as|в|с|до|um|ab|bis|gegen|until|till|by|from|before"
    r"|after|since|jusqu'à|dès|vers|hasta|desde|fino alle|até|desde as|к"
    r"|it's|it is|es ist|il est|son las|es la|sono le|são|сейчас)"
    r"|上午|下午|晚上|早上|凌晨|中午|午前|午後|现在|現在|今|は今|오전|오후|지금|지금은)\s*$",
    re.IGNORECASE,
)
# A preposition does not make a clock of "0:05:00", only these do.
_HALF_DAY_LEAD = re.compile(r"(?:上午|下午|晚上|早上|凌晨|中午|午前|午後|오전|오후)\s*$")
_CLOCK_TAIL = re.compile(
    r"\s?(?:[AaPp]\.?\s?[Mm]\b|Uhr|h\b(?!\s?(?:left|noch))|hrs\b|ч\.|часов|時(?!間)|点|點|시(?!간)|o'clock|に|에\s|まで|까지|起|开始)"
)
_DATE_LEAD = re.compile(
    r"[\ue000-\ue009](?:[-.年月日]|년|월|일|T)?(?:,|\s(?:года|г\.))?\s?(?:(?:at|um|à|alle|às|в)\s)?$"
)
_DAYS_LEAD = re.compile(
    r"\d\s?(?:days?|d|Tage?n?|jours?|j|d[ií]as?|giorn[oi]|д(?:ень|ня|ней|н\.)|天|日|일),?\s?(?:(?:and|und|et|y|e|и)\s)?$"
)
_SENTENCE_END = re.compile(r"[。！？!?\n]|\.(?=\s)")  # a word beyond it tells nothing of this sentence
_HOURS_TAIL = re.compile(r"\s?(?:Stunden?\b|Std\b\.?|小时|時間|시간)")
_MINUTES_TAIL = re.compile(
    r"\s?(?:minutes?\b|mins?\b\.?|Minuten?\b|Min\b\.?|minutos?\b|minut[oi]\b|минут\w*|мин\b\.?|分钟|분)"
)


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for durations; they come before those for times of day."""
    duration = _Durations(grammar)
    hours = re.compile(rf"{_PATTERN.pattern}{_HOURS_TAIL.pattern}")
    minutes = re.compile(rf"{_PATTERN.pattern}{_MINUTES_TAIL.pattern}")
    return [
        Rule("duration", hours, duration.hours, ":"),
        Rule("duration", minutes, duration.minutes, ":"),
        Rule("duration", _PATTERN, duration.bare, ":"),
    ]


class _Durations:
    """What tells a duration in one language, and how it is spoken."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._is_spaced = grammar.code not in ("zh", "ja")
        words = _DURATION_WORDS[grammar.code].split()
        self._words = frozenset(words)
        self._inside = re.compile("|".join(map(re.escape, words)))

    def hours(self, match: re.Match[str]) -> str | None:
        """ "1:30 Stunden"."""
        return None if match[3] else self._say(int(match[1]), int(match[2]), 0)

    def minutes(self, match: re.Match[str]) -> str | None:
        """ "5:30 minutes"."""
        return None if match[3] else self._say(0, int(match[1]), int(match[2]))

    def bare(self, match: re.Match[str]) -> str | None:
        """ "0:05:00", "25:00 left"; None where it is a time of day."""
        before, after = (
            match.string[max(0, match.start() - 60) : match.start()],
            match.string[match.end() : match.end() + 80],
        )
        if _CLOCK_TAIL.match(after) or _DATE_LEAD.search(before) or _HALF_DAY_LEAD.search(before):
            return None
        first, second, third = int(match[1]), int(match[2]), int(match[3] or 0)
        if match[3] is None:
            if (
                first > 59
                or (first == 24 and second)
                or (not _CLOCK_LEAD.search(before) and self._is_told(before, after))
            ):
                return self._say(0, first, second)
            return None
        if (
            len(match[1]) == 1
            or first > 23
            or _DAYS_LEAD.search(before)
            or (not _CLOCK_LEAD.search(before) and self._is_told(before, after))
        ):
            return self._say(first, second, third)
        return None

    def _is_told(self, before: str, after: str) -> bool:
        """Whether a word for a duration is in reach."""
        before, after = _SENTENCE_END.split(before)[-1], _SENTENCE_END.split(after)[0]
        if not self._is_spaced:
            near = [before[-_REACH_EAST_ASIAN_BEFORE:], after[:_REACH_EAST_ASIAN_AFTER]]
            return any(self._inside.search(text) for text in near)
        near = [*before.split()[-_REACH_WORDS:], *after.split()[:_REACH_WORDS]]
        if self._grammar.code == "ko":
            return any(self._inside.search(word) for word in near)
        return any(word.casefold().strip(".,;:!?()\"'") in self._words for word in near)

    def _say(self, hours: int, minutes: int, seconds: int) -> str:
        units = ((hours, "duration-hour"), (minutes, "duration-minute"), (seconds, "duration-second"))
        parts = [self._grammar.quantity(Number(str(amount)), unit) for amount, unit in units if amount]
        if not parts:
            return self._grammar.quantity(Number("0"), "duration-second")
        if not self._is_spaced:
            return "".join(parts)
        if self._grammar.code == "ko":
            return " ".join(parts)
        first = ", ".join(parts[:-1])
        return f"{first}{self._grammar.pair_link}{parts[-1]}" if first else parts[0]
