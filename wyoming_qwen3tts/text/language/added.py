"""Whether a text is written in a language that the home has added to the ten, and in which.

Script first, then letters and small words of these languages, then py3langid, which knows 97. The ten's own detection
is asked only for what this leaves.
"""

import logging
import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from babel.core import Locale, UnknownLocaleError
from babel.dates import get_day_names, get_month_names

from .identifier import identifier
from .vocabulary import WORDS
from .word_table import LATIN

log = logging.getLogger(__name__)

LANGID_LETTERS: Final = 8  # below this py3langid is not asked
SURE: Final = 1.5  # this much more evidence than for any other decides before the end of the text
LOYALTY: Final = 0.6  # what the language spoken so far, or that of the home, is worth where something speaks for it

_SOME: Final = 0.3
_LANGID: Final = {"nb": "no", "fil": "tl"}
# A script that one language of a home writes; Cyrillic, Latin and Han are shared with the ten.
_SCRIPTS: Final = (
    ("el", "\u0370-\u03ff\u1f00-\u1fff"),
    ("he", "\u0590-\u05ff"),
    ("ar fa ur ps sd ug", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufeff"),
    ("hy", "\u0530-\u058f"),
    ("hi mr ne kok", "\u0900-\u097f"),
    ("bn as", "\u0980-\u09ff"),
    ("pa", "\u0a00-\u0a7f"),
    ("gu", "\u0a80-\u0aff"),
    ("or", "\u0b00-\u0b7f"),
    ("ta", "\u0b80-\u0bff"),
    ("te", "\u0c00-\u0c7f"),
    ("kn", "\u0c80-\u0cff"),
    ("ml", "\u0d00-\u0d7f"),
    ("si", "\u0d80-\u0dff"),
    ("th", "\u0e00-\u0e7f"),
    ("lo", "\u0e80-\u0eff"),
    ("my", "\u1000-\u109f"),
    ("ka", "\u10a0-\u10ff"),
    ("am", "\u1200-\u137f"),
    ("km", "\u1780-\u17ff"),
)
CYRILLIC: Final = frozenset("ba be bg cv kk ky mk mn sr tg tt uk".split())
_CYRILLIC_LETTERS = re.compile("[\u0400-\u04ff]")
_EAST_ASIAN = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]")
_RUSSIAN: Final = "ru"
_WORD = re.compile(r"[^\W\d_]{2,}")
_LETTER = re.compile(r"[^\W\d_]")

# Letters that tell a language from the ten; several of them may share one.
_LETTERS: Final = {
    "az": "ə", "be": "ўі", "ca": "ŀ", "cs": "ěůřčšž", "da": "æøå", "et": "õ", "fi": "äå", "fo": "ð", "hr": "đčćšž",
    "hu": "őű", "is": "þðæ", "kk": "әғқңөұүһі", "lt": "ėįųūąęčšž", "lv": "āēīūģķļņčšž", "mk": "ѓќѕјљњџ", "mt": "ħġċż",
    "nb": "æøå", "nn": "æøå", "pl": "łąęśżźćń", "ro": "ășțşţ", "ru": "ыэъё", "sk": "ľĺŕôčšž", "sl": "čšž",
    "sr": "јљњћђџ", "sv": "åäö", "tr": "ğışİ", "uk": "іїєґ", "vi": "ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ",
}  # fmt: skip
_LETTER_WORTH: Final = 0.6

