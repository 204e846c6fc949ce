"""What a user of `planner simulate` wishes for, held against the plan: names it has, figures that can be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planner.errors import InvalidInput, Issue
from planner.plan.basis import Basis
from planner.simulate.judge import MOST_REPLICAS, PoolRun, pool_runs
from planner.simulate.recording import Recording

COLD_START = 300.0
"""Time from a replica's repair until it serves again [s]; assumption, between a small model's 260 and a large one's 315: an image
that is not cached 4 min at least, weights 8 to 45 s, context and graphs 12 to 30 s, all vendors' figures (handbook §9)."""
EDGE = "command line"
"""Where mistakes in wishes are said to be."""


@dataclass(frozen=True)
class Kill:
    """A replica of a pool that is to fail."""

    pool: str
    """Pool."""
    replica: int
    """Which, counted from 0."""
    at: float
    """Time from the beginning of the simulation [s]."""
    back: float = math.inf
    """Time until it is repaired and begins its cold start; ∞ = never [s]."""


@dataclass(frozen=True)
class Wish:
    """What is to be simulated."""

    period: str | None = None
    """Only this period; absent = all, or of a recorded trace the one with most replicas."""
    hours: float | None = None
    """Time to be simulated [h]; absent = as long as the promises ask, or once through the trace."""
    scale: float | None = None
    """Multiplies the planned rates, or the trace's own [1]; absent = as planned."""
    kills: tuple[Kill, ...] = ()
    """Failures."""
    cold_start: float = COLD_START
    """Time from a repair until the replica serves [s]."""
    balancer: str | None = None
    """How calls are dealt to replicas; absent = as the problem says."""
    seed: int | None = None
    """Of all chance; absent = the problem's."""
    recording: Recording | None = None
    """Replayed in place of its workload's calls."""
    looks: bool = False
    """Whether the state of pools over time is wanted."""


def chosen_runs(basis: Basis, wish: Wish) -> list[PoolRun]:
    """Return the pools and periods that are wanted, with their balancer and seed, after a look at every wish."""
    every = [_with_chance(run, wish) for run in pool_runs(basis)]
    refuse([*_figure_issues(wish), *_twice_issues(wish), *_name_issues(basis, every, wish)])
    workload = wish.recording.workload if wish.recording else None
    runs = [run for run in every if workload is None or workload in _names(run)]
    period = wish.period or (_busiest_period(runs) if workload else None)
    chosen = [run for run in runs if period in (None, run.period_name)]
    if not chosen:
        told = f"no pool of the plan serves {workload or 'anything'}" + (f" in period {period}" if period else "")
        raise InvalidInput.at(EDGE, told, "name another period or workload; APIs are not simulated")
    refuse(_replica_issues(chosen, wish))
    return chosen


def _with_chance(run: PoolRun, wish: Wish) -> PoolRun:
    return replace(run, balancer=wish.balancer or run.balancer, seed=run.seed if wish.seed is None else wish.seed)


def _busiest_period(runs: Sequence[PoolRun]) -> str | None:
    """Return the period in which these pools have most replicas, the first of several."""
    count: dict[str, int] = {}
    for run in runs:
        count[run.period_name] = count.get(run.period_name, 0) + run.working
    return max(count, key=lambda name: count[name], default=None)


def _names(run: PoolRun) -> list[str]:
    return [stream.name for stream in run.streams]


def own_kills(run: PoolRun, wish: Wish) -> list[Kill]:
    """Return the failures of a pool."""
    return [kill for kill in wish.kills if kill.pool == run.pool.name]


def count_of(run: PoolRun, wish: Wish) -> int:
    """Return the replicas that are simulated."""
    if own_kills(run, wish):
        return run.pool.loads[run.period].replicas
    return run.working if wish.recording else min(run.working, MOST_REPLICAS)


def _figure_issues(wish: Wish) -> list[Issue]:
    """Say which figures cannot be."""
    issues = []
    for option, value in (("--hours", wish.hours), ("--rate-scale", wish.scale)):
        if value is not None and not 0 < value < math.inf:
            issues.append(Issue(EDGE, 0, option, f"{value:g} is not positive", "give a positive number"))
    if not 0 <= wish.cold_start < math.inf:
        issues.append(Issue(EDGE, 0, "--cold-start", f"{wish.cold_start:g} s is no time", "give 0s or more"))
    for kill in wish.kills:
        if not (0 <= kill.at < math.inf and kill.back >= 0):
            what = f"{kill.pool}:{kill.replica} fails at {kill.at:g} s, back after {kill.back:g} s"
            issues.append(Issue(EDGE, 0, "--kill-replica", what, "give times of 0s or more"))
    return issues


def _twice_issues(wish: Wish) -> list[Issue]:
    """Say which replicas should fail while they are away."""
    issues = []
    back: dict[tuple[str, int], float] = {}
    for kill in sorted(wish.kills, key=lambda kill: kill.at):
        key = (kill.pool, kill.replica)
        if kill.at < back.get(key, 0.0):
            what = f"{kill.pool}:{kill.replica} fails at {kill.at:g} s, but is away from an earlier failure"
            issues.append(Issue(EDGE, 0, "--kill-replica", what, "name another replica, or a time after its cold start"))
        back[key] = max(back.get(key, 0.0), kill.at + kill.back + wish.cold_start)
    return issues


def _name_issues(basis: Basis, runs: Sequence[PoolRun], wish: Wish) -> list[Issue]:
    """Say which names the plan does not have."""
    issues = []
    pools, periods = [pool.name for pool in basis.plan.pools], list(basis.plan.periods)
    if wish.period is not None and wish.period not in periods:
        issues.append(Issue(EDGE, 0, "--period", f"the plan has no period {wish.period}", f"it has {', '.join(periods)}"))
    for name in dict.fromkeys(kill.pool for kill in wish.kills):
        if name not in pools:
            remedy = f"it has {', '.join(pools) or 'none'}"
            issues.append(Issue(EDGE, 0, "--kill-replica", f"the plan has no pool {name}", remedy))
    served = list(dict.fromkeys(name for run in runs for name in _names(run)))
    if wish.recording is not None and wish.recording.workload not in served:
        what = f"no pool of the plan serves a workload {wish.recording.workload}"
        issues.append(Issue(EDGE, 0, "--workload", what, f"pools serve {', '.join(served) or 'none'}"))
    return issues


def _replica_issues(runs: Sequence[PoolRun], wish: Wish) -> list[Issue]:
    """Say which replicas that should fail are not there, or not in what is simulated."""
    missing = [
        Issue(
            EDGE,
            0,
            "--kill-replica",
            f"pool {run.pool.name} has no replica {kill.replica} in period {run.period_name}",
            f"count from 0 to {count_of(run, wish) - 1}, or name another period",
        )
        for run in runs
        for kill in own_kills(run, wish)
        if not 0 <= kill.replica < count_of(run, wish)
    ]
    idle = [
        Issue(EDGE, 0, "--kill-replica", f"pool {name} is not simulated", "name the period, or the workload, that it serves")
        for name in dict.fromkeys(kill.pool for kill in wish.kills)
        if name not in {run.pool.name for run in runs}
    ]
    return missing + idle


def refuse(issues: Sequence[Issue]) -> None:
    """Raise what is wrong, if anything is."""
    if issues:
        raise InvalidInput(issues)
