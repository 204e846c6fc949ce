"""How many calls per second of one stream a replica can take while every promise holds.

All constraints grow with B, the mean number of decoding sequences, so the largest B that keeps them is found by
searching over whole columns of deployments at once; λ(B) then is the capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from planner.perf.bounds import bounding_load
from planner.perf.halving import halved
from planner.perf.limits import SMALLEST_LOAD, Ratios, Replica, Target, largest_load, strains, worst
from planner.perf.steady import Serving, State, rate_at, serving, state_at
from planner.perf.step import TINY, Array, CallStep, StepModel
from planner.perf.traffic import Traffic

_Bundle = TypeVar("_Bundle", CallStep, Serving, Traffic, "Replica", "Target", "_Bracket")

CLOSE = 2e-3
"""The search ends where B is known to a share of this [1]."""

NEAR = 1e-4
"""It also ends where the worst strain is above 1 − this [1]."""

AIM = 1.0 - 0.5 * NEAR
"""Strain the search aims at, so that a good guess ends it from either side [1]."""

FAR = 5.0
"""Strains beyond this count as this in the search: those of queues have poles, which interpolation would follow [1]."""

HALVING = 7
"""Every so many steps of the search halve the bracket of log B, whatever the strains look like."""

STEPS = 13 * HALVING
"""Most steps of the search: 13 halvings bring the widest bracket, 0.01 to 10⁵ sequences, to `CLOSE`."""

HALVINGS = 50
"""Halvings of a bracket of log B that bring it to rounding."""


@dataclass(frozen=True)
class Capacity:
    """Result of `solve`: where a deployment can serve the stream, at which state, and what stops it."""

    feasible: NDArray[np.bool_]
    """Whether an almost idle replica keeps every promise."""
    state: State
    """Steady state at the limit (at the smallest load where infeasible)."""
    binding: NDArray[np.intp]
    """Index into `names` of what is nearest its limit."""
    strain: Array
    """Its value over its limit."""
    names: tuple[str, ...]
    """Constraints, in the order of `strains`."""


@dataclass(frozen=True)
class _Rows:
    """Deployments with their stream and limits, as far as the search still works on them."""

    place: Serving
    traffic: Traffic
    replica: Replica
    targets: Sequence[Target]

    def strains(self, load: Array) -> Ratios:
        """Return the strains at B = load."""
        return strains(state_at(self.place, self.traffic, load), self.traffic, self.replica, self.targets)

    def take(self, index: NDArray[np.intp]) -> _Rows:
        """Return the chosen rows."""
        targets = [_pick(target, index) for target in self.targets]
        return _Rows(_pick(self.place, index), _pick(self.traffic, index), _pick(self.replica, index), targets)


def _pick(bundle: _Bundle, index: NDArray[np.intp]) -> _Bundle:
    """Return a bundle of columns at `index`; single values stay as they are."""

    def at(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.take(index) if value.size > 1 else value
        return _pick(value, index) if isinstance(value, CallStep) else value

    return type(bundle)(*[at(getattr(bundle, name)) for name in bundle.__dataclass_fields__])


@dataclass(frozen=True)
class _Bracket:
    """Where B* lies, row by row, and the worst strains there."""

    low: Array
    """A feasible B."""
    high: Array
    """An infeasible B."""
    third: Array
    """The end that was given up last."""
    under: Array
    """Worst strain at `low`, ≤ 1."""
    over: Array
    """Worst strain at `high`, at most `FAR`."""
    beyond: Array
    """Worst strain at `third`."""

    @property
    def open(self) -> NDArray[np.intp]:
        """Rows that are not close enough yet."""
        return np.flatnonzero((self.high > self.low * (1.0 + CLOSE)) & (self.under < 1.0 - NEAR))

    def halved(self) -> Array:
        """Return the middle of the bracket of log B."""
        return np.sqrt(self.low * self.high)

    def interpolated(self) -> Array:
        """Return where the parabola B(strain) through the three points meets `AIM`, or the middle if that is outside."""
        under, over = self.under - AIM, self.over - AIM
        slope = (self.high - self.low) / (over - under)
        with np.errstate(divide="ignore", invalid="ignore"):  # two equal strains make no parabola
            bend = (self.third - self.high) / (self.beyond - self.over) - slope
            meets = self.low - under * (slope - over * (bend / (self.beyond - self.under)))
        return np.where((meets > self.low) & (meets < self.high), meets, 0.5 * (self.low + self.high))

    def inside(self, load: Array) -> Array:
        """Return loads moved off the ends, so that every step narrows the bracket."""
        margin = (0.25 * CLOSE) * self.low
        return np.minimum(np.maximum(load, self.low + margin), self.high - margin)

    def narrowed(self, load: Array, strain: Array) -> _Bracket:
        """Return the bracket once the worst strain at `load` is known."""
        fits, strain = strain <= 1.0, np.minimum(strain, FAR)
        return _Bracket(
            low=np.where(fits, load, self.low),
            high=np.where(fits, self.high, load),
            third=np.where(fits, self.low, self.high),
            under=np.where(fits, strain, self.under),
            over=np.where(fits, self.over, strain),
            beyond=np.where(fits, self.under, self.over),
        )


def _first_guess(low: Array, high: Array, lows: Ratios, highs: Ratios, utilization: float) -> Array:
    """Return the smallest B at which the straight line between the ends of some strain meets `AIM`.

    Of the load the line is drawn for T/τ_0 − 1 = ρ/(1 − ρ), as T is nearly straight in B.
    """
    share = np.ones(low.shape)
    for (name, start), (_, end) in zip(lows, highs, strict=True):
        aim, first, last = np.asarray(AIM), start, np.fmin(end, FAR)
        if name == "load":
            aim, first, last = (utilization * x / (1.0 - utilization * x) for x in (aim, start, end))
        broken = end > 1.0
        share = np.fmin(share, np.where(broken, (aim - first) / np.where(broken, last - first, 1.0), 1.0))
    return low + share * (high - low)


def _last_feasible(rows: _Rows, high: Array, lows: Ratios) -> Array:
    """Return a load close to where the worst strain becomes 1, on its feasible side; columns of one dimension.

    Inverse quadratic interpolation in (B, worst strain) inside a bracket, from a first guess strain by strain. What is
    done with a row does not depend on the other rows: those that are close enough drop out at once.
    """
    low = np.full(high.shape, SMALLEST_LOAD)
    highs = rows.strains(high)
    under, over = worst(lows), worst(highs)
    found, index = np.where(over <= 1.0, high, low), np.arange(high.size)
    at = _Bracket(low, high, low, under, np.minimum(over, FAR), under)
    guess = _first_guess(low, high, lows, highs, rows.replica.utilization)
    busy = np.flatnonzero(over > 1.0)
    for step in range(STEPS):
        if busy.size < index.size:
            rows, index, at = rows.take(busy), index[busy], _pick(at, busy)
        if not busy.size:
            break
        load = guess[index] if step == 0 else at.halved() if step % HALVING == HALVING - 1 else at.interpolated()
        load = at.inside(load)
        at = at.narrowed(load, worst(rows.strains(load)))
        found[index] = at.low
        busy = at.open
    return found


def solve(step: StepModel, traffic: Traffic, replica: Replica, targets: Sequence[Target]) -> Capacity:
    """Return the capacity of each deployment for one stream alone.

    λ* = λ(B*),  B* = max {B : every strain(B) ≤ 1}

    Parameters
    ----------
    step, traffic, replica : deployments in columns
    targets : latency promises

    Returns
    -------
    Capacity, its state at B*.

    Notes
    -----
    Strains grow with B, so the feasible loads form an interval; the lower, feasible end of the search is returned, hence
    capacity is never overstated. It is low by at most 0.2 % in B or 0.01 % in the strain that binds.

    References
    ----------
    Design §3.3; handbook §5.6.
    """
    shape = np.broadcast(step.host, traffic.held, replica.kv_bytes).shape
    rows = _Rows(serving(step, traffic, replica.chunk_tokens, replica.pooled), traffic, replica, targets)
    found = np.full(shape, SMALLEST_LOAD)
    lows = rows.strains(found)
    feasible = worst(lows) <= 1.0
    index = np.flatnonzero(feasible)
    if index.size:
        top = np.broadcast_to(bounding_load(step, traffic, replica, targets), shape)
        chosen = rows if index.size == feasible.size else rows.take(index)
        starts = [(name, np.broadcast_to(low, shape).take(index)) for name, low in lows]
        found.reshape(-1)[index] = _last_feasible(chosen, top.take(index), starts)
    state = state_at(rows.place, traffic, found)
    ratios = strains(state, traffic, replica, targets)
    binding, strain = _binding(ratios, shape)
    return Capacity(feasible, state, binding, strain, names=tuple(name for name, _ in ratios))


def _binding(ratios: Ratios, shape: tuple[int, ...]) -> tuple[NDArray[np.intp], Array]:
    """Return the index of the largest strain, the first of equal ones, and its value; NaN counts as infinite."""
    binding, largest = np.zeros(shape, dtype=np.intp), np.full(shape, -np.inf)
    for index, (_, ratio) in enumerate(ratios):
        worse = ~(ratio <= largest)
        binding, largest = np.where(worse, index, binding), np.where(worse, np.where(np.isnan(ratio), np.inf, ratio), largest)
    return binding, largest


def state_at_rate(step: StepModel, traffic: Traffic, replica: Replica, rate: Array) -> State:
    """Return the steady state at a given call rate, by bisection on B (λ(B) is increasing).

    Parameters
    ----------
    step, traffic, replica : one or many deployments
    rate : λ [1/s]

    Returns
    -------
    State; at the largest B where the rate exceeds what the replica can do.
    """
    shape = np.broadcast(step.host, traffic.held, rate).shape
    low = np.full(shape, np.log(1e-6))
    high = np.broadcast_to(np.log(largest_load(replica, traffic, step.width)), shape)
    place = serving(step, traffic, replica.chunk_tokens, replica.pooled)
    aim = np.maximum(rate, TINY)

    def gap(load: Array) -> Array:
        return np.asarray(np.log(rate_at(place, traffic, np.exp(load)) / aim))

    return state_at(place, traffic, np.exp(halved(gap, low, high, HALVINGS)))
