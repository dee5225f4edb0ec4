"""Whose voices, and how they sound."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from .values import LanguageCode, Section, lower


class Voices(Section):
    """Who speaks what."""

    language: Annotated[LanguageCode, BeforeValidator(lower)] = "en"
    """The language of a text that names no voice and is too short to tell, such as "OK" or "21"."""
    mapping: str = ""
    """The file that says who speaks which language, and how; `config/voices.yaml` shows what can be in it. It is read
    again when it changes. None: `voices.yaml` in the data folder, if there is one."""
    sentence_pause_s: Annotated[float, Field(ge=0, le=5)] = 0.25
    """Silence between two sentences of the built-in voice."""
    marks: bool = True
    """Whether a text may say how it is spoken: `[pause:500ms]`, moods such as `[happy]` or `[whisper]`, and voices, as
    `[ryan]`, from there on. `docs/marks.md` lists them. Off: brackets are text."""
    cloning: bool = False
    """Whether voices may be cloned through the web door, by whoever has a key or comes through Home Assistant. The
    command `clone` always works."""
