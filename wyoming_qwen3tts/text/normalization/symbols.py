"""Signs between words, and the end of every sign that has no words: nothing is left that a voice would stumble over."""

import re
from typing import Final

from .grammars.grammar import Grammar
from .rule import Rule

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
_COMPARISON = re.compile(r"\s{0,9}(==|>=|<=|!=|[=<>≥≤≠≈])\s*(?=[\w\ue000-\ue009\"'-])")
_ABOUT = re.compile(r"(?<![\w~])[~≈]\s?(?=[\d\ue000-\ue009])")
_ABOUT_WORD = re.compile(
    r"(?:ungefähr|etwa|rund|circa|about|around|approximately|environ|aproximadamente|unos|unas|circa|примерно|около|約|大约|약)\s*$",
    re.IGNORECASE,
)
_NEXT_TO: Final = r"[^\W_]|[\ue000-\ue009]"
_AND = re.compile(r"\s{0,9}&\s*")
_PLUS = re.compile(rf"\s{0, 9}\+\s*(?={_NEXT_TO})")
_PLUS_AFTER = re.compile(r"(?<=\w)\+")
_TIMES = re.compile(r"(?<=[\d\ue000-\ue009])\s?×\s?|×|(?<=[\d\ue000-\ue009])\s?x\b|\s[×]\s?")
_DIVIDED = re.compile(r"\s{0,9}÷\s*")
_AT = re.compile(r"\s{0,9}@\s*(?=\w)")
_SECTION = re.compile(r"§+\s?")
_ARROW = re.compile(r"\s{0,9}(?:[←→↔⇒⇐⇔➜➔➡⟶]\ufe0f?|[-=]{1,9}>|<[-=]{1,9})\s*")
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