_SMALL: Final = {
    "bg": "и на е да се не от за са по си ще как какво много сега лампата вратата включена изключена градуса",
    "ca": "el la els les és són i amb per no què com ara està llum porta obert oberta tancada graus avui demà",
    "cs": "je a v na se to že jsem není jsou s pro jak kde teď dnes zítra světlo světla dveře okno zapnuto vypnuto"
    " otevřené zavřené stupňů prosím děkuji ahoj dobrý den máte hotovo kuchyni ložnici obývacím pokoji",
    "da": "det er og ikke jeg du en et på til af med har der som den kan vil nu lyset døren vinduet tændt slukket åben"
    " lukket grader tak hej godt færdig køkkenet stuen soveværelset i dag morgen hvad hvordan",
    "et": "on ja ei see mis kui ma sa tuli uks avatud suletud kraadi täna homme valmis köögis sisse välja lülitatud",
    "fi": "on ja ei se että minä sinä ovat oli nyt valo valot ovi ikkuna päällä pois auki kiinni astetta kiitos hei"
    " tänään huomenna valmis keittiön keittiössä olohuoneen makuuhuoneen mikä mitä miten lämpötila sytytetty",
    "hr": "je i u na se to da nije su s za kako gdje sada danas sutra svjetlo vrata prozor uključeno isključeno"
    " otvorena zatvorena stupnjeva hvala bok gotovo kuhinji",
    "hu": "a az és nem van hogy egy is most ma holnap lámpa ajtó ablak bekapcsolva kikapcsolva nyitva zárva fok"
    " köszönöm szia kész konyhában nappaliban hálószobában mi hol milyen",
    "nb": "det er og ikke jeg du en et på til av med har som den kan vil nå lyset døren døra vinduet slått åpen lukket"
    " grader takk hei bra ferdig kjøkkenet stua soverommet i dag morgen hva hvordan",
    "nl": "de het een en is zijn was niet ik je jij u hij zij wij we van op te met voor aan naar er dat die dit deze"
    " ook maar nog wel geen kan kun wil moet heeft heb wordt nu vandaag morgen gisteren licht lichten lamp deur raam"
    " aan uit open dicht gesloten graden klaar alsjeblieft alstublieft dank bedankt hallo hoi goedemorgen goedenavond"
    " keuken woonkamer slaapkamer badkamer garage tuin wasmachine staat zet doe buiten binnen temperatuur weer regen"
    " zonnig uur minuten procent hoe wat waar wanneer oké welterusten timer boodschappen toegevoegd ingeschakeld"
    " uitgeschakeld verwarming bewolkt tot over gaat ga",
    "pl": "jest i w na się nie to że do z są jak co teraz dziś jutro światło światła drzwi okno włączone wyłączone"
    " otwarte zamknięte stopni proszę dziękuję cześć dzień dobry gotowe kuchni salonie sypialni temperatura pralka"
    " wynosi włączono wyłączono zakończyła pranie o dla czy mam",
    "ro": "este și sunt nu la în cu pe de un o că se ai am acum azi mâine lumina ușa fereastra aprinsă stinsă deschisă"
    " închisă grade mulțumesc bună gata bucătărie dormitor ce cum unde",
    "ru": "и в на не что это с по как где сейчас сегодня завтра свет дверь окно включён включено выключен открыта"
    " открыто закрыта закрыто градусов спасибо привет готово кухне спальне гостиной",
    "sk": "je a v na sa to že nie sú s pre ako kde teraz dnes zajtra svetlo dvere okno zapnuté vypnuté otvorené"
    " zatvorené stupňov prosím ďakujem ahoj hotovo kuchyni spálni",
    "sl": "je in v na se to da ni so z za kako kje zdaj danes jutri luč vrata okno vklopljena izklopljena odprta zaprta"
    " stopinj hvala živjo končano kuhinji",
    "sv": "det är och inte jag du en ett på till av med har som den kan vill nu ljuset lampan dörren fönstret tänd tänt"
    " släckt öppen öppet stängd stängt grader tack hej bra klar klart köket vardagsrummet sovrummet idag imorgon vad"
    " hur tvättmaskinen temperaturen ute inne",
    "tr": "ve bir bu da de için ne şu var yok değil evet hayır şimdi bugün yarın ışık ışıklar lamba kapı pencere açık"
    " kapalı açıldı kapatıldı derece lütfen teşekkürler merhaba tamam mutfak salon yatak odası odasında sıcaklık hava"
    " saat dakika çamaşır makinesi bitti nasıl nerede",
    "uk": "і в у на є не що це та з до за як де зараз сьогодні завтра світло двері вікно увімкнено вимкнено відчинені"
    " зачинені градусів дякую привіт готово кухні вітальні спальні",
    "vi": "là và của có không được cho trong một các đã đang bây giờ hôm nay ngày mai đèn cửa bật tắt mở đóng độ cảm"
    " ơn xin chào xong phòng bếp khách ngủ nhiệt",
}  # fmt: skip


def warm(added: Iterable[str]) -> None:
    """Load what telling the languages ``added`` needs."""
    codes = tuple(added)
    for group in (_of_script(codes, cyrillic=False), _of_script(codes, cyrillic=True)):
        if len(group) > 1:
            _rank("warm", group)


