"""Checks a plan against its problem with code that did not make it: cost, rules, limits and every promise, anew.

Takes only the plan, the problem and the catalogs. Nothing of the optimizer is imported; what is shared with the
plan's author are the performance model and the rules themselves.
"""

from __future__ import annotations

from planner.catalog.problem import LoadedProblem
from planner.domain.plan import Plan
from planner.plan.basis import Basis
from planner.plan.verify_buying import buying
from planner.plan.verify_capacity import capacity, sellers
from planner.plan.verify_capital import capital
from planner.plan.verify_cash import cash
from planner.plan.verify_changes import changes
from planner.plan.verify_choices import choices
from planner.plan.verify_cost import cost
from planner.plan.verify_doubt import doubt
from planner.plan.verify_energy import energy
from planner.plan.verify_failover import failover
from planner.plan.verify_failures import failures
from planner.plan.verify_limits import limits, packing
from planner.plan.verify_promises import flows, promises
from planner.plan.verify_rules import deployments, rules
from planner.plan.verify_scaling import scaling
from planner.plan.verify_shape import identity, shape
from planner.plan.verify_spend import spend
from planner.plan.verify_spot import spot
from planner.plan.verify_standing import standing
from planner.plan.verify_stores import stores
from planner.plan.verify_units import units
from planner.plan.verify_worst import worst
from planner.plan.verify_worth import worth

__all__ = ["verify"]


def verify(plan: Plan, loaded: LoadedProblem) -> list[str]:
    """Return every way in which a plan fails its problem; an empty list means it holds.

    Parameters
    ----------
    plan : to be checked
    loaded : problem with its catalogs

    Returns
    -------
    Sentences, each naming what fails and by how much. A plan that is not of this problem, or speaks of things it does
    not know, is checked no further; of deployments that cannot run nothing is predicted.
    """
    basis = Basis(plan, loaded)
    foreign = [*identity(basis), *shape(basis)]
    if foreign:
        return foreign
    broken = [
        *flows(basis),
        *rules(basis),
        *spot(basis),
        *packing(basis),
        *limits(basis),
        *capacity(basis),
        *sellers(basis),
        *units(basis),
    ]
    impossible = list(deployments(basis))
    if impossible:
        return [*impossible, *broken]
    money = [*cost(basis), *stores(basis), *buying(basis), *cash(basis), *capital(basis), *spend(basis)]
    broken += [*failures(basis), *failover(basis), *promises(basis), *scaling(basis), *money]
    said = [*standing(basis), *changes(basis), *energy(basis), *doubt(basis), *worst(basis), *worth(basis), *choices(plan)]
    return [*broken, *said]
