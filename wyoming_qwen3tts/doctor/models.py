"""Model files: here and complete, or how they will come."""

from __future__ import annotations

import importlib.util

from ..downloads.hub import is_offline
from ..downloads.store import Store
from ..errors import StoreError
from ..model.checkpoint.config import load_config
from ..model.checkpoint.files import ModelFileError
from ..speech.languages import LANGUAGES
from ..util.installation import qwen3_advice
from ..voices.speakers import languages_of
from .checks import Check, CheckContext, fine, wrong

_PACKAGES = ("safetensors", "tokenizers", "huggingface_hub")  # of the extra qwen3, torch aside
#: Parameters in bfloat16 (906 and 1,917 million), and the codec's files, encoder included.
_DOWNLOAD_BYTES = {"0.6B": 2_510_000_000, "1.7B": 4_530_000_000}


def check(place: CheckContext) -> list[Check]:
    if not place.wants_model:
        return [fine("model files", "none are needed")]
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return [wrong("model files", f"{', '.join(missing)} not installed", qwen3_advice())]
    return [check for model in place.plan.models for check in (_one(place, model), *_languages(place, model))]


def _one(place: CheckContext, model: str) -> Check:
    name = f"model files of {model}"
    try:
        found = _store(place).find(model)
    except StoreError as error:
        return wrong(name, str(error), "Correct engine.model")
    if found is not None:
        return fine(name, f"complete: {found}")
    if place.settings.models.offline or is_offline():
        fix = "Allow downloads (models.offline off, no HF_HUB_OFFLINE), or put a folder's path into engine.model"
        return wrong(name, "not here, and downloads are off", fix)
    return fine(name, f"will be downloaded at the start, about {_size(model) / 1e9:.1f} GB")


def _languages(place: CheckContext, model: str) -> list[Check]:
    """What a checkpoint says that it speaks beyond the ten; nothing of one that is not here or cannot be read."""
    try:
        folder = _store(place).find(model)
        names = load_config(folder).talker.languages if folder is not None else ()
    except (StoreError, ModelFileError):
        return []  # said elsewhere
    known = languages_of(names)
    more = {code: name for code, name in known.items() if code not in LANGUAGES}
    strange = sorted(name for name in names if "dialect" not in name and name not in known.values())
    label, found = f"languages of {model}", []
    if more:
        said = ", ".join(f"{name} ({code})" for code, name in sorted(more.items()))
        unasked = sorted(set(more) - set(place.settings.voices.added))
        hint = f"; add {','.join(unasked)} to voices.languages to have it used" if unasked else ""
        found.append(fine(label, f"{said} beyond the ten{hint}"))
    if strange:
        found.append(fine(label, f"{', '.join(strange)} cannot be asked for: there is no code for such a name"))
    return found


def missing_bytes(place: CheckContext) -> int:
    """How much is still to be downloaded, about."""
    if not place.wants_model:
        return 0
    total = 0
    for model in place.plan.models:
        try:
            total += 0 if _store(place).find(model) else _size(model)
        except StoreError:
            continue  # said by `check`
    return total


def _store(place: CheckContext) -> Store:
    return Store(place.settings.data_dir / "models", place.plan.models, offline=True)


def _size(model: str) -> int:
    """Of the files, about; 0 if it cannot be told."""
    return next((size for name, size in _DOWNLOAD_BYTES.items() if name in model), 0)