def told(text: str, known: str, added: tuple[str, ...], *, sure: bool) -> tuple[str | None, bool]:
    """One of ``added``, or None for one of the ten; and whether that is clear.

    ``known`` is the language spoken so far, or the home's. With ``sure`` only clear evidence names an added language.
    """
    for codes, letters in _SCRIPTS:
        mine = [code for code in codes.split() if code in added]
        if mine and 2 * len(re.findall(f"[{letters}]", text)) > len(_LETTER.findall(text)):
            return _best(text, known, tuple(mine), ()), True
    if 4 * len(_EAST_ASIAN.findall(text)) > len(_LETTER.findall(text)):
        return None, True
    is_cyrillic = 2 * len(_CYRILLIC_LETTERS.findall(text)) > len(_LETTER.findall(text))
    mine = [code for code in added if (code in CYRILLIC) is is_cyrillic and code not in _WITH_SCRIPT]
    if not mine:
        return None, True
    rivals = (_RUSSIAN,) if is_cyrillic else LATIN
    evidence = _evidence(text, tuple(mine), rivals)
    if known in evidence and evidence[known] >= _SOME and not sure:
        evidence[known] += LOYALTY
    ranked = sorted(evidence, key=evidence.__getitem__, reverse=True)
    best, second = evidence[ranked[0]], evidence[ranked[1]]
    is_clear = best - second >= SURE
    if not best or best == second or (sure and not is_clear):
        return (known if known in mine and not sure else None), is_clear
    return (ranked[0] if ranked[0] in mine else None), is_clear


def _best(text: str, known: str, mine: tuple[str, ...], rivals: tuple[str, ...]) -> str:
    if len(mine) == 1:
        return mine[0]
    evidence = _evidence(text, mine, rivals)
    evidence[known] = evidence.get(known, -LOYALTY) + LOYALTY if known in mine else -1.0
    return max(mine, key=lambda code: evidence[code])


def _evidence(text: str, mine: tuple[str, ...], rivals: tuple[str, ...]) -> dict[str, float]:
    """How much speaks for each language: its words and letters, each counted once, and py3langid's certainty."""
    evidence = dict.fromkeys((*mine, *rivals), 0.0)
    lowered = text.lower()
    words = set(_WORD.findall(lowered)) | ({"i", "a", "o", "u", "w"} & set(lowered.split()))
    letters = set(lowered)
    for code in (*mine, *(code for code in rivals if code == _RUSSIAN)):
        small = _small(code)
        evidence[code] += sum(1.0 for word in words if word in small)
        evidence[code] += _LETTER_WORTH * min(3, len(letters & _letters(code)))
    for word in words:
        for code in (codes := WORDS.get(word, ())):
            if code in evidence and len(codes) < len(LATIN):
                evidence[code] += 1.0
    if len(_LETTER.findall(text)) >= LANGID_LETTERS:
        for code, certainty in _rank(text, (*mine, *rivals)):
            evidence[code] += 2 * certainty
    return evidence


def _rank(text: str, codes: tuple[str, ...]) -> list[tuple[str, float]]:
    ours = {_LANGID.get(code, code): code for code in codes}
    langid = identifier(tuple(sorted(ours)))
    if langid is None:
        return []
    return [(ours[code], float(certainty)) for code, certainty in langid.rank(text) if code in ours]


@cache
def _letters(code: str) -> frozenset[str]:
    return frozenset(_LETTERS.get(code, ""))


@cache
def _small(code: str) -> frozenset[str]:
    """Small words, and CLDR's names of days and months."""
    words = set(_SMALL.get(code, "").split())
    try:
        locale = Locale.parse(code)
        for names in (get_day_names("wide", locale=locale), get_month_names("wide", locale=locale)):
            words.update(str(name).lower() for name in names.values())
    except (UnknownLocaleError, ValueError, KeyError):
        log.debug("CLDR has no names of days in %s", code)
    return frozenset(words)


_WITH_SCRIPT: Final = frozenset(code for codes, _ in _SCRIPTS for code in codes.split())


def _of_script(added: tuple[str, ...], *, cyrillic: bool) -> tuple[str, ...]:
    mine = [code for code in added if (code in CYRILLIC) is cyrillic and code not in _WITH_SCRIPT]
    return (*mine, *((_RUSSIAN,) if cyrillic else LATIN)) if mine else ()
