"""Costs that a way has beside the models it calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["lever", "component", "store"]
"""What a cost beside models is for: a store's nodes and storage are told apart from other components."""


@dataclass(frozen=True)
class Item:
    """A cost that a way has beside the models it calls."""

    category: Category
    """What kind of cost it is."""
    what: str
    """Stage or lever."""
    hourly: float
    """Average cost [$/h]."""
    following: float | None = 0.0
    """What of it grows with demand, replicas divisible [$/h]; None where that is not known, as of copies of a store."""
