"""Costs in the columns of FOCUS 1.2: they add up to the plan's, and keep the rules set for each column."""

from __future__ import annotations

import csv
import io

import made_plans
import pytest

from planner.domain.plan import Plan, Purchase
from planner.domain.plan_pools import ProvisionedRoute
from planner.errors import InvalidInput
from planner.report.focus import COLUMNS, CUSTOM, focus

MANDATORY = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ServiceCategory",
    "ServiceName",
)
"""Of FOCUS 1.2; only ChargeClass may be empty, as it is for all that corrects nothing."""

ALLOWED = {
    "ChargeCategory": {"Usage", "Purchase", "Tax", "Credit", "Adjustment"},
    "ChargeFrequency": {"One-Time", "Recurring", "Usage-Based"},
    "PricingCategory": {"Standard", "Dynamic", "Committed", "Other"},
    "CommitmentDiscountCategory": {"", "Spend", "Usage"},
    "CommitmentDiscountStatus": {"", "Used", "Unused"},
    "ServiceCategory": {"AI and Machine Learning", "Compute", "Databases", "Management and Governance", "Other"},
    "BillingCurrency": {"USD"},
    "ChargeClass": {""},
}


def rows(plan: Plan, month: str | None = "2027-03") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(focus(plan, month=month))))


def keeps_the_rules(plan: Plan) -> None:
    found = rows(plan)
    assert list(found[0]) == [*COLUMNS, *CUSTOM]
    assert sorted(COLUMNS) == list(COLUMNS)
    assert set(MANDATORY) <= set(COLUMNS)
    assert all(name.startswith("x_") for name in CUSTOM)
    for row in found:
        assert all(row[name] for name in MANDATORY if name != "ChargeClass"), row
        for name, values in ALLOWED.items():
            assert row[name] in values, (name, row[name])
        assert float(row["ContractedUnitPrice"]) * float(row["PricingQuantity"]) == pytest.approx(
            float(row["ContractedCost"]), rel=1e-6
        )
        assert (
            (row["CommitmentDiscountId"] == "")
            == (row["CommitmentDiscountStatus"] == "")
            == (row["PricingCategory"] != "Committed")
        )
        assert (row["ConsumedUnit"] == "") == (row["ChargeCategory"] != "Usage")
        assert "E" not in row["EffectiveCost"].upper()
    for column in ("EffectiveCost", "BilledCost", "ListCost", "ContractedCost"):
        assert sum(float(row[column]) for row in found) == pytest.approx(plan.cost.per_month, rel=1e-9)


@pytest.mark.parametrize(
    "made", [made_plans.quickstart, made_plans.scenarios, made_plans.levers, made_plans.committed, made_plans.started]
)
def test_charges_add_up_to_the_plans_cost_and_keep_the_rules(made: object) -> None:
    assert callable(made)
    keeps_the_rules(made())


def test_what_no_seller_bills_is_told_apart(plan: Plan) -> None:
    """78.43125 $/h: machines 70.10, an API 6.20, operations 2, misses 0.13125; times 730 hours."""
    found = {row["x_CostKind"]: row for row in rows(plan)}
    assert float(found["apis"]["EffectiveCost"]) == pytest.approx(6.2 * 730)
    assert found["apis"]["ProviderName"] == "openai"
    assert float(found["apis"]["PricingQuantity"]) == pytest.approx(3.11 * 3600 * 730 / 2)
    assert found["misses"]["ChargeCategory"] == "Adjustment"
    assert found["operations"]["ProviderName"] == "own organization"
    keeps_the_rules(plan)


def test_each_api_and_each_price_is_a_row(plan: Plan) -> None:
    """Of 6.20 $/h: 4 at one API, 1.50 there in batches at half the price, and 0.70 at another."""
    (first,) = plan.apis
    batches = {"batch": True, "turnaround": 86400.0, "input_price": 0.075e-6, "output_price": 0.3e-6}
    routes = [
        first.model_copy(update=more) for more in ({"cost": 4.0}, {"cost": 1.5, **batches}, {"cost": 0.7, "api": "google/small"})
    ]
    made = plan.model_copy(update={"apis": tuple(routes)})
    found = [row for row in rows(made) if row["x_CostKind"] == "apis"]
    assert [float(row["EffectiveCost"]) for row in found] == pytest.approx([4.0 * 730, 1.5 * 730, 0.7 * 730])
    assert [row["ProviderName"] for row in found] == ["openai", "openai", "google"]
    assert [row["SkuId"] for row in found] == ["openai/gpt-4o-mini", "openai/gpt-4o-mini", "google/small"]
    assert len({row["SkuPriceId"] for row in found}) == 3
    assert "in batches answered within" in found[1]["ChargeDescription"]
    keeps_the_rules(made)


