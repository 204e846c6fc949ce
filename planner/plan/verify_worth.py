"""Whether what a little more is worth speaks of the problem, and could be true of its plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from planner.domain.problem import Problem
from planner.plan.basis import Basis, above, differs


def worth(basis: Basis) -> Iterator[str]:
    """Every workload with calls and every limit has one price, and machines divisible cost no more than whole ones.

    Prices themselves are not found again: that takes the optimizer. A plan need not have any.
    """
    part = basis.plan.worth
    if part is None:
        return
    if above(part.cost, basis.plan.proof.objective):
        whole = f"the plan costs ${basis.plan.proof.objective:,.6g}/h"
        yield f"worth: serving costs ${part.cost:,.6g}/h with machines divisible, and {whole} with whole ones"
    peaks = {
        workload.name: max((max(way.requests) for way in basis.flows.of(workload.name)), default=0.0)
        for workload in basis.problem.workloads
    }
    yield from _listed("workload", (row.workload for row in part.demand), (name for name, peak in peaks.items() if peak > 0))
    yield from _listed("limit", (row.limit for row in part.limits), _limits(basis.problem))
    for row in part.demand:
        if row.workload in peaks and differs(row.peak, peaks[row.workload]):
            yield f"worth: {row.workload} has {row.peak:.6g} requests/s at its busiest stated, {peaks[row.workload]:.6g} found"


def _listed(what: str, stated: Iterable[str], found: Iterable[str]) -> Iterator[str]:
    """Yield names that are missing, unknown, or there twice."""
    there, known = Counter(stated), set(found)
    yield from (f"worth: {what} {name} has no price" for name in sorted(known - there.keys()))
    yield from (f"worth: there is no {what} {name}" for name in sorted(there.keys() - known))
    yield from (f"worth: {what} {name} has {count} prices" for name, count in sorted(there.items()) if count > 1)


def _limits(problem: Problem) -> Iterator[str]:
    """Yield the limits of a problem that have prices, by their paths."""
    limits = problem.limits
    yield from (f"limits.quotas[{index}]" for index in range(len(limits.quotas)))
    single = {"max_gpus": limits.max_gpus, "budget": limits.budget, "power": limits.power, "carbon": limits.carbon}
    yield from (f"limits.{name}" for name, limit in single.items() if limit is not None)
    for index, site in enumerate(limits.sites):
        places = {"power": site.power, "cooling": site.cooling, "racks": site.racks}
        yield from (f"limits.sites[{index}].{name}" for name, limit in places.items() if limit is not None)
