"""A server that does nothing for anybody: ``python -m tests.attack.sink`` takes every connection, reads what comes and
answers nothing. It says its port. Beside it a quiet host suffers only from what the attackers take of the processor.
"""

from __future__ import annotations

import asyncio
import os


class _Sink(asyncio.Protocol):
    def data_received(self, data: bytes) -> None:
        """Dropped."""


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    os.nice(10)  # as the attackers
    asyncio.run(main())
