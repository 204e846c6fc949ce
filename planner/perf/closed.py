"""Closed loop: a fixed number of clients, each sending its next call when the last one ends, as benchmarks do.

The unknown is again B, the mean number of decoding sequences; the other c − B clients are in the prompt queue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from planner.perf.capacity import Replica, largest_load
from planner.perf.steady import State, steady_state
from planner.perf.step import Array, StepModel
from planner.perf.tails import ttft_moments
from planner.perf.traffic import Traffic

STEPS = 40
"""Bisection steps over log B; leaves B within 10⁻⁹ of its range."""


@dataclass(frozen=True)
class ClosedLoop:
    """What c clients see; fields broadcast."""

    state: State
    """Steady state of the replica."""
    ttft: Array
    """Mean time to first token [s]."""
    tpot: Array
    """Mean time per output token [s]."""

    @property
    def rate(self) -> Array:
        """Calls per second of the replica [1/s]."""
        return self.state.rate


def closed_loop(step: StepModel, traffic: Traffic, replica: Replica, concurrency: Array) -> ClosedLoop:
    """Return the steady state of a replica that `concurrency` clients keep busy.

    c = B + λ·TTFT,  TTFT = S·(c − 1)/c·λ·TTFT + TTFT_0,  TTFT_0 = (c − 1)/c·T/2 + n·τ_d + c_p·I + (T − τ_d) + t_host
    T = τ_d + (c − 1)/c·(B·I/O)·c_p,  λ = B/(O·T)

    Parameters
    ----------
    step, traffic, replica : deployments and call
    concurrency : c, clients [1]

    Returns
    -------
    ClosedLoop

    Notes
    -----
    An arriving client sees the queue that c − 1 clients would make (arrival theorem, in Schweitzer's form), so one client
    never waits for itself and c → ∞ fills the replica. Where slots or memory hold fewer than c sequences the others wait
    outside and B stays at that limit; the time outside is then part of TTFT by Little's law. Deterministic think time 0.

    References
    ----------
    Reiser and Lavenberg, J. ACM 27 (1980) 313 (mean-value analysis); Schweitzer (1979); handbook §14 (machine-repairman cycle).
    """
    clients = np.asarray(concurrency, dtype=float)
    shape = np.broadcast_shapes(np.shape(step.host), np.shape(traffic.held), clients.shape)
    top = np.minimum(largest_load(replica, traffic), clients)
    low, high = np.full(shape, np.log(1e-6)), np.broadcast_to(np.log(top), shape).copy()
    for _ in range(STEPS):
        middle = 0.5 * (low + high)
        fits = _clients(step, traffic, replica, np.exp(middle), clients) < clients
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    state = _seen(step, traffic, replica, np.exp(low), clients)
    # Little's law for the clients that do not decode: exact whatever holds them.
    return ClosedLoop(state, (clients - state.sequences) / state.rate, state.iteration)


def _seen(step: StepModel, traffic: Traffic, replica: Replica, sequences: Array, clients: Array) -> State:
    """Return the state as one of the clients sees it: prompts of the other c − 1 only lengthen its iterations."""
    state = steady_state(step, traffic, replica.chunk_tokens, sequences)
    others = (clients - 1.0) / clients
    iteration = state.decode + others * (state.iteration - state.decode)
    return replace(state, iteration=iteration, rate=sequences / (traffic.output * iteration))


def _clients(step: StepModel, traffic: Traffic, replica: Replica, sequences: Array, clients: Array) -> Array:
    """Return how many clients it takes to keep `sequences` decoding, B + λ·TTFT; infinite where prompts cannot keep up."""
    state, others = _seen(step, traffic, replica, sequences, clients), (clients - 1.0) / clients
    none = np.zeros(1)
    # On arrival the residual iteration is another client's: a lone client finds the replica idle.
    alone = ttft_moments(state, traffic.prompt, traffic.prompt_second, replica.host, none, none).mean
    alone = alone - state.iteration / (2.0 * clients)
    seen = others * state.rate * state.service
    return np.where(seen < 1.0, sequences + state.rate * alone / np.where(seen < 1.0, 1.0 - seen, 1.0), np.inf)
