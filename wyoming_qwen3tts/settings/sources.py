"""Where settings come from: flags, then environment, then the options file, then the defaults.

pydantic checks the values. What it does not do is done here: notice a misspelt ``QWEN3TTS_*`` variable, say which
source a bad value came from, and offer the nearest right name.
"""

from __future__ import annotations

import difflib
import json
import logging
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path

import yaml
from pydantic import SecretStr, ValidationError

from ..errors import SettingsError
from . import Settings, is_secret, walk
from .problems import as_typed, in_words, yaml_fault

log = logging.getLogger(__name__)

ENV_PREFIX = "QWEN3TTS_"
ADDON_OPTIONS = Path("/data/options.json")  # written by the Home Assistant Supervisor
_NOT_SETTINGS = {"config"}  # a variable that names the options file itself


@dataclass(slots=True)
class _Collected:
    """Values by dotted name, the last source wins, and where each came from."""

    values: dict[str, object] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)

    def set(self, name: str, value: object, source: str) -> None:
        self.values[name] = value
        self.source[name] = source


def flag(name: str) -> str:
    """``limits.text_chars`` as one types it: ``--limits.text-chars``."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """``limits.text_chars`` in the environment: ``QWEN3TTS_LIMITS__TEXT_CHARS``."""
    return ENV_PREFIX + name.replace(".", "__").upper()


def as_variables(settings: Settings) -> dict[str, str]:
    """``settings`` for the environment of a child of ours, which has the same ones then. Holds secrets."""
    defaults, found = Settings(), dict[str, str]()
    for name, _ in walk():
        value, default = (attrgetter(name)(one) for one in (settings, defaults))
        if value != default:
            found[variable(name)] = _as_text(value)
    return found


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(map(_as_text, value)) if isinstance(value, tuple) else str(value)


def load(flags: Mapping[str, str], environ: Mapping[str, str], config: Path | None = None) -> Settings:
    """The settings that these sources add up to.

    Raises:
        SettingsError: naming the setting, where its value came from, and what to write instead.
    """
    known = {name for name, _ in walk()}
    collected = _Collected()
    if (file := config or _options_file(environ)) is not None:
        _take_file(file, known, collected)
    _take_environment(environ, known, collected)
    for name, text in flags.items():
        collected.set(name, text, f"from {flag(name)}")
    return _validated(collected)


def _options_file(environ: Mapping[str, str]) -> Path | None:
    if named := environ.get(f"{ENV_PREFIX}CONFIG"):
        return Path(named)
    return ADDON_OPTIONS if "SUPERVISOR_TOKEN" in environ and ADDON_OPTIONS.exists() else None


def _take_file(file: Path, known: set[str], collected: _Collected) -> None:
    in_options = file == ADDON_OPTIONS
    for name, value in _from_file(file):
        if name in known and not _is_empty(value, in_options):
            collected.set(name, value, "in the add-on's configuration" if in_options else f"in {file}")
        elif name in known or (in_options and _is_empty(value, in_options)):
            continue  # a field that was left, or made, empty
        elif in_options:
            # Options that a newer or older version wrote stay in the user's file; they must not stop the start.
            log.warning("Ignoring the option %r of %s: %s", name, file, _unknown(name, known))
        else:
            raise SettingsError(f"{file}: {_unknown(name, known)}")


def _take_environment(environ: Mapping[str, str], known: set[str], collected: _Collected) -> None:
    for key, text in environ.items():
        if not key.startswith(ENV_PREFIX):
            continue
        name = key.removeprefix(ENV_PREFIX).lower().replace("__", ".")
        if name == "data_dir" and not text.strip():
            continue  # a compose file's way of leaving it out; the current folder is nobody's wish
        if name in known:
            collected.set(name, text, f"from the environment variable {key}")
        elif name not in _NOT_SETTINGS:
            near = _nearest(name, known)
            hint = f" Did you mean {variable(near)}?" if near else ""
            raise SettingsError(f"There is no setting for the environment variable {key}.{hint}")


def _is_empty(value: object, in_options: bool) -> bool:
    """Whether a line of a file sets nothing. The add-on's form writes empty fields as such."""
    return value is None or (in_options and value in ("", [], {}, [""], [None]))


def _validated(collected: _Collected) -> Settings:
    nested: dict[str, object] = {}
    for name, value in collected.values.items():
        *sections, last = name.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})  # type: ignore[assignment]  # built here, so always a dict
        place[last] = value
    try:
        return Settings.model_validate(nested)
    except ValidationError as error:
        raise SettingsError("\n".join(_explained(error, collected))) from None


def _explained(error: ValidationError, collected: _Collected) -> Iterator[str]:
    fields = dict(walk())
    for problem in error.errors():
        place = [str(part) for part in problem["loc"]]
        name = next(n for n in (".".join(place[:k]) for k in range(len(place), 0, -1)) if n in fields)
        message = in_words(problem["type"], problem["msg"], problem.get("ctx", {}), problem["input"])
        value = as_typed(collected.values.get(name))
        may_hold_secret = is_secret(fields[name]) or bool(set(value) & set("@?"))  # as http://user:password@host does
        got = "" if may_hold_secret or not value or "quotes" in message else f", not {value[:80]!r}"
        yield f"{name} ({collected.source.get(name, 'default')}): {message}{got}"


def _from_file(path: Path) -> Iterator[tuple[str, object]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"Cannot read the options file {path}: {reason}") from None
    try:
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except json.JSONDecodeError as error:
        raise SettingsError(f"{path} is not JSON: line {error.lineno}: {error.msg}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingsError(f"{path} is not YAML: {yaml_fault(error)}") from None
    if content is None:
        return
    if not isinstance(content, dict):
        kind = "a list" if isinstance(content, list) else "one word or text"
        raise SettingsError(f"{path} must hold settings such as 'engine: {{slots: 4}}', not {kind}")
    yield from _flat(content, "")


def _flat(content: Mapping[object, object], prefix: str) -> Iterator[tuple[str, object]]:
    sections = {name.rsplit(".", 1)[0] for name, _ in walk() if "." in name}
    for key, value in content.items():
        name = f"{prefix}{key}".replace("-", "_")
        if isinstance(value, dict) and (name in sections or value):
            yield from _flat(value, f"{name}.")
        elif name in sections and value is None:
            continue  # a section whose lines are all commented out
        else:
            yield name, value


def _unknown(name: str, known: set[str]) -> str:
    near = _nearest(name, known)
    return f"there is no setting called {name!r}." + (f" Did you mean {near!r}?" if near else "")


def _nearest(name: str, known: set[str]) -> str | None:
    by_last_word = {k.rsplit(".", 1)[-1]: k for k in sorted(known)}
    found = difflib.get_close_matches(name, known, n=1) or [
        by_last_word[w] for w in difflib.get_close_matches(name.rsplit(".", 1)[-1], by_last_word, n=1)
    ]
    return found[0] if found else None


def describe(settings: Settings) -> str:
    """The settings that differ from the defaults, as one types them, for the log. No secrets, and not the data
    folder, which has a place of its own there."""
    defaults = Settings()
    changed = []
    for name, kind in walk():
        value: object = settings
        default: object = defaults
        for part in name.split("."):
            value, default = getattr(value, part), getattr(default, part)
        if value != default and not is_secret(kind) and name != "data_dir":
            changed.append(f"{flag(name)} {_typed(value)}")
    return " ".join(changed) or "all defaults"


def _typed(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return shlex.quote(",".join(map(str, value)))
    return f"{value:g}" if isinstance(value, float) else shlex.quote(str(value))
