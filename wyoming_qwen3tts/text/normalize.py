"""Numbers, dates, units and signs -> words."""

from .draft import Draft


def normalize(draft: Draft, language: str, *, strict: bool = False) -> None:
    """Write out what the model would misread."""
