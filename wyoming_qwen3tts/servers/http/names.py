"""OpenAI's names for models and voices, and what they mean here."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from ...speech.languages import LANGUAGES
from ...speech.voice import Voice
from ...voices.catalog import VoiceCatalog
from ...voices.speakers import MAPPED
from .errors import HttpError

MODELS = ("qwen3-tts", "tts-1", "tts-1-hd", "gpt-4o-mini-tts")
#: Who speaks when one of OpenAI's thirteen is asked for: a voice of the same kind. `alloy` is the voice of the
#: language: a native for Chinese, Japanese and Korean, else Ryan.
VOICES = {
    "alloy": None,
    "ash": "aiden", "ballad": "eric", "cedar": "uncle_fu", "echo": "ryan", "fable": "dylan", "onyx": "uncle_fu",
    "verse": "aiden",  # men
    "coral": "vivian", "marin": "serena", "nova": "vivian", "sage": "sohee", "shimmer": "ono_anna",  # women
}  # fmt: skip
_DATED = re.compile(r"-(?:20\d\d-\d\d-\d\d|\d{4})$")
_PROVIDER = re.compile(r"(?:[\w.-]+[/:])+")  # `openai/tts-1`, `hosted_vllm/Qwen/...`: as routers send them
_FAMILY = re.compile(r"qwen3[-_]tts[-_](?:\d|flash|realtime|instruct|vc|vd)[\w.-]*")
#: Programs that send the name of another engine whatever server they talk to. AnythingLLM always says kokoro.
_OTHERS = re.compile(
    r"(?:kokoro|piper|xtts|chatterbox|orpheus|f5[-_]tts|fish[-_]speech|cosyvoice\d?|melotts|zonos|dia|csm|bark|"
    r"parler[-_]tts|speecht5[-_]tts|styletts2|vits|supertonic|pocket[-_]tts|vibevoice|eleven)(?:[-_ .][\w .-]*)?"
)


def all_models(languages: Iterable[str] = LANGUAGES) -> list[str]:
    """Every name that is listed: clients that cannot send a language choose it by the model."""
    return [*MODELS, *(f"{model}-{code}" for model in MODELS for code in languages)]


def language_of(model: str, languages: Collection[str] = LANGUAGES) -> str | None:
    """The language that a model's name ends in, if it does. A blank name is none.

    Raises:
        HttpError: 404 if no model has that name.
    """
    name = _PROVIDER.sub("", model.strip().lower(), count=1)
    stem, _, suffix = name.rpartition("-")
    if suffix in languages and _is_known(stem):
        return suffix
    if name and not _is_known(name):
        near = difflib.get_close_matches(model[:64].lower(), all_models(languages), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(MODELS)}."
        message = f"There is no model called {model[:64]!r}.{hint}"
        raise HttpError(404, message, field="model", code="model_not_found")
    return None


def _is_known(name: str) -> bool:
    return bool(_DATED.sub("", name) in MODELS or _FAMILY.fullmatch(name) or _OTHERS.fullmatch(name))


def speaker_for(name: str | None, catalog: VoiceCatalog) -> str | None:
    """What to look up for ``name``: a voice of this house called like that, else who stands for OpenAI's; None for no
    choice."""
    if name is None or not name.strip() or name.strip().lower() == "default":
        return None
    wanted = name.strip().casefold()
    if wanted not in VOICES or any(voice.name.casefold() == wanted for voice in catalog.all()):
        return name
    return VOICES[wanted]


def stands_for(voice: Voice) -> list[str]:
    """OpenAI's names for ``voice``."""
    code = voice.language
    return [name for name, speaker in VOICES.items() if voice.name == f"{speaker or MAPPED[code]}-{code}"]
