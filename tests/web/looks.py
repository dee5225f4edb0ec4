"""What is wrong with how a view looks: for those who see little, use no mouse, or have a small screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_core_python
from playwright.async_api import Page

from tests.web.contrast import too_faint

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


async def faults(page: Page, *, hover: bool = False) -> list[str]:
    """What axe finds, one line a rule, what is wider than the screen, and which controls stand out too little."""
    found: dict[str, Any] = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    lines = [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found["violations"]
    ]
    width, shown = await page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    if width > shown:
        lines.append(f"{width - shown} px are outside of the screen")
    return lines + await too_faint(page, hover=hover)
