"""The whole story: problem → streams and machines → candidates → program → plan → check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from planner.candidates.apis import Apis, usable_apis
from planner.candidates.build import Search, first_round, prepare, prune, unproved
from planner.candidates.pools import Pools, join
from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_streams
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput, NoPlanInTime, PlanRejected
from planner.optimize.assemble import Assembled, assemble
from planner.optimize.program import Outcome
from planner.optimize.solve import solve
from planner.plan.build import Solved, make_plan
from planner.plan.verify import verify
from planner.supply.build import build_supply
from planner.supply.dominate import drop_dominated

Progress = Callable[[str], None]
Tightened = dict[tuple[int, int], float]

MAX_ROUNDS = 8
"""Solves before giving up on pools whose mixed load misses a promise that its parts keep."""

TIGHTEN = 1.05
"""Factor on the demand of streams in a pool that missed a promise in the check."""


FIRST_CEILING = 8.0
"""Sites are first enumerated up to this multiple of the cheapest one's price."""

RAISE = 8.0
"""Factor on that price while no plan is found."""


def plan_problem(loaded: LoadedProblem, *, progress: Progress) -> Plan:
    """Return the least-cost plan of a problem, checked by code that did not make it.

    Parameters
    ----------
    loaded : problem with its catalogs
    progress : told what is being done

    Returns
    -------
    Plan, every hard promise of which holds.

    Raises
    ------
    InvalidInput
        What only showed when traces were read or rules were applied.
    Infeasible
        No plan keeps every promise.
    NoPlanInTime
        The time limit came first.
    PlanRejected
        The plan failed its check even after tightening.
    """
    try:
        search, apis = candidates(loaded, progress)
    except InvalidInput as error:
        raise loaded.located(error) from None
    warnings = tuple(f"{issue.path}: {issue.message}" for issue in loaded.warnings)
    tightened: Tightened = {}
    pools = join([], len(search.streams))
    for rounds in range(1, MAX_ROUNDS + 1):
        solved = solve_fully(search, pools, apis, tightened, progress)
        plan = make_plan(solved, problem_digest=loaded.digest, rounds=rounds, warnings=warnings)
        broken = {promise.route for promise in plan.promises if not promise.soft and not promise.holds}
        if not broken:
            break
        progress(f"{', '.join(sorted(broken))} miss promises when streams are mixed; tightening")
        pools = solved.pools
        tighten(solved, plan, broken, tightened)
    failures = verify(plan, loaded)
    if failures:
        raise PlanRejected(failures)
    return plan


def candidates(loaded: LoadedProblem, progress: Progress) -> tuple[Search, Apis]:
    """Return the search of a problem, nothing enumerated yet, and the APIs it may use.

    Parameters
    ----------
    loaded : problem with its catalogs
    progress : told what is being done

    Returns
    -------
    (search, APIs)
    """
    problem, catalog = loaded.problem, loaded.catalog
    streams = build_streams(problem, loaded.base)
    supply = drop_dominated(build_supply(problem, catalog, streams), problem, catalog)
    search = prepare(catalog, problem, streams, supply)
    progress(f"{len(streams)} streams, {len(supply.cells)} kinds of machine, {len(search.space.models)} models")
    return search, usable_apis(catalog, problem, streams, search.ledger)


def solve_fully(search: Search, pools: Pools, apis: Apis, tightened: Tightened, progress: Progress) -> Solved:
    """Solve until no deployment is left that a cheaper plan could contain.

    Sites are enumerated up to a price that is raised until it reaches the cost of the best plan; deployments that were
    screened out are brought in where the proof has not excluded them.

    Parameters
    ----------
    search, pools, apis : candidates, as far as known
    tightened : factors on the demand of pools, by (deployment, level)
    progress : told what is being done

    Returns
    -------
    Solved

    Raises
    ------
    Infeasible, NoPlanInTime
    """
    dearest = float(np.max(search.site_cost, where=np.isfinite(search.site_cost), initial=0.0))
    ceiling = max(search.reached, FIRST_CEILING * float(np.min(search.site_cost, initial=np.inf)))
    while True:
        if search.reached < min(ceiling, dearest):
            search.extend(ceiling)
            pools = first_round(search, pools, progress)
        assembled = tighten_columns(assemble(search, pools, apis), pools, tightened)
        outcome = run(search, assembled, progress)
        if outcome.termination == "infeasible":
            if search.reached >= dearest:
                raise Infeasible(["no combination of machines and APIs keeps every promise within the limits"])
            ceiling = max(search.reached * RAISE, FIRST_CEILING)
            continue
        if outcome.objective > search.reached and search.reached < dearest:
            ceiling = outcome.objective
            continue
        fresh = unproved(search, outcome.stream_price, outcome.gpu_price, outcome.headroom)
        if not len(fresh):
            search.note_unreached(outcome.objective)
            return Solved(search, pools, apis, assembled, outcome)
        progress(f"{len(fresh):,} more deployments could still matter")
        pools = prune(search, join([pools, prune(search, search.evaluate(fresh))], len(search.streams)))


def run(search: Search, assembled: Assembled, progress: Progress) -> Outcome:
    """Solve one program; an answer that came too late is raised as what it is."""
    settings = search.problem.solver
    outcome = solve(assembled.program, gap=settings.gap, time_limit=settings.time_limit, seed=settings.seed, progress=progress)
    if outcome.termination == "no_solution":
        raise NoPlanInTime(f"no plan was found within {settings.time_limit:g} s; raise solver.time_limit")
    return outcome


def tighten(solved: Solved, plan: Plan, routes: set[str], tightened: Tightened) -> None:
    """Raise the demand on the pools that missed a promise."""
    from planner.plan.build import open_pools

    for pool, column in zip(plan.pools, open_pools(solved.outcome), strict=True):
        if pool.name in routes:
            index = solved.assembled.pool[column]
            key = (int(solved.pools.row[index]), int(solved.pools.anchor[index]))
            tightened[key] = tightened.get(key, 1.0) * TIGHTEN


def tighten_columns(assembled: Assembled, pools: Pools, tightened: Tightened) -> Assembled:
    """Return the program with the demand of tightened pools raised."""
    if not tightened:
        return assembled
    keys = zip(pools.row[assembled.pool].tolist(), pools.anchor[assembled.pool].tolist(), strict=True)
    factor = np.array([tightened.get(key, 1.0) for key in keys])
    columns = assembled.program.pools
    program = replace(assembled.program, pools=replace(columns, demand=columns.demand * factor))
    return replace(assembled, program=program)
