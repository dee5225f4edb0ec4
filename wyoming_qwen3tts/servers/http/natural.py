"""What stands between this server and a natural voice, and what making voices needs: codes, for which the page has the
words, and settings and commands as they are typed here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, Protocol

from ...downloads.background import BackgroundDownload
from ...engine.qwen3.checkpoints import EXAMPLES
from ...engine.qwen3.hardware.plan import SMALL
from ...model.checkpoint.config import ModelType
from ...service.service import SpeechService
from ...settings import Settings
from ...speech.engine import Phase
from ...studio.studio import VoiceStudio
from ...util.installation import qwen3_advice
from .installation import Installation

Ability = Literal["clone", "design", "mix"]
_GB = {"0.6B": 2.5, "1.7B": 4.5}  # of a model's files, about
_FIXED = {"builtin", "wyoming"}  # engines whose voices are as they are
_KINDS: dict[Ability, tuple[ModelType, ...]] = {"clone": ("base",), "design": ("voice_design", "base"), "mix": ()}
_NAMED: dict[str, ModelType] = {"-Base": "base", "-VoiceDesign": "voice_design"}


class Examination(Protocol):
    """The command ``doctor``, with ``speed`` ``doctor --speed``: its checks."""

    async def __call__(self, *, speed: bool = False) -> list[dict[str, Any]]: ...


class Tools(NamedTuple):
    """What can be done from the page; None: nothing of the kind."""

    installation: Installation
    download: BackgroundDownload | None = None
    examination: Examination | None = None
    own_entity: Callable[[], Awaitable[str | None]] | None = None  # what Home Assistant calls this server


class House(NamedTuple):
    """What is looked at, and its `Tools`."""

    service: SpeechService
    settings: Settings
    studio: VoiceStudio | None
    installation: Installation
    download: BackgroundDownload | None = None
    examination: Examination | None = None
    own_entity: Callable[[], Awaitable[str | None]] | None = None


def natural_json(house: House) -> dict[str, Any]:
    """``speaks``: natural voices do. Else ``why``, a code, ``detail``, in English words if there are any, and
    ``steps``, each with a ``code``."""
    engine = house.service.engine
    status, is_wanted = engine.status, not engine.members <= {"builtin"}
    if is_wanted and status.can_speak and status.fallback is None:
        return {"speaks": True, "why": None, "detail": None, "steps": []}
    if is_wanted and (status.is_loading or status.phase is Phase.UNLOADED):
        return {"speaks": False, "why": status.phase.value, "detail": None, "steps": []}
    why = _why(house, has_failed=is_wanted)
    if why == "failed":
        return {"speaks": False, "why": why, "detail": status.reason or None, "steps": [{"code": "look"}]}
    return {"speaks": False, "why": why, "detail": None, "steps": _steps(house)}


def _why(house: House, *, has_failed: bool) -> str:
    found, wanted = house.installation, house.settings.engine
    if wanted.kind in ("remote", "wyoming"):
        return "failed"
    if wanted.kind == "builtin":
        return "chosen"
    if not found.has_torch and (found.has_driver or has_failed):
        return "no-torch"
    if found.has_driver and has_failed and not found.has_torch_for_card:
        return "cpu-torch"
    if has_failed:
        return "failed"
    return "no-driver" if found.has_card and not found.has_driver else "no-card"


def _steps(house: House) -> list[dict[str, Any]]:
    """What is to be done here, in this order; `elsewhere` is another way."""
    steps = _for_card(house) if house.installation.has_card or house.installation.has_driver else _for_processor(house)
    if (other := _elsewhere(house.installation)) is not None:
        steps.append(other)
    return steps


def _for_card(house: House) -> list[dict[str, Any]]:
    found = house.installation
    steps: list[dict[str, Any]] = [] if found.has_driver else [{"code": "driver"}]
    match found.place:
        case "addon":
            steps.append({"code": "addon-nvidia"})
        case "container":
            steps.append({"code": "image", "command": "docker compose -f docker/compose.cuda.yaml up -d --build"})
        case _:
            if found.place == "package" and not found.has_torch:
                steps.append({"code": "install", "command": qwen3_advice()})
            kind = {"engine.kind": "qwen3"} if house.settings.engine.kind != "auto" else {}
            steps.append({"code": "restart", "command": found.command(kind)})
    return steps


def _for_processor(house: House) -> list[dict[str, Any]]:
    found = house.installation
    steps: list[dict[str, Any]] = []
    if not found.has_torch:
        steps.append({"code": "install", "command": qwen3_advice() if found.place in ("checkout", "package") else None})
    can_measure = found.has_torch and house.examination is not None
    steps.append({"code": "measure", "command": found.program("doctor --speed"), "can_do": can_measure})
    if house.download is not None:
        model = next((model for model in house.download.models if model.endswith("-CustomVoice")), SMALL)
        steps.append(_download(house, house.download, model))
    restart = {"engine.kind": "qwen3"}
    code = "option" if found.place.startswith("addon") else "variable" if found.place == "container" else "restart"
    steps.append({"code": code, "command": found.command(restart)})
    return steps


def _download(house: House, download: BackgroundDownload, model: str) -> dict[str, Any]:
    return {
        "code": "download",
        "command": house.installation.program("download"),
        "model": model,
        "gb": next((gb for size, gb in _GB.items() if size in model), None),
        "can_do": not house.settings.models.offline and model in download.models,
        "is_done": download.find(model) is not None,
    }


def _elsewhere(found: Installation) -> dict[str, Any] | None:
    command = found.command({"engine.kind": "remote", "engine.urls": "http://OTHER:8880"})
    return None if found.place.startswith("addon") else {"code": "elsewhere", "command": command}


# -- making voices


class Need(NamedTuple):
    """One thing that has to be there. ``settings`` are those that are missing."""

    code: Literal["engine", "torch", "model", "files", "allowed", "key"]
    is_met: bool
    settings: dict[str, str]
    models: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Why a voice cannot be made, for programs and logs."""
        change = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        models = ", ".join(self.models)
        return {
            "engine": f"Making voices needs the Qwen3-TTS engine of this machine: {change}",
            "torch": f"Making voices needs PyTorch, which is not installed: {qwen3_advice()}",
            "model": f"This needs a model that is not configured: {change}",
            "files": f"The files of {models} are not here: wyoming-qwen3tts download {models}",
            "allowed": "Making voices on the page and over HTTP is off. Turn it on: --voices.cloning on",
            "key": "Voices are made by those who have a key. Set one: --http.api-keys NAME:KEY",
        }[self.code]


