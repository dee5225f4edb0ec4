"""``docs/text.md``: the rules of the text front end, each with lines of the golden tables that it changes."""

from collections.abc import Iterator
from typing import Final

from tests.conftest import ROOT
from tests.text.golden import RIGHT
from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.spoken import explain

ADDED_TABLE: Final = ROOT / "tests" / "text" / "added.tsv"
PAGE: Final = ROOT / "docs" / "text.md"
_EXAMPLES: Final = 3  # a rule

# What each rule does; a rule without a line here is listed by its examples.
_ABOUT: Final = {
    "abbreviation": "Abbreviations, titles and weekdays in full",
    "address": "Network addresses by their parts",
    "arrow": "An arrow is a short pause",
    "code": "A code block is left out",
    "date": "Dates, in figures and with names of months",
    "duration": "How long something lasts",
    "email": "Mail addresses",
    "emoji": "Pictures go; keycaps and arithmetic ones are spoken",
    "emphasis": "The marks of bold and italic go",
    "entity": "Names of Home Assistant's entities as words",
    "fraction": "Fractions, also with a whole number",
    "heading": "The mark of a heading goes",
    "html": "Tags go, entities become their letters; blocks and cells are pauses",
    "ip": "IP addresses",
    "left out": "What has no words in any language",
    "lexicon": "The home's own pronunciations (`lexicon/`)",
    "link": "A link is its text",
    "list": "The mark of a list's entry goes",
    "money": "Sums of money, prices per something",
    "number": "Numbers with decimals, groups and signs",
    "number-sign": "№ and # before a number",
    "ordinal": "First, second, third",
    "phone": "Telephone numbers digit by digit",
    "quote": "The mark of a quotation goes",
    "range": "From one number to another",
    "ratio": "Ratios and scores",
    "reasoning": "What a language model says to itself, its calls of tools",
    "rule": "A line across the text goes",
    "say-as": "SSML: letters or digits one by one",
    "sign": "Signs between and behind words and numbers",
    "sub": "SSML: an alias",
    "table": "Cells of a table are a list",
    "time": "Times of day and spans of them",
    "unit": "Units of measurement, with their agreement",
    "url": "Web addresses",
    "version": "Numbers of versions",
    "width": "Wide, circled and squared forms as plain ones",
    "year": "Years where they are spoken otherwise than numbers",
}
# What the golden tables have no line for.
_MORE: Final = (
    ("en", "<think>They ask for the time.</think>It is four o'clock now."),
    ("en", "The script is here:\n```yaml\nlight: on\n```\nThat is all for now."),
    ("en", "| Room | State |\n|---|---|\n| Kitchen | on |\n"),
    ("en", "> Quoted words of a friend\n"),
    ("en", "Feed the two cats\n---\nThen the dog, please."),
    ("en", "1️⃣ Milk and 2️⃣ bread today 😀"),
)
_HEAD: Final = """\
# How text is spoken

Made by `script/text-report rules` from the rules and the golden tables (`tests/text/golden`); do not edit it.
`wyoming-qwen3tts spoken` shows for any text which rule made which change.

What is done with a text, in this order:

1. Control characters, zero-width and private-use characters and halves of surrogates go; line ends become one kind.
2. Code blocks, a language model's reasoning (`<think>` and its like), its calls of tools and the tokens of chat
   templates are left out with all they hold, closed or not, in whatever pieces they arrive.
3. Sentences end where the language says so. A single line break is a blank, unless it is meant: behind an ended
   sentence, before or behind an entry of a list, a heading, a row, or between two short lines that both begin anew.
4. The language is told for each sentence (where none is set) by its script, its small words, the words and letters of
   Home Assistant's translations, and what was spoken before.
5. Markup goes, the home's lexicon counts, and the rules below are tried one after the other. What a rule has written,
   later rules leave alone.

"""


def page() -> str:
    """The whole page."""
    examples: dict[str, list[tuple[str, str, str]]] = {rule: [] for rule in _ABOUT}
    for language, written in _lines():
        answer = explain(written, language)
        for rule in dict.fromkeys(change["rule"] for change in answer["changes"]):
            found = examples.setdefault(rule, [])
            if len(found) < _EXAMPLES and language not in [one[0] for one in found]:
                found.append((language, written, answer["spoken"]))
    parts = [_HEAD, "| rule | what it does | | written | spoken |\n|---|---|---|---|---|\n"]
    for rule in sorted(examples):
        rows = examples[rule] or [("", "", "")]
        for at, (language, written, spoken) in enumerate(rows):
            name, about = (rule, _ABOUT.get(rule, "")) if not at else ("", "")
            parts.append(f"| {name} | {about} | {language} | {_cell(written)} | {_cell(spoken)} |\n")
    return "".join((*parts, _ADDED_HEAD, *_added()))


_ADDED_HEAD: Final = """
## Added languages

`voices.languages` adds languages that espeak-ng, or a voice server that stands in, speaks: `--voices.languages nl,pl`.
They have no rules of their own but one **generic grammar** (`text/normalization/grammars/generic.py`): the words that
CLDR has for units, currencies, months and "and", with CLDR's plurals; ordinals, the decimal sign and minus by CLDR's
rules for numbers; decimal comma or point as CLDR says; and a few words a language that CLDR has not
(`generic_words.py`). Nouns agree with their number and with nothing else. What is not known stays in figures, which the
voice reads itself. Markup and emoji go as everywhere. A text's language is told among the ten and those that were
added: by script, letters and small words, then by py3langid; a reply that begins in one of the ten stays among them. No
native speaker has read this.

| | written | spoken |
|---|---|---|
"""


def _added() -> Iterator[str]:
    """The lines of the added languages, a few of each."""
    shown: dict[str, int] = {}
    for row in ADDED_TABLE.read_text(encoding="utf-8").splitlines():
        if not row.startswith("#"):
            language, written, spoken = row.split("\t")
            shown[language] = shown.get(language, 0) + 1
            if shown[language] <= _EXAMPLES:
                yield f"| {language} | {_cell(written)} | {_cell(spoken)} |\n"


def write() -> None:
    """Write the page anew."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")


def _lines() -> Iterator[tuple[str, str]]:
    """The golden lines, of all languages in turn, short ones first."""
    yield from _MORE
    by_language = {
        language: sorted(
            (line.written for line in RIGHT if line.language == language), key=lambda text: (len(text), text)
        )
        for language in ("en", *(code for code in LANGUAGES if code != "en"))
    }
    for at in range(max(map(len, by_language.values()))):
        for language, lines in by_language.items():
            if at < len(lines) and len(lines[at]) > 8:
                yield language, lines[at]


def _cell(text: str) -> str:
    shown = text.replace("\n", " ⏎ ").replace("|", "\\|").replace("`", "\\`").replace("<", "\\<").replace("*", "\\*")
    return shown.replace("_", "\\_").strip()
