"""Rounded coverage: whole replicas cannot be had in parts, whatever pools they belong to.

Give the streams weights w[r] >= 0. All calls served weigh W = Σ_r w[r]; where ways use the streams, W counts the heaviest of
each group, and way w asks for d[w] less. One carrying replica of pool k serves at most v[k], a continuous knapsack; so
Σ_k v[k]·n[k] + Σ_{r,a} w[r]·z[r,a] + Σ_w d[w]·v[w] >= W. Replicas and ways are whole, hence (mixed-integer rounding, f the
fractional part of W)

    Σ_k F(v[k])·n[k] + Σ_{r,a} w[r]/f·z[r,a] + Σ_w F(d[w])·v[w] >= ⌈W⌉,   F(v) = ⌊v⌋ + min(1, (v − ⌊v⌋)/f).

It speaks of all pools at once, so that a relaxation cannot escape a rounded-up pool into parts of its like.

References
----------
Nemhauser and Wolsey, *Integer and Combinatorial Optimization* (1988), II.1.7; Magnanti, Mirchandani and Vachani, *The convex
hull of two core capacitated network design problems*, Math. Programming 60 (1993), for one pool.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np

from planner.optimize.bounds import Bounds, allowed, parts
from planner.optimize.kinds import Kinds
from planner.optimize.knapsack import knapsack, quick, sharp
from planner.optimize.program import Bools, Floats, Ints, Program

BLOCK = 256
"""Pools looked at together: keeps the working arrays in cache."""
PART = 0.02
"""Fractional parts nearer than this to a whole number give coefficients too large for a solver, or no cut at all."""
VIOLATED = 0.004
"""Share of the right-hand side by which a cut must be broken to join."""
PER_ROUND = 25
"""Cuts that join per round at most."""
FEW_STREAMS = 9
"""Up to this many streams, all sets of them are tried."""
SOME_STREAMS = 16
"""Up to this many streams, single ones, pairs and all; beyond, single ones and all."""
SMALL_UNIT = 1e-4
"""Units below this share of the largest round nothing that matters."""
UNUSED = 1e-6
"""Replicas and machines of a relaxed solution that count as none."""
SAFE = 1e-9
"""Added to what a replica serves, so that rounding noise never makes a cut too strong."""


@dataclass(frozen=True, eq=False)
class Covers:
    """Rounded coverage inequalities."""

    period: Ints
    """[C] The period each speaks of."""
    weight: Floats
    """[C, R] w: weight of all of a stream."""
    need: Floats
    """[C] ⌈W⌉."""
    part: Floats
    """[C] f."""
    value: Floats
    """[C, K] F(v): what a carrying replica of a pool counts."""
    spared: Floats
    """[C, W] F(d): what a way counts that asks for less than the heaviest of its group."""
    machines: Floats
    """[C, O] What a machine of a purchase counts, in cuts that count machines in place of replicas; else 0."""

    def over(self, keep: Ints) -> Covers:
        """Take only some pools."""
        return replace(self, value=self.value[:, keep])

    def first(self, count: int) -> Covers:
        """Take only the first cuts."""
        return Covers(*(getattr(self, one.name)[:count] for one in fields(self)))


@dataclass(frozen=True, eq=False)
class Counting:
    """What priced cuts pay for a replica of any pool, one that is no column too, by what it can serve at most."""

    price: Floats
    """[C] Of a unit of rounded coverage [$/h]."""
    covers: Covers
    """The cuts."""
    rate: Floats
    """[R, T] Calls per second that are all of a stream."""

    def __call__(self, t: int, reach: Floats) -> Floats:
        """Return Σ_c σ_c·F(v_c) in a period.

        v_c ≤ min_b max_r w_cr/ρ_rt·reach_br, since Σ_r λ_r/reach_br ≤ 1 in every mix

        Parameters
        ----------
        t : period
        reach : [B, R, n] calls per second of each stream alone that a replica of n pools serves at most, by each of B bounds
        """
        paid = np.zeros(reach.shape[2])
        rate = self.rate[:, t]
        for c in np.flatnonzero((self.covers.period == t) & (self.price > 0)).tolist():
            weight = self.covers.weight[c]
            each = np.divide(weight, rate, out=np.zeros(len(rate)), where=rate > 0)
            counts = np.flatnonzero(each > 0)
            served = (each[counts, None] * reach[:, counts]).max(axis=1, initial=0.0).min(axis=0)
            served = np.minimum(served, weight[counts] @ (reach[0][counts] > 0))
            paid += self.price[c] * rounded(served * (1 + SAFE) + SAFE * (served > 0), self.covers.part[c])
        return paid


def no_covers(program: Program) -> Covers:
    """Return none."""
    weight, period = np.zeros((0, len(program.streams))), np.zeros(0, dtype=np.int64)
    return covers(program, weight, period, np.zeros((0, len(program.pools.name))))


def covers(program: Program, weight: Floats, period: Ints, served: Floats) -> Covers:
    """Round coverage up; `served` [C, K] is at least what a replica can serve."""
    total, part, spared = sides(program, weight, period)
    nothing = np.zeros((len(weight), len(program.purchases.name)))
    return Covers(period, weight, np.ceil(total), part, rounded(safe(served), part[:, None]), spared, nothing)


def sides(program: Program, weight: Floats, period: Ints) -> tuple[Floats, Floats, Floats]:
    """Return what all calls weigh [C], its fractional part [C], and what ways count that ask for less [C, W]."""
    total, less = asked(program, weight, period)
    part = total - np.floor(total)
    return total, part, rounded(safe(less), part[:, None])


def safe(served: Floats) -> Floats:
    """Return no less than what can be served, whatever the rounding noise; nothing stays nothing."""
    safe: Floats = np.where(served > 0, served * (1 + SAFE) + SAFE, 0.0)
    return safe


def asked(program: Program, weight: Floats, period: Ints) -> tuple[Floats, Floats]:
    """Return what all calls weigh at most [C], and by how much less if a way is taken [C, W]."""
    total, ways = weight[:, program.fixed].sum(axis=1), program.ways
    own = np.zeros((len(weight), len(ways.name)))
    if not len(ways.name):
        return total, own
    np.add.at(own.T, ways.user, (weight[:, ways.stream] * parts(program)[:, period].T).T)
    most = np.zeros((len(weight), ways.groups))
    np.maximum.at(most.T, ways.group, own.T)
    return total + most.sum(axis=1), most[:, ways.group] - own


def joined(one: Covers, other: Covers) -> Covers:
    """Put two sets together."""
    return Covers(*(np.concatenate([getattr(of, field.name) for of in (one, other)]) for field in fields(one)))


def rounded(value: Floats, part: Floats | float) -> Floats:
    """F(v) = ⌊v⌋ + min(1, (v − ⌊v⌋)/f)."""
    whole = np.floor(value)
    out: Floats = whole + np.minimum(1.0, (value - whole) / part)
    return out


def make_covers(program: Program, bounds: Bounds, kinds: Kinds, weight: Floats, period: Ints) -> Covers:
    """Return the cuts of some weights [C, R], what replicas serve found for every pool."""
    usable = allowed(program)
    served = np.zeros((len(weight), len(kinds.first)))
    for c, (each, t) in enumerate(zip(weight, period.tolist(), strict=True)):
        (matters,) = np.nonzero(usable[each > 0][:, kinds.first].any(axis=0))
        served[c, matters] = most_served(*shares(program, bounds, usable, each, t, kinds.first[matters]))
    return covers(program, weight, period, served[:, kinds.of])


def shares(program: Program, bounds: Bounds, usable: Bools, each: Floats, t: int, pools: Ints) -> tuple[Floats, Floats]:
    """Weight [S, k] and load [J, S, k] of all of each stream that has weight, on some pools in a period."""
    counted = np.flatnonzero(each > 0)
    open_to = usable[np.ix_(counted, pools)]
    load = np.where(open_to, program.pools.demand[:, counted][:, :, pools], 0.0) * bounds.rate[counted, t, None]
    return np.where(open_to, each[counted, None], 0.0), load


def most_served(profit: Floats, load: Floats) -> Floats:
    """[k] The most a replica serves, from above; one stream alone needs no search."""
    if len(profit) == 1:
        return quick(profit, load)
    served = np.zeros(profit.shape[1])
    for first in range(0, len(served), BLOCK):
        piece = slice(first, first + BLOCK)
        served[piece] = sharp(profit[:, piece], load[:, :, piece])
    return served


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A relaxed solution in one period, over the pools that carry load."""

    pools: Ints
    """[P] Those pools."""
    carrying: Floats
    """[P] Replicas beyond spares."""
    api: Floats
    """[R] Share of each stream sent to APIs."""
    worth: Floats
    """[R] Price of serving all of a stream."""
    fees: Floats
    """[J, P] Prices of the pools' resources."""
    ways: Floats
    """[W] Ways taken."""
    machines: Floats
    """[O] Machines held."""


