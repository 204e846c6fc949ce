"""Region failover: the calls of a workload in copies, one for each group of regions, each with what it must be able to take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from planner.demand.stream import Stream
from planner.demand.ways import Flows, Way
from planner.domain.failover import Failover


def spread(flows: Flows, asked: Failover) -> Flows:
    """Return the flows of a workload with every stream in m copies, one for each group of regions.

    λ_g = λ/(m − 1), each at home in its group

    Any m − 1 groups take all calls; while all are up, each gets λ/m of them, the share (m − 1)/m of what it can take.
    """
    streams = tuple(copy for stream in flows.streams for copy in _copies(stream, asked))
    return Flows(streams, tuple(_way(way, asked) for way in flows.ways))


def _copies(stream: Stream, asked: Failover) -> Iterator[Stream]:
    """Yield a stream as each group is to take it."""
    rate = _rate(stream.rate, asked)
    for mark, home in zip(_names("", asked), asked.regions, strict=True):
        part = f"{stream.part}{mark}"
        yield replace(stream, name=f"{stream.name}{mark}", rate=rate, part=part, home=home, called=asked.called)


def _way(way: Way, asked: Failover) -> Way:
    """Return a way that causes the copies."""
    rates = {copy: _rate(rate, asked) for name, rate in way.rates.items() for copy in _names(name, asked)}
    steps = (replace(step, streams=tuple(copy for name in step.streams for copy in _names(name, asked))) for step in way.steps)
    return replace(way, rates=rates, steps=tuple(steps))


def _rate(rate: tuple[float, ...], asked: Failover) -> tuple[float, ...]:
    return tuple(each * asked.capacity for each in rate)


def _names(name: str, asked: Failover) -> tuple[str, ...]:
    """Name the copies: `chat@1`, `chat@2` …"""
    return tuple(f"{name}@{number + 1}" for number in range(len(asked.regions)))
