"""R27: ten seconds of ``script/attack``; a minute is for whoever changes a server, on a machine that does nothing else:
how soon the first audio comes is judged only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from .attack import attack
from .attacker import Attacker


@pytest.mark.timing  # how quickly a quiet host is answered
@pytest.mark.timeout(200)
async def test_whatever_strangers_do_at_once_a_quiet_host_is_served_and_nothing_is_left(tmp_path: Path) -> None:
    outcome = await attack(tmp_path, 10)
    print(outcome)  # noqa: T201

    assert outcome.wrong == []
    done = {name.partition(":")[0] for name in outcome.done}
    assert {kind.__name__ for kind in Attacker("127.0.0.2", 1, 2, 3, 0).kinds()} <= done
