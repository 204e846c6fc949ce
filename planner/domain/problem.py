"""The problem file: what is to be served, with what, under which limits, and how hard to search."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from planner.domain.base import Identifier, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Strict
from planner.domain.calls import Choice, Choices
from planner.domain.grids import Energy
from planner.domain.horizon import HOURS_PER_WEEK, Horizon, Scenario
from planner.domain.scaling import Autoscaling
from planner.domain.stores import Store
from planner.domain.workload import Workload
from planner.units import CarbonRate, Dollars, DollarsPerHour, DollarsPerTonne, Fraction, Seconds, SomeSeconds, Watts


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
    hours_of_day: tuple[Annotated[int, Field(ge=0, le=23)], Annotated[int, Field(ge=1, le=24)]] | None = None
    """Hours of the day that it stands for, in UTC: `[8, 18]` from 8:00 to 18:00, `[18, 8]` through the night; absent = all alike.
    Counts where energy prices or carbon differ by hour."""
    week: tuple[NonNegativeFloat, ...] | None = None
    """How many of its hours are each of the 168 hours of the week, in UTC, from Monday 0:00; a horizon fills this in."""
    follows: dict[Identifier, PositiveFloat] = Field(default_factory=dict)
    """How often in a cycle it begins, by the period before it: `{night: 30}`. Counts where `operations.autoscaling` is asked for;
    a horizon, or `cycle` there, says it by itself."""

    @model_validator(mode="after")
    def _months_run_forward(self) -> Period:
        if self.months is not None and self.months[0] >= self.months[1]:
            raise ValueError(f"months run from {self.months[0]} to {self.months[1]}; the second must be larger")
        return self

    @model_validator(mode="after")
    def _clock_runs(self) -> Period:
        if self.hours_of_day is not None and self.week is not None:
            raise ValueError("hours_of_day and week both say which hours it stands for; give one of them")
        if self.hours_of_day is not None and self.hours_of_day[0] == self.hours_of_day[1]:
            raise ValueError("hours_of_day holds no hour; give two different hours, or leave it out for all of them")
        if self.week is not None and (len(self.week) != HOURS_PER_WEEK or not any(self.week)):
            raise ValueError("week must be 168 figures, not all zero; give one for each hour of the week from Monday 0:00 in UTC")
        return self


class Quota(Strict):
    """How many accelerators may be held."""

    accelerator: str
    """Name or pattern (`h100-*`)."""
    region: str = "*"
    """Region or pattern."""
    seller: str = "*"
    """Seller or pattern."""
    offer: Literal["*", "on_demand", "spot", "reserved_1y", "reserved_3y", "owned", "fleet", "committed_spend"] = "*"
    """Way to pay."""
    gpus: NonNegativeInt
    """Most accelerators at any time."""


class Site(Strict):
    """What a place where machines stand can feed, cool and hold. At least one of `power`, `cooling`, `racks`."""

    name: Identifier
    """Name used in messages."""
    region: str = "*"
    """Region or pattern of the machines that stand here."""
    seller: str = "*"
    """Seller or pattern of the machines that stand here."""
    power: Watts | None = None
    """Feed of the whole facility: Σ machines · draw · PUE may not exceed it."""
    pue: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    """Facility power over IT power here; absent = each machine's own, 1.56 where none is given (survey average 2024)."""
    cooling: Watts | None = None
    """Heat that can be carried off; machines give off what they draw."""
    racks: PositiveInt | None = None
    """Racks to be had."""
    rack_power: Watts | None = None
    """Draw that one rack can feed and cool: a rack holds ⌊rack_power / draw⌋ machines of a kind."""

    @model_validator(mode="after")
    def _limits_something(self) -> Site:
        if self.power is None and self.cooling is None and self.racks is None:
            raise ValueError("a site without limits; give at least one of power, cooling, racks with rack_power")
        if (self.racks is None) != (self.rack_power is None):
            raise ValueError("racks and rack_power belong together; give both or neither")
        return self


class ProblemChoices(Choices):
    """Allowed and forbidden parts of a deployment, for all workloads; a workload may narrow them."""

    offers: Choice = Choice(allow=("on_demand", "spot", "fleet"))
    """Ways to pay: on_demand, spot (interruptible workloads only), fleet (machines already there), reserved_1y, reserved_3y,
    owned, committed_spend. Commitments and purchases are considered only when they are named here."""
    speculators: Choice = Choice(allow=())
    """Drafts for speculative decoding, by catalog name (`mtp/*`). None is used unless it is named here."""
    partitions: Choice = Choice(allow=())
    """Parts that boards may be cut into (`1g`, `*`). None is used unless it is named here."""
    power_points: Choice = Choice(allow=())
    """Lower power limits for machines of one's own (`h100-600W`, `*`). None is used unless it is named here."""


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
    carbon: CarbonRate | None = None
    """Most carbon dioxide and its equivalents by the energy of all machines, averaged over the cycle: `12 t/month`."""
    sites: tuple[Site, ...] = ()
    """Power, cooling and racks of the places where machines stand."""
    max_sellers: PositiveInt | None = None
    """Most sellers of whom machines are held, over all periods together. Machines of one's own, there or bought, and APIs are of
    none."""


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


