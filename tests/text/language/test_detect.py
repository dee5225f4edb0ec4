"""Which language a text is in, and how languages are named."""

from pathlib import Path

import pytest

from wyoming_qwen3tts.speech.languages import LANGUAGES, model_language, normalize_tag
from wyoming_qwen3tts.text.front_end import FrontEnd
from wyoming_qwen3tts.text.language.detect import decided, detect

SHORT = {
    "de": [
        "Guten Morgen",
        "Danke",
        "21,5 Grad",
        "Das Licht ist an.",
        "Fertig!",
        "Tür offen",
        "Hallo",
        "Alarm um 7 Uhr",
    ],
    "en": ["OK.", "Done", "Hello", "Lights off", "Good night", "It is 21 degrees", "Garage door open", "Battery low"],
    "es": ["Hola", "Buenos días", "Luz encendida", "Gracias", "Listo", "Puerta abierta", "No entiendo", "Hace frío"],
    "fr": ["Bonjour", "Merci", "Il fait beau", "Lumière allumée", "Bonne nuit", "D'accord", "Alarme activée"],
    "it": ["Ciao", "Grazie", "Buongiorno", "La luce è accesa", "Va bene", "Fa freddo", "Porta aperta", "Non ho capito"],
    "pt": ["Olá", "Obrigado", "Bom dia", "Luz ligada", "Boa noite", "Está frio", "Porta aberta", "Não entendi"],
    "ru": ["Привет", "Свет включён", "OK, включаю"],
    "ja": ["こんにちは", "キッチンのlightをonにしました", "テレビ"],
    "ko": ["안녕하세요", "불을 켰습니다", "TV를 켭니다"],
    "zh": ["你好", "正在播放 Bohemian Rhapsody", "东京", "OK，灯已打开", "已打开 Living Room 的灯"],
}


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, texts in SHORT.items() for text in texts]
)
def test_short_lines_are_recognised(language: str, text: str) -> None:
    assert detect(text) == language


LINES = [
    tuple(line.split("\t")) for line in Path(__file__).with_name("lines.tsv").read_text(encoding="utf-8").splitlines()
]
ANSWERS = {
    "de": "ja nein ok okay fertig aus an erledigt gut danke hallo stopp offen zu abgebrochen pausiert",
    "en": "yes no ok okay done off on sure right thanks hello stop playing open closed cancelled paused",
    "es": "sí no ok vale listo apagado encendido hecho bien gracias hola abierto cerrado cancelado pausado",
    "fr": "oui non ok d'accord fini éteint allumé bien merci bonjour ouvert fermé annulé",
    "it": "sì no ok fatto spento acceso bene grazie ciao aperto chiuso pronto va annullato",
    "pt": "sim não ok pronto desligado ligado feito bem obrigado olá aberto fechado cancelado pausado",
}


@pytest.mark.parametrize(("language", "text"), LINES)
def test_a_line_is_recognised_with_nothing_set_and_in_its_home(language: str, text: str) -> None:
    assert (detect(text), detect(text, fallback=language)) == (language, language)


@pytest.mark.parametrize("language", ANSWERS)
def test_a_one_word_answer_is_in_the_language_of_the_home(language: str) -> None:
    for word in ANSWERS[language].split():
        for written in (word, word.capitalize(), f"{word.capitalize()}.", f"{word.upper()}!"):
            assert detect(written, fallback=language) == language, written


@pytest.mark.parametrize("period", ["AM", "PM", "am", "p.m.", "a.m"])
@pytest.mark.parametrize("hour", range(1, 13))
def test_a_time_with_am_or_pm_is_english(hour: int, period: str) -> None:
    for written in (f"{hour}:05 {period}", f"{hour} {period}", f"It's {hour}:30 {period}", f"{hour}:00{period}"):
        assert (detect(written), detect(written, fallback="de")) == ("en", "en"), written


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Am 9. Mai"),
        ("de", "am Abend"),
        ("de", "Bis 9 am Freitag"),
        ("de", "Wecker um 9 AM"),
        ("es", "Son las 9:00 AM"),
        ("pt", "no sábado"),
        ("zh", "在 9:00 AM 开始"),
    ],
)
def test_other_languages_keep_am_and_no(language: str, text: str) -> None:
    assert detect(text) == language


def test_a_word_of_no_list_is_told_by_its_letters() -> None:
    for language, word in (("de", "Verkehrsschild"), ("fr", "soigneusement"), ("it", "raffreddamento")):
        assert detect(word) == language


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("de", "de"),
        ("de-DE", "de"),
        ("de_AT", "de"),
        ("German", "de"),
        ("GERMAN", "de"),
        (" zh-Hans-CN ", "zh"),
        ("chinese", "zh"),
        ("pt-BR", "pt"),
        ("ja_JP", "ja"),
        ("deu", "de"),
        ("auto", None),
        ("", None),
        (None, None),
        ("tlh", None),
        ("nl", "nl"),
        ("nl_BE", "nl"),
        ("Norsk", "nb"),
        ("klingon", None),
    ],
)
def test_every_way_of_naming_a_language_is_understood(tag: str | None, code: str | None) -> None:
    assert normalize_tag(tag) == code


def test_what_a_home_may_add_is_no_language_of_the_model() -> None:
    assert (model_language("de-CH"), model_language("nl"), model_language(None)) == ("de", None, None)


@pytest.mark.parametrize("language", LANGUAGES.values())
def test_regional_tags_and_model_names_lead_back_to_their_language(language: object) -> None:
    names = (language.code, language.model_name, *language.regions)  # type: ignore[attr-defined]

    assert {normalize_tag(name) for name in names} == {language.code}  # type: ignore[attr-defined]


def languages(text: str, language: str | None = None, fallback: str = "en") -> list[str]:
    front_end = FrontEnd(language=language, fallback=fallback)
    return [segment.language for segment in front_end.add(text) + front_end.close()]


def test_a_mixed_reply_changes_language_between_sentences() -> None:
    text = (
        "The light is on now. Das Licht in der Küche ist an. La lumière du salon est allumée. "
        "灯已经打开了，请问还需要什么？"
    )

    assert languages(text) == ["en", "de", "fr", "zh"]


def test_the_language_of_a_reply_sticks_to_what_cannot_be_told() -> None:
    assert languages("Jetzt läuft Musik im Wohnzimmer. Bohemian Rhapsody. Viel Spaß damit heute!") == ["de", "de", "de"]


def test_a_title_in_a_sentence_does_not_change_its_language() -> None:
    assert languages('Ich spiele jetzt "The Sound of Silence" im Wohnzimmer für dich.') == ["de"]


def test_the_asked_language_wins_over_the_text() -> None:
    assert languages("Das Licht in der Küche ist an.", language="en-GB") == ["en"]


def test_what_cannot_be_told_is_in_the_fallback() -> None:
    assert languages("12345678901234", fallback="fr") == ["fr"]


def test_chinese_characters_alone_are_japanese_for_a_japanese_voice() -> None:
    assert languages("東京都千代田区", fallback="ja") == ["ja"]


@pytest.mark.parametrize(
    "text",
    [
        "Das Licht in der Küche ist jetzt an und die Heizung läuft",
        "The light in the kitchen is on and the heating runs",
    ],
)
def test_a_decided_language_stays_whatever_follows(text: str) -> None:
    found = decided(f"{text} ", "it")

    assert found is not None
    assert detect(f"{text} la luce della cucina è accesa e fa freddo fuori", "it") == found
