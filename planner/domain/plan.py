"""The answer: what to run, where, for whom, at what cost, how fast, and how sure we are.

A plan is complete in itself: a reader needs nothing else to understand it, and the check needs only the plan, the
problem and the catalogs.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.domain.base import Strict
from planner.domain.hardware import SPOT, OfferKind
from planner.domain.plan_changes import Changes
from planner.domain.plan_choices import Alternative, Explored, Frontier, Sensitivity
from planner.domain.plan_costs import BuyOrBuild, Cost
from planner.domain.plan_doubt import Doubt
from planner.domain.plan_energy import EnergyPart
from planner.domain.plan_failover import FailoverPart
from planner.domain.plan_pools import ApiRoute, Pool, ProvisionedRoute
from planner.domain.plan_procurement import Cash, CommittedSpend, Futures, Sizing
from planner.domain.plan_promises import Latency, Promise, Simulation
from planner.domain.plan_scaling import Scaling
from planner.domain.plan_serving import Serving
from planner.domain.plan_stores import StorePart
from planner.domain.plan_worth import Worth

PLAN_VERSION = "plan/v1"


class Proof(Strict):
    """How close to optimal the plan is."""

    termination: Literal["optimal", "feasible"]
    """optimal: the asked gap was reached; feasible: a limit came first."""
    objective: float
    """Average cost of the plan, or what is `minimized` of it [$/h]."""
    bound: float
    """No plan within this model costs less, by what is `minimized` [$/h]."""
    gap: float
    """(objective − bound)/objective."""
    solver: str
    """Solver and version."""
    candidates: int
    """Deployments considered."""
    rejected: dict[str, int]
    """Deployments rejected, per reason code."""
    columns: int
    """Pool columns after rejection."""
    kept: int
    """Pool columns left after those that provably cannot be part of a better plan were removed."""
    complete: bool = True
    """Whether the bound covers every deployment enumerated; otherwise those screened out by an optimistic estimate of their
    cost per call, too many to evaluate, are outside it."""
    rounds: int = 1
    """Solves of the whole program until a plan kept every promise with its streams mixed; the bound is the first one's."""
    ways: int = 0
    """Ways to serve workloads that were compared, levers and splits of latencies together."""
    ways_priced: int = 0
    """Further ways, put aside by an estimate of what their calls cost alone, of which the bound speaks too: on the same pools."""
    ways_left_out: int = 0
    """Ways of which the bound does not speak: nothing that was tried serves them, or `ways_loss` says what they are worth."""
    ways_loss: float | None = None
    """What the best of those was estimated to cost above the best way of its workload [$/h]; absent = none can be served."""
    repairs: int = 0
    """Small solves around a plan whose pools missed a promise: its own pools and the nearest others, with the demand on those
    that missed raised."""
    minimized: Literal["expected", "worst"] = "expected"
    """expected: the average cost. worst: 99.9 % of the cost of the dearest scenario and 0.1 % of the average cost, to break ties;
    never above the former, so no plan's dearest scenario costs less than the bound either."""
    worst: float | None = None
    """Cost of the dearest scenario, averaged over its hours, where that was minimized [$/h]."""

    @property
    def whole(self) -> bool:
        """Whether no plan at all costs less on average than the bound: it leaves out no deployment and no way to serve."""
        return self.complete and self.ways_loss is None and self.minimized == "expected"


class Purchase(Strict):
    """Machines to hold."""

    kind: OfferKind
    """Way to pay."""
    instance: str
    """Machine shape."""
    seller: str
    """Seller."""
    region: str
    """Region."""
    accelerator: str
    """Accelerator."""
    gpus_per_machine: int
    """Accelerators of one machine."""
    machines: dict[str, int]
    """Machines held in each period."""
    hourly: float
    """Price of one machine, as planned with [$/h]."""
    price_source: str
    """Where the price comes from, with its date."""
    cost: float
    """Average cost [$/h]."""
    ordered: int | None = None
    """Month of the horizon at whose start they are ordered, counted from 0; absent without a horizon or a commitment."""
    live: tuple[int, int] | None = None
    """Months in which they are there: from the start of the first to the end of the last; absent = all."""
    scenario: str | None = None
    """The scenario for which they are ordered, once it has come; absent = for all, not knowing which comes."""
    boards_per_machine: int | None = None
    """Boards of one machine, which quotas count; written only where they are cut into parts."""
    carbon_cost: float = 0.0
    """What their carbon is taken to cost, on average, not in `cost` [$/h]; written only where carbon has a price."""
    already: bool = False
    """Whether they were committed to before: paid in every plan, whether used or not; written only where true."""
    upfront: float | None = None
    """Share of the term's price that is paid when it begins; absent = none."""
    capital: float | None = None
    """Part of `hourly` that is cost of capital, for what is paid early [$/h]; absent = none."""
    spend: str | None = None
    """The commitment to spend that they draw on, for all of which `hourly` pays; absent = none."""

    @property
    def standing(self) -> str:
        """What tells them from others of the same kind and place: `spot`, `spot with fallback`, or nothing."""
        return self.kind.replace("_", " ") if self.kind in SPOT else ""


