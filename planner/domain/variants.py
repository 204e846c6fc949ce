"""Ways to run an accelerator as another: cut into parts, or under a lower power limit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from planner.domain.base import PositiveInt, Sourced
from planner.units import Fraction, Watts

MARK = "+"
"""Stands between the name of an accelerator or machine and that of its variant: `h100-sxm+1g`."""

Share = Annotated[Fraction, Field(gt=0)]


def origin_name(name: str) -> str:
    """Return the name of what a variant is made from."""
    return name.partition(MARK)[0]


class Partition(Sourced):
    """A part of a board with memory and compute units of its own (MIG); all boards of a machine are cut alike."""

    accelerators: tuple[str, ...] = Field(min_length=1)
    """Accelerators that can be cut so, by name or pattern."""
    per_board: PositiveInt
    """Parts of this size that a board holds."""
    memory: Share
    """Share of the memory that one part has."""
    bandwidth: Share
    """Share of the memory bandwidth."""
    compute: Share
    """Share of the matrix units."""


class PowerPoint(Sourced):
    """A power limit below the board's own, for machines of one's own."""

    accelerators: tuple[str, ...] = Field(min_length=1)
    """Accelerators that it is known of, by name or pattern."""
    power: Watts
    """Limit of one board."""
    compute: Share
    """Share of the peak rate of the matrix units that is left."""
    bandwidth: Share = 1.0
    """Share of the memory bandwidth that is left."""
