"""Signs between words, and the end of every sign that has no words: nothing is left that a voice would stumble over."""

import re
from typing import Final

from .context import text_before
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
_COMPARISON = re.compile(r"\s{0,9}(==|>=|<=|!=|[=<>≥≤≠≈])\s*(?=[\w\ue000-\ue009\"'-])")
_ABOUT = re.compile(r"(?<![\w~])[~≈]\s?(?=[\d\ue000-\ue009])")
_ABOUT_WORD = re.compile(
    r"(?:ungefähr|etwa|rund|circa|about|around|approximately|environ|aproximadamente|unos|unas|circa|примерно|около|約|大约|약)\s*$",
    re.IGNORECASE,
)
_NEXT_TO: Final = r"[^\W_]|[\ue000-\ue009]"
_AND = re.compile(r"\s{0,9}&{1,2}\s*")
_PLUS = re.compile(rf"\s{{0,9}}\+\s*(?={_NEXT_TO})")
_PLUS_AFTER = re.compile(r"(?<=[\w+])\+")
_TIMES = re.compile(r"(?<=[\d\ue000-\ue009])\s?×\s?|×|(?<=[\d\ue000-\ue009])\s?x\b|\s[×]\s?")
_FEMININE = re.compile(  # French quantities whose comparisons agree
    r"\b(?:températures?|temp|humidité|pression|vitesse|luminosité|consommation|tension|puissance|batterie|concentration|valeur"
    r"|durée|distance|intensité|charge|production|largeur|hauteur|qualité|teneur|masse|énergie|facture|note|quantité)\b[^.;,]*$",
    re.IGNORECASE,
)
_AT_LEAST: Final = {
    "en": ("greater than or equal to", "less than or equal to"),
    "de": ("größer oder gleich", "kleiner oder gleich"),
    "fr": ("supérieur ou égal à", "inférieur ou égal à"),
    "es": ("mayor o igual que", "menor o igual que"),
    "it": ("maggiore o uguale a", "minore o uguale a"),
    "pt": ("maior ou igual a", "menor ou igual a"),
    "ru": ("больше или равно", "меньше или равно"),
    "ja": ("大なりイコール", "小なりイコール"),
    "ko": ("크거나 같음", "작거나 같음"),
}
# ♯ ♭ of music (and "C#"), # as a key, √, ∞, ∆, "#topic".
_NOTES: Final = {
    "en": ("sharp", "flat", "hash", "square root of", "infinity", "delta", "hashtag"),
    "de": ("Sharp", "Be", "Raute", "Wurzel aus", "unendlich", "Delta", "Hashtag"),
    "fr": ("dièse", "bémol", "dièse", "racine de", "infini", "delta", "hashtag"),
    "es": ("sostenido", "bemol", "almohadilla", "raíz de", "infinito", "delta", "hashtag"),
    "it": ("diesis", "bemolle", "cancelletto", "radice di", "infinito", "delta", "hashtag"),
    "pt": ("sustenido", "bemol", "cerquilha", "raiz de", "infinito", "delta", "hashtag"),
    "ru": ("диез", "бемоль", "решётка", "корень из", "бесконечность", "дельта", "хэштег"),
    "zh": ("升", "降", "井号", "根号", "无穷大", "德尔塔", "话题"),
    "ja": ("シャープ", "フラット", "シャープ", "ルート", "無限大", "デルタ", "ハッシュタグ"),
    "ko": ("샤프", "플랫", "샵", "루트", "무한대", "델타", "해시태그"),
}
_SHARP = re.compile(r"(?<=\b[A-GF])#(?!\w)|(?<=[A-Ga-g])♯|♯")
_FLAT = re.compile(r"(?<=[A-Ga-g])♭|♭")
_ROOT = re.compile(r"√\s?")
_NUMBERED = re.compile(r"(?<![\w#&])#(?=[A-Z]{1,3}-?\d)")  # "order #A1234"
_HASHTAG = re.compile(r"(?<![\w#&])#(?=[^\W\d_]{3})")
_INFINITY = re.compile("∞")
_DELTA = re.compile(r"[∆Δ]\s?(?=[A-Za-z\d=])")
_HASH_KEY = re.compile(r"(?<=[\d\ue000-\ue009])#|(?<![\w#])#(?![\w#])")
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
_DIVIDED = re.compile(r"\s{0,9}÷\s*")
_AT = re.compile(r"\s{0,9}@\s*(?=[\w\ue000-\ue009])")
_SECTION = re.compile(r"§+\s?")
_ARROW = re.compile(r"\s{0,9}(?:[←→↔⇒⇐⇔➜➔➡⟶]\ufe0f?|<[-=]{1,9}>|[-=]{1,9}>|<-{1,9}|<={2,9})\s*")
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


_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED = re.compile(
    r"(?<=[\w)\ue000-\ue009])\^[({]?(?P<exponent>[-−+]?\d{1,4}|[a-z])[)}]?|(?<=[\d)])(?P<small>[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    r"|(?<=[a-zA-Z])(?P<letter>⁻[⁰¹²³⁴⁵⁶⁷⁸⁹]+|[⁰¹⁴⁵⁶⁷⁸⁹])"
)
_POWERS: Final = {
    "en": "to the {}",
    "de": "hoch {}",
    "fr": "puissance {}",
    "es": "elevado a {}",
    "it": "elevato a {}",
    "pt": "elevado a {}",
    "ru": "в степени {}",
    "zh": "的{}次方",
    "ja": "の{}乗",
    "ko": "의 {}제곱",
}


