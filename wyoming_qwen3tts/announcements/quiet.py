"""Quiet hours: what may be heard at night, and how loud."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``begin`` until ``end``, by the clock on the wall; over midnight if ``end`` is earlier."""

    begin: time
    end: time

    @classmethod
    def parse(cls, hours: str) -> QuietHours | None:
        """``22:00-07:00``; None for nothing."""
        found = re.findall(r"(\d{1,2}):(\d{2})", hours)
        if not found:
            return None
        begin, end = (time(int(hour), int(minute)) for hour, minute in found)
        return cls(begin, end)

    def now(self, at: time) -> bool:
        """Whether it has to be quiet at ``at``."""
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end
