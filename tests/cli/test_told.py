"""What the command line says to people: arguments, exit code, what must be said, and what must not.

Each line of the tables is run as on a machine with the extra ``qwen3`` and as on one without it.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli import driver
from tests.cli.prompt import Prompt
from wyoming_qwen3tts.audio.wav import UNKNOWN_LENGTH, wav_header
from wyoming_qwen3tts.cli import mistakes, say
from wyoming_qwen3tts.cli.completion import SHELLS
from wyoming_qwen3tts.cli.parser import build
from wyoming_qwen3tts.cli.sound_file import ENDINGS
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.service.stats import RequestStats

#: All lines of a machine are run at once, by one process of a parallel run.
pytestmark = pytest.mark.xdist_group("told")

MODEL = "--engine.kind qwen3 --engine.model Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"
NEVER = r"Traceback|argument (COMMAND|ACTION)|\b(int|str|float|bool) value|pydantic|unicode string|No module named"

#: Players, by what they do with the sound.
PLAYERS = {
    "plays": "cat > /dev/null",
    "fails": "cat > /dev/null; echo 'audio open error: No such file or directory' >&2; exit 1",
    "fails silently": "cat > /dev/null; exit 3",
    "closes early": "echo 'no sound server' >&2; exit 1",
    "closes early, well": "exit 0",
    "complains and returns 0": "cat > /dev/null; echo 'SDL_OpenAudio: no device' >&2",
    "warns": "cat > /dev/null; echo 'underrun!!! (at least 12 ms long)' >&2; echo 'ALSA lib pcm.c: rear' >&2",
}


@dataclass(frozen=True, slots=True)
class Line:
    """``words`` are typed; ``{tmp}`` is a folder. ``players``: what each program that plays sound does."""

    words: str
    code: int
    said: str
    never: str = NEVER
    players: dict[str, str] = field(default_factory=dict)
    bare: str | None = None  # what is said without the extra, if not the same

    @property
    def name(self) -> str:
        return " ".join((self.words, *(f"({player} {does})" for player, does in self.players.items())))


EVERYWHERE = [
    # -- say
    Line("say Hello. -o {tmp}/done.wav", 0, r"^/.*done\.wav: \d\.\d s, by builtin-en$"),
    *(Line(f"say Hello. -o {{tmp}}/a{end}", 0, rf"a\{end}: \d\.\d s, by") for end in (".mp3", ".flac", ".ogg")),
    Line("say Hello. -o {tmp}/a.xyz", 1, r"no sound is written as \.xyz\. Choose one of \.wav, \.mp3"),
    Line("say Hello. -o /nowhere/a.wav", 1, r"/nowhere/a\.wav: No such file or directory"),
    Line("say '' -o {tmp}/none.wav", 1, "There is nothing to say"),
    Line("say '   '", 1, "There is nothing to say"),
    Line("say '\N{GRINNING FACE}' -o {tmp}/none.wav", 1, "There is nothing to say"),
    Line("say Hello.", 1, r"No program that plays sound was found \(pw-cat, paplay.*-o hello\.wav"),
    Line("say Hello.", 0, r"^aplay: \d\.\d s, by builtin-en$", players={"aplay": "plays"}),
    Line("say Hello.", 1, r"No sound could be played here \(ffplay: SDL_OpenAudio: no device\)\. Write a file: -o",
         players={"ffplay": "complains and returns 0"}),
    Line("say Hello world.", 78, "say takes one text. Put it in quotes: wyoming-qwen3tts say 'Hello world.'"),
    Line("say", 78, "say needs TEXT: wyoming-qwen3tts say TEXT"),
    Line("say x --seed many", 78, "--seed: must be a whole number, not 'many'"),
    Line("say x --feed fast", 78, "--feed: there is no 'fast' .*sentence.*live"),
    Line("say x --voice", 78, "--voice needs a value behind it"),
    Line("say x --voice builtin-eng -o {tmp}/none.wav", 1, "builtin-en"),
    # -- models that cannot exist
    *(
        Line(f"{command} --engine.kind qwen3 --engine.model {model}", 78, f"{model!r} is .* Did you mean {meant}")
        for command, model, meant in (
            ("serve", "Qwen3-TTS-0.6B", "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"),
            ("serve", "Qwen3-TTS-1.7B", "Qwen/Qwen3-TTS-12Hz-1.7B-CustomVoice"),
            ("say x --raw -o {tmp}/x.wav", "qwen3-0.6", "Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"),
            ("serve", "Qwen3-TTS-0.6B-Base", "Qwen/Qwen3-TTS-12Hz-0.6B-Base"),
            ("clone anna {tmp}/x.wav", "Qwen3-TTS-0.6B", "Qwen/Qwen3-TTS-12Hz-0.6B-Base"),
            ("design anna man", "Qwen3-TTS", "Qwen/Qwen3-TTS-12Hz-1.7B-VoiceDesign"),
        )
    ),
    Line("serve --engine.model foo", 78, "'foo' is neither a folder nor a model on the hub. There are Qwen/"),
    Line("serve --engine.model /nowhere", 78, "engine.model: There is no model folder /nowhere"),
    Line("serve --engine.model {tmp}", 78, "The folder /.* holds no Qwen3-TTS model: it has no config.json"),
    Line("download Qwen3-TTS-0.6B", 1, "Did you mean Qwen/Qwen3-TTS-12Hz-0.6B-CustomVoice"),
    # -- flags of others
    Line("--port 10300", 78, r"--port\. Here it is --wyoming\.uri tcp://0\.0\.0\.0:10300", never="mqtt|Did you"),
    Line("--uri tcp://0.0.0.0:10300", 78, r"Here it is --wyoming\.uri tcp://0\.0\.0\.0:10300"),
    Line("--host=192.168.1.20", 78, r"Here it is --wyoming\.uri tcp://192\.168\.1\.20:10200"),
    Line("-p 80", 78, r"Here it is --wyoming\.uri tcp://0\.0\.0\.0:80"),
    Line("--debug", 78, "Here it is --log-level debug"),
    Line("--voice en_US-lessac-medium --uri tcp://0:1", 78, "--voice is a flag of the command say.*voices.yaml"),
    Line("--language de", 78, "is a flag of the commands say, design and spoken.*server: --voices.language de"),
    Line("voices --language de", 78, "--language is a flag of the commands .*, not of voices"),
    Line("--engine.slot 4", 78, "Did you mean --engine.slots"),
    # -- commands
    Line("foo", 78, "There is no command 'foo'. There are: serve, say"),
    *(Line(f"{word} Hello.", 78, f"There is no command '{word}'. Did you mean say[?]") for word in ("speak", "speek")),
    *(Line(word, 78, f"command '{word}'. There are: serve, say", never="Did you") for word in ("xyzzy", "kitchen")),
    *(Line(word, 78, "Did you mean serve[?]") for word in ("start", "run", "strat")),
    Line("spaek", 78, "Did you mean say[?]"),
    Line("voices delte anna", 78, "Did you mean voices remove[?]"),
    Line("servee", 78, "Did you mean serve?"),
    Line("'Hello there.'", 78, "To speak it: wyoming-qwen3tts say 'Hello there.'"),
    Line("tcp://0.0.0.0:10200", 78, r"--wyoming\.uri tcp://0\.0\.0\.0:10200"),
    Line("voices list", 0, r"^builtin-de  de "),
    Line("voices delete anna", 78, "There is no command 'voices delete'. Did you mean voices remove?"),
    Line("voices remove", 78, "voices remove needs NAME: wyoming-qwen3tts voices remove NAME"),
    Line("voices clone", 78, "clone is a command of its own"),
    Line("clone anna", 78, "clone needs CLIP: wyoming-qwen3tts clone NAME CLIP"),
    Line("clone anna {tmp}/none.wav", 1, r"none\.wav: No such file or directory"),
    Line("clone anna {tmp}/clip.wav", 1, "Cloning needs a Base checkpoint: --engine.model Qwen/Qwen3-TTS-12"),
    Line("design anna man", 1, "Designing a voice needs a VoiceDesign checkpoint: --engine.model Qwen/"),
    Line("doctor now", 78, "'now' is too much here: wyoming-qwen3tts doctor"),
    # -- values
    Line("--http.uri https://0.0.0.0:8880", 78, "for https put a proxy in front"),
    Line("--homeassistant.url homeassistant.local:8123", 78, "http:// is missing: http://homeassistant.local:8123"),
    Line("--mqtt.host mqtt://127.0.0.1", 78, "write it without mqtt://, as 127.0.0.1; the port is mqtt.port"),
    Line("--engine.slots many", 78, r"engine\.slots \(from --engine\.slots\): must be a whole number, not 'many'"),
    Line("announce Hello. --http.uri http://127.0.0.1:9", 1, "No server answers at http://127.0.0.1:9/v1/announce"),
    # -- help
    Line("--help", 0, r"--help all shows every one(?s:.)*--engine\.kind"),
    Line("--help all", 0, r"--limits\.mqtt-payload-bytes"),
    Line("--help say", 0, r"usage: wyoming-qwen3tts say"),
    Line("say --help", 0, r"--sentence-pause"),
    *(Line(f"completion {shell}", 0, r"wyoming-qwen3tts") for shell in SHELLS),
    Line("completion tcsh", 78, "there is no 'tcsh'"),
]  # fmt: skip

EXTRA = r"This needs the extra qwen3, and \w+ is not installed: (\S*script/setup qwen3|git clone|take the)"
#: What the extra is needed for: the advice without it, and another word with it.
WITH_EXTRA = [
    Line("say x --raw -o {tmp}/x.wav", 1, "This needs a Qwen3-TTS model", bare=EXTRA),
    Line(f"say x --raw -o {{tmp}}/x.wav --models.offline on {MODEL}", 1, "downloads are off", bare=EXTRA),
    Line(f"clone anna {{tmp}}/clip.wav --models.offline on {MODEL}", 1, "downloads are off"),
    Line(f"download --models.offline on {MODEL}", 1, "downloads are off", bare="downloads are off|extra 'qwen3'"),
    Line("bench --random-weights 0.6B --streams x", 1, "--streams takes numbers", bare="--streams takes numbers|extra"),
    Line("bench --random-weights 0.6B --frames 1", 1, "--frames starts at 2", bare=f"{EXTRA}|--frames"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said to each line on one machine, and what was written into the folder."""

    is_bare: bool
    folder: Path
    told: dict[str, driver.Told]


