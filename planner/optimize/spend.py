"""Committed spend: what machines draw of it, how much is committed, and what that costs.

Given machines, the least that must be committed is C[c] = max_t Σ_o d[o]·m[o,t], so a plan needs to say nothing more.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.optimize.bounds import Bounds
from planner.optimize.program import Floats, Program, SpendColumns


def price(program: Program) -> Floats:
    """[C] Average cost of committing to a dollar an hour: what is owed of the term, over its share of all hours [1]."""
    spend = program.spend
    if spend is None:
        return np.zeros(0)
    cost: Floats = spend.owed * (spend.active @ program.counted)
    return cost


def drawn(columns: SpendColumns, machines: Floats) -> Floats:
    """[C, T] What machines [O, T] draw of each commitment [$/h]."""
    out = np.zeros((len(columns.name), machines.shape[1]))
    covered = columns.of >= 0
    np.add.at(out, columns.of[covered], columns.draw[covered, None] * machines[covered])
    return out


def committed(columns: SpendColumns, machines: Floats) -> Floats:
    """[C] What must be committed to for machines [O, T], C = max_t Σ_o d·m [$/h]."""
    held: Floats = drawn(columns, machines).max(axis=1, initial=0.0)
    return held


def cost(program: Program, machines: Floats) -> float:
    """Return what the commitments for machines [O, T] cost on average [$/h]."""
    return float(price(program) @ committed(program.spend, machines)) if program.spend is not None else 0.0


def nominal(program: Program) -> Floats:
    """[O] Price of a machine as if what it draws were used all the time [$/h]: to rank by, not to add up."""
    spend, hourly = program.spend, program.purchases.hourly
    if spend is None:
        return hourly
    ranked: Floats = hourly + np.where(spend.of >= 0, spend.draw * np.append(spend.owed, 0.0)[spend.of], 0.0)
    return ranked


def most(program: Program, bounds: Bounds) -> Floats:
    """[C] No plan commits to more than all machines that are of use draw [$/h]; finite."""
    if program.spend is None:
        return np.zeros(0)
    return np.minimum(program.spend.most, committed(program.spend, bounds.machines.astype(float)))


def charges(program: Program, fees: Floats | None) -> Floats | float:
    """[O, T] What machines pay for what they draw, at prices per dollar of each commitment [C, T]."""
    spend = program.spend
    if spend is None or fees is None:
        return 0.0
    fee = np.append(fees, np.zeros((1, fees.shape[1])), axis=0)[spend.of]
    charged: Floats = spend.draw[:, None] * fee
    return charged


def value(program: Program, bounds: Bounds, fees: Floats | None, dollar: float) -> float:
    """Return Σ_c min over 0 ≤ C ≤ C_max of C·(cost − Σ_t fee): what commitments add to the bound of `pricing` [$/h]."""
    if program.spend is None:
        return 0.0
    earned = 0.0 if fees is None else fees.sum(axis=1)
    return float((most(program, bounds) * np.minimum(dollar * price(program) - earned, 0.0)).sum())


def paid(program: Program, t: int, held: Floats) -> Program:
    """Return one period's program in which commitments [C] are made and paid for."""
    if program.spend is None:
        return program
    now = replace(program.spend, owed=np.zeros_like(program.spend.owed), active=program.spend.active[:, t : t + 1], most=held)
    return replace(program, spend=now)
