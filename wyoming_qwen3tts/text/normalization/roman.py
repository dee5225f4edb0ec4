"""Roman numerals: after the names of rulers, with centuries, and behind a word for a chapter or a volume."""

import re
from typing import Final

from .context import text_after, text_before, word_before
from .grammars.grammar import Grammar, spell
from .rule import Rule, alternatives

_VALUES: Final = {"I": 1, "V": 5, "X": 10, "L": 50}
_ROMAN: Final = r"(?:X{1,3}|X?L|L?X{0,3})(?:I[XV]|V?I{0,3})"
_CANONICAL = re.compile(r"(?:XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_FEMALE = re.compile(
    r"(?:Elizabeth|Elisabeth|Élisabeth|Isabel|Isabella|Elisabetta|Margrethe|Margarita|Margarida|Margherita|Catherine|Katharina"
    r"|Catalina|Caterina|Catarina|Maria|Mary|María|Beatrix|Cristina|Christina|Victoria|Елизавета|Екатерина|Анна|Маргарита)$"
)
_RULERS: Final = (
    "Henry Edward George Elizabeth Charles William James Richard Louis Philip Philippe Napoleon Napoléon"
    " Napoleone Frederick Ferdinand Fernando Francis François Leo Leon Gregory Alexander Alexandre Nicholas"
    " Catherine Benedict Pius Paul John Mary Victoria Otto Heinrich Friedrich Wilhelm Ludwig Karl Elisabeth"
    " Katharina Franz Joseph Benedikt Johannes Leopold Henri Charles-Quint Élisabeth Jean Benoît Pie Léon Felipe"
    " Alfonso Carlos Juan Isabel Benedicto Pablo Pío León Luis Enrique Jaime Luigi Vittorio Emanuele Umberto Carlo"
    " Enrico Federico Elisabetta Giovanni Paolo Benedetto Pio Leone Pedro João Manuel Afonso Sebastião Dinis Bento"
    " Luís Dom Пётр Петр Николай Александр Екатерина Елизавета Павел Иван Карл Людовик Генрих Наполеон Филипп"
    " Бенедикт Ramses Xerxes Darius Gustav Christian Haakon Harald Olav Margrethe"
).split()
_PARTS: Final = {
    "en": "chapter part volume book act scene level phase type class section article war bowl mark appendix stage",
    "de": "kapitel teil band akt stufe phase typ klasse abschnitt artikel weltkrieg buch",
    "fr": "chapitre partie tome volume acte niveau phase type article section livre",
    "es": "capítulo parte tomo volumen acto nivel fase tipo artículo sección libro",
    "it": "capitolo parte tomo volume atto livello fase tipo articolo sezione libro",
    "pt": "capítulo parte tomo volume ato nível fase tipo artigo seção livro",
    "ru": "глава часть том акт уровень фаза тип статья раздел книга",
}
_CENTURY: Final = {
    "es": re.compile(r"(?P<word>\b[Ss]iglos?\s)(?P<roman>[IVX]{1,5})(?![\w])"),
    "pt": re.compile(r"(?P<word>\b[Ss]éculos?\s)(?P<roman>[IVX]{1,5})(?![\w])"),
    "it": re.compile(
        r"(?P<word>\b[Ss]ecolo\s)(?P<roman>[IVX]{1,5})(?![\w])|(?<![\w])(?P<first>[IVX]{1,5})(?P<last>\ssecolo\b)"
    ),
    "fr": re.compile(r"(?<![\w])(?P<first>[IVX]{1,5})(?:e|ème)(?P<last>\ssiècles?\b)"),
    "de": re.compile(r"(?<![\w])(?P<first>[IVX]{1,5})\.(?P<last>\s(?:Jahrhunderts?|Jh\.))"),
    "en": re.compile(r"(?<![\w])(?P<first>[IVX]{1,5})(?:th|st|nd|rd)?(?P<last>\scentury\b)"),
    "ru": re.compile(r"(?<![\w])(?P<first>[IVX]{1,5})(?P<last>\s(?:век(?:а|е|ом|у)?|в\.|столети[ея])(?![\w]))"),
}
_COUNT: Final = {"es": "spellout-numbering", "pt": "spellout-cardinal-masculine"}
_RUSSIAN_CENTURY: Final = {"века": "-genitive", "веке": "-locative", "веком": "-ablative", "веку": "-dative"}


