"""What else could be done: plans beside this one with what each gives up, and what a promise or limit costs at other levels."""

from __future__ import annotations

from planner.domain.base import Strict


class Alternative(Strict):
    """Another plan for the same problem."""

    name: str
    """In a few words."""
    cost: float | None
    """Average cost [$/h]; absent = there is none."""
    changes: tuple[str, ...] = ()
    """What is different."""
    gives_up: tuple[str, ...] = ()
    """What this plan has and it has not."""


class FrontierPoint(Strict):
    """One level, and the least cost found there."""

    value: float
    """Level."""
    cost: float | None
    """Average cost [$/h]; absent = no plan was found."""
    bound: float | None = None
    """No plan there costs less [$/h]; absent = not known."""


class Frontier(Strict):
    """Least cost over the level of something that is promised or limited."""

    about: str
    """What is varied."""
    unit: str
    """Unit of its levels, as written after a figure."""
    planned: float | None = None
    """Level of this plan."""
    points: tuple[FrontierPoint, ...]
    """By level."""
