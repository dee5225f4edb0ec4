"""F36, P11: what lies in the data folder stops nothing, not even a named pipe. The real process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.test_process import ended, reachable, running
from wyoming_qwen3tts.servers.wyoming.client import connect

PLACES = (
    "lexicon/en.txt", "lexicon/all.txt", "voices.yaml", "voice-levels.json", "voices/anna.voice", "phrases/x.phrase",
    "voice_consents/cons_000000000000000000000000.json", "announce-voice.txt", "phrases.txt",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["pipe", "folder", "link to nowhere", "link to /dev/zero"])
async def test_what_is_no_file_where_one_is_expected_stops_nothing(tmp_path: Path, kind: str) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    for place in PLACES:
        path = home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case _:
                path.symlink_to("/dev/zero" if "zero" in kind else "/nowhere")
    flags = ["--data-dir", str(home), "--cache.prerender", str(home / "phrases.txt"), "--voices.cloning", "on"]
    async with running(*flags, log=log) as (process, address), reachable(log) as web:
        async with connect(address) as client:
            assert (await client.speak("It speaks all the same.")).audio_s > 0
        assert (await web.get("/v1/audio/spoken", params={"text": "And says what it would say."})).status_code == 200
        assert (await web.get("/v1/audio/voices")).status_code == 200
        process.terminate()
        assert await ended(process, 8) == 0
    assert "Traceback" not in log.read_text()
