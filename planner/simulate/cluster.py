"""Several replicas behind a balancer, with clients that lose patience and replicas that fail."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from planner.demand.issues import mistake
from planner.simulate.balance import STATELESS, chooser
from planner.simulate.clients import Clients
from planner.simulate.engine import Engine
from planner.simulate.requests import Requests
from planner.simulate.scheduler import Replica
from planner.simulate.sequence import Sequence as Call
from planner.simulate.served import Series, Served, Status

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Failure:
    """A replica that breaks down."""

    at: float
    """When [s]."""
    replica: int
    """Which."""
    back_after: float = math.inf
    """Time until it is repaired and begins its cold start; ∞ = never [s]."""

    def over(self, cold_start: float) -> float:
        """Return when the replica serves again [s]."""
        return self.at + self.back_after + cold_start


class _Cluster:
    """The run of one simulation."""

    def __init__(
        self,
        engines: Sequence[Engine],
        requests: Requests,
        balancer: str,
        seed: int,
        clients: Clients | None,
        starts: Sequence[float],
        cold_start: float,
        sample: float | None,
        computed: bool,
    ) -> None:
        """Set up replicas and calls; `computed` = prompts come with their first token from elsewhere."""
        balance, patience, *seeds = SeedSequence(seed).spawn(2 + len(engines))
        self.engines, self.requests, self.clients, self.cold_start = engines, requests, clients, cold_start
        self.replicas = [Replica(engine, own, start) for engine, own, start in zip(engines, seeds, starts, strict=True)]
        self.up = [index for index, start in enumerate(starts) if start <= 0.0]
        self._emitted = int(computed)
        self._choose = chooser(balancer, Generator(PCG64(balance)))
        self._stateless = balancer in STATELESS
        self._rng = Generator(PCG64(patience))
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._planned = 0
        self._homeless: list[int] = []
        count = len(requests)
        self.tries: list[Call | None] = [None] * count
        self.where, self.attempts = [-1] * count, [0] * count
        self.given_up = [False] * count
        self._columns = [getattr(requests, name).tolist() for name in ("prompt", "output", "cached", "group", "shared")]
        self.samples: list[list[tuple[float, int, int, float]]] = [[] for _ in engines]
        for index, start in enumerate(starts):
            if start > 0.0:
                self.plan(start, lambda time, index=index: self._rise(time, index))  # type: ignore[misc]
        if sample is not None:
            self._sample_every(sample)

    def plan(self, time: float, action: Callable[[float], None]) -> None:
        """Have something done at a time; of what is planned for the same time, the first planned is done first."""
        self._planned += 1
        heapq.heappush(self._events, (time, self._planned, action))

    def run(self, horizon: float, progress: Progress | None) -> None:
        """Let every call come and everything planned happen, up to the horizon."""
        arrivals = self.requests.arrival.tolist()
        step = max(1, len(arrivals) // 100)
        for call, time in enumerate(arrivals):
            if time > horizon:
                break
            self._until(time)
            self._send(time, call)
            if progress and call % step == 0:
                progress(call / len(arrivals))
        self._until(horizon)
        for replica in self.replicas:
            replica.advance(horizon)
        if progress:
            progress(1.0)

    def _until(self, time: float) -> None:
        """Do what is planned up to a time."""
        while self._events and self._events[0][0] <= time:
            due, _, action = heapq.heappop(self._events)
            action(due)

    # Calls

    def _send(self, time: float, call: int) -> None:
        """Send a call to the replica the balancer chooses; while none serves it waits for one."""
        if not self.up:
            self._homeless.append(call)
            return
        if not self._stateless:
            for index in self.up:
                replica = self.replicas[index]
                if time >= replica.quiet:
                    replica.advance(time)
        prompt, output, cached, group, shared = (column[call] for column in self._columns)
        chosen = self._choose(self.up, self.replicas, group)
        sequence = Call(call, time, prompt, output, cached, group, shared, self._emitted)
        self.tries[call], self.where[call] = sequence, chosen
        self.attempts[call] += 1
        self.replicas[chosen].submit(sequence, time + self.engines[chosen].host)
        if self.clients:
            self.plan(time + self.clients.timeout, lambda due: self._lose_patience(due, sequence))

    def _lose_patience(self, time: float, sequence: Call) -> None:
        """Give a try up that has not brought what it should have, and try again if tries are left."""
        call, clients = sequence.owner, self.clients
        if clients is None or self.tries[call] is not sequence:
            return
        replica = self.replicas[self.where[call]]
        replica.advance(time)
        came = sequence.first if clients.until == "first_token" else sequence.finish
        if came <= time or sequence.rejected:
            return
        if clients.cancel:
            replica.cancel(sequence, time)
        self.tries[call] = None
        if self.attempts[call] < clients.attempts:
            pause = clients.pause(self.attempts[call], self._rng)
            self.plan(time + pause, lambda due: self._send(due, call))
        else:
            self.given_up[call] = True

    # Replicas

    def fail(self, time: float, failure: Failure) -> None:
        """Take a replica down; its unfinished calls are sent to the others at once."""
        if failure.replica not in self.up:
            return
        self.up.remove(failure.replica)
        replica = self.replicas[failure.replica]
        replica.advance(time)
        lost = [sequence for sequence in replica.fail() if self.tries[sequence.owner] is sequence]
        back = failure.over(self.cold_start)
        if back < math.inf:
            self.plan(back, lambda due: self._rise(due, failure.replica))
        for sequence in lost:
            self.tries[sequence.owner] = None
            self._send(time, sequence.owner)

    def _rise(self, time: float, index: int) -> None:
        """Let a replica serve, and send it the calls that found none."""
        self.replicas[index].now = max(self.replicas[index].now, time)
        self.up = sorted({*self.up, index})
        homeless, self._homeless = self._homeless, []
        for call in homeless:
            self._send(time, call)

    def _sample_every(self, interval: float) -> None:
        """Plan the looks at all replicas until the last call comes."""
        last = float(self.requests.arrival[-1]) if len(self.requests) else 0.0
        for time in np.arange(0.0, last + interval, interval).tolist():
            self.plan(time, self._look)

    def _look(self, time: float) -> None:
        """Note the state of every replica."""
        for replica, noted in zip(self.replicas, self.samples, strict=True):
            replica.advance(time)
            noted.append((time, replica.queued, replica.active, replica.kv_used))

    # Outcome

    def served(self) -> Served:
        """Return what came of the calls."""
        none = Call(-1, 0.0, 1, 1)
        last = [sequence or none for sequence in self.tries]
        finish = np.array([sequence.finish for sequence in last], dtype=np.float64)
        return Served(
            requests=self.requests,
            first_token=np.array([sequence.first for sequence in last], dtype=np.float64),
            finish=finish,
            status=np.array([self._status(call) for call in range(len(last))], dtype=np.int64),
            replica=np.array(self.where, dtype=np.int64),
            preemptions=np.array([sequence.preemptions for sequence in last], dtype=np.int64),
            attempts=np.array(self.attempts, dtype=np.int64),
            counters=tuple(replica.counters for replica in self.replicas),
            span=max([replica.now for replica in self.replicas]),
            series=tuple(_series(noted) for noted in self.samples if noted),
        )

    def _status(self, call: int) -> Status:
        """Return how a call ended."""
        sequence = self.tries[call]
        if self.given_up[call]:
            return Status.TIMED_OUT
        if sequence is None:
            return Status.UNFINISHED
        if sequence.rejected:
            return Status.REJECTED
        return Status.UNFINISHED if math.isnan(sequence.finish) else Status.DONE


def _series(noted: list[tuple[float, int, int, float]]) -> Series:
    """Return looks at a replica as columns."""
    time, queued, running, kv = (np.array(column) for column in zip(*noted, strict=True))
    return Series(time.astype(np.float64), queued.astype(np.int64), running.astype(np.int64), kv.astype(np.float64))


def simulate(
    engine: Engine | Sequence[Engine],
    requests: Requests,
    *,
    replicas: int = 1,
    balancer: str = "round_robin",
    seed: int = 0,
    clients: Clients | None = None,
    failures: Sequence[Failure] = (),
    starts: Sequence[float] | None = None,
    cold_start: float = 0.0,
    horizon: float = math.inf,
    sample: float | None = None,
    computed: bool = False,
    progress: Progress | None = None,
) -> Served:
    """Return what comes of calls to replicas of one pool.

    Parameters
    ----------
    engine : of all replicas, or one for each
    requests : the calls
    replicas : how many, where one engine stands for all [1]
    balancer : who chooses a call's replica: round_robin, random, least_loaded or prefix_aware
    seed : of all chance
    clients : their patience; None = endless
    failures : replicas that break down
    starts : when each replica begins to serve; None = at once [s]
    cold_start : time from a repair until a replica serves again, its caches empty [s]
    horizon : end of the simulation [s]
    sample : interval of the time series; None = none [s]
    computed : whether prompts come computed, with their first token, from elsewhere; outputs are 2 tokens or more then
    progress : told the share of calls that have come

    Returns
    -------
    Served
    """
    engines = [engine] * replicas if isinstance(engine, Engine) else list(engine)
    begin = [0.0] * len(engines) if starts is None else list(starts)
    _check(engines, begin, failures)
    if computed and len(requests) and requests.output.min() < 2:
        raise mistake("computed", "a call's only token comes with its prompt", "leave calls of one token out")
    cluster = _Cluster(engines, requests, balancer, seed, clients, begin, cold_start, sample, computed)
    for failure in failures:
        cluster.plan(failure.at, lambda time, failure=failure: cluster.fail(time, failure))  # type: ignore[misc]
    cluster.run(horizon, progress)
    return cluster.served()


def _check(engines: Sequence[Engine], starts: Sequence[float], failures: Sequence[Failure]) -> None:
    """Refuse what cannot be simulated."""
    if not engines:
        raise mistake("replicas", "there is no replica", "give 1 or more")
    if len(starts) != len(engines):
        raise mistake("starts", f"{len(starts)} starts for {len(engines)} replicas", "give one for each")
    for failure in failures:
        if not 0 <= failure.replica < len(engines):
            raise mistake("failures", f"replica {failure.replica} of {len(engines)} fails", f"count from 0 to {len(engines) - 1}")
