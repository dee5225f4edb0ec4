"""Fair shares of something that there is only so much of: they hold only while others want some."""

from __future__ import annotations

from collections.abc import Mapping


def share(total: int, least: int) -> int:
    """What one holder may have of ``total`` while others want some: half of them, and ``least`` in any case."""
    return max(least, total // 2)


def who_gives_way(held: Mapping[str, int], asker: str, share: int) -> list[str]:
    """The holders one of whom has to give one to ``asker``, now that all are taken: the greediest first.

    Empty if ``asker`` has its share already, or if nobody has two more than it: giving one up would then only change
    who is short. So whoever asks again and again ends with as much as the greediest, and takes from nobody any more.
    """
    own = held.get(asker, 0)
    if own >= share:
        return []
    greedy = [holder for holder, count in held.items() if count > own + 1]
    return sorted(greedy, key=lambda holder: -held[holder])
