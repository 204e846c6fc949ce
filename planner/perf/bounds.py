"""Bounds that need no search and no state: the most load a replica could take, and the least a call asks of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from planner.perf.limits import OCCUPANCY_Z, SMALLEST_LOAD, Replica, Target, largest_load
from planner.perf.pooling import crowding_share
from planner.perf.step import Array, StepModel
from planner.perf.traffic import Traffic


def _crowded(limit: Array, each: Array, variance: Array) -> Array:
    """Return the B that solves each·B + z·√(variance·B) = limit [1]."""
    spread = OCCUPANCY_Z * np.sqrt(variance)
    root = 2.0 * limit / (spread + np.sqrt(spread * spread + 4.0 * each * limit))
    return root * root


def bounding_load(step: StepModel, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> Array:
    """Return a B above which some strain is above 1, from what needs no state.

    min(slots: B + z·√(b·v·B) = B_max,  memory: B·H + z·√(B·(E[H²] − H² + b·v·H²)) = M,  C − 16,  O·D/row of `least_demands`)

    Parameters
    ----------
    step, traffic, replica, targets : deployments, stream and its promises

    Returns
    -------
    B [1], never below twice `SMALLEST_LOAD`.

    Notes
    -----
    The first two take T = τ_0 and no prompts in progress; the last is λ ≤ 1/row at the longest iteration D, times O·D.
    That bound is of τ at the mean P: T is a mean of τ at 0 and at P' tokens, hence no less, while P ≤ P', and P > P' is
    a prompt load above 1.
    """
    burst = traffic.burst * crowding_share(replica.pooled)
    slots = _crowded(replica.max_sequences, np.ones(1), burst)
    varying = traffic.held_variance + burst * (traffic.held * traffic.held)
    memory = _crowded(replica.kv_bytes, traffic.held, varying)
    longest = _longest(step, replica, longest_iteration(targets, traffic.output, traffic.emitted))
    bound = np.minimum(np.minimum(slots, memory), largest_load(replica, traffic, step.width))
    for row in _least_times(step, traffic, longest):
        bound = np.minimum(bound, traffic.output * longest / row)
    return np.maximum(bound, 2.0 * SMALLEST_LOAD)


BLENDS = (0.0, 0.5, 1.0)
"""Weights of reading against compute in the lower bounds on iteration time; ‖a, b‖ ≥ max(a, b) ≥ θa + (1 − θ)b."""

LEAST_ROWS = len(BLENDS) + 2
"""Rows of `least_demands`."""


def longest_iteration(targets: Sequence[Target], output: ArrayLike, emitted: ArrayLike = 1.0) -> Array:
    """Return the longest mean iteration time that promises could allow a call of O iterations, E_d tokens each [s].

    inf if they say nothing.

    A percentile at or above the median bounds the mean of TPOT, whose distribution is not skewed to the left. From the
    95th on, the percentile of E2E is above its mean, which is at least O·T: the gamma form's is while its shape exceeds
    1/9z² = 0.041, and it is used with shapes from 0.05.
    """
    bound = np.asarray(np.inf)
    for target in targets:
        if target.metric == "tpot" and target.percentile >= 50.0:
            bound = np.minimum(bound, target.seconds * np.asarray(emitted))
        if target.metric == "e2e" and target.percentile >= 95.0:
            bound = np.minimum(bound, target.seconds / np.asarray(output))
    return bound


def _longest(step: StepModel, replica: Replica, iteration: ArrayLike) -> Array:
    """Return D: `iteration`, or less where the load would not be stable [s]."""
    return np.minimum(iteration, (step.host + step.weights + step.experts + step.draft) / (1.0 - replica.utilization))


def _least_times(step: StepModel, traffic: Traffic, longest: Array) -> list[Array]:
    """Return the θ-rows of `least_demands` at D = `longest`; inf where θ of the weights cannot be read in time."""
    compute = (step.width * traffic.output + traffic.prompt) * step.flops
    rest = traffic.output * (step.host_sequence + step.width * step.comm + step.kv * traffic.kv) + traffic.prompt * step.comm
    rest = rest + step.attention * traffic.attention * np.minimum(traffic.prompt, 1.0)
    rows = []
    for theta in BLENDS:
        spared = 1.0 - (step.host + theta * step.weights) / longest
        possible = spared > 0
        rows.append(np.where(possible, (rest + (1.0 - theta) * compute) / np.where(possible, spared, 1.0), np.inf))
    return rows


def least_demands(step: StepModel, traffic: Traffic, replica: Replica, iteration: ArrayLike) -> Array:
    """Return lower bounds on the share of a replica that 1 call/s takes, at any level and in any mix.

    θ-rows   (O·(t_seq + w_d·comm + kv·KV) + I·comm + attention·G + (1 − θ)·(w_d·O + I)·flops) / (1 − (host + θ·weights)/D)
    memory   O·(host + weights)·H / M
    slots    O·(host + weights) / B_max

    Parameters
    ----------
    step, traffic, replica : deployments and stream
    iteration : D, the longest mean iteration the stream's promises could allow [s]; inf if they say nothing

    Returns
    -------
    [len(BLENDS) + 2, …] share per call/s; inf where even the weights cannot be read in time

    Notes
    -----
    Each row is additive over streams. θ-rows: every iteration lasts at least host time, θ of the weight reading, 1 − θ of
    the compute and all of the rest; D is further bounded by the stable load, D ≤ (host + weights + experts + draft)/(1 − u).
    Memory and slots: no iteration is shorter than host time and weight reading. So screening by these bounds loses no
    plan.

    References
    ----------
    docs/candidates.md, "Nothing is lost".
    """
    longest = _longest(step, replica, iteration)
    floor = step.host + step.weights
    held = traffic.output * floor
    rows = [*_least_times(step, traffic, longest), held * traffic.held / replica.kv_bytes, held / replica.max_sequences]
    return np.where(floor < longest, np.stack(np.broadcast_arrays(*rows)), np.inf)
