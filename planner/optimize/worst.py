"""The cost of the dearest scenario as a variable: it is at least the cost of each.

min (1 − ε)·θ + ε·Σ_v cost[v]·v   subject to   Σ_v cost[s,v]·v ≤ θ for each scenario s
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.optimize.bounds import Bounds
from planner.optimize.layout import Layout, Rows
from planner.optimize.linear import Linear
from planner.optimize.program import Floats, Program
from planner.optimize.scenarios import TIE, one_by_one
from planner.optimize.variables import label, variables


def dearest(model: Linear, program: Program, bounds: Bounds, at: Layout, rows: Rows) -> tuple[Layout, Rows]:
    """Let the cost of the dearest scenario be minimized, once all else is there; as it is where the average is."""
    if program.scenario is None:
        return at, rows
    costs = np.array([_costs(one, bounds) for one in one_by_one(program)])
    model.costs_in_part(TIE)
    worst = model.add_variables(1, 0, np.inf, 1.0 - TIE, integer=False, names=lambda: ["worst"])
    names = [label("scenario", str(s)) for s in range(len(costs))]
    made = model.add_rows(len(costs), -np.inf, 0, names=lambda: names)
    s, v = np.nonzero(costs)
    model.add_terms(made[s], v, costs[s, v])
    model.add_terms(made, worst, -1)
    return replace(at, worst=worst, by_scenario=costs), replace(rows, worst=made)


def _costs(program: Program, bounds: Bounds) -> Floats:
    """[V] What each variable costs."""
    scratch = Linear()
    variables(scratch, program, bounds)
    return scratch.cost
