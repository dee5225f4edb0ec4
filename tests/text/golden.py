"""The golden tables: everyday lines of a home and how they are spoken."""

from dataclasses import dataclass
from pathlib import Path

from wyoming_qwen3tts.speech.languages import LANGUAGES

KNOWN_WRONG = "# --- known wrong"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table."""

    language: str
    written: str
    spoken: str
    is_known_wrong: bool


def lines() -> list[Line]:
    """Every line of the ten tables."""
    found = []
    for language in LANGUAGES:
        is_known_wrong = False
        for row in (Path(__file__).parent / "golden" / f"{language}.tsv").read_text(encoding="utf-8").splitlines():
            is_known_wrong = is_known_wrong or row.startswith(KNOWN_WRONG)
            if row and not row.startswith("# "):
                written, spoken = row.split("\t")
                found.append(Line(language, written, spoken, is_known_wrong))
    return found


RIGHT = [line for line in lines() if not line.is_known_wrong]
WRONG = [line for line in lines() if line.is_known_wrong]