def needs(house: House, ability: Ability, *, is_known: bool) -> list[Need]:
    """Everything that ``ability`` needs, met or not, in the order in which it is told. ``is_known``: the visitor is, by
    a key or through Home Assistant."""
    engine = house.service.engine
    is_allowed = house.settings.voices.cloning
    has_engine = house.studio is not None and not engine.members <= _FIXED
    models = _models(house, ability)
    missing = [model for kind, model in models.items() if kind not in _configured(house.settings)]
    listed = ",".join((*(house.settings.engine.model or (SMALL,)), *missing))
    found = [
        Need("engine", has_engine, {} if has_engine else {"engine.kind": "qwen3"}),
        Need("torch", house.installation.has_torch, {}),
        Need("allowed", is_allowed, {} if is_allowed else {"voices.cloning": "on"}),
        Need("key", is_known, {} if is_known else {"http.api_keys": "NAME:KEY"}),
    ]
    if models:
        found.insert(2, Need("model", not missing, {"engine.model": listed} if missing else {}, tuple(models.values())))
        found.insert(3, Need("files", _are_here(house.studio, ability), {}, tuple(models.values())))
    return found


def _configured(settings: Settings) -> dict[ModelType, str]:
    """Kinds of the configured models, as their names tell; a folder may be of any kind."""
    found: dict[ModelType, str] = {}
    for model in settings.engine.model:
        kind = next((kind for end, kind in _NAMED.items() if model.endswith(end)), None)
        if kind is not None:
            found.setdefault(kind, model)
    return found


def _models(house: House, ability: Ability) -> dict[ModelType, str]:
    """A model for each kind that is needed: the one that is configured, else an example. None is needed beside those
    that are here."""
    if _are_here(house.studio, ability):
        return {}
    configured = _configured(house.settings)
    return {kind: configured.get(kind, EXAMPLES[kind]) for kind in _KINDS[ability]}


def _are_here(studio: VoiceStudio | None, ability: Ability) -> bool:
    if ability == "mix":
        return True
    return studio is not None and (studio.can_clone if ability == "clone" else studio.can_design)


def why_not(house: House, ability: Ability) -> str | None:
    """What stands in the way of making voices through this door, whoever asks, in English; None if nothing does."""
    lacks = [need for need in needs(house, ability, is_known=True) if not need.is_met]
    lack = min(lacks, key=lambda need: need.code != "allowed", default=None)  # that one is a person's decision
    if lack is None:
        return None
    is_of_studio = lack.code in ("model", "files") and house.studio is not None
    return (house.studio.why_not if is_of_studio and house.studio else "") or lack.sentence


def making_json(house: House, ability: Ability, *, is_known: bool) -> dict[str, Any]:
    """``on``: this server can, whoever asks; ``why_not``: in English, if not; ``needs``: each with its settings in
    three spellings, and ``command``, all that is missing at once; None in an add-on that cannot have it."""
    all_needs = needs(house, ability, is_known=is_known)
    unmet = [need for need in all_needs if not need.is_met]
    why = why_not(house, ability)
    wanted = {name: value for need in unmet for name, value in need.settings.items()}
    return {
        "on": why is None,
        "why_not": why,
        "needs": [
            {
                "code": need.code,
                "ok": need.is_met,
                "models": list(need.models),
                "settings": [house.installation.spelt(name, value) for name, value in need.settings.items()],
            }
            for need in all_needs
        ],
        "command": house.installation.command(wanted) if wanted else None,
    }
