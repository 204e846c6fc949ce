"""A recorded trace in place of a workload's drawn calls: how loud it is played, who of several pools answers which call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from planner.demand.stream import Stream
from planner.demand.trace import Trace
from planner.simulate.judge import PoolRun
from planner.simulate.replay import busiest, replay
from planner.simulate.requests import NO_GROUP, Requests, together
from planner.simulate.sample import requests_of, stated_hits

CLOSE = 1e-3
"""Relative difference of two rates that are taken as equal: a scale of 1.0001 would call for a second copy of the trace."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A trace that stands for a workload."""

    trace: Trace
    """As read."""
    workload: str
    """Whose calls it replaces."""
    window: float = 300.0
    """Length of the window whose busiest is to carry the planned rate [s]."""
    mean: bool = False
    """Whether the workload is planned on the trace's mean rate instead."""

    @property
    def rate(self) -> float:
        """Calls per second of what the plan rests on: of the busiest window, or of the whole [1/s]."""
        if self.mean:
            return len(self.trace) / self.trace.whole
        start, span = busiest(self.trace, self.window)
        return int(np.count_nonzero((self.trace.arrivals >= start) & (self.trace.arrivals < start + span))) / span


@dataclass(frozen=True)
class Recorded:
    """Calls of pools under a trace."""

    calls: tuple[Requests, ...]
    """Of each pool."""
    end: float
    """Time in which they come [s]."""
    remarks: tuple[str, ...]
    """What was changed or left out."""


def recorded(
    recording: Recording, runs: Sequence[PoolRun], planned: float, *, scale: float | None, duration: float | None
) -> Recorded:
    """Return the calls of pools that share a workload whose calls are recorded.

    s = λ_planned / λ_busiest where no scale is given

    Parameters
    ----------
    recording : trace and workload
    runs : the pools that serve it, in one period
    planned : rate of all its calls in that period, those sent to APIs included [1/s]
    scale : s, by which the trace's rate is multiplied [1]; absent = as planned
    duration : time to fill, by repeating the trace or cutting it [s]; absent = the trace once

    Returns
    -------
    Recorded

    Notes
    -----
    The clock stays as it is: louder is more users of the same habits (`replay`). Each call falls to one pool by chance, in
    proportion to its planned share; what goes to APIs is left out. Other streams of the pools come at their planned rates. Where
    the trace does not tell which prompts begin alike, the problem's stated prefix and hit rate are put on its calls.
    """
    factor, said = _scale(recording, planned, scale)
    seed, index = runs[0].seed, _index(runs[0], recording.workload)
    limit = max(run.pool.deployment.max_context for run in runs)
    calls, skipped = replay(recording.trace, rate_scale=factor, duration=duration, context_limit=limit, seed=seed)
    calls = _with_prefix(calls, runs[0].streams[index], seed)
    end = recording.trace.whole if duration is None else duration
    shares = [run.rates[_index(run, recording.workload)] / planned for run in runs]
    parts = split(calls, shares, seed)
    made = tuple(_beside_others(run, part, recording.workload, end) for run, part in zip(runs, parts, strict=True))
    return Recorded(made, end, (said, *_elsewhere(shares), *skipped.remarks))


def split(calls: Requests, shares: Sequence[float], seed: int) -> list[Requests]:
    """Deal calls to pools by chance; of shares that do not add up to 1, the rest goes to none.

    Parameters
    ----------
    calls : of one workload
    shares : of each pool [1]
    seed : the same seed deals the same way

    Returns
    -------
    list of Requests
        Disjoint.
    """
    drawn = _chance(seed, "split").uniform(size=len(calls))
    edges = np.concatenate(([0.0], np.cumsum(shares)))
    if abs(edges[-1] - 1.0) < CLOSE:
        edges[-1] = 1.0
    return [calls.take((drawn >= low) & (drawn < high)) for low, high in pairwise(edges)]


def _scale(recording: Recording, planned: float, scale: float | None) -> tuple[float, str]:
    """Return the factor on the trace's rate, and say how it came about."""
    what = f"trace {recording.trace.name} replayed as {recording.workload}"
    if scale is not None:
        return scale, f"{what}, its rate multiplied by {scale:g} as asked"
    rate = recording.rate
    factor = planned / rate
    factor = 1.0 if abs(factor - 1.0) < CLOSE else factor
    whole = "whole" if recording.mean else f"busiest {min(recording.window, recording.trace.span):.0f} s"
    return factor, f"{what}, its rate multiplied by {factor:.4g}: its {whole} brings {rate:.4g} req/s, planned are {planned:.4g}"


def _elsewhere(shares: Sequence[float]) -> list[str]:
    """Say which share of the calls other routes take."""
    left = 1.0 - sum(shares)
    return [f"{left:.1%} of its calls go to APIs and are not simulated"] if left > CLOSE else []


def _index(run: PoolRun, workload: str) -> int:
    return [stream.name for stream in run.streams].index(workload)


def _with_prefix(calls: Requests, stream: Stream, seed: int) -> Requests:
    """Put the stated prefix on calls of a trace that does not record which prompts begin alike."""
    if stream.prefix_hit <= 0 or (calls.group != NO_GROUP).any():
        return calls
    return replace(calls, cached=stated_hits(stream, calls.prompt, _chance(seed, "prefix")))


def _beside_others(run: PoolRun, calls: Requests, workload: str, end: float) -> Requests:
    """Add the planned calls of a pool's other streams, every call under its stream's number in the run."""
    own = _index(run, workload)
    others = [index for index in range(len(run.streams)) if index != own]
    parts = [replace(calls, stream=np.full(len(calls), own))]
    if others:
        streams, rates = [run.streams[index] for index in others], [run.rates[index] for index in others]
        drawn = requests_of(streams, run.period, rates, end, run.seed)
        parts.append(replace(drawn, stream=np.array(others)[drawn.stream]))
    return together(parts)


def _chance(seed: int, purpose: str) -> Generator:
    """Return a source of chance of its own for each purpose."""
    return Generator(PCG64(SeedSequence(seed, spawn_key=tuple(purpose.encode()))))