def violated(program: Program, bounds: Bounds, t: int, at: Relaxed) -> Floats:
    """Return the weights [C, R] of the cuts that a relaxed solution breaks most, at most `PER_ROUND`."""
    streams = np.flatnonzero(counting(program, bounds, t))
    if not len(streams) or not len(at.pools):
        return np.zeros((0, len(program.streams)))
    usable, load = in_use(program, bounds, t, at)
    made_of = units(program, streams)
    weight = np.concatenate([_by_worth(made_of, usable, load, at), _by_load(made_of, usable, load)])
    weight = weight[roundable(program, weight, t)]
    served = capacity(weight, usable, load, at.fees) + SAFE
    return most_broken(program, t, at, weight, lambda part, _: rounded(served, part) @ at.carrying)


def in_use(program: Program, bounds: Bounds, t: int, at: Relaxed) -> tuple[Bools, Floats]:
    """Whether each stream may use each pool in use [R, P], and the load of all its calls there [J, R, P]."""
    usable = allowed(program)[:, at.pools]
    return usable, np.where(usable, program.pools.demand[:, :, at.pools], 0.0) * bounds.rate[:, t, None]


def most_broken(program: Program, t: int, at: Relaxed, weight: Floats, count: Callable[[Floats, Floats], Floats]) -> Floats:
    """Return the distinct weights [C, R] whose cuts a relaxed solution breaks most, at most `PER_ROUND`.

    Parameters
    ----------
    program, t, at : the choice, a period, the solution in it
    weight : [C, R] to be judged
    count : (fractional parts [C, 1], right-hand sides [C, 1]) → [C] what replicas or machines count
    """
    total, part, spared = sides(program, weight, np.full(len(weight), t, dtype=np.int64))
    need = np.ceil(total)
    counted = count(part[:, None], need[:, None])
    short = 1 - (counted + weight @ at.api / part + spared @ at.ways) / need
    broken = short > VIOLATED
    return _distinct(weight[broken][np.argsort(-short[broken], kind="stable")])[:PER_ROUND]


