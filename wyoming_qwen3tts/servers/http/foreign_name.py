"""What somebody sees in a browser who opens the page by a name that a stranger may own: which name, and what to do."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from fastapi.responses import HTMLResponse

from ...announcements.address import in_container
from ...speech.languages import LANGUAGES

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 10vh auto; padding: 0 1.25rem; overflow-wrap: break-word; }
code { font-size: .9375rem; }
"""
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{style}</style></head>
<body><h1>{title}</h1>{body}</body>
</html>
"""


def is_for_eyes(headers: Mapping[str, str]) -> bool:
    """Whether a person asks, with a browser."""
    return "text/html" in headers.get("accept", "").lower()


def address(base_url: str, server: tuple[str, int | None] | None) -> str | None:
    """One that works: as the settings have it, else the address that was just asked. None where that is inside of a
    container, or not known."""
    if base_url or server is None or in_container():
        return base_url or None
    host, port = server
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def page(name: str, works: str | None, accept_language: str) -> HTMLResponse:
    """The page, in one of the browser's languages."""
    language = _wanted(accept_language)
    words = _words(language)
    body = [
        _paragraph(words["host.why"], name=name),
        _paragraph(words["host.add"]),
        f"<p><code>--http.hosts {html.escape(name)}</code></p>",
        f"<p><code>QWEN3TTS_HTTP__HOSTS={html.escape(name)}</code></p>",
    ]
    if works is not None:
        link = f'<a href="{html.escape(works)}">{html.escape(works)}</a>'
        body.append(f"<p>{html.escape(words['host.works'])} {link}</p>")
    content = _PAGE.format(
        language=language, style=_STYLE, title=html.escape(words["host.title"]), body="\n".join(body)
    )
    headers = {
        "Content-Security-Policy": _POLICY,
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Vary": "Accept, Accept-Language",
    }
    return HTMLResponse(content, 403, headers)


def _paragraph(text: str, **holes: str) -> str:
    text = html.escape(text)
    for hole, value in holes.items():
        text = text.replace(f"{{{hole}}}", f"<code>{html.escape(value)}</code>")
    return f"<p>{text}</p>"


def _wanted(accept_language: str) -> str:
    """The first of ours that the browser names; its order is that of its user's wishes."""
    for part in accept_language.split(","):
        code = part.partition(";")[0].strip()[:2].lower()
        if code in LANGUAGES:
            return code
    return "en"


@cache
def _words(language: str) -> dict[str, str]:
    """The page's own words; a file of the package that is read once."""
    words = json.loads((files("wyoming_qwen3tts") / "web" / "i18n" / f"{language}.json").read_text(encoding="utf-8"))
    return {key: text for key, text in words.items() if key.startswith("host.")}
