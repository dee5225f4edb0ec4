"""schemathesis against our own description: whatever it sends, the answer is one that we announce."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.openai_http.studio import FakeStudio
from tests.openai_http.web import web
from wyoming_qwen3tts.settings import Http, Settings, Voices

EXAMPLES = 6  # of each operation
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    keys: Any = ("fuzzer:secret",)
    settings = Settings(voices=Voices(cloning=True), http=Http(api_keys=keys), data_dir=tmp_path)
    async with web(settings=settings, studio=FakeStudio()) as it:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{it.url}/openapi.json",
            "--header", "Authorization: Bearer secret", "--checks", CHECKS, "--phases", "examples,coverage,fuzzing",
            "--max-examples", str(EXAMPLES), "--exclude-path", "/v1/live", "--seed", "7", "--generation-deterministic",
            "--no-color", "--suppress-health-check", "all", "--request-timeout", "5", "--mode", "all",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=os.environ | {"COLUMNS": "160"},
        )
        said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()[-6000:]