def counting(program: Program, bounds: Bounds, t: int) -> Bools:
    """[R] Streams that may have weight: with calls in the period that no other period may serve."""
    own: Bools = (bounds.rate[:, t] > 0) & (~program.movable | (len(program.hours) == 1))
    return own


def units(program: Program, streams: Ints) -> Bools:
    """[U, R] What sets are made of: single streams, and all streams of a group of ways together."""
    group = np.full(len(program.streams), -1, dtype=np.int64)
    group[program.ways.stream] = program.ways.group[program.ways.user]
    own = streams[group[streams] < 0]
    single = np.zeros((len(own), len(group)), dtype=bool)
    single[np.arange(len(own)), own] = True
    held = np.unique(group[streams[group[streams] >= 0]])
    together = (group == held[:, None]) & np.isin(np.arange(len(group)), streams)
    return np.concatenate([single, together])


def sets(made_of: Bools) -> Bools:
    """[S, R] Sets of streams to try."""
    count = len(made_of)
    sizes = range(1, count + 1) if count <= FEW_STREAMS else sorted({1, 2 if count <= SOME_STREAMS else 1, count})
    chosen = [each for size in sizes for each in itertools.combinations(range(count), size)]
    return np.array([made_of[list(each)].any(axis=0) for each in chosen]).reshape(len(chosen), made_of.shape[1])


def _by_worth(made_of: Bools, usable: Bools, load: Floats, at: Relaxed) -> Floats:
    """[C, R] Streams weighed by their prices, in units of what each replica in use earns."""
    weight = np.where(sets(made_of), np.maximum(at.worth, 0.0), 0.0)
    earned = capacity(np.maximum(at.worth, 0.0)[None], usable, load, at.fees)[0]
    sizes = np.unique(np.round(earned[earned > SMALL_UNIT * earned.max()], 9))
    sizes = sizes[sizes > 0]
    scaled: Floats = (weight[None] / sizes[:, None, None]).reshape(-1, weight.shape[1])
    return scaled


def _by_load(made_of: Bools, usable: Bools, load: Floats) -> Floats:
    """[C, R] Single streams or groups, and pairs, weighed by the replicas they need of each pool in use."""
    few = sets(made_of)
    few = few[(few @ made_of.T).sum(axis=1) <= 2]
    need = np.where(usable, load.max(axis=0), 0.0)
    weight = few[None] * need.T[:, None]
    served = ((need.T[:, None] > 0) | ~few[None]).all(axis=2)
    chosen: Floats = weight[served]
    return chosen


def capacity(weight: Floats, usable: Bools, load: Floats, fees: Floats) -> Floats:
    """[C, P] What a replica of each pool in use serves, from above: single resources, and all as priced."""
    total = fees.sum(axis=0)
    mix = np.where(total > 0, fees / np.where(total > 0, total, 1.0), 1.0 / len(fees))
    tried = (*load, np.einsum("jk,jrk->rk", mix, load))
    out = np.zeros((len(weight), load.shape[2]))
    sizes = np.count_nonzero(weight, axis=1)
    for size in np.unique(sizes[sizes > 0]).tolist():
        (same,) = np.nonzero(sizes == size)
        members = np.argsort(weight[same] == 0, axis=1, kind="stable")[:, :size].T
        profit = np.where(usable[members], weight[same, members][:, :, None], 0.0).reshape(size, -1)
        least = [knapsack(profit, one[members].reshape(size, -1)) for one in tried]
        out[same] = np.min(least, axis=0).reshape(len(same), -1)
    return out


def roundable(program: Program, weight: Floats, t: int) -> Bools:
    """[C] Whether what all calls weigh has a fractional part far enough from a whole number."""
    total = asked(program, weight, np.full(len(weight), t, dtype=np.int64))[0]
    part = total - np.floor(total)
    fit: Bools = (part > PART) & (part < 1 - PART)
    return fit


def _distinct(weight: Floats) -> Floats:
    """Leave out weights that another, more broken one repeats."""
    _, first = np.unique(np.round(weight, 6), axis=0, return_index=True)
    return weight[np.sort(first)]
