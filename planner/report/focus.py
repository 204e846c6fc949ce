"""A plan's costs in the columns of FOCUS, so that a forecast lies beside the bills it will be held against.

FinOps Open Cost and Usage Specification, version 1.2 (announced June 2025; CHANGELOG.md and specification/columns of
FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec, read 2026-11). Rows are one average month of 730 hours, amortized: what is paid
ahead is spread, as the plan's cost is. docs/report.md says what each column holds.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from planner.domain.hardware import SPOT
from planner.domain.plan import Plan, Purchase
from planner.domain.plan_pools import ApiRoute
from planner.errors import InvalidInput
from planner.report.words import api_prices
from planner.units import HOURS_PER_MONTH

COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
)
"""All mandatory columns of 1.2, and the conditional ones that a plan can fill."""

CUSTOM = ("x_CostKind", "x_Problem", "x_PriceSource")
"""Columns of our own come last and begin with x_."""

_HELD = ("owned", "fleet")
"""Ways to pay for machines that no seller bills."""

_SEVERAL = "several providers"
_ROUNDING = 1e-9

OWN = "own organization"
"""Who is paid for what no seller bills."""

_MONTH = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])$")


@dataclass(frozen=True)
class Charge:
    """What one row is about; `fields` are its FOCUS columns beside cost and time."""

    hourly: float
    """Average cost [$/h]."""
    kind: str
    """Part of the plan's cost."""
    quantity: float
    """A month's, in units of its price."""
    unit: str
    source: str
    fields: dict[str, Any]
    price: float | None = None
    """Of a unit [$]; absent = what the cost comes to for each."""


def focus(plan: Plan, file: str = "plan.json", month: str | None = None) -> str:
    """Write a plan's costs as CSV in the columns of FOCUS.

    Parameters
    ----------
    plan : Plan
    file : str
        Name used in messages.
    month : str, optional
        Month that the charges are written for, such as 2027-01; absent = the first of the plan's horizon.

    Returns
    -------
    str
        One row a charge; EffectiveCost adds up to the plan's cost a month [$].

    Raises
    ------
    InvalidInput
        If the plan has no calendar and no month is given, or the month is none.
    """
    begin, end = _span(plan, file, month)
    made = io.StringIO()
    writer = csv.DictWriter(made, [*COLUMNS, *CUSTOM], lineterminator="\n")
    writer.writeheader()
    for charge in charges(plan):
        writer.writerow(_row(plan, charge, begin, end))
    return made.getvalue()


def charges(plan: Plan) -> Iterator[Charge]:
    """Yield everything that the plan pays for."""
    hours = sum(plan.periods.values())
    for buy in plan.purchases:
        yield _machines(plan, buy, hours)
    yield from _unused(plan)
    yield from _starts(plan)
    yield from _tokens(plan)
    for route in plan.provisioned:
        committed = route.term != "hourly"
        held = HOURS_PER_MONTH * sum(route.units.get(name, 0) * h for name, h in plan.periods.items()) / hours
        fields = _service(route.api, None, "AI and Machine Learning", f"{route.api} provisioned throughput", route.api)
        said = {"ChargeDescription": f"Throughput units at {route.api}, {route.term}", "ChargeFrequency": "Recurring"}
        category = (
            _committed(f"{route.api}/{route.term}", "Provisioned throughput") if committed else {"PricingCategory": "Standard"}
        )
        yield Charge(
            route.cost, "provisioned", held, "Unit-Hours", route.price_source, {**fields, **said, **category}, route.unit_price
        )
    for row in plan.stores:
        fields = _service(OWN, None, "Databases", f"Vector store {row.store}", row.offer)
        said = {"ChargeDescription": f"{row.segment} ({row.tier}) of {row.store} on {row.offer}", "PricingCategory": "Other"}
        yield Charge(row.hourly, "components", HOURS_PER_MONTH, "Hours", "", {**fields, **said})
    yield from _inner(plan)


