"""The body of a request for speech, and the wish it becomes."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from ...audio.encode import Format
from ...errors import BadRequest
from ...service.options import SpeechOptions
from ...speech.request import Feed
from ...speech.voice import LONGEST_SENTENCE_PAUSE_S
from ...util.surrogates import join_halves
from ...voices.catalog import VoiceCatalog
from ..connections import host_of
from .auth import Requester
from .foreign_fields import understood
from .names import language_of, speaker_for
from .routers.engine import KeepAlive

log = logging.getLogger(__name__)


def _whole(value: Any) -> Any:
    """JSON can write halves of characters."""
    return join_halves(value)[0] if isinstance(value, str) else value


def _absent(value: Any) -> Any:
    """Home Assistant's own client sends an unset prompt as the word None (`str(None)`)."""
    return None if isinstance(value, str) and value.strip() in ("", "None") else _whole(value)


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


ResponseFormat = Annotated[Format, BeforeValidator(_lower)]


class VoiceId(BaseModel):
    """OpenAI's form for a voice of one's own."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1, max_length=200)]


VoiceChoice = Annotated[str, Field(max_length=200)] | VoiceId | None


class StyleBody(BaseModel):
    """Who speaks, and how: what a request for speech and the configuration of a live text share."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    model: Annotated[str, Field(max_length=200)] = "qwen3-tts"
    """`qwen3-tts`, or one of OpenAI's names, which mean the same; each also with `-<language>`: `tts-1-de`."""
    voice: VoiceChoice = None
    """A voice of this server, one of OpenAI's thirteen names, or `{"id": ...}`. None: the voice of the language."""
    instructions: Annotated[Annotated[str, Field(max_length=4_096)] | None, BeforeValidator(_absent)] = None
    """How to speak, in words. Only CustomVoice and VoiceDesign models of 1.7B follow it."""
    speed: Annotated[float, Field(ge=0.25, le=4.0, allow_inf_nan=False)] = 1.0
    """1 is the voice's own pace."""
    language: Annotated[Annotated[str, Field(max_length=40)] | None, BeforeValidator(_absent)] = None
    """`de`, `de-AT`, `german`; None or `auto`: told from the text. The model's suffix wins."""
    seed: Annotated[int | None, Field(ge=0, lt=1 << 63)] = None
    """The same seed and text give the same speech."""
    feed: Feed | None = None
    """How the text reaches the model; None: as the server is set."""
    normalize: bool = True
    """Numbers, units, dates and so on as words."""
    ssml: bool = False
    """The text is SSML."""
    volume: Annotated[float | None, Field(ge=0, le=1, allow_inf_nan=False)] = None
    """0 to 1 of the voice's own."""
    chime: bool | None = None
    """A sound before the speech."""
    sentence_pause_s: Annotated[float | None, Field(ge=0, le=LONGEST_SENTENCE_PAUSE_S, allow_inf_nan=False)] = None
    """Seconds of silence between two sentences; None: as the server is set."""
    speech_marks: bool = False
    """Send `speech.mark` events: which sentence of the text begins at which sample, and which word where the model
    takes the text word by word. Approximate."""

    _ignored: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _understood(cls, body: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Null is absent, and what other servers' clients add is left out."""
        kept, ignored = understood(body, cls.model_fields) if isinstance(body, dict) else (body, [])
        made = validate(kept)
        made._ignored = tuple(ignored)
        if ignored:
            log.debug("http: ignored fields of other servers: %s", ", ".join(ignored))
        return made

    @property
    def ignored(self) -> tuple[str, ...]:
        """Fields of other servers that were sent."""
        return self._ignored

    def options(self, catalog: VoiceCatalog, client: Requester, server: str) -> SpeechOptions:
        """What the service is asked for.

        Raises:
            BadRequest: if there is no such model or language.
        """
        language = language_of(self.model, catalog.languages) or self.language
        if language and language.lower() != "auto" and catalog.code_of(language) is None:
            raise BadRequest(
                f"The language {language!r} is not one of ours: {', '.join(catalog.languages)}.", field="language"
            )
        name = self.voice.id if isinstance(self.voice, VoiceId) else self.voice
        return SpeechOptions(
            speaker_for(name, catalog),
            language,
            ssml=self.ssml,
            seed=self.seed,
            feed=self.feed,
            instruct=self.instructions,
            speed=None if self.speed == 1.0 else self.speed,
            volume=self.volume,
            chime=self.chime,
            sentence_pause_s=self.sentence_pause_s,
            normalize=self.normalize,
            speech_marks=self.speech_marks,
            fills_pauses=server == "websocket",
            server=server,
            client=client.name,
            host=host_of(client.address),
        )


def _spoken(value: Any) -> Any:
    value = _whole(value)
    if isinstance(value, str) and not value.strip():
        raise ValueError("there is nothing to speak in it")
    return value


class SpeechBody(StyleBody):
    """OpenAI's fields, and ours beside them."""

    input: Annotated[str, BeforeValidator(_spoken)]
    """The text."""
    response_format: ResponseFormat = "mp3"
    """All of them are sent while they are made. `pcm` is s16le, mono, 24 kHz; `aac` needs ffmpeg on the server."""
    stream_format: Literal["audio", "sse"] = "audio"
    """`sse`: events with base64 audio, the last one with `usage`."""
    keep_alive: KeepAlive = None
    """As in Ollama: idle seconds or "5m" until the model is unloaded, 0 at once after this, -1 never."""
    stream: bool | None = None
    """Other servers want to be asked; here audio is always streamed."""

    def options(self, catalog: VoiceCatalog, client: Requester, server: str) -> SpeechOptions:
        """As `StyleBody.options`."""
        if self.speech_marks and self.stream_format != "sse":
            raise BadRequest('speech_marks come as events: send "stream_format": "sse" too.', field="speech_marks")
        return super().options(catalog, client, server)
