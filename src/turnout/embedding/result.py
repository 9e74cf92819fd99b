"""What `embed` returns, and the table that its vectors are gathered in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from turnout.errors import ResponseError, TurnoutError
from turnout.responses import Attempt, Warning
from turnout.usage import Cost, Usage

if TYPE_CHECKING:
    from array import array
    from collections.abc import Sequence


class FailedTexts(Struct, frozen=True):
    """Texts that have no vectors because their request failed: their indexes from `start` to before `stop`, and why."""

    start: int
    stop: int
    error: TurnoutError


class Embeddings(Struct, kw_only=True):
    """Texts as vectors: ``(await embed("ovhcloud/bge-m3", ["one", "two"])).vectors``.

    `vectors` has a row for each text, in the order of the texts: a 2-D array of float32 where numpy is installed, else
    a list of lists of floats. `model` is the model as the provider names it (as it was asked for where it tells none).
    `usage` and `cost` (USD) are sums over all requests; `attempts` has each try. `failed` is empty unless
    ``on_error="keep"`` was asked for, or this is the `partial` of an error: the rows of its texts hold NaN.
    """

    vectors: Any
    model: str
    provider: str
    usage: Usage = Usage()
    cost: Cost = Cost()
    warnings: list[Warning] = []
    attempts: list[Attempt] = []
    failed: list[FailedTexts] = []

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, index: int) -> Any:
        return self.vectors[index]

    @property
    def dimensions(self) -> int:
        """How many numbers a vector has; 0 where there is none."""
        return len(self.vectors[0]) if len(self.vectors) else 0

    def __repr__(self) -> str:
        lost = f", {sum(each.stop - each.start for each in self.failed)} failed" if self.failed else ""
        return f"Embeddings({len(self)} × {self.dimensions}, {self.provider}/{self.model}, {self.usage}{lost})"


class VectorTable:
    """The rows of one call; those that are not there yet hold NaN."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._dimensions = 0
        self._numpy = _find_numpy()
        self._table: Any = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was put in yet."""
        return self._table is None

    def put(self, batch: range, vectors: Sequence[array[float]]) -> None:
        """Put in the rows of `batch`. Raises `ResponseError` for vectors that are not of one length."""
        lengths = {len(vector) for vector in vectors}
        if self._dimensions:
            lengths.add(self._dimensions)
        if len(lengths) > 1:
            told = " and ".join(map(str, sorted(lengths)))
            raise ResponseError(f"the provider sent vectors of {told} numbers: take another model, or smaller batches")
        if self._table is None:
            self._dimensions = lengths.pop()
            self._table = self._make(self._rows, self._dimensions)
        for index, vector in zip(batch, vectors, strict=True):
            self._table[index] = vector.tolist() if self._numpy is None else vector

    def finish(self) -> Any:
        """Return all rows; a table of no columns where nothing was put in."""
        return self._make(self._rows, 0) if self._table is None else self._table

    def _make(self, rows: int, columns: int) -> Any:
        if self._numpy is None:
            return [[float("nan")] * columns for _ in range(rows)]
        return self._numpy.full((rows, columns), float("nan"), dtype=self._numpy.float32)


def _find_numpy() -> Any:
    """Return numpy where it is installed; it is imported here and only here."""
    try:
        import numpy as np
    except ImportError:
        return None
    return np