def _machines(plan: Plan, buy: Purchase, hours: float) -> Charge:
    """Return a purchase's charge."""
    held = HOURS_PER_MONTH * sum(buy.machines.get(name, 0) * h for name, h in plan.periods.items()) / hours
    how = buy.kind.replace("_", " ")
    fields = _service(OWN if buy.kind in _HELD else buy.seller, buy.region, "Compute", "GPU machines", buy.instance)
    category: dict[str, Any] = {"PricingCategory": "Standard", "ChargeFrequency": "Usage-Based"}
    if buy.kind in SPOT:
        category["PricingCategory"] = "Dynamic"
    elif buy.kind in _HELD:
        category = {"PricingCategory": "Other", "ChargeFrequency": "Recurring"}
    elif buy.kind.startswith("reserved"):
        name = "/".join((buy.instance, buy.region, buy.kind, *(f"{month}" for month in buy.live or ())))
        category = _committed(name, how)
    elif buy.spend is not None:
        category = _committed(buy.spend, "committed spend") | {"CommitmentDiscountCategory": "Spend"}
    if_so = f", if {buy.scenario} comes" if buy.scenario else ""
    said = f"{buy.instance} with {buy.gpus_per_machine} × {buy.accelerator}, {how}{if_so}"
    price = {"SkuPriceId": f"{buy.instance}/{buy.kind}", "ChargeDescription": said}
    each = buy.hourly if abs(held * buy.hourly - HOURS_PER_MONTH * buy.cost) <= _ROUNDING * HOURS_PER_MONTH * buy.cost else None
    return Charge(buy.cost, "machines", held, "Hours", buy.price_source, {**fields, **category, **price}, each)


def _unused(plan: Plan) -> Iterator[Charge]:
    """Yield what is committed to and drawn by no machine at all; what some draw on is in their price."""
    left = plan.cost.machines - sum(buy.cost for buy in plan.purchases)
    if left > _ROUNDING * plan.cost.machines:
        names = ", ".join(one.name for one in plan.committed_spend) or "machines"
        sellers = list(dict.fromkeys(one.seller for one in plan.committed_spend))
        fields = _service(sellers[0] if len(sellers) == 1 else _SEVERAL, None, "Compute", "Committed spend", names)
        category = _committed(names, "committed spend") | {
            "CommitmentDiscountCategory": "Spend",
            "CommitmentDiscountStatus": "Unused",
        }
        said = {"ChargeDescription": f"Committed to and not used: {names}"}
        yield Charge(left, "machines", HOURS_PER_MONTH, "Hours", "", {**fields, **category, **said})


def _starts(plan: Plan) -> Iterator[Charge]:
    """Yield what replicas cost that start ahead of need and stay beyond it."""
    sellers = {pool.name: pool for pool in plan.pools}
    for one in plan.scaling.pools if plan.scaling else ():
        if one.cost > 0:
            pool = sellers[one.pool]
            fields = _service(pool.seller, pool.region, "Compute", "GPU machines", pool.instance)
            said = {"ChargeDescription": f"Replicas of {one.pool} started ahead of need", "PricingCategory": "Other"}
            yield Charge(one.cost, "ramps", HOURS_PER_MONTH, "Hours", "", {**fields, **said})


def _tokens(plan: Plan) -> Iterator[Charge]:
    """Yield the charges of calls to APIs, one for each API at each of its prices per token that calls pay."""
    for route in plan.apis:
        seconds = sum(share.rate * plan.periods[share.period] for share in route.shares) / sum(plan.periods.values())
        service = "Language models in batches" if route.batch else "Language models by the token"
        fields = _service(route.api.split("/", 1)[0], None, "AI and Machine Learning", service, route.api)
        said = {"ChargeDescription": f"Calls to {route.api}: {api_prices(route)}", "ChargeFrequency": "Usage-Based"}
        price = {"SkuPriceId": _price_name(route), "PricingCategory": "Standard"}
        calls = 3600.0 * HOURS_PER_MONTH * seconds
        yield Charge(route.cost, "apis", calls, "Requests", route.price_source, {**fields, **said, **price})


def _price_name(route: ApiRoute) -> str:
    """Tell an API's prices apart: of batches, and of the prompts that are longer; dollars for a million tokens in and out."""
    kind = "batch" if route.batch else "tokens"
    return f"{route.api}/{kind}/{route.input_price * 1e6:.6g}/{route.output_price * 1e6:.6g}"


