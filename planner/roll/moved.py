"""By how much, and along which scenario, a problem is moved on in time."""

from __future__ import annotations

from dataclasses import dataclass

from planner.catalog.problem import LoadedProblem
from planner.domain.horizon import MONTHS_OF, Scenario
from planner.domain.plan import Plan
from planner.errors import InvalidInput

_PLAN, _ASKED = "plan.json", "command line"


@dataclass(frozen=True)
class Move:
    """One step in time."""

    months: int
    """Months that are over."""
    scenario: str | None
    """The scenario that came; None where there is one future only."""
    keep_end: bool
    """Whether the horizon ends when it did; otherwise it is as long as it was."""

    def drawn(self, scenarios: tuple[Scenario, ...]) -> Scenario | None:
        """Return the scenario that came, where the problem says what it makes of demand."""
        return next((one for one in scenarios if one.name == self.scenario), None)


def check_move(plan: Plan, loaded: LoadedProblem, move: Move) -> None:
    """Refuse what cannot be rolled.

    Raises
    ------
    InvalidInput
        A plan of another problem, without months or with units at an API by the year; months that end within a step or leave
        nothing; a scenario that is missing or unknown.
    """
    problem = loaded.problem
    if plan.problem_digest != loaded.digest:
        remedy = f"give the problem file it was made from ({plan.problem}), or solve this one"
        raise InvalidInput.at(_PLAN, "the plan was made from another version of the problem file", remedy)
    steps = sorted({period.months for period in problem.periods if period.months is not None})
    if not steps:
        remedy = "give the problem a horizon, or months to its periods"
        raise InvalidInput.at(_PLAN, "a plan without months cannot be rolled: it does not say when anything is ordered", remedy)
    yearly = [route.name for route in plan.provisioned if route.term == "yearly"]
    if yearly:
        message = f"{', '.join(yearly)}: units bought by the year have no month in which the year begins, and cannot be carried"
        raise InvalidInput.at(_PLAN, message, "plan with the term `monthly`, or buy them outside of the plan")
    _check_months(move, [end for _, end in steps], keep_end=move.keep_end or problem.horizon is None)
    _check_scenario(loaded, move)


def _check_months(move: Move, ends: list[int], *, keep_end: bool) -> None:
    """Time moves on by whole steps, and something must be left."""
    if move.months not in ends:
        shown = ", ".join(map(str, sorted(set(ends))[:8]))
        message = f"{move.months} months end within a step; steps end after {shown} months"
        raise InvalidInput.at(_ASKED, message, "give one of these, or plan with shorter steps", path="--months")
    if keep_end and move.months == ends[-1]:
        message = f"nothing is left of the horizon after {move.months} months"
        raise InvalidInput.at(
            _ASKED, message, "give fewer months, or leave out --keep-end where there is a horizon", path="--months"
        )


def _check_scenario(loaded: LoadedProblem, move: Move) -> None:
    """Say which scenario came where there are several."""
    known = list(dict.fromkeys(period.scenario for period in loaded.problem.periods if period.scenario is not None))
    if known and move.scenario not in known:
        said = "which scenario came?" if move.scenario is None else f"there is no scenario {move.scenario!r}"
        raise InvalidInput.at(_ASKED, said, f"give one of {', '.join(known)}", path="--scenario")
    if not known and move.scenario is not None:
        raise InvalidInput.at(_ASKED, "the problem has no scenarios", "leave it out", path="--scenario")


def grown(rate: float, per: str, months: float) -> float:
    """Return (1 + g)^(k/p), what growth makes of demand in k months [1]."""
    return float((1.0 + rate) ** (months / MONTHS_OF[per]))
