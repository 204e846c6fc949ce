"""Why levers are pulled or left alone: the cheapest plan found without each one pulled, and with each one that is not.

What a lever saves is the difference of two plans: the one made, and the best one in which the lever may not, or must, be
pulled. Two ways to tell it were compared with exact solves of small problems, and on a call graph over the full catalogs:

1. Prices of the relaxation. A way costs c + Σ λ·p at the prices p of calls; its excess over the way taken is a change of the
   bound. It says little of the cost: of a cache that saves $3.18 of $42.35 an hour and of shorter prompts that save $2.23 it
   said $0, because the relaxation rents half a machine and finds another mix of pools that is nearly as cheap. In small
   problems it was off by factors of 2 to 10 either way. As a bound ("at least") it was seldom above zero.
2. Solving again over few pools: the plan's own and for each stream the cheapest by themselves. With eight of them the cost
   was that of the full solve to the cent in every case tried, in a fraction of a second.

So it is solved again, with the other workloads served the way they are, and the sentences say what was found: a plan at that
cost exists, over deployments evaluated. Whether its pools keep their promises once streams are mixed is not checked, and
savings of several levers do not add up; where more than one is pulled, the plan without any is told too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.demand.ways import Way
from planner.domain.workload import Workload
from planner.optimize.program import Bools, Program
from planner.plan.again import solved_again
from planner.plan.costing import hourly_calls
from planner.plan.effects import pulled_settings
from planner.plan.solved import Solved
from planner.units import HOURS_PER_MONTH

MOST = 12
"""Solves for one plan: levers pulled come first."""

SAME = 1e-6
"""Relative difference below which two plans cost the same."""


@dataclass(frozen=True)
class Found:
    """The cheapest plan found in which some lever is pulled, or is not."""

    cost: float
    """Its cost [$/h]."""
    more: float
    """How much more than the plan's [$/h]."""
    way: Way
    """How it serves the workload."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Weighs ways to serve against those taken."""

    solved: Solved
    """The plan."""

    @cached_property
    def _known(self) -> dict[bytes, tuple[float, Bools] | None]:
        """Ways left → what was found among them."""
        return {}

    @cached_property
    def ways(self) -> list[Way]:
        """[W] The ways of the program's columns."""
        return [self.solved.search.ways[index] for index in self.solved.assembled.choices.way]

    @cached_property
    def cost(self) -> float:
        """What the plan costs; without what repairs added, which other plans are not asked for either [$/h]."""
        solved = self.solved
        if not solved.repairs:
            return solved.outcome.objective
        again = self._solve(solved.assembled.program.among(solved.outcome.ways))
        return min(solved.outcome.objective, again[0] if again else np.inf)

    def found(self, workload: str, fits: Callable[[Way], bool]) -> Found | str:
        """Return the cheapest plan found that serves a workload in one of the ways that fit; in words, why there is none."""
        mine = np.array([way.workload == workload for way in self.ways], dtype=bool)
        left = np.where(mine, np.array([fits(way) for way in self.ways], dtype=bool), self.solved.outcome.ways).astype(bool)
        if not (mine & left).any():
            estimate = ", or was left out by an estimate of its cost" if self.solved.search.aside else ""
            return f"costs no less whatever calls cost, or cannot keep every promise{estimate}"
        if left.tobytes() not in self._known:  # without one lever or without another often leaves the same ways
            self._known[left.tobytes()] = self._solve(self.solved.assembled.program.among(left))
        again = self._known[left.tobytes()]
        if again is None:
            return "led to no plan"
        cost, taken = again
        kept = np.flatnonzero(left)[taken]
        (column,) = kept[mine[kept]].tolist()
        return Found(cost, cost - self.cost, self.ways[column])

    def _solve(self, program: Program) -> tuple[float, Bools] | None:
        """Return the cost of the cheapest plan found over few pools, and the ways it takes."""
        best = solved_again(self.solved, program)
        return None if best is None else (best.cost, best.ways > 0.5)


