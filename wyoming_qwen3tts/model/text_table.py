"""The text side of the talker's input: the largest tensor of the checkpoint, of which a sentence needs twenty rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..util.lru import LruCache
from .talker import TextProjection

CACHED_ROWS = 4096  # a house's working vocabulary; 8 MB in bfloat16 at 1,024 wide


def onto(device: torch.device, tensor: Tensor) -> Tensor:
    """``tensor`` there. A copy to a card waits for nothing: from memory that is not pinned it would wait for the frame
    that is being made."""
    if device.type != "cuda" or tensor.is_cuda:
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


class TextTable:
    """Text ids to talker-wide embeddings.

    Lazily (the default): rows are read from ``table``, which may be a mapped file on the CPU, and projected when first
    needed; the latest are kept. After `project_all`, every row is at hand on the projection's device.
    """

    def __init__(self, table: Tensor, projection: TextProjection, kept: int = CACHED_ROWS) -> None:
        self._table = table
        self._projection = projection
        self._projected: Tensor | None = None
        self._rows = LruCache[Tensor](kept)

    def project_all(self, rows_at_once: int = 8192) -> None:
        """Project the whole table once (GPU: a quarter of a second buys a look-up in place of the projection)."""
        self._projected = torch.cat([self._project(rows) for rows in self._table.split(rows_at_once)])
        self._rows.clear()

    def embed(self, ids: Sequence[int]) -> Tensor:
        """``[len(ids), hidden]`` in the projection's device and dtype."""
        if self._projected is not None:
            return self._projected[onto(self._projected.device, torch.tensor(ids, dtype=torch.int64))]
        if not ids:
            weight = self._projection.down.weight
            return weight.new_empty(0, weight.shape[0])
        rows = {id_: row for id_ in dict.fromkeys(ids) if (row := self._rows.get(id_)) is not None}
        missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in rows]
        if missing:
            projected = self._project(self._table[torch.tensor(missing, device=self._table.device)]).unbind()
            for id_, row in zip(missing, projected, strict=True):
                rows[id_] = row
                self._rows.put(id_, row)
        return torch.stack([rows[id_] for id_ in ids])

    def _project(self, rows: Tensor) -> Tensor:
        weight = self._projection.up.weight
        return self._projection(onto(weight.device, rows).to(weight.dtype))  # type: ignore[no-any-return]
