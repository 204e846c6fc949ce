"""Region failover in a plan: what each group of regions carries, whole and while another is down, and what that costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from planner.candidates.build import Search
from planner.domain.failover import Failover
from planner.domain.plan_failover import FailoverGroup, FailoverPart
from planner.plan.costing import stream_shares
from planner.plan.pool import PredictedPool


def failover_parts(
    search: Search, predicted: Sequence[PredictedPool], spent: Sequence[float], periods: Mapping[str, float]
) -> Iterator[FailoverPart]:
    """Yield how each workload that asks for it outlives a region.

    Parameters
    ----------
    search : problem and streams
    predicted, spent : pools, and what each costs [$/h]
    periods : hours

    Notes
    -----
    Of m groups each can take λ/(m − 1) and serves λ/m while all are up: 1/m of what stands there is held.
    """
    for workload in search.problem.workloads:
        if workload.failover is not None:
            groups = tuple(_groups(search, workload.name, workload.failover, _paid(predicted, spent, periods), periods))
            held = sum(group.hourly for group in groups) / len(groups)
            yield FailoverPart(workload=workload.name, groups=groups, held=held)


def _groups(
    search: Search, name: str, asked: Failover, paid: Mapping[str, float], periods: Mapping[str, float]
) -> Iterator[FailoverGroup]:
    """Yield what is to be known of each group."""
    for regions in asked.regions:
        own = [stream for stream in search.streams if stream.workload.name == name and stream.home == regions]
        most = {period: sum(stream.rate[t] for stream in own) for t, period in enumerate(periods)}
        normal = {period: rate * asked.called for period, rate in most.items()}
        hourly = sum(paid.get(stream.name, 0.0) for stream in own)
        yield FailoverGroup(regions=regions, normal=normal, down=most, hourly=hourly, stream=own[0].name)


def _paid(predicted: Sequence[PredictedPool], spent: Sequence[float], periods: Mapping[str, float]) -> dict[str, float]:
    """Return what each stream pays of the pools [$/h]."""
    paid: dict[str, float] = {}
    for made, cost in zip(predicted, spent, strict=True):
        for stream, share in stream_shares(made.pool, made.demand, periods).items():
            paid[stream] = paid.get(stream, 0.0) + cost * share
    return paid
