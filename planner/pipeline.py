"""The whole story: problem → streams and machines → candidates → program → plan → check."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.candidates.alike import flows_of
from planner.candidates.apis import Apis, usable_apis
from planner.candidates.build import Search, first_round, in_parts, prepare, prune, with_today
from planner.candidates.pools import Pools, join
from planner.candidates.remaining import ShadowPrices, least_costs
from planner.candidates.today import place_of
from planner.candidates.ways import worth_a_look
from planner.catalog.problem import LoadedProblem
from planner.demand.stream import Stream
from planner.demand.ways import Aside
from planner.domain.plan import Plan
from planner.errors import Infeasible, InvalidInput, NoPlanInTime, PlanRejected
from planner.optimize.assemble import assemble
from planner.optimize.model import Point
from planner.optimize.program import Outcome, Program
from planner.optimize.simpler import simpler
from planner.optimize.solve import solve
from planner.plan.build import make_plan
from planner.plan.levers import lever_reasons
from planner.plan.reach import Reach, reach
from planner.plan.repair import Raised, mend, raised_program, tighten
from planner.plan.solved import Solved, near, open_pools
from planner.plan.stay import beginning, staying
from planner.plan.verify import verify
from planner.plan.whynot import why_not
from planner.plan.worth import worth_of
from planner.study.reasons import reasons, unserved
from planner.study.relax import study
from planner.supply.build import build_supply
from planner.supply.cells import Supply
from planner.supply.dominate import drop_dominated

Progress = Callable[[str], None]

MAX_ROUNDS = 8
"""Solves before giving up on pools whose mixed load misses a promise that its parts keep."""

FIRST_CEILING = 8.0
"""Sites are first enumerated up to this multiple of the cheapest one's price."""

SCOUT_GAP = 0.5
"""Gap of solves that only find out which deployments matter."""

EFFORT = 400_000
"""Most evaluations spent at a time on deployments that the proof has not excluded: some two seconds."""

REST = 0.15
"""Share of the time limit kept from the first solve for pools that miss a promise when streams are mixed."""

MIN_SECONDS = 2.0
"""Time a solve gets even if the limit has passed, so that there is a plan to show [s]."""

MAX_SIMULATIONS = 6
"""Simulations of a plan before giving up on pools that miss a promise in them."""

LIKELY = 0.5
"""Share of what serving costs in parts that a plan will cost at least: sites up to there are enumerated before any solve."""

RAISE = 8.0
"""Factor on that price while no plan is found."""


class NoCombination(Infeasible):
    """Nothing on offer serves the problem within its limits; keeps what was searched, for the reasons."""

    def __init__(self, search: Search, pools: Pools, unserved: list[int]) -> None:
        """Keep the search, all pools, and the streams that nothing may serve, whatever the limits."""
        super().__init__(["no combination of machines and APIs keeps every promise within the limits"])
        self.search, self.pools, self.unserved = search, pools, unserved


def plan_problem(loaded: LoadedProblem, *, progress: Progress, simulated: bool = False) -> Plan:
    """Return the least-cost plan of a problem, checked by code that did not make it.

    Parameters
    ----------
    loaded : problem with its catalogs
    progress : told what is being done
    simulated : whether its pools must keep their promises in a simulation of single calls too

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
        The plan failed its check, or a simulation, even after tightening.
    """
    try:
        return plan_as_stated(loaded, progress, simulated=simulated, weighed=True)
    except NoCombination as stuck:
        raise advised(loaded, stuck, progress) from None


def advised(loaded: LoadedProblem, stuck: NoCombination, progress: Progress) -> Infeasible:
    """Return the error with what rules out the workloads, and the changes that were confirmed to help."""
    progress("no plan keeps every promise; looking for the cheapest changes that allow one")
    streams = stuck.search.streams
    names = tuple(dict.fromkeys(streams[r].workload.name for r in stuck.unserved))
    advice = study(loaded, names, lambda changed: plan_as_stated(changed, lambda _: None), progress=progress)
    return Infeasible([*reasons(stuck.search, stuck.pools, stuck.unserved), *advice.reasons] or stuck.reasons, advice.relaxations)


def plan_as_stated(loaded: LoadedProblem, progress: Progress, *, simulated: bool = False, weighed: bool = False) -> Plan:
    """Return the least-cost plan of a problem; if asked, with its levers weighed, and what a little more is worth.

    Where there is none, it says so without more ado.
    """
    solved = solve_as_stated(loaded, progress)
    plan = replayed(loaded, solved, progress) if simulated else checked(loaded, solved)
    if not weighed:
        return plan
    told = lever_reasons(solved, plan.cost.total, progress)
    return plan.model_copy(update={"reasons": (*told, *plan.reasons), "worth": worth_of(solved)})