@pytest.fixture(scope="module", params=["with the extra", "without it"])
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    is_bare, folder = request.param == "without it", tmp_path_factory.mktemp("told")
    (folder / "clip.wav").write_bytes(b"RIFF")
    lines = [*EVERYWHERE, *WITH_EXTRA]
    asked = []
    for number, line in enumerate(lines):
        path = players(line, folder / f"path-{number}")
        words = shlex.split(line.words.replace("{tmp}", str(folder)))
        asked.append({"arguments": words, "environment": {"PATH": str(path), "XDG_DATA_HOME": str(folder)}})
    command = [sys.executable, "-m", "tests.cli.driver", *(["bare"] if is_bare else [])]
    done = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True, check=True)
    return Answers(is_bare, folder, dict(zip((line.name for line in lines), json.loads(done.stdout), strict=True)))


def players(line: Line, path: Path) -> Path:
    """A folder of programs: the players of ``line``, and what speech needs, where the machine has it."""
    path.mkdir()
    for program in ("espeak-ng", "ffmpeg", "sh", "cat"):
        if found := shutil.which(program):
            (path / program).symlink_to(found)
    for name, does in line.players.items():
        (path / name).write_text(f"#!/bin/sh\n{PLAYERS[does]}\n")
        (path / name).chmod(0o755)
    return path


