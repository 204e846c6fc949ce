"""What machines held take of limits that are not counted in accelerators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.optimize.bounds import SLACK
from planner.optimize.program import Floats, Ints, MachineLimit, Program


def within(program: Program, machines: Floats) -> bool:
    """Whether machines [O, T] keep the limits of sites, up to the rounding of parts such as thirds of a rack."""
    return all(bool((limit.each @ machines <= limit.most * (1.0 + SLACK) + SLACK).all()) for limit in program.machine_limits)


def among(limits: Sequence[MachineLimit], stay: Ints) -> tuple[MachineLimit, ...]:
    """Return limits of some purchases alone."""
    return tuple(replace(limit, each=limit.each[stay]) for limit in limits)


def beside(limits: Sequence[MachineLimit], count: int) -> tuple[MachineLimit, ...]:
    """Return limits with so many more purchases, of which nothing counts."""
    return tuple(replace(limit, each=np.append(limit.each, np.zeros(count))) for limit in limits)
