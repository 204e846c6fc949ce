"""The problem file: what is to be served, with what, under which limits, and how hard to search."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Strict
from planner.domain.calls import Choice, Choices
from planner.domain.horizon import Horizon, Scenario
from planner.domain.scaling import Autoscaling
from planner.domain.stores import Store
from planner.domain.workload import Workload
from planner.units import DollarsPerHour, Fraction, Seconds, Watts


class Metadata(Strict):
    """What the file is about."""

    name: Identifier
    """Name of the problem."""
    description: str = ""
    """The story, for readers."""


class CatalogUse(Strict):
    """Which facts to use: the built-in catalogs, files beside the problem, and inline rows; later ones win."""

    builtin: bool = True
    """Start from the catalogs that ship with the planner."""
    files: tuple[str, ...] = ()
    """Catalog files, relative to the problem file."""
    overrides: dict[str, dict[str, dict[str, Any]]] = Field(default_factory=dict)
    """Section → name → fields. Fields given replace those of an existing row; a new name needs a whole row."""


class Period(Strict):
    """A slice of the horizon with its own demand."""

    name: Identifier
    """Name used by demand."""
    hours: PositiveFloat
    """Its length within one cycle."""
    months: tuple[NonNegativeInt, PositiveInt] | None = None
    """Months of the horizon it lies in: from the start of the first to the end of the last, counted from 0; absent = all."""
    scenario: Identifier | None = None
    """The scenario it belongs to, its hours counted with the scenario's probability; absent = there is only one."""
    follows: dict[Identifier, PositiveFloat] = Field(default_factory=dict)
    """How often in a cycle it begins, by the period before it: `{night: 30}`. Counts where `operations.autoscaling` is asked for;
    a horizon, or `cycle` there, says it by itself."""

    @model_validator(mode="after")
    def _months_run_forward(self) -> Period:
        if self.months is not None and self.months[0] >= self.months[1]:
            raise ValueError(f"months run from {self.months[0]} to {self.months[1]}; the second must be larger")
        return self


class Quota(Strict):
    """How many accelerators may be held."""

    accelerator: str
    """Name or pattern (`h100-*`)."""
    region: str = "*"
    """Region or pattern."""
    seller: str = "*"
    """Seller or pattern."""
    offer: Literal["*", "on_demand", "spot", "reserved_1y", "reserved_3y", "owned", "fleet"] = "*"
    """Way to pay."""
    gpus: NonNegativeInt
    """Most accelerators at any time."""


class ProblemChoices(Choices):
    """Allowed and forbidden parts of a deployment, for all workloads; a workload may narrow them."""

    offers: Choice = Choice(allow=("on_demand", "spot", "fleet"))
    """Ways to pay: on_demand, spot (interruptible workloads only), fleet (machines already there), reserved_1y, reserved_3y,
    owned. Commitments and purchases are considered only when they are named here."""
    speculators: Choice = Choice(allow=())
    """Drafts for speculative decoding, by catalog name (`mtp/*`). None is used unless it is named here."""


class Limits(Strict):
    """Limits over the whole plan."""

    budget: DollarsPerHour | None = None
    """Most to spend, averaged over the cycle: `$40k/month`, `$55/h`."""
    power: Watts | None = None
    """Most power of all accelerators and hosts at any time."""
    quotas: tuple[Quota, ...] = ()
    """Quotas per accelerator, region, seller and way to pay."""
    max_gpus: NonNegativeInt | None = None
    """Most accelerators at any time."""


class Failures(Strict):
    """How often hardware fails and how long it is missed; the defaults are the pessimistic end of what was measured."""

    gpu_per_year: NonNegativeFloat = 0.1015
    """Failures of one accelerator per year: 58.7 % of 419 interruptions of 16,384 H100 over 54 days (Llama 3 405B training,
    2024-07, by way of DatacenterDynamics)."""
    node_per_year: NonNegativeFloat = 1.56
    """Failures per machine and year beside those of its accelerators: 6.5 hardware failures per 1,000 days of an 8-GPU machine
    (Meta RSC-1, 16k A100, arXiv 2410.21680, 2024-10), 2.37 a year, less 8 accelerators' 0.81. H100 in the run above: 0.57."""
    repair: Seconds = 4 * 3600.0
    """Time until a failed machine is repaired or replaced (assumption: the long end of 1 to 4 hours, handbook §9; clouds that
    replace machines by themselves name 5 minutes)."""
    restart: Seconds = 600.0
    """Time from there until a replica answers again: noticed, image, weights, warm-up (10 minutes and more were reported of
    unoptimised Kubernetes, 2026, handbook §9)."""


