"""The Hugging Face hub as the store sees it: what a model consists of, and one file from a given byte on.

Why not ``snapshot_download``: huggingface_hub 1.33 downloads into a name of its own each time and deletes it at any
error, so that a broken 4 GB download starts from zero (huggingface/huggingface_hub#4228), and it follows redirects to
any host. Addresses, token, mirror and offline switch are its own; the bytes come through the client below.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

from .. import __version__
from ..errors import StoreError, first_line
from ..util.installation import qwen3_advice
from .pins import PINS

if TYPE_CHECKING:
    import httpx

# Weights, configuration and tokenizer; never pickles, code or pictures. A closed form, so that a name the hub lists
# cannot lead out of the folder.
_WANTED = re.compile(r"(speech_tokenizer/)?[A-Za-z0-9_][\w.-]{0,99}\.(json|safetensors)|merges\.txt", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILES_MAX = 32  # the published models have ten
_ANSWER_BYTES_MAX = 4 << 20  # the hub's description of a model takes some kB
_REDIRECTS_MAX = 5
# A break costs nothing but a new request, and whoever asks a download to stop waits at most this long (P9: 8 s).
_SILENCE_S = 6.0
_HUB_DOMAINS = (
    "huggingface.co",
    "hf.co",
)  # where the hub keeps large files: cdn-lfs.hf.co, cas-bridge.xethub.hf.co ...
_LATER = {408, 425, 429, 500, 502, 503, 504}


class Interrupted(Exception):
    """The network or the hub failed in a way that may pass. The message is fit to show a user."""


class Wrong(Exception):
    """What came is not the file. The message is fit to show a user."""


class RemoteFile(NamedTuple):
    """A file on the hub. ``sha256`` is known for large files and for pinned ones."""

    name: str
    size_bytes: int
    sha256: str | None


class Snapshot(NamedTuple):
    """The files of a model at one commit."""

    model: str
    commit: str
    files: tuple[RemoteFile, ...]


class Hub:
    """One endpoint. A context manager that owns the connections."""

    def __init__(self, endpoint: str = "") -> None:
        """Nothing is connected yet.

        Raises:
            StoreError: if the packages that download are not installed.
        """
        try:
            import httpx
            from huggingface_hub import constants, get_token

            headers = {"user-agent": f"wyoming-qwen3tts/{__version__}", "accept-encoding": "identity"}
            self._client = httpx.Client(headers=headers, timeout=_SILENCE_S)
        except ImportError as error:  # of httpx, too, which may want another package for the proxy of this machine
            raise StoreError(f"Downloading a model needs the extra 'qwen3' ({error}): {qwen3_advice()}") from error
        self.endpoint = endpoint or constants.ENDPOINT
        self.host = urlsplit(self.endpoint).netloc
        token = get_token() if self.endpoint.startswith("https://") else None  # never in the clear
        self._authorization = {"authorization": f"Bearer {token}"} if token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def snapshot(self, model: str, revision: str | None) -> Snapshot:
        """What ``model`` consists of at ``revision`` (None: the newest).

        Raises:
            Interrupted: if asking again may help.
            StoreError: if the model is not there, or is no Qwen3-TTS checkpoint.
        """
        # Not the hub client's own call, which follows redirects anywhere and keeps its connections open for ever.
        url = f"{self.endpoint}/api/models/{model}/revision/{revision or 'main'}?blobs=true"
        with self._request("GET", url) as response:
            self._check_found(response, model, revision)
            body = self._read_answer(response)
        try:
            answer = json.loads(body)
            commit, listed = answer["sha"], answer["siblings"]
            entries = {str(entry["rfilename"]): entry for entry in listed}
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Interrupted(f"{self.host} did not answer as a model hub does; a login page in between?") from None
        if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
            raise Interrupted(f"{self.host} did not answer as a model hub does: no commit")
        names = sorted(name for name in entries if _WANTED.fullmatch(name))
        if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
            raise StoreError(f"{model} on {self.host} is no Qwen3-TTS checkpoint: it lacks config.json or safetensors")
        if len(names) > _FILES_MAX:
            raise StoreError(f"{model} on {self.host} is no Qwen3-TTS checkpoint: it has {len(names)} files")
        return Snapshot(model, commit, tuple(self._described(model, commit, name, entries[name]) for name in names))

    def _described(self, model: str, commit: str, name: str, entry: Mapping[str, Any]) -> RemoteFile:
        lfs = entry.get("lfs") if isinstance(entry.get("lfs"), dict) else {}
        size, sha256 = lfs.get("size", entry.get("size")), lfs.get("sha256")  # type: ignore[union-attr]  # see above
        if type(size) is not int:  # some mirrors list only the names
            with self._request("HEAD", self._address(model, commit, name), follow=False) as response:
                self._check_found(response, model, commit)
                size, sha256 = _sizes_of(response.headers)
        if type(size) is not int or size < 0:
            raise StoreError(f"{self.host} does not say how long {name} of {model} is")
        pinned = PINS[model].sha256.get(name) if model in PINS else None
        known = sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None
        if pinned and known and pinned != known:
            raise StoreError(f"{name} of {model} on {self.host} is not the file this version was made for")
        return RemoteFile(name, size, pinned or known)

    @contextmanager
    def open(self, snapshot: Snapshot, file: RemoteFile, offset: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The file's bytes and where they start: at ``offset``, or at 0 from a server that knows no ranges.

        Raises:
            Interrupted: if asking again may help; while iterating, too.
            Wrong: if the answer is not this file, or ``offset`` is past its end.
            StoreError: if the hub no longer has it.
        """
        headers = {"range": f"bytes={offset}-"} if offset else {}
        with self._request("GET", self._address(snapshot.model, snapshot.commit, file.name), headers) as response:
            if response.status_code == 416:
                raise Wrong("the server has nothing after what is here already")
            self._check_found(response, snapshot.model, snapshot.commit)
            start = _start_of(response, file, offset)
            yield start, self._pieces(response)

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        import httpx

        try:
            yield from response.iter_bytes()  # as they come: what a larger buffer holds at a break is lost
        except httpx.HTTPError as error:
            raise Interrupted(f"the connection to {response.url.host} broke ({first_line(error)})") from error

    def _address(self, model: str, commit: str, name: str) -> str:
        from huggingface_hub import hf_hub_url

        return hf_hub_url(model, name, revision=commit, endpoint=self.endpoint)

    @contextmanager
    def _request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, *, follow: bool = True
    ) -> Iterator[httpx.Response]:
        """An answer whose body is still to be read. Redirects are followed to the hub's own hosts only."""
        import httpx

        for _ in range(_REDIRECTS_MAX):
            request = self._client.build_request(method, url, headers={**(headers or {}), **self.authorization(url)})
            try:
                response = self._client.send(request, stream=True, follow_redirects=False)
            except httpx.HTTPError as error:
                raise Interrupted(f"{request.url.host} cannot be reached ({first_line(error)})") from error
            try:
                if not response.is_redirect or (not follow and "x-linked-size" in response.headers):
                    yield response
                    return
                url = urljoin(url, response.headers["location"])
                self._check_host(url)
            finally:
                response.close()
        raise Interrupted(f"{self.host} sends us in circles")

    def authorization(self, url: str) -> dict[str, str]:
        """The header that shows who we are: to the endpoint itself and to nobody it redirects to."""
        return self._authorization if _origin(url) == _origin(self.endpoint) else {}

    def _check_host(self, url: str) -> None:
        """Raise unless ``url`` is the endpoint's or one of the hub's own; a mirror may not point us at our own LAN."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        of_hub = any(host == domain or host.endswith(f".{domain}") for domain in _HUB_DOMAINS)
        if _origin(url) != _origin(self.endpoint) and not (of_hub and _origin(url) == ("https", host, 443)):
            raise StoreError(
                f"{self.host} sends us to {parts.netloc[:80]!r}, which is none of the hub's hosts: refused"
            )

    def _check_found(self, response: httpx.Response, model: str, revision: str | None) -> None:
        status = response.status_code
        if status in _LATER:
            raise Interrupted(f"{response.url.host} answered {status}; it may be busy")
        if status in (401, 403):  # the hub's answer for an unknown name, too, to somebody without a token
            raise StoreError(f"{model} is private, gated or not on {self.host}: set HF_TOKEN, or use {known_models()}")
        if status == 404 and model in PINS:
            raise StoreError(f"{self.host} does not have {model} at revision {revision or 'main'}")
        if status == 404:
            raise StoreError(f"{self.host} does not have {model}; there are {known_models()}")
        if status >= 400:
            raise StoreError(f"{response.url.host} answered {status} when asked for {model}")

    def _read_answer(self, response: httpx.Response) -> bytes:
        body = b""
        for piece in self._pieces(response):
            body += piece
            if len(body) > _ANSWER_BYTES_MAX:
                raise Interrupted(f"{self.host} did not answer as a model hub does: too much")
        return body


def is_offline() -> bool:
    """Whether the environment forbids downloads: 1, on, yes or true in ``HF_HUB_OFFLINE``, or where that is not set in
    ``TRANSFORMERS_OFFLINE``, as huggingface_hub reads them."""
    wanted = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return wanted.upper() in ("1", "ON", "YES", "TRUE")


def known_models() -> str:
    """The published ones, for messages."""
    return ", ".join(PINS)


def _sizes_of(headers: Mapping[str, str]) -> tuple[int | None, str | None]:
    size = headers.get("x-linked-size") or headers.get("content-length") or ""
    return int(size) if size.isdecimal() else None, (headers.get("x-linked-etag") or "").strip('"')


def _start_of(response: httpx.Response, file: RemoteFile, offset: int) -> int:
    """The first byte's place in the file, once the headers are those of this file."""
    headers = response.headers
    if headers.get("content-type", "").startswith("text/html"):
        raise Wrong(f"{response.url.host} sent a web page instead; a login page in between?")
    encoded = headers.get("content-encoding", "identity") != "identity"
    length = headers.get("content-length", "")
    if response.status_code == 206:
        match = re.fullmatch(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)", headers.get("content-range", ""))
        if encoded or match is None or int(match[1]) != offset or match[2] not in ("*", str(file.size_bytes)):
            raise Wrong(f"{response.url.host} sent another part of the file than asked for")
        return offset
    if length.isdecimal() and not encoded and int(length) != file.size_bytes:
        raise Wrong(f"{response.url.host} offers {length} bytes instead of {file.size_bytes}")
    return 0


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme)
