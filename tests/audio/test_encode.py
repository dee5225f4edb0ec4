"""Every format, in pieces: what comes out is the speech, from the first frame on."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import signal
import subprocess
import time
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wyoming_qwen3tts.audio import encode
from wyoming_qwen3tts.audio.encode import Format, encoder
from wyoming_qwen3tts.audio.pcm import from_pcm
from wyoming_qwen3tts.audio.wav import wav_header
from wyoming_qwen3tts.errors import BadRequest, EngineError
from wyoming_qwen3tts.speech.audio_format import FORMAT

_RATE = FORMAT.rate
_TIME = np.arange(2 * _RATE) / _RATE
#: Two seconds that rise in pitch and fall in loudness, so that a shift or a gap would show.
SPEECH = (np.sin(2 * np.pi * (200 + 150 * _TIME) * _TIME) * (9000 - 3000 * _TIME)).astype("<i2").tobytes()
CODED: list[Format] = ["mp3", "opus", "aac", "flac"]


async def encoded(form: Format, pcm: bytes = SPEECH) -> list[bytes]:
    """The pieces that come out, one for each frame that goes in, and the rest."""
    async with aclosing(encoder(form)) as encoding:
        size = FORMAT.frame_bytes
        pieces = [await encoding.add(pcm[start : start + size]) for start in range(0, len(pcm), size)]
        return [*pieces, await encoding.finish()]


def decoded(form: Format, data: bytes) -> np.ndarray:
    """By another program than made it, where there is one."""
    if form == "mp3":
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
        assert rate == _RATE
        return np.asarray(samples)
    done = subprocess.run(
        ["ffmpeg", "-v", "error", "-i", "pipe:0", "-f", "s16le", "-ar", str(_RATE), "-ac", "1", "pipe:1"],
        input=data, capture_output=True, check=True,
    )  # fmt: skip
    return from_pcm(done.stdout)


def test_pcm_is_left_alone_and_wav_has_a_header_before_it() -> None:
    async def both() -> tuple[list[bytes], list[bytes]]:
        return await encoded("pcm"), await encoded("wav")

    pcm, wav = asyncio.run(both())

    assert b"".join(pcm) == SPEECH
    assert b"".join(wav)[44:] == SPEECH
    assert b"".join(wav)[:4] == wav_header(0)[:4]


@pytest.mark.parametrize("form", CODED)
async def test_what_is_decoded_is_what_was_spoken(form: Format) -> None:
    heard = decoded(form, b"".join(await encoded(form)))

    spoken = from_pcm(SPEECH)
    assert abs(len(heard) - len(spoken)) < 0.15 * _RATE  # coders pad
    lag = int(np.argmax(np.correlate(heard[: _RATE // 2], spoken[: _RATE // 4], "valid")))
    length = min(len(spoken), len(heard) - lag) - _RATE // 10
    likeness = np.corrcoef(heard[lag : lag + length], spoken[:length])[0, 1]
    assert likeness > 0.97


@pytest.mark.parametrize("form", ["mp3", "opus"])
async def test_the_first_frame_can_be_heard_before_the_second_is_there(form: Format) -> None:
    async with aclosing(encoder(form)) as encoding:
        first = await encoding.add(SPEECH[: FORMAT.frame_bytes])

    assert len(decoded(form, first)) > 0


@pytest.mark.parametrize("form", ["mp3", "opus"])
async def test_sound_comes_out_at_least_every_hundred_and_sixty_milliseconds(form: Format) -> None:
    pieces = await encoded(form)

    assert all(pieces[index] or pieces[index + 1] for index in range(len(pieces) - 1))


@pytest.mark.parametrize("form", CODED)
async def test_an_encoder_that_was_given_nothing_ends_all_the_same(form: Format) -> None:
    async with aclosing(encoder(form)) as encoding:
        await encoding.finish()


@pytest.mark.parametrize("form", CODED)
async def test_an_encoder_that_is_given_up_in_the_middle_leaves_nothing(form: Format) -> None:
    encoding = encoder(form)
    adding = asyncio.ensure_future(encoding.add(SPEECH))
    await asyncio.sleep(0)
    adding.cancel()
    await asyncio.gather(adding, return_exceptions=True)

    await encoding.aclose()
    await encoding.aclose()


async def test_ffmpeg_leaves_no_zombie_when_it_is_killed() -> None:
    """F52."""
    encoding = encode.Aac()
    await encoding.add(SPEECH)
    assert encoding._child is not None
    number = encoding._child.pid

    await encoding.aclose()

    assert not Path(f"/proc/{number}").exists()  # noqa: ASYNC240  no disk behind it


async def test_an_ffmpeg_that_dies_is_an_error_and_not_the_end_of_the_speech() -> None:
    encoding = encode.Aac()
    await encoding.add(SPEECH)
    assert encoding._child is not None
    os.kill(encoding._child.pid, signal.SIGKILL)

    with pytest.raises(EngineError, match="ffmpeg failed: exit code -9"):
        await encoding.finish()
    await encoding.aclose()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("exec yes", "ffmpeg (has taken no|ended before)"),
        ("exec sleep 60", "has taken no speech for 0.3 s"),
        ("exec <&-; sleep 60", "ended before the speech did"),
        ("cat >/dev/null; sleep 60", "did not end within 0.3 s"),
        ("cat >/dev/null; echo oops >&2; exit 1", "ffmpeg failed: oops"),
    ],
)
async def test_an_ffmpeg_that_does_anything_else_is_an_error_soon_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    encoding = encode.Aac(timeout_s=0.3)

    async def encoded() -> None:
        for _ in range(3):
            await encoding.add(SPEECH)
        await encoding.finish()

    with pytest.raises(EngineError, match=message):
        await encoded()
    number = encoding._child and encoding._child.pid
    await encoding.aclose()

    assert not Path(f"/proc/{number}").exists()  # noqa: ASYNC240  no disk behind it


async def test_without_ffmpeg_aac_is_refused_by_name_and_the_others_are_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)

    with pytest.raises(BadRequest, match="mp3, opus, flac, wav or pcm") as caught:
        encoder("aac")

    assert caught.value.field == "response_format"


@pytest.mark.timing
async def test_mp3_may_be_made_in_the_event_loop() -> None:
    """A frame is 80 ms of sound; a fiftieth of that is no burden."""
    encoding = encoder("mp3")
    began = time.perf_counter()
    for start in range(0, len(SPEECH), FORMAT.frame_bytes):
        await encoding.add(SPEECH[start : start + FORMAT.frame_bytes])

    assert (time.perf_counter() - began) / (len(SPEECH) / FORMAT.frame_bytes) < 0.004
