"""The whole story: problem → streams and machines → candidates → program → plan → check."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.apis import Apis, usable_apis
from planner.candidates.build import Search, Worth, first_round, margins, prepare, prune
from planner.candidates.pools import Pools, join
from planner.catalog.problem import LoadedProblem
from planner.demand.streams import build_streams
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput, NoPlanInTime, PlanRejected
from planner.optimize.assemble import Assembled, assemble
from planner.optimize.program import Outcome
from planner.optimize.solve import solve
from planner.plan.build import make_plan
from planner.plan.solved import Solved, open_pools
from planner.plan.verify import verify
from planner.plan.whynot import why_not
from planner.study.reasons import reasons, unserved
from planner.study.relax import study
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

SCOUT_GAP = 0.5
"""Gap of solves that only find out which deployments matter."""

EFFORT = 400_000
"""Most evaluations spent at a time on deployments that the proof has not excluded: some two seconds."""

FIRST_SHARE = 0.7
"""Share of the time limit for the first round; the rest is kept for tightening pools that miss a promise."""

MIN_SECONDS = 2.0
"""Time a solve gets even if the limit has passed, so that there is a plan to show [s]."""

RAISE = 8.0
"""Factor on that price while no plan is found."""


class NoCombination(Infeasible):
    """Nothing on offer serves the problem within its limits; keeps what was searched, for the reasons."""

    def __init__(self, search: Search, pools: Pools, unserved: list[int]) -> None:
        """Keep the search, all pools, and the streams that nothing may serve, whatever the limits."""
        super().__init__(["no combination of machines and APIs keeps every promise within the limits"])
        self.search, self.pools, self.unserved = search, pools, unserved


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
        No plan keeps every promise; with the reasons and the cheapest changes that would make one possible.
    NoPlanInTime
        The time limit came first.
    PlanRejected
        The plan failed its check even after tightening.
    """
    try:
        return plan_as_stated(loaded, progress)
    except NoCombination as stuck:
        raise advised(loaded, stuck, progress) from None


def advised(loaded: LoadedProblem, stuck: NoCombination, progress: Progress) -> Infeasible:
    """Return the error with what rules out the workloads, and the changes that were confirmed to help."""
    progress("no plan keeps every promise; looking for the cheapest changes that allow one")
    streams = stuck.search.streams
    names = tuple(dict.fromkeys(streams[r].workload.name for r in stuck.unserved))
    advice = study(loaded, names, lambda changed: plan_as_stated(changed, lambda _: None), progress=progress)
    return Infeasible([*reasons(stuck.search, stuck.pools, stuck.unserved), *advice.reasons] or stuck.reasons, advice.relaxations)


def plan_as_stated(loaded: LoadedProblem, progress: Progress) -> Plan:
    """Return the least-cost plan of a problem; where there is none, say so without looking for changes."""
    solved, rounds = solve_as_stated(loaded, progress)
    plan = made_plan(loaded, solved, rounds)
    failures = verify(plan, loaded)
    if failures:
        raise PlanRejected(failures)
    return plan


def explain_absence(loaded: LoadedProblem, words: Sequence[str], progress: Progress) -> list[str]:
    """Return why combinations that name all words are not in the plan, nearest to being used first.

    Parameters
    ----------
    loaded : problem with its catalogs
    words : to be found in models, precisions, engines, accelerators and layouts
    progress : told what is being done

    Returns
    -------
    Sentences; empty if nothing bears such a name.
    """
    solved, _ = solve_as_stated(loaded, progress)
    return list(why_not(solved, words))


def made_plan(loaded: LoadedProblem, solved: Solved, rounds: int) -> Plan:
    """Return the plan of a solved problem, with the warnings of its file."""
    warnings = tuple(f"{issue.path}: {issue.message}" for issue in loaded.warnings)
    return make_plan(solved, problem_digest=loaded.digest, rounds=rounds, warnings=warnings)


def solve_as_stated(loaded: LoadedProblem, progress: Progress) -> tuple[Solved, int]:
    """Solve until every promise holds under the load as planned; return the answer and the solves it took."""
    try:
        search, apis = candidates(loaded, progress)
    except InvalidInput as error:
        raise loaded.located(error) from None
    tightened: Tightened = {}
    started, limit = time.monotonic(), loaded.problem.solver.time_limit
    pools = join([], len(search.streams))
    rounds = 0
    while True:
        rounds += 1
        deadline = started + limit * (FIRST_SHARE if rounds == 1 else 1.0)
        solved = solve_fully(search, pools, apis, tightened, deadline, progress)
        plan = made_plan(loaded, solved, rounds)
        broken = {promise.route for promise in plan.promises if not promise.soft and not promise.holds}
        if not broken or rounds == MAX_ROUNDS:
            return solved, rounds
        progress(f"{', '.join(sorted(broken))} miss promises when streams are mixed; tightening")
        pools = solved.pools
        tighten(solved, plan, broken, tightened)


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


