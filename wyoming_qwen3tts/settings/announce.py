"""What is said aloud in the house, where, and when not."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from .values import Seconds, Section, listed, lower

_TIME = r"([01]?\d|2[0-3]):([0-5]\d)"


def checked_hours(hours: str) -> str:
    if hours and not re.fullmatch(rf"{_TIME}\s*-\s*{_TIME}", hours.strip()):
        raise ValueError('must look like "22:00-07:00"')
    return hours.strip()


class Announce(Section):
    """Announcements: sentences that the house hears, over MQTT, HTTP or the command line."""

    targets: Annotated[tuple[str, ...], BeforeValidator(listed)] = ()
    """Who plays announcements that name nobody: entities of Home Assistant, separated by commas, such as
    `media_player.kitchen, assist_satellite.bedroom`. None: the sound is only offered, as a URL."""
    delivery: Annotated[Literal["auto", "url", "tts"], BeforeValidator(lower)] = "auto"
    """How Home Assistant gets the sound. `url`: its players fetch it from `http.base_url`. `tts`: Home Assistant has
    this server speak over Wyoming and passes it on. `auto`: `url` where the web server has an address that others can
    reach, else `tts`."""
    format: Annotated[Literal["wav", "mp3", "flac"], BeforeValidator(lower)] = "wav"
    """What the URL holds, if the announcement does not say."""
    growing: bool = True
    """Hand out the URL at the first sound, while the rest is made. `off`: when all of it is there, for players that
    must know the length."""
    voice: str = ""
    """Who speaks, if neither the announcement nor the voice selector in Home Assistant says. None: chosen by the
    language of the text."""
    volume: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The volume of announcements that name none: of the media player where there is one, which gets its own back
    afterwards, else of the speech. 0: leave it as it is."""
    chime: bool = False
    """A sound before every announcement that does not say."""
    quiet_hours: Annotated[str, AfterValidator(checked_hours)] = ""
    """When it has to be quiet, such as `22:00-07:00`, by the clock of this machine. Announcements of high priority are
    not held back."""
    quiet_volume: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The highest volume in quiet hours. 0: nothing is said; the announcement is refused."""
    expires_s: Seconds = 120.0
    """How long an announcement may wait for its turn; old news is not spoken."""
    queue: Annotated[int, Field(ge=1, le=10_000)] = 128
    """How many announcements may wait; one more is told `busy`."""
    gap_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    """Silence between two announcements of one speaker."""
    clip_s: Seconds = 600.0
    """How long the sound stays at its URL after it was made."""
    clips_mb: Annotated[int, Field(ge=1, le=4096)] = 64
    """Memory for all of it, in MiB. The oldest makes room; one clip may take half."""
