"""What one call of a stream asks of a replica, as the moments the formulas need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from planner.perf.step import NONE, ONE, TINY, Array


@dataclass(frozen=True)
class Traffic:
    """Moments of a call; fields broadcast against deployments (KV and attention depend on the model)."""

    output: Array
    """O, mean decode iterations of a call [1]: its output tokens, over `emitted` where drafts are verified."""
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
    emitted: Array = field(default_factory=lambda: ONE)
    """E_d, tokens a decode iteration emits for a call [token]; O is a call's output tokens over E_d."""
    scatter: Array = field(default_factory=lambda: NONE)
    """Squared coefficient of variation of the tokens one iteration emits [1]; 0 where each emits one."""

    @cached_property
    def burst(self) -> Array:
        """What bursty arrivals multiply the variance of occupancy by, (1 + c_a²)/2 [1] (handbook §5.5)."""
        return 0.5 + 0.5 * self.burstiness

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


def mix(parts: Sequence[Traffic], rates: Sequence[float], per_token: Sequence[Array]) -> Traffic:
    """Return the traffic of a random call of several streams that share a replica.

    Per-call moments are weighted by the streams' rates, moments of *active* calls by rate × output tokens, because
    that is how long a call is active. Work is in tokens of the mixture's mean rate, s̄ = Σ λ_r·I_r·s_r / Σ λ_r·I_r, so the second
    and third moments of a stream's prompts count (s_r/s̄)² and (s_r/s̄)³ times.

    Parameters
    ----------
    parts : traffic of each stream on the same deployment
    rates : λ_r, calls per second of each [1/s]; their sum must be positive
    per_token : s_r, time that a prompt token of each takes, up to a common factor [s/token]

    Returns
    -------
    Traffic of the mixture.

    Notes
    -----
    A token of a long prompt takes longer than one of a short prompt, for it attends to more: that is what makes documents so hard
    on the chats behind them. The superposition of independent streams is treated as having the rate-weighted mean of their
    burstiness (exact for the asymptotic variance of counts).

    References
    ----------
    Handbook §5.7.
    """
    calls = np.asarray(rates, dtype=float)
    calls = calls / calls.sum()
    active = calls * np.array([float(np.mean(part.output)) for part in parts])
    active = active / active.sum()

    def average(values: Sequence[Array], weights: Array) -> Array:
        return np.asarray(sum(w * np.asarray(value, dtype=float) for w, value in zip(weights, values, strict=True)))

    def plain(name: str) -> Array:
        return average([getattr(part, name) for part in parts], active if name in {"kv", "held", "held_second"} else calls)

    spent = average([part.prompt * each for part, each in zip(parts, per_token, strict=True)], calls)
    mean = spent / np.maximum(plain("prompt"), TINY)
    slower = [np.asarray(each / np.maximum(mean, TINY)) for each in per_token]
    moments = {
        name: average([getattr(part, name) * each**power for part, each in zip(parts, slower, strict=True)], calls)
        for name, power in (("prompt_second", 2), ("prompt_third", 3))
    }
    moments |= {name: getattr(parts[0], name) for name in ("emitted", "scatter")}  # of the deployment, the same for all
    return Traffic(**{f.name: moments[f.name] if f.name in moments else plain(f.name) for f in fields(Traffic)})
