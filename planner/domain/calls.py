"""What a call of a model looks like: how long it is, how fast and how good it must be, and what may serve it."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from planner.domain.base import Identifier, PositiveFloat, Strict
from planner.units import Dollars, Fraction, Seconds, Tokens

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


class KeptAt(Strict):
    """Share of its score that a model keeps at one length of context."""

    tokens: Tokens
    """Length of the context."""
    share: Annotated[float, Field(ge=0, le=1)]
    """Share kept, at the pessimistic end; gains are not counted on."""


class Kept(Strict):
    """How a model's quality falls with the length of its context."""

    model: str
    """A model's catalog name."""
    points: tuple[KeptAt, ...] = Field(min_length=1, max_length=1000)
    """Measured lengths, ascending; below the first nothing is lost, beyond the last nothing is known."""

    @model_validator(mode="after")
    def _ascending(self) -> Kept:
        if any(after.tokens <= before.tokens for before, after in pairwise(self.points)):
            raise ValueError("points must ascend in tokens; check their order")
        return self


class ContextLoss(Strict):
    """What long contexts take from a score: score · share kept at the 99th percentile of prompt and output."""

    curves: Identifier | None = None
    """Take the catalog's curves of this benchmark (`RULER`, `NoLiMa`: `planner catalog list context_effects`)."""
    kept: tuple[Kept, ...] = ()
    """Curves of your own, before the catalog's."""
    unknown: Fraction | None = None
    """Share to assume for models without a curve, and beyond the longest context measured; absent = refuse them."""

    def share(self, model: str | None, context: float) -> float | None:
        """Return the share of its score that a model keeps: that of the next longer context measured; None if unknown."""
        own = next((kept.points for kept in self.kept if kept.model == model), ())
        reached = [point.share for point in own if point.tokens >= context]
        return reached[0] if reached else self.unknown


class QualityFloor(Strict):
    """The least score a model must have on a public benchmark, after what its precision takes away."""

    benchmark: Identifier
    """A benchmark in the catalog (`planner catalog list benchmarks`)."""
    at_least: PositiveFloat
    """Score in the benchmark's own unit."""
    over: Literal["each", "average"] = "each"
    """each: whatever serves a call reaches it; average: the calls of the workload do together, so that some may go to lesser
    models if others make up for it."""
    measured: PositiveFloat | None = None
    """Score measured on the workload's own task; it stands in place of the published score of whatever model serves it."""
    unknown_recovery: Fraction | None = None
    """Quality recovery to assume for precisions without a measured one; absent = refuse those precisions."""
    context: ContextLoss | None = None
    """What long contexts take from the score; absent = nothing is taken, and the plan says so where models lose much."""

    def kept(self, model: str | None, context: float) -> float | None:
        """Return the share of a score that a context leaves [1]; None if it is not known."""
        return 1.0 if self.context is None else self.context.share(model, context)


class Choice(Strict):
    """What may be chosen: names or shell patterns (`Qwen/*`, `h100-*`)."""

    allow: tuple[str, ...] | None = None
    """Only these; absent = all."""
    forbid: tuple[str, ...] = ()
    """Never these."""


class Choices(Strict):
    """Allowed and forbidden parts of a deployment."""

    models: Choice = Choice()
    """Models by catalog name. Binds APIs too: by the open model behind them, or, of models that only an API has, by the offer's
    name or the seller's (`openai/gpt-4.1`, `gpt-4.1`)."""
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
    layouts: Choice = Choice()
    """How a replica is spread over devices, as printed: `tp2`, `tp4 pp2`, `tp1 dp8 ep8`; `tp2` is that layout alone, `tp2*` with
    stages or ranks too. Binds pools of machines only, for APIs have no layout."""
    speculators: Choice = Choice()
    """Drafts for speculative decoding, by catalog name."""
    apis: Choice = Choice()
    """API offers as `provider/model`."""
    offers: Choice = Choice()
    """Ways to pay: on_demand, spot, reserved_1y, reserved_3y, owned, fleet."""
