"""Where speakers fetch announcements: ``/announce/<unguessable>.wav``. Whoever knows the name may have the sound."""

from __future__ import annotations

import re

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from ....announcements.clips import PREFIX, Clip, ClipStore
from ...connections import Use
from ..auth import LinkedRouter
from ..streaming import used_for

_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def routes(clips: ClipStore) -> LinkedRouter:
    """The clips of ``clips``.

    While a clip grows it is sent in chunks and without Range; afterwards with Content-Length, Range and HEAD, which
    Sonos and Cast ask for.
    """
    router = LinkedRouter()

    @router.api_route(f"{PREFIX}/{{name}}", methods=["GET", "HEAD"], include_in_schema=False)
    async def announcement(name: str, request: Request) -> Response:
        clip = clips.find(name)
        if clip is None:
            return Response("This announcement is over, or never was.\n", 404, media_type="text/plain")
        used_for(request, Use.SPOKEN)
        return _answer(clip, request)

    return router


def _answer(clip: Clip, request: Request) -> Response:
    head_only = request.method == "HEAD"
    headers = {
        "Content-Type": clip.content_type,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes" if clip.finished else "none",
    }
    if not clip.finished:
        return _no_length(headers) if head_only else StreamingResponse(clip.read(), headers=headers)
    size = len(clip.data)
    status, start, end = _range(request.headers.get("range"), size)
    if status == 416:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    if head_only:
        return Response(status_code=status, headers=headers)
    return StreamingResponse(clip.read(start, end), status, headers=headers)


def _no_length(headers: dict[str, str]) -> Response:
    """The answer to HEAD for a file whose length nobody knows yet."""
    answer = Response(headers=headers)
    del answer.headers["content-length"]
    return answer


def _range(asked: str | None, size: int) -> tuple[int, int, int]:
    """Status, start and end of what ``Range`` asks for; what is not one plain range is answered with everything."""
    found = _RANGE.fullmatch(asked.strip()) if asked else None
    if found is None or not (found[1] or found[2]):
        return 200, 0, size
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
        return (206, start, end) if int(found[2]) else (416, 0, 0)
    start, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    return (206, start, end) if start < end else (416, 0, 0)