def quietly(loaded: LoadedProblem) -> Plan:
    """Return the least-cost plan of a problem as stated, telling nobody: what a sweep does with each of its problems."""
    return plan_as_stated(loaded, lambda _: None)


def priced(loaded: LoadedProblem) -> Plan:
    """Return the same with what a little more of demand and limits is worth."""
    solved = solve_as_stated(loaded, lambda _: None)
    return checked(loaded, solved).model_copy(update={"worth": worth_of(solved)})


def checked(loaded: LoadedProblem, solved: Solved) -> Plan:
    """Return the plan of a solved problem, once it has passed the check."""
    plan = made_plan(loaded, solved)
    failures = verify(plan, loaded)
    if failures:
        raise PlanRejected(failures)
    return plan


def replayed(loaded: LoadedProblem, solved: Solved, progress: Progress) -> Plan:
    """Return the plan whose pools keep their hard promises in a simulation, tightened as often as that takes.

    Pools that did not change since they were last simulated are not simulated again.

    Raises
    ------
    PlanRejected
        A promise is still missed after `MAX_SIMULATIONS` rounds, or nothing near the plan keeps it.
    """
    from planner.simulate.verdict import Verdict, tightening  # the simulator is read only where it is asked for

    raised: Raised = {}
    told: list[str] = []
    known = Verdict({})
    for round_ in range(1, MAX_SIMULATIONS + 1):
        plan = checked(loaded, solved)
        known = known.of(plan, loaded, progress)
        missed = known.missed(plan)
        if not missed:
            return plan.model_copy(update={"simulation": known.simulation(plan, round_, told)})
        progress(f"{len(missed)} pools miss promises in the simulation; tightening")
        factors = tightening(plan, loaded, missed)
        told += [f"{name}: {what}" for name, what in factors.said.items()]
        columns = {f"P{i + 1}": columns for i, columns in enumerate(open_pools(solved))}
        short = {column: factors.by[name] for name in factors.by for column in columns[name]}
        end = time.monotonic() + max(REST * loaded.problem.solver.time_limit, MIN_SECONDS)
        tighter = tighten(solved, raised, short, deadline=end, progress=progress)
        if tighter is None:
            break
        solved = proven(tighter, solved)
    raise PlanRejected(
        [f"{p.stream} on {p.route} in {p.period}: {p.metric} p{p.percentile:g} missed when simulated" for p in missed]
    )


def explain_absence(loaded: LoadedProblem, words: Sequence[str], progress: Progress) -> list[str]:
    """Return why combinations that name all words are not in the plan, nearest to being used first.

    Parameters
    ----------
    loaded : problem with its catalogs
    words : names of models, precisions, engines, accelerators, layouts, machines, sellers, regions, ways to pay or APIs
    progress : told what is being done

    Returns
    -------
    Sentences; empty if nothing bears such a name.
    """
    return list(why_not(solve_as_stated(loaded, progress), words))


def made_plan(loaded: LoadedProblem, solved: Solved) -> Plan:
    """Return the plan of a solved problem, with the warnings of its file."""
    warnings = tuple(f"{issue.path}: {issue.message}" for issue in loaded.warnings)
    return make_plan(solved, problem_digest=loaded.digest, warnings=warnings)


def solve_as_stated(loaded: LoadedProblem, progress: Progress) -> Solved:
    """Return the cheapest answer found that keeps every promise with its streams mixed; where none does, the last one.

    A pool may keep its promises to each stream alone and miss one to their mix. Such a plan is repaired; only where that
    costs more than the gap, the whole is solved again with the demand on those pools raised. The bound is the first
    solve's: raising demand only takes plans away, so what bounds all plans bounds those left.
    """
    try:
        search, apis = candidates(loaded, progress)
    except InvalidInput as error:
        raise loaded.located(error) from None
    settings, started = loaded.problem.solver, time.monotonic()
    end = started + settings.time_limit
    raised: Raised = {}
    first = found = over_all_ways(loaded, first_answer(search, apis, end, progress), end, progress)
    mended = mend(found, raised, deadline=end, progress=progress)
    best, rounds, repairs = mended.solved, 1, mended.repairs
    while rounds < MAX_ROUNDS and not settled(best, found, end):
        progress("no repair is near enough; solving again with the demand on pools that missed a promise raised")
        try:
            found = unpulled(solve_fully(search, found.pools, apis, raised, end, progress), raised)
        except (NoCombination, NoPlanInTime):
            if best is None:
                raise
            break
        mended = mend(found, raised, deadline=end, progress=progress)
        best, rounds, repairs = cheaper(best, mended.solved), rounds + 1, repairs + mended.repairs
    return staying(loaded, replace(proven(best or found, first), rounds=rounds, repairs=repairs))


