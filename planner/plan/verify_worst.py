"""Whether a plan that minimizes the cost of its dearest scenario tells that cost, and what was minimized, as they are.

cost_s = Σ_{t of s} h[t]/H_s·(what is paid in t) + what is paid whatever comes,   worst = max_s cost_s
objective = 0.999·worst + 0.001·total   [$/h]
"""

from __future__ import annotations

from collections.abc import Iterator

from planner.plan.basis import Basis, above, differs
from planner.plan.verify_cost import scenario_cost

TIE = 0.001
"""Share of the average cost in what is minimized, as docs/procurement.md says [1]."""


def worst(basis: Basis) -> Iterator[str]:
    """The proof speaks of what the problem asks to be minimized, by costs found anew from purchases, routes and catalogs."""
    proof, asked = basis.plan.proof, basis.problem.finance.minimize
    if proof.minimized != asked or (proof.worst is None) != (asked == "expected"):
        yield f"proof.minimized: {proof.minimized} stated, the problem asks for {asked}"
    elif proof.worst is not None:
        found = max(costs(basis).values())
        # Soft misses are paid as the optimizer saw them, which is no less than what is predicted for the calls as mixed.
        if above(found, proof.worst) or (not basis.plan.cost.misses and differs(proof.worst, found)):
            yield f"proof.worst: ${proof.worst:,.6f}/h stated, ${found:,.6f}/h found"
        minimized = (1.0 - TIE) * proof.worst + TIE * basis.plan.cost.total
        if differs(proof.objective, minimized):
            yield f"proof.objective: ${proof.objective:,.6f}/h stated, worst and total make it ${minimized:,.6f}/h"


def costs(basis: Basis) -> dict[str, float]:
    """Return what the plan costs in each scenario [$/h]."""
    names = dict.fromkeys(period.scenario for period in basis.problem.periods if period.scenario is not None)
    return {name: scenario_cost(basis.during(name)) for name in names}
