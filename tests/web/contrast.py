"""How well what shows a control stands out (WCAG 1.4.11): the contrast of its edge, its own ground or its sign."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from playwright.async_api import Page

ENOUGH = 3.0

_MEASURE = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


async def too_faint(page: Page, *, hover: bool = False) -> list[str]:
    """What stands out too little, one line each; with ``hover`` also with the pointer on one of each
    kind. The page must have been opened with reduced motion, or colours are measured on their way."""
    measured: list[dict[str, Any]] = await page.evaluate(f"({_MEASURE})()")
    assert any(one["index"] >= 0 for one in measured), "no control was found"
    faint = [f"{one['least']:.2f}: {one['what']}" for one in measured if one["least"] < ENOUGH]
    if not hover:
        return faint
    kinds = {one["kind"]: one["index"] for one in measured if one["index"] >= 0}
    for index in kinds.values():
        x, y = await page.evaluate(f"({_MEASURE})({index})")
        await page.mouse.move(x, y)
        again = next((two for two in await page.evaluate(f"({_MEASURE})()") if two["index"] == index), None)
        if again is not None and again["least"] < ENOUGH:
            faint.append(f"{again['least']:.2f} with the pointer on it: {again['what']}")
    await page.mouse.move(0, 0)
    return faint
