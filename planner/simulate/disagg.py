"""Replicas that only run prompts, a transfer of their caches, and replicas that only decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from planner.demand.issues import mistake
from planner.perf.scalar import ScalarKv
from planner.simulate.cluster import simulate
from planner.simulate.engine import Engine
from planner.simulate.requests import Floats, Requests
from planner.simulate.served import Served, Status


@dataclass(frozen=True)
class Link:
    """The way of a cache from the replica that computed it to the one that decodes."""

    bandwidth: float
    """Rate of one transfer [B/s]."""
    latency: float = 0.0
    """Time of a transfer beside its bytes [s]."""

    def __post_init__(self) -> None:
        """Refuse a link that moves nothing."""
        if not (self.bandwidth > 0 and self.latency >= 0):
            raise mistake("link", f"{self} moves nothing", "give a bandwidth above 0 and a latency of 0 or more")

    def time(self, held: ScalarKv, tokens: Floats) -> Floats:
        """Return the time to move the caches of contexts so long, latency + held(s)/bandwidth [s]."""
        return self.latency + np.array([held.at(context) for context in tokens.tolist()], dtype=np.float64) / self.bandwidth


def simulate_disaggregated(
    prompts: Sequence[Engine],
    decoders: Sequence[Engine],
    requests: Requests,
    link: Link,
    *,
    balancer: str = "least_loaded",
    seed: int = 0,
) -> Served:
    """Return what comes of calls whose prompts and outputs are computed by different replicas.

    Parameters
    ----------
    prompts : one engine for each replica that runs prompts; the first token is theirs
    decoders : one engine for each replica that decodes; a call enters when its cache fits
    requests : the calls
    link : how caches move
    balancer : of both pools
    seed : of all chance

    Returns
    -------
    Served; replicas are numbered prompt replicas first

    Notes
    -----
    Transfers do not hinder one another, and prompt replicas free a cache once it is computed: they are not held up by decode
    replicas that are full. Both are assumptions in favour of disaggregation.
    """
    first = simulate(prompts, replace(requests, output=np.ones_like(requests.output)), balancer=balancer, seed=seed)
    going = np.flatnonzero((first.status == Status.DONE) & (requests.output > 1))
    ready = first.finish[going] + link.time(prompts[0].held, requests.prompt[going].astype(np.float64))
    order = np.argsort(ready, kind="stable")
    rows = going[order]
    moved = replace(requests.take(rows), arrival=ready[order])
    second = simulate(decoders, moved, balancer=balancer, seed=seed + 1, computed=True)
    return _joined(requests, first, second, rows, len(prompts))


def _joined(
    requests: Requests, first: Served, second: Served, rows: np.ndarray[tuple[int], np.dtype[np.intp]], ahead: int
) -> Served:
    """Return the outcome of both legs as one."""
    made = {name: getattr(first, name).copy() for name in ("finish", "status", "replica", "preemptions")}
    made["finish"][rows], made["status"][rows] = second.finish, second.status
    made["replica"][rows] = np.where(second.replica >= 0, second.replica + ahead, second.replica)
    made["preemptions"][rows] += second.preemptions
    return replace(first, requests=requests, counters=first.counters + second.counters, span=max(first.span, second.span), **made)
