"""The simulation's word on a plan: which promises it saw missed, and how much more room their pools need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.domain.plan_pools import Pool
from planner.domain.plan_promises import SimulatedPromise, Simulation
from planner.plan.basis import Basis
from planner.simulate.judge import PoolRun, Progress, judge, keeps, pool_runs

HALVINGS = 5
"""Bisections for the share of its load that a pool carries within its promises: to a part in thirty of what is too much."""

LEAST_SHARE = 0.25
"""Smallest share of its load a pool is tried with [1]; where even that is too much, the demand on it is quadrupled."""

Key = tuple[str, str]


@dataclass(frozen=True)
class Verdict:
    """What is known of pools from simulations."""

    seen: Mapping[Key, Sequence[SimulatedPromise]]
    """(pool as it runs, period) → its promises."""

    def of(self, plan: Plan, loaded: LoadedProblem, progress: Progress) -> Verdict:
        """Return what is known once every pool of a plan has been simulated; those known as they are, are not again."""
        basis = Basis(plan, loaded)
        runs = {_key(run.pool, run.period_name): run for run in pool_runs(basis)}
        fresh = {key: run for key, run in runs.items() if key not in self.seen}
        found = {key: judge(basis, [run], progress) for key, run in fresh.items()}
        return Verdict({key: found.get(key) or self.seen[key] for key in runs})

    def promises(self, plan: Plan) -> tuple[SimulatedPromise, ...]:
        """Return all promises of a plan's pools, by the names they have in it."""
        names = {_key(pool, load.period): pool.name for pool in plan.pools for load in pool.loads}
        return tuple(
            promise.model_copy(update={"route": names[key]}) for key, promises in self.seen.items() for promise in promises
        )

    def missed(self, plan: Plan) -> list[SimulatedPromise]:
        """Return the hard promises that were missed."""
        return [promise for promise in self.promises(plan) if promise.broken]

    def simulation(self, plan: Plan, rounds: int, told: Sequence[str]) -> Simulation:
        """Return the account that goes into the plan."""
        return Simulation(rounds=rounds, tightened=tuple(told), promises=self.promises(plan))


@dataclass(frozen=True)
class Tightening:
    """How much more room pools need."""

    by: Mapping[str, float]
    """Pool → factor on the optimizer's demand of its calls, with which this load would be just too much [1]."""
    said: Mapping[str, str]
    """Pool → why, in words."""


def tightening(plan: Plan, loaded: LoadedProblem, missed: Sequence[SimulatedPromise]) -> Tightening:
    """Find how much more room the pools that missed a promise need.

    factor = max over periods of 1/(u·s),  u the share of its replicas that the pool uses by the optimizer's account, s the
    largest share of the load at which the simulation keeps every hard promise

    Parameters
    ----------
    plan, loaded : plan and problem
    missed : promises that were missed

    Returns
    -------
    Tightening

    Notes
    -----
    The replicas stay; the same calls are drawn at every load, only closer together, so that the search sees one curve.
    """
    basis = Basis(plan, loaded)
    late = {(promise.route, promise.period): promise for promise in reversed(missed)}
    by: dict[str, float] = {}
    said: dict[str, str] = {}
    for run in pool_runs(basis):
        promise = late.get((run.pool.name, run.period_name))
        if promise is None:
            continue
        used = max(run.pool.loads[run.period].utilization.values())
        factor = 1.0 / (used * share_carried(basis, run))
        if factor > by.get(run.pool.name, 1.0):
            by[run.pool.name] = factor
            said[run.pool.name] = _words(promise, factor)
    return Tightening(by, said)


def share_carried(basis: Basis, run: PoolRun) -> float:
    """Return the largest share of its load at which a pool keeps every hard promise in simulation, below 1 [1]."""
    low, high = LEAST_SHARE, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if keeps(basis, run, load=middle) else (low, middle)
    return low


def _words(promise: SimulatedPromise, factor: float) -> str:
    seen = "never ended" if promise.attained is None else f"came out at {promise.attained * 1e3:,.0f} ms"
    return (
        f"{promise.metric.upper()} p{promise.percentile:g} of {promise.stream} {seen} in the simulation, "
        f"{promise.target * 1e3:,.0f} ms promised; its calls now count {factor:.2f} times"
    )


def _key(pool: Pool, period: str) -> Key:
    """Return what makes two pools run alike in a period, whatever they are called."""
    load = next(load for load in pool.loads if load.period == period)
    shares = [(share.stream, f"{share.rate:.9g}") for share in pool.shares if share.period == period]
    return f"{pool.deployment.model_dump_json()} {pool.instance} {load.replicas} {sorted(shares)}", period
