"""Which replica a call goes to."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence

from numpy.random import Generator

from planner.demand.issues import mistake
from planner.simulate.requests import NO_GROUP
from planner.simulate.scheduler import Replica

OVERLOAD = 1.5
"""Unfinished calls of a group's home over those of the least loaded replica, above which calls go there [1]; assumption."""
PATIENCE = 4
"""Unfinished calls by which a home may exceed the least loaded one whatever their ratio [1]; assumption."""

Choice = Callable[[Sequence[int], Sequence[Replica], int], int]
"""From replicas that serve, in order, all replicas, and the call's group to the replica chosen."""

STATELESS = ("round_robin", "random")
"""Balancers that do not look at the replicas, which then need not be at the same time."""


class RoundRobin:
    """Each in turn."""

    def __init__(self) -> None:
        """Begin with the first."""
        self._next = 0

    def __call__(self, up: Sequence[int], replicas: Sequence[Replica], group: int) -> int:  # noqa: ARG002
        """Return the next."""
        self._next += 1
        return up[(self._next - 1) % len(up)]


class Random:
    """Any, with equal chance."""

    def __init__(self, rng: Generator) -> None:
        """Draw from `rng`."""
        self._rng = rng

    def __call__(self, up: Sequence[int], replicas: Sequence[Replica], group: int) -> int:  # noqa: ARG002
        """Draw one."""
        return up[int(self._rng.random() * len(up))]


class LeastLoaded:
    """The one with the fewest unfinished calls, in turn among equals."""

    def __init__(self) -> None:
        """Begin with the first."""
        self._next = 0

    def __call__(self, up: Sequence[int], replicas: Sequence[Replica], group: int) -> int:  # noqa: ARG002
        """Return the least loaded, counting on from the one after the last chosen."""
        turn = bisect_left(up, self._next)
        order = [*up[turn:], *up[:turn]]
        loads = [replicas[index].load for index in order]
        chosen = order[loads.index(min(loads))]
        self._next = (chosen + 1) % len(replicas)
        return chosen


class PrefixAware:
    """A group's home, which holds its beginning, unless overloaded; the least loaded for calls of no group.

    References
    ----------
    Thaler and Ravishankar (1998), Using name-based mappings to increase hit rates (highest random weight: when a replica goes,
    only its own groups move).
    """

    def __init__(self) -> None:
        """Begin with the first."""
        self._else = LeastLoaded()

    def __call__(self, up: Sequence[int], replicas: Sequence[Replica], group: int) -> int:
        """Return the home or the least loaded."""
        least = min(replicas[index].load for index in up)
        if group != NO_GROUP:
            home = max(up, key=lambda index: _mixed(group, index))
            if replicas[home].load <= max(OVERLOAD * least, least + PATIENCE):
                return home
        return self._else(up, replicas, group)


def _mixed(group: int, replica: int) -> int:
    """Return a number that looks random but is always the same (finalizer of SplitMix64)."""
    mask = 2**64 - 1
    x = (group * 0x9E3779B97F4A7C15 + replica * 0xD1B54A32D192ED03 + 1) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def chooser(balancer: str, rng: Generator) -> Choice:
    """Return the rule of a balancer."""
    rules: dict[str, Callable[[], Choice]] = {
        "round_robin": RoundRobin,
        "random": lambda: Random(rng),
        "least_loaded": LeastLoaded,
        "prefix_aware": PrefixAware,
    }
    if balancer not in rules:
        raise mistake("balancer", f"no balancer is called {balancer!r}", f"choose among {', '.join(rules)}")
    return rules[balancer]()
