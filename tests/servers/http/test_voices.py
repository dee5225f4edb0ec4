"""Voices over the web door: listing, and making them, for those who may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.servers.http.studio import FakeStudio
from tests.servers.http.web import web
from wyoming_qwen3tts.settings import Http, Settings, Voices

KEY = {"Authorization": "Bearer secret-word"}
CLIP = {"audio_sample": ("clip.wav", b"a voice", "audio/wav")}
CLONE = {"name": "Grandma", "consent": "She agreed."}


def allowed(folder: Path, *, cloning: bool = True, keys: Any = ("cook:secret-word",)) -> Settings:
    return Settings(voices=Voices(cloning=cloning), http=Http(api_keys=keys), data_dir=folder)


async def test_every_voice_is_listed_with_our_fields_and_openais(tmp_path: Path) -> None:
    async with web() as it:
        listed = (await it.client.get("/v1/audio/voices")).json()
        one = (await it.client.get("/v1/audio/voices/BUILTIN-de")).json()

    assert [voice["id"] for voice in listed["voices"]] == [voice.name for voice in it.engine.voices()]
    assert listed["data"] == listed["voices"]
    assert one["languages"] == ["de"]
    assert one["object"] == "audio.voice"
    assert set(one) >= {"id", "name", "label", "kind", "languages", "style", "engine", "created_at", "type"}


async def test_a_voice_that_does_not_exist_is_404_by_name() -> None:
    async with web() as it:
        reply = await it.client.get("/v1/audio/voices/nobody")

    assert reply.status_code == 404
    assert "nobody" in reply.json()["error"]["message"]


async def test_a_clip_becomes_a_voice_that_speaks_and_goes_again(tmp_path: Path) -> None:
    studio = FakeStudio()
    async with web(settings=allowed(tmp_path), studio=studio) as it:
        made = await it.client.post("/v1/audio/voices", data=CLONE | {"text": "Hello dear."}, files=CLIP)
        spoken = await it.post(input="Hello.", voice={"id": "Grandma"}, response_format="pcm")
        removed = await it.client.delete("/v1/audio/voices/grandma")
        again = await it.client.delete("/v1/audio/voices/grandma")

    assert made.json()["id"] == "Grandma"
    assert studio.clips == [{"clip": b"a voice", "text": "Hello dear.", "consent": "She agreed.", "keep_clip": False}]
    assert spoken.headers["x-tts-voice"] == "Grandma"
    assert removed.json() == {"id": "Grandma", "deleted": True, "object": "audio.voice.deleted"}
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("fields", "files", "field"),
    [
        ({"name": "x"}, CLIP, "consent"),
        ({"name": "x", "consent": " "}, CLIP, "consent"),
        (CLONE, {}, "audio_sample"),
        (CLONE, {"audio_sample": ("clip.wav", b"noise", "audio/wav")}, "audio_sample"),
        ({"consent": "yes"}, CLIP, "name"),
        ({"name": "x", "type": "prompt"}, {}, "prompt"),
        ({"name": "x", "type": "prompt", "prompt": "nobody"}, {}, "prompt"),
        ({"name": "x", "type": "prompt", "prompt": "calm", "language": "xx"}, {}, "language"),
        ({"name": "x", "consent": "cons_000000000000000000000000"}, CLIP, "consent"),
        (CLONE | {"type": "spell"}, CLIP, "type"),
    ],
    ids=str,
)
async def test_what_is_missing_or_wrong_is_named(tmp_path: Path, fields: Any, files: Any, field: str) -> None:
    async with web(settings=allowed(tmp_path), studio=FakeStudio()) as it:
        files = files or {"nothing": ("", b"", "text/plain")}
        reply = await it.client.post("/v1/audio/voices", data=fields, files=files)

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == field


async def test_a_description_becomes_a_voice_openais_way(tmp_path: Path) -> None:
    studio = FakeStudio()
    async with web(settings=allowed(tmp_path), studio=studio) as it:
        fields = {"name": "Captain", "type": "prompt", "prompt": "An old sailor."}
        made = await it.client.post("/v1/audio/voices", data=fields, files={"x": ("", b"", "text/plain")})

    assert (made.json()["name"], made.json()["type"], made.json()["kind"]) == ("Captain", "prompt", "design")
    assert studio.proposals_ended == 1


async def test_proposals_come_one_by_one_and_one_is_kept(tmp_path: Path) -> None:
    async with web(settings=allowed(tmp_path), studio=FakeStudio()) as it:
        reply = await it.client.post("/v1/audio/voices/design", json={"description": "An old sailor.", "variants": 2})
        kept = await it.client.post("/v1/audio/voices/design/variant-1", json={"name": "Captain"})
        gone = await it.client.post("/v1/audio/voices/design/other", json={"name": "Captain"})

    events = [json.loads(line.removeprefix("data: ")) for line in reply.text.split("\n\n") if line]
    assert [event.get("id") for event in events] == ["variant-0", "variant-1", None]
    assert events[-1] == {"type": "done"}
    assert events[0]["wav"] == "UklGRi4uLi4="
    assert kept.json()["kind"] == "design"
    assert gone.json()["error"]["param"] == "variant"


async def test_a_design_that_breaks_says_so_with_a_status_or_as_an_event(tmp_path: Path) -> None:
    async with web(settings=allowed(tmp_path), studio=FakeStudio()) as it:
        before = await it.client.post("/v1/audio/voices/design", json={"description": "nobody"})
        during = await it.client.post("/v1/audio/voices/design", json={"description": "breaks"})

    assert (before.status_code, before.json()["error"]["param"]) == (400, "description")
    assert json.loads(during.text.split("\n\n")[1].removeprefix("data: "))["error"]["message"] == "It broke."


async def test_voices_are_mixed_and_what_cannot_be_is_told_with_its_field(tmp_path: Path) -> None:
    studio = FakeStudio()
    async with web(settings=allowed(tmp_path), studio=studio) as it:
        made = await it.client.post("/v1/audio/voices/blend", json={"name": "Both", "of": "ryan(2)+aiden(1)"})
        wrong = await it.client.post("/v1/audio/voices/blend", json={"name": "One", "of": "ryan"})
        gone = await it.client.delete("/v1/audio/voices/Both")
    async with web(studio=studio) as it:
        off = await it.client.post("/v1/audio/voices/blend", json={"name": "Both", "of": "ryan+aiden"})

    assert (made.json()["name"], made.json()["kind"]) == ("Both", "blend")
    assert studio.recipes == ["ryan(2)+aiden(1)"]
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "of")
    assert gone.json()["deleted"] is True
    assert off.status_code == 403


async def test_a_clip_is_checked_before_it_is_used(tmp_path: Path) -> None:
    async with web(settings=allowed(tmp_path), studio=FakeStudio()) as it:
        report = await it.client.post("/v1/audio/voices/check", files=CLIP)

    assert report.json() == {"seconds": 3.0, "ok": True, "problems": []}


async def test_to_judge_a_clip_needs_no_model_but_a_key_and_the_houses_leave(tmp_path: Path) -> None:
    """It is how one finds out whether the download is worth it."""
    studio = FakeStudio(can_clone=False, can_design=False, why_not="A Base model is missing.")
    async with web(settings=allowed(tmp_path), studio=studio) as it:
        report = await it.client.post("/v1/audio/voices/check", files=CLIP)
        made = await it.client.post("/v1/audio/voices", data=CLONE, files=CLIP)
        stranger = await it.client.post("/v1/audio/voices/check", files=CLIP, headers={"Authorization": "Bearer no"})
        about = (await it.client.get("/v1/about")).json()
    async with web(studio=studio) as it:
        off = await it.client.post("/v1/audio/voices/check", files=CLIP)

    assert report.json()["ok"] is True
    assert (made.status_code, stranger.status_code, off.status_code) == (409, 401, 403)
    assert about["clips"]["endings"][:2] == [".wav", ".flac"]


async def test_a_voice_moves_to_another_server_as_one_file(tmp_path: Path) -> None:
    async with web(settings=allowed(tmp_path), studio=FakeStudio()) as it:
        await it.client.post("/v1/audio/voices", data=CLONE | {"name": "Großmutter"}, files=CLIP)
        exported = await it.client.get("/v1/audio/voices/Großmutter/export")
        file = {"file": ("x.voice", exported.content, "application/octet-stream")}
        imported = await it.client.post("/v1/audio/voices/import", data={"name": "Oma"}, files=file)
        broken = await it.client.post("/v1/audio/voices/import", files={"file": ("x", b"?", "text/plain")})
        builtin = await it.client.get("/v1/audio/voices/builtin-en/export")

    assert exported.headers["content-disposition"] == "attachment; filename*=UTF-8''Gro%C3%9Fmutter.voice"
    assert imported.json()["id"] == "Oma"
    assert broken.json()["error"]["param"] == "file"
    assert builtin.status_code == 400


async def test_recorded_consents_are_kept_listed_renamed_used_and_deleted(tmp_path: Path) -> None:
    studio = FakeStudio()
    async with web(settings=allowed(tmp_path), studio=studio) as it:
        url = "/v1/audio/voice_consents"
        recording = {"recording": ("yes.wav", b"I agree", "audio/wav")}
        made = [
            (await it.client.post(url, data={"name": name, "language": "de-AT"}, files=recording)).json()
            for name in ("Anna", "Bert", "Cleo")
        ]
        await it.client.post(f"{url}/{made[0]['id']}", json={"name": "Anna B."})
        await it.client.post("/v1/audio/voices", data=CLONE | {"consent": made[0]["id"]}, files=CLIP)
        first = (await it.client.get(url, params={"limit": 2})).json()
        second = (await it.client.get(url, params={"limit": 2, "after": first["last_id"]})).json()
        gone = await it.client.delete(f"{url}/{made[1]['id']}")
        unknown = await it.client.get(f"{url}/{made[1]['id']}")
        odd = await it.client.get(f"{url}/..%2f..%2fetc%2fpasswd")
        text = {"recording": ("yes.txt", b"I agree", "text/plain")}
        wrong = await it.client.post(url, data={"name": "x", "language": "de"}, files=text)

    assert made[0]["object"] == "audio.voice_consent"
    assert studio.clips[0]["consent"] == f"Anna B. (de-AT), {made[0]['id']}"
    assert (len(first["data"]), first["has_more"], len(second["data"]), second["has_more"]) == (2, True, 1, False)
    assert {c["id"] for c in first["data"] + second["data"]} == {c["id"] for c in made}
    assert gone.json()["deleted"]
    assert (unknown.status_code, odd.status_code) == (404, 404)
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (415, "recording")
    assert len(list((tmp_path / "voice_consents").iterdir())) == 4


async def test_too_many_consents_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wyoming_qwen3tts.servers.http.routers.consents._MAX", 1)
    async with web(settings=allowed(tmp_path), studio=FakeStudio()) as it:
        sent = {"data": {"name": "A", "language": "de"}, "files": {"recording": ("a", b"a", "audio/wav")}}
        replies = [await it.client.post("/v1/audio/voice_consents", **sent) for _ in range(2)]  # type: ignore[arg-type]

    assert [reply.status_code for reply in replies] == [200, 409]


@pytest.mark.parametrize(
    ("settings", "studio", "status", "words"),
    [
        ({"cloning": False}, FakeStudio(), 403, "--voices.cloning on"),
        ({"keys": ()}, FakeStudio(), 403, "--http.api-keys"),
        ({}, None, 409, "needs the Qwen3-TTS engine"),
        ({}, FakeStudio(can_clone=False, why_not="Cloning needs a Base model."), 409, "needs a Base model"),
    ],
    ids=["off", "without a key", "no studio", "no model"],
)
async def test_who_may_not_make_voices_is_told_why(
    tmp_path: Path, settings: Any, studio: FakeStudio | None, status: int, words: str
) -> None:
    async with web(settings=allowed(tmp_path, **settings), studio=studio) as it:
        made = await it.client.post("/v1/audio/voices", data=CLONE, files=CLIP)
        about = (await it.client.get("/v1/about")).json()

    assert made.status_code == status
    assert words in made.json()["error"]["message"]
    if not settings:
        assert words in about["cloning"]["why_not"]


async def test_whoever_comes_through_home_assistant_needs_no_key(tmp_path: Path) -> None:
    settings = allowed(tmp_path, keys=())
    async with web(settings=settings, studio=FakeStudio(), supervisor="127.0.0.1") as it:
        by_ingress = {"X-Ingress-Path": "/api/hassio_ingress/x", "Host": "home.example.org"}
        made = await it.client.post("/v1/audio/voices", data=CLONE, files=CLIP, headers=by_ingress)
        otherwise = await it.client.post("/v1/audio/voices", data=CLONE, files=CLIP)

    assert (made.status_code, otherwise.status_code) == (200, 403)
