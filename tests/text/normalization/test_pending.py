"""No rule looks so far ahead that what was promised of a sentence would have to be taken back."""

import re

import pytest

from wyoming_qwen3tts.speech.languages import LANGUAGES
from wyoming_qwen3tts.text.front_end import FrontEnd

from ..golden import RIGHT

LEAD = {
    "en": "and now here comes something for you about ",
    "de": "und nun kommt hier etwas neues für dich über ",
    "fr": "et maintenant voici quelque chose pour vous avec ",
    "es": "y ahora viene aquí algo nuevo para usted con ",
    "it": "e adesso ecco qui qualcosa di nuovo per voi con ",
    "pt": "e agora vem aqui algo novo para você com ",
    "ru": "и теперь вот здесь что нибудь новое для вас про ",
    "zh": "现在这里有一些新的东西要告诉你们大家关于",
    "ja": "これからみなさんにあたらしいおしらせをおつたえしますのは",
    "ko": "그리고 지금 여기 여러분께 새로운 소식을 전해 드리는데 ",
}
TAIL = {
    "en": " and so on we go with all of this now",
    "de": " und so geht es immer weiter mit allem hier",
    "fr": " et ainsi de suite pour tout le monde ici",
    "es": " y así sigue todo esto para todos aquí",
    "it": " e così via con tutto quanto il resto qui",
    "pt": " e assim segue tudo isso para todos aqui",
    "ru": " и так далее со всем этим делом здесь сейчас",
    "zh": "然后就这样一直继续下去大家都知道了吧",
    "ja": "そしてこのままずっとつづいていきますのでよろしく",
    "ko": " 그리고 이렇게 계속 이어집니다 모두들 잘 아시죠",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_golden_lines_inside_a_long_sentence_never_take_a_promise_back(language: str) -> None:
    taken_back = {}
    for line in RIGHT:
        if line.language != language:
            continue
        front_end, promised = FrontEnd(language=language), ""
        # What stands around the line is plain words: letter by letter they would only cost time.
        for piece in (LEAD[language], *line.written.rstrip(".。!?"), *re.findall(".{1,4}", TAIL[language])):
            for segment in front_end.add(piece):
                if not segment.text.startswith(promised):
                    taken_back[line.written] = promised, segment.text
                promised = ""
            pending = front_end.pending
            if pending and not pending.startswith(promised):
                taken_back[line.written] = promised, pending
            promised = pending or promised
        if promised and not front_end.close()[0].text.startswith(promised):
            taken_back[line.written] = promised, "at the end"

    assert not taken_back