class TakenWay(Strict):
    """How a workload is served: the levers pulled, and how its latency promise is split."""

    workload: str
    """Workload."""
    settings: dict[str, str]
    """Lever → setting, of those that are pulled."""
    budgets: dict[str, float]
    """Stage beside the answering one → time it may take of the request's target [s]."""
    streams: dict[str, str] = Field(default_factory=dict)
    """Stream → its name without settings, which tells it apart from all others of the plan."""
    model_calls: float
    """Calls of models per request."""
    per_thousand_requests: float = 0.0
    """Cost of a thousand requests [$]."""
    considered: int
    """Ways that were compared."""
    stores: dict[str, str] = Field(default_factory=dict)
    """Store → what its segments stand on; written only where there is any."""
    searches: dict[str, str] = Field(default_factory=dict)
    """Stage → store that it searches; written only where there is any."""


class Fact(Strict):
    """A number the plan rests on, with its standing."""

    subject: str
    """What it is about."""
    statement: str
    """The assumption or fact in words."""
    standing: Literal["measured", "fitted", "assumed", "published", "stated"]
    """How it is known; `stated` = by the problem file."""
    source: str
    """Where it comes from."""


class Plan(Strict):
    """The answer to a problem."""

    version: Literal["plan/v1"] = "plan/v1"
    """Version of this format."""
    planner: str
    """Version of the planner."""
    problem: str
    """Name of the problem."""
    problem_digest: str
    """SHA-256 of the problem file."""
    catalog_digest: str
    """SHA-256 of the merged catalogs."""
    seed: int
    """Seed."""
    periods: dict[str, float]
    """Hours of each period."""
    proof: Proof
    """How close to optimal."""
    cost: Cost
    """What it costs."""
    pools: tuple[Pool, ...]
    """What to run."""
    apis: tuple[ApiRoute, ...]
    """What to send elsewhere."""
    provisioned: tuple[ProvisionedRoute, ...] = ()
    """Throughput to be bought in units at APIs."""
    purchases: tuple[Purchase, ...]
    """What to buy, rent or reserve."""
    sizing: Sizing | None = None
    """What following demand is worth; only where there are several periods."""
    futures: Futures | None = None
    """What not knowing the future costs; only where there are scenarios."""
    start: str | None = None
    """First month of the horizon, such as 2027-01; absent = no calendar is given."""
    cash: Cash | None = None
    """When money leaves, month by month; only where periods have months."""
    ways: tuple[TakenWay, ...] = ()
    """How workloads with stages or levers are served."""
    stores: tuple[StorePart, ...] = ()
    """Vector stores, segment by segment; written only where there are any."""
    buy_or_build: tuple[BuyOrBuild, ...] = ()
    """APIs against own machines, for every workload whose calls an API could take."""
    promises: tuple[Promise, ...]
    """Every promise with its prediction."""
    latencies: tuple[Latency, ...]
    """Predicted latencies beyond the promises."""
    reasons: tuple[str, ...]
    """Why this and not something else, in sentences with numbers."""
    facts: tuple[Fact, ...]
    """Assumptions and sources, the weakest first."""
    warnings: tuple[str, ...] = ()
    """What a reviewer should know."""
    simulation: Simulation | None = None
    """What a simulation of its pools showed, where one was asked for (`solve --verify`)."""
    energy: EnergyPart | None = None
    """What it draws and emits; written only where the problem asks for it."""
    changes: Changes | None = None
    """What it changes of what runs today; only where it was made from that (`solve --from`)."""
    committed_spend: tuple[CommittedSpend, ...] = ()
    """Spend committed to; written only where there is any."""
    scaling: Scaling | None = None
    """How replicas follow demand; only where `operations.autoscaling` is asked for and there are several periods."""
    serving: Serving | None = None
    """What exports need to put it to work; absent in plans of before it was written."""
    doubt: Doubt | None = None
    """How sure its latencies are; written only where promises are kept at an edge that comparable measurements set."""
    worth: Worth | None = None
    """What a little more of demand and limits is worth; absent where that is not known."""
    frontiers: tuple[Frontier, ...] = ()
    """What promises and limits cost at other levels; written only where that was asked for (`planner explore`)."""
    alternatives: tuple[Alternative, ...] = ()
    """Other plans, and what each gives up; written only where they were asked for."""
    sensitivities: tuple[Sensitivity, ...] = ()
    """What the cost hangs on, what moves it most first; written only where that was asked for."""
    explored: Explored | None = None
    """How these three were found; written only where they were asked for."""
    failover: tuple[FailoverPart, ...] = ()
    """How workloads outlive a region; written only where one asks for it. Loads, calls and latencies of their pools, everywhere
    in the plan, are those while one group of regions is down."""

    @property
    def external(self) -> tuple[ApiRoute | ProvisionedRoute, ...]:
        """Calls that go to APIs, however they are paid."""
        return (*self.apis, *self.provisioned)

    @property
    def accelerators(self) -> dict[str, int]:
        """Most accelerators held in any period, by kind."""
        most: dict[str, int] = {}
        for period in self.periods:
            held: dict[str, int] = {}
            for buy in self.purchases:
                held[buy.accelerator] = held.get(buy.accelerator, 0) + buy.machines.get(period, 0) * buy.gpus_per_machine
            most = {kind: max(most.get(kind, 0), held.get(kind, 0)) for kind in most | held}
        return most
