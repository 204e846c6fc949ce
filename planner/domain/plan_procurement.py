"""What a plan says of time and chance: what following demand saves, what not knowing the future costs, and when money leaves."""

from __future__ import annotations

from planner.domain.base import Strict


class Sizing(Strict):
    """What following demand is worth."""

    gpu_hours: float
    """Accelerator-hours of a cycle of periods that the plan holds."""
    floor_gpu_hours: float
    """The fewest with which any policy could serve the same calls on the pools that run, replicas and machines in parts."""
    static_cost: float | None
    """Average cost of the same pools if every machine were held all the time [$/h]; absent = nothing to be had does that."""


class Future(Strict):
    """A scenario."""

    name: str
    """Name."""
    probability: float
    """Probability [1]."""
    cost: float | None
    """What the plan costs where it comes, averaged over its hours [$/h]; absent = none was found with its commitments in time."""
    known: float | None
    """The cheapest plan found if it were known from the start [$/h]; absent = none was found."""


class Commitment(Strict):
    """What comes of commitments made at the start."""

    name: str
    """Whose: the plan's, or those that would be best if one scenario were certain."""
    costs: dict[str, float | None]
    """Least cost found with them, by the scenario that comes [$/h]; absent = no plan was found."""
    expected: float | None
    """Mean over scenarios [$/h]."""
    worst_regret: float | None
    """Most that they cost above the best where the scenario is known [$/h]."""


class Futures(Strict):
    """What not knowing the future costs."""

    scenarios: tuple[Future, ...]
    """Scenario by scenario."""
    perfect_information: float | None
    """What knowing from the start would save on average [$/h]; absent = no plan was found for some scenario."""
    waiting: float | None
    """What it would cost more if nothing could be ordered after the start [$/h]; absent = no plan was found, or the plan
    minimizes the cost of the dearest scenario."""
    commitments: tuple[Commitment, ...]
    """Table of regrets."""
    in_parts: bool = False
    """Whether machines and replicas are counted in parts in all of these costs, as where a problem is large."""


class CashMonth(Strict):
    """What is paid in a month of the horizon [$]."""

    month: int
    """Counted from 0."""
    rented: float
    """Machines rented by the hour."""
    reserved: float
    """Machines committed for a term, upfront payments included."""
    bought: float
    """Machines bought, paid when they are delivered."""
    running: float
    """Energy, space and support of machines bought."""
    apis: float
    """APIs, by the token."""
    other: float
    """Units at APIs, operations, levers and components."""
    total: float
    """All of it."""
    committed: float = 0.0
    """Machines signed for before the horizon began; written only where there are any."""


class Cash(Strict):
    """When money leaves."""

    discount_rate: float
    """Cost of capital per year [1]."""
    months: tuple[CashMonth, ...]
    """Month by month."""
    total: float
    """All payments within the horizon [$]."""
    npv: float
    """What they are worth at its start: Σ paid[m]/(1 + r)^(m/12) [$]."""
    owed_after: float
    """What is still to be paid for reserved machines after the horizon [$]."""
    worth_after: float
    """What machines bought are worth at its end, written off evenly over their life [$]."""


class CommittedSpend(Strict):
    """So much to spend an hour with a seller for a term, used or not."""

    name: str
    """Catalog name of the commitment."""
    seller: str
    """Seller."""
    term: str
    """1y or 3y."""
    hourly: float
    """Committed to [$/h]."""
    ordered: int | None
    """Month of the horizon at whose start it is ordered; absent without a horizon."""
    live: tuple[int, int] | None
    """Months in which it lasts: from the start of the first to the end of the last; absent = all."""
    scenario: str | None
    """The scenario for which it is ordered, once it has come; absent = for all."""
    used: float
    """Share of it that machines draw, over the hours in which it lasts [1]."""
    cost: float
    """Average cost, what is owed after the horizon included [$/h]."""
    source: str
    """Where the discount comes from, with its date."""
