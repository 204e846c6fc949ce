"""What else could be done: other plans with what each gives up, what promises cost at other levels, what the cost hangs on."""

from __future__ import annotations

from math import inf
from typing import Literal

from planner.domain.base import Strict


class Alternative(Strict):
    """Another plan for the same problem."""

    name: str
    """In a few words."""
    cost: float | None
    """Average cost [$/h]; absent = there is none."""
    bound: float | None = None
    """No plan with these changes costs less [$/h]; absent = not known."""
    allowed: bool = True
    """Whether the problem allows it as it stands; otherwise it would have to be changed first."""
    why: str = ""
    """Why there is none; empty where there is one."""
    changes: tuple[str, ...] = ()
    """What is different."""
    gives_up: tuple[str, ...] = ()
    """What this plan has and it has not."""
    gains: tuple[str, ...] = ()
    """What it has and this plan has not."""


class FrontierPoint(Strict):
    """One level, and the least cost found there."""

    value: float
    """Level."""
    cost: float | None
    """Average cost [$/h]; absent = no plan was found."""
    bound: float | None = None
    """No plan there costs less [$/h]; absent = not known."""
    why: str = ""
    """Why there is no plan; empty where there is one."""


class Frontier(Strict):
    """Least cost over the level of something that is promised or limited."""

    about: str
    """What is varied."""
    unit: str
    """Unit of its levels, as written after a figure."""
    planned: float | None = None
    """Level of this plan."""
    tighter: Literal["lower", "higher"] = "lower"
    """Which levels ask for more."""
    points: tuple[FrontierPoint, ...]
    """By level."""


class Moved(Strict):
    """A number moved one way."""

    to: str
    """What it is moved to, in words."""
    cost: float | None
    """Average cost [$/h]; absent = no plan was found."""
    bound: float | None = None
    """No plan there costs less [$/h]; absent = not known."""
    why: str = ""
    """Why there is no plan; empty where there is one."""


Answer = Alternative | FrontierPoint | Moved
"""What came of solving a variant of the problem."""

NONE = "infeasible"
"""How a reason begins where there is no plan, rather than none found in time or none that passed its check."""


def impossible(one: Answer) -> bool:
    """Whether there is no plan, rather than none found."""
    return one.cost is None and (not one.why or one.why.startswith(NONE))


class Sensitivity(Strict):
    """What the cost does when one number is moved down and up, the plan made anew each time."""

    name: str
    """The number."""
    low: Moved
    """Moved down."""
    high: Moved
    """Moved up."""
    sure: bool
    """Whether the proofs of the three plans leave no doubt that moving it changes the cost."""
    standing: Literal["measured", "fitted", "assumed", "published", "stated"] | None = None
    """How the number is known: the weakest standing of the facts behind it; absent = the plan holds no such fact."""
    source: str = ""
    """Where it comes from."""

    def swing(self, planned: float) -> float:
        """Return the largest less the least cost of those found [$/h]; inf where moving it leaves no plan."""
        if impossible(self.low) or impossible(self.high):
            return inf
        costs = [planned, *(end.cost for end in (self.low, self.high) if end.cost is not None)]
        return max(costs) - min(costs)


class Explored(Strict):
    """How alternatives, frontiers and sensitivities were found."""

    solves: int
    """Variants of the problem that were solved."""
    gap: float
    """Each to within this share of its best."""
    notes: tuple[str, ...] = ()
    """What was left out, and what to bear in mind."""
