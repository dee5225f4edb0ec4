"""The silence between two segments that one voice speaks: one rule for every engine."""

from __future__ import annotations

from typing import Final

from .request import SpeechRequest
from .segment import OpenSegment, Segment

LONGER: Final = 2.0  # times the usual pause: behind an ellipsis, before a new paragraph
_CLAUSE = 0.5
_CLAUSE_ENDS = ",;:、，；："
_ELLIPSES = ("…", "...")


def pause_between(before: Segment, after: Segment | OpenSegment, request: SpeechRequest, usual_s: float) -> float:
    """Seconds between two segments of ``request``: what the text asks for there; else the request's pause between
    sentences, or ``usual_s``; half of that behind a clause."""
    if before.pause_s:
        return before.pause_s
    pause_s = usual_s if request.sentence_pause_s is None else request.sentence_pause_s
    if after.starts_paragraph or before.text.endswith(_ELLIPSES):
        return LONGER * pause_s
    return _CLAUSE * pause_s if before.text[-1:] in _CLAUSE_ENDS else pause_s
