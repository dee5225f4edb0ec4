"""``bench --playback``: whoever plays a reply in real time hears no hole, and sees what that costs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import virtual_time
from wyoming_qwen3tts.__main__ import main
from wyoming_qwen3tts.cli.bench import playback
from wyoming_qwen3tts.settings import EngineSettings, Settings
from wyoming_qwen3tts.speech.audio_format import FORMAT

PROMISED = [(0.9, 12.0), (1.15, 12.0), (1.15, 40.0), (1.3, 20.0), (1.5, 3.0), (1.5, 8.0), (1.5, 12.0)]


def played(rtf: float, seconds: float, head_start_s: float = 6.0) -> dict[str, Any]:
    settings = Settings(engine=EngineSettings(head_start_s=head_start_s))
    result = virtual_time.run(playback.playback(settings, [(rtf, seconds)]))
    (run,) = result["runs"]
    return run  # type: ignore[no-any-return]


@pytest.mark.parametrize(("rtf", "seconds"), PROMISED)
def test_no_underrun_where_the_wait_is_allowed(rtf: float, seconds: float) -> None:
    run = played(rtf, seconds)

    assert run["spoken_by"] == "natural"
    assert run["speech_s"] == pytest.approx(seconds, abs=0.5)
    assert (run["underruns"], run["dry_s"]) == (0, 0)
    assert run["first_sound_s"] < 6 + 0.5 + 1


@pytest.mark.parametrize(("rtf", "seconds"), [case for case in PROMISED if case[0] > 1])
def test_the_same_begun_at_once_has_holes_and_the_wait_costs_what_they_come_to(rtf: float, seconds: float) -> None:
    run = played(rtf, seconds)

    assert run["at_once"]["underruns"] > 0
    assert run["at_once"]["dry_s"] == pytest.approx(seconds * (rtf - 1), rel=0.3, abs=0.4)
    assert run["wait_costs_s"] == pytest.approx(run["first_sound_s"] - run["at_once"]["first_sound_s"], abs=0.02)
    assert run["at_once"]["dry_s"] - 0.5 < run["wait_costs_s"] < 2 * run["at_once"]["dry_s"] + 1


def test_what_would_wait_too_long_is_spoken_by_the_builtin_voice() -> None:
    run = played(1.5, 20.0)

    assert run["spoken_by"] == "builtin"
    assert run["underruns"] == 0
    assert run["first_sound_s"] < 1


def test_the_setting_decides() -> None:
    assert played(1.5, 8.0, head_start_s=1.0)["spoken_by"] == "builtin"
    assert played(1.5, 20.0, head_start_s=12.0)["spoken_by"] == "natural"


def test_a_listener_counts_holes_behind_the_first_sound_only() -> None:
    listener = playback.Listener(began=0.0)
    listener.hear(FORMAT.silence(0.5), 1.0)
    listener.hear(b"\1\0" * 24_000, 3.0)  # silence had run out: no hole in the speech
    assert (listener.underruns, listener.sound_at) == (0, 3.0)
    listener.hear(b"\1\0" * 24_000, 4.5)
    assert (listener.underruns, listener.dry_s) == (1, 0.5)


def test_the_command_prints_every_case(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("asyncio.run", virtual_time.run)

    assert main(["bench", "--playback"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(playback.CASES)
    assert "held back up to 6 s" in lines[0]
    assert "underruns" in lines[1]
    assert "builtin" in lines[-1]

    assert main(["bench", "--playback", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert set(result) == {"engine", "head_start_s", "runs"}
    assert all(run["underruns"] == 0 for run in result["runs"])
