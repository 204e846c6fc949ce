"""What following demand is worth: the plan beside the same pools sized for their peak all the time, and beside the floor.

Static sizing is the cheapest plan over the pools that run in which nothing changes from period to period: every machine is held
all the time. The floor is the fewest accelerator-hours with which any policy could serve the same calls on the pools that run:
the linear relaxation with accelerator-hours for cost, replicas and machines in parts, in each period or, for calls that may wait,
over all of them. What the plan holds above it goes to whole replicas and machines, spares, minimums, commitments and starts: the
hours of replicas that start ahead of need and stay beyond it count as held.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.domain.plan_procurement import Sizing
from planner.optimize.bounds import bounds
from planner.optimize.holdings import in_periods, some
from planner.optimize.model import restrict
from planner.optimize.program import NO_SCALING, ApiColumns, Bools, Program
from planner.optimize.ramps import by_family, start_costs
from planner.optimize.relax import relax
from planner.optimize.scenarios import expected
from planner.plan.again import solved_again
from planner.plan.solved import Solved


def sizing(solved: Solved) -> Sizing | None:
    """Return what the plan's machines do beside the floor and static sizing; None for one period or without machines.

    Parameters
    ----------
    solved : the optimizer's answer
    """
    program, outcome = solved.assembled.program, solved.outcome
    rented = np.flatnonzero(program.purchases.cell < len(solved.search.supply.cells))  # beyond stand the units of APIs
    held = outcome.machines[rented] @ program.hours @ program.cells.gpus[program.purchases.cell[rented]]
    if len(program.hours) == 1 or not held:
        return None
    paid = float(held) + _started_hours(solved)
    return Sizing(gpu_hours=paid, floor_gpu_hours=_floor(solved), static_cost=_static_cost(solved))


def _started_hours(solved: Solved) -> float:
    """Return the accelerator-hours of a cycle that starts take of rented machines."""
    program, outcome = solved.assembled.program, solved.outcome
    scaling = program.scaling
    if not len(scaling.times):
        return 0.0
    grown = outcome.replicas[:, scaling.after] - outcome.replicas[:, scaling.before]
    hours = np.where(start_costs(program) > 0, scaling.hours * program.pools.gpus, 0.0)
    return float((np.maximum(by_family(program, hours[:, None] * grown), 0.0) * scaling.times).sum())


def _floor(solved: Solved) -> float:
    """Return the fewest accelerator-hours of a cycle that serve the calls the plan serves on machines."""
    whole, outcome = expected(solved.assembled.program), solved.outcome
    own = np.flatnonzero((outcome.replicas > 0).any(axis=1) & ~whole.pools.sold)
    served = restrict(whole.along(outcome.ways), own)
    buy, count = served.purchases, len(served.streams)
    counted = replace(
        served,
        rate=outcome.flow[:, own].sum(axis=1),
        pools=replace(
            served.pools,
            call_cost=np.zeros_like(served.pools.call_cost),
            least=np.ones_like(served.pools.least),
            spare=np.zeros_like(served.pools.spare),
            opening=None,
        ),
        purchases=replace(
            buy,
            hourly=served.cells.gpus[buy.cell].astype(float),
            committed=np.zeros(len(buy.name), dtype=bool),
            active=np.ones_like(buy.active),
            limit=np.full(len(buy.name), np.inf),
            extra=None,
            held=None,
        ),
        apis=ApiColumns((), np.zeros((count, 0)), np.zeros((len(served.apis.limits), count, 0))),
        gpu_limits=(),
        budget=np.inf,
        power=np.inf,
        machine_limits=(),
        average_limits=(),
        min_replicas=1,
        one_size=False,
        pool_cost=0.0,
        max_pools=None,
        averages=(),
        standing=None,
        sellers=None,
        spend=None,
        scaling=NO_SCALING,
    )
    return relax(counted, bounds(counted), lambda _: None).bound * float(whole.hours.sum())


def _static_cost(solved: Solved) -> float | None:
    """Return the average cost of the cheapest plan over the same pools that holds every machine all the time [$/h]."""
    whole, outcome = expected(solved.assembled.program), solved.outcome
    best = solved_again(solved, _peaks(_unchanging(whole.along(outcome.ways))), wider=False)
    return None if best is None else best.cost + float(whole.ways.cost @ outcome.ways)


def _unchanging(program: Program) -> Program:
    """Return the choice in which every machine is held in all periods, of those that are there in all."""
    stay = np.flatnonzero(program.purchases.active.all(axis=1))
    kept = some(program, stay)
    committed = replace(kept.purchases, committed=np.ones(len(stay), dtype=bool))
    return replace(kept, purchases=committed, scaling=NO_SCALING)


def _peaks(program: Program) -> Program:
    """Return the choice over the periods that no other outdoes, where nothing is paid but for what is held all the time.

    What serves one period serves every other that has no more calls of any stream.
    """
    buy, rate = program.purchases, program.rate
    by_use = np.where(np.isfinite(program.pools.call_cost), program.pools.call_cost, 0.0).any() or len(program.apis.name) > 0
    tied = len(program.averages) + len(program.average_limits) > 0 or bool(program.movable.any())
    if by_use or tied or any(part is not None for part in (buy.extra, program.spend, program.standing)):
        return program
    outdone: Bools = np.all(rate[:, :, None] <= rate[:, None, :], axis=0)
    alike = outdone & outdone.T
    outdone &= ~(alike & np.tri(len(outdone), dtype=bool).T)  # of periods that are alike the first stays
    leading: Bools = np.logical_not(np.any(outdone, axis=1))
    return in_periods(program, leading)
