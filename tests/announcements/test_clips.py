"""Clips: they can be fetched while they grow, by whoever knows their name, for a while."""

from __future__ import annotations

import asyncio
import gc
import io
import re
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import numpy as np
import pytest
import soundfile

from tests.harness import TONE, until
from tests.servers.http.web import web as guarded
from tests.servers.mqtt.house import web
from wyoming_qwen3tts.announcements.clips import Clip, ClipStore
from wyoming_qwen3tts.audio.encode import FileFormat, sync_encoder
from wyoming_qwen3tts.errors import Busy, TextTooLong
from wyoming_qwen3tts.servers.http.routers.clips import routes as clip_routes


async def test_a_page_of_any_site_may_have_a_clip_and_nothing_else() -> None:
    """A Cast receiver is a web page."""
    page = {"Origin": "https://receiver.example"}
    async with (
        ClipStore(limit_bytes=1 << 20, lifetime_s=60) as store,
        guarded(routers=[clip_routes(store)]) as door,
    ):
        client, clip = door.client, store.open("wav")
        clip.add(TONE)
        clip.finish()
        store.keep(clip)
        path = f"/announce/{clip.name}"
        whole, headed = await client.get(path, headers=page), await client.head(path, headers=page)
        part = await client.get(path, headers={**page, "Range": "bytes=0-9"})
        asked = {**page, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "range"}
        first = await client.options(path, headers=asked)
        missing = await client.get("/announce/nothing.wav", headers=page)
        other = await client.get("/health/live", headers=page)

    assert [whole.status_code, headed.status_code, part.status_code, first.status_code] == [200, 200, 206, 204]
    assert missing.status_code == 404
    for answer in (whole, headed, part, first, missing):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert {"Accept-Ranges", "Content-Length", "Content-Range"} == set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
    assert "Range" in first.headers["access-control-allow-headers"]
    assert other.status_code == 403


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac"])
def test_every_format_says_how_long_it_is_and_sounds_like_what_went_in(kind: FileFormat) -> None:
    clip = Clip(kind, 1 << 20)
    for _ in range(25):
        clip.add(TONE)
    assert len(clip.data) > 1000, "nothing comes out before the end"
    clip.finish()

    samples, rate = soundfile.read(io.BytesIO(clip.data), dtype="float32")
    tone = np.frombuffer(TONE * 25, "<i2").astype(np.float32) / 32768
    assert rate == 24_000
    assert len(samples) == pytest.approx(2 * 24_000, abs=3_000 if kind == "mp3" else 0)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(np.sqrt(np.mean(tone**2)), rel=0.1)


def test_a_growing_wav_can_be_read_by_what_reads_pipes() -> None:
    clip = Clip("wav", 1 << 20)
    clip.add(TONE)

    samples, _ = soundfile.read(io.BytesIO(clip.data), dtype="int16")
    assert samples.tobytes() == TONE


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac"])
def test_a_finished_clip_is_what_is_sent_over_http_but_for_its_length(kind: FileFormat) -> None:
    """One encoder, one bit rate: the MP3 of an announcement had another."""
    clip = Clip(kind, 1 << 20)
    over_http = sync_encoder(kind)
    sent = b""
    for _ in range(10):
        clip.add(TONE)
        sent += over_http.add(TONE)
    clip.finish()
    sent += over_http.finish()

    assert clip.data[64:] == sent[64:]
    assert (clip.data == sent) == (kind == "mp3")


@asynccontextmanager
async def shelf(
    *, limit_bytes: int = 1 << 20, lifetime_s: float = 60
) -> AsyncIterator[tuple[ClipStore, httpx.AsyncClient]]:
    async with (
        ClipStore(limit_bytes=limit_bytes, lifetime_s=lifetime_s) as clips,
        web(clip_routes(clips)) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/announce/") as client,
    ):
        yield clips, client
    assert len(clips) == 0


def finished(clips: ClipStore, frames: int = 3) -> Clip:
    clip = clips.open("wav")
    for _ in range(frames):
        clip.add(TONE)
    clips.keep(clip)
    return clip


