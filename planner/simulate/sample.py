"""Calls drawn from streams: how they arrive, how long they are, what of them is cached."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from planner.demand.stream import Lengths, Stream
from planner.simulate.arrivals import Profile, along, gamma
from planner.simulate.requests import NO_GROUP, Counts, Floats, Requests, together


def whole(values: Floats, rng: Generator) -> Counts:
    """Round at random so that means stay.

    n = ⌊x + U⌋,  U uniform on [0, 1):  E[n] = x

    Parameters
    ----------
    values : array [token]
        Any non-negative lengths.
    rng : Generator
        Source of chance.

    Returns
    -------
    array of int [token]
        At least 1, which lifts the mean of lengths below one token and of no others.
    """
    return np.maximum(np.floor(values + rng.uniform(size=len(values))), 1).astype(np.int64)


def lengths(law: Lengths, count: int, rng: Generator) -> Counts:
    """Draw token counts from a distribution's equally likely values [token]."""
    return whole(law.values[rng.integers(len(law.values), size=count)], rng)


def sample(stream: Stream, arrivals: Floats, index: int, rng: Generator) -> Requests:
    """Draw the calls of a stream that come at given times.

    cached = min(round(prefix), prompt − 1) with probability hit, else 0

    Parameters
    ----------
    stream : Stream
        Lengths, shared prefix and its hit rate.
    arrivals : array [s]
        Ascending.
    index : int
        Number of the stream in `Requests.stream`.
    rng : Generator
        Source of chance.

    Returns
    -------
    Requests

    Notes
    -----
    Prompt, output and hit are independent (assumption: a stream knows their distributions, not how they go together; a replayed
    trace does). At least one token of every prompt is computed, since a call needs an output of it.
    """
    count = len(arrivals)
    prompt, output = lengths(stream.prompt, count, rng), lengths(stream.output, count, rng)
    cached = stated_hits(stream, prompt, rng)
    none = np.zeros(count, dtype=np.int64)
    return Requests(arrivals, prompt, output, none + index, cached, none + NO_GROUP, none)


def stated_hits(stream: Stream, prompt: Counts, rng: Generator) -> Counts:
    """Draw the cached tokens of prompts by the hit rate that the problem states [token]."""
    hit = rng.uniform(size=len(prompt)) < stream.prefix_hit
    return np.where(hit, np.minimum(round(stream.prefix_tokens), prompt - 1), 0)


def generator(seed: int, period: int, name: str) -> Generator:
    """Return a stream's own source of chance: whatever other streams there are, and in which order, it stays the same."""
    return Generator(PCG64(SeedSequence(seed, spawn_key=(period, *name.encode()))))


def requests_of(
    streams: Sequence[Stream], period: int, rates: Sequence[float], span: float, seed: int, swing: Profile | None = None
) -> Requests:
    """Draw the calls that a pool serves in a period.

    Parameters
    ----------
    streams : sequence of Stream
        Those with a share of their calls in the pool, at least one.
    period : int
        Index of the period; each has its own chance.
    rates : sequence of float [1/s]
        Rate of each stream at the pool.
    span : float [s]
        Time to fill.
    seed : int
        The same seed gives the same calls.
    swing : Profile, optional [1]
        Multiplies all rates over time, so that streams peak together; absent = constant rates over `span`.

    Returns
    -------
    Requests
        Of all streams, in order of arrival, up to `span`; `stream` counts the sequence given.
    """
    parts = []
    for index, (stream, rate) in enumerate(zip(streams, rates, strict=True)):
        rng = generator(seed, period, stream.name)
        parts.append(sample(stream, _times(rate, stream.burstiness, span, swing, rng), index, rng))
    return together(parts)


def _times(rate: float, scv: float, span: float, swing: Profile | None, rng: Generator) -> Floats:
    """Return arrivals at a rate, moved by the swing where there is one."""
    if swing is None:
        return gamma(rate, scv, span, rng)
    return along(Profile(np.array([0.0, span]), np.array([rate])).times(swing), rng, scv)
