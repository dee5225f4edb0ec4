"""The ten languages, those that a home may add to them, and every spelling of their names that a request may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One language that can be asked for."""

    code: str  # ISO 639-1, or 639-3 where that has none: the name of the language everywhere in this package
    model_name: str  # what Qwen3-TTS calls it; empty for a language that it does not speak
    regions: tuple[str, ...]  # tags Home Assistant users choose; advertised beside the code


LANGUAGES: dict[str, Language] = {
    language.code: language
    for language in (
        Language("de", "german", ("de-DE", "de-AT", "de-CH")),
        Language("en", "english", ("en-US", "en-GB", "en-AU", "en-CA", "en-IE", "en-IN", "en-NZ", "en-ZA")),
        Language("es", "spanish", ("es-ES", "es-MX", "es-AR", "es-CL", "es-CO", "es-419", "es-US")),
        Language("fr", "french", ("fr-FR", "fr-BE", "fr-CA", "fr-CH")),
        Language("it", "italian", ("it-IT", "it-CH")),
        Language("ja", "japanese", ("ja-JP",)),
        Language("ko", "korean", ("ko-KR",)),
        Language("pt", "portuguese", ("pt-PT", "pt-BR")),
        Language("ru", "russian", ("ru-RU",)),
        Language("zh", "chinese", ("zh-CN", "zh-TW", "zh-HK", "zh-SG", "zh-Hans", "zh-Hant")),
    )
}

# Languages that `voices.languages` may add: what espeak-ng 1.51 reads, and a few more that other Wyoming servers speak.
# Regions are those that Home Assistant offers, or whose speakers are many.
_ADDED_REGIONS = {
    "ar": "AE DZ EG IQ JO KW LB MA QA SA TN",
    "bn": "BD IN",
    "el": "GR CY",
    "fa": "IR AF",
    "hr": "HR BA",
    "ms": "MY SG",
    "nl": "NL BE",
    "ro": "RO MD",
    "sq": "AL XK",
    "sr": "RS BA ME",
    "sv": "SE FI",
    "sw": "KE TZ",
    "ta": "IN LK",
    "tr": "TR CY",
    "ur": "PK IN",
}
_ADDED_WITH_ONE = (
    "af-ZA am-ET az-AZ be-BY bg-BG bs-BA ca-ES cs-CZ cy-GB da-DK et-EE eu-ES fi-FI fil-PH ga-IE gl-ES gu-IN he-IL"
    " hi-IN hu-HU hy-AM id-ID is-IS jv-ID ka-GE kk-KZ km-KH kn-IN lb-LU lo-LA lt-LT lv-LV mk-MK ml-IN mn-MN mr-IN"
    " mt-MT my-MM nb-NO ne-NP pa-IN pl-PL ps-AF si-LK sk-SK sl-SI so-SO te-IN th-TH uk-UA uz-UZ vi-VN yue-HK zu-ZA"
)
_ADDED_REGIONS |= {code: region for code, _, region in (tag.partition("-") for tag in _ADDED_WITH_ONE.split())}
_ADDED_PLAIN = (
    "an as ba br cv eo fo fy gd gn ha haw ht ia ig io kl kok ku ky la lg mi nn oc om or qu rw sd sn st tg tk tn tt ug "
    "xh yo"
)
ADDED: dict[str, Language] = {
    code: Language(code, "", tuple(f"{code}-{region}" for region in _ADDED_REGIONS.get(code, "").split()))
    for code in sorted((*_ADDED_REGIONS, *_ADDED_PLAIN.split()))
}

# ISO 639-2/3 codes and the languages' own names; people type these into `language` fields.
_ALIASES = {
    "deu": "de",
    "ger": "de",
    "deutsch": "de",
    "eng": "en",
    "spa": "es",
    "español": "es",
    "espanol": "es",
    "castellano": "es",
    "castilian": "es",
    "fra": "fr",
    "fre": "fr",
    "français": "fr",
    "francais": "fr",
    "ita": "it",
    "italiano": "it",
    "jpn": "ja",
    "jp": "ja",
    "日本語": "ja",
    "kor": "ko",
    "kr": "ko",
    "한국어": "ko",
    "por": "pt",
    "português": "pt",
    "portugues": "pt",
    "rus": "ru",
    "русский": "ru",
    "zho": "zh",
    "chi": "zh",
    "cmn": "zh",
    "mandarin": "zh",
    "中文": "zh",
    "cn": "zh",
    "no": "nb",
    "nld": "nl",
    "dut": "nl",
    "dutch": "nl",
    "nederlands": "nl",
    "pol": "pl",
    "polish": "pl",
    "polski": "pl",
    "swe": "sv",
    "swedish": "sv",
    "svenska": "sv",
    "tur": "tr",
    "turkish": "tr",
    "türkçe": "tr",
    "ukr": "uk",
    "ukrainian": "uk",
    "українська": "uk",
    "ces": "cs",
    "cze": "cs",
    "czech": "cs",
    "čeština": "cs",
    "dan": "da",
    "danish": "da",
    "dansk": "da",
    "nor": "nb",
    "norwegian": "nb",
    "norsk": "nb",
    "fin": "fi",
    "finnish": "fi",
    "suomi": "fi",
    "iw": "he",
    "tl": "fil",
}
_NAMES = {language.model_name: code for code, language in LANGUAGES.items()} | _ALIASES


def normalize_tag(tag: str | None) -> str | None:
    """The code of one of `LANGUAGES` or `ADDED`, however it is named; None for `auto`, nothing and other languages.

    Whether somebody here speaks a language of `ADDED` is the voice catalog's to say.
    """
    if not tag:
        return None
    name = tag.strip().casefold().replace("_", "-")
    primary = name.partition("-")[0]
    if primary in LANGUAGES or primary in ADDED:
        return primary
    return _NAMES.get(name) or _NAMES.get(primary)


def model_language(tag: str | None) -> str | None:
    """The code of one of the ten that Qwen3-TTS speaks, however it is named; None for everything else."""
    code = normalize_tag(tag)
    return code if code in LANGUAGES else None


def regions(code: str) -> tuple[str, ...]:
    """The regional tags of a language, advertised beside its code."""
    language = LANGUAGES.get(code) or ADDED.get(code)
    return language.regions if language else ()
