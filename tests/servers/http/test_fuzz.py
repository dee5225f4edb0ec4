"""schemathesis against our own description: whatever it sends, the answer is one that we announce."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.servers.http.studio import FakeStudio
from tests.servers.http.web import web
from wyoming_qwen3tts.settings import Http, Settings, Voices

EXAMPLES = 6  # of each operation
#: Every check, but for two. A schema cannot say which languages, voices and clips there are: those are refused though
#: they fit it. And an uploaded file is bytes, whatever they spell: a JSON object in it breaks no schema.
CONFIG = """
[checks]
positive_data_acceptance.enabled = false
[[operations]]
include-path = "/v1/audio/voices/check"
[operations.checks]
negative_data_rejection.enabled = false
"""


async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    keys: Any = ("fuzzer:secret-word",)
    settings = Settings(voices=Voices(cloning=True), http=Http(api_keys=keys), data_dir=tmp_path)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    async with web(settings=settings, studio=FakeStudio()) as it:
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{it.url}/openapi.json"),
            *("--header", "Authorization: Bearer secret-word", "--exclude-path", "/v1/live", "--mode", "all"),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-time", "14", "--max-examples", str(EXAMPLES), "--seed", "7", "--generation-deterministic"),
            *("--no-color", "--suppress-health-check", "all", "--request-timeout", "5"),
        ]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "160"},
        )
        said, _ = await process.communicate()

    report = said.decode()
    assert process.returncode == 0, report[-6000:]
    found = re.search(r"Tested: (\d+)", report)
    assert found, report
    assert int(found[1]) >= 20
