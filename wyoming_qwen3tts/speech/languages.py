"""The ten languages, and every spelling of their names that a request may use."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """One language the model speaks."""

    code: str  # ISO 639-1, the name of the language everywhere in this package
    model_name: str  # what Qwen3-TTS calls it
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
}
_NAMES = {language.model_name: code for code, language in LANGUAGES.items()} | _ALIASES


def normalize_tag(tag: str | None) -> str | None:
    """The ISO code of one of our languages, however it is named; None for `auto`, nothing and other languages."""
    if not tag:
        return None
    name = tag.strip().casefold().replace("_", "-")
    primary = name.partition("-")[0]
    if primary in LANGUAGES:
        return primary
    return _NAMES.get(name) or _NAMES.get(primary)
