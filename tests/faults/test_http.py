"""F50 to F54: strangers, floods, and listeners who leave, at the web door."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.harness import FakeEngine, until
from tests.servers.http.web import LONG, SPEECH, answer, request, web
from wyoming_qwen3tts.errors import SettingsError
from wyoming_qwen3tts.servers.http.auth import Gate
from wyoming_qwen3tts.servers.http.errors import HttpError
from wyoming_qwen3tts.settings import Http, Settings
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.speech.request import SpeechRequest

KEYED = Settings(http=Http(api_keys=("kitchen:sesame-open", "open-says-me")))  # type: ignore[arg-type]  # as typed by people
HELLO = {"input": "Hello.", "response_format": "pcm"}
ANYTHING = {"": "", "wrong key": "Bearer sesame-ope", "another scheme": "Basic sesame-open", "no key": "Bearer"}


# -- F50: keys


@pytest.mark.parametrize("sent", ANYTHING.values(), ids=ANYTHING)
async def test_without_a_right_key_nothing_but_the_state_is_told(sent: str) -> None:
    async with web(settings=KEYED) as it:
        it.client.headers.pop("Authorization")
        headers = {"Authorization": sent} if sent else {}
        paths = it.door._app.openapi()["paths"]
        for path, methods in paths.items():
            for method in methods:
                url = path.replace("{", "").replace("}", "")
                body: dict[str, Any] = {"json": HELLO} if method in ("post", "put") else {}
                reply = await it.client.request(method, url, headers=headers, **body)
                if path.startswith("/health"):  # they tell nothing but a state, and watchdogs have no key
                    assert reply.status_code == 200
                    assert not {"reason", "state"} & set(reply.json())
                else:
                    assert reply.status_code == 401, (method, path, reply.text)
                    assert reply.headers["www-authenticate"] == "Bearer"
        hidden = [
            (await it.client.get(path, headers=headers)).status_code for path in ("/docs", "/openapi.json", "/nowhere")
        ]
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream", additional_headers=headers)
        it.client.headers["Authorization"] = "Bearer sesame-open"

        assert len(paths) > 15
        assert hidden == [401, 401, 401]
        assert refused.value.response.status_code == 401
        assert not it.engine.requests


async def test_each_key_lets_in_and_its_name_is_in_the_report() -> None:
    async with web(settings=KEYED) as it:
        clients: list[str] = []
        it.service.observe(lambda stats: clients.append(stats.client))
        for key in ("sesame-open", "open-says-me"):
            reply = await it.client.post(SPEECH, json=HELLO, headers={"Authorization": f"Bearer {key}"})
            assert reply.status_code == 200

        assert clients == ["kitchen", "key-2"]


@pytest.mark.parametrize("name", ["api_key", "key", "token", "Access_Token"])
async def test_a_key_in_the_address_is_refused_even_if_it_is_right(name: str) -> None:
    async with web(settings=KEYED) as it:
        reply = await it.client.get("/v1/models", params={name: "sesame-open"})

        assert reply.status_code == 401
        assert "ends up in logs" in reply.json()["error"]["message"]


async def test_keys_are_compared_in_constant_time_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(a: bytes, b: bytes) -> bool:
        compared.append(a)
        return a == b

    monkeypatch.setattr("wyoming_qwen3tts.servers.http.auth.hmac.compare_digest", compare)
    async with web(settings=KEYED) as it:
        compared.clear()
        await it.client.get("/v1/models")

        assert compared == [b"sesame-open", b"open-says-me"]


PIECES = st.sampled_from(["phone", "kitchen", ":", " ", ",", "12345678", "long-enough", "x", "\t", ""])


@given(st.lists(PIECES, max_size=9).map("".join))
def test_however_the_keys_are_spelt_nobody_gets_in_without_one(text: str) -> None:
    """F50: either the start is refused, or there is no list at all, or only its keys open."""
    try:
        keys = load({"http.api_keys": text}, {}).http
    except SettingsError:
        return
    gate = Gate(keys)
    assert gate.needs_key == bool(text.replace(",", "").strip())
    if not gate.needs_key:
        return
    right = {(part.partition(":")[2] if ":" in part else part).strip() for part in text.split(",") if part.strip()}
    for sent in ("", " ", "phone", "x", *right, *(key[:-1] for key in right)):
        is_right = len(sent) >= 8 and sent in right
        assert admitted(gate, "http", {"authorization": f"Bearer {sent}"}) == is_right
        protocol = {"sec-websocket-protocol": f"openai-insecure-api-key.{sent}"}
        assert admitted(gate, "websocket", protocol) == is_right
        assert not admitted(gate, "http", protocol)


def admitted(gate: Gate, kind: str, headers: dict[str, str]) -> bool:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    connection = HTTPConnection({"type": kind, "headers": raw, "query_string": b"", "client": ("192.168.1.9", 1)})
    try:
        gate.admit(connection)
    except HttpError:
        return False
    return True


async def test_no_key_ever_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with web(settings=KEYED) as it:
        await it.post(**HELLO)
        await it.client.get("/v1/models", params={"api_key": "sesame-open"})
        await it.client.get("/v1/models", headers={"Authorization": "Bearer sesam-opens"})
        wire = await it.wire()
        await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sesame-open\r\nbroken\r\n\r\n")
        await answer(wire)

    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert ours
    assert not [line for line in ours if "sesam" in line]


# -- F51: bodies and headers


async def test_a_body_that_says_it_is_a_gigabyte_is_refused_by_its_headers() -> None:
    async with web() as it:
        wire = await it.wire()
        await wire.send(request(b"{", Content_Length=str(1 << 30)))

        assert (await answer(wire))[0] == 413


async def test_a_body_without_end_is_refused_at_the_limit_in_little_memory() -> None:
    async with web() as it:
        wire = await it.wire()
        head = (
            f"POST {SPEECH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        await wire.send(head.encode())
        answering = asyncio.create_task(answer(wire))
        before = _memory_kb()
        for _ in range(40):  # 1.3 MB
            if answering.done():
                break
            await wire.send(b"8000\r\n" + b" " * 0x8000 + b"\r\n")
        status, error = await answering

        assert (status, error["code"]) == (413, "too-large")
        assert _memory_kb() - before < 20_000


async def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not() -> None:
    async with web(limits={"http_body_bytes": 2_000}) as it:
        for size, status in ((2_000, 200), (2_001, 413)):
            body = json.dumps(HELLO).encode()
            content = body + b" " * (size - len(body))
            reply = await it.client.post(SPEECH, content=content, headers={"Content-Type": "application/json"})
            assert reply.status_code == status


async def test_headers_over_the_limit_are_431_in_one_piece_or_in_many() -> None:
    async with web() as it:
        many, one = await it.wire(), await it.wire()
        await one.send(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 17_000 + b"\r\n\r\n")
        await many.send(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-A: ")
        for _ in range(17):
            await many.send(b"a" * 1_000)
            await asyncio.sleep(0.001)

        assert [(await answer(wire))[0] for wire in (one, many)] == [431, 431]


async def test_headers_that_drip_are_cut_off_and_harm_nobody() -> None:
    async with web(limits={"http_header_s": 0.3, "host_connections": 64}) as it:
        wires = [await it.wire() for _ in range(20)]
        for wire in wires:
            await wire.send(b"POST /v1/audio/speech HTT")
        began = time.perf_counter()
        while time.perf_counter() - began < 0.25:
            for wire in wires:
                await wire.send(b"P")
            await asyncio.sleep(0.05)
        assert (await it.post(**HELLO)).status_code == 200

        for wire in wires:
            with contextlib.suppress(ConnectionError):  # it dripped on into the closed connection
                assert (await answer(wire, 5))[0] == 408
        await until(lambda: it.door.connections <= 1)


async def test_a_body_that_drips_is_cut_off() -> None:
    async with web(limits={"http_body_s": 0.2}) as it:
        wire = await it.wire()
        await wire.send(request(b'{"input": ', Content_Length="500"))
        status, error = await answer(wire, 5)

        assert (status, error["code"]) == (408, "too-slow")


WRONG = {
    "not JSON": (b"{input", "application/json", 400, None),
    "not UTF-8": (b'{"input": "\xff\xfe"}', "application/json", 400, None),
    "nested": (b"[" * 60_000, "application/json", 400, None),
    "a list": (b"[]", "application/json", 400, None),
    "a number": (b"7", "application/json", 400, None),
    "nothing": (b"", "application/json", 400, None),
    "a form": (b"input=Hello", "application/x-www-form-urlencoded", 415, None),
    "plain text": (b'{"input": "Hello."}', "text/plain", 415, None),
    "a multipart for a JSON route": (b"--x--", "multipart/form-data; boundary=x", 415, None),
    "no type": (b'{"input": "Hello."}', "", 415, None),
    "no input": (b"{}", "application/json", 400, "input"),
    "an empty input": (b'{"input": " \\n"}', "application/json", 400, "input"),
    "an input that is no text": (b'{"input": 7}', "application/json", 400, "input"),
    "half a character": (b'{"input": "\\ud800"}', "application/json", 400, "input"),
    "too much text": (json.dumps({"input": "a " * 4_001}).encode(), "application/json", 413, "input"),
    "speed NaN": (b'{"input": "Hi.", "speed": NaN}', "application/json", 400, "speed"),
    "speed 0": (b'{"input": "Hi.", "speed": 0}', "application/json", 400, "speed"),
    "an unknown format": (b'{"input": "Hi.", "response_format": "ogg"}', "application/json", 400, "response_format"),
    "an unknown model": (b'{"input": "Hi.", "model": "tts-2"}', "application/json", 404, "model"),
    "a model of another language": (b'{"input": "Hi.", "model": "tts-1-xx"}', "application/json", 404, "model"),
    "an unknown voice": (b'{"input": "Hi.", "voice": "nobody"}', "application/json", 400, "voice"),
    "a voice that is a path": (b'{"input": "Hi.", "voice": "../../etc"}', "application/json", 400, "voice"),
    "a voice without id": (b'{"input": "Hi.", "voice": {}}', "application/json", 400, "voice"),
    "an unknown language": (b'{"input": "Hi.", "language": "xx"}', "application/json", 400, "language"),
    "an unknown field": (b'{"input": "Hi.", "langauge": "de"}', "application/json", 400, "langauge"),
    "an odd keep_alive": (b'{"input": "Hi.", "keep_alive": "soon"}', "application/json", 400, "keep_alive"),
}


async def test_whatever_is_wrong_with_a_body_is_told_in_openais_shape_and_costs_no_speech() -> None:
    async with web() as it:
        for name, (content, kind, status, field) in WRONG.items():
            headers = {"Content-Type": kind} if kind else {}
            reply = await it.client.post(SPEECH, content=content, headers=headers)
            error = reply.json()["error"]

            assert (reply.status_code, error["param"]) == (status, field), (name, reply.text)
            assert set(error) == {"message", "type", "param", "code"}
            assert error["message"]
        assert not it.engine.requests


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        os.urandom(1 << 16),
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["TLS", "nonsense", "noise", "no host"],
)
async def test_bytes_that_are_no_request_are_answered_and_closed(data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with web() as it:
        wire = await it.wire()
        await wire.send(data)
        status, _ = await answer(wire)
        assert status in (400, 431)
        assert await wire.reader.read() == b""
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_silent_connections_of_one_host_are_cut_to_its_share() -> None:
    async with web(limits={"host_connections": 4, "hello_s": 0.05}) as it:
        wires = []
        for _ in range(3):
            wires += [await it.wire() for _ in range(4)]
            await asyncio.sleep(0.06)
        other = await it.wire(source="127.0.0.2")
        await other.send(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await other.reader.readline()).startswith(b"HTTP/1.1 200")

        await until(lambda: sum(wire.reader.at_eof() for wire in wires) >= 4)
        assert not wires[-1].reader.at_eof()


async def test_a_full_door_says_busy_and_a_silent_connection_makes_room() -> None:
    async with web(limits={"connections": 1, "host_connections": 1}, slots=8) as it:
        it.engine.release.clear()
        speaking = [await it.wire(source=f"127.0.0.{number}") for number in (3, 4)]
        for wire in speaking:
            await wire.send(request(HELLO))
        await until(lambda: it.engine.speaking == 2)
        late = await it.wire(source="127.0.0.5")
        status, error = await answer(late)
        it.engine.release.set()
        for wire in speaking:
            assert (await wire.reader.readline()).startswith(b"HTTP/1.1 200")
            await wire.close()
        await until(lambda: it.door.connections == 0)

        assert (status, error["code"]) == (503, "busy")


async def test_a_thousand_quick_visits_leave_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with web() as it:
        for number in range(300):
            wire = await it.wire()
            if number % 2:
                wire.reset()
            else:
                await wire.close()
        await until(lambda: it.door.connections == 0)
    assert not [
        record for record in caplog.records if record.name.startswith(("uvicorn", "wyoming_qwen3tts.servers.http"))
    ]


# -- F52: listeners who leave, or stop reading


@pytest.mark.parametrize("form", ["pcm", "wav", "mp3", "opus", "flac", "aac", "sse"])
@pytest.mark.parametrize("by", ["FIN", "RST"])
async def test_a_client_that_leaves_costs_at_most_two_frames_and_leaves_no_process(form: str, by: str) -> None:
    """P1."""
    body = {"input": LONG} | ({"stream_format": "sse"} if form == "sse" else {"response_format": form})
    async with web(engine=Paced()) as it:
        wire = await it.wire()
        await wire.send(request(body))
        await wire.reader.readuntil(b"\r\n\r\n")
        if by == "RST":
            wire.reset()
        else:
            await wire.close()
        await asyncio.sleep(0)  # the loop may read the end of the connection
        await it.engine.idle(within_frames=2)

        assert it.engine.frames_made < 200
        await until(lambda: not list(_children("ffmpeg")))


async def test_a_client_that_leaves_before_the_first_sound_is_noticed_too() -> None:
    async with web() as it:
        it.engine.release.clear()
        wire = await it.wire()
        await wire.send(request(HELLO))
        await until(lambda: it.engine.speaking)
        wire.reset()

        await it.engine.idle(within_frames=0)


async def test_a_listener_who_stops_reading_is_parked_and_dropped_and_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with web(limits={"write_stall_s": 0.4}) as it:
        stalled = await it.wire(receive_buffer=4096)
        stalled.stop_reading()
        await stalled.send(request({"input": LONG, "response_format": "pcm"}))
        await asyncio.sleep(0.1)
        parked_at = it.engine.frames_made
        others = await asyncio.gather(*(it.post(**HELLO) for _ in range(8)))
        made = it.engine.frames_made - parked_at - sum(len(other.content) for other in others) // 3840

        assert {other.status_code for other in others} == {200}
        assert made <= 2
        await until(lambda: not it.engine.speaking)
    assert [record for record in caplog.records if "listener-stalled" in record.getMessage()]


async def test_speech_that_fails_in_the_middle_never_looks_like_its_end() -> None:
    async with web(engine=FakeEngine(fail_at=5)) as it:
        wire = await it.wire()
        await wire.send(request({"input": LONG, "response_format": "pcm"}))
        everything = await wire.reader.read()

        assert everything.startswith(b"HTTP/1.1 200")
        assert not everything.endswith(b"0\r\n\r\n")
        it.engine._fail_at = None


# -- F53: other people's pages


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1.evil.example", "https://127.0.0.1:1"]
)
async def test_a_page_of_another_site_is_refused_and_gets_no_cors_header(origin: str) -> None:
    async with web() as it:
        headers = {"Origin": origin}
        replies = [
            await it.client.post(SPEECH, json=HELLO, headers=headers),
            await it.client.get("/v1/audio/voices", headers=headers),
            await it.client.options(SPEECH, headers=headers | {"Access-Control-Request-Method": "POST"}),
        ]

        assert {reply.status_code for reply in replies} == {403}
        assert not [name for reply in replies for name in reply.headers if name.startswith("access-control")]
        assert not it.engine.requests


async def test_a_websocket_from_another_site_is_refused() -> None:
    async with web() as it:
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{it.door.port}/v1/audio/speech/stream", origin="http://evil.example")  # type: ignore[arg-type]

        assert refused.value.response.status_code == 403


async def test_our_own_page_is_no_stranger() -> None:
    async with web() as it:
        reply = await it.client.post(SPEECH, json=HELLO, headers={"Origin": it.url})

        assert reply.status_code == 200


HOSTS = {
    "127.0.0.1": True, "localhost:8880": True, "[::1]:8880": True, "192.168.1.20": True, "voice.local": True,
    "nas:8880": True, "VOICE.LAN": True, "tts.example.org": True, "base.example.org:8880": True,
    "evil.example": False, "127.0.0.1.evil.example": False, "local.evil.example": False, "[x": False, "a.b:c": False,
}  # fmt: skip


async def test_only_names_that_nobody_outside_can_own_are_answered() -> None:
    """DNS rebinding: the attacker's own name has become an address of this house."""
    settings = Settings(http=Http(hosts=("tts.example.org",), base_url="http://base.example.org:8880"))
    async with web(settings=settings) as it:
        for host, is_ours in HOSTS.items():
            reply = await it.client.get("/health/live", headers={"Host": host})

            assert reply.status_code == (200 if is_ours else 403), host


