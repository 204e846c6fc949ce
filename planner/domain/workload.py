"""Workloads: who asks for what, how long it is, how fast it must be, how good, and under which rules."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from planner.domain.base import Identifier, PositiveFloat, Strict
from planner.units import Count, Dollars, Fraction, RequestRate, Seconds, Tokens

Metric = Literal["ttft", "tpot", "e2e"]


class TraceFile(Strict):
    """A CSV (or JSON lines) file of requests: a time stamp, prompt tokens, output tokens."""

    path: str
    """File, relative to the problem file."""
    time_column: str = "TIMESTAMP"
    """Column of arrival times: ISO 8601, or numbers in `time_unit`."""
    time_unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of numeric time stamps (Mooncake's are `ms`); absent = ISO 8601, or seconds."""
    input_column: str = "ContextTokens"
    """Column of prompt tokens."""
    output_column: str = "GeneratedTokens"
    """Column of output tokens."""
    window: Seconds = 300.0
    """Length of the windows whose busiest sets the planned rate."""
    plan_on: Literal["peak", "mean"] = "peak"
    """Plan on the busiest window, or on the whole trace's mean."""


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

    @model_validator(mode="after")
    def _one_source(self) -> Demand:
        given = [name for name in ("rate", "users", "trace") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of rate, users, trace; found {', '.join(given) or 'none'}")
        if self.profile and self.rate is not None:
            raise ValueError("profile goes with users or trace; with rate, give one rate per period instead")
        return self


class Lengths(Strict):
    """A distribution of token counts: one of `mean` (with `p95`, `scv` or neither), `percentiles`, `histogram`, `trace`."""

    mean: Tokens | None = None
    """Mean; alone it means every request has this length, which is rarely true: give `p95` or `scv`."""
    p95: Tokens | None = None
    """95th percentile; with `mean` it fixes a log-normal."""
    scv: Annotated[float, Field(ge=0, le=100)] | None = None
    """Squared coefficient of variation; with `mean` it fixes a log-normal."""
    percentiles: dict[Annotated[str, Field(pattern=r"^p(\d{1,2}(\.\d+)?|100)$")], Tokens] | None = None
    """Such as `{p50: 400, p90: 1800, p99: 4000}`; between them the quantile function is log-linear."""
    histogram: tuple[tuple[Tokens, PositiveFloat], ...] | None = None
    """Pairs of (upper edge, weight), ascending; uniform within a bin."""
    trace: TraceFile | None = None
    """The lengths of a recorded trace."""
    maximum: Tokens | None = None
    """Hard limit the application enforces; the distribution is cut there."""

    @model_validator(mode="after")
    def _one_form(self) -> Lengths:
        forms = [name for name in ("mean", "percentiles", "histogram", "trace") if getattr(self, name) is not None]
        if len(forms) != 1:
            raise ValueError(f"give exactly one of mean, percentiles, histogram, trace; found {', '.join(forms) or 'none'}")
        if self.mean is None and (self.p95 is not None or self.scv is not None):
            raise ValueError("p95 and scv go with mean")
        if self.p95 is not None and self.scv is not None:
            raise ValueError("give p95 or scv, not both")
        if self.mean is not None and self.p95 is not None and self.p95 < self.mean:
            raise ValueError(f"p95 ({self.p95:g}) is below the mean ({self.mean:g}); check the two figures")
        return self


class SharedPrefix(Strict):
    """Prompt tokens common to many requests (a system prompt), which a prefix cache need not compute again."""

    tokens: Tokens
    """Length of the shared part; counted within the input tokens."""
    hit_rate: Fraction
    """Share of requests that find it cached on their replica."""


class Objective(Strict):
    """One promise: a latency metric at a percentile."""

    metric: Metric
    """ttft: time to first token; tpot: mean time per output token of a request; e2e: the whole request."""
    percentile: Annotated[float, Field(ge=1, le=99.9)]
    """Percentile of requests that must be at least this fast."""
    target: Seconds
    """The limit."""
    price_per_miss: Dollars | None = None
    """Absent = hard; given = soft: each request slower than the target costs this much."""


class QualityFloor(Strict):
    """The least score a model must have on a public benchmark, after what its precision takes away."""

    benchmark: Identifier
    """A benchmark in the catalog (`planner catalog list benchmarks`)."""
    at_least: PositiveFloat
    """Score in the benchmark's own unit."""
    unknown_recovery: Fraction | None = None
    """Quality recovery to assume for precisions without a measured one; absent = refuse those precisions."""


class DataRules(Strict):
    """Where data may go and under which terms models may be used."""

    external_api: bool = True
    """Whether requests may be sent to a third party's API."""
    region_groups: tuple[Literal["us", "eu", "asia", "me", "other", "global"], ...] | None = None
    """Continents where requests may be processed; absent = anywhere."""
    regions: tuple[Identifier, ...] | None = None
    """Sellers' regions where requests may be processed; absent = anywhere."""
    licences: tuple[str, ...] | None = None
    """Licences that are acceptable; absent = any, known or not."""


class Choice(Strict):
    """What may be chosen: names or shell patterns (`Qwen/*`, `h100-*`)."""

    allow: tuple[str, ...] | None = None
    """Only these; absent = all."""
    forbid: tuple[str, ...] = ()
    """Never these."""


class Choices(Strict):
    """Allowed and forbidden parts of a deployment."""

    models: Choice = Choice()
    """Models by catalog name."""
    precisions: Choice = Choice()
    """Weight precisions."""
    kv_precisions: Choice = Choice()
    """KV cache precisions."""
    accelerators: Choice = Choice()
    """Accelerators."""
    instances: Choice = Choice()
    """Machine shapes as `seller/type`."""
    sellers: Choice = Choice()
    """Sellers."""
    regions: Choice = Choice()
    """Sellers' regions."""
    engines: Choice = Choice()
    """Serving engines."""
    apis: Choice = Choice()
    """API offers as `provider/model`."""
    offers: Choice = Choice()
    """Ways to pay: on_demand, spot, reserved_1y, reserved_3y, owned, fleet."""


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
    moved between periods."""
    quality: tuple[QualityFloor, ...] = ()
    """Quality floors; all must hold."""
    data: DataRules = DataRules()
    """Data rules."""
    choose: Choices = Choices()
    """Narrows the problem's own choices for this workload."""
    interruptible: bool = False
    """Whether it may run on spot machines."""

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