def first_answer(search: Search, apis: Apis, end: float, progress: Progress) -> Solved:
    """Return the cheapest answer over the ways compared, as if mixed streams kept every promise that each keeps alone."""
    none = join([], len(search.streams))
    deadline = end - REST * search.problem.solver.time_limit
    return unpulled(solve_fully(search, none, apis, {}, deadline, progress), {})


def over_all_ways(loaded: LoadedProblem, found: Solved, end: float, progress: Progress) -> Solved:
    """Return an answer whose bound speaks of the ways put aside too; where it is then too low, those it hangs on are compared."""
    answer, gap = found, loaded.problem.solver.gap
    while (aside := found.search.aside) is not None:
        started = time.monotonic()
        seen = reach(found, aside, progress, deadline=end)
        answer = within(cheaper(found, answer) or found, seen)
        now = time.monotonic()
        late = now - started > end - now  # another look would take what is left
        if near(answer.outcome.objective, seen.bound, gap) or not seen.wanted or late:
            return answer
        progress(f"{len(seen.wanted)} ways put aside could be part of a cheaper plan; comparing them too")
        try:
            found = first_answer(*searched(loaded, aside.comparing(seen.wanted), progress), end, progress)
        except (NoCombination, NoPlanInTime):
            return answer
    return answer


def within(solved: Solved, seen: Reach) -> Solved:
    """Return an answer with a bound that speaks of all ways."""
    outcome = solved.outcome
    bound = min(outcome.bound, seen.bound)
    ended = "optimal" if near(outcome.objective, bound, solved.search.problem.solver.gap) else "feasible"
    return replace(solved, outcome=replace(outcome, bound=bound, termination=ended), covered=seen.covered)


def unpulled(solved: Solved, raised: Raised) -> Solved:
    """Return an answer of the same cost in which no lever is pulled that saves nothing."""
    ways, settings = solved.search.ways, solved.search.problem.solver
    pulls = np.array([len(ways[index].settings) for index in solved.assembled.choices.way], dtype=float)
    if not pulls.any():
        return solved
    program = raised_program(solved.assembled, solved.pools, raised)
    return replace(solved, outcome=simpler(program, solved.outcome, pulls, settings.seed))


def settled(best: Solved | None, found: Solved, end: float) -> bool:
    """Whether another solve is not worth it: the plan is within the gap of what the last one found, or time is up."""
    gap = found.search.problem.solver.gap
    return best is not None and (near(best.outcome.objective, found.outcome.objective, gap) or time.monotonic() > end)


def cheaper(one: Solved | None, other: Solved | None) -> Solved | None:
    """Return the cheaper of two answers, the first on a tie."""
    if one is None or other is None:
        return one or other
    return other if other.outcome.objective < one.outcome.objective else one


def proven(solved: Solved, first: Solved) -> Solved:
    """Return an answer with the bound of the first solve, in which no demand was raised."""
    outcome = solved.outcome
    bound = min(first.outcome.bound, outcome.objective)  # a bound that is not complete may be passed by a later solve
    ended = "optimal" if near(outcome.objective, bound, solved.search.problem.solver.gap) else "feasible"
    return replace(solved, outcome=replace(outcome, bound=bound, termination=ended), complete=first.complete)


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
    flows = flows_of(problem, loaded.base, catalog)
    aside = worth_a_look(flows, catalog, problem, lambda streams: supply_of(loaded, streams))
    return searched(loaded, aside or Aside.nothing(flows), progress)


def searched(loaded: LoadedProblem, aside: Aside, progress: Progress) -> tuple[Search, Apis]:
    """Return the search among the ways to be compared, and the APIs they may use."""
    problem, catalog = loaded.problem, loaded.catalog
    flows = aside.lean
    supply = supply_of(loaded, flows.streams)
    search = prepare(catalog, problem, flows, supply)
    search.aside = aside if aside.ways else None
    search.today = loaded.today
    of_all = f" of {len(aside.flows.ways):,}" if aside.ways else ""
    sizes = f"{len(flows.streams)} streams, {len(flows.ways):,}{of_all} ways to cause them"
    progress(f"{sizes}, {len(supply.cells)} kinds of machine, {len(search.space.models)} models")
    return search, usable_apis(catalog, problem, flows.streams, search.ledger)


