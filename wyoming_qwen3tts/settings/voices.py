"""Whose voices, and how they sound."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from ..speech.languages import ADDED
from .values import LANGUAGES_MAX, Section, checked_language, checked_languages, listed, lower


class Voices(Section):
    """Who speaks what."""

    language: Annotated[str, BeforeValidator(lower), AfterValidator(checked_language)] = "en"
    """The language of a text that names no voice and is too short to tell, such as "OK" or "21"."""
    languages: Annotated[
        tuple[str, ...], BeforeValidator(listed), AfterValidator(checked_languages), Field(max_length=LANGUAGES_MAX)
    ] = ()
    """Further languages of this home, such as `nl, pl`: any that espeak-ng or another voice server of the home speaks.
    The ten of Qwen3-TTS are always there."""
    mapping: str = ""
    """The file that says who speaks which language, and how; `config/voices.yaml` shows what can be in it. It is read
    again when it changes. None: `voices.yaml` in the data folder, if there is one."""
    sentence_pause_s: Annotated[float, Field(ge=0, le=5)] = 0.25
    """Silence between two sentences, of every voice; half of it behind a clause, twice as much behind an ellipsis and
    before a paragraph. A style in voices.yaml and a request (`sentence_pause_s`) may ask for another one."""
    marks: bool = True
    """Whether a text may say how it is spoken: `[pause:500ms]`, moods such as `[happy]` or `[whisper]`, and voices, as
    `[ryan]`, from there on. `docs/marks.md` lists them. Off: brackets are text."""
    cloning: bool = False
    """Whether voices may be cloned through the web server, by whoever has a key or comes through Home Assistant. The
    command `clone` always works."""

    @property
    def added(self) -> tuple[str, ...]:
        """The languages besides the ten: those of `languages`, and `language` if it is none of the ten."""
        return tuple(dict.fromkeys(code for code in (*self.languages, self.language) if code in ADDED))
