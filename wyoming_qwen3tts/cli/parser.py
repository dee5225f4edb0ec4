"""The flags. Every setting is one, and works before or after every command."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

from .. import __version__
from ..app.serve import EXIT_BAD_SETTINGS
from ..settings import is_secret, walk
from ..settings.sources import flag
from .bench.instructions import CHOICES as CPU_CHOICES

_EPILOG = """settings can also come from the environment (QWEN3TTS_ENGINE__SLOTS=8) and from an options file (--config
FILE, YAML or JSON); config/wyoming-qwen3tts.yaml lists them all. Flags win over the environment, that over the file.
exit codes: 0 asked to stop, 1 the command failed, 70 engine broken, 75 port taken, 78 bad settings"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A bad flag ends like any bad setting: one line that says what to write instead, and exit code 78."""
        sys.stderr.write(f"wyoming-qwen3tts: {message}\n")
        sys.exit(EXIT_BAD_SETTINGS)

    def flags(self) -> set[str]:
        """Every flag of this parser and of its commands."""
        found: set[str] = set()
        for action in self._actions:
            found |= set(action.option_strings)
            if isinstance(action, argparse._SubParsersAction):
                for command in action.choices.values():
                    found |= command.flags()
        return found


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The chosen command and flags; exits with 78 and the nearest right name for a flag that does not exist."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = build()
    flags = parser.flags()
    for word in words:
        if word == "--":
            break
        name = word.split("=")[0]
        # argparse itself would take the misspelt flag's value for a command and complain about that.
        if name.startswith("--") and " " not in name and name not in flags:
            near = difflib.get_close_matches(name, flags, n=1)
            parser.error(f"there is no flag {name}." + (f" Did you mean {near[0]}?" if near else " See --help."))
    return parser.parse_args(words)


