"""What one call of a stream asks of a replica, as the moments the formulas need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.step import TINY, Array


@dataclass(frozen=True)
class Traffic:
    """Moments of a call; fields broadcast against deployments (KV and attention depend on the model)."""

    output: Array
    """O, mean output tokens = decode iterations [token]."""
    output_second: Array
    """E[O²] [token²]."""
    prompt: Array
    """I, mean prompt tokens to compute, cached prefix excluded [token]."""
    prompt_second: Array
    """E[I²] [token²]."""
    prompt_third: Array
    """E[I³] [token³]."""
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
    def bursty_second(self) -> Array:
        """E[I²] of a call's prompt, raised for bursty arrivals: E[I²] + (c_a² − 1)·I² [token²].

        Turns the Poisson result λE[S²]/2(1−ρ) into Kingman's ρS(c_a² + c_S²)/2(1−ρ). Arrivals smoother than Poisson are
        not relied on. References: Kingman (1961); handbook §5.4.
        """
        return np.asarray(self.prompt_second + np.maximum(self.burstiness - 1.0, 0.0) * self.prompt**2)

    @cached_property
    def bursty_third(self) -> Array:
        """E[I³] of a call's prompt, raised for bursty arrivals by the same factor as the second moment [token³]."""
        return np.asarray(self.prompt_third * (self.bursty_second / np.maximum(self.prompt_second, TINY)))

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
