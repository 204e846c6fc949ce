"""Terraform: the machines to be held as variables, and the declaration of these variables."""

from __future__ import annotations

from planner import __version__
from planner.domain.plan import Plan, Purchase
from planner.export.files import Document, Export, File, Origin
from planner.export.view import View

DECLARATION = """\
variable "plan" {
  description = "Where the machines come from."
  type        = object({ problem = string, planner = string, digest = string })
}

variable "periods" {
  description = "Hours of each period of the plan."
  type        = map(number)
}

variable "machines" {
  description = "Machines to be held: by seller, region, type and way to pay."
  type = list(object({
    key              = string
    seller           = string
    region           = string
    instance_type    = string
    purchase         = string           # on_demand, spot, reserved_1y, reserved_3y, owned or fleet
    accelerator      = string
    gpus_per_machine = number
    count            = number           # in the period that the file was made for
    count_max        = number           # in any period
    count_by_period  = map(number)
    hourly_usd       = number           # of one machine, as planned with
    pools            = list(string)     # pools that run on this type in this region
    ordered_month    = optional(number) # of the horizon, counted from 0
    live_months      = optional(list(number))
    scenario         = optional(string) # ordered only once this scenario has come
  }))
}
"""
"""Fits what `variables` writes; `optional` needs Terraform 1.3."""


def variables(view: View, origin: Origin) -> Export:
    """Return the purchases of a plan as variables.

    Parameters
    ----------
    view : the plan
    origin : written into the file, since JSON has no comments

    Returns
    -------
    Export
        `terraform.tfvars.json`, and `variables.tf` that declares what is in it.
    """
    plan = view.plan
    parts = {part.pool: part.machine for part in view.serving.pools}
    machines = [_machine(view, buy, parts) for buy in plan.purchases]
    body: Document = {
        "plan": {"problem": origin.problem, "planner": __version__, "digest": origin.digest},
        "periods": dict(plan.periods),
        "machines": machines,
    }
    if not machines:
        view.notes.add("the plan holds no machines: everything goes to APIs")
    files = (File("terraform.tfvars.json", (body,)), File("variables.tf", text=DECLARATION, aside=True))
    return Export("terraform-vars", files, view.notes.lines)


def _machine(view: View, buy: Purchase, parts: dict[str, str]) -> Document:
    """Return one purchase."""
    users = _users(view.plan, buy)
    made: Document = {
        "key": _key(buy),
        "seller": buy.seller,
        "region": buy.region,
        "instance_type": parts[users[0]] if users else buy.instance.removeprefix(f"{buy.seller}/"),
        "purchase": buy.kind,
        "accelerator": buy.accelerator,
        "gpus_per_machine": buy.gpus_per_machine,
        "count": buy.machines[view.period],
        "count_max": max(buy.machines.values(), default=0),
        "count_by_period": dict(buy.machines),
        "hourly_usd": buy.hourly,
        "pools": users,
    }
    return made | _term(buy)


def _key(buy: Purchase) -> str:
    """Return what tells a purchase from all others."""
    month = [] if buy.ordered is None else [f"month {buy.ordered}"]
    return "/".join([buy.instance, buy.region, buy.kind, *month, *([buy.scenario] if buy.scenario else [])])


def _term(buy: Purchase) -> Document:
    """Return when a purchase is made and lasts, where the plan says so."""
    made: Document = {}
    if buy.ordered is not None:
        made["ordered_month"] = buy.ordered
    if buy.live is not None:
        made["live_months"] = list(buy.live)
    if buy.scenario is not None:
        made["scenario"] = buy.scenario
    return made


def _users(plan: Plan, buy: Purchase) -> list[str]:
    """Return the pools that run on machines of this kind, there, taken away or not as these."""
    spot = buy.kind == "spot"
    return [
        pool.name for pool in plan.pools if (pool.instance, pool.region, pool.interruptible) == (buy.instance, buy.region, spot)
    ]
