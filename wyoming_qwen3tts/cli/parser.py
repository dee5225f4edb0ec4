"""The flags. Every setting is one, and works before or after every command."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, get_args

from .. import __version__
from ..app.serve import EXIT_BAD_SETTINGS
from ..settings import is_secret, walk
from ..settings.reference import MOST_USED
from ..settings.sources import flag
from . import mistakes
from .bench.instructions import CHOICES as CPU_CHOICES
from .completion import SHELLS
from .sound_file import ENDINGS

_TEXTS = ("say", "announce", "spoken")  # commands that take one
_EPILOG = """settings can also come from the environment (QWEN3TTS_ENGINE__SLOTS=8) and from an options file (--config
FILE, YAML or JSON); config/wyoming-qwen3tts.yaml lists them all. Flags win over the environment, that over the file.
exit codes: 0 asked to stop, 1 the command failed, 70 engine broken, 75 port taken, 78 bad settings"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A bad flag ends like any bad setting: one line that says what to write instead, and exit code 78."""
        sys.stderr.write(f"wyoming-qwen3tts: {self._in_words(message)}\n")
        sys.exit(EXIT_BAD_SETTINGS)

    def _in_words(self, message: str) -> str:
        """argparse's own messages, without its words for our parts."""
        if needed := _after(message, "the following arguments are required: "):
            return f"{' '.join(self.prog.split()[1:])} needs {needed.upper()}: {self.form}"
        if argument := _after(message, "argument "):
            name, _, why = argument.partition(": ")
            name = name.split("/")[-1]
            if why == "expected one argument":
                return f"{name} needs a value behind it."
            return f"{name}: {why.replace('invalid choice: ', 'there is no ').replace('(choose from', '(there are')}"
        return message

    def flags(self) -> set[str]:
        """Every flag of this parser and of its commands."""
        below = [command.flags() for command in mistakes.commands_of(self).values() if isinstance(command, _Parser)]
        return set(self._option_string_actions).union(*below)

    @property
    def form(self) -> str:
        """What is typed, but for the flags."""
        given = [
            str(action.metavar or action.dest).upper()
            for action in self._actions
            if not action.option_strings and action.nargs is None
        ]
        return " ".join((self.prog, *given))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            path = self.prog.split()[1:]
            self.error(mistakes.no_command(str(value), action.choices, path))
        super()._check_value(action, value)


