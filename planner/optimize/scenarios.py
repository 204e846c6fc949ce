"""The cost of the dearest scenario in place of the average: what each period counts in each scenario, and under prices.

    cost_s = Σ_{t of s} h[t]/H_s·(what is paid in t) + what is paid whatever period it is,   H_s = Σ_{t of s} h[t]
    minimized: (1 − ε)·max_s cost_s + ε·Σ_s (H_s/Σh)·cost_s   [$/h]

ε breaks ties: in scenarios that are not the dearest costs still count. As the average is no more than the most, what is minimized
is never above the cost of the dearest scenario, so a bound on it is one on that cost too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from planner.optimize.program import Floats, Program

TIE = 1e-3
"""ε: share of the average cost in what is minimized [1]."""


def expected(program: Program) -> Program:
    """Return the program in which the average cost is minimized."""
    return program if program.scenario is None else replace(program, scenario=None)


def one_by_one(program: Program) -> Iterator[Program]:
    """Yield for each scenario the program whose costs are the averages over its hours."""
    for share in shares(program):
        yield replace(program, scenario=None, weight=share)


def shares(program: Program) -> Floats:
    """[S, T] h[t]/H_s: share of each period in its scenario, 0 in others."""
    if program.scenario is None:
        return np.zeros((0, len(program.hours)))
    own = program.scenario == np.unique(program.scenario)[:, None]
    hours = own * program.hours
    share: Floats = hours / hours.sum(axis=1, keepdims=True)
    return share


def weighed(program: Program, dual: Floats, money: float, budget: float) -> Floats | None:
    """[T] What a dollar an hour of each period counts under prices, Σ = 1; None where the average cost is minimized.

    max_s cost_s ≥ Σ_s q[s]·cost_s for any q ≥ 0 with Σ q = 1, so with w̃[t] = Σ_s q[s]·h[t]/H_s in place of h[t]/Σh every bound
    stays one. The budget holds for the average: together (money·((1 − ε)·w̃ + ε·w) + budget·w)/(money + budget).

    Parameters
    ----------
    dual : [S] prices of the rows of scenarios, not negative
    money : whether costs count
    budget : price of a dollar of budget
    """
    if program.scenario is None or not money + budget:
        return None
    mean = program.counted
    dearest = dual / dual.sum() @ shares(program) if dual.sum() > 0 else mean
    weight: Floats = (money * ((1.0 - TIE) * dearest + TIE * mean) + budget * mean) / (money + budget)
    weight /= weight.sum()
    return weight