@pytest.mark.parametrize("line", [*EVERYWHERE, *WITH_EXTRA], ids=lambda line: line.name)
def test_what_is_said(line: Line, answers: Answers) -> None:
    answer = answers.told[line.name]
    said = answer["err"] or answer["out"]

    assert answer["code"] == line.code, said
    assert re.search((answers.is_bare and line.bare) or line.said, said, re.MULTILINE), said
    assert not re.search(line.never, said), said
    assert not re.search(NEVER, said), said
    if line.code:
        assert (said.count("\n"), answer["out"]) == (1, ""), said


async def _sound(pieces: int = 40) -> AsyncGenerator[say._Piece, None]:
    """More than a pipe holds."""
    for number in range(pieces):
        await asyncio.sleep(0)
        yield say._Piece(wav_header(UNKNOWN_LENGTH) if not number else bytes(8_192), b"", RequestStats())


@pytest.mark.parametrize("player", [player[0] for player in say._PLAYERS])
@pytest.mark.parametrize(
    ("does", "why"),
    [
        ("plays", ""),
        ("warns", ""),
        ("fails", "audio open error: No such file or directory"),
        ("fails silently", "exit code 3"),
        ("closes early", "no sound server"),
        ("closes early, well", "it ended before the sound did"),
        ("complains and returns 0", "SDL_OpenAudio: no device"),
    ],
)
async def test_whether_it_was_heard_is_known_of_every_player(
    player: str, does: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line("say Hello.", 0, "", players={player: does})
    monkeypatch.setenv("PATH", str(players(line, tmp_path / "path")))
    if not why:
        assert (await say._play(_sound()))[0] == player
        return

    with pytest.raises(SpeechError) as refused:
        await say._play(_sound())
    assert str(refused.value) == f"No sound could be played here ({player}: {why}). Write a file: -o hello.wav"


def test_a_file_holds_what_its_name_says(answers: Answers) -> None:
    heads = {"done.wav": b"RIFF", "a.mp3": b"\xff\xf3", "a.flac": b"fLaC", "a.ogg": b"OggS"}

    assert {name: (answers.folder / name).read_bytes()[: len(head)] for name, head in heads.items()} == heads
    assert not (answers.folder / "none.wav").exists()
    assert not (answers.folder / "a.xyz").exists()


def test_every_flag_of_another_server_leads_to_flags_that_exist() -> None:
    flags, top = build().flags(), build()
    ours = {flag for parser in (top, *mistakes.commands_of(top).values()) for flag in parser._option_string_actions}
    for name, foreign in mistakes.FOREIGN.items():
        shown = re.findall(r"--[a-z][\w.-]*", foreign.here)
        assert set(shown) <= flags, name
        assert f"--{name}" not in ours, f"--{name} is ours by now"
    for setting in mistakes._AS_SETTING.values():
        assert set(re.findall(r"--[a-z][\w.-]*", setting)) <= flags
    assert set(mistakes.SYNONYMS.values()) <= {*mistakes.commands_of(build()), "--help", "--version"}


COMPLETED = [
    ("healthc", "healthcheck"),
    ("say --sentence-p", "--sentence-pause"),
    ("--engine.kind q", "qwen3"),
    ("--engine.kind=q", "--engine.kind=qwen3"),
    ("--engine.kind auto healthc", "healthcheck"),
    ("voices rem", "remove"),
    ("completion z", "zsh"),
    ("--zeroconf of", "off"),
    ("say --output on", "only"),
]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_tab_completes_commands_flags_values_and_files(shell: str, tmp_path: Path) -> None:
    """In the shell itself, at a prompt; each of these has one end."""
    (tmp_path / "only").touch()
    with Prompt(shell, tmp_path) as prompt:
        for begun, done in COMPLETED:
            words = ["wyoming-qwen3tts", *begun.split()]
            assert prompt.completed(" ".join(words)).split() == [*words[:-1], done], begun


def test_zsh_completes_what_it_finds_in_a_folder_of_functions_with_the_first_tab(tmp_path: Path) -> None:
    with Prompt("zsh", tmp_path, load="fpath=({folder} $fpath)\nautoload -U compinit && compinit -u -D") as prompt:
        assert prompt.completed("wyoming-qwen3tts healthc").split() == ["wyoming-qwen3tts", "healthcheck"]


def test_what_may_follow_is_all_offered(tmp_path: Path) -> None:
    with Prompt("fish", tmp_path) as prompt:
        offered = {line.split("\t")[0] for line in prompt.offered("wyoming-qwen3tts say --vo")}
        commands = {line.split("\t")[0] for line in prompt.offered("wyoming-qwen3tts ")}

    assert {"--voice", "--voices.cloning", "--volume"} <= offered
    assert set(mistakes.commands_of(build())) <= commands


def test_every_ending_is_in_the_help() -> None:
    shown = driver.told(["say", "--help"], {})["out"]

    assert all(ending in shown for ending in ENDINGS)