class _Help(argparse.Action):
    """``--help``, ``--help all`` with every setting, ``--help say``."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> NoReturn:
        if values == "all":
            path = parser.prog.split()[1:]
            parser = build(every_setting=True)
            for command in path:
                parser = mistakes.commands_of(parser)[command]
        elif values in (commands := mistakes.commands_of(parser)):
            parser = commands[str(values)]
        parser.print_help()
        sys.exit(0)


def _after(message: str, beginning: str) -> str:
    return message.removeprefix(beginning) if message.startswith(beginning) else ""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The chosen command and flags; exits with 78 and what was meant for a flag or command that does not exist."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = build()
    # argparse itself would take the misspelt flag's value for a command and complain about that.
    if mistake := mistakes.find(words, parser):
        parser.error(mistake)
    chosen, extra = parser.parse_known_args(words)
    if extra:
        parser.error(_too_much(chosen, extra, parser))
    return chosen


def _too_much(chosen: argparse.Namespace, extra: Sequence[str], parser: _Parser) -> str:
    command = chosen.command or "serve"
    if command in _TEXTS:
        said = shlex.quote(" ".join((chosen.text, *extra))[:80])
        return f"{command} takes one text. Put it in quotes: wyoming-qwen3tts {command} {said}"
    below: argparse.ArgumentParser = mistakes.commands_of(parser)[command]
    if action := getattr(chosen, "action", None):
        below = mistakes.commands_of(below)[action]
    form = below.form if isinstance(below, _Parser) else below.prog
    return f"{extra[0][:80]!r} is too much here: {form}"


def build(*, every_setting: bool = False) -> _Parser:
    """The whole command line. ``every_setting``: help shows them all, else the most used."""
    settings = _settings_flags(set(names()) if every_setting else set(MOST_USED))
    parser = _Parser(
        prog="wyoming-qwen3tts",
        usage="wyoming-qwen3tts [COMMAND] [--SETTING VALUE ...]",
        description="A voice server for Home Assistant: text in, speech out, over the Wyoming protocol.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[settings],
        allow_abbrev=False,
        add_help=False,
    )
    _add_help(parser)
    parser.add_argument("--version", action="version", version=f"wyoming-qwen3tts {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser, prog="wyoming-qwen3tts")

    # The settings of a command are left out of its help: `wyoming-qwen3tts --help all` lists them once.
    settings = _settings_flags(set(names()) if every_setting else set())
    for add in (
        _serve, _say, _announce, _clone, _design, _voices, _spoken, _download, _doctor, _healthcheck, _bench,
        _completion,
    ):  # fmt: skip
        add(_Commands(commands, settings))
    return parser


def _add_help(parser: _Parser) -> None:
    parser.add_argument("-h", "--help", nargs="?", action=_Help, metavar="all", help="this; with all, every setting")


class _Commands(NamedTuple):
    """Where commands are added, and the settings that each takes."""

    at: argparse._SubParsersAction[_Parser]
    settings: _Parser


def _command(commands: _Commands, name: str, text: str) -> _Parser:
    parser = commands.at.add_parser(
        name,
        help=text,
        description=text,
        parents=[commands.settings],
        allow_abbrev=False,
        add_help=False,
        epilog="It takes every setting too: see wyoming-qwen3tts --help all",
    )
    _add_help(parser)
    return parser


def _serve(commands: _Commands) -> None:
    _command(commands, "serve", "serve Home Assistant and other Wyoming clients (this is the default)")


def _say(commands: _Commands) -> None:
    say = _command(commands, "say", "speak a text into a file, or aloud, without a server")
    say.add_argument("text", help="what to say; - reads it from standard input, as it comes")
    say.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"write a file, of the kind that its ending says ({', '.join(ENDINGS)}); - writes WAV to standard output",
    )
    say.add_argument("--voice", help="a voice's name; see the command voices")
    say.add_argument("--language", help="such as de, de-DE or German; left out: detected")
    say.add_argument("--seed", type=_whole, help="speak with another take of the same voice")
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


def _announce(commands: _Commands) -> None:
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


def _clone(commands: _Commands) -> None:
    clone = _command(commands, "clone", "make a voice from a clip of somebody, with a Base model")
    clone.add_argument("name", help="what to call it")
    clone.add_argument("clip", help="3 to 15 seconds of clear speech: WAV, FLAC, with ffmpeg M4A, MP3 and more")
    clone.add_argument("--text", help="what is said in the clip: closer to the original, but less steady")
    clone.add_argument("--raw", action="store_true", help="take the clip as it is: no checks, trimming or loudness")
    clone.add_argument("--consent", metavar="NOTE", help="who agreed to it, and to what; kept with the voice")
    clone.add_argument("--keep-clip", action="store_true", help="keep the clip itself with the voice too")


def _design(commands: _Commands) -> None:
    design = _command(
        commands, "design", "make a voice from a description, with a VoiceDesign model, to be spoken by a Base model"
    )
    design.add_argument("name", help="what to call it")
    design.add_argument("description", help="who: 'a calm old man with a deep voice'")
    design.add_argument("--language", help="what it says at first, such as de (default en); it speaks all ten")
    design.add_argument("--text", help="what it says instead of our own sentences; at most 300 characters")
    design.add_argument(
        "--variants", type=_whole, default=1, metavar="N",
        help="write N variants as WAV files to choose from, and keep none (default 1: keep it)",
    )  # fmt: skip
    design.add_argument("--seed", type=_whole, help="which variant; left out: any")


def _voices(commands: _Commands) -> None:
    voices = _command(commands, "voices", "list the voices; export, import, mix or remove your own")
    voices.add_argument("--json", action="store_true", help="as JSON")
    voices.set_defaults(action=None)
    actions = _Commands(voices.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser), commands.settings)
    listed = _command(actions, "list", "list them, as without an action")
    listed.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")
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


def _spoken(commands: _Commands) -> None:
    spoken = _command(commands, "spoken", "show the text as it will be spoken")
    spoken.add_argument("text", help="the text; - reads one JSON object a line from standard input")
    spoken.add_argument("--language", help="such as de, de-DE or German; left out: detected")
    spoken.add_argument("--json", action="store_true", help="with language, voice, segments and changes, as JSON")


def _download(commands: _Commands) -> None:
    fetch = _command(
        commands, "download", "download the models ahead of time, and check every byte of those that are here"
    )
    fetch.add_argument(
        "model", nargs="?", help="a hub id; left out: engine.model, else the model that suits this machine"
    )


def _doctor(commands: _Commands) -> None:
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


def _healthcheck(commands: _Commands) -> None:
    _command(commands, "healthcheck", "exit 0 if the server answers and is ours")


def _bench(commands: _Commands) -> None:
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
    bench.add_argument("--rounds", type=_whole, default=5, metavar="N", help="how often each is measured (default 5)")
    bench.add_argument("--frames", type=_frames, default=24, metavar="N", help="frames of 80 ms a reply (default 24)")
    bench.add_argument(
        "--cpu",
        choices=CPU_CHOICES,
        default=CPU_CHOICES[0],
        help="leave instructions unused, as a lesser processor would (default auto: all that there are)",
    )
    bench.add_argument("--simulate", action="store_true", help="on the stand-in for a card: shows that its path works")
    bench.add_argument("--json", action="store_true", help="as JSON")


def _completion(commands: _Commands) -> None:
    completion = _command(
        commands, "completion", "print what makes the shell complete commands, flags and values with Tab"
    )
    completion.add_argument("shell", choices=SHELLS, help=", ".join(SHELLS))


def names() -> list[str]:
    """Every setting."""
    return [name for name, _ in walk()]


def _settings_flags(shown: Container[str]) -> _Parser:
    """All of them; help tells of those in ``shown``."""
    parser = _Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    most = "the most used; --help all shows every one" if shown == set(MOST_USED) else None
    group = parser.add_argument_group("settings", most)
    group.add_argument("--config", metavar="FILE", help="options file, YAML or JSON" if shown else argparse.SUPPRESS)
    for name, field in walk():
        choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
        default = field.get_default(call_default_factory=True)
        text = f"{field.description} (default {'none' if is_secret(field) else _shown(default)})"
        group.add_argument(
            flag(name),
            dest=name,
            metavar="|".join(choices) or _form(default),
            help=text.replace("%", "%%").replace("`", "") if name in shown else argparse.SUPPRESS,
        )
    return parser


def _shown(default: object) -> object:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "none"
    return "none" if default == "" else default


def _frames(text: str) -> int:
    """A number of frames, from 1."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1, not {text[:20]!r}")
    return int(text)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text[:20]!r}") from None


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
