"""What an API offer may say beside its prices per token: latency, batches, and the seller's cache."""

from __future__ import annotations

from pydantic import model_validator

from planner.domain.base import PositiveFloat, Sourced
from planner.units import DollarsPerToken, Fraction, Seconds, Tokens


class ApiLatency(Sourced):
    """Latency a caller has measured or the seller promises; without it an API cannot carry a hard latency objective."""

    ttft_mean: Seconds
    """Mean time to first token."""
    ttft_p95: Seconds
    """95th percentile of time to first token."""
    tpot_mean: Seconds
    """Mean time per output token."""
    tpot_p95: Seconds
    """95th percentile of time per output token."""


class ApiBatch(Sourced):
    """Calls handed over together, at a lower price, that are answered within a day or so.

    Only streams whose `deadline` is at least the turnaround may use it. Limits of the account do not count these calls: sellers
    give batches limits of their own.
    """

    turnaround: Seconds
    """Time within which the seller answers."""
    discount: Fraction | None = None
    """Share taken off every price; absent = prices given here, else looked up in `genai-prices`."""
    input_price: DollarsPerToken | None = None
    """Price per input token."""
    cached_input_price: DollarsPerToken | None = None
    """Price per cached input token; absent = as uncached."""
    output_price: DollarsPerToken | None = None
    """Price per output token."""

    @model_validator(mode="after")
    def _one_form(self) -> ApiBatch:
        if (self.input_price is None) != (self.output_price is None):
            raise ValueError("input_price and output_price of batches go together; give both, or neither to have them looked up")
        if self.discount is not None and self.input_price is not None:
            raise ValueError("discount and input_price say the same of batches; give one of the two")
        return self


class ApiCache(Sourced):
    """How often the seller's prompt cache answers, and what writing to it costs; absent = as often as one's own, and nothing."""

    hit_rate: Fraction | None = None
    """Share of calls that find their prefix there, to plan with; absent = as often as on machines of one's own."""
    minimum_tokens: Tokens = 0.0
    """A shorter prefix is not cached."""
    write_factor: PositiveFloat = 1.0
    """Price of a token that is written into the cache, over that of an uncached one."""
