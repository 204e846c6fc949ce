"""Why a problem has no plan, and the cheapest changes to it that give it one, each confirmed by solving."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from planner.catalog.problem import LoadedProblem
from planner.study.found import Found
from planner.study.pairs import MOST as MOST_PAIRS
from planner.study.probe import Probe, Solve
from planner.study.search import Relaxer
from planner.study.words import listed

SECONDS = 20.0
"""Time for the whole study."""

CONFIRMING = 0.3
"""Share of it kept for confirming what was found, at the gap asked for."""

MOST = 6
"""Relaxations reported at most, besides pairs of smaller changes."""


@dataclass(frozen=True)
class Advice:
    """What a study of an infeasible problem found."""

    reasons: tuple[str, ...]
    """What stands in the way, beyond what the candidates told."""
    found: tuple[Found, ...]
    """Changes that make a plan possible: single ones, or sets where no single one does, then pairs of smaller ones; of each the
    cheapest plan first."""

    @property
    def relaxations(self) -> tuple[str, ...]:
        """The changes in words, each with its plan."""
        return tuple(str(one) for one in self.found)


def study(
    loaded: LoadedProblem,
    unserved: Sequence[str],
    solve: Solve,
    *,
    progress: Callable[[str], None],
    seconds: float = SECONDS,
) -> Advice:
    """Find the cheapest changes that make an infeasible problem feasible.

    Parameters
    ----------
    loaded : the infeasible problem
    unserved : workloads that nothing may serve, whatever the limits
    solve : solver of a changed problem
    progress : told what is being done
    seconds : time for all of it [s]

    Returns
    -------
    Advice
    """
    started = time.monotonic()
    probe = Probe(loaded, solve, started + seconds * (1 - CONFIRMING))
    search = Relaxer(probe, progress, tuple(unserved))
    found = search.singles(loaded.problem, tuple(unserved))
    joint = search.pairs() if found else []
    if not found:
        found = search.together()
    probe.deadline = started + seconds
    chosen = [group[:most] for group, most in ((sorted(found, key=_order), MOST), (sorted(joint, key=_order), MOST_PAIRS))]
    confirmed = [sorted(_confirmed(probe, group, progress), key=_order) for group in chosen]
    if search.untried:
        search.reasons.append(f"the search for changes stopped after {seconds:g} s; not tried in full: {listed(search.untried)}")
    return Advice(tuple(search.reasons), tuple({str(one): one for group in confirmed for one in group}.values()))


def _order(one: Found) -> tuple[float, float]:
    return one.order


def _confirmed(probe: Probe, found: Sequence[Found], progress: Callable[[str], None]) -> Iterator[Found]:
    """Yield what was found with the plan at the gap asked for; the first plan stands where time does not allow it."""
    for one in found:
        progress(f"confirming: {listed([step.words for step in one.steps])}")
        better = probe.plan(one.apply(probe.problem), gap=probe.problem.solver.gap) if probe.left > 0 else None
        yield replace(one, plan=better) if better is not None else one
