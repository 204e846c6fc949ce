"""Workloads: who asks for what, how often, in which stages, how fast it must be, how good, and under which rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from planner.domain.base import Identifier, PositiveFloat, Strict
from planner.domain.calls import Choices, Lengths, Objective, QualityFloor, SharedPrefix, TraceFile
from planner.domain.failover import Failover
from planner.domain.horizon import Event, GrowthRate, Month, Shape
from planner.domain.levers import Lever
from planner.domain.stages import Retries, Stage
from planner.units import Count, Fraction, RequestRate, Seconds


def _said(value: object) -> object:
    """Refuse what is neither, in one sentence instead of one for each alternative."""
    if not isinstance(value, bool) and value != "with_fallback":
        raise ValueError(f"must be true, false or with_fallback, got {value!r}; write one of them")
    return value


_Said = bool | Literal["with_fallback"]
Interruptible = Annotated[_Said, BeforeValidator(_said, json_schema_input_type=_Said)]


class Users(Strict):
    """Demand as people: `active × requests_per_user`."""

    active: Count
    """People using it in the period."""
    requests_per_user: RequestRate
    """Requests of each, such as `12/day` or `0.5/min`."""


class Demand(Strict):
    """How many requests arrive: exactly one of `rate`, `users`, `trace`."""

    rate: RequestRate | dict[Identifier, RequestRate] | None = None
    """Requests per second (`12 req/s`, `1.5M/day`), one figure or one a period."""
    users: Users | None = None
    """People times requests each."""
    trace: TraceFile | None = None
    """A recorded trace."""
    scale: PositiveFloat = 1.0
    """Multiplies whatever the source says."""
    profile: dict[Identifier, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(default_factory=dict)
    """Multiplier per period for `users` and `trace`; a period not named has 1."""
    burstiness: PositiveFloat | None = None
    """Squared coefficient of variation of inter-arrival times within the busy window (Poisson = 1);
    absent = from the trace, else 1 (assumption, handbook §5)."""
    shape: Shape = "always"
    """Only with a horizon, as all below: how demand runs through the week. `always`, `office_hours`, `business_week`, `evenings`,
    `nights`, `weekends`; or 168 multipliers from Monday 0:00 on; or a file of them."""
    rate_is: Literal["mean", "peak"] | None = None
    """Whether the rate is the mean over the week or that of its busiest hour; absent = mean, and peak for a trace planned on
    its peak."""
    timezone: Annotated[int, Field(ge=-12, le=14)] = 0
    """Hours by which the clock of shape and events is ahead of UTC, the clock of the horizon."""
    growth: GrowthRate | None = None
    """Such as `8%/month` or `-10%/year`, from the first month with requests on, in which `rate` holds."""
    events: tuple[Event, ...] = Field(default=(), max_length=100)
    """Days with more, or fewer, requests."""
    launch: Month | None = None
    """First month with requests; absent = the first of the horizon."""
    ends: Month | None = None
    """Last month with requests; absent = the last of the horizon."""

    @property
    def over_time(self) -> tuple[str, ...]:
        """Fields given that only a horizon gives a meaning to, in the order of the format."""
        fields = ("shape", "rate_is", "timezone", "growth", "events", "launch", "ends")
        return tuple(name for name in fields if name in self.model_fields_set)

    @model_validator(mode="after")
    def _one_source(self) -> Demand:
        given = [name for name in ("rate", "users", "trace") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of rate, users, trace; found {', '.join(given) or 'none'}")
        if self.profile and self.rate is not None:
            raise ValueError("profile goes with users or trace; with rate, give one rate per period instead")
        return self


class LaidOutDemand(Demand):
    """Demand over a horizon after it was laid out in periods: `profile` holds the multiplier of each, whatever the source."""

    overstated: float = 0.0
    """Requests that periods hold beyond those expected, as a share of the latter."""
    remarks: tuple[str, ...] = ()
    """What was assumed in laying it out, in words for the report."""


class DataRules(Strict):
    """Where data may go and under which terms models may be used."""

    external_api: bool = True
    """Whether requests may be sent to a third party's API."""
    zero_retention: bool = False
    """Whether only APIs may be used that keep nothing of what is sent; one that does not say so may not."""
    no_training: bool = False
    """Whether only APIs may be used that train no model on what is sent; one that does not say so may not."""
    region_groups: tuple[Literal["us", "eu", "asia", "me", "other", "global"], ...] | None = None
    """Continents where requests may be processed; absent = anywhere."""
    regions: tuple[Identifier, ...] | None = None
    """Sellers' regions where requests may be processed; absent = anywhere."""
    licences: tuple[str, ...] | None = None
    """Licences that are acceptable; absent = any, known or not."""


class Workload(Strict):
    """A named source of user requests and everything promised to those who send them."""

    name: Identifier
    """Name used in the plan."""
    description: str = ""
    """What it is, for readers of the plan."""
    demand: Demand
    """How many requests arrive."""
    input_tokens: Lengths
    """Prompt tokens."""
    output_tokens: Lengths
    """Generated tokens."""
    shared_prefix: SharedPrefix | None = None
    """System prompt or other shared beginning."""
    objectives: tuple[Objective, ...] = ()
    """Latency promises; none = batch work."""
    deadline: Seconds | None = None
    """Batch work: time within which a request must be finished. Work whose deadline spans the whole cycle of periods may be
    moved between periods; over a horizon of several steps none is."""
    quality: tuple[QualityFloor, ...] = ()
    """Quality floors; all must hold."""
    data: DataRules = DataRules()
    """Data rules."""
    choose: Choices = Choices()
    """Narrows the problem's own choices for this workload."""
    interruptible: Interruptible = False
    """Whether it may run on spot machines. with_fallback: only where an on-demand machine takes over when one is reclaimed, with
    spares for the time between, so that promises are kept; needs `operations.availability`."""
    retries: Retries | None = None
    """What callers do when a call fails; for workloads with stages, given at each."""
    stages: tuple[Stage, ...] = Field(default=(), max_length=40)
    """What a request passes through, in order; none = every request is one call of a model. `input_tokens` are then those of
    the request itself, and quality floors hold for the answering stage: the last one that calls a generating model."""
    levers: tuple[Lever, ...] = Field(default=(), max_length=24)
    """Changes that the solver may make if they lower cost; none is made unless it is offered here."""
    personalized: Fraction = 0.0
    """Share of requests whose answer depends on who asks: no semantic cache may answer them."""
    pools: Identifier | None = None
    """Name of the set of pools it runs on: only workloads of the same set share a pool; absent = the common set."""
    tier: Identifier | None = None
    """Tier of the tenants who send it; the report adds up costs by tier."""
    tags: tuple[Identifier, ...] = ()
    """Features or templates it belongs to; the report adds up costs by tag."""
    failover: Failover | None = None
    """Groups of regions, any one of which may be down while every promise is kept; absent = a region that is down is not planned
    for."""

    @model_validator(mode="after")
    def _consistent(self) -> Workload:
        if self.objectives and self.deadline is not None:
            raise ValueError(
                "give latency objectives or a batch deadline, not both; an e2e objective says the same for interactive work"
            )
        seen: set[tuple[str, float]] = set()
        for objective in self.objectives:
            key = (objective.metric, objective.percentile)
            if key in seen:
                raise ValueError(f"{objective.metric} has two targets at percentile {objective.percentile:g}")
            seen.add(key)
        return self
