"""Prices for committing to a machine for a term, side by side: a seller's no, partial and all upfront."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import BeforeValidator

from planner.domain.base import Strict
from planner.units import DollarsPerHour, Fraction

UPFRONT = {"none": 0.0, "partial": 0.5, "all": 1.0}
"""Words for how much is paid when a term begins. Partial is taken to be half (assumption; write the share where it is known)."""

ReservedKind = Literal["reserved_1y", "reserved_3y"]


def _share(value: object) -> object:
    """Read a word as the share it stands for; leave numbers and percentages as they are."""
    if not isinstance(value, str) or value.strip().endswith("%"):
        return value
    if value not in UPFRONT:
        raise ValueError(f"expected a share such as none, partial, all or '40%', got {value!r}")
    return UPFRONT[value]


if TYPE_CHECKING:
    Upfront: TypeAlias = float
else:
    Upfront = Annotated[Fraction, BeforeValidator(_share, json_schema_input_type=Literal["none", "partial", "all"] | Fraction)]


class TermPrice(Strict):
    """What one machine costs if it is committed to for a term and paid in a certain way."""

    term: Literal["1y", "3y"]
    """How long it is committed to."""
    upfront: Upfront = 0.0
    """Share of the term's price that is paid when it begins: none, partial (half; assumption), all, or a share such as 40%."""
    price: DollarsPerHour
    """All payments of the term over all its hours."""

    @property
    def kind(self) -> ReservedKind:
        """Way to pay, as choices and quotas name it."""
        return "reserved_1y" if self.term == "1y" else "reserved_3y"

    @property
    def tag(self) -> str:
        """Name it among the ways to pay: `reserved_1y:upfront-50`."""
        return f"{self.kind}:upfront-{100.0 * self.upfront:.4g}"
