"""The text side of the talker's input: the largest tensor of the checkpoint, of which a sentence needs twenty rows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from .talker import TextProjection

CACHED_ROWS = 4096  # a house's working vocabulary; 8 MB in bfloat16 at 1,024 wide


class TextTable:
    """Text ids to talker-wide embeddings.

    Lazily (the default): rows are read from ``table``, which may be a mapped file on the CPU, and projected when first
    needed; the latest are kept. After `project_all`, every row is at hand on the projection's device.
    """

    def __init__(self, table: Tensor, projection: TextProjection) -> None:
        self._table = table
        self._projection = projection
        self._projected: Tensor | None = None
        self._rows: OrderedDict[int, Tensor] = OrderedDict()

    def project_all(self, rows_at_once: int = 8192) -> None:
        """Project the whole table once (GPU: a quarter of a second buys a look-up in place of the projection)."""
        self._projected = torch.cat([self._project(rows) for rows in self._table.split(rows_at_once)])
        self._rows.clear()

    def embed(self, ids: Sequence[int]) -> Tensor:
        """``[len(ids), hidden]`` in the projection's device and dtype."""
        if self._projected is not None:
            return self._projected[torch.tensor(ids, dtype=torch.int64, device=self._projected.device)]
        missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._rows]
        if missing:
            rows = self._project(self._table[torch.tensor(missing, device=self._table.device)])
            self._rows.update(zip(missing, rows.unbind(), strict=True))
        if not ids:
            weight = self._projection.down.weight
            return weight.new_empty(0, weight.shape[0])
        picked = torch.stack([self._rows[id_] for id_ in ids])
        for id_ in ids:
            self._rows.move_to_end(id_)
        while len(self._rows) > CACHED_ROWS:
            self._rows.popitem(last=False)
        return picked

    def _project(self, rows: Tensor) -> Tensor:
        weight = self._projection.up.weight
        if weight.is_cuda and not rows.is_cuda:
            rows = rows.pin_memory()  # so that the copy waits for nothing
        return self._projection(rows.to(weight.device, weight.dtype, non_blocking=True))  # type: ignore[no-any-return]
