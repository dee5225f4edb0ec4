"""A Supervisor on loopback that writes down what it is asked. For the tests, and as a program for script/image-test:

python tests/homeassistant/fake_supervisor.py PORT LOG      each request becomes a line of JSON in LOG
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TOKEN = "a-token-of-the-supervisor"
OK = {"result": "ok", "data": {}}


@dataclass
class FakeSupervisor:
    """``answers`` by path: status and JSON, or a list of them, one a request, the last for good."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)  # method, path, body
    port: int = 0
    log: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        return {"SUPERVISOR_TOKEN": TOKEN, "SUPERVISOR_API": self.url}

    def answer(self, method: str, path: str, token: str | None, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path, body))
        if self.log:
            with self.log.open("a") as file:
                file.write(json.dumps([method, path, body]) + "\n")
        if token != f"Bearer {TOKEN}":
            return 401, {"result": "error", "message": "unauthorized"}
        found = self.answers.get(path, (200, OK))
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return found[0], found[1]

    def count(self, path: str) -> int:
        return sum(one[1] == path for one in self.asked)


def _server(fake: FakeSupervisor) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            status, answer = fake.answer(self.command, self.path, self.headers.get("Authorization"), body)
            raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_POST = do_GET  # noqa: N815  as http.server calls it

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return ThreadingHTTPServer(("127.0.0.1", fake.port), Handler)


@contextmanager
def fake_supervisor(**answers: Any) -> Iterator[FakeSupervisor]:
    """Running while the block lasts; ``services_mqtt=(400, {...})`` answers ``/services/mqtt``."""
    fake = FakeSupervisor({"/" + path.replace("_", "/"): answer for path, answer in answers.items()})
    server = _server(fake)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


if __name__ == "__main__":
    _server(FakeSupervisor(port=int(sys.argv[1]), log=Path(sys.argv[2]))).serve_forever()
