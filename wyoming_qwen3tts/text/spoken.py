"""What will be spoken of a text, and why: the answer behind the ``spoken`` command, the page and the HTTP route."""

from collections.abc import Callable, Iterable
from typing import Any

from ..speech.segment import PLAIN_TURN, Segment
from .front_end import FrontEnd
from .lexicon import EMPTY, Lexicon
from .marks import NOTES


def explain(
    text: str | Iterable[str],
    language: str | None = None,
    *,
    fallback: str = "en",
    lexicon: Lexicon = EMPTY,
    ssml: bool = False,
    normalize: str = "auto",
    added: tuple[str, ...] = (),
    is_voice: Callable[[str], bool] | None = None,
) -> dict[str, Any]:
    """The segments of a text, or of the pieces in which it arrives, with every change and the rule that made it.

    Where there are marks, ``turns`` says of each segment what they ask for (voice, mood, speed, the pause before it),
    and where one asks for what cannot be, ``notes`` says why, and ``note_codes`` the same to programs.
    """
    front_end = FrontEnd(
        language=language,
        fallback=fallback,
        lexicon=lexicon,
        ssml=ssml,
        normalize=normalize,
        added=added,
        is_voice=is_voice,
    )
    segments = [segment for piece in ([text] if isinstance(text, str) else text) for segment in front_end.add(piece)]
    segments += front_end.close()
    letters: dict[str, int] = {}
    for segment in segments:
        letters[segment.language] = letters.get(segment.language, 0) + len(segment.text)
    main = max(letters, key=letters.__getitem__) if letters else front_end.language
    answer = {
        "spoken": _joined(segment.text for segment in segments),
        "language": main,
        "voice": None,
        "segments": [segment.text for segment in segments],
        "changes": [change.as_json() for segment in segments for change in segment.changes],
    }
    if any(segment.turn is not PLAIN_TURN for segment in segments):
        answer["turns"] = _turns(segments)
    if front_end.notes:
        answer["notes"] = front_end.notes
        answer["note_codes"] = [NOTES[note] for note in front_end.notes]
    return answer


def _turns(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """What marks ask for, a line a segment; a pause only where its turn begins."""
    lines, before = [], PLAIN_TURN
    for segment in segments:
        turn = segment.turn
        pause_s = 0.0 if turn is before else turn.pause_s
        lines.append({"voice": turn.voice, "mood": turn.mood, "speed": turn.speed, "pause_s": pause_s})
        before = turn
    return lines


def _joined(texts: Iterable[str]) -> str:
    """The segments in a row, with a space between those whose script has spaces."""
    joined = ""
    for text in texts:
        joined += text if not joined or joined[-1] in "。！？，、；：」』" else f" {text}"
    return joined
