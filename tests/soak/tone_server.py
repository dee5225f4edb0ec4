"""``python -m tests.soak.tone_server PORT``: a remote engine in a process of its own, which can be killed. It answers
every text with a tone for each of its words."""

from __future__ import annotations

import asyncio
import sys

from tests.engine.remote.speech_server import TONE, SpeechServer, says


class ToneServer(SpeechServer):
    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super().serve(reader, writer)
        self.bodies.clear()
        self.headers.clear()


async def main(port: int) -> None:
    tones = ToneServer(lambda writer: says(*[TONE] * len(tones.bodies[-1]["input"].split()))(writer))
    async with await asyncio.start_server(tones.serve, "127.0.0.1", port) as listening:
        await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
