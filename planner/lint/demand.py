"""Questions about how much is asked for: token lengths, arrivals, growth."""

from __future__ import annotations

from collections.abc import Iterator

from planner.catalog.yamlfile import KeyPath
from planner.domain.calls import Lengths
from planner.domain.horizon import MONTHS_OF
from planner.lint.rule import Hit, Seen

CLOSE = 1.05
"""p95 over mean below which a tail is no tail (assumption)."""
HEAVY = 3.0
"""p95 over mean from which on a log-normal reaches beyond any context; at 3.868 no log-normal has it (docs/demand.md)."""
STEEP = 5.0
"""Growth over the whole horizon from which on one course of demand is no plan (assumption)."""
_FIELDS = ("input_tokens", "output_tokens")


def lengths(seen: Seen) -> Iterator[tuple[KeyPath, str, Lengths]]:
    """Yield every distribution of token counts, with its place and what it is of."""
    for path, workload in seen.workloads():
        for field in _FIELDS:
            yield (*path, field), field, getattr(workload, field)
    for path, _, stage in seen.stages():
        for field in (*_FIELDS, "history"):
            if (found := getattr(stage, field)) is not None:
                yield (*path, field), field, found


def no_spread(seen: Seen) -> Iterator[Hit]:
    """A mean alone, or one without variance."""
    for path, field, found in lengths(seen):
        if found.mean is not None and found.mean > 1 and found.p95 is None and not found.scv:
            message = f"every request is taken to have exactly {found.mean:g} tokens of {field.split('_')[0]}"
            yield Hit(path, message, "give p95 or scv, percentiles, or a trace")


def mean_as_tail(seen: Seen) -> Iterator[Hit]:
    """p95 < 1.05 · mean."""
    for path, _, found in lengths(seen):
        if found.mean is not None and found.p95 is not None and found.p95 < CLOSE * found.mean:
            message = f"p95 ({found.p95:g}) is hardly above the mean ({found.mean:g}): an average given as a tail?"
            yield Hit((*path, "p95"), message, "read the 95th percentile from logs; of fixed templates, write `scv: 0`")


def endless(seen: Seen) -> Iterator[Hit]:
    """p95 ≥ 3 · mean and no maximum."""
    for path, _, found in lengths(seen):
        if found.mean is not None and found.p95 is not None and found.maximum is None and found.p95 >= HEAVY * found.mean:
            ratio = found.p95 / found.mean
            message = f"p95 is {ratio:.1f} times the mean and nothing cuts it: such a log-normal is longer than any context"
            yield Hit(path, message, "give `maximum`, the limit that the application enforces (max_tokens), or percentiles")


def mean_as_peak(seen: Seen) -> Iterator[Hit]:
    """Promises are made on a trace's mean."""
    for path, workload in seen.workloads():
        trace = workload.demand.trace
        if trace is not None and trace.plan_on == "mean" and workload.objectives:
            message = "promises are planned on the mean of a trace: in its busiest minutes they are broken"
            yield Hit((*path, "demand", "trace", "plan_on"), message, "plan on its peak, with a window that a queue survives")


def flat_week(seen: Seen) -> Iterator[Hit]:
    """A horizon, promises, and nothing is said of the week."""
    for path, workload in seen.workloads():
        demand = workload.demand
        if seen.stated.horizon is not None and workload.objectives and not {"shape", "rate_is"} & set(demand.over_time):
            message = "requests are taken to arrive alike at all hours of the week, for nothing is said of its shape"
            yield Hit((*path, "demand"), message, "give `shape`; `shape: always` if it is so")


def steep_growth(seen: Seen) -> Iterator[Hit]:
    """(1 + rate)^(months / months of `per`) ≥ 5, and there is one course only."""
    horizon = seen.stated.horizon
    if horizon is None or seen.stated.scenarios:
        return
    for path, workload in seen.workloads():
        growth = workload.demand.growth
        if growth is None:
            continue
        times = (1.0 + growth.rate) ** (horizon.months / MONTHS_OF[growth.per])
        if times >= STEEP:
            message = f"{growth.rate:.0%} a {growth.per} over {horizon.months} months is {times:,.0f}-fold, taken as certain"
            yield Hit((*path, "demand", "growth"), message, "add scenarios, or plan a shorter horizon and roll on")
