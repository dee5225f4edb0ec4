"""``spoken``: a text as it will be spoken."""

from __future__ import annotations

import json
import sys
from typing import Any

from ..app.build import build_engine, catalog_of
from ..errors import BadRequest, SpeechError
from ..settings import Settings
from ..text.lexicon import LexiconFolder
from ..text.spoken import explain
from ..voices.catalog import VoiceCatalog


def spoken(settings: Settings, text: str, language: str | None, *, as_json: bool) -> int:
    """Print it. With ``-``: one JSON object a line in, one out, errors included."""
    catalog = catalog_of(settings, build_engine(settings).engine)
    if text != "-":
        answer = _explained(catalog, text, language, settings)
        sys.stdout.write((json.dumps(answer, ensure_ascii=False) if as_json else answer["spoken"]) + "\n")
        return 0
    for line in sys.stdin:
        try:
            pieces, wanted = _parse(line)
            answer = _explained(catalog, pieces, wanted or language, settings)
        except SpeechError as error:
            answer = {"error": str(error)}
        sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
        sys.stdout.flush()
    return 0


def _explained(
    catalog: VoiceCatalog, text: str | list[str], language: str | None, settings: Settings
) -> dict[str, Any]:
    voice = catalog.find(None, language)  # says which languages there are if this is none of them
    lexicon = LexiconFolder(settings.lexicon_dir, added=settings.voices.added).current(catalog.lexicons(language))
    answer = explain(
        text,
        voice.language if voice else None,
        fallback=settings.voices.language,
        lexicon=lexicon,
        added=catalog.added,
        is_voice=catalog.named_in_marks,
    )
    return answer | {"voice": catalog.for_language(answer["language"]).name}


def _parse(line: str) -> tuple[list[str], str | None]:
    try:
        wish = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRequest("each line must be a JSON object") from None
    if not isinstance(wish, dict):
        raise BadRequest("each line must be a JSON object")
    pieces = wish["pieces"] if "pieces" in wish else [wish.get("text")]
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise BadRequest('"text" must be a string, or "pieces" a list of strings')
    language = wish.get("language")
    if not isinstance(language, str | None):
        raise BadRequest('"language" must be a string')
    return pieces, language
