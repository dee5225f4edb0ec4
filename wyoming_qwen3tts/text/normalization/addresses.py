"""Things that are spelled rather than read: URLs, e-mail and IP addresses, paths, phone numbers, versions.

Spoken as people dictate them: the scheme and a trailing slash are left out, signs get names, phone numbers go digit by
digit.
"""

import re
from typing import Final

from .context import text_before
from .grammars.grammar import LEFT, Grammar
from .rule import Rule

# Endings that make a word with a full stop an address even without a scheme; file endings are read the same way.
_ENDINGS: Final = (
    "com net org io de fr es it pt ru cn jp kr uk us eu at ch br mx dev app info local home lan ai tv me co edu gov"
    " html php json yaml yml txt pdf mp3 wav py"
).split()  # fmt: skip
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_EDGE: Final = r"(?<![A-Za-z0-9_\u00c0-\u024f\u0400-\u04ff@./-])"
_URL = re.compile(
    rf"{_EDGE}(?:[a-z][a-z0-9+.-]{{1,15}}://|www\.)[^\s<>\"'“”„«»()（）。，、」』]*[A-Za-z0-9/_-]",
    re.IGNORECASE | re.ASCII,
)
_HOST = re.compile(
    rf"{_EDGE}(?:{_LABEL}\.)+(?:{'|'.join(_ENDINGS)})(?![A-Za-z0-9_-])(?::\d{{2,5}})?(?:/[A-Za-z0-9._~%/#?&=-]*[A-Za-z0-9/_-])?",
    re.ASCII,
)
_MAIL = re.compile(rf"{_EDGE}[A-Za-z0-9][A-Za-z0-9._%+-]{{0,63}}@(?:{_LABEL}\.)+[A-Za-z]{{2,}}", re.ASCII)
_BYTE: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IP = re.compile(rf"(?<![0-9A-Za-z.]){_BYTE}(?:\.{_BYTE}){{3}}(?:[:/]\d{{1,5}})?(?![0-9]|\.\d)")
_IP6 = re.compile(
    r"(?<![0-9A-Za-z:])(?:[0-9a-fA-F]{1,4}:){3,7}:?(?:[0-9a-fA-F]{1,4})(?![0-9A-Za-z:])|(?<![0-9A-Za-z:])[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5}::(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,5})?(?![0-9A-Za-z:])"
)
_MAC = re.compile(r"(?<![0-9A-Za-z:-])(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}(?![0-9A-Za-z:-])")
_PATH = re.compile(r"(?<![\w/.])~?(?:/[A-Za-z0-9][A-Za-z0-9._-]*){2,}/?", re.ASCII)
_ENTITY = re.compile(
    r"(?<![\w.])(?:(?:light|switch|sensor|climate|cover|fan|lock|script|scene|automation|button|number|select|person|zone|vacuum|weather|camera)\.\w+"
    r"|[a-z]+(?:_[a-z0-9]+)+\.[a-z0-9_]+|[a-z]+\.[a-z0-9]+(?:_[a-z0-9]+)+)(?!\w|\.\w)",
    re.ASCII,
)
_PHONE = re.compile(
    r"(?<![0-9A-Za-z.,:/+-])(?<!\d )(?:"
    r"(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"  # +49 30 1234567
    r"|\(\d{2,5}\)[ -]?\d{3,5}(?:[ -]\d{2,5}){1,3}|\(0\d{1,4}\)[ -]?\d{4,8}(?:-\d{1,4})?"  # (555) 123-4567
    r"|0\d{1,4}[ /-]\d{3,9}(?:[ -]\d{2,5}){0,3}"  # 030 1234567, 030/123456
    r"|0 8\d\d \d{3} \d{3}|0\d(?:[ .]\d{2}){4}"  # 01 23 45 67 89
    r"|\d{3}\.\d{3}\.\d{4}|\d{2} (?!(?:19|20)\d\d-(?:19|20)\d\d)9?\d{4}-\d{4}"
    r"|[89]\d \d{3} \d{2} \d{2}|\d{3} \d{3} \d{4}|\d{3}-\d{3}-\d{4}|\d{3}-\d{4}(?!\d)"
    r"|1\d{2}[ -]\d{4}[ -]\d{4}|0\d{1,3}-\d{3,4}-\d{4}"
    r"|8[ -]?\(?\d{3}\)?[ -]\d{3}-\d{2}-\d{2}"
    r"|1[5-8]\d\d-\d{4}|(?<!\d)1[3-9]\d{9}|[6-9]\d{2} \d{3} \d{3}(?! ?\d)|[679]\d{2}(?: \d{2}){3}|\d{5}-\d{4}"
    r")(?![0-9]|[.,:/-]\d)"
)
_VANITY = re.compile(r"(?<![0-9A-Za-z-])1-8\d\d-[A-Z0-9]{2,10}(?:-[A-Z0-9]{2,10})?(?![0-9A-Za-z-])")
_MAY_COUNT = re.compile(r"\d{1,3}(?: \d{3}){2,}|1[3-9]\d{9}|0{2,3}(?: \d{3})+")
_COUNTED = re.compile(r"\s(?:de\s|d'|di\s)?(?:[a-zà-ÿа-яё]{3,}|[€$£¥₽%°])")
_EMERGENCY: Final = {
    "en": r"911|112|999|000|111|211|311|411|511|611|711|811|988|101|105|119",
    "de": r"110|112|115|116 ?117|116 ?116",
    "zh": r"110|119|120|122|12345|12315|12306|10086|10010|95\d{3}",
    "ko": r"110|111|112|114|118|119|120|122|1339|1345",
}
_CALLS = re.compile(
    r"\b(?:call|dial|ring|phone|emergenc|police|fire|ambulance|hotline|number|lifeline|helpline|sos|text)|\b(?:wähl|ruf|anruf|anzuruf"
    r"|notruf|polizei|feuerwehr|notarzt|rettung|notfall|nummer|telefon|tel\b|hotline)|\b(?:appel|téléphon|numéro|compos|urgence)"
    r"|\b(?:llam|marc|teléfono|número|emergencia)|\b(?:chiam|telefon|numero|emergenz)|\b(?:lig(?:ue|ar|ou)|telefon|número|emergência)"
    r"|\b(?:позвон|звон|набер|телефон|номер|тел\b)|打|拨|报警|火警|急救|呼叫|致电|电话|热线|电話|電話|番号|連絡|전화|신고|걸|긴급|화재|구급"
    r"|경찰|소방|응급|번호|누르|호출",
    re.IGNORECASE,
)
_VERSION = re.compile(
    rf"{LEFT}(?:(v|ver\.|version|Version|versión|versione|versão|версия|версии|バージョン|버전|版本) ?)?"
    r"(\d+(?:\.\d+)+)(?:[-+]?((?:rc|b|beta|alpha|dev)\.?\d*))?(?![0-9A-Za-z]|[.:]\d)"
)
_DATED = re.compile(r"(?:1[5-9]|20|21)\d\d\.(?:0?[1-9]|1[0-2])\.(?:0?[1-9]|[12]\d|3[01])")
_VERSION_BEFORE = re.compile(
    r"(?:Assistant|HA|ESPHome|Update|update|[Vv]er(?:sion|\.)?|版本|バージョン|버전|升级到|更新到|アップデート|업데이트|Core|OS)[はが은는이:：]?\s*$"
)
_VERSION_WHOLE = re.compile(rf"{LEFT}v(\d+)(?![0-9A-Za-z.]|,\d)")
_KOREAN_SHORT = re.compile(r"1[5-8]\d\d-\d{4}")
_SCHEME = re.compile(r"^(?:https?|ftp|mailto)://", re.IGNORECASE)


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for addresses, in the order they must be tried."""

    def spelled(match: re.Match[str]) -> str:
        return _spelled(_SCHEME.sub("", match[0]).rstrip("/"), grammar)

    return [
        Rule("url", _URL, spelled, ":w"),
        Rule("email", _MAIL, spelled, "@"),
        Rule("url", _HOST, spelled, "."),
        Rule("ip", _IP, lambda match: _numbers(match[0], grammar), "0"),
        Rule("address", _MAC, lambda match: " ".join(re.sub(r"[:-]", "", match[0]).upper()), ":-"),
        Rule("ip", _IP6, lambda match: _spelled(match[0], grammar) if re.search(r"\d|::", match[0]) else None, ":"),
        Rule("path", _PATH, spelled, "/"),
        Rule("entity", _ENTITY, lambda match: match[0].replace("_", " ").replace(".", " "), "."),
        Rule("phone", _VANITY, lambda match: _vanity(match[0], grammar), "-"),
        Rule("phone", _PHONE, lambda match: _phone(match, grammar), "0"),
        *_emergency_rules(grammar),
        Rule("version", _VERSION, lambda match: _version(match, grammar), "0"),
        Rule("version", _VERSION_WHOLE, lambda match: f"{grammar.signs['version']} {match[1]}", "v"),
    ]


def _spelled(address: str, grammar: Grammar) -> str:
    """An address with its signs named; runs of letters stay words."""
    names = {".": ".", "/": "/", "-": "dash", "_": "_", ":": ":", "@": "@", "+": "+", "=": "=", "&": "&"}
    words = []
    for part in re.findall(r"[A-Za-z]+|\d+|[^\sA-Za-z\d]", address):
        if part.isdigit():
            words.append(part if len(part) < 4 and part[0] != "0" else grammar.digits(part))
        elif part.isalpha():
            words.append(part)
        elif part in names:
            words.append(grammar.signs[names[part]].strip())
    return " ".join(words)


def _numbers(address: str, grammar: Grammar) -> str:
    """An IP address: its numbers are read whole."""
    gap = "" if grammar.code in ("zh", "ja", "ko") else " "
    dot = f"{gap}{grammar.signs['.']}{gap}"
    host, _, port = address.partition(":")
    host, _, mask = host.partition("/")
    spoken = dot.join(host.split("."))
    if port:
        spoken += f"{gap}{grammar.signs[':']}{gap}{port}"
    return spoken + (f"{gap}{grammar.signs['/']}{gap}{mask}" if mask else "")


def _is_called(match: re.Match[str], code: str) -> bool:
    """Whether a word for calling, for an emergency or for who helps stands near a number."""
    before, after = (
        match.string[max(0, match.start() - 60) : match.start()],
        match.string[match.end() : match.end() + 60],
    )
    if code in ("zh", "ja"):
        return bool(_CALLS.search(before[-12:]) or _CALLS.search(after[:6]))
    near = [*before.split()[-4:], *after.split()[:4]]
    return any(_CALLS.search(word) for word in near)


def _emergency_rules(grammar: Grammar) -> list[Rule]:
    """ "Dial 911": read digit by digit where the language does so."""
    numbers = _EMERGENCY.get(grammar.code)
    if not numbers:
        return []
    pattern = re.compile(rf"(?<![0-9A-Za-z.,:/+-])(?:{numbers})(?![0-9A-Za-z]|[.,:/-]\d|\s?[%°€$£])")

    def spoken(match: re.Match[str]) -> str | None:
        if not _is_called(match, grammar.code):
            return None
        digits = grammar.digits(match[0].replace(" ", ""))
        return digits.replace("一", "幺") if grammar.code == "zh" else digits

    return [Rule("phone", pattern, spoken, "0")]


def _vanity(number: str, grammar: Grammar) -> str | None:
    """ "1-800-GO-FEDEX": its letters are spelt."""
    if not re.search(r"[A-Z]", number):
        return None
    return ", ".join(" ".join(group) for group in number.split("-"))


def _phone(match: re.Match[str], grammar: Grammar) -> str | None:
    number = match[0]
    digits = re.sub(r"\D", "", number)
    if not 6 < len(digits) < 17:
        return None
    if _MAY_COUNT.fullmatch(number) and not _is_called(match, grammar.code):
        counts = _COUNTED.match(match.string, match.end())
        if "000" in number.split() or counts or (" " not in number and grammar.code not in ("zh", "ko")):
            return None
    if grammar.code != "ko" and _KOREAN_SHORT.fullmatch(number):
        return None  # elsewhere these are years
    groups = [grammar.digits(group) for group in re.findall(r"\d+", re.sub(r"^0 (?=\d)", "0", number))]
    plus = grammar.signs["+"].strip() + ("" if grammar.code in ("zh", "ja") else " ") if number.startswith("+") else ""
    return plus + ", ".join(groups) if grammar.code not in ("zh", "ja") else plus + "".join(groups)


def _version(match: re.Match[str], grammar: Grammar) -> str | None:
    marked = match[1]
    parts = match[2].split(".")
    if not marked and len(parts) < 3 and not match[3]:
        return None
    before = match.string[max(0, match.start() - 24) : match.start()]
    if not marked and (_is_grouped(match[2], grammar) or _is_east_asian_date(match[2], before, grammar)):
        return None
    point = grammar.point.strip() if grammar.code not in ("de", "fr", "es", "it", "pt", "ru") else grammar.signs["."]
    gap = "" if grammar.code in ("zh", "ja") else " "
    spoken = f"{gap}{point}{gap}".join(parts)
    if match[3]:
        spoken += f" {match[3]}"
    if not marked:
        return spoken
    if re.search(r"vers\w*\s$|верси\w*\s$|版本\s?$|バージョン\s?$|버전\s?$", text_before(match), re.IGNORECASE):
        return spoken
    word = grammar.signs["version"] if marked.casefold() in ("v", "ver.") else marked
    return f"{word} {spoken}" if gap else f"{word}{spoken}"


def _is_east_asian_date(text: str, before: str, grammar: Grammar) -> bool:
    """Whether "2026.8.8" is a date, as it is in East Asia where no word tells a version."""
    return grammar.code in ("ja", "ko", "zh") and bool(_DATED.fullmatch(text)) and not _VERSION_BEFORE.search(before)


def _is_grouped(text: str, grammar: Grammar) -> bool:
    """Whether this is a number with thousands, or a date, rather than a version."""
    if re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3})+", text):
        return True
    return bool(
        re.fullmatch(r"(?:0?[1-9]|[12]\d|3[01])\.(?:0?[1-9]|1[0-2])\.(?:19|20)?\d{2}", text)
        or re.fullmatch(r"(?:19|20)\d\d\.(?:0[1-9]|1[0-2])\.(?:[0-2]\d|3[01])", text)
    )
