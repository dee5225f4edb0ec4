"""Signs between words, and the end of every sign that has no words: nothing is left that a voice would stumble over."""

import re
from typing import Final

from .grammars.grammar import Grammar, Number
from .rule import Rule

_SHOW: Final = {0xE000 + digit: str(digit) for digit in range(10)}  # digits of finished phrases
_COMPARE: Final = {
    "=": "=",
    "==": "=",
    "<": "<",
    ">": ">",
    "≥": "≥",
    "≤": "≤",
    ">=": "≥",
    "<=": "≤",
    "≠": "≠",
    "!=": "≠",
    "≈": "~",
    "~": "~",
}
_COMPARISON = re.compile(r"\s*(==|>=|<=|!=|[=<>≥≤≠≈])\s*(?=[\w\ue000-\ue009\"'-])")
_ABOUT = re.compile(r"(?<![\w~])[~≈]\s?(?=[\d\ue000-\ue009])")
_ABOUT_WORD = re.compile(
    r"(?:ungefähr|etwa|rund|circa|about|around|approximately|environ|aproximadamente|unos|unas|circa|примерно|около|約|大约|약)\s*$",
    re.IGNORECASE,
)
_NEXT_TO: Final = r"[^\W_]|[\ue000-\ue009]"
_AND = re.compile(r"\s*&\s*")
_PLUS = re.compile(rf"\s*\+\s*(?={_NEXT_TO})")
_PLUS_AFTER = re.compile(r"(?<=\w)\+")
_TIMES = re.compile(r"(?<=[\d\ue000-\ue009])\s?×\s?|×|(?<=[\d\ue000-\ue009])\s?x\b|\s[×]\s?")
_SO_OFTEN = re.compile(
    r"(?:(?<=[\d\ue000-\ue009½])|(?<=тых)|(?<=ных))\s?[xX×](?!\s?[\d\ue000-\ue009(]|[A-Za-z\u00c0-\u024f])"
)
_HOW_OFTEN: Final = {
    "en": ("time", "times"),
    "de": ("mal", "mal"),
    "fr": ("fois", "fois"),
    "es": ("vez", "veces"),
    "it": ("volta", "volte"),
    "pt": ("vez", "vezes"),
    "zh": ("次", "倍"),
    "ja": ("回", "倍"),
    "ko": ("번", "배"),
}
_RUSSIAN_TIMES: Final = ("раз", "раза", "раз", "раза")
_FASTER = re.compile(r"速|变焦|放大|缩放|ズーム|再生|画質|배속|속도|줌|확대|点\S?$|점\s?\S*$")
_DIVIDED = re.compile(r"\s*÷\s*")
_AT = re.compile(r"\s*@\s*(?=\w)")
_SECTION = re.compile(r"§+\s?")
_ARROW = re.compile(r"\s*(?:[←→↔⇒⇐⇔➜➔➡⟶]\ufe0f?|[-=]+>|<[-=]+)\s*")
_UP_DOWN = re.compile(r"[↑↓⬆⬇]\ufe0f?")
_POWER = re.compile(r"([²³])")
_PERCENT = re.compile(r"\s?%")
_SLASH = re.compile(r"(?<=[^\W_])\s?/\s?(?=[^\W_])")
_UNDERSCORE = re.compile(r"(?<=\w)_+(?=\w)")
_PERMILLE = re.compile(r"\s?‰")
_MINUS_EQUALS = re.compile(r"\s[−]\s|(?<=[\d\ue000-\ue009])\s-\s(?=[\d\ue000-\ue009])")
# Kept: letters, digits, spaces and the punctuation of ten languages.
_OTHER = re.compile(
    r"[^\w\s.,;:!?…'\"()’‘“”„‚«»‹›¿¡。！？、，；：「」『』（）《》〈〉【】・·ー—–\-\ue000-\ue009\u0300-\u036f]|_"
)
_DOUBLE_SPACE = re.compile(r"\s+([,.;:!?])(?=\s|$)|\s{2,}")
_LONE_DASH = re.compile(r"(?:(?<=\s)|^)-{1,3}(?=\s|$)|-{2,}")
_EMPTY_BRACKETS = re.compile(r"[(（「『“«]\s*[)）」』”»]")


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for signs; the last ones drop what is left."""
    signs = {key: word.strip() for key, word in grammar.signs.items()}
    gap = "" if grammar.code in ("ja", "zh") else " "

    def word(key: str) -> str:
        return f"{gap}{signs[key]}{gap}"

    def about(match: re.Match[str]) -> str:
        if _ABOUT_WORD.search(match.string[: match.start()]):
            return ""
        touches = match.start() and match.string[match.start() - 1].isalnum()
        return (gap if touches else "") + signs["~"] + gap

    return [
        Rule("arrow", _ARROW, {"zh": "，", "ja": "、"}.get(grammar.code, ", "), "→←↔⇒⇐⇔➜➔➡⟶-=<"),
        Rule("sign", _ABOUT, about, "~≈"),
        Rule("sign", _COMPARISON, lambda match: word(_COMPARE[match[1]]), "=<>≥≤≠≈"),
        Rule("sign", _AND, word("&"), "&"),
        Rule("sign", _PLUS, word("+"), "+"),
        Rule("sign", _PLUS_AFTER, gap + signs["+"], "+"),
        Rule("sign", re.compile("±"), word("±"), "±"),
        Rule("times", _SO_OFTEN, lambda match: gap + _so_often(match, grammar), "xX×"),
        Rule("sign", _TIMES, word("×"), "×x"),
        Rule("sign", _DIVIDED, word("÷"), "÷"),
        Rule("sign", _MINUS_EQUALS, word("-"), "-−"),
        Rule("sign", _AT, word("@"), "@"),
        Rule("sign", _SECTION, signs["§"] + gap, "§"),
        *_single_rules(grammar, gap),
        Rule("left out", _EMPTY_BRACKETS, " ", "()（「『“«"),
        Rule("left out", _OTHER, " ", ""),
        Rule("left out", _LONE_DASH, " ", "-"),
    ]


def _so_often(match: re.Match[str], grammar: Grammar) -> str:
    """ "3x a day": times; in East Asia how often or how many times as much."""
    text = match.string[max(0, match.start() - 24) : match.start()].translate(_SHOW)
    if grammar.code in ("zh", "ja", "ko"):
        around = re.split(r"[，、。,]", text)[-1] + match.string[match.end() : match.end() + 4]
        return _HOW_OFTEN[grammar.code][bool(_FASTER.search(around))]
    digits = re.search(r"\d+$", text)
    is_whole = digits is not None and match.string[match.start() - 1] not in "х½" and not re.search(rf"{re.escape(grammar.point)}[\s\d]*$", text)
    number = Number(digits[0] if digits else "2", "" if is_whole else "5")
    if grammar.code == "ru":
        return _RUSSIAN_TIMES[grammar.plural(number)]
    return _HOW_OFTEN[grammar.code][grammar.plural(number)]


def _single_rules(grammar: Grammar, gap: str) -> list[Rule]:
    """Signs that stand alone: no number has claimed them."""
    signs = {key: word.strip() for key, word in grammar.signs.items()}
    percent = grammar.quantity(grammar.parse("5"), "concentr-percent").replace("5", "").strip()
    return [
        Rule("sign", _UP_DOWN, " ", "↑↓⬆⬇"),
        Rule("sign", _POWER, lambda match: gap + signs["squared" if match[1] == "²" else "cubed"], "²³"),
        Rule(
            "sign",
            _PERCENT,
            gap + percent,
            "%",
        ),
        Rule("sign", _PERMILLE, gap + signs["‰"], "‰"),
        Rule("sign", _SLASH, " ", "/"),
        Rule("sign", _UNDERSCORE, " ", "_"),
    ]
