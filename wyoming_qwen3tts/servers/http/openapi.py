"""``/openapi.json``, and a page that shows it without any file from elsewhere: a house may have no internet."""

from __future__ import annotations

import html
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse

_ERRORS = {
    400: "Something in the request is wrong; `param` names it.",
    401: "A key is needed.",
    403: "This may not be done, or not from there.",
    404: "There is no such voice, model or address.",
    405: "This address does not take this method.",
    408: "The body, or text, came too slowly.",
    409: "This server cannot do this as it is set up now.",
    413: "The body or the text is too long.",
    415: "The body must be of another type.",
    431: "The headers are too long.",
    500: "Our fault; the log of the server says more.",
    503: "Busy or loading: try again after `Retry-After` seconds.",
}
_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
summary { cursor: pointer; padding: .3rem 0 }
code { font: 14px/1.4 ui-monospace, monospace }
b { display: inline-block; min-width: 4.5rem }
td { padding: .2rem .8rem .2rem 0; vertical-align: top }
"""


def install(app: FastAPI) -> None:
    """Describe ``app`` by its own words, our errors instead of FastAPI's."""

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _with_our_errors(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's own way to change it


def routes(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def schema() -> JSONResponse:
        return JSONResponse(app.openapi())

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(page(app.openapi()), headers={"Content-Security-Policy": _POLICY})

    return router


_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"


def _with_our_errors(schema: dict[str, Any]) -> dict[str, Any]:
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Error"] = _ERROR
    schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, methods in schema["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            if path == "/health/live":
                continue
            operation["security"] = [{"key": []}, {}]
            for status, words in _ERRORS.items():
                error = {"schema": {"$ref": "#/components/schemas/Error"}}
                told = {"description": words, "content": {"application/json": error}}
                operation["responses"].setdefault(str(status), told)
    return schema


def page(schema: dict[str, Any]) -> str:
    """The whole API on one page, without a line of script."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>"
        f"{html.escape(schema['info']['title'])}: API</title><style>{_STYLE}</style><main><h1>The API</h1>",
        f"<p>{html.escape(schema['info'].get('description', ''))}</p><p><a href=openapi.json>openapi.json</a></p>",
    ]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(path, method, operation, schema["components"]["schemas"]))
    return "".join([*parts, "</main></html>"])


def _operation(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    fields = [
        (one["name"], one["schema"], one.get("required", False), one.get("description", ""))
        for one in operation.get("parameters", ())
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = _resolved(content["schema"], schemas)
        needed = body.get("required", ())
        fields += [
            (name, schema, name in needed, schema.get("description", ""))
            for name, schema in body.get("properties", {}).items()
        ]
    rows = "".join(
        f"<tr><td><code>{html.escape(name)}</code>{' *' if needed else ''}<td>{html.escape(_kind(schema))}"
        f"<td>{html.escape(words)}"
        for name, schema, needed, words in fields
    )
    return (
        f"<details><summary><b>{method.upper()}</b><code>{html.escape(path)}</code> "
        f"{html.escape(operation.get('summary', ''))}</summary><table>{rows}</table></details>"
    )


def _resolved(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    for option in (schema, *schema.get("anyOf", ()), *schema.get("allOf", ())):
        if "$ref" in option:
            found: dict[str, Any] = schemas[option["$ref"].rsplit("/", 1)[1]]
            return found
    return schema


def _kind(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_kind(option) for option in schema["anyOf"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[1]
    default = f" = {schema['default']}" if schema.get("default") is not None else ""
    return f"{schema.get('const', schema.get('type', 'any'))}{default}"
