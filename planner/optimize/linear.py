"""A mixed-integer linear model as flat arrays: built in bulk, then handed to a solver or written out.

MathOpt's own model objects cost a few microseconds per coefficient; the models here have millions. So families of
variables and rows are added as arrays, and names are made only when somebody wants to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.optimize.program import Bools, Floats, Ints

Namer = Callable[[], Sequence[str]]


def _join(parts: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0, kind)


def _spread(value: Any, count: int) -> Floats:
    """Return a value for each of a family: as it is, or repeated."""
    given = np.asarray(value, float)
    return given if given.shape == (count,) else np.full(count, given)


@dataclass
class Linear:
    """min cost·v subject to row_lower <= A v <= row_upper, lower <= v <= upper, some v integer."""

    variables: int = 0
    """Number of variables so far."""
    rows: int = 0
    """Number of rows so far."""
    _bounds: list[tuple[Floats, Floats, Bools, Floats]] = field(default_factory=list)
    _variable_names: list[Namer] = field(default_factory=list)
    _row_bounds: list[tuple[Floats, Floats]] = field(default_factory=list)
    _row_names: list[Namer] = field(default_factory=list)
    _terms: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)

    def add_variables(self, count: int, lower: Any, upper: Any, cost: Any, *, integer: bool, names: Namer) -> Ints:
        """Add a family of variables; scalars are repeated. Returns their ids."""
        first, self.variables = self.variables, self.variables + count
        if count:
            low, high, price = (_spread(a, count) for a in (lower, upper, cost))
            self._bounds.append((low, high, np.full(count, integer), price))
            self._variable_names.append(names)
        return np.arange(first, self.variables, dtype=np.int64)

    def add_rows(self, count: int, lower: Any, upper: Any, *, names: Namer) -> Ints:
        """Add a family of rows without terms; scalars are repeated. Returns their ids."""
        first, self.rows = self.rows, self.rows + count
        if count:
            self._row_bounds.append((_spread(lower, count), _spread(upper, count)))
            self._row_names.append(names)
        return np.arange(first, self.rows, dtype=np.int64)

    def add_terms(self, rows: Any, columns: Any, values: Any) -> None:
        """Add coefficients, broadcast together; each place at most once, zeros dropped."""
        r, c, v = np.asarray(rows), np.asarray(columns), np.asarray(values, float)
        if not (r.size and c.size and v.size):
            return
        if not r.shape == c.shape == v.shape:
            r, c, v = np.broadcast_arrays(r, c, v)
        keep = v.ravel() != 0
        self._terms.append((r.ravel()[keep].astype(np.int64), c.ravel()[keep].astype(np.int64), v.ravel()[keep]))

    @property
    def lower(self) -> Floats:
        """[V] Lower bounds."""
        return _join([b[0] for b in self._bounds], float)

    @property
    def upper(self) -> Floats:
        """[V] Upper bounds."""
        return _join([b[1] for b in self._bounds], float)

    @property
    def integer(self) -> Bools:
        """[V] Which must be whole."""
        return _join([b[2] for b in self._bounds], bool)

    @property
    def cost(self) -> Floats:
        """[V] Objective coefficients."""
        return _join([b[3] for b in self._bounds], float)

    @property
    def row_lower(self) -> Floats:
        """[rows] Lower sides."""
        return _join([b[0] for b in self._row_bounds], float)

    @property
    def row_upper(self) -> Floats:
        """[rows] Upper sides."""
        return _join([b[1] for b in self._row_bounds], float)

    @property
    def variable_names(self) -> list[str]:
        """[V] Names."""
        return [name for namer in self._variable_names for name in namer()]

    @property
    def row_names(self) -> list[str]:
        """[rows] Names."""
        return [name for namer in self._row_names for name in namer()]

    def without_costs(self) -> Linear:
        """Return the same model with an objective of zero; variables added later may have costs."""
        free = [(low, high, whole, np.zeros(len(low))) for low, high, whole, _ in self._bounds]
        return replace(self, _bounds=free, _variable_names=[*self._variable_names], _terms=[*self._terms])

    def costs_in_part(self, share: float) -> None:
        """Let all variables so far cost this share of what they did."""
        self._bounds = [(low, high, whole, share * cost) for low, high, whole, cost in self._bounds]

    def triplets(self) -> tuple[Ints, Ints, Floats]:
        """Rows, columns and values of A, in row-major order."""
        rows, columns, values = (_join([t[i] for t in self._terms], kind) for i, kind in enumerate((int, int, float)))
        order = np.lexsort((columns, rows))
        return rows[order], columns[order], values[order]
