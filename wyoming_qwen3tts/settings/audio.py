"""How all voices sound, and what of their speech is kept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .values import Section


class Audio(Section):
    """The sound of all voices. A voice's own style comes before it, a request's own wish before both."""

    level: bool = True
    """Bring every voice to the same loudness. Off: the model's voices stay as loud as they come."""
    loudness: Annotated[float, Field(ge=-36, le=-14, allow_inf_nan=False)] = -16.0
    """How loud every voice is, in LUFS, from -36 to -14; peaks stay under -1.5 dBTP. -16 suits loudspeakers beside
    music, -23 is what broadcasters use."""
    speed: Annotated[float, Field(ge=0.5, le=2, allow_inf_nan=False)] = 1.0
    """How fast they speak, without a change of pitch; 1 is their own pace."""
    volume: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0
    """A factor on the loudness, from 0 to 1."""
    lead_in_s: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.0
    """Silence before a reply, for speakers that wake up late and swallow the first word."""
    tail_s: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = 0.0
    """Silence after a reply, besides the 0.15 s that each ends with, for players that cut the last word."""
    chime: bool = False
    """Play two tones before every reply."""


class Cache(Section):
    """Phrases that were spoken before start at once. They are kept in `phrases` inside the data folder."""

    size_mb: Annotated[int, Field(ge=0, le=1_000_000)] = 200
    """How much of them is kept, in MB; a minute of speech is 2.9. What was not used for longest goes first. 0: none."""
    prerender: str = ""
    """A text file of phrases to speak ahead of time, one a line, in the background while nobody is spoken to; see
    `config/phrases.txt`."""
