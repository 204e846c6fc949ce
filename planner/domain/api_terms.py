"""What an API offer may say beside its prices per token: latency, batches, the seller's cache, and units bought by the hour."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from planner.domain.base import PositiveFloat, PositiveInt, Sourced
from planner.units import DollarsPerHour, DollarsPerToken, Fraction, Seconds, TokenRate, Tokens


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


class Provisioned(Sourced):
    """Throughput bought in units and paid by the hour, used or not."""

    unit_price: Annotated[DollarsPerHour, Field(gt=0)]
    """Price of one unit."""
    input_tokens: Annotated[TokenRate, Field(gt=0)]
    """Input tokens that one unit takes per second (`2500 tok/min`)."""
    output_weight: PositiveFloat = 1.0
    """Input tokens that an output token counts for."""
    cached_weight: Fraction = 1.0
    """Input tokens that a cached input token counts for."""
    minimum: PositiveInt = 1
    """Fewest units of a deployment; a multiple of `increment`."""
    increment: PositiveInt = 1
    """Units are bought in multiples of this."""
    available: PositiveInt | None = None
    """Most units to be had; absent = any number."""
    term: Literal["hourly", "monthly", "yearly"] = "hourly"
    """hourly: as many in each period as it needs; monthly, yearly: the same number at all hours."""
    overflow: bool = True
    """Whether calls beyond the units may go to the same offer at its price per token."""
    latency: ApiLatency | None = None
    """Latency on these units; absent = as the offer's."""

    @model_validator(mode="after")
    def _whole_blocks(self) -> Provisioned:
        if self.minimum % self.increment:
            nearest = -(-self.minimum // self.increment) * self.increment
            raise ValueError(f"minimum {self.minimum} is no multiple of increment {self.increment}; give {nearest}")
        if self.available is not None and self.available < self.minimum:
            raise ValueError(f"{self.available} units are available, fewer than the minimum of {self.minimum}; raise available")
        return self

    @property
    def block_price(self) -> float:
        """Price of one increment, [$/h]."""
        return self.increment * self.unit_price

    @property
    def block_tokens(self) -> float:
        """Weighted tokens that one increment takes, [token/s]."""
        return self.increment * self.input_tokens