def solve_fully(search: Search, pools: Pools, apis: Apis, tightened: Tightened, deadline: float, progress: Progress) -> Solved:
    """Solve until no deployment is left that a cheaper plan could contain, or time is up.

    Sites are enumerated up to a price that is raised until it reaches the cost of the best plan; deployments that were
    screened out are brought in where the proof has not excluded them.

    Parameters
    ----------
    search, pools, apis : candidates, as far as known
    tightened : factors on the demand of pools, by (deployment, level)
    deadline : when to stop, on the monotonic clock [s]
    progress : told what is being done

    Returns
    -------
    Solved, whose bound holds for the deployments left out too.

    Raises
    ------
    NoCombination, NoPlanInTime
    """
    settings = search.problem.solver
    dearest = float(np.max(search.site_cost, where=np.isfinite(search.site_cost), initial=0.0))
    ceiling = max(search.reached, FIRST_CEILING * float(np.min(search.site_cost, initial=np.inf)))
    gap, final = SCOUT_GAP, False
    while True:
        if search.reached < min(ceiling, dearest):
            search.extend(ceiling)
            pools = first_round(search, pools, progress)
        assembled = tighten_columns(assemble(search, pools, apis), pools, tightened)
        lost = unserved(search, pools, apis)
        outcome = run(search, assembled, gap, deadline, progress) if not lost else None
        complete = search.reached >= dearest
        fresh, whole, beyond = np.zeros(0, dtype=np.intp), True, np.inf
        if outcome is None or outcome.termination == "infeasible":
            if complete and (lost or search.evaluated.all()):
                raise NoCombination(search, pools, lost)
            ceiling = max(search.reached * RAISE, FIRST_CEILING)
            fresh = np.flatnonzero(~search.evaluated) if complete else fresh
        elif not complete and outcome.objective > search.reached:
            ceiling = outcome.objective
        else:
            fresh, whole, beyond = contenders(search, outcome, settings.gap)
            if (final and not len(fresh)) or time.monotonic() > deadline:
                search.note_unreached(outcome.objective)
                covered = min(outcome.bound, max(beyond, 0.0))
                complete = whole and not len(fresh) and (covered == outcome.bound or near(outcome, covered, settings.gap))
                bound = covered if complete else outcome.bound
                ended = "optimal" if near(outcome, bound, settings.gap) else "feasible"
                proven = replace(outcome, bound=bound, termination=ended)
                return Solved(search, pools, apis, assembled, proven, complete)
            if not len(fresh):
                gap, final = settings.gap, True
        if len(fresh):
            progress(f"{len(fresh):,} more deployments could still matter")
            pools = prune(search, join([pools, prune(search, search.evaluate(fresh))], len(search.streams)))


def near(outcome: Outcome, bound: float, gap: float) -> bool:
    """Whether a bound proves the plan within the gap."""
    return outcome.objective - bound <= gap * abs(outcome.objective) + 1e-9


def contenders(search: Search, outcome: Outcome, gap: float) -> tuple[NDArray[np.intp], bool, float]:
    """Return the deployments to evaluate before the proof covers all, as long as they are few.

    Returns
    -------
    (rows that could beat the plan by more than the gap; whether the bound covers all others; least cost of a plan with
    any other one). Where there are too many, none is returned and the bound speaks of the evaluated ones only.
    """
    rows, margin = margins(search, Worth(outcome.shadow.streams, outcome.shadow.calls, outcome.shadow.gpus))
    able = margin < max(outcome.objective * (1.0 - gap) - outcome.shadow.bound, 0.0)
    streams = len(search.streams)
    most = EFFORT // (streams * (streams + 9))  # each takes about nine evaluations a stream, then one for every pair
    if able.sum() > most:
        able = margin < 0.0  # without these the bound does not hold; the others only limit how far it can rise
    if able.sum() > most:
        return rows[:0], False, float("inf")
    return rows[able], True, outcome.shadow.bound + float(margin[~able].min(initial=np.inf))


def run(search: Search, assembled: Assembled, gap: float, deadline: float, progress: Progress) -> Outcome:
    """Solve one program within the time left; an answer that came too late is raised as what it is."""
    settings = search.problem.solver
    left = max(deadline - time.monotonic(), MIN_SECONDS)
    outcome = solve(assembled.program, gap=max(gap, settings.gap), time_limit=left, seed=settings.seed, progress=progress)
    if outcome.termination == "no_solution":
        raise NoPlanInTime(f"no plan was found within {settings.time_limit:g} s; raise solver.time_limit")
    return outcome


def tighten(solved: Solved, plan: Plan, routes: set[str], tightened: Tightened) -> None:
    """Raise the demand on the pools that missed a promise."""
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
