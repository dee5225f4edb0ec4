"""The command ``wyoming-qwen3tts``: settings, one command, an exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Coroutine, Sequence
from pathlib import Path

from .app.build import check_models
from .app.data_folder import claim_data_folder
from .app.privileges import drop_privileges
from .app.serve import EXIT_BAD_SETTINGS, serve
from .cli import parser
from .downloads.store import Kind
from .errors import BadRequest, SettingsError, SpeechError, first_line
from .model.checkpoint.files import ModelFileError, UnfitCodec
from .monitoring import logs
from .service.options import SpeechOptions
from .settings import Settings, sources
from .util.installation import QWEN3_PACKAGES, qwen3_advice
from .util.memory import use_few_arenas

log = logging.getLogger(__name__)

#: Which kind of model a command needs, where it is not CustomVoice.
_KINDS: dict[str, Kind] = {"clone": "Base", "design": "VoiceDesign"}
#: Commands that report on whatever models are set, or look at none of them.
_ANY_MODEL = {"doctor", "healthcheck", "announce", "bench"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the process's exit code."""
    chosen = parser.parse(arguments)
    try:
        if chosen.command == "completion":  # it needs no setting
            return _complete(chosen.shell)
        return _run(chosen, _begin(chosen))
    except (SettingsError, UnfitCodec) as error:
        for line in str(error).splitlines():
            sys.stderr.write(f"wyoming-qwen3tts: {line}\n")
        return EXIT_BAD_SETTINGS
    except (SpeechError, ModelFileError) as error:
        sys.stderr.write(f"wyoming-qwen3tts: {error}\n")
        return 1
    except ImportError as error:
        sys.stderr.write(f"wyoming-qwen3tts: {_in_words(error)}\n")
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"wyoming-qwen3tts: {where}{error.strerror or error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _complete(shell: str) -> int:
    from .cli.completion import script

    sys.stdout.write(script(shell, parser.build(every_setting=True)))
    return 0


def _begin(chosen: Namespace) -> Settings:
    """The settings, checked, with the log and the data folder as they want them."""
    serving = chosen.command in (None, "serve")
    logs.set_up("info" if serving else "warning")
    flags = {name: value for name, value in vars(chosen).items() if name in parser.names()}
    settings = sources.load(flags, os.environ, Path(chosen.config) if "config" in chosen else None)
    drop_privileges(settings.data_dir, os.environ)
    claim_data_folder(settings)
    if chosen.command not in _ANY_MODEL:
        check_models(settings, _KINDS.get(chosen.command, "CustomVoice"))
    if serving:
        use_few_arenas()
    if serving or "log_level" in flags:
        logs.set_up(settings.log_level, in_background=serving)
    return settings


def _in_words(error: ImportError) -> str:
    """Commands are imported late, so what an extra lacks is found out here."""
    log.debug("What could not be imported", exc_info=error)
    name = (error.name or "").partition(".")[0]
    if name in QWEN3_PACKAGES:
        return f"This needs the extra qwen3, and {name} is not installed: {qwen3_advice()}"
    return f"The installation is not complete: {first_line(error)}. Install it again: script/setup"


def _run(chosen: Namespace, settings: Settings) -> int:
    # Commands are imported when they are called: start to first `describe` is a promise.
    match chosen.command:
        case "say" if _is_for_the_model(chosen):
            return _say_model(settings, chosen)
        case "clone":
            from .cli.clone import clone

            return _async(clone(settings, chosen))
        case "design":
            from .cli.design import design

            return _async(design(settings, chosen))
        case "say":
            from .cli.say import say

            return _async(say(settings, chosen.text, chosen.output, _wish(chosen)))
        case "announce":
            from .cli.announce import announce

            return _async(announce(settings, chosen))
        case "voices":
            from .cli.voices import voices

            return _async(voices(settings, chosen))
        case "spoken":
            from .cli.spoken import spoken

            return spoken(settings, chosen.text, chosen.language, as_json=chosen.json)
        case "download":
            from .cli.download import download

            return download(settings, chosen.model)
        case "doctor" | "healthcheck" | "bench":
            return _look(chosen, settings)
        case _:
            return _async(serve(settings))


def _look(chosen: Namespace, settings: Settings) -> int:
    """Commands that look at the machine or at a server, and speak to nobody."""
    match chosen.command:
        case "doctor":
            from .cli.doctor import doctor

            return doctor(settings, as_json=chosen.json, gpu=chosen.gpu, is_speed=chosen.speed)
        case "healthcheck":
            from .cli.healthcheck import healthcheck

            return _async(healthcheck(settings))
        case _:
            from .cli.bench.command import bench

            return bench(settings, chosen)


def _say_model(settings: Settings, chosen: Namespace) -> int:
    from .cli.say_model import ModelWish, say_model

    if chosen.speed or chosen.volume is not None or chosen.chime:
        raise BadRequest("--speed, --volume and --chime do not go with --raw, --greedy, --codes or --instruct.")
    flags = {name: getattr(chosen, name) for name in ModelWish.__dataclass_fields__}
    return say_model(settings, chosen.text, chosen.output, ModelWish(**flags))


def _wish(chosen: Namespace) -> SpeechOptions:
    return SpeechOptions(
        chosen.voice,
        chosen.language,
        seed=chosen.seed,
        feed=chosen.feed,
        speed=chosen.speed,
        volume=chosen.volume,
        chime=chosen.chime,
        sentence_pause_s=chosen.sentence_pause,
        server="say",
    )


def _is_for_the_model(chosen: Namespace) -> bool:
    """Whether ``say`` is asked for something that only the model itself can do, without the engine around it."""
    return bool(chosen.raw or chosen.greedy or chosen.codes or chosen.max_frames or chosen.instruct)


def _async(command: Coroutine[object, object, int]) -> int:
    return asyncio.run(command)


if __name__ == "__main__":
    sys.exit(main())