class Operations(Strict):
    """What running pools asks for beyond capacity."""

    min_replicas: PositiveInt = 1
    """Fewest replicas of a pool that serves anything."""
    spare_replicas: NonNegativeInt = 0
    """Replicas kept beyond need in each pool, for failures and rollouts."""
    availability: Annotated[Fraction, Field(gt=0, lt=1)] | None = None
    """Probability at any time that no more replicas of a pool are down than it has spares (`99.9%`): each pool gets as few
    as reach it (docs/failures.md), in place of a constant `spare_replicas`."""
    failures: Failures = Failures()
    """How often hardware fails and for how long; counts where `availability` is asked for."""
    pool_cost: DollarsPerHour = 0.0
    """Cost of operating one more pool (people, monitoring, rollouts), whatever its size."""
    max_pools: PositiveInt | None = None
    """Most pools to operate."""
    balancer: Literal["least_loaded", "prefix_aware", "round_robin", "random"] = "least_loaded"
    """How calls are dealt to the replicas of a pool. least_loaded (fewest unfinished calls) evens out crowds and bursts; with
    the others a replica bears its own crowds, and a share of each burst."""
    max_utilization: Annotated[float, Field(gt=0, lt=1)] = 0.8
    """Highest share of a replica's stable rate used; above 0.8 closed forms were not confirmed by simulation (handbook §5)."""
    spot_restart: Seconds = 600.0
    """Time lost at each spot interruption (assumption: image, weights and warm-up, handbook §9)."""
    spot_interruptions_per_hour: NonNegativeFloat = 0.05
    """Spot interruptions per machine and hour (assumption; published figures run from 0.0001 to 0.7)."""
    autoscaling: Autoscaling | None = None
    """What starting replicas and giving them up costs and takes where they follow demand from period to period; absent = nothing,
    and at once."""

    @model_validator(mode="after")
    def _spares_one_way(self) -> Operations:
        if self.availability is not None and self.spare_replicas:
            raise ValueError("availability and spare_replicas both say how many spares a pool has; give one of them")
        return self


class Finance(Strict):
    """What money costs."""

    discount_rate: Fraction = 0.08
    """Cost of capital per year, by which payments are discounted (assumption, handbook §9)."""


class Solver(Strict):
    """How hard to search."""

    gap: Fraction = 0.01
    """Stop when the plan is proved to cost at most this share more than the best possible."""
    time_limit: Seconds = 120.0
    """Stop searching after this time and return the best plan found."""
    seed: NonNegativeInt = 0
    """Seed of every random choice."""
    confidence: Annotated[float, Field(ge=0.5, le=0.95)] = 0.8
    """Promises are kept at the pessimistic edge of predictions: as slow as this share of comparable measurements at most was.
    0.5 takes predictions as they come."""
    effects: Literal["pessimistic", "middle", "optimistic"] = "pessimistic"
    """Which end of a lever's ranges to plan with: the one that costs more, the middle, or the one that costs less."""


class Problem(Strict):
    """A planning problem."""

    apiVersion: Literal["planner/v1"]  # noqa: N815 - the field's name in the file format
    """Version of this format."""
    metadata: Metadata
    """Name and story."""
    catalogs: CatalogUse = CatalogUse()
    """Where facts come from."""
    periods: tuple[Period, ...] = (Period(name="always", hours=730.0),)
    """Slices of the cycle; one of a month's length unless given."""
    horizon: Horizon | None = None
    """Months to plan for, in place of periods: demand with its weekly shape, growth and events is laid out in them."""
    scenarios: tuple[Scenario, ...] = Field(default=(), max_length=20)
    """Ways in which demand may turn out, two or more; commitments at the start are made without knowing which comes."""
    workloads: tuple[Workload, ...] = Field(min_length=1, max_length=500)
    """What is to be served."""
    stores: tuple[Store, ...] = Field(default=(), max_length=100)
    """Vector stores that stages search; the planner sizes them and chooses what they stand on."""
    choose: ProblemChoices = ProblemChoices()
    """What may be chosen, for all workloads."""
    limits: Limits = Limits()
    """Limits over the whole plan."""
    operations: Operations = Operations()
    """Replicas, spares and pool overheads."""
    finance: Finance = Finance()
    """What money costs; counts where the periods have months."""
    solver: Solver = Solver()
    """Gap, time limit, seed."""

    @model_validator(mode="after")
    def _names(self) -> Problem:
        for what, names in (
            ("workload", [w.name for w in self.workloads]),
            ("period", [p.name for p in self.periods]),
            ("store", [s.name for s in self.stores]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} names must differ; found twice: {', '.join(twice)}")
        return self

    def store(self, name: str) -> Store:
        """Return a store by name."""
        return next(store for store in self.stores if store.name == name)

    @property
    def cycle_hours(self) -> float:
        """Length of one cycle of periods, [h]."""
        return sum(period.hours for period in self.periods)
