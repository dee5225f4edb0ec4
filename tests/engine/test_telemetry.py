"""A voice for the home tells nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_built_in_voice_leaves_no_trace_in_the_home_directory(tmp_path: Path) -> None:
    """onnxruntime 1.29 and later keep a device id and reports there, unless told not to before they are loaded."""
    where = "wyoming_qwen3tts.engine.builtin.hibari"
    script = f"import asyncio; from {where} import HibariVoice as H; v = H(1); asyncio.run(v.load())"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ORT_", "XDG_", "CI", "PYTEST"))}

    subprocess.run([sys.executable, "-c", script], env=environment | {"HOME": str(tmp_path)}, check=True, timeout=60)

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
