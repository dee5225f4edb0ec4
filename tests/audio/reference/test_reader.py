"""Clips that strangers upload: what is read, what is refused, and what they may cost."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from wyoming_qwen3tts.audio.reference import decoder
from wyoming_qwen3tts.audio.reference.reader import BadClip, decode_clip, read_clip

RATE = 24000
TONE = (0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)).astype(np.float32)  # 1 s


def clip(samples: NDArray[Any] = TONE, rate: int = RATE, form: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=subtype)
    return file.getvalue()


def patched(whole: bytes, at: int, new: bytes) -> bytes:
    return whole[:at] + new + whole[at + len(new) :]


@pytest.mark.parametrize("form", ["WAV", "WAVEX", "FLAC"])
@pytest.mark.parametrize(("subtype", "error"), [("PCM_16", 2**-15), ("PCM_24", 2**-23)])
def test_a_clip_at_24_khz_is_taken_as_it_is(form: str, subtype: str, error: float) -> None:
    samples = decode_clip(clip(form=form, subtype=subtype))

    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, TONE, atol=error)


def test_float_samples_above_full_scale_are_not_cut() -> None:
    samples = decode_clip(clip(4 * TONE, subtype="FLOAT"))

    np.testing.assert_array_equal(samples, 4 * TONE)


def test_channels_are_averaged() -> None:
    samples = decode_clip(clip(np.stack([TONE, 0 * TONE, 0 * TONE], axis=1), subtype="FLOAT"))

    np.testing.assert_allclose(samples, TONE / 3, atol=1e-6)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000, 192000])
def test_other_rates_become_24_khz(rate: int) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(rate) / rate)).astype(np.float32)

    samples = decode_clip(clip(tone, rate, subtype="FLOAT"))

    assert abs(len(samples) - RATE) <= 1
    inner = slice(1000, RATE - 1000)  # the edges meet the silence around the clip
    np.testing.assert_allclose(samples[inner], TONE[inner], atol=2e-3)


def test_the_longest_clip_at_the_highest_rate_is_still_decoded_in_time() -> None:
    samples = decode_clip(clip(np.zeros(59 * 192000, np.float32), 192000, form="FLAC", subtype="PCM_16"))

    assert len(samples) == 59 * RATE


def not_a_number() -> NDArray[np.float32]:
    broken = TONE.copy()
    broken[5] = np.nan
    return broken


REFUSED: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no sound file that is read here"),
    "text": (b"#!/bin/sh\necho hello\n", "no sound file that is read here"),
    "a RIFF file that is no WAV": (patched(clip(), 8, b"AVI "), "no sound file that is read here"),
    "ADPCM in a WAV": (clip(subtype="IMA_ADPCM"), "IMA ADPCM"),
    "A-law in a WAV": (clip(subtype="ALAW"), "ALAW"),
    "MP3 in a WAV": (patched(clip(), 20, b"\x55\x00"), "damaged|MPEG"),
    "zero seconds": (clip(TONE[:0]), "shorter than 0.1 s"),
    "a click": (clip(TONE[:1000]), "shorter than 0.1 s"),
    "61 s": (clip(np.zeros(61 * RATE, np.float32), form="FLAC"), "longer than 60 s"),
    "nine channels": (clip(np.stack([TONE] * 9, axis=1)), "9 channels"),
    "a rate too low": (clip(rate=4000), "4000 Hz"),
    "a forged rate": (patched(clip(), 24, (2**31 - 1).to_bytes(4, "little")), "2147483647 Hz"),
    "a rate of nothing": (patched(clip(), 24, bytes(4)), "damaged"),
    "not a number": (clip(not_a_number(), subtype="FLOAT"), "not numbers"),
    "infinite": (clip(np.full(RATE, np.inf, np.float32), subtype="FLOAT"), "not numbers"),
    "absurdly loud": (clip(TONE * 1e20, subtype="FLOAT"), "far above full scale"),
    "a bomb": (clip(np.zeros((59 * 96000, 8), np.float32), 96000, form="FLAC"), "64 MiB when decoded"),
    "a FLAC cut short": (clip(form="FLAC")[:8000], "damaged|ends before"),
    "a bare header": (clip()[:44], "shorter than 0.1 s"),
    "half a header": (clip()[:20], "damaged"),
    "11 MiB": (clip() + bytes(11 << 20), "larger than 10 MiB"),
}


@pytest.mark.parametrize(("hostile", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_a_plain_short_clip_is_refused_in_one_line(hostile: bytes, why: str) -> None:
    with pytest.raises(BadClip, match=why) as refusal:
        decode_clip(hostile)

    assert "\n" not in str(refusal.value)


HEADS = {name: case for name, case in REFUSED.items() if "no sound file" not in case[1] and "10 MiB" not in case[1]}


@pytest.mark.parametrize(("hostile", "why"), HEADS.values(), ids=HEADS.keys())
def test_the_decoder_says_itself_what_is_wrong(hostile: bytes, why: str) -> None:
    with pytest.raises(decoder.ClipRefused, match=why):
        decoder.decode(hostile)


def test_a_clip_is_what_its_first_bytes_say_to_the_library_too() -> None:
    with soundfile.SoundFile(io.BytesIO(clip(form="FLAC"))) as file, pytest.raises(decoder.ClipRefused, match="WAV"):
        decoder.check(file, b"RIFF")


def test_the_decoder_takes_another_rate_to_24_khz() -> None:
    assert abs(len(decoder.decode(clip(rate=48000))) - RATE // 2) <= 1


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_a_damaged_clip_is_decoded_or_refused_and_nothing_else(form: str) -> None:
    numbers = np.random.default_rng(1)
    whole = clip(TONE[:4800], form=form)

    for _ in range(8):
        damaged = bytearray(whole)
        for place in numbers.integers(0, 200, 6):
            damaged[4 + place] = numbers.integers(256)
        with contextlib.suppress(BadClip):
            assert np.isfinite(decode_clip(bytes(damaged))).all()


def test_a_file_that_is_not_there_is_a_bad_clip(tmp_path: Path) -> None:
    with pytest.raises(BadClip, match="No such file"):
        read_clip(tmp_path / "missing.wav")


def test_a_file_is_read_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "voice.mp3"
    file.write_bytes(clip(form="FLAC"))

    assert len(read_clip(file)) == RATE


def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str) -> None:
    """Let another program stand in for the decoder: one that a hostile clip has taken over."""
    script = tmp_path / "child.py"
    script.write_text(program)
    monkeypatch.setattr(decoder, "__file__", str(script))


def test_the_child_sees_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "hunter2")
    child(monkeypatch, tmp_path, "import json, os; print(json.dumps({'refused': str(sorted(os.environ))}))")

    with pytest.raises(BadClip, match="OMP_NUM_THREADS") as told:
        decode_clip(clip())

    assert "SUPERVISOR_TOKEN" not in str(told.value)


HOSTILE = {
    "crashes": ("import os; os.abort()", "could not be decoded"),
    "is silent": ("", "could not be decoded"),
    "raves": ("print('{')", "could not be decoded"),
    "promises more than it gives": ("print('{\"samples\": 7}')", "could not be decoded"),
    "gives what is not a number": (
        "import sys; sys.stdout.buffer.write(b'{\"samples\": 1}\\n' + b'\\xff' * 4)",
        "could not be decoded",
    ),
    "never stops talking": ("while True: print('x' * 100000)", "could not be decoded"),
    "answers with something else": ("print('[]')", "could not be decoded"),
}


@pytest.mark.parametrize(("program", "why"), HOSTILE.values(), ids=HOSTILE.keys())
def test_whatever_the_child_does_the_clip_is_bad_and_we_live(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, why: str
) -> None:
    child(monkeypatch, tmp_path, program)

    with pytest.raises(BadClip, match=why):
        decode_clip(clip())


def test_a_child_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child(monkeypatch, tmp_path, "import signal; signal.pause()")

    with pytest.raises(BadClip, match="too long"):
        decode_clip(clip(), timeout_s=0.2)


WISHES = {
    "open a file": "open('/etc/hostname')",
    "open a socket": "import socket; socket.socket()",
    "take 600 MiB": "bytearray(600 << 20)",
    "take its rights back": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "fill the disk": "import sys; sys.stdout.buffer.write(bytes(9 << 20)); sys.stdout.flush()",
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES.keys())
def test_the_child_gives_up_its_rights(wish: str, tmp_path: Path) -> None:
    prepare = "import socket; from wyoming_qwen3tts.audio.reference import decoder\n"

    def run(shut: str) -> int:
        with (tmp_path / "out").open("wb") as out:
            program = [sys.executable, "-c", prepare + shut + wish]
            path = os.pathsep.join(sys.path)
            return subprocess.run(
                program, stdout=out, stderr=subprocess.DEVNULL, check=False, env={"PYTHONPATH": path}
            ).returncode

    allowed = run("")
    refused = run("decoder.give_up_rights()\n")

    assert refused != 0
    assert allowed == 0 or "setrlimit" in wish
