"""What `planner simulate` runs: pools of a plan, call by call, as planned or under a recorded trace, with replicas that fail."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from planner.domain.plan_promises import SimulatedPromise
from planner.errors import InvalidInput, Issue
from planner.plan.basis import Basis
from planner.simulate.arrivals import HOUR
from planner.simulate.cluster import Failure, simulate
from planner.simulate.deploy import engine_of
from planner.simulate.judge import PoolRun, Watched, attained, predictions, span_wanted, warm_up
from planner.simulate.recording import Recorded, Recording, recorded
from planner.simulate.requests import Requests
from planner.simulate.sample import requests_of
from planner.simulate.seen import Job, Seen
from planner.simulate.served import Served
from planner.simulate.wish import EDGE, Kill, Wish, chosen_runs, count_of, own_kills, refuse

Progress = Callable[[float], None]
"""Told the share of the work that is done."""

PARALLEL_CALLS = 40_000
"""Calls from which on pools are simulated in processes of their own: to start them takes a second, or some 25,000 calls."""
WORKERS = 2
"""Processes at once, so that a laptop stays usable; results do not depend on it."""
MOST = 5_000_000
"""Calls of a pool at most: a few minutes, and some GB."""
_OPTIONS = {"rate_scale": "--rate-scale", "duration": "--hours"}
"""Options by the fields in which `replay` finds mistakes; all others are about the trace."""


@dataclass(frozen=True)
class Session:
    """What simulations of a plan showed."""

    seen: tuple[Seen, ...]
    """By pool and period."""
    remarks: tuple[str, ...]
    """What a reader should know."""

    @property
    def promises(self) -> list[SimulatedPromise]:
        """Every promise."""
        return [promise for one in self.seen for promise in one.promises]

    @property
    def missed(self) -> list[SimulatedPromise]:
        """Hard promises that were missed."""
        return [promise for promise in self.promises if promise.broken]


def run_session(basis: Basis, wish: Wish, progress: Progress) -> Session:
    """Simulate the pools of a plan.

    Parameters
    ----------
    basis : plan and problem
    wish : what is to be simulated
    progress : told the share of the work that is done

    Returns
    -------
    Session

    Raises
    ------
    InvalidInput
        A pool, replica, period or workload that the plan does not have, or a figure that cannot be; all at once.

    Notes
    -----
    As planned, pools of more than `MOST_REPLICAS` replicas are simulated in part (`judge.simulate_pool`) and spares are left
    out. Under a trace all working replicas are there; where replicas fail, the spares are too, since that is what they are for.
    """
    wish, told = _as_served(basis, wish)
    runs = chosen_runs(basis, wish)
    if wish.recording is not None:
        jobs, remarks = _recorded_jobs(basis, runs, wish, wish.recording)
    else:
        jobs, remarks = [_drawn_job(basis, run, wish) for run in runs], []
    refuse([_too_late(kill, job) for job in jobs for kill in own_kills(job.run, wish) if kill.at >= job.end])
    found = _simulated(jobs, progress)
    seen = tuple(_seen(basis, job, served) for job, served in zip(jobs, found, strict=True))
    return Session(seen, (*_catalog_remarks(basis), *told, *remarks, *_silent(seen)))


def _as_served(basis: Basis, wish: Wish) -> tuple[Wish, list[str]]:
    """Return a wish that names the stream of a recorded workload, whose levers may have given it another name, and remarks."""
    recording = wish.recording
    if recording is None:
        return wish, _failing(basis)
    if recording.workload in basis.streams:
        return wish, []
    refuse(_homeless(basis, recording.workload))
    own = [s.name for s in basis.streams.values() if s.workload.name == recording.workload and not s.stage]
    if len(own) != 1:
        return wish, []
    said = f"{recording.workload} pulls levers: what they do to the length of calls is not done to recorded ones"
    return replace(wish, recording=replace(recording, workload=own[0])), [said]


def _failing(basis: Basis) -> list[str]:
    """Say which workloads are simulated as they run while a region is down."""
    names = ", ".join(part.workload for part in basis.plan.failover)
    said = f"{names}: every group of regions is simulated with the calls it takes while another group is down"
    return [said] if names else []


def _homeless(basis: Basis, workload: str) -> list[Issue]:
    """Refuse recorded calls of a workload with failover: the trace does not say which group of regions each went to."""
    asking = {one.name for one in basis.problem.workloads if one.failover is not None}
    what = f"{workload} has failover, and a trace does not say which group of regions takes which calls"
    return [Issue(EDGE, 0, "--trace", what, "simulate its pools as planned, without --trace")] if workload in asking else []


def _too_late(kill: Kill, job: Job) -> Issue:
    what = f"{kill.pool}:{kill.replica} fails at {kill.at:g} s, after the last call: {job.end:.0f} s are simulated"
    return Issue(EDGE, 0, "--kill-replica", what, "name an earlier time, or simulate longer with --hours")


def _catalog_remarks(basis: Basis) -> list[str]:
    """Say that facts changed since the plan was made, if they did."""
    if basis.plan.catalog_digest == basis.catalog.digest:
        return []
    return ["the catalogs changed since the plan was made: simulated with the facts of today, predictions are those of then"]


# Calls


def _drawn_job(basis: Basis, run: PoolRun, wish: Wish) -> Job:
    """Return a pool under its planned load."""
    count = count_of(run, wish)
    share = (wish.scale or 1.0) * min(count / run.working, 1.0)
    rates = [rate * share for rate in run.rates]
    span = span_wanted(run, rates) if wish.hours is None else wish.hours * HOUR
    warm = warm_up(run, span)
    refuse(_size_issues(sum(rates) * (warm + span)))
    return _job(basis, run, wish, requests_of(run.streams, run.period, rates, warm + span, run.seed), warm, warm + span)


def _size_issues(calls: float) -> list[Issue]:
    """Refuse more calls than a machine holds."""
    if calls <= MOST:
        return []
    what = f"that would be some {calls:,.0f} calls in a pool"
    return [Issue(EDGE, 0, "--hours", what, f"simulate less time, or a lower rate: {MOST:,} calls are simulated at most")]


def _job(basis: Basis, run: PoolRun, wish: Wish, requests: Requests, warm: float, end: float) -> Job:
    return Job(
        run=run,
        engine=engine_of(run.replicas, run.pool.deployment, basis.catalog),
        requests=requests,
        count=count_of(run, wish),
        warm=warm,
        end=end,
        failures=tuple(Failure(kill.at, kill.replica, kill.back) for kill in own_kills(run, wish)),
        cold_start=wish.cold_start,
        looks=wish.looks,
    )


def _recorded_jobs(basis: Basis, runs: Sequence[PoolRun], wish: Wish, recording: Recording) -> tuple[list[Job], list[str]]:
    """Return the pools of a workload under its recorded trace, their other streams under planned load."""
    scale = wish.scale or 1.0
    refuse(_size_issues(len(recording.trace) * scale * (_seconds(wish) or recording.trace.whole) / recording.trace.whole))
    planned = sum(s.rate for _, s in basis.routes() if (s.stream, s.period) == (recording.workload, runs[0].period_name))
    made = _of_options(lambda: recorded(recording, runs, planned, scale=wish.scale, duration=_seconds(wish)))
    jobs = []
    for run, requests in zip(runs, made.calls, strict=True):
        warm = min(warm_up(run, 0.0), made.end / 10)
        jobs.append(_job(basis, run, wish, requests, warm, made.end))
    return jobs, list(made.remarks)


def _seconds(wish: Wish) -> float | None:
    return None if wish.hours is None else wish.hours * HOUR


def _of_options(work: Callable[[], Recorded]) -> Recorded:
    """Do work on a trace; mistakes in how it is replayed are those of options."""
    try:
        return work()
    except InvalidInput as error:
        raise InvalidInput([replace(i, file=EDGE, path=_OPTIONS.get(i.path, "--trace")) for i in error.issues]) from None


# Running


def _simulated(jobs: Sequence[Job], progress: Progress) -> list[Served]:
    """Simulate pools, in processes of their own where that pays."""
    if len(jobs) > 1 and sum(len(job.requests) for job in jobs) >= PARALLEL_CALLS:
        return _in_processes(jobs, progress)
    found = []
    for number, job in enumerate(jobs):
        found.append(simulate(**job.settings, progress=partial(_part_done, progress, number, len(jobs))))
    return found


def _part_done(progress: Progress, number: int, jobs: int, share: float) -> None:
    """Pass on which share of one job is done as a share of all."""
    progress((number + share) / jobs)


def _in_processes(jobs: Sequence[Job], progress: Progress) -> list[Served]:
    """Simulate several pools at once; none knows of another, so the order of work does not matter."""
    fresh = multiprocessing.get_context("spawn")  # a fork would copy the locks of numerical libraries' threads
    with ProcessPoolExecutor(min(WORKERS, len(jobs)), fresh) as pool:
        waiting = [pool.submit(_one, job.settings) for job in jobs]
        for done, _ in enumerate(as_completed(waiting), 1):
            progress(done / len(jobs))
    return [one.result() for one in waiting]


def _one(settings: dict[str, Any]) -> Served:
    return simulate(**settings)


def _seen(basis: Basis, job: Job, served: Served) -> Seen:
    """Read promises off a simulation; those that no call put to the test are left out."""
    watched = Watched(served, job.warm)
    promises = attained(job.run, watched, predictions(basis.plan, job.run))
    return Seen(job, watched, tuple(promise for promise in promises if promise.calls))


def _silent(seen: Sequence[Seen]) -> list[str]:
    """Say whose promises were not put to the test."""
    return [
        f"no call of {stream.name} came to {one.pool} in {one.period} after the warm-up: its promises were not tested"
        for one in seen
        for index, stream in enumerate(one.job.run.streams)
        if not len(one.looked_at.values("e2e", index))
    ]
