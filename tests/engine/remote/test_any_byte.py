"""``--engine.kind remote --engine.urls a,b``: the loss of either at any byte, through the whole server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from tests.engine.remote.speech_server import Answer, SpeechServer, chunk, head, says, speech_server
from wyoming_qwen3tts.app.build import build_remote, with_fallback
from wyoming_qwen3tts.engine.remote.engine import RemoteEngine
from wyoming_qwen3tts.errors import SpeechError
from wyoming_qwen3tts.servers.wyoming.client import Spoken, connect
from wyoming_qwen3tts.servers.wyoming.server import WyomingServer
from wyoming_qwen3tts.service.service import SpeechService
from wyoming_qwen3tts.settings import Address, Limits
from wyoming_qwen3tts.settings.sources import load
from wyoming_qwen3tts.speech.audio_format import FORMAT
from wyoming_qwen3tts.voices.catalog import VoiceCatalog

FRAME = FORMAT.frame_bytes
A, B = (np.full(3 * FRAME // 2, level, "<i2").tobytes() for level in (4000, -4000))  # three frames each
ANSWER = head("audio/pcm") + b"".join(chunk(A[at : at + FRAME]) for at in range(0, len(A), FRAME)) + b"0\r\n\r\n"
HEAD, CHUNK = len(head("audio/pcm")), len(chunk(A[:FRAME]))
HEARD_FROM = HEAD + CHUNK - 2  # with the last sample of the first frame it can be heard; the rest is the chunk's end
#: In the head, in a chunk's length, in and at the edges of each frame, in the end.
CUTS = [
    *range(0, HEAD, 17),
    *(
        HEAD + n * CHUNK + at
        for n in range(3)
        for at in (0, 1, 4, 5, 6, 7, FRAME // 2, CHUNK - 3, CHUNK - 2, CHUNK - 1)
    ),
    *range(HEAD + 3 * CHUNK, len(ANSWER)),
]


def dies_after(count: int) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(ANSWER[:count])
        await writer.drain()

    return answer


@asynccontextmanager
async def building(*servers: SpeechServer) -> AsyncIterator[tuple[Address, RemoteEngine]]:
    """This server as the settings make it."""
    settings = load({"engine.kind": "remote", "engine.urls": ",".join(server.url for server in servers)}, {})
    remote = build_remote(settings)
    engine = with_fallback(settings, remote).engine
    service = SpeechService(engine, VoiceCatalog(engine.voices(), engine.clones), Limits(), slots=4)
    service.load()
    await service.loaded()
    async with WyomingServer(service, Address("127.0.0.1", 0), Limits()) as door:
        yield Address("127.0.0.1", door.port), remote
    await service.close()


async def reply(address: Address) -> Spoken:
    async with connect(address) as client:
        return await client.speak("Guten Tag.", voice="ryan-de")


async def test_the_loss_of_either_costs_no_reply_that_has_not_begun_and_mixes_no_voices() -> None:
    async with speech_server() as a, speech_server() as b, building(a, b) as (address, remote):
        for number, cut in enumerate(CUTS):
            dying, well = (a, b) if number % 2 else (b, a)
            dying.answers, well.answers, dying.bodies = [dies_after(cut)], [says(B)], []
            while not dying.bodies:  # they take turns
                [outcome] = await asyncio.gather(reply(address), return_exceptions=True)
            if cut < HEARD_FROM:
                assert isinstance(outcome, Spoken), (cut, outcome)
                levels = np.frombuffer(outcome.pcm, "<i2")
                assert levels.max() <= 0, cut
                assert np.count_nonzero(levels < 0) >= len(B) // 2 - FRAME, cut
            else:
                assert isinstance(outcome, SpeechError), (cut, outcome)
                assert dying.url in str(outcome), (cut, outcome)
            for server in remote._router.servers:  # half a minute later
                server.open_until = 0.0
                remote._router.well(server, ())


async def test_an_answer_that_is_whole_is_heard_whole() -> None:
    async with speech_server(dies_after(len(ANSWER))) as one, building(one) as (address, _):
        levels = np.frombuffer((await reply(address)).pcm, "<i2")

    assert levels.min() >= 0
    assert np.count_nonzero(levels > 0) >= len(A) // 2 - FRAME