def supply_of(loaded: LoadedProblem, streams: Sequence[Stream]) -> Supply:
    """Return the machines streams may use."""
    places = frozenset(place_of(pool) for pool in loaded.today.pools) if loaded.today else frozenset()
    return drop_dominated(build_supply(loaded.problem, loaded.catalog, streams), loaded.problem, loaded.catalog, places)


def solve_fully(search: Search, pools: Pools, apis: Apis, raised: Raised, deadline: float, progress: Progress) -> Solved:
    """Solve until no deployment is left that a cheaper plan could contain, or time is up.

    Sites are enumerated up to a price that is raised until it reaches the cost of the best plan; deployments that were
    screened out are brought in where the proof has not excluded them.

    Parameters
    ----------
    search, pools, apis : candidates, as far as known
    raised : factors on the demand of pools
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
    best: Solved | None = None
    while True:
        if search.reached < min(ceiling, dearest):
            search.extend(ceiling)
            pools = with_today(search, first_round(search, pools, progress))
            if search.reached < min(guess := LIKELY * in_parts(search, pools), dearest):
                ceiling = guess
                continue
        assembled = assemble(search, pools, apis)
        lost = unserved(search, pools, apis)
        start = beginning(search, pools, apis, assembled) if not raised else None
        outcome = run(search, raised_program(assembled, pools, raised), gap, deadline, progress, start) if not lost else None
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
                covered, cost = min(outcome.bound, max(beyond, 0.0)), outcome.objective
                complete = whole and not len(fresh) and (covered == outcome.bound or near(cost, covered, settings.gap))
                bound = covered if complete else outcome.bound
                ended = "optimal" if near(cost, bound, settings.gap) else "feasible"
                outcome = replace(outcome, bound=bound, termination=ended)
                return kept(best, Solved(search, pools, apis, assembled, outcome, complete))
            best = cheaper(best, Solved(search, pools, apis, assembled, outcome, complete=False))
            if not len(fresh):
                gap, final = settings.gap, True
        if len(fresh):
            progress(f"{len(fresh):,} more deployments could still matter")
            pools = prune(search, join([pools, prune(search, search.evaluate(fresh))], len(search.streams)))


def kept(before: Solved | None, last: Solved) -> Solved:
    """Return the last answer, or one from fewer deployments that is cheaper because time was short, with the last one's bound."""
    if before is None or before.outcome.objective >= last.outcome.objective:
        return last
    cost, bound = before.outcome.objective, min(last.outcome.bound, before.outcome.objective)
    ended = "optimal" if near(cost, bound, last.search.problem.solver.gap) else "feasible"
    return replace(before, outcome=replace(before.outcome, bound=bound, termination=ended), complete=last.complete)


def contenders(search: Search, outcome: Outcome, gap: float) -> tuple[NDArray[np.intp], bool, float]:
    """Return the deployments to evaluate before the proof covers all, as long as they are few.

    Returns
    -------
    (rows that could beat the plan by more than the gap; whether the bound covers all others; least cost of a plan with
    any other one). Where there are too many, none is returned and the bound speaks of the evaluated ones only.
    """
    cells = len(search.supply.cells)
    shadows = dict.fromkeys((outcome.uncut, outcome.shadow))
    worths = [ShadowPrices(s.bound, s.streams, s.calls, s.gpus[:cells], s.counted) for s in shadows]
    rows, least = least_costs(search, *worths)
    able = least < max(outcome.objective * (1.0 - gap), worths[0].bound)
    most = EFFORT // (search.pairs() + 9 * len(search.streams))  # about nine evaluations a stream, then one for every pair
    if able.sum() > most:
        able = least < worths[0].bound  # without these nothing holds; the others only limit how far the bound can rise
    if able.sum() > most:
        return rows[:0], False, float("inf")
    return rows[able], True, float(least[~able].min(initial=np.inf))


def run(search: Search, program: Program, gap: float, deadline: float, progress: Progress, start: Point | None = None) -> Outcome:
    """Solve one program within the time left; an answer that came too late is raised as what it is."""
    settings = search.problem.solver
    left = max(deadline - time.monotonic(), MIN_SECONDS)
    outcome = solve(program, gap=max(gap, settings.gap), time_limit=left, seed=settings.seed, progress=progress, known=start)
    if outcome.termination == "no_solution":
        raise NoPlanInTime(f"no plan was found within {settings.time_limit:g} s; raise solver.time_limit")
    return outcome