def _inner(plan: Plan) -> Iterator[Charge]:
    """Yield what no seller bills: operations, levers, components beside stores, and prices put on misses and carbon."""
    cost, stored = plan.cost, sum(row.hourly for row in plan.stores)
    parts = (
        ("operations", cost.operations, "Operating pools", "Usage"),
        ("levers", cost.levers, "Levers: look-ups, upkeep, introduction", "Usage"),
        ("components", cost.components - stored, "Components of call graphs that are no models", "Usage"),
        ("misses", cost.misses, "Price put on latency promises missed", "Adjustment"),
        ("carbon", cost.carbon, "Price put on the carbon of machines", "Adjustment"),
    )
    for kind, hourly, said, category in parts:
        if abs(hourly) > 1e-9 * max(cost.total, 1.0):
            service = "Other" if category == "Adjustment" else "Management and Governance"
            fields = _service(OWN, None, service, said, kind)
            more = {
                "ChargeDescription": said,
                "PricingCategory": "Other",
                "ChargeCategory": category,
                "ChargeFrequency": "Recurring",
            }
            yield Charge(hourly, kind, HOURS_PER_MONTH, "Hours", "problem file", {**fields, **more})


def _service(provider: str, region: str | None, category: str, name: str, sku: str) -> dict[str, Any]:
    """Return the columns that say who provides what."""
    who = dict.fromkeys(("ProviderName", "PublisherName", "InvoiceIssuerName"), provider)
    return {
        **who,
        "RegionId": region,
        "RegionName": region,
        "ServiceCategory": category,
        "ServiceName": name,
        "SkuId": sku,
        "SkuPriceId": sku,
    }


def _committed(name: str, kind: str) -> dict[str, Any]:
    """Return the columns of what is committed to for a term."""
    return {
        "PricingCategory": "Committed",
        "ChargeFrequency": "Recurring",
        "CommitmentDiscountCategory": "Usage",
        "CommitmentDiscountId": name,
        "CommitmentDiscountName": name,
        "CommitmentDiscountStatus": "Used",
        "CommitmentDiscountType": kind,
    }


def _row(plan: Plan, charge: Charge, begin: str, end: str) -> dict[str, Any]:
    """Return a row: a month's cost, its price for each unit, and the time."""
    cost = charge.hourly * HOURS_PER_MONTH
    price = cost / charge.quantity if charge.price is None and charge.quantity else charge.price
    used = charge.fields.get("ChargeCategory", "Usage") == "Usage"
    costs = {name: _number(cost) for name in ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")}
    prices = {name: _number(price) for name in ("ContractedUnitPrice", "ListUnitPrice")}
    quantity = _number(charge.quantity)
    return {
        **dict.fromkeys(COLUMNS),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Recurring",
        **costs,
        **prices,
        "PricingQuantity": quantity,
        "PricingUnit": charge.unit,
        "ConsumedQuantity": quantity if used else None,
        "ConsumedUnit": charge.unit if used else None,
        "BillingAccountId": plan.problem,
        "BillingAccountName": plan.problem,
        "BillingCurrency": "USD",
        **dict.fromkeys(("BillingPeriodStart", "ChargePeriodStart"), begin),
        **dict.fromkeys(("BillingPeriodEnd", "ChargePeriodEnd"), end),
        **charge.fields,
        "x_CostKind": charge.kind,
        "x_Problem": plan.problem_digest,
        "x_PriceSource": charge.source,
    }


def _number(value: float | None) -> str | None:
    """Write a figure with the digits of plan.json, without an exponent."""
    if value is None:
        return None
    text = f"{value:.12f}".rstrip("0").rstrip(".")
    return text or "0"


def _span(plan: Plan, file: str, month: str | None) -> tuple[str, str]:
    """Return when the month begins, and when the next one does."""
    named = month or plan.start
    if named is None:
        remedy = "say which month the charges are written for, such as --month 2027-01"
        raise InvalidInput.at(file, "the plan has no calendar, and FOCUS wants dates", remedy, path="--month")
    found = _MONTH.match(named)
    if found is None:
        raise InvalidInput.at("command line", f"{named!r} is no month", "write it as 2027-01", path="--month")
    year, number = int(found.group(1)), int(found.group(2))
    later = (year + 1, 1) if number == 12 else (year, number + 1)
    return f"{year:04d}-{number:02d}-01T00:00:00Z", f"{later[0]:04d}-{later[1]:02d}-01T00:00:00Z"
