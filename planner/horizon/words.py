"""What laying out demand over a horizon assumed, in words for plan and report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.domain.horizon import Horizon, ShapeFile
from planner.domain.workload import Demand
from planner.horizon.calendar import label
from planner.horizon.course import Course, is_peak

_TOLD = 5e-5
"""Share of requests below which an overstatement reads as none: it rounds to 0.0 %."""


@dataclass(frozen=True)
class Shares:
    """What periods hold of a workload, in hours at the rate stated."""

    periods: int
    """How many periods."""
    expected: float
    """True multiplier, summed over all hours [h]."""
    grown: float
    """What the highest month of each step adds [h]."""
    gathered: float
    """What typical hours add on top [h]."""


def remarks(made: Course, horizon: Horizon, held: Shares, *, waits: bool = False) -> tuple[str, ...]:
    """Return what a reader of the plan should know of a workload's demand over time; `waits` of batch work with a deadline."""
    still = ("its work is done in the hour in which it arrives: over a horizon nothing is moved; `shape` may say when it is run",)
    return (_overstated(horizon, held), *_shape(made), *_growth(made.demand), *(still if waits else ()))


def _overstated(horizon: Horizon, held: Shares) -> str:
    """Say how many requests periods hold beyond those expected, and which choice adds them."""
    whole = label(horizon.start, 0, horizon.months)
    head = f"demand over {whole} laid out in {held.periods} periods"
    if held.expected <= 0:
        return f"{head}: no request ever arrives"
    grown, gathered = held.grown / held.expected, held.gathered / held.expected
    if grown + gathered < _TOLD:
        return f"{head}, none overstated"
    causes = ((grown, f"the highest month of each {horizon.step} stands for it"), (gathered, "typical hours stand for others"))
    listed = ", ".join(f"{share:.1%} since {cause}" for share, cause in causes if share >= _TOLD)
    return f"{head}, each with its highest rate, which overstates requests by {grown + gathered:.1%}: {listed}"


def _shape(made: Course) -> Iterator[str]:
    """Say where the shape comes from and how high its peak is."""
    shape, peak = made.demand.shape, made.week.max() / made.week.mean()
    if shape == "always":
        return
    if isinstance(shape, str):
        origin = f"shape {shape} is an assumption"
    elif isinstance(shape, ShapeFile):
        origin = f"shape of {shape.file}" if shape.trace is None else f"shape counted from trace {shape.trace.path}"
    else:
        origin = "shape as stated"
    level = "that of the busiest hour" if is_peak(made.demand) else "the mean over a week"
    yield f"{origin}: its busiest hour has {peak:.2f} times the mean; the rate is taken as {level}"


def _growth(demand: Demand) -> Iterator[str]:
    """Say that growth is taken to last."""
    if demand.growth is not None:
        yield f"growth of {demand.growth.rate:+.1%} a {demand.growth.per} is taken to hold to the end of the horizon"