def test_ways_to_pay_are_pricing_categories(plan: Plan) -> None:
    machines = [row for row in rows(plan) if row["x_CostKind"] == "machines"]
    assert [row["PricingCategory"] for row in machines] == ["Committed", "Standard", "Dynamic"]
    assert [row["CommitmentDiscountType"] for row in machines] == ["reserved 1y", "", ""]
    assert [float(row["PricingQuantity"]) for row in machines] == pytest.approx([730.0, 365.0, 2190.0])
    assert [row["RegionId"] for row in machines] == ["eu-central-1", "eu-central-1", "us-east-1"]


def test_own_machines_and_units_by_the_month(plan: Plan) -> None:
    own = Purchase.model_validate(plan.purchases[0].model_dump() | {"kind": "owned"})
    units = ProvisionedRoute(
        api="cloud/big",
        units={"day": 3, "night": 3},
        unit_price=2.0,
        term="monthly",
        tokens_per_second=100.0,
        cost=6.0,
        used={"day": 0.5, "night": 0.5},
        price_source="test",
        shares=(),
    )
    total = plan.cost.total + 6.0
    cost = plan.cost.model_copy(update={"total": total, "provisioned": 6.0, "per_month": 730 * total})
    made = plan.model_copy(update={"purchases": (own, *plan.purchases[1:]), "provisioned": (units,), "cost": cost})
    keeps_the_rules(made)
    first = rows(made)[0]
    assert (first["PricingCategory"], first["ProviderName"]) == ("Other", "own organization")
    bought = next(row for row in rows(made) if row["x_CostKind"] == "provisioned")
    assert (bought["PricingUnit"], float(bought["PricingQuantity"])) == ("Unit-Hours", 2190.0)
    assert bought["CommitmentDiscountType"] == "Provisioned throughput"


@pytest.mark.parametrize(("month", "end"), [("2027-12", "2028-01-01T00:00:00Z"), ("2027-01", "2027-02-01T00:00:00Z")])
def test_a_month_ends_where_the_next_begins(plan: Plan, month: str, end: str) -> None:
    found = rows(plan, month)[0]
    assert found["ChargePeriodStart"] == f"{month}-01T00:00:00Z"
    assert found["BillingPeriodEnd"] == found["ChargePeriodEnd"] == end


def test_a_plan_with_a_calendar_needs_no_month(plan: Plan) -> None:
    assert rows(plan.model_copy(update={"start": "2027-01"}), None)[0]["ChargePeriodStart"] == "2027-01-01T00:00:00Z"


def test_without_a_calendar_a_month_is_asked_for(plan: Plan) -> None:
    with pytest.raises(InvalidInput, match="--month 2027-01"):
        focus(plan)
    with pytest.raises(InvalidInput, match="'2027-13' is no month"):
        focus(plan, month="2027-13")


def test_committed_spend_and_starts_have_their_rows() -> None:
    plan = made_plans.started()
    found = {(row["x_CostKind"], row["PricingCategory"]): row for row in rows(made_plans.committed())}
    drawn = found["machines", "Committed"]
    assert (drawn["CommitmentDiscountId"], drawn["CommitmentDiscountCategory"]) == ("shop-1y", "Spend")
    found = {(row["x_CostKind"], row["PricingCategory"]): row for row in rows(plan)}
    assert plan.cost.ramps
    assert float(found["ramps", "Other"]["EffectiveCost"]) == pytest.approx(730 * plan.cost.ramps)
    assert found["ramps", "Other"]["ProviderName"] == "shop"


def test_what_is_committed_to_and_not_used_is_told_apart() -> None:
    """A dollar an hour more for machines than their rows say: nobody draws on it."""
    plan = made_plans.committed()
    total = plan.cost.total + 1.0
    cost = plan.cost.model_copy(update={"machines": plan.cost.machines + 1.0, "total": total, "per_month": 730 * total})
    made = plan.model_copy(update={"cost": cost})
    keeps_the_rules(made)
    (unused,) = [row for row in rows(made) if row["CommitmentDiscountStatus"] == "Unused"]
    assert float(unused["EffectiveCost"]) == pytest.approx(730.0)
