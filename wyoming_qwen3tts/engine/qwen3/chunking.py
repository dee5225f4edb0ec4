"""How many frames to gather before they are decoded and sent. Few at first, more as the listener's buffer fills."""

from __future__ import annotations

from dataclasses import dataclass

# Of the buffer, the share that making the next chunk may use up: what is left covers a frame that takes longer.
_SAFE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class ChunkPolicy:
    """One frame first, then no more than the measured lead can bridge, doubling up to ``most_frames``.

    Larger chunks cost the codec less per frame, but a jump from 1 to 25 frames is a hole of a second
    (vllm-project/vllm-omni#4913): a chunk must be made before what was sent has been played.
    """

    most_frames: int = 4

    def frames(self, last: int, lead_s: float, frame_cost_s: float) -> int:
        """The size of the next chunk, after one of ``last`` frames (0: nothing was sent yet).

        ``lead_s`` is how long the listener can still play; ``frame_cost_s`` how long a frame takes to make at present.
        """
        if last == 0:
            return 1
        bridged = int(_SAFE_SHARE * max(0.0, lead_s) / frame_cost_s) if frame_cost_s > 0 else self.most_frames
        return max(1, min(bridged, 2 * last, self.most_frames))
