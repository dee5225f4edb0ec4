"""Whether a full stop ends its sentence: abbreviations, initials, ordinals, list numbers and units in ten languages.

Sources of the lists: CLDR's segmentation suppressions for de, en, es, fr, it, pt and ru (the idea and the commonest
entries), failures reported of other servers' splitters, and everyday replies.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final

from .added_abbreviations import DOT_IS_ORDINAL, abbreviations


class Stop(Enum):
    """What a full stop followed by whitespace is."""

    END = "end"  # of the sentence, unless a small letter follows
    INSIDE = "inside"  # the sentence goes on, whatever follows
    ASK_NEXT = "ask next"  # the first character of the next word tells
    ASK_DIGIT = "ask digit"  # a number says that the sentence goes on: "No. 5"
    ASK_WORD = "ask word"  # the whole next word tells


# Never at the end of a sentence: something always follows them.
_OPEN: Final = {
    "de": (
        "dr prof hr fr nr abs art ing dipl st str z z.b bzw ca inkl exkl zzgl evtl ggf d d.h u u.a v v.a i "
        "i.d.r o vgl mind max min s tel jan feb mär apr jun jul aug sep sept okt nov dez mo di mi do sa so "
        "gem bes sog bspw fam abb hauptstr vs geb med rer phil jur habil mag dir kath ev röm urspr entspr "
        "einschl ausschl ehem verh verw gegr gest allg bzgl jew näml ztr hrsg hrn frl gebr dipl.-ing "
        "dipl.-kfm a.d z.hd z.t z.z z.zt s.a u.z"
    ),
    "en": (
        "dr mr mrs ms prof st ave rd blvd sgt gen col capt lt rev hon jr sr vs e.g i.e no nos fig approx apt "
        "vol pp jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri sat dept "
        "est ext mt ft gov sen rep pres supt adm maj cmdr cpl pvt insp det fr msgr esq messrs mmes assn bros "
        "univ dist cf viz resp incl tel hwy pkwy sq ln lb lbs oz tbsp tsp fl cont ed eds ch sec ph.d lt.col n"
    ),
    "es": (
        "sr sra srta sres dr dra d dña prof profa ud uds pág núm n.º no av avda c p.ej ej aprox máx mín tel "
        "ee izq dcha ene feb abr jun jul ago sep sept oct nov dic gral vs art cap fig lic licda licdo lcdo "
        "lcda arq mtro mtra excmo excma ilmo ilma rvdo hnos dpto depto ntra fco párrf párr apdo pza bco cf "
        "cfr prov sto sta st vol ed trad lun mié miér jue vie sáb dom mar may v.gr mt n"
    ),
    "fr": (
        "m mm mme mlle dr pr me st ste p.ex ex cf env av bd no n° tél janv févr avr juil sept oct nov déc max "
        "min art chap fig vol vs mgr dir prof bât cie éd réf resp qqn qqch apr ann ch coll hôp boul fg arr "
        "dép lun mer jeu ven sam dim mar app rte"
    ),
    "it": (
        "sig sigg sig.ra sig.na dott dott.ssa prof prof.ssa ing avv arch geom on p.es es cfr ca pag n v tel "
        "gen feb mar apr mag giu lug ago set ott nov dic max min st vs art cap fig p.zza rag mons amm dir "
        "psicol col ten sen avv.to arch.to geom.a egr gent.mo spett ill.mo pres pers ad.es c.so v.le l.go rev "
        "fr p.le lun mer gio ven sab dom"
    ),
    "pt": (
        "sr sra srta dr dra prof profa eng p.ex ex pág n.º av r tel jan fev mar abr mai jun jul ago set out "
        "nov dez máx mín aprox vs art cap fig exmo exma d arq des pres gov sen dep min cel gen ten sto sta "
        "ilmo ilma dras drs srs sras pe fr lda dir dpto apto ap bl cx est rod al trav pça seg ter qua qui sex "
        "sáb dom n"
    ),
    "ru": (
        "т.е ул д кв стр рис см им пр просп пл пер бул корп обл р-н гр проф акад доп макс мин тел напр рт янв "
        "февр апр авг сент окт нояб дек пн вт ср чт пт св г-н г-жа ок ген полк доц вып т тов гос зам "
        "зав инж чл.-корр пгт пос дер респ наб зд вкл искл англ лат греч нем прим изд кн"
    ),
    "ja": "dr mr mrs ms no vs",
    "ko": "dr mr mrs ms no vs",
    "zh": "dr mr mrs ms no vs",
}
# Inside a sentence or at its end: what follows tells.
_CLOSING: Final = {
    "de": "usw etc u.s.w o.ä u.ä a.m p.m n.chr v.chr co u.v.m std min sek tsd mio mrd jh jhd",
    "en": "etc a.m p.m am pm u.s u.k u.s.a inc ltd corp co b.c a.d d.c min sec hr hrs al",
    "es": "etc a.m p.m uu ee.uu a.c d.c min seg h cía s.a",
    "fr": "etc a.m p.m min sec h av.j.-c",
    "it": "ecc etc a.m p.m a.c d.c min sec h s.p.a s.r.l",
    "pt": "etc a.m p.m min seg h a.c d.c ltda s.a cia",
    "ru": "т.д т.п др пр г гг в вв н.э мин сек ч тыс млн млрд руб коп р экз чел",
    "ja": "etc a.m p.m",
    "ko": "etc a.m p.m",
    "zh": "etc a.m p.m",
}
OPEN: Final = {code: frozenset((*words.split(), "n°", "n.º", "nº", "№")) for code, words in _OPEN.items()}
CLOSING: Final = {code: frozenset(words.split()) for code, words in _CLOSING.items()}

# "e.g", "z.B": what only one language writes is told from any text, before its language is clear.
_KNOWN: Final = frozenset().union(*OPEN.values(), *CLOSING.values())
_CLOSING_LETTERS: Final = frozenset(word for words in CLOSING.values() for word in words if len(word) == 1)
_MAGNITUDES: Final = frozenset(("mio", "mrd", "tsd", "mln", "тыс", "млн", "млрд"))  # always followed by what they count
_UNITS: Final = frozenset(("min", "std", "sek", "sec", "seg", "st", "cm", "mm", "km", "kg"))
_TITLES: Final = "dr dra mr mrs sr sra srta sig sigg dott prof mme mlle hr fr bzw lic dipl"
_DOTTED: Final = frozenset(word for words in OPEN.values() for word in words if "." in word) | frozenset(
    _TITLES.split()
)

# German writes every noun with a capital, so only these words show that a new sentence has begun.
_GERMAN_STARTERS: Final = frozenset(
    "aber alle alles als also am an auch auf aus bald bei beide bis bitte da dabei dafür damit danach dann "
    "daran darf darum das dass dazu dein deine dem den denn der derzeit deshalb dich die diese dieser dieses "
    "dir doch dort draußen drinnen du ein eine einen einer eins er erst es etwas euer für gegen genau gestern "
    "gibt gleich gut hallo hast hat heute hier hinter ich ihr ihre im immer in ist ja jede jeder jedes jetzt "
    "kann kannst kein keine klar können leider mach mal man mein meine mit möchtest morgen nach nein nicht "
    "noch nun nur ob oder ohne okay schalte schon sehr seit sie sind so sobald sogar soll sollen sonst spiele "
    "später stelle super tschüss über um und uns unser unter viel viele vielen vielleicht von vor wann war "
    "waren warum was weil weiter welche wenn wer werde werden wie wieder willst wir wird wo wohin würde zu "
    "zuerst zum zur zurzeit zwischen übrigens außerdem trotzdem während".split()
)
# A number after one of these is an ordinal in German: "am 3. Mai", "im 2. Stock", "der 1. Alarm".
_BEFORE_ORDINAL: Final = frozenset(
    "am der die das den dem des vom zum zur im bis ab seit jeder jede jedes jeden mein dein sein ihr unser mit"
    " ihrem ihren beim und montag dienstag mittwoch donnerstag freitag samstag sonntag".split()
)
_LETTERED: Final = frozenset(
    "plan vitamin zone group gruppe line linie grade class klasse type typ option section vitamine groupe"
    " plano grupo gruppo vitamina группа план часть".split()
)

_LAST_WORDS = re.compile(r"(?:(\S{1,24})\s+)?([^\s(\[{\"'“„«]{1,40})$")
_NUMBER = re.compile(r"[(]?\d{1,4}")
_ROMAN = re.compile(r"[IVX]{1,5}")
_NOT_LETTERS = re.compile(r"[^\w.°º/²³-]+")
_DAY_AND_MONTH = re.compile(r"\d{1,2}\.\d{1,2}")
_MIXED_CASE = re.compile(r"[^\W\d_A-ZÀ-ÞА-Я]{1,2}[A-Z]")
_NO_CAPITALS = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af][\s.!?…\"'”’»)\]]*\Z")
_FIGURES = re.compile(r"[(]?\d{1,4}|\d{1,2}\.\d{1,2}|[IVX]{1,5}")
_LIST_NUMBER = re.compile(r"[\s>*_#(-]*\d{1,3}")
_LAST_STOP = re.compile(r"([.!?…‽。！？｡]{1,16})(?:[ \u00a0\u202f]?»|[\"'”“’)\]*_`~）」』}]){0,8}\s*\Z")
_ADDRESS = re.compile(r"://|www\.|[@/\\]", re.IGNORECASE)
_NO_WORD = re.compile(r"[\d._:=+&%]")  # of a run: a number, an address or a file name may be going on
_OPEN_MARKUP = re.compile(r"<[A-Za-z/!][^<>]*\Z|\[[^\[\]]*\Z|\](?:\([^()]*)?\s*\Z|<(?:sub|say-as)\b[^<>]*>[^<>]*\Z")
_SPEAKABLE = re.compile(r"[^\W_]")
_FIGURE_OR_SIGN = re.compile(r"[^\w\s.,;:!?…'’\"“”„«»()。，、！？「」-]|\d")
_SIGN = re.compile(r"[^\w\s.'’°º-]")
_TAGS = re.compile(r"<[^<>]{1,300}>")
_CODE_MARK = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class _Word:
    """The word that a full stop ends, and the one before it."""

    shown: str  # as written, without its brackets and quotation marks
    word: str  # in small letters, without a full stop at its ends
    previous: str  # likewise
    after_number: bool  # or a number itself, with something behind it
    after_capital: bool

    @classmethod
    def at_the_end_of(cls, text: str) -> _Word | None:
        match = _LAST_WORDS.search(text[-70:])
        if not match:
            return None
        before, shown = match[1] or "", _NOT_LETTERS.sub("", match[2])
        return cls(
            shown,
            shown.casefold().strip("."),
            _NOT_LETTERS.sub("", before.casefold()).strip("."),
            before[-1:].isdigit() or "°" in shown or (shown[:1].isdigit() and not shown.isdigit()),
            before[:1].isupper(),
        )

    @property
    def joined(self) -> str:
        return f"{self.previous}.{self.word}"

    @property
    def is_letter(self) -> bool:
        return len(self.word) == 1 and self.word.isalpha()


def judge(before: str, language_of: Callable[[str], str], added: tuple[str, ...] = ()) -> Stop:
    """What the full stop after ``before`` is; most of the time its language need not be asked for. It may be one of
    the ten, or of ``added``."""
    last = _Word.at_the_end_of(before)
    if last is None:
        return Stop.END
    if _LIST_NUMBER.fullmatch(before.rpartition("\n")[2]):
        return Stop.INSIDE
    if added and _is_known_of(last, added):
        language = language_of(before)
        return (
            _in_added(last, language) if language in added else _in_any_language(last) or _in_language(last, language)
        )
    return _in_any_language(last) or _in_language(last, language_of(before))


def is_sure_end(text: str, language: str | None, added: tuple[str, ...] = ()) -> bool:
    """Whether ``text``, of which more may come, ends in a terminator that nothing can turn into something else.

    For a pause in the text: what is not sure waits for more of it. Unsure are a digit, a single letter, an abbreviation
    or what may be an address or a file name before a full stop, and any terminator inside a tag, a link, code or a
    quotation of ``「``. Without a ``language`` an abbreviation of any language is one, and what has figures or signs
    waits until it is clear how they are read.
    """
    found = _LAST_STOP.search(text[-120:])
    if found is None or _is_inside(text) or not _SPEAKABLE.search(text):
        return False
    marks, before = found[1], _TAGS.sub("", text[: len(text) - len(found[0])])
    last = "" if not before or before[-1].isspace() else before[-300:].split()[-1]
    if _ADDRESS.search(last):
        return False
    if marks[0] in ".…" and (not last or last[-1].isdigit()):
        return False
    if language is None and _FIGURE_OR_SIGN.search(text):
        return False
    if marks != ".":
        return True
    if _NO_WORD.search(last):
        return False
    alone = _SIGN.sub(" ", before)
    if language is not None and language not in OPEN:
        return judge(alone, partial(_given, language), (language,)) is Stop.END
    codes = (*OPEN, *added) if language is None else (language,)
    return all(judge(alone, partial(_given, code), added) is Stop.END for code in codes)


def _given(language: str, _text: str) -> str:
    return language


def _is_inside(text: str) -> bool:
    """Whether the end of ``text`` stands in a tag, a link, code or a quotation that is still open."""
    if _OPEN_MARKUP.search(text) or len(_CODE_MARK.findall(text)) % 2:
        return True
    return text.count("「") + text.count("『") > text.count("」") + text.count("』")


def _in_any_language(last: _Word) -> Stop | None:
    """What holds whatever the language is; None where that tells."""
    word, joined = last.word, last.joined
    if joined in _DOTTED or word in _DOTTED or word in _MAGNITUDES or (word.endswith("str") and len(word) > 3):
        return Stop.INSIDE
    if word not in _KNOWN and joined not in _KNOWN and not _FIGURES.fullmatch(last.shown):
        return _letter(last) if last.is_letter else _by_shape(word)
    if last.is_letter and not last.after_number and joined not in _KNOWN and word not in _CLOSING_LETTERS:
        return _letter(last)
    return None


def _in_language(last: _Word, language: str) -> Stop:
    shown, word = last.shown, last.word
    if language not in OPEN:
        return _in_added(last, language)
    if _DAY_AND_MONTH.fullmatch(shown) and language == "de":
        return Stop.INSIDE if last.previous in _BEFORE_ORDINAL else Stop.ASK_WORD
    if _NUMBER.fullmatch(shown):
        return _number(last, language)
    if _ROMAN.fullmatch(shown) and language == "de" and len(shown) > 1:
        return Stop.ASK_NEXT
    if language == "ru" and word == "г" and not last.after_number:
        return Stop.INSIDE  # "в г. Тверь": a town, no year
    if word == "st" and last.after_capital:
        return Stop.ASK_NEXT  # "5 Elm St. The house", but "in St. Louis"
    is_open = word in OPEN[language] and not (last.after_number and (len(word) == 1 or word in _UNITS))
    if last.joined in CLOSING[language] or (word in CLOSING[language] and not is_open):
        return Stop.ASK_WORD if language == "de" else Stop.ASK_NEXT
    if is_open:
        return Stop.ASK_DIGIT if _sentence_word(shown, language, last.previous) else Stop.INSIDE
    return _letter(last) if last.is_letter else _by_shape(word)


def _is_known_of(last: _Word, added: tuple[str, ...]) -> bool:
    """Whether one of the languages ``added`` must be asked about a word: an abbreviation of its own, or a figure."""
    if _FIGURES.fullmatch(last.shown):
        return True
    return any(last.word in abbreviations(code) or last.joined in abbreviations(code) for code in added)


def _in_added(last: _Word, language: str) -> Stop:
    """What a full stop is in an added language: generic, but for its abbreviations and its ordinals."""
    if _NUMBER.fullmatch(last.shown) or _DAY_AND_MONTH.fullmatch(last.shown):
        return Stop.ASK_DIGIT if language in DOT_IS_ORDINAL else Stop.END  # "3. 5. 2026"; small letters go on anyway
    if last.word in abbreviations(language) or last.joined in abbreviations(language):
        return Stop.INSIDE if not last.after_number else Stop.ASK_NEXT
    return _letter(last) if last.is_letter else _by_shape(last.word)


def _by_shape(word: str) -> Stop:
    """ "U.S", "a.m": short letters between full stops may end a sentence or not."""
    parts = word.split(".")
    if len(parts) > 1 and all(len(part) <= 2 and part.isalpha() for part in parts):
        return Stop.ASK_NEXT
    return Stop.END


def goes_on(next_word: str) -> bool:
    """Whether the first character of the next word says that the sentence has not ended."""
    first = next_word[:1]
    return first.islower() or (first != "" and first in ",;:()]}%–-€$£¥₽+=/&→.»")


def goes_on_small(before: str, next_word: str) -> bool:
    """Whether a word in small letters says that no sentence ended: not "iPhone", nor behind a script without them."""
    first = next_word[:1]
    if first.islower():
        return not _MIXED_CASE.match(next_word) and not _NO_CAPITALS.search(before[-24:])
    return first != "" and first in ".,;:)]}»–—"


def _sentence_word(shown: str, language: str, previous: str) -> bool:
    """Whether a word that looks like an abbreviation is an ordinary one: "No.", "so.", "am Mi. " stays one."""
    if language == "it" and previous == "ad" and shown == "es":
        return False
    if language in ("de", "it") and shown in ("so", "do", "on", "es", "set", "mag", "di"):
        return True
    if language in ("en", "es") and shown.casefold() in (
        "no",
        "sat",
        "mar",
        "fig",
        "ext",
        "mon",
        "est",
        "set",
        "fri",
        "sun",
    ):
        return shown.islower() or not previous or language == "es"
    return language in ("es", "pt", "it", "fr") and shown in (
        "me",
        "mar",
        "set",
        "mai",
        "ex",
        "out",
        "on",
        "art",
        "cap",
        "max",
    )


def starts_german_sentence(word: str) -> bool:
    """Whether a word with a capital behind a German abbreviation or number begins a sentence."""
    return word.casefold().strip('.,;:!?…"“”„»') in _GERMAN_STARTERS or not word[:1].isalpha()


def _number(last: _Word, language: str) -> Stop:
    if language == "ko":
        return Stop.ASK_DIGIT  # "2026. 11. 24."
    if language != "de" or len(last.shown) > 3:
        return Stop.END
    return Stop.INSIDE if last.previous in _BEFORE_ORDINAL else Stop.ASK_WORD


def _letter(last: _Word) -> Stop:
    if last.after_number:
        return Stop.ASK_NEXT
    if last.shown.strip(".").isupper() and last.previous in _LETTERED:
        return Stop.ASK_NEXT
    return Stop.INSIDE
