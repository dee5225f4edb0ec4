"""What the log looks like. Secrets and, above DEBUG, spoken text never get here."""

from __future__ import annotations

import logging
import sys


def set_up(level: str) -> None:
    """One line an event, on stderr, so that ``say -o -`` may own stdout."""
    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)-7s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        force=True,
    )
    if level.upper() != "DEBUG":
        # These speak of their own inner life at INFO and WARNING; what matters of it we say ourselves.
        for name in ("zeroconf", "asyncio", "hibari", "py3langid", "httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.ERROR)


def quoted(text: str, limit: int = 80) -> str:
    """A stranger's text, safe in a log line: escaped, so that it cannot forge a line of its own, and cut."""
    return repr(text if len(text) <= limit else text[:limit] + "…")
