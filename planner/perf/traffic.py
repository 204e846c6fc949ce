"""What one call of a stream asks of a replica, as the moments the formulas need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.step import Array


@dataclass(frozen=True)
class Traffic:
    """Moments of a call; fields broadcast against deployments (KV and attention depend on the model)."""

    output: Array
    """O, mean output tokens = decode iterations [token]."""
    output_second: Array
    """E[O²] [token²]."""
    output_inverse: Array
    """E[1/(O − 1)] of calls that have a time per output token after the first [1/token]."""
    prompt: Array
    """I, mean prompt tokens to compute, cached prefix excluded [token]."""
    prompt_second: Array
    """E[X²] of a prompt's work in tokens at its mean rate, X = I where work is proportional to tokens [token²]."""
    prompt_third: Array
    """E[X³] of the same [token³]."""
    attention: Array
    """G, mean FLOP of prompt attention of a call, slow-start correction included [FLOP]."""
    kv: Array
    """Mean KV bytes a decode iteration moves for a call at a random moment of its decoding [B]."""
    held: Array
    """Mean KV bytes the same call holds in memory [B]; block waste, or the whole reservation, included."""
    held_second: Array
    """E[held²] [B²]."""
    burstiness: Array
    """c_a², squared coefficient of variation of inter-arrival times [1]."""

    @cached_property
    def burst(self) -> Array:
        """What bursty arrivals multiply the variance of occupancy by, max(1, (1 + c_a²)/2) [1] (handbook §5.5)."""
        return np.maximum(1.0, 0.5 + 0.5 * self.burstiness)

    @cached_property
    def held_variance(self) -> Array:
        """E[held²] − held² [B²]."""
        return np.maximum(self.held_second - self.held**2, 0.0)

    def take(self, index: NDArray[np.intp]) -> Self:
        """Return the traffic at the chosen deployments; fields that do not vary stay as they are."""
        return type(self)(**{f.name: _take(getattr(self, f.name), index) for f in fields(self)})


def _take(values: Array, index: NDArray[np.intp]) -> Array:
    array = np.asarray(values, dtype=float)
    return array[index] if array.ndim and array.shape[-1] > 1 else array


def mix(parts: Sequence[Traffic], rates: Sequence[float]) -> Traffic:
    """Return the traffic of a random call of several streams that share a replica.

    Per-call moments are weighted by the streams' rates, moments of *active* calls by rate × output tokens, because
    that is how long a call is active.

    Parameters
    ----------
    parts : traffic of each stream on the same deployment
    rates : λ_r, calls per second of each [1/s]; their sum must be positive

    Returns
    -------
    Traffic of the mixture.

    Notes
    -----
    The superposition of independent streams is treated as having the rate-weighted mean of their burstiness
    (exact for the asymptotic variance of counts).

    References
    ----------
    Handbook §5.7.
    """
    calls = np.asarray(rates, dtype=float)
    calls = calls / calls.sum()
    active = calls * np.array([float(np.mean(part.output)) for part in parts])
    active = active / active.sum()

    def average(name: str, weights: Array) -> Array:
        return np.asarray(sum(w * np.asarray(getattr(part, name), dtype=float) for w, part in zip(weights, parts, strict=True)))

    return Traffic(
        **{f.name: average(f.name, active if f.name in {"kv", "held", "held_second"} else calls) for f in fields(Traffic)},
    )
