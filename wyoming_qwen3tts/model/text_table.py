"""The text side of the talker's input: the largest tensor of the checkpoint, of which a sentence needs twenty rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..util.lru import LruCache
from .talker import TextProjection

CACHED_ROWS = 4096  # a house's working vocabulary; 8 MB in bfloat16 at 1,024 wide


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
            return self._projected[torch.tensor(ids, dtype=torch.int64, device=self._projected.device)]
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
        if weight.is_cuda and not rows.is_cuda:
            rows = rows.pin_memory()  # so that the copy waits for nothing
        return self._projection(rows.to(weight.device, weight.dtype, non_blocking=True))  # type: ignore[no-any-return]
