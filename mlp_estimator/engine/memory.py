"""Memory for the arrays of a run."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .members import Array


class Workspace:
    """Arrays by name, allocated once for the widest batch of a run and read at any narrower one."""

    def __init__(self, n_members: int, max_batch: int, dtype: np.dtype[Any]):
        self.n_members, self.max_batch, self.dtype = n_members, max_batch, dtype
        self._flat: dict[object, Array] = {}

    def array(
        self,
        name: object,
        width: int,
        batch: int,
        *,
        max_width: int | None = None,
        order: Literal["C", "F"] = "C",
        shared: bool = False,
    ) -> Array:
        """Return (M, width, batch), each member in C or Fortran order.

        ``max_width`` reserves memory for other widths of this name; ``shared`` is one array for all members, (1, width,
        batch).
        """
        n_members = 1 if shared else self.n_members
        if name not in self._flat:
            self._flat[name] = np.empty(n_members * (max_width or width) * max(self.max_batch, batch), self.dtype)
        memory = self._flat[name][: n_members * width * batch]
        if order == "F":
            return memory.reshape(n_members, batch, width).swapaxes(1, 2)
        return memory.reshape(n_members, width, batch)
