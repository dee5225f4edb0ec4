"""The command line, as a person uses it."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.faults.test_process import COMMAND, running
from wyoming_qwen3tts import __version__
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.mistakes import commands_of
from wyoming_qwen3tts.cli.parser import build
from wyoming_qwen3tts.settings import walk
from wyoming_qwen3tts.settings.reference import MOST_USED
from wyoming_qwen3tts.settings.sources import flag


def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*COMMAND, *arguments], input=stdin, capture_output=True, timeout=60, check=False)


def read_wav(data: bytes) -> tuple[tuple[int, int, int], float]:
    with wave.open(io.BytesIO(data)) as wav:
        form = (wav.getframerate(), wav.getsampwidth(), wav.getnchannels())
        return form, len(wav.readframes(wav.getnframes())) / 48_000


def test_say_writes_a_wav_of_true_length(tmp_path: Path) -> None:
    file = tmp_path / "hello.wav"

    assert main(["say", "Hello from the kitchen.", "-o", str(file), "--zeroconf", "off"]) == 0

    form, seconds = read_wav(file.read_bytes())
    assert form == (24_000, 2, 1)
    assert 0.8 < seconds < 4
    assert file.stat().st_size == 44 + round(seconds * 48_000)


def test_say_writes_to_standard_output_what_it_reads_from_standard_input() -> None:
    done = run("say", "-", "-o", "-", "--language", "de", stdin="Die Tür ist offen. Das Fenster auch.".encode())

    assert done.returncode == 0
    assert done.stderr == b""
    assert read_wav(done.stdout)[1] > 1.5


def test_say_with_an_unknown_voice_leaves_no_file_and_names_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.wav"

    assert main(["say", "Hello.", "--voice", "builtin-eng", "-o", str(file)]) == 1

    assert "builtin-en" in capsys.readouterr().err
    assert not file.exists()


def test_say_into_a_folder_that_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["say", "Hello.", "-o", "/nowhere/x.wav"]) == 1

    assert "/nowhere/x.wav: No such file or directory" in capsys.readouterr().err


def test_say_plays_through_the_first_player_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = tmp_path / "played.wav"
    player = tmp_path / "aplay"
    player.write_text(f"#!/bin/sh\ncat > {played}\n")
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr("wyoming_qwen3tts.cli.say._PLAYERS", (("no-such-player",), ("aplay", "-q", "-")))

    assert main(["say", "Hello."]) == 0

    assert played.stat().st_size > 20_000


def test_say_without_a_player_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.cli.say._PLAYERS", (("no-such-player",),))

    assert main(["say", "Hello."]) == 1
    assert "-o hello.wav" in capsys.readouterr().err


def test_voices_lists_ten_built_in_voices(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["voices", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert main(["voices"]) == 0

    assert {row["name"] for row in rows} >= {
        f"builtin-{c}" for c in ["de", "en", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh"]
    }
    assert len(capsys.readouterr().out.splitlines()) == len(rows)


def test_spoken_prints_the_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spoken", "The light is on. The door is open.", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"spoken", "language", "voice", "segments", "changes"}
    assert (answer["language"], answer["voice"]) == ("en", "builtin-en")
    assert answer["segments"] == ["The light is on.", "The door is open."]


def test_spoken_answers_line_by_line_errors_included() -> None:
    lines: list[Any] = [
        {"text": "Hello."},
        {"pieces": ["Guten ", "Tag."], "language": "de-AT"},
        {"text": 7},
        [],
        {"text": "x", "language": "nl"},
    ]
    stdin = "\n".join([*map(json.dumps, lines), "not json"]).encode()

    done = run("spoken", "-", "--json", stdin=stdin)
    answers = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 0
    assert answers[0]["spoken"] == "Hello."
    assert (answers[1]["spoken"], answers[1]["language"]) == ("Guten Tag.", "de")
    assert [set(answer) for answer in answers[2:]] == [{"error"}] * 4


async def test_healthcheck_knows_ours_from_a_stranger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(log=tmp_path / "log") as (_, address):
        healthy = run("healthcheck", "--wyoming.uri", str(address))
    gone = run("healthcheck", "--wyoming.uri", str(address))

    assert (healthy.returncode, gone.returncode) == (0, 1)
    assert b"not healthy" in gone.stderr


async def test_bench_measures_servers_and_compares_them(tmp_path: Path) -> None:
    async with running(log=tmp_path / "a") as (_, first), running(log=tmp_path / "b") as (_, second):
        flags = ("bench", "--wyoming", f"{first},{second}", "--rounds", "1", "--streams", "1")
        result = json.loads(run(*flags, "--json").stdout)
        text = run(*flags).stdout.decode()

    assert [run["streams"] for run in result["runs"]] == [1, 1]
    for row in result["runs"]:
        assert set(row) >= {"engine", "streams", "ttfa_ms", "ms_per_frame", "stages_ms", "rtf", "memory_mb"}
        assert 0 < row["ttfa_ms"] < 10_000
        assert 0 < row["rtf"] < 1
    assert text.count("ratio") > 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--wyoming tcp://"),
        (["--wyoming", "nonsense"], "must look like"),
        (["--wyoming", "tcp://127.0.0.1:9"], "could not be reached"),
        (["--wyoming", "tcp://127.0.0.1:9", "--streams", "x"], "--streams"),
        (["--wyoming", "tcp://127.0.0.1:9", "--rounds", "0"], "--rounds"),
    ],
)
def test_bench_says_what_it_needs(flags: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *flags]) == 1
    assert message in capsys.readouterr().err


def test_every_setting_works_before_and_after_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for place in (
        ["--voices.language", "de", "spoken", "21", "--json"],
        ["spoken", "21", "--json", "--voices.language", "de"],
    ):
        assert main(place) == 0
        assert json.loads(capsys.readouterr().out)["voice"] == "builtin-de"


def shown(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_code:
        main(words)

    assert exit_code.value.code == 0
    return capsys.readouterr().out


def test_help_names_the_most_used_settings_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown("--help", capsys=capsys)

    settings = set(re.findall(r"^  (--[a-z][\w.-]*)", text, re.MULTILINE))
    assert settings == {flag(name) for name in MOST_USED} | {"--config", "--version"}
    assert all(f"\n    {command}" in text for command in commands_of(build()))
    assert len(text.splitlines()) <= 100


def test_help_all_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    everything = shown("--help", "all", capsys=capsys)
    of_say = shown("say", "--help", "all", capsys=capsys)

    assert all(flag(name) in everything and flag(name) in of_say for name, _ in walk())


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])

    assert capsys.readouterr().out.strip() == f"wyoming-qwen3tts {__version__}"


def test_help_and_the_server_start_without_the_voice_and_without_torch() -> None:
    """Start to first `describe` is a promise: what takes long is imported when it is needed."""
    late = ("onnxruntime", "hibari", "torch", "py3langid")
    script = f"import sys; import wyoming_qwen3tts.__main__; print([m for m in {late} if m in sys.modules])"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
