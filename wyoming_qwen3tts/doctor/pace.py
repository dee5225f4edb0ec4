"""How fast the model spoke here so far, and what that makes of replies."""

from __future__ import annotations

from ..engine.head_start import SpeedBook
from .checks import Check, CheckContext, fine


def check(place: CheckContext) -> list[Check]:
    """Nothing to say before the server has measured it, or where it is faster than real time by far."""
    if not place.wants_model:
        return []
    book, most_s = SpeedBook.read(place.settings.speeds_file), place.settings.engine.head_start_s
    rtf = max((value for key, value in book.rtf.items() if key.endswith(" 1")), default=None)
    if rtf is None:
        return [fine("pace", "not measured yet; the server does at its first start with the model")]
    if rtf <= 1:
        return [fine("pace", f"{rtf:.2f} of real time, so replies begin at once")]
    if not most_s:
        return [fine("pace", f"{rtf:.2f} of real time: replies stutter, as engine.head_start_s is 0")]
    longest_s = most_s / (rtf - 1)
    detail = (
        f"{rtf:.2f} of real time: replies of up to {longest_s:.0f} s begin up to {most_s:g} s late, so that they do "
        "not stutter; longer ones are spoken by the built-in voice, see engine.head_start_s"
    )
    return [fine("pace", detail)]
