"""Write a linear model in LP format, for people to read and other solvers to solve."""

from __future__ import annotations

import numpy as np

from planner.optimize.bounds import bounds
from planner.optimize.check import check
from planner.optimize.linear import Linear
from planner.optimize.model import build
from planner.optimize.program import Program

TERMS_PER_LINE = 8


def export_lp(program: Program) -> str:
    """Write the whole model of a program, all cuts included."""
    check(program)
    return lp_text(build(program, bounds(program)).linear)


def lp_text(model: Linear) -> str:
    """Write a model: objective, rows, bounds, whole variables, each in order and by name."""
    names = model.variable_names
    cost = model.cost
    (priced,) = np.nonzero(cost)
    objective = _sum([(names[v], cost[v]) for v in priced.tolist()])
    sections = [
        f"Minimize\n cost: {objective}",
        "\n".join(["Subject To", *_rows(model, names)]),
        "\n".join(["Bounds", *_bounds(model, names)]),
        "\n".join(["General", *(f" {names[v]}" for v in np.nonzero(model.integer)[0].tolist())]),
        "End",
    ]
    return "\n".join(sections) + "\n"


def _sum(terms: list[tuple[str, float]]) -> str:
    """Write `+ 2 a − b`, a few terms a line; LP readers limit the length of lines."""
    parts = [f"{'-' if value < 0 else '+'} {'' if abs(value) == 1 else f'{abs(value):.12g} '}{name}" for name, value in terms]
    lines = [" ".join(parts[i : i + TERMS_PER_LINE]) for i in range(0, len(parts), TERMS_PER_LINE)]
    return "\n   ".join(lines).removeprefix("+ ") or "0"


def _rows(model: Linear, names: list[str]) -> list[str]:
    rows, columns, values = model.triplets()
    starts = np.searchsorted(rows, np.arange(model.rows + 1))
    low, high = model.row_lower, model.row_upper
    out = []
    for i, name in enumerate(model.row_names):
        part = slice(starts[i], starts[i + 1])
        # A row without variables (a stream nothing may serve) is kept by naming the first variable zero times.
        terms = (
            f"0 {names[0]}"
            if starts[i] == starts[i + 1]
            else _sum([(names[c], v) for c, v in zip(columns[part].tolist(), values[part].tolist(), strict=True)])
        )
        out.append(f" {name}: {terms} {_side(low[i], high[i])}")
    return out


def _side(low: float, high: float) -> str:
    """Write the right-hand side; no row is bounded on both."""
    if low == high:
        return f"= {high:.12g}"
    return f">= {low:.12g}" if np.isinf(high) else f"<= {high:.12g}"


def _bounds(model: Linear, names: list[str]) -> list[str]:
    return [
        f" {low:.12g} <= {name}" + ("" if np.isinf(high) else f" <= {high:.12g}")
        for name, low, high in zip(names, model.lower.tolist(), model.upper.tolist(), strict=True)
    ]