# -- F54: ingress


@pytest.mark.parametrize("supervisor", [None, "172.30.32.2"])
async def test_ingress_that_is_not_the_supervisor_is_refused(supervisor: str | None) -> None:
    async with web(settings=KEYED, supervisor=supervisor) as it:
        reply = await it.client.get("/v1/models", headers={"X-Ingress-Path": "/api/hassio_ingress/abc"})

        assert reply.status_code == 403


async def test_ingress_needs_no_key_and_no_name_of_ours() -> None:
    async with web(settings=KEYED, supervisor="127.0.0.1") as it:
        it.client.headers.pop("Authorization")
        origin = {"Host": "home.example.org", "Origin": "https://home.example.org"}
        reply = await it.client.get("/v1/models", headers={"X-Ingress-Path": "/x", **origin})
        without = await it.client.get("/v1/models")
        it.client.headers["Authorization"] = "Bearer sesame-open"

        assert (reply.status_code, without.status_code) == (200, 401)


class Paced(FakeEngine):
    """A frame every two milliseconds, as an engine that is faster than speech but not without end."""

    async def _frames(self, request: SpeechRequest) -> Any:
        async for pcm in super()._frames(request):
            yield pcm
            await asyncio.sleep(0.002)


def _memory_kb() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4


def _children(name: str) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = path.read_text().split(" (", 1)
        except OSError:
            continue
        program, fields = rest.rsplit(") ", 1)
        if program == name and int(fields.split()[1]) == os.getpid():
            yield int(number)