async def test_several_listeners_get_all_of_a_growing_clip_each_at_its_own_pace() -> None:
    async with shelf() as (clips, client):
        clip = clips.open("wav")
        clip.add(TONE)

        begun = []

        async def listen() -> bytes:
            async with client.stream("GET", clip.name) as answer:
                begun.append(answer)
                assert answer.headers["accept-ranges"] == "none"
                assert "content-length" not in answer.headers
                return b"".join([piece async for piece in answer.aiter_bytes()])

        listeners = [asyncio.create_task(listen()) for _ in range(3)]
        await until(lambda: len(begun) == 3)
        clip.add(TONE)
        clips.keep(clip)

        for heard in await asyncio.gather(*listeners):
            assert heard[44:] == TONE * 2


async def test_head_tells_the_type_of_a_growing_clip_and_the_length_of_a_finished_one() -> None:
    async with shelf() as (clips, client):
        growing = clips.open("mp3")
        head = await client.head(growing.name)
        assert (head.status_code, head.headers["content-type"]) == (200, "audio/mpeg")
        assert "content-length" not in head.headers

        clip = finished(clips)
        head = await client.head(clip.name)
        assert (head.headers["content-length"], head.headers["accept-ranges"]) == (str(len(clip.data)), "bytes")


PARTS = (
    ("bytes=0-", 206, 0, 11_564),
    ("bytes=0-0", 206, 0, 1),
    ("bytes=100-199", 206, 100, 200),
    ("bytes=11000-99999", 206, 11_000, 11_564),
    ("bytes=-100", 206, 11_464, 11_564),
    ("bytes=-99999", 206, 0, 11_564),
    ("bytes=0-1,5-6", 200, 0, 11_564),
    ("frames=0-1", 200, 0, 11_564),
    ("bytes=-", 200, 0, 11_564),
    ("bytes=9-3", 416, 0, 0),
    ("bytes=11564-", 416, 0, 0),
    ("bytes=-0", 416, 0, 0),
    ("bytes=" + "9" * 5000 + "-", 200, 0, 11_564),
)


async def test_a_part_of_a_finished_clip() -> None:
    async with shelf() as (clips, client):
        clip = finished(clips)
        for asked, status, start, end in PARTS:
            answer = await client.get(clip.name, headers={"Range": asked})

            assert answer.status_code == status, asked
            assert answer.content == bytes(clip.data[start:end]), asked
            wanted = {206: f"bytes {start}-{end - 1}/11564", 416: "bytes */11564"}.get(status)
            assert answer.headers.get("content-range") == wanted, asked


async def test_names_cannot_be_guessed_or_listed() -> None:
    async with shelf() as (clips, client):
        names = {finished(clips).name for _ in range(50)}
        assert len(names) == 50
        assert all(re.fullmatch(r"[\w-]{22}\.wav", name) for name in names)
        for name in ("", ".", "..", "%2e%2e%2fetc%2fpasswd", "a.wav", "x" * 3000):
            assert (await client.get(name)).status_code == 404, name


async def test_a_clip_is_gone_after_its_time() -> None:
    async with shelf(lifetime_s=1.0) as (clips, client):
        clip = finished(clips)
        assert len(clips) == 1
        await until(lambda: not len(clips))
        assert (await client.get(clip.name)).status_code == 404
        assert "over" in (await client.get(clip.name)).text


async def test_old_clips_make_room_for_new_ones() -> None:
    async with shelf(limit_bytes=40_000) as (clips, _):
        made = [finished(clips, frames=2) for _ in range(20)]

        assert clips.used_bytes <= 40_000
        assert clips.find(made[-1].name) is made[-1]
        assert clips.find(made[0].name) is None


async def test_nothing_holds_on_to_a_clip_that_made_room() -> None:
    async with shelf(limit_bytes=40_000) as (clips, _):
        clip = finished(clips)
        clips.keep(clip)
        gone = weakref.ref(clip)
        clips.drop(clip)
        del clip
        gc.collect()

        assert gone() is None


async def test_one_clip_cannot_take_everything_and_all_together_neither() -> None:
    async with shelf(limit_bytes=40_000) as (clips, _):
        clip = clips.open("wav")
        for _ in range(5):
            clip.add(TONE)
        with pytest.raises(TextTooLong, match=r"announce\.clips_mb"):
            clip.add(TONE)

        other = clips.open("wav")
        other.add(TONE * 5)
        third = clips.open("wav")
        third.add(TONE * 5)
        with pytest.raises(Busy, match=r"announce\.clips_mb"):
            clips.open("wav")
