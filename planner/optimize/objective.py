"""The objective of a plan, computed from its decisions alone."""

from __future__ import annotations

import numpy as np

from planner.optimize import spend
from planner.optimize.model import Point
from planner.optimize.program import Floats, Program
from planner.optimize.ramps import ramp_cost
from planner.optimize.scenarios import TIE, one_by_one
from planner.optimize.variables import SECONDS_PER_HOUR


def _paid(cost: Floats, flow: Floats, share: Floats) -> float:
    """Σ cost·flow over streams, places and periods, skipping places that are not used [$/h]."""
    hourly = flow @ share * SECONDS_PER_HOUR
    return float((np.where(hourly > 0, cost, 0.0) * hourly).sum())


def objective(program: Program, point: Point) -> float:
    """What is minimized: the average cost, or (1 − ε)·(cost of the dearest scenario) + ε·(average cost) [$/h]."""
    if program.scenario is None:
        return average_cost(program, point)
    return (1.0 - TIE) * max(scenario_costs(program, point)) + TIE * average_cost(program, point)


def scenario_costs(program: Program, point: Point) -> list[float]:
    """[S] What a plan costs in each scenario, averaged over its hours [$/h]."""
    return [average_cost(one, point) for one in one_by_one(program)]


def average_cost(program: Program, point: Point) -> float:
    """Average cost: machines + committed spend + soft misses + API calls + pools + ways + ramps + what is paid in any case.

    Σ_o Σ_t w·(hourly + extra)·m + Σ_c price·C + 3600·Σ_t w·(Σ call_cost·x + Σ call_cost·z)
    + (pools with replicas: pool_cost + opening) + Σ_w cost·v
    + Σ_f Σ_p q·max(0, Σ_{k in f} c·(n[k,after p] − n[k,before p])) + already [$/h]
    """
    share = program.counted
    machines = float(program.purchases.hourly @ (point.machines @ share)) + spend.cost(program, point.machines)
    machines += 0.0 if program.purchases.extra is None else float(((program.purchases.extra * point.machines) @ share).sum())
    misses = _paid(program.pools.call_cost, point.flow, share)
    calls = _paid(program.apis.call_cost, point.api_flow, share)
    fixed = float(program.ways.cost @ point.ways)
    operated = program.operation(point.replicas) + ramp_cost(program, point.replicas)
    return machines + misses + calls + operated + fixed + program.already
