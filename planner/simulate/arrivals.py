"""Times at which calls come: Poisson, burstier or steadier than it, at rates that swing with the hour and flare up in bursts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from planner.demand.issues import mistake
from planner.simulate.requests import Floats

HOUR = 3600.0
"""Length of an hour [s]."""
_SPARE = 6.0
"""Standard deviations of a count by which the first batch of gaps exceeds its mean, so that a second one is seldom drawn."""


@dataclass(frozen=True, eq=False)
class Profile:
    """A rate that is constant within each of consecutive stretches of time."""

    edges: Floats
    """Ends of the stretches, ascending from 0; one more than `rates` [s]."""
    rates: Floats
    """Calls per second within each [1/s], or a multiplier of such a rate [1]."""

    @property
    def span(self) -> float:
        """Time covered [s]."""
        return float(self.edges[-1])

    @property
    def expected(self) -> Floats:
        """Λ at each edge: calls expected until then [1]."""
        return np.concatenate(([0.0], np.cumsum(self.rates * np.diff(self.edges))))

    def at(self, times: Floats) -> Floats:
        """Return the rate at each time; at an edge, that of the stretch which begins there."""
        stretch = np.searchsorted(self.edges, times, side="right") - 1
        return self.rates[np.clip(stretch, 0, len(self.rates) - 1)]

    def times(self, other: Profile) -> Profile:
        """Return the product of two profiles, over the shorter of their spans."""
        ends = np.union1d(self.edges, other.edges)
        edges = ends[ends <= min(self.span, other.span)]
        return Profile(edges, self.at(edges[:-1]) * other.at(edges[:-1]))


@dataclass(frozen=True)
class Bursts:
    """A rate that jumps between calm and burst, both of exponential length: a Poisson process modulated by two states."""

    peak: float
    """Rate in a burst over the mean rate, above 1 [1]."""
    share: float
    """Share of time spent in bursts; `peak` × `share` is at most 1, and at 1 nothing comes in between [1]."""
    length: float
    """Mean length of a burst [s]."""

    def __post_init__(self) -> None:
        """Refuse figures that no rate can follow."""
        if not (self.peak > 1 and 0 < self.share < 1 and self.length > 0):
            raise mistake("bursts", f"{self} is no burst", "give a peak above 1, a share between 0 and 1 and a positive length")
        if self.peak * self.share > 1:
            what = f"bursts at {self.peak:g} times the mean rate for {self.share:.0%} of the time exceed the mean on their own"
            raise mistake("bursts", what, f"lower the share to {1 / self.peak:.3g} or less, or the peak")

    @property
    def calm(self) -> float:
        """Rate between bursts over the mean rate [1]."""
        return (1 - self.peak * self.share) / (1 - self.share)

    @property
    def lull(self) -> float:
        """Mean time between bursts [s]."""
        return self.length * (1 - self.share) / self.share

    def dispersion(self, rate: float, window: float = math.inf) -> float:
        """Return the index of dispersion of counts.

        IDC(w) = 1 + 2 λ (p − 1)² s b · [1 − (1 − e^(−κw)) / (κw)],  κ = 1/b + 1/l

        Parameters
        ----------
        rate : float [1/s]
            Mean rate λ.
        window : float [s]
            Window length w; infinite = the limit, where the bracket is 1.

        Returns
        -------
        float [1]

        Notes
        -----
        p, s, b and l are `peak`, `share`, `length` and `lull`. The cookbook's form in rates λ₁, λ₂ and switching rates r₁ = 1/b,
        r₂ = 1/l, 2 (λ₁ − λ₂)² r₁ r₂ / ((r₁ + r₂)² (λ₁ r₂ + λ₂ r₁)), becomes the above with λ₁ = pλ and s = r₂ / (r₁ + r₂).

        References
        ----------
        Fischer and Meier-Hellstern (1993), The Markov-modulated Poisson process (MMPP) cookbook, Performance Evaluation 18.
        """
        limit = 2 * rate * (self.peak - 1) ** 2 * self.share * self.length
        turns = window * (1 / self.length + 1 / self.lull)
        return 1 + limit * (1 + math.expm1(-turns) / turns)


def bursts_of(dispersion: float, rate: float, peak: float, share: float) -> Bursts:
    """Return the bursts that give counts over long windows an index of dispersion.

    b = (IDC(∞) − 1) / (2 λ (p − 1)² s)

    Parameters
    ----------
    dispersion : float [1]
        IDC(∞), above 1.
    rate : float [1/s]
        Mean rate λ.
    peak : float [1]
        Rate in a burst over the mean rate, p.
    share : float [1]
        Share of time in bursts, s.

    Returns
    -------
    Bursts

    References
    ----------
    `Bursts.dispersion`, solved for the length.
    """
    return Bursts(peak, share, (dispersion - 1) / (2 * rate * (peak - 1) ** 2 * share))


def poisson(rate: float, span: float, rng: Generator) -> Floats:
    """Return independent arrivals at a constant rate.

    N ~ Poisson(λT), times uniform on [0, T)

    Parameters
    ----------
    rate : float [1/s]
        λ.
    span : float [s]
        T.
    rng : Generator
        Source of chance.

    Returns
    -------
    array [s]
        Ascending.
    """
    return np.sort(rng.uniform(0, span, rng.poisson(rate * span)))


def gamma(rate: float, scv: float, span: float, rng: Generator) -> Floats:
    """Return arrivals whose gaps are gamma distributed.

    gap ~ Gamma(k, 1/(kλ)),  k = 1/c_a²

    Parameters
    ----------
    rate : float [1/s]
        λ.
    scv : float [1]
        c_a², the squared coefficient of variation of the gaps: 1 is Poisson, below it is steadier (1/k: Erlang of k phases),
        above it comes in clumps.
    span : float [s]
        Time to fill.
    rng : Generator
        Source of chance.

    Returns
    -------
    array [s]
        Ascending in [0, span).

    Notes
    -----
    The first gap is that of a process that began long ago, so that the expected count is λ·span from the start: a uniform share
    of a gap met in proportion to its length, which for Gamma(k) is Gamma(k + 1). Counts over long windows have dispersion c_a².

    References
    ----------
    Cox (1962), Renewal Theory (equilibrium renewal process).
    """
    if scv <= 0:
        raise mistake("burstiness", f"burstiness is {scv:g}", "give a positive one: 1 for independent calls")
    if rate * span <= 0:
        return np.zeros(0)
    shape, scale = 1 / scv, scv / rate
    last = rng.uniform() * rng.gamma(shape + 1, scale)
    parts = [np.array([last])]
    while last < span:
        due = rate * (span - last)
        parts.append(last + np.cumsum(rng.gamma(shape, scale, int(due + _SPARE * math.sqrt(due * scv)) + 1)))
        last = float(parts[-1][-1])
    times = np.concatenate(parts)
    return times[: np.searchsorted(times, span, side="left")]


def along(profile: Profile, rng: Generator, scv: float = 1.0) -> Floats:
    """Return arrivals at a rate that changes with time.

    t_i = Λ⁻¹(u_i),  Λ(t) = ∫₀ᵗ λ(x) dx,  u a process of rate 1 with burstiness c_a²

    Parameters
    ----------
    profile : Profile [1/s]
        λ(t).
    rng : Generator
        Source of chance.
    scv : float [1]
        c_a² in operational time u; 1 = Poisson.

    Returns
    -------
    array [s]
        Ascending in [0, profile.span).

    Notes
    -----
    Thinning a fast process would wash its burstiness out; stretching time keeps it at every rate.

    References
    ----------
    Gerhardt and Nelson (2009), Transforming renewal processes for simulation of nonstationary arrival processes, INFORMS J. on
    Computing 21.
    """
    expected = profile.expected
    ticks = gamma(1.0, scv, float(expected[-1]), rng)
    return np.asarray(np.interp(ticks, expected, profile.edges), dtype=np.float64)


def daily(rate: float, multipliers: Sequence[float], span: float, start: float = 0.0) -> Profile:
    """Return a rate that follows the hour of the day.

    λ(t) = λ · m[⌊(start + t) / 3600⌋ mod n]

    Parameters
    ----------
    rate : float [1/s]
        λ, where the multiplier is 1.
    multipliers : sequence of float [1]
        One an hour; after the last, the first follows again.
    span : float [s]
        Time covered.
    start : float [s]
        Time of day at which it begins.

    Returns
    -------
    Profile [1/s]
    """
    first = start // HOUR
    turns = np.arange(first + 1, math.ceil((start + span) / HOUR)) * HOUR - start
    hours = (int(first) + np.arange(len(turns) + 1)) % len(multipliers)
    return Profile(np.concatenate(([0.0], turns, [span])), rate * np.asarray(multipliers, dtype=np.float64)[hours])


def flares(bursts: Bursts, span: float, rng: Generator) -> Profile:
    """Return one path of the multiplier that bursts put on a rate.

    Parameters
    ----------
    bursts : Bursts
        Peak, share of time, mean length.
    span : float [s]
        Time covered.
    rng : Generator
        Source of chance.

    Returns
    -------
    Profile [1]
        Its mean over many paths is 1.

    Notes
    -----
    It begins in a burst with probability `share`. Exponential stays have no memory, so the first is drawn like the others.
    """
    now, burning, turns = 0.0, bool(rng.uniform() < bursts.share), [0.0]
    levels: list[float] = []
    while now < span:
        now += rng.exponential(bursts.length if burning else bursts.lull)
        levels.append(bursts.peak if burning else bursts.calm)
        turns.append(min(now, span))
        burning = not burning
    return Profile(np.array(turns), np.array(levels))


def modulated(rate: float, bursts: Bursts, span: float, rng: Generator, scv: float = 1.0) -> Floats:
    """Return arrivals that come in bursts: of a Markov-modulated Poisson process where `scv` is 1 [s]."""
    return along(Profile(np.array([0.0, span]), np.array([rate])).times(flares(bursts, span, rng)), rng, scv)


def diurnal(
    rate: float,
    multipliers: Sequence[float],
    span: float,
    rng: Generator,
    *,
    scv: float = 1.0,
    bursts: Bursts | None = None,
    start: float = 0.0,
) -> Floats:
    """Return arrivals that follow the hour of the day (`daily`), with bursts on top where they are given [s]."""
    day = daily(rate, multipliers, span, start)
    return along(day.times(flares(bursts, span, rng)) if bursts else day, rng, scv)
