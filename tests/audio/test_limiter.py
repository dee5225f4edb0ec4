"""The limiter on sound that is still being made."""

from __future__ import annotations

import numpy as np
import pytest

from wyoming_qwen3tts.audio.limiter import Limiter
from wyoming_qwen3tts.audio.loudness import limit

from .sounds import FRAME, RATE, in_pieces, syllables


@pytest.mark.parametrize("size", [37, 500, FRAME, 4 * FRAME, 10**6])
def test_pieces_are_limited_like_the_whole(size: int) -> None:
    loud = syllables(2.3) * np.float32(8)
    limiter = Limiter(RATE)

    assert np.allclose(in_pieces(loud, size, limiter.add, limiter.close), limit(loud, RATE), atol=1e-6)
    assert limiter.lost_db > 0.3


def test_a_frame_is_handed_on_but_for_its_last_11_ms() -> None:
    assert len(Limiter(RATE).add(syllables(1)[:FRAME])) == FRAME - RATE * 11 // 1000
