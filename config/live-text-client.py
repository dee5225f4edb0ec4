"""Speaks what comes in while it is being written: `ollama run llama3.2 | python live-text-client.py > speech.wav`"""

import asyncio, json, sys, wave  # noqa: E401, I001
from websockets import connect


async def main(url: str = "ws://127.0.0.1:8880/v1/audio/speech/stream") -> None:
    async with connect(url) as server:  # with keys: additional_headers={"Authorization": "Bearer KEY"}
        await server.send(json.dumps({"type": "session.config", "voice": "alloy", "response_format": "pcm"}))

        async def write() -> None:
            while words := await asyncio.to_thread(sys.stdin.readline):
                await server.send(json.dumps({"type": "input.text", "text": words}))
            await server.send(json.dumps({"type": "input.done"}))
            await server.send(json.dumps({"type": "session.close"}))

        writing = asyncio.create_task(write())
        sound = [message async for message in server if isinstance(message, bytes)]  # play it here, as it comes
        await writing
    with wave.open(sys.stdout.buffer, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(b"".join(sound))


asyncio.run(main(*sys.argv[1:]))