def lever_reasons(solved: Solved, cost: float, progress: Callable[[str], None]) -> Iterator[str]:
    """Yield what levers pulled save, and what those left alone would cost.

    Parameters
    ----------
    solved : the optimizer's answer
    cost : of the plan made of it, which a simulation may have asked for more [$/h]
    progress : told what is being done
    """
    taken = {way.workload: way for way in (solved.search.ways[index] for index in solved.taken)}
    offered = [workload for workload in solved.search.problem.workloads if workload.levers and workload.name in taken]
    scale, left = Scale(solved), MOST
    if offered:
        progress("weighing levers against plans without them, or with them")
    for workload in offered:
        told = _told(scale, workload, taken[workload.name])
        said = [sentence for _, sentence in zip(range(left), told, strict=False)]
        left -= len(said)
        yield from said
    if offered and abs(scale.cost - cost) > SAME * cost:
        yield (
            f"Levers are weighed against a plan of {_money(scale.cost)}: this one gives pools more room, which mixed or "
            "simulated calls ask for."
        )
    if offered and not left:
        yield f"No more than {MOST} levers were weighed; what the others save or would cost is not told."


def _told(scale: Scale, workload: Workload, way: Way) -> Iterator[str]:
    """Yield a sentence for each lever of a workload, those pulled first."""
    pulled, name = dict(way.settings), workload.name

    def without(lever: str) -> Found | str:
        return scale.found(name, lambda other: lever not in dict(other.settings))

    def within(lever: str) -> Found | str:
        return scale.found(name, lambda other: lever in dict(other.settings))

    for lever, setting in pulled.items():
        left = without(lever)
        more = left.more if isinstance(left, Found) else 0.0
        yield f"{name} pulls {lever} ({setting}){_without(scale, left)}{_earned(scale, workload, way, lever, more)}."
    if len(pulled) > 1:
        bare = scale.found(name, lambda other: not other.settings)
        if isinstance(bare, Found):
            yield f"Without any lever of {name} the cheapest plan found costs {_at(bare)}."
    for one in workload.levers:
        if one.name not in pulled:
            tried = within(one.name)
            earned = _earned(scale, workload, tried.way, one.name, -tried.more) if isinstance(tried, Found) else ""
            yield f"{name} leaves {one.name} alone{_with(scale, one.name, tried)}{earned}."


def _earned(scale: Scale, workload: Workload, way: Way, lever: str, net: float) -> str:
    """Say from which volume on a lever earns what it costs whatever the volume.

    N* = F·N/(S + F),  F = hourly + per month + once over its months, S net saving at N requests a month (handbook §11)

    Parameters
    ----------
    workload, way, lever : with the lever pulled
    net : S [$/h]

    Notes
    -----
    As if savings grew in proportion to requests: whole replicas make steps of them.
    """
    fixed = next(setting.option.fixed for setting in pulled_settings(workload, way) if setting.lever.name == lever)
    if not fixed or net + fixed <= SAME * scale.cost:
        return ""
    periods = {period.name: period.hours for period in scale.solved.search.problem.periods}
    requests = hourly_calls(way.requests, periods) * HOURS_PER_MONTH
    volume = float(f"{requests * fixed / (net + fixed):.3g}")
    return f"; its fixed {_money(fixed)} is earned from about {volume:,.0f} requests a month on"


def _without(scale: Scale, found: Found | str) -> str:
    """Say what a plan without a lever would cost."""
    if isinstance(found, str):
        return f": every way without it {found}"
    if found.more <= SAME * scale.cost:
        return f", which saves nothing here: a plan without it was found at {_money(found.cost)}"
    return f": the cheapest plan found without it costs {_at(found)}"


def _with(scale: Scale, lever: str, found: Found | str) -> str:
    """Say what a plan with a lever would cost."""
    if isinstance(found, str):
        return f": every way with it {found}"
    setting = dict(found.way.settings)[lever]
    if found.more < -SAME * scale.cost:
        return f" ({setting}): a plan with it was found at {_money(found.cost)}, {_money(-found.more)} less, within the gap"
    if found.more <= SAME * scale.cost:
        return f" ({setting}): the cheapest plan found with it costs the same"
    return f" ({setting}): the cheapest plan found with it costs {_at(found)}"


def _at(found: Found) -> str:
    return f"{_money(found.cost)}, {_money(found.more)} more" if found.more > 0 else _money(found.cost)


def _money(hourly: float) -> str:
    return f"${hourly:,.2f}/h"
