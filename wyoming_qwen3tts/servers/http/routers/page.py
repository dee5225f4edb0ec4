"""The web page: its files, from memory, with the headers that keep a page safe.

The page's own address is never in them: it must work behind any prefix, as Home Assistant's ingress has one.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ..auth import LinkedRouter
from ..errors import HttpError

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
#: Nothing but our own files, and no code outside of them; framed by Home Assistant's own pages only, which have our
#: address when they come through ingress.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'self'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "no-cache"
_WORTH_PACKING_BYTES = 1_000


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is sent."""

    body: bytes
    packed: bytes | None  # gzip
    media_type: str
    tag: str

    @classmethod
    def of(cls, name: str, body: bytes) -> Asset:
        packed = gzip.compress(body, 9, mtime=0) if len(body) > _WORTH_PACKING_BYTES else None
        tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        return cls(body, packed, _TYPES[name.rpartition(".")[2]], tag)

    def answer(self, request: Request, cache: str) -> Response:
        headers = {**_HEADERS, "ETag": self.tag, "Cache-Control": cache, "Vary": "Accept-Encoding"}
        if self.tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = self.body
        if self.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"], body = "gzip", self.packed
        return Response(body, media_type=self.media_type, headers=headers)


def routes() -> APIRouter:
    """``/`` and ``/assets/<version>/...``. They need no key: the page asks for it."""
    sources = dict(_read(files("wyoming_qwen3tts") / "web"))
    version = _version(sources)
    index = Asset.of("index.html", _index(sources.pop("index.html"), version, sources))
    assets = {name: Asset.of(name, body) for name, body in sources.items()}
    router = LinkedRouter(include_in_schema=False)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return index.answer(request, _ASK_EACH_TIME)

    @router.api_route("/favicon.ico", methods=["GET", "HEAD"])
    async def favicon(request: Request) -> Response:
        return assets["favicon.svg"].answer(request, _ASK_EACH_TIME)

    @router.api_route("/assets/{of_version}/{name:path}", methods=["GET", "HEAD"])
    async def asset(of_version: str, name: str, request: Request) -> Response:
        found = assets.get(name)
        if found is None:
            raise HttpError(404, "The page has no such file.")
        # A page that was open while the server was renewed asks for files of its version: it gets today's, for once.
        return found.answer(request, _FOR_EVER if of_version == version else _ASK_EACH_TIME)

    return router


def _read(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    """Every file of the page, by its path."""
    found: list[tuple[str, bytes]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            found += _read(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            found.append((f"{prefix}{entry.name}", entry.read_bytes()))
    return found


def _version(sources: dict[str, bytes]) -> str:
    """A part of every file's address that changes when any of them does, so that browsers may keep them for ever."""
    digest = hashlib.sha256()
    for name, body in sources.items():
        digest.update(f"{name}\0{len(body)}\0".encode() + body)
    return digest.hexdigest()[:12]


def _index(template: bytes, version: str, sources: dict[str, bytes]) -> bytes:
    """The page with the addresses of its files. All modules are fetched at once, not one after the other's import."""
    where = f"assets/{version}"
    modules = (name for name in sources if name.startswith("js/") and not name.endswith("-worklet.js"))
    preload = "\n  ".join(f'<link rel="modulepreload" href="{where}/{name}">' for name in modules)
    text = template.decode("utf-8").replace("{{assets}}", where).replace("{{preload}}", preload)
    return text.encode("utf-8")
