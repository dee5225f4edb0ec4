"""A model hub on loopback: the two endpoints that downloads use, a folder behind them, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

COMMIT = "5d83992436eae1d760afd27aff78a71d676296fc"


@dataclass
class Faults:
    """What goes wrong. A fault with a number happens that many times."""

    cut_after: list[int] = field(
        default_factory=list
    )  # after so many bytes of LARGE_FILE the connection breaks, one each
    cut_always_after: int | None = None
    no_ranges: bool = False
    status: dict[str, int] = field(default_factory=dict)  # file name, or "api", to an HTTP status
    html: int = 0  # answers that are a web page
    flipped: int = 0  # bodies of LARGE_FILE with a wrong bit
    longer: int = 0  # bodies that go on after their end, without a Content-Length
    shorter: int = 0  # bodies whose Content-Length is too small
    stale_range: int = 0  # 206 answers that start at 0 whatever was asked for
    status_416: int = 0
    redirect: str | None = None  # where files really are
    stall_s: float = 0.0  # how long a cut connection stays open, silent
    cdn: bool = False  # large files live elsewhere on this host, as on the real hub
    no_sizes: bool = False  # the API lists names only
    bytes_per_s: float = 0.0  # slow; 0: as fast as it goes


LARGE_FILE = "model.safetensors"  # the one that cuts and wrong bits are for


@dataclass
class LoopbackHub:
    """Serves ``models`` (id to folder). ``seen`` is (method, file or "api", first byte asked for)."""

    models: dict[str, Path]
    url: str = ""
    commit: str = COMMIT
    faults: Faults = field(default_factory=Faults)
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)  # names that the API lists, too

    def described(self, folder: Path) -> dict[str, Any]:
        siblings: list[dict[str, Any]] = []
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry: dict[str, Any] = {"rfilename": path.relative_to(folder).as_posix()}
                if not self.faults.no_sizes:
                    entry["size"] = path.stat().st_size
                    if path.suffix == ".safetensors":
                        digest = hashlib.sha256(path.read_bytes()).hexdigest()
                        entry["lfs"] = {"size": entry["size"], "sha256": digest, "pointerSize": 135}
                siblings.append(entry)
        siblings += [{"rfilename": name, "size": 3} for name in self.extra]
        return {"id": "x", "sha": self.commit, "siblings": siblings}

    def asked(self, name: str) -> list[int]:
        """The first bytes that GETs of this file asked for, in order."""
        return [start for method, path, start in self.seen if (method, path) == ("GET", name)]


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[LoopbackHub]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        return

    def do_HEAD(self) -> None:
        self._answer(head=True)

    def do_GET(self) -> None:
        self._answer(head=False)

    def _answer(self, *, head: bool) -> None:
        self.close_connection = True
        path, on_cdn = self.path.split("?")[0].removeprefix("/cdn"), self.path.startswith("/cdn")
        if self.hub.faults.cdn and not on_cdn and path.endswith(".safetensors"):
            self._to_cdn(path)
        elif api := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/([^/]+)", path):
            self._api(api[1], api[2])
        elif resolve := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(resolve[1], resolve[2], resolve[3], head=head)
        else:
            self.send_error(404)

    def _to_cdn(self, path: str) -> None:
        model, name = path.split("/resolve/")[0].strip("/"), path.split("/", 5)[5]
        body = (self.hub.models[model] / name).read_bytes()
        self.hub.headers.append(dict(self.headers))
        linked = {"X-Linked-Size": str(len(body)), "X-Linked-ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
        self._send(302, {"Location": f"/cdn{path}?signature=1", "Content-Length": "0", **linked}, b"")

    def _api(self, model: str, revision: str) -> None:
        self.hub.seen.append((self.command, "api", 0))
        self.hub.headers.append(dict(self.headers))
        status = self.hub.faults.status.get("api", 200)
        if status == 200 and (model not in self.hub.models or revision not in ("main", self.hub.commit)):
            status = 404
        body = json.dumps(self.hub.described(self.hub.models[model])).encode() if status == 200 else b"{}"
        self._send(status, {"Content-Type": "application/json", "Content-Length": str(len(body))}, body)

    def _file(self, model: str, commit: str, name: str, *, head: bool) -> None:
        faults = self.hub.faults
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(match[1]) if match else 0
        self.hub.seen.append((self.command, name, start))
        path = self.hub.models[model] / name
        if name in faults.status:
            self._send(faults.status[name], {"Content-Length": "0"}, b"")
        elif faults.redirect is not None:
            self._send(302, {"Location": faults.redirect, "Content-Length": "0"}, b"")
        elif commit not in ("main", self.hub.commit) or not path.is_file():
            self._send(404, {"Content-Length": "0"}, b"")
        elif _take(faults, "html"):
            page = b"<html>Please log in</html>"
            self._send(200, {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(page))}, page)
        elif start and _take(faults, "status_416"):
            self._send(416, {"Content-Length": "0"}, b"")
        else:
            self._body(path.read_bytes(), 0 if faults.no_ranges else start, name, head=head)

    def _body(self, body: bytes, start: int, name: str, *, head: bool) -> None:
        faults = self.hub.faults
        headers = {"X-Repo-Commit": self.hub.commit, "ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
        status = 206 if start else 200
        if start and _take(faults, "stale_range"):
            start = 0
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        length = len(body) - start
        if not head and name == LARGE_FILE and _take(faults, "flipped"):
            body = body[:-1] + bytes([body[-1] ^ 1])
        if not head and _take(faults, "longer"):
            body += b"and more"
        else:
            headers["Content-Length"] = str(length - (not head and _take(faults, "shorter")))
        body = b"" if head else body[start:]
        if body and name == LARGE_FILE and faults.cut_after:
            body = body[: faults.cut_after.pop(0)]
        elif faults.cut_always_after is not None:
            body = body[: faults.cut_always_after]
        self._send(status, headers, body)

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        faults, step = self.hub.faults, 16_384
        for at in range(0, len(body), step):
            try:
                self.wfile.write(body[at : at + step])
            except OSError:  # the downloader has gone
                return
            if faults.bytes_per_s:
                time.sleep(step / faults.bytes_per_s)
        if faults.stall_s and len(body) < int(headers.get("Content-Length", 0)):
            time.sleep(faults.stall_s)


def _take(faults: Faults, name: str) -> bool:
    left: int = getattr(faults, name)
    setattr(faults, name, max(0, left - 1))
    return left > 0


@contextmanager
def loopback_hub(models: dict[str, Path]) -> Iterator[LoopbackHub]:
    """The hub, on a free port, until the block ends."""
    hub = LoopbackHub(models)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.block_on_close = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
