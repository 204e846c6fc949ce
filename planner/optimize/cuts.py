"""The cuts a model holds: inequalities that whole replicas imply and a linear relaxation does not see."""

from __future__ import annotations

from dataclasses import dataclass

from planner.optimize.coverage import Covers, no_covers
from planner.optimize.program import Bools, Ints, Program


@dataclass(frozen=True, eq=False)
class Cuts:
    """Which cuts to hold."""

    thin: Bools
    """[R, K, T] Thin streams."""
    covers: Covers
    """Rounded coverage."""

    def over(self, keep: Ints) -> Cuts:
        """Take only some pools."""
        return Cuts(self.thin[:, keep], self.covers.over(keep))

    def period(self, program: Program, t: int) -> Cuts:
        """Take only one period, as a program of its own; rounded coverage is left out, since its rates are others."""
        return Cuts(self.thin[:, :, t : t + 1], no_covers(program))
