"""A thousand messages a second at the real server, for ten seconds: memory flat, every one answered.

Run by `script/soak-mqtt [SECONDS] [A_SECOND]`. The server is a process of its own, whose memory is looked at.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from tests.faults.test_process import running
from tests.mosquitto import Listener, Mosquitto, listening

_MIB = 1 << 20
_WARM_UP = 24
_MAY_GROW = 24 * _MIB  # answers on their way, and what Python does not give back


def private(process: psutil.Process) -> int:
    """Anonymous plus shared memory: no file-backed pages."""
    memory = process.memory_full_info()
    return int(memory.uss)


async def publish(listener: Listener, seconds: float, a_second: int) -> int:
    """Publish at that rate; returns how many it were."""
    began, sent = time.monotonic(), 0
    while (now := time.monotonic() - began) < seconds:
        while sent < now * a_second:
            said = {"text": "The washing machine is done.", "id": str(sent)}
            await listener.publish("qwen3tts/say", said, qos=0)
            sent += 1
        await asyncio.sleep(0.005)
    return sent


async def soak(folder: Path, seconds: float, a_second: int) -> bool:
    """Whether all promises were kept; says what it saw."""
    async with (
        Mosquitto(folder) as broker,
        listening(broker.port, "qwen3tts/#", max_inflight_messages=1000) as listener,
    ):
        flags: tuple[str, ...] = (
            "--mqtt.host",
            "127.0.0.1",
            "--mqtt.port",
            str(broker.port),
            "--engine.kind",
            "builtin",
        )
        flags += ("--announce.clips-mb", "8", "--announce.queue", "32")
        async with running(*flags, "--http.uri", "tcp://127.0.0.1:0", log=folder / "log") as (process, _):
            server = psutil.Process(process.pid)
            await listener.wait_for("qwen3tts/status", within_s=30)
            for _ in range(_WARM_UP):  # all voices of the engine at work, and the clips' memory filled
                await listener.publish("qwen3tts/say", "The washing machine is done.")
            await listener.event("done", _WARM_UP, within_s=60)
            before, most = private(server), 0

            async def watch() -> None:
                nonlocal most
                while True:
                    most = max(most, private(server))
                    await asyncio.sleep(0.1)

            watching = asyncio.create_task(watch())
            sent = await publish(listener, seconds, a_second)
            answers = (await listener.answers(sent + _WARM_UP, within_s=300))[_WARM_UP:]
            accepted = sum(bool(answer["ok"]) for answer in answers)
            await listener.event("done", accepted + _WARM_UP, within_s=120)
            watching.cancel()
            outcomes = Counter("ok" if answer["ok"] else answer["error"]["code"] for answer in answers)
            once = len({answer["id"] for answer in answers}) == sent == len(answers)
            sys.stdout.write(
                f"{sent} messages in {seconds:g} s: {dict(outcomes)}, each answered once: {once}\n"
                f"memory before {before / _MIB:.0f} MiB, at most {most / _MIB:.0f} MiB, "
                f"at the end {private(server) / _MIB:.0f} MiB\n"
            )
    return once and outcomes.keys() <= {"ok", "busy"} and most - before < _MAY_GROW


def main() -> int:
    seconds, a_second = (float(word) for word in (*sys.argv[1:], *("10", "1000")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(soak(Path(folder), seconds, int(a_second))) else 1


if __name__ == "__main__":
    sys.exit(main())