def power_rules(grammar: Grammar) -> list[Rule]:
    """The rule for exponents; it comes before those for units, which would take "³ bar" for one."""
    gap = "" if grammar.code in ("ja", "zh", "ko") else " "

    def spoken(match: re.Match[str]) -> str:
        exponent = (match["exponent"] or match["small"] or match["letter"]).translate(_SUPERSCRIPTS)
        if exponent in ("2", "3") and grammar.code not in ("ja", "ko"):
            return gap + grammar.signs["squared" if exponent == "2" else "cubed"]
        sign = {"-": grammar.signs["-"], "−": grammar.signs["-"], "+": ""}.get(exponent[0])
        digits = exponent.lstrip("-−+")
        blank = " " if gap and sign else ""
        number = digits if sign is None else f"{sign.strip()}{blank}{digits}"
        return gap + _POWERS[grammar.code].format(number)

    found = [Rule("sign", _RAISED, spoken, "^⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")]
    return found + _korean_sums() if grammar.code == "ko" else found


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for signs; the last ones drop what is left."""
    signs = {key: word.strip() for key, word in grammar.signs.items()}
    gap = "" if grammar.code in ("ja", "zh") else " "

    def word(key: str) -> str:
        return f"{gap}{signs[key]}{gap}"

    def about(match: re.Match[str]) -> str:
        if _ABOUT_WORD.search(text_before(match)):
            return ""
        touches = match.start() and match.string[match.start() - 1].isalnum()
        return (gap if touches else "") + signs["~"] + gap

    return [
        Rule("arrow", _ARROW, {"zh": "，", "ja": "、"}.get(grammar.code, ", "), "→←↔⇒⇐⇔➜➔➡⟶-=<"),
        Rule("sign", _ABOUT, about, "~≈"),
        Rule("sign", _COMPARISON, lambda match: gap + _compared(match, signs, grammar.code) + gap, "=<>≥≤≠≈"),
        Rule("sign", _AND, word("&"), "&"),
        Rule("sign", _PLUS, word("+"), "+"),
        Rule("sign", _PLUS_AFTER, gap + signs["+"], "+"),
        Rule("sign", re.compile("±"), word("±"), "±"),
        Rule(
            "times", _SO_OFTEN, lambda match: ("" if grammar.code == "ko" else gap) + _so_often(match, grammar), "xX×"
        ),
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


def _korean_sums() -> list[Rule]:
    """ "3 + 4 = 7" is "3 더하기 4는 7"."""
    digit = r"[\d\ue000-\ue009]"
    topic = re.compile(rf"(?<={digit})\s?=\s?(?={digit})")
    return [
        Rule("sign", re.compile(rf"(?<={digit})\s?\+\s?(?={digit})"), " 더하기 ", "+"),
        Rule("sign", re.compile(rf"(?<={digit})\s-\s(?={digit})"), " 빼기 ", "-"),
        Rule("sign", topic, lambda match: "은 " if _shown_digit(match) in "013678" else "는 ", "="),
    ]


def _shown_digit(match: re.Match[str]) -> str:
    return match.string[match.start() - 1].translate(_SHOW)


def _compared(match: re.Match[str], signs: dict[str, str], code: str) -> str:
    """ "temp <= 20" compares; "≤ 20" alone is "at most"."""
    key = _COMPARE[match[1]]
    before = text_before(match).rstrip()
    if key in "≥≤" and before and (before[-1].isalnum() or before[-1] in "°%)_") and code in _AT_LEAST:
        words = _AT_LEAST[code][key == "≤"]
        is_feminine = code == "fr" and _FEMININE.search(text_before(match))
        return words.replace("eur ou égal", "eure ou égale") if is_feminine else words
    if code == "fr" and key in "<>" and _FEMININE.search(text_before(match)):
        return signs[key].replace("eur à", "eure à")
    return signs[key]


def _so_often(match: re.Match[str], grammar: Grammar) -> str:
    """ "3x a day": times; in East Asia how often or how many times as much."""
    text = match.string[max(0, match.start() - 24) : match.start()].translate(_SHOW)
    if grammar.code in ("zh", "ja", "ko"):
        around = re.split(r"[，、。,]", text)[-1] + match.string[match.end() : match.end() + 4]
        return _HOW_OFTEN[grammar.code][bool(_FASTER.search(around))]
    digits = re.search(r"\d+$", text)
    is_whole = (
        digits is not None
        and match.string[match.start() - 1] not in "х½"
        and not re.search(rf"{re.escape(grammar.point)}[\s\d]*$", text)
    )
    number = Number(digits[0] if digits else "2", "" if is_whole else "5")
    if grammar.code == "ru":
        return _RUSSIAN_TIMES[grammar.plural(number)]
    return _HOW_OFTEN[grammar.code][grammar.plural(number)]


def _single_rules(grammar: Grammar, gap: str) -> list[Rule]:
    """Signs that stand alone: no number has claimed them."""
    signs = {key: word.strip() for key, word in grammar.signs.items()}
    percent = grammar.quantity(grammar.parse("5"), "concentr-percent").replace("5", "").strip()
    sharp, flat, key, root, infinity, delta, topic = _NOTES[grammar.code]
    return [
        Rule("sign", _SHARP, gap + sharp, "#♯"),
        Rule("sign", _FLAT, gap + flat, "♭"),
        Rule("sign", _ROOT, root + gap, "√"),
        Rule("sign", _NUMBERED, signs["#"] + gap, "#"),
        Rule("sign", _HASHTAG, topic + gap, "#"),
        Rule("sign", _HASH_KEY, lambda match: (gap if match.start() else "") + key, "#"),
        Rule("sign", _INFINITY, gap + infinity, "∞"),
        Rule("sign", _DELTA, delta + gap, "∆Δ"),
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
