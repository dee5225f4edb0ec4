"""Clips as phones make them, read by ffmpeg in a child that can do nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.reference.test_reader import RATE, clip
from wyoming_qwen3tts.audio.reference import confined, foreign
from wyoming_qwen3tts.audio.reference.reader import BadClip, decode_clip, readable_endings

FFMPEG = shutil.which("ffmpeg")
needs_ffmpeg = pytest.mark.skipif(FFMPEG is None, reason="ffmpeg is not installed: apt install ffmpeg")
SECONDS = 3
HUM = (0.4 * np.sin(2 * np.pi * 220 * np.arange(SECONDS * RATE) / RATE)).astype(np.float32)
MADE_WITH: dict[str, tuple[str, ...]] = {
    "m4a": ("-c:a", "aac"),
    "mp4": ("-c:a", "aac", "-movflags", "faststart"),
    "mov": ("-c:a", "aac"),
    "mp3": ("-c:a", "libmp3lame"),
    "opus": ("-c:a", "libopus"),
    "webm": ("-c:a", "libopus"),
    "aac": ("-c:a", "aac"),
    "caf": ("-c:a", "pcm_s16le"),
    "aiff": (),
    "wma": (),
}


def encoded(ending: str, folder: Path, *, seconds: int = SECONDS) -> bytes:
    """The hum, as ffmpeg writes such files."""
    assert FFMPEG
    source, made = folder / "hum.wav", folder / f"hum.{ending}"
    source.write_bytes(clip(np.resize(HUM, seconds * RATE)))
    subprocess.run([FFMPEG, "-v", "error", "-y", "-i", source, "-ar", "48000", *MADE_WITH[ending], made], check=True)
    return made.read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize("ending", MADE_WITH)
def test_what_a_phone_records_is_read(ending: str, tmp_path: Path) -> None:
    samples = decode_clip(encoded(ending, tmp_path))

    assert abs(len(samples) / RATE - SECONDS) < 0.15
    middle = samples[RATE : 2 * RATE]
    loudest = np.argmax(np.abs(np.fft.rfft(middle)))
    assert abs(loudest - 220) <= 1, "it hums at another pitch"
    assert 0.3 < np.abs(middle).max() < 0.5


@needs_ffmpeg
def test_an_index_behind_the_sound_is_moved_before_it(tmp_path: Path) -> None:
    recorded = encoded("m4a", tmp_path)
    assert recorded.index(b"mdat") < recorded.index(b"moov")

    moved = foreign.with_index_first(recorded)

    assert moved.index(b"moov") < moved.index(b"mdat")
    assert len(moved) == len(recorded)
    assert foreign.with_index_first(moved) == moved


@given(st.binary(max_size=400), st.integers(0, 300))
@settings(max_examples=200, deadline=None)
def test_whatever_follows_ftyp_the_boxes_are_read_without_a_fault(noise: bytes, at: int) -> None:
    boxes = b"\0\0\0\x10ftypM4A \0\0\0\0" + b"\0\0\0\x0cmdatabcd" + b"\0\0\0\x20moov\0\0\0\x18stco" + bytes(16)
    broken = boxes[:at] + noise + boxes[at:]

    assert len(foreign.with_index_first(broken)) == len(broken)


@needs_ffmpeg
def test_a_clip_that_is_too_long_is_refused_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadClip, match="longer than 60 s"):
        decode_clip(encoded("mp3", tmp_path, seconds=75))


HOSTILE = {
    "a playlist": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n",
    "a list to join": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "an SDP": b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
    "a playlist that calls itself MP3": b"ID3\n#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.mp3\n",
    "a playlist that calls itself M4A": b"\0\0\0\x08ftyp#EXTM3U\nhttp://127.0.0.1:9/x.mp3\n",
    "an empty MP3": b"ID3" + bytes(3_000),
    "an empty M4A": b"\0\0\0\x18ftypM4A " + bytes(2_000),
    "an Ogg of nothing": b"OggS" + bytes(500),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(500),
}


@needs_ffmpeg
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_no_sound_is_refused_in_one_line(hostile: bytes) -> None:
    with pytest.raises(BadClip, match=r"no sound file|damaged") as refusal:
        decode_clip(hostile)

    assert "\n" not in str(refusal.value)


@needs_ffmpeg
def test_a_damaged_clip_is_decoded_or_refused_and_nothing_else(tmp_path: Path) -> None:
    whole, random = encoded("m4a", tmp_path), np.random.default_rng(5)
    for _ in range(6):
        broken = bytearray(whole)
        for at in random.integers(20, len(whole), 40):
            broken[at] = random.integers(256)
        try:
            samples = decode_clip(bytes(broken[: random.integers(100, len(whole))]))
        except BadClip:
            continue
        assert np.isfinite(samples).all()


def test_without_ffmpeg_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)

    with pytest.raises(BadClip, match=r"The clip is MP3, which only ffmpeg reads.* install it, or send WAV or FLAC"):
        decode_clip(clip(form="MP3"))
    assert readable_endings() == (".wav", ".flac")


def ffmpeg_is(body: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    program = folder / "ffmpeg"
    program.write_text(f"#!{sys.executable} -S\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(program))


def test_ffmpeg_gets_limits_and_neither_our_environment_nor_an_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "secret-word")
    report = "import json, os, resource, sys; sys.stdout.write(json.dumps([dict(os.environ), sys.argv, "
    report += "[resource.getrlimit(getattr(resource, f'RLIMIT_{name}'))[1] for name in "
    report += "('AS', 'CPU', 'FSIZE', 'CORE', 'NOFILE')]]))"
    ffmpeg_is(report, monkeypatch, tmp_path)

    said = foreign._run(str(tmp_path / "ffmpeg"), b"clip", foreign.MP3, 10.0)
    environment, arguments, limits = json.loads(said.stdout)

    assert "secret-word" not in environment.values()
    assert not {"PATH", "HOME"} & environment.keys()
    assert limits == [confined.MEMORY_BYTES, confined.CPU_S, 0, 0, confined.FILES]
    assert arguments[arguments.index("-protocol_whitelist") + 1] == "pipe"
    assert arguments[arguments.index("-i") + 1] == "pipe:0"
    assert arguments.index("-f") < arguments.index("-i"), "what it is must not be guessed"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import time; time.sleep(60)", "too long to decode"),
        ("import sys\nwhile True: sys.stdout.write('x' * 65536)", "made to harm|too long"),
        ("raise SystemExit(1)", "damaged, or no MP3"),
        ("import os; os.kill(os.getpid(), 11)", "damaged, or no MP3"),
        ("", "damaged, or no MP3"),
    ],
)
def test_whatever_ffmpeg_does_the_clip_is_bad_and_we_live(
    body: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ffmpeg_is(body, monkeypatch, tmp_path)

    with pytest.raises(BadClip, match=why):
        decode_clip(clip(form="MP3"), timeout_s=3.0)
