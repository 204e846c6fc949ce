"""What a machine draws, and who has to know it."""

from __future__ import annotations

from planner.catalog.grids import grid_of
from planner.domain.catalog import Catalog
from planner.domain.hardware import Accelerator
from planner.domain.problem import Problem
from planner.supply.listings import Listing
from planner.supply.machine import machine_power
from planner.supply.rules import Refusal
from planner.supply.sites import per_rack, stands_at


def asked_by(problem: Problem, offer: Listing) -> str | None:
    """Return the limit that needs the draw of a machine, as a YAML path; None if nothing depends on it."""
    if problem.limits.power is not None:
        return "limits.power"
    if problem.counts_carbon:
        return carbon_path(problem)
    here = (i for i, site in enumerate(problem.limits.sites) if stands_at(site, offer.region, offer.shape.seller))
    return next((f"limits.sites[{index}]" for index in here), None)


def carbon_path(problem: Problem) -> str:
    """Return what counts carbon, as a YAML path."""
    return "limits.carbon" if problem.limits.carbon is not None else "finance.carbon_price"


def draw_of(offer: Listing, accelerator: Accelerator) -> float | None:
    """Return the draw of one machine, host included [W]: as stated, else by its boards; None if nobody knows."""
    if offer.power is not None:
        return offer.power
    return None if accelerator.tdp is None else machine_power(offer.shape.count, accelerator.tdp)


def unknown_draw(path: str, name: str) -> Refusal:
    """Return why a machine of unknown draw is left out under a limit."""
    remedy = f"give catalogs.overrides.accelerators.{name}.tdp"
    return Refusal("power_unknown", f"{path} is set and the board power of {name} is not known; {remedy}")


def unknown_carbon(problem: Problem, catalog: Catalog, offer: Listing) -> Refusal | None:
    """Return why a machine on a grid of unknown carbon intensity is left out where carbon counts, None if it is not."""
    if not problem.counts_carbon:
        return None
    name = grid_of(catalog, offer.shape.seller, offer.region)
    if name is not None and catalog.grids[name].carbon is not None:
        return None
    if name is None:
        what, remedy = (
            f"nothing is known of the grid that feeds {offer.region}",
            f"NAME with regions: [{offer.region}] and its carbon",
        )
    else:
        what, remedy = f"the grid {name} states no carbon", f"{name}.carbon"
    remedy = f"give catalogs.overrides.grids.{remedy}"
    return Refusal("carbon_unknown", f"{carbon_path(problem)} is set and {what}; {remedy}")


def too_hot(problem: Problem, offer: Listing, draw: float) -> Refusal | None:
    """Return why a machine cannot stand in any rack of its site, None if it can."""
    for index, site in enumerate(problem.limits.sites):
        if site.rack_power is not None and stands_at(site, offer.region, offer.shape.seller) and not per_rack(site, draw):
            said = f"a machine draws {draw / 1e3:.4g} kW, a rack of {site.name} feeds {site.rack_power / 1e3:.4g} kW"
            return Refusal("rack_power", f"{said} (limits.sites[{index}].rack_power)")
    return None