@pytest.mark.parametrize(
    "path",
    ["/v1/audio/voices", "/v1/audio/voices/check", "/v1/audio/voices/import", "/v1/audio/voice_consents"],
)
async def test_who_may_make_no_voices_is_told_before_a_byte_of_the_clip(path: str) -> None:
    """Forty such uploads would lie on the disk otherwise, and count against its room."""
    async with web() as it:
        wire = await it.wire()
        size = 9_500_000
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n"
        await wire.send(f"{head}Content-Type: Multipart/form-data; boundary=x\r\n\r\n".encode())
        status, error = await answer(wire)
    assert (status, error["code"]) == (403, "cloning-off")


async def test_every_route_that_takes_a_file_is_guarded_so() -> None:
    """A new one cannot be forgotten."""
    async with web() as it:
        routes = [route for route in it.door._app.state.routes if getattr(route, "body_field", None)]
        uploads = {r.path for r in routes if "multipart/form-data" in str(r.body_field.field_info.media_type)}
    assert uploads
    assert all(path.startswith(("/v1/audio/voices", "/v1/audio/voice_consents")) for path in uploads)


@pytest.mark.parametrize("coding", ["xchunked", "gzip", "chunked, gzip"])
async def test_a_transfer_coding_that_we_do_not_know_has_a_code_of_its_own(coding: str) -> None:
    async with web() as it:
        wire = await it.wire()
        head = "POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        await wire.send(f"{head}Transfer-Encoding: {coding}\r\n\r\n0\r\n\r\n".encode())
        status, error = await answer(wire)
    assert (status, error["code"]) in ((501, "not-implemented"), (400, "bad-request"))