def rules(grammar: Grammar) -> list[Rule]:
    """The rules for Roman numerals, in languages with an alphabet; they come before those for abbreviations."""
    code = grammar.code
    if code not in _CENTURY:
        return []
    rulers = alternatives(_RULERS)
    stop = r"(?P<stop>\.(?=\s|$))?" if code == "de" else ""
    ruler = re.compile(
        rf"(?P<name>\b(?:{rulers}))(?P<gap>\s)(?P<roman>I{{1,3}}|[IVX]{{1,5}})(?:er|ère|\.?º)?{stop}(?![\w])"
    )
    words = _PARTS[code].split()
    part = re.compile(
        rf"(?P<name>\b(?:{alternatives([*words, *map(str.capitalize, words)])}))(?P<gap>\s)"
        r"(?P<roman>[IVXL]{1,6})(?![\w])"
    )
    title = re.compile(
        r"(?P<name>(?<![\w])[A-ZА-Я][\w'’]+)(?P<gap>\s)(?P<roman>I{2,3}|I[VX]|VI{1,3}|XI{0,3}V?|LVI{1,3})(?![\w.'’-])"
    )
    return [
        Rule("roman", _CENTURY[code], lambda match: _century(match, code), "IVX"),
        Rule("roman", ruler, lambda match: _ruler(match, code), "IVX"),
        Rule("roman", part, _number, "IVXL"),
        Rule("roman", title, _number, "IVXL"),
    ]


def value(roman: str) -> int | None:
    """The number that a Roman numeral stands for; None where it is none."""
    if not roman or not _CANONICAL.fullmatch(roman):
        return None
    digits = [_VALUES[letter] for letter in roman]
    return sum(-digit if digit < max(digits[at:]) else digit for at, digit in enumerate(digits))


def _number(match: re.Match[str]) -> str | None:
    number = value(match["roman"])
    if number is None or (match["roman"] in ("I", "X", "V") and match["name"].islower() and match["roman"] == "I"):
        return None
    return f"{match['name']} {number}"


def _century(match: re.Match[str], code: str) -> str | None:
    groups = match.groupdict()
    number = value(groups.get("roman") or groups.get("first") or "")
    if number is None:
        return None
    last = groups.get("last") or ""
    if code in ("es", "pt"):
        ruleset = "spellout-ordinal-masculine" if number <= 10 else _COUNT[code]
        return match["word"] + spell(number, code, ruleset)
    if code == "it":
        ordinal = spell(number, "it", "spellout-ordinal-masculine")
        return f"{match['word']}{ordinal}" if groups.get("word") else ordinal + last
    if code == "fr":
        return _french(number) + last
    if code == "ru":
        word = last.strip()
        form = _RUSSIAN_CENTURY.get(word, "")
        if word == "в.":
            form, last = ("-locative", " веке") if word_before(match) in ("в", "во") else ("", " век")
        return spell(number, "ru", f"spellout-ordinal-masculine{form}") + last
    if code == "de":
        word = word_before(match)
        stem = spell(number, "de", "spellout-ordinal").rstrip("e")
        ending = "en" if word in ("im", "des", "dem", "vom", "zum", "am") else "e" if word in ("das", "ins") else "es"
        return f"{stem}{ending}{last.replace('Jh.', 'Jahrhundert')}"
    return spell(number, "en", "spellout-ordinal") + last


def _french(number: int) -> str:
    return "premier" if number == 1 else spell(number, "fr", "spellout-ordinal-masculine")


def _ruler(match: re.Match[str], code: str) -> str | None:
    number = value(match["roman"])
    if number is None or (code == "en" and match["roman"] == "I" and not re.match(r"[,.;:!?)]", text_after(match))):
        return None  # "George I think"
    name, feminine = match["name"], bool(_FEMALE.search(match["name"]))
    if code == "en":
        return f"{name} the {spell(number, 'en', 'spellout-ordinal')}"
    if code == "de":
        stem = spell(number, "de", "spellout-ordinal").rstrip("e").capitalize()
        before = text_before(match)
        if name.endswith("s") and not name.startswith(("Johannes", "Nikolaus", "Louis", "Charles")):
            spoken = f"{name} des {stem}en"
        elif re.search(r"\b(?:mit|von|bei|zu|unter|nach)\s$", before):
            spoken = f"{name} {'der' if feminine else 'dem'} {stem}en"
        else:
            spoken = f"{name} {'die' if feminine else 'der'} {stem}e"
        return spoken
    gender = "feminine" if feminine else "masculine"
    if code == "fr":
        word = (
            ("première" if feminine else "premier")
            if number == 1
            else spell(number, "fr", "spellout-cardinal-masculine")
        )
    elif code == "it" or (code in ("es", "pt") and number <= 10) or code == "ru":
        word = spell(number, code, f"spellout-ordinal-{gender}")
    else:
        word = spell(number, code, "spellout-cardinal-masculine")
    return f"{name} {word}"