def build() -> _Parser:
    """The whole command line."""
    settings = _settings_flags()
    parser = _Parser(
        prog="wyoming-qwen3tts",
        usage="wyoming-qwen3tts [COMMAND] [--SETTING VALUE ...]",
        description="A voice server for Home Assistant: text in, speech out, over the Wyoming protocol.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[settings],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"wyoming-qwen3tts {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)

    for add in (_serve, _say, _announce, _clone, _design, _voices, _spoken, _download, _doctor, _healthcheck, _bench):
        add(commands)
    return parser


def _command(commands: argparse._SubParsersAction[_Parser], name: str, text: str) -> _Parser:
    # The settings of a command are left out of its help: `wyoming-qwen3tts --help` lists them once.
    return commands.add_parser(
        name,
        help=text,
        description=text,
        parents=[_settings_flags(hidden=True)],
        allow_abbrev=False,
        epilog="all settings: see wyoming-qwen3tts --help",
    )


def _serve(commands: argparse._SubParsersAction[_Parser]) -> None:
    _command(commands, "serve", "serve Home Assistant and other Wyoming clients (this is the default)")


def _say(commands: argparse._SubParsersAction[_Parser]) -> None:
    say = _command(commands, "say", "speak a text into a WAV file, or aloud, without a server")
    say.add_argument("text", help="what to say; - reads it from standard input, as it comes")
    say.add_argument("-o", "--output", metavar="FILE", help="write a WAV file; - writes it to standard output")
    say.add_argument("--voice", help="a voice's name; see the command voices")
    say.add_argument("--language", help="such as de, de-DE or German; left out: told from the text")
    say.add_argument("--seed", type=int, help="speak with another take of the same voice")
    say.add_argument(
        "--speed", type=_number, metavar="N", help="0.5 to 2 times the voice's own pace, at the same pitch"
    )
    say.add_argument("--volume", type=_number, metavar="N", help="0 to 1")
    say.add_argument("--chime", action="store_true", default=None, help="two tones before the speech")
    say.add_argument("--sentence-pause", type=_number, metavar="S", help="seconds of silence between two sentences")
    model = say.add_argument_group("with a Qwen3-TTS model")
    model.add_argument("--instruct", help="how to speak, or for a VoiceDesign model who: 'a calm old man'")
    model.add_argument("--feed", choices=("sentence", "live"), help="the text at once, or word by word")
    model.add_argument("--raw", action="store_true", help="as one utterance, without front-end, splitting or guards")
    model.add_argument("--greedy", action="store_true", help="take the likeliest code everywhere (for tests, not ears)")
    model.add_argument("--codes", metavar="FILE.npy", help="write the codes, int64 [frames, 16]")
    model.add_argument("--max-frames", type=_frames, metavar="N", help="stop after N frames of 80 ms")


def _announce(commands: argparse._SubParsersAction[_Parser]) -> None:
    announce = _command(
        commands, "announce", "have the running server play a sentence in the house; it is asked at http.uri"
    )
    announce.add_argument("text", help="what to say")
    announce.add_argument(
        "--target",
        metavar="T,T",
        help="where: media_player.kitchen, assist_satellite.bedroom, hermes/hall; left out: announce.targets, else the "
        "sound is only offered at a URL",
    )
    announce.add_argument("--priority", metavar="P", help="low, normal, high, critical, or -10 to 10")
    announce.add_argument("--volume", type=_number, metavar="N", help="0 to 1")
    announce.add_argument("--chime", action="store_true", default=None, help="two tones before the speech")


def _clone(commands: argparse._SubParsersAction[_Parser]) -> None:
    clone = _command(commands, "clone", "make a voice from a clip of somebody, with a Base model")
    clone.add_argument("name", help="what to call it")
    clone.add_argument("clip", help="WAV or FLAC, 3 to 15 seconds of clear speech")
    clone.add_argument("--text", help="what is said in the clip: closer to the original, but less steady")
    clone.add_argument("--raw", action="store_true", help="take the clip as it is: no checks, trimming or loudness")
    clone.add_argument("--consent", metavar="NOTE", help="who agreed to it, and to what; kept with the voice")
    clone.add_argument("--keep-clip", action="store_true", help="keep the clip itself with the voice too")


def _design(commands: argparse._SubParsersAction[_Parser]) -> None:
    design = _command(
        commands, "design", "make a voice from a description, with a VoiceDesign model, to be spoken by a Base model"
    )
    design.add_argument("name", help="what to call it")
    design.add_argument("description", help="who: 'a calm old man with a deep voice'")
    design.add_argument("--language", help="what it says at first, such as de (default en); it speaks all ten")
    design.add_argument("--text", help="what it says instead of our own sentences; at most 300 characters")
    design.add_argument(
        "--variants", type=int, default=1, metavar="N",
        help="write N variants as WAV files to choose from, and keep none (default 1: keep it)",
    )  # fmt: skip
    design.add_argument("--seed", type=int, help="which variant; left out: any")


def _voices(commands: argparse._SubParsersAction[_Parser]) -> None:
    voices = _command(commands, "voices", "list the voices; export, import, mix or remove your own")
    voices.add_argument("--json", action="store_true", help="as JSON")
    voices.set_defaults(action=None)
    actions = voices.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    export = _command(actions, "export", "write a voice of your own into one file")
    export.add_argument("name", help="which")
    export.add_argument("file", help="a new file, such as grandma.voice")
    take = _command(actions, "import", "take in a voice from such a file")
    take.add_argument("file", help="the file")
    take.add_argument("--name", help="what to call it here; left out: as there")
    blend = _command(actions, "blend", "make a voice of several: speakers of a model, or voices of your own")
    blend.add_argument("name", help="what to call it")
    blend.add_argument("of", help="'ryan(2)+aiden(1)': two parts of one and one of the other")
    remove = _command(actions, "remove", "forget a voice of your own")
    remove.add_argument("name", help="which")


def _spoken(commands: argparse._SubParsersAction[_Parser]) -> None:
    spoken = _command(commands, "spoken", "show the text as it will be spoken")
    spoken.add_argument("text", help="the text; - reads one JSON object a line from standard input")
    spoken.add_argument("--language", help="such as de, de-DE or German; left out: told from the text")
    spoken.add_argument("--json", action="store_true", help="with language, voice, segments and changes, as JSON")


def _download(commands: argparse._SubParsersAction[_Parser]) -> None:
    fetch = _command(
        commands, "download", "download the models ahead of time, and check every byte of those that are here"
    )
    fetch.add_argument(
        "model", nargs="?", help="a hub id; left out: engine.model, else the model that suits this machine"
    )


def _doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    doctor = _command(commands, "doctor", "look at everything that speech needs; each line is ok or says what to do")
    doctor.add_argument("--json", action="store_true", help="as JSON")
    doctor.add_argument(
        "--speed",
        action="store_true",
        help="only measure, in 20 s and without a download, how fast this processor would speak with Qwen3-TTS, and "
        "name the one setting to change",
    )
    doctor.add_argument(
        "--gpu",
        nargs="?",
        const="gpu-report.json",
        metavar="FILE",
        help="check and measure the graphics card, in ten minutes at most, and write a report to attach to an issue",
    )


def _healthcheck(commands: argparse._SubParsersAction[_Parser]) -> None:
    _command(commands, "healthcheck", "exit 0 if the server answers and is ours")


def _bench(commands: argparse._SubParsersAction[_Parser]) -> None:
    bench = _command(
        commands, "bench", "measure time to first audio and speed, of servers or of the model on this machine"
    )
    bench.add_argument("--wyoming", metavar="URI[,URI]", help="Wyoming servers; the others are compared with the first")
    bench.add_argument(
        "--random-weights", choices=("0.6B", "1.7B"), help="measure a model of the published size, made up in memory"
    )
    bench.add_argument(
        "--peers", action="store_true", help="compare with the official package and a CPU peer; sets both up, once"
    )
    building = "a whole building on loopback: this server before model servers with published timing, such as 1,4,16"
    bench.add_argument("--building", metavar="N,N", help=building)
    bench.add_argument("--plot", metavar="FILE.svg", help="with --building: first audio by servers")
    rooms = "what so many rooms cost this server, a process of its own before simulated cards, such as 200,2000"
    bench.add_argument("--rooms", metavar="N,N", help=rooms)
    processes = "how many replies so many processes of this server carry, on one port and behind HAProxy, such as 1,2"
    bench.add_argument("--processes", metavar="N,N", help=processes)
    bench.add_argument(
        "--server", action="store_true", help="with --random-weights: the whole server over Wyoming beside the networks"
    )
    bench.add_argument(
        "--playback",
        action="store_true",
        help="play replies in real time on a machine slower than that, simulated or, with engine.model, this one: "
        "no stutter, and what the wait before them costs",
    )
    bench.add_argument("--streams", default="1,4", metavar="N,N", help="how many at once (default 1,4)")
    bench.add_argument("--rounds", type=int, default=5, metavar="N", help="how often each is measured (default 5)")
    bench.add_argument("--frames", type=_frames, default=24, metavar="N", help="frames of 80 ms a reply (default 24)")
    bench.add_argument(
        "--cpu",
        choices=CPU_CHOICES,
        default=CPU_CHOICES[0],
        help="leave instructions unused, as a lesser processor would (default auto: all that there are)",
    )
    bench.add_argument("--simulate", action="store_true", help="on the stand-in for a card: shows that its path works")
    bench.add_argument("--json", action="store_true", help="as JSON")


def _settings_flags(*, hidden: bool = False) -> _Parser:
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    group = parser.add_argument_group("settings")
    group.add_argument("--config", metavar="FILE", help=argparse.SUPPRESS if hidden else "options file, YAML or JSON")
    for name, field in walk():
        choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
        default = field.get_default(call_default_factory=True)
        shown = "none" if is_secret(field) else _shown(default)
        metavar = "|".join(choices) or _form(default)
        text = (
            argparse.SUPPRESS
            if hidden
            else f"{field.description} (default {shown})".replace("%", "%%").replace("`", "")
        )
        group.add_argument(flag(name), dest=name, metavar=metavar, help=text)
    return parser


def _shown(default: object) -> object:
    if isinstance(default, bool):
        return "on" if default else "off"
    return "none" if default in ("", ()) else default


def _frames(text: str) -> int:
    """A number of frames, from 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, not {text[:20]!r}")
    return int(text)


def _number(text: str) -> float:
    """Any number; whether it makes sense is said where it is used."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text[:20]!r}") from None


def _form(default: object) -> str:
    """What a value of this kind looks like."""
    if isinstance(default, bool):
        return "on|off"
    if isinstance(default, int | float):
        return "N"
    if isinstance(default, tuple):
        return "TEXT,TEXT"
    return "DIR" if isinstance(default, Path) else "TEXT"
