"""The command `announce`: a real server is asked, and the exit code tells."""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.test_process import COMMAND, running
from tests.harness import free_port, until
from tests.homeassistant.fake import TOKEN, fake_home
from wyoming_qwen3tts.cli import announce as command
from wyoming_qwen3tts.cli.announce import announce
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.settings import Settings

_OPEN = re.compile(r"Page: http://127\.0\.0\.1:(\d+)")


async def asked(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "announce", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, error = await process.communicate()
    assert b"Traceback" not in error, error.decode()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


@asynccontextmanager
async def server(folder: Path, *flags: str) -> AsyncIterator[str]:
    """Where the web server of a real process listens, as a setting."""
    log = folder / "log"
    async with running("--engine.kind", "builtin", "--data-dir", str(folder / "data"), *flags, log=log) as (process, _):
        await until(lambda: _OPEN.search(log.read_text()), within_s=30)
        said = _OPEN.search(log.read_text())
        assert said is not None
        yield f"tcp://127.0.0.1:{said[1]}"
        process.terminate()
        assert await process.wait() == 0
    assert "Traceback" not in log.read_text()


async def test_a_real_server_without_a_broker_makes_it_heard(tmp_path: Path) -> None:
    async with server(tmp_path, "--http.api-keys", "kitchen:sesame-open") as uri:
        code, said, error = await asked(
            "Dinner is ready.",
            "--http.uri",
            uri,
            "--http.api-keys",
            "kitchen:sesame-open",
            "--chime",
            "--priority",
            "high",
            "--volume",
            "0.5",
        )
        assert (code, error) == (0, "")
        url = said.split()[-1]
        async with httpx.AsyncClient() as client:
            sound = await client.get(url)  # without a key: the address is the secret
        without = await asked("Dinner is ready.", "--http.uri", uri)
        nowhere = await asked(
            "Dinner.", "--target", "light.kitchen", "--http.uri", uri, "--http.api-keys", "sesame-open"
        )
        much = await asked("Dinner.", "--volume", "2", "--http.uri", uri, "--http.api-keys", "sesame-open")

    assert re.fullmatch(r"announced [0-9a-f]{16}, http://127\.0\.0\.1:\d+/announce/\S+\.wav\n", said)
    assert sound.content[:4] == b"RIFF"
    assert without[0] == 1
    assert "A key is needed" in without[2]
    assert nowhere[0] == 1
    assert "no way to the target 'light.kitchen'" in nowhere[2]
    assert much[0] == 1
    assert '"volume"' in much[2]


async def test_players_of_home_assistant_are_reached_and_those_that_are_not_are_named(tmp_path: Path) -> None:
    async with fake_home() as home:
        access = ("--homeassistant.url", home.url, "--homeassistant.token", TOKEN, "--announce.delivery", "url")
        async with server(tmp_path, *access) as uri:
            code, said, error = await asked(
                "Dinner is ready.", "--target", "media_player.kitchen,media_player.nowhere", "--http.uri", uri
            )
            calls = home.called("media_player.play_media")

    assert code == 0
    assert said.startswith("announced ")
    assert "not everywhere: Home Assistant knows no media_player.nowhere" in error
    assert [call["entity_id"] for call in calls] == ["media_player.kitchen"]


async def test_without_a_server_it_says_what_to_do() -> None:
    code, said, error = await asked("Hello.", "--http.uri", f"tcp://127.0.0.1:{free_port()}")
    assert (code, said) == (1, "")
    assert "No server answers at http://127.0.0.1:" in error
    assert "wyoming-qwen3tts serve" in error

    code, _, error = await asked("Hello.", "--http.uri", "off")
    assert code == 1
    assert "http.uri is off" in error


async def test_a_flag_that_is_no_number_is_a_bad_setting() -> None:
    code, _, error = await asked("Hello.", "--volume", "loud")

    assert code == 78
    assert "must be a number" in error


def chosen(text: str = "Hello.") -> argparse.Namespace:
    return argparse.Namespace(text=text, target=None, priority=None, volume=None, chime=None)


@asynccontextmanager
async def somebody(answer: bytes | None) -> AsyncIterator[Settings]:
    """Settings that lead to a program which answers every request with ``answer``; None: with nothing, ever."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield Settings.model_validate({"http": {"uri": f"tcp://127.0.0.1:{port}"}})
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnope", "Another program answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "Another program answers"),
        (b"", "broke off"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "broke off"),
    ],
    ids=["a page", "JSON", "nothing", "SSH"],
)
async def test_a_program_that_is_not_ours_is_named(answer: bytes, said: str) -> None:
    async with somebody(answer) as settings:
        with pytest.raises(SpeechError, match=said):
            await announce(settings, chosen())


async def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_SPARE_S", 0.1)
    async with somebody(None) as settings:
        quick = settings.announce.model_copy(update={"expires_s": 0.1})
        with pytest.raises(SpeechError, match="did not answer in time"):
            await announce(settings.model_copy(update={"announce": quick}), chosen())


async def test_bytes_that_are_no_text_are_sent_as_what_can_be_read_of_them(tmp_path: Path) -> None:
    sent = command._wanted(chosen("Caf\udce9"))

    assert sent == {"text": "Caf?"}