class Moving(Strict):
    """What it costs to change what runs today, where a plan is made from it (`planner solve --from`)."""

    per_pool: Dollars = 0.0
    """Once for each pool that does not run today: validated and rolled out (no figure is known: yours to give)."""
    over: PositiveFloat = 12.0
    """Months over which that is spread where the problem has no months of its own (assumption)."""


class Operations(Strict):
    """What running pools asks for beyond capacity."""

    min_replicas: PositiveInt = 1
    """Fewest replicas of a pool that serves anything."""
    spare_replicas: NonNegativeInt = 0
    """Replicas kept beyond need in each pool, for failures and rollouts."""
    availability: Annotated[Fraction, Field(gt=0, lt=1)] | None = None
    """Probability at any time that no more replicas of a pool are down than it has spares (`99.9%`): each pool gets as few
    as reach it (docs/failures.md), in place of a constant `spare_replicas`."""
    zones: Annotated[int, Field(ge=2, le=20)] | None = None
    """Zones over which the replicas of a pool are spread evenly: its promises then also hold while any one of them is down.
    Needs `availability`."""
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
    spot_outage: Seconds = 7200.0
    """Time for which spot capacity stays away after an interruption; counts for `interruptible: with_fallback` (assumption: the
    long end of 1 to 2 hours, from events per hour and share of time obtainable of V100, skypilot-org/spot-traces, 2022-23)."""
    spot_notice: SomeSeconds = 120.0
    """Warning before a spot machine is taken, in which its replacement already starts; counts for `with_fallback` (AWS user
    guide: two minutes; other clouds 30 s)."""
    spot_together: PositiveInt = 1
    """Spot machines that are reclaimed at the same time. 1 = each by itself (assumption, and an optimistic one: of 2,635 reclaims
    on AWS and Azure over 92 % came within three minutes of others of the same kind and zone, arXiv 2604.16457, 2026-04)."""
    moving: Moving = Moving()
    """Cost of changing what runs today."""
    autoscaling: Autoscaling | None = None
    """What starting replicas and giving them up costs and takes where they follow demand from period to period; absent = nothing,
    and at once."""

    @model_validator(mode="after")
    def _spares_one_way(self) -> Operations:
        if self.availability is not None and self.spare_replicas:
            raise ValueError("availability and spare_replicas both say how many spares a pool has; give one of them")
        if self.zones is not None and self.availability is None:
            raise ValueError("zones adds to the spares that an availability asks for; give availability too, such as 99.9%")
        return self


class Finance(Strict):
    """What money costs."""

    discount_rate: Fraction = 0.08
    """Cost of capital per year: payments are discounted by it, and what is paid upfront for a term is charged it (assumption,
    handbook §9)."""
    carbon_price: DollarsPerTonne = 0.0
    """What a tonne of carbon dioxide and its equivalents is taken to cost (`$80/t`): added to the cost as a line of its own."""
    minimize: Literal["expected", "worst"] = "expected"
    """With scenarios: the cost expected over them, or that of the dearest of them, whatever its probability."""


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
    """What money, and carbon, costs."""
    solver: Solver = Solver()
    """Gap, time limit, seed."""
    energy: Energy | None = None
    """How energy and carbon are counted; present, even empty (`energy: {}`), the plan tells both."""

    @model_validator(mode="after")
    def _names(self) -> Problem:
        for what, names in (
            ("workload", [w.name for w in self.workloads]),
            ("period", [p.name for p in self.periods]),
            ("store", [s.name for s in self.stores]),
            ("site", [s.name for s in self.limits.sites]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what} names must differ; found twice: {', '.join(twice)}")
        return self

    def store(self, name: str) -> Store:
        """Return a store by name."""
        return next(store for store in self.stores if store.name == name)

    @property
    def tells_energy(self) -> bool:
        """Whether its plan tells energy and carbon: where it asks for that, limits carbon or gives it a price."""
        return self.energy is not None or self.counts_carbon

    @property
    def counts_carbon(self) -> bool:
        """Whether carbon is limited or has a price."""
        return self.limits.carbon is not None or self.finance.carbon_price > 0

    @property
    def pue(self) -> float:
        """Facility power over IT power where a machine's row states none [1]."""
        return (self.energy or Energy()).pue

    @property
    def cycle_hours(self) -> float:
        """Length of one cycle of periods, [h]."""
        return sum(period.hours for period in self.periods)
