"""``config/live-text-client.py``: sound while the text is still being written, and a word for what is missing."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.servers.http.web import web
from wyoming_qwen3tts.settings import Settings
from wyoming_qwen3tts.speech.audio_format import FORMAT

CLIENT = ROOT / "config" / "live-text-client.py"


async def test_the_client_in_config_speaks_what_is_typed_while_it_is_typed() -> None:
    """No line has to be complete, and sound comes before the text has ended."""
    async with web() as it:
        process = await client(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream")
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"The first sentence. And the")
        head = await process.stdout.readexactly(44 + FORMAT.frame_bytes)
        assert not process.stdin.is_closing()
        rest, complaint = await process.communicate(b" second one.")
        wav = head + rest

        assert (process.returncode, complaint) == (0, b"")
        assert wav[:4] == b"RIFF"
        spoken = [words for _, segments in it.engine.requests for words in segments]
        assert spoken == ["The first sentence.", "And the second one."]
        assert len(wav) == 44 + 8 * FORMAT.frame_bytes


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--url", "ws://127.0.0.1:9"], "cannot be used: Connection refused. Start the server, or say where"),
        (["--url", "nonsense"], "cannot be used: "),
        (["--url", "{web}", "--voice", "nobody"], "The server says: "),
    ],
)
async def test_the_client_in_config_says_in_one_line_what_is_missing(flags: list[str], told: str) -> None:
    async with web() as it:
        url = f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream"
        process = await client(*(flag.replace("{web}", url) for flag in flags))
        _, complaint = await process.communicate(b"Hello there.")

    assert process.returncode == 1
    assert told in complaint.decode()
    assert complaint.count(b"\n") == 1


async def test_the_client_in_config_needs_a_key_where_there_are_keys() -> None:
    settings = Settings.model_validate({"http": {"api_keys": ["phone:sesame-open"]}})
    async with web(settings=settings) as it:
        url = f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream"
        without, given = await client(url), await client(url, "--key", "sesame-open")
        (_, complaint), (wav, _) = await without.communicate(b"Hello there."), await given.communicate(b"Hello there.")

    assert (without.returncode, given.returncode) == (1, 0)
    assert b"A key is needed: --key KEY" in complaint
    assert len(wav) > 44


def test_the_client_in_config_has_help_and_a_word_for_a_missing_package() -> None:
    bare = [sys.executable, "-S", str(CLIENT)]  # without what is installed
    told = [subprocess.run([*bare, *flags], capture_output=True, check=False) for flags in (["--help"], [])]

    assert [done.returncode for done in told] == [0, 1]
    assert b"--voice" in told[0].stdout
    assert told[1].stderr == b"The package websockets is missing: pip install websockets\n"


async def client(*flags: str) -> asyncio.subprocess.Process:
    """Running; the first flag may be the address alone."""
    given = flags if flags[0].startswith("-") else ("--url", *flags)
    return await asyncio.create_subprocess_exec(
        sys.executable, str(CLIENT), *given,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
