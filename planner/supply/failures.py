"""How many replicas of a pool are down at a time, and how many spares keep the others enough: N + k.

    A = 1 / (1 + outages·duration),   k = min {k : P[Binom(U(n), 1 − A) ≤ k/q] ≥ target},   n = R + k

A *unit* is what fails together: a replica and every machine it stands on, or, where a machine holds q replicas, that machine
with all of them. With whole machines, q = 1 and U = n, this is P[Binom(R + k, A) ≥ R] ≥ target.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from planner.domain.problem import Failures, Operations

HOURS_PER_YEAR = 8760.0
SECONDS_PER_HOUR = 3600.0

ROUNDING = 1e-12
"""Probability that counts as none: a target of 99.9 % is met by 0.999 however the last digits fall."""


def failure_rate(accelerators: int, machines: float, failures: Failures) -> float:
    """Return how often something fails that stands on accelerators and machines.

    λ = (accelerators·λ_gpu + machines·λ_node) / 8760

    Parameters
    ----------
    accelerators, machines : how many there are [1]
    failures : rates [1/year]

    Returns
    -------
    float [1/h]

    Notes
    -----
    Failures are independent and as likely at any time. What takes several machines at once (a rack, a region, a network) is not
    in it.

    References
    ----------
    Handbook §9; sources of the rates: `planner.domain.problem.Failures`.
    """
    return (accelerators * failures.gpu_per_year + machines * failures.node_per_year) / HOURS_PER_YEAR


def availability(rate: float, outage: float) -> float:
    """Return the share of time in which something works that fails and is repaired.

    A = MTTF/(MTTF + MTTR) = 1/(1 + λ·MTTR)

    Parameters
    ----------
    rate : λ = 1/MTTF, failures [1/h]
    outage : MTTR, time from a failure until it works again [h]

    Returns
    -------
    float [1]

    Examples
    --------
    >>> round(availability(1 / 999, 1.0), 6)
    0.999

    References
    ----------
    Handbook §9.
    """
    return 1.0 / (1.0 + rate * outage)


EACH = 8
"""Units up to which every number of spares is offered; beyond, steps: a pool of thousands is a few columns more."""

MANY = 2**31 - 1
"""More replicas than any pool has."""


@lru_cache(maxsize=65536)
def most_down(units: int, some: int, down: float) -> float:
    """Return the probability that of some units no more than a few are down.

    P[Binom(units, down) ≤ some] = Σ_{d ≤ some} C(units, d)·down^d·(1 − down)^(units − d)

    Parameters
    ----------
    units : how many there are [1]
    some : how many may be down [1]
    down : 1 − A, probability that one is down [1]

    Returns
    -------
    float [1]

    Notes
    -----
    Each term is the one before times (units − d + 1)/d·down/(1 − down): all are positive, nothing cancels. Logarithms keep the
    first, (1 − down)^units, from vanishing where units are many.
    """
    if some >= units or down <= 0.0:
        return 1.0
    if some < 0:
        return 0.0
    term, odds = units * math.log1p(-down), down / (1.0 - down)
    total = math.exp(term)
    for d in range(1, some + 1):
        term += math.log((units - d + 1) / d) + math.log(odds)
        total += math.exp(term)
    return min(total, 1.0)


def rungs() -> Iterator[int]:
    """Yield the numbers of units that may be kept as spares: all up to `EACH`, then each at most a quarter more than the last."""
    kept = 0
    while True:
        yield kept
        kept = kept + 1 if kept < EACH else -(-5 * kept // 4)


@dataclass(frozen=True)
class Unit:
    """What fails together."""

    replicas: int
    """q: replicas that are down when it is; more than one where several stand on one machine [1]."""
    rate: float
    """λ: hardware failures of a replica and what it stands on [1/h]."""
    down: float
    """1 − A: share of time it is down, interruptions of spot machines included [1]."""
    zones: int = 1
    """z: zones over which units are spread evenly, any one of which may be down; 1 = that is not asked for [1]."""

    def touched(self, count: int) -> int:
        """Return the most units on which replicas of a pool stand.

        U(n) = ⌈(n − 1)/q⌉ + 1

        Notes
        -----
        Replicas of a pool stand side by side, as the packing argument places them (docs/formulation.md): those at both ends may
        share their machine with other pools, all between fill theirs. For q = 1 it is n.
        """
        return 0 if count < 1 else -(-(count - 1) // self.replicas) + 1

    def reached(self, count: int, spares: int) -> float:
        """Return the probability that no more than the spares of a pool's replicas are down [1]; every failed unit takes q."""
        return most_down(self.touched(count), spares // self.replicas, self.down)

    def spares(self, count: int, target: float) -> int:
        """Return how many of a pool's replicas are spares: the lowest of the `rungs`, in whole units, to reach the target."""
        return next(kept * self.replicas for kept in rungs() if self._enough(count, kept * self.replicas, target))

    def _enough(self, count: int, spares: int, target: float) -> bool:
        """Whether spares make up for units that fail, and for a whole zone: k ≥ q·⌈U(n)/z⌉."""
        zone = 0 if self.zones == 1 else self.replicas * -(-self.touched(count) // self.zones)
        return spares >= zone and self.reached(count, spares) >= target - ROUNDING

    @lru_cache(maxsize=4096)  # noqa: B019 - of small, frozen objects
    def most(self, spares: int, target: float) -> int:
        """Return the most replicas, spares included, for which so many spares are enough."""
        low, high = 0, 1
        while high < MANY and self._enough(high, spares, target):
            low, high = high, 2 * high
        while high - low > 1 and low < MANY:
            middle = (low + high) // 2
            low, high = (middle, high) if self._enough(middle, spares, target) else (low, middle)
        return min(low, MANY)

    def steps(self, target: float, need: int) -> Iterator[tuple[int, int, int]]:
        """Yield (spares, fewest, most replicas, spares included), until `need` replicas can carry load.

        Every number of replicas is in one step at most: the one whose spares are right for it.
        """
        below = 0
        for kept in rungs():
            spares, most = kept * self.replicas, self.most(kept * self.replicas, target)
            fewest = max(below, spares) + 1
            if most >= fewest:
                yield spares, fewest, most
            if most - spares >= max(need, 1):
                return
            below = most


def unit_of(gpus: int, machine_gpus: int, operations: Operations, *, interruptible: bool, fallback: bool = False) -> Unit:
    """Return what fails together in a pool.

    Parameters
    ----------
    gpus : accelerators of a replica
    machine_gpus : accelerators of a machine
    operations : failure rates, repair, restart; interruptions of spot machines
    interruptible : whether it runs on spot machines
    fallback : whether on-demand machines take over from these

    Notes
    -----
    An accelerator that fails takes its whole machine for the repair (assumption: the machine is drained). A failure lasts
    repair + restart; an interruption of a spot machine lasts `spot_restart`, with a fallback less the warning, in which the
    replacement already starts. Spot machines that are taken together are one unit with all replicas on them; they stand side by
    side as the replicas do (assumption), and any of them that fails counts as all:

        A = 1/((1 + λ·MTTR)^h + c·ν·T),   h = ⌈together/machines of a replica⌉,  c = ⌈machines of a replica/together⌉
    """
    machines, replicas = max(gpus // machine_gpus, 1), max(machine_gpus // gpus, 1)
    failures, zones = operations.failures, operations.zones or 1
    rate = failure_rate(max(gpus, machine_gpus), machines, failures)
    outage = rate * (failures.repair + failures.restart)
    if not interruptible:
        return Unit(replicas, rate, 1.0 - availability(outage / SECONDS_PER_HOUR, 1.0), zones)
    missed = max(operations.spot_restart - operations.spot_notice, 0.0) if fallback else operations.spot_restart
    held, taken = -(-operations.spot_together // machines), -(-machines // operations.spot_together)
    reclaimed = taken * operations.spot_interruptions_per_hour * missed
    if held == 1:
        return Unit(replicas, rate, 1.0 - availability((outage + reclaimed) / SECONDS_PER_HOUR, 1.0), zones)
    down = 1.0 - 1.0 / ((1.0 + outage / SECONDS_PER_HOUR) ** held + reclaimed / SECONDS_PER_HOUR)
    return Unit(held * replicas, rate, down, zones)


@dataclass(frozen=True)
class Spares:
    """How many replicas of a pool carry load, of all it has."""

    operations: Operations
    """What is asked for."""
    gpus: int
    """Accelerators of a replica."""
    machine_gpus: int
    """Accelerators of a machine."""
    interruptible: bool
    """Whether it runs on spot machines."""
    fallback: bool = False
    """Whether on-demand machines take over from these."""

    @cached_property
    def unit(self) -> Unit:
        """What fails together."""
        spot = {"interruptible": self.interruptible, "fallback": self.fallback}
        return unit_of(self.gpus, self.machine_gpus, self.operations, **spot)

    def of(self, count: int) -> int:
        """Return the spares among so many replicas."""
        target = self.operations.availability
        return self.operations.spare_replicas if target is None else self.unit.spares(count, target)

    def working(self, count: int) -> int:
        """Return the replicas that carry load among so many; at least one."""
        return max(count - self.of(count), 1)

    def around(self, working: int) -> int:
        """Return the fewest replicas of which so many carry load."""
        count = working + self.operations.spare_replicas
        while count - self.of(count) < working:
            count += 1
        return count

    def reached(self, count: int) -> float | None:
        """Return the probability that no more replicas are down than spares; None where no availability is asked for [1]."""
        return None if self.operations.availability is None else self.unit.reached(count, self.of(count))

    def lost(self, hand: float) -> float:
        """Return the share of the work of replicas that failures throw away.

        λ·(T_restart + W)

        Parameters
        ----------
        hand : W, mean time for which a call is in hand; those in hand at a failure are done again [s]

        Returns
        -------
        float [1]; 0 where no availability is asked for

        Notes
        -----
        λ counts hardware failures of the unit; interruptions of spot machines are in their price (`machine.useful_hour`). The
        restart stands for the time until others have taken over (assumption; spares that run take over sooner).

        References
        ----------
        Handbook §9: badput = failures·(detect + restart + lost requests).
        """
        if self.operations.availability is None:
            return 0.0
        return min(self.unit.rate * (self.operations.failures.restart + hand) / SECONDS_PER_HOUR, 1.0)
