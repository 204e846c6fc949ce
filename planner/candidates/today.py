"""What runs today: which deployments, in which places; and what it costs to set up another.

A pool that runs today is told by its deployment and place: model, precisions, engine, layout, drafts, machine and region. Its
service level and number of replicas may change at no cost, and it may be split. Setting up any other costs, once,

    opening = per_pool / hours,   hours of the horizon, or of `over` months where there is none   [$/h]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from planner.domain.plan import Plan
from planner.domain.plan_pools import Deployment, Pool
from planner.domain.problem import Problem
from planner.units import HOURS_PER_MONTH

if TYPE_CHECKING:
    from planner.candidates.build import Search
    from planner.candidates.space import Space

Key = tuple[object, ...]
Place = tuple[str, str, bool]


def opening_cost(problem: Problem) -> float:
    """Return what a pool costs that does not run today, spread over time [$/h]."""
    moving = problem.operations.moving
    dated = all(period.months is not None for period in problem.periods)
    return moving.per_pool / (problem.cycle_hours if dated else moving.over * HOURS_PER_MONTH)


def place_of(pool: Pool) -> Place:
    """Return where a pool stands."""
    return pool.instance, pool.region, pool.interruptible


def deployment_key(what: Deployment) -> Key:
    """Return what tells a deployment from others, engine settings apart."""
    layout, drafts = what.layout, what.speculation
    formats = (what.model, what.precision, what.kv_precision, what.engine, what.accelerator)
    way = None if drafts is None else (drafts.speculator, drafts.draft_tokens)
    return (*formats, layout.tp, layout.pp, layout.dp, layout.ep, way)


def running(today: Plan) -> frozenset[Key]:
    """Return the pools that run today."""
    return frozenset(key_of(pool) for pool in today.pools if any(load.replicas for load in pool.loads))


def key_of(pool: Pool) -> Key:
    """Return what tells a pool of a plan from others."""
    return (*deployment_key(pool.deployment), *place_of(pool))


def row_key(space: Space, row: int) -> Key:
    """Return what tells a deployment of a search from others."""
    shape, way = space.shapes[space.shape[row]], space.drafts[space.draft[row]]
    formats = (
        space.models[space.model[row]],
        space.precisions[space.precision[row]],
        space.kv_precisions[space.kv[row]],
        space.engines[space.engine[row]],
        space.hardware[space.machine[row]].accelerator,
    )
    return (*formats, shape.tp, shape.pp, shape.dp, shape.ep, None if way is None else (way.speculator, way.tokens))


def key_of_row(search: Search, row: int, cell: int) -> Key:
    """Return what tells a deployment of a search in one of its places from others."""
    here = search.supply.cells[cell]
    return (*row_key(search.space, row), here.instance, here.region, here.interruptible)


def runs_today(space: Space, rows: NDArray[np.intp], today: Plan) -> NDArray[np.bool_]:
    """Return which deployments run today, wherever they stand."""
    keys = {deployment_key(pool.deployment) for pool in today.pools}
    return np.array([row_key(space, row) in keys for row in rows.tolist()], dtype=bool)
