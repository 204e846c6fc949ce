"""Committing to spend: so many dollars an hour for a term, against which a seller's machines are charged at lower prices."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.domain.base import Identifier, Sourced, Strict
from planner.units import Fraction


class SpendDiscount(Strict):
    """How much less some machines cost under a commitment than on demand."""

    instances: str = "*"
    """Catalog names of machines, or a pattern (`aws/p5*`)."""
    regions: str = "*"
    """Regions or a pattern."""
    discount: Annotated[Fraction, Field(gt=0, lt=1)]
    """Share of the on-demand price that is taken off."""


class SpendCommitment(Sourced):
    """A seller's discount for committing to spend so much an hour for a term, used or not, on whichever machines it covers."""

    seller: Identifier
    """Whose machines."""
    term: Literal["1y", "3y"]
    """How long so much is spent every hour."""
    discounts: tuple[SpendDiscount, ...] = Field(min_length=1)
    """What it covers; of several that fit a machine the first holds."""

    @property
    def months(self) -> int:
        """Months of the term."""
        return 12 if self.term == "1y" else 36
