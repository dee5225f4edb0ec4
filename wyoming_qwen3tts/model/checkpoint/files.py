"""Reading a checkpoint's JSON files strictly: every refusal is one line that says what, where and what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

JSON_BYTES_MAX = 64 << 20  # the published vocab.json is 2.8 MB; anything near this is no checkpoint
SIZE_MAX = 1 << 20  # no width, vocabulary or context of a published checkpoint comes near
LAYERS_MAX = 256


class ModelFileError(ValueError):
    """A model file cannot be used. The message is one line: what is wrong, in which file, and what to do."""


class UnfitCodec(ModelFileError):
    """A codec whose sound has a rate that cannot be spoken: no other download helps, only another codec."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ModelFileError: if the file is missing, too large, no JSON, or holds something other than an object.
    """
    try:
        size = path.stat().st_size
        if size > JSON_BYTES_MAX:
            raise ModelFileError(f"{path} has {size} bytes, too many for a model's JSON file; download the model again")
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read ({error.strerror}); download the model again") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path} is not valid JSON; download the model again") from error
    if not isinstance(value, dict):
        raise ModelFileError(f"{path} does not hold a JSON object; download the model again")
    return value


@dataclass(frozen=True, slots=True)
class JsonSection:
    """One object inside a JSON file. It knows where it is, so that its errors can name the file and the key.

    A ``default`` is given only where the official classes omit the key from published files and supply that same value.
    """

    file: Path
    values: Mapping[str, Any]
    path: str = ""

    @classmethod
    def open(cls, file: Path) -> JsonSection:
        return cls(file, read_json(file))

    def fail(self, key: str, problem: str) -> ModelFileError:
        return ModelFileError(f"{self.file}: {self.path}{key} {problem}; is this a Qwen3-TTS 12 Hz checkpoint?")

    def _get(self, key: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if value is None:
            raise self.fail(key, "is missing")
        return value

    def section(self, key: str) -> JsonSection:
        value = self._get(key, None)
        if not isinstance(value, dict):
            raise self.fail(key, "must be an object")
        return JsonSection(self.file, value, f"{self.path}{key}.")

    def integer(self, key: str, default: int | None = None, *, low: int = 1, high: int = SIZE_MAX) -> int:
        return self._integer(key, self._get(key, default), low, high)

    def _integer(self, key: str, value: Any, low: int, high: int) -> int:
        if type(value) is not int or not low <= value <= high:  # `type`, not isinstance: True is an int too
            raise self.fail(key, f"must be a whole number from {low} to {high}, not {str(value)[:40]!r}")
        return value

    def number(self, key: str, default: float | None = None, *, low: float = 0.0, high: float = float("inf")) -> float:
        """A finite number above ``low`` and at most ``high``."""
        value = self._get(key, default)
        if type(value) not in (int, float) or not low < value <= high or value == float("inf"):
            raise self.fail(key, f"must be a number above {low:g}, not {str(value)[:40]!r}")
        return float(value)

    def flag(self, key: str, default: bool | None = None) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.fail(key, f"must be true or false, not {str(value)[:40]!r}")
        return value

    def text(self, key: str) -> str:
        value = self._get(key, None)
        if not isinstance(value, str):
            raise self.fail(key, f"must be a string, not {str(value)[:40]!r}")
        return value

    def integers(self, key: str, default: tuple[int, ...] | None = None) -> tuple[int, ...]:
        value = self._get(key, default)
        if not isinstance(value, list | tuple) or not 1 <= len(value) <= LAYERS_MAX:
            raise self.fail(key, "must be a list of whole numbers")
        return tuple(self._integer(key, item, 1, SIZE_MAX) for item in value)

    def ids(self, key: str, vocab_size: int, *, optional: bool = False) -> dict[str, int]:
        """A table from lower-case names to token ids below ``vocab_size``."""
        value = self.values.get(key)
        if value is None and optional:
            return {}
        if not isinstance(value, dict):
            raise self.fail(key, "is missing" if value is None else "must be an object of ids")
        return {name.lower(): self._integer(f"{key}.{name}", item, 0, vocab_size - 1) for name, item in value.items()}

    def refuse_unless(self, key: str, expected: object) -> None:
        """Stop at a variant that this code does not implement, instead of computing something else."""
        if key in self.values and self.values[key] != expected:
            raise self.fail(key, f"is {str(self.values[key])[:40]!r}; only {expected!r} is supported")
