"""Ways to pay other than the hourly prices that ride on an instance: APIs and owned machines."""

from __future__ import annotations

from statistics import fmean
from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from planner.domain.api_terms import ApiBatch, ApiCache, ApiLatency, Provisioned
from planner.domain.base import Identifier, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Sourced
from planner.domain.grids import EnergyPrice, Zone
from planner.domain.hardware import RegionGroup
from planner.domain.llm import Score
from planner.units import Dollars, DollarsPerHour, DollarsPerKwh, DollarsPerToken, Fraction, RequestRate, TokenRate, Tokens, Watts


class ApiOffer(Sourced):
    """A model served by someone else, priced per token."""

    provider: Identifier
    """Who serves it, as in `genai-prices`."""
    model: Identifier
    """The provider's name of the model, as in `genai-prices`."""
    open_model: Identifier | None = None
    """The catalog model behind it, if its weights are open; then its scores count."""
    input_price: DollarsPerToken | None = None
    """Price per input token; absent = looked up in `genai-prices`."""
    cached_input_price: DollarsPerToken | None = None
    """Price per cached input token; absent = looked up, else as uncached."""
    output_price: DollarsPerToken | None = None
    """Price per output token; absent = looked up in `genai-prices`."""
    max_context: Tokens | None = None
    """Longest context; absent = as `genai-prices` says."""
    region_groups: tuple[RegionGroup, ...] = ("global",)
    """Where requests are processed."""
    latency: ApiLatency | None = None
    """Measured latency."""
    rate_limit: RequestRate | None = None
    """Most requests per second the account may send."""
    input_token_limit: TokenRate | None = None
    """Most input tokens the account may send, cached ones included (`2M tok/min`)."""
    output_token_limit: TokenRate | None = None
    """Most output tokens the account may ask for."""
    token_limit: TokenRate | None = None
    """Most tokens of both kinds together."""
    batch: ApiBatch | None = None
    """Lower prices for calls that may wait."""
    cache: ApiCache | None = None
    """How often the seller's prompt cache answers, and what writing to it costs."""
    provisioned: Provisioned | None = None
    """Throughput bought in units by the hour."""
    zero_retention: bool | None = None
    """Whether nothing that is sent is kept; absent = not known."""
    trains_on_data: bool | None = None
    """Whether what is sent may be used to train models; absent = not known."""
    scores: tuple[Score, ...] = ()
    """Public benchmark results."""

    @model_validator(mode="after")
    def _limits(self) -> ApiOffer:
        for name in ("rate_limit", "input_token_limit", "output_token_limit", "token_limit"):
            if getattr(self, name) == 0:
                raise ValueError(
                    f"{name} of 0 lets no call through; remove it if there is no limit, or forbid the offer in choose.apis"
                )
        return self


class OwnedOffer(Sourced):
    """Machines bought outright: capital, energy and space, spread over their life (handbook §9).

    hourly = (capex·CRF − salvage·sinking fund + yearly opex)/8760 + PUE·power·energy price, with CRF = r(1+r)^n/((1+r)^n−1).
    """

    instance: Identifier
    """The machine, a name in `instances`."""
    region: Identifier
    """Where it would stand."""
    region_group: RegionGroup
    """Continent-level group used by data rules."""
    capex: Dollars
    """Purchase price of one machine, installed."""
    life_years: PositiveFloat = 4.0
    """Years over which it is written off (assumption, handbook §9)."""
    discount_rate: Fraction = 0.08
    """Cost of capital per year (assumption, handbook §9)."""
    salvage: Fraction = Field(default=0.0)
    """Share of capex recovered at the end."""
    yearly_opex: Dollars = 0.0
    """Space, staff share, support per machine and year."""
    power: Watts
    """Draw of one machine under load."""
    pue: PositiveFloat = 1.56
    """Facility power over IT power (survey average 2024, handbook §8)."""
    energy_price: EnergyPrice
    """Price of electricity; 24 or 168 figures where it differs by hour (from Monday 0:00, `timezone`), or `grid` for what the
    grid of the region charges."""
    available: NonNegativeInt | None = None
    """How many can be had; absent = any number, 0 = no more of them."""
    lead_months: NonNegativeInt = 0
    """Months from order to delivery; counts where the problem has a horizon."""
    timezone: Zone = 0
    """Whole hours by which the clock of its hourly energy prices is ahead of UTC."""

    @property
    def mean_price(self) -> DollarsPerKwh:
        """Price of electricity, the mean of those by hour, [$/kWh]; what a grid charges is known to the catalog alone."""
        if isinstance(self.energy_price, str):
            raise ValueError("the price is the grid's, look it up there")
        return self.energy_price if isinstance(self.energy_price, float) else fmean(self.energy_price)

    @property
    def energy(self) -> DollarsPerHour:
        """Electricity of one machine per hour, its share of cooling included, [$/h]."""
        return self.pue * self.power / 1000.0 * self.mean_price

    @property
    def running(self) -> DollarsPerHour:
        """What one machine costs per hour beside its price, [$/h]."""
        return self.yearly_opex / 8760.0 + self.energy

    @property
    def hourly(self) -> DollarsPerHour:
        """Cost of one machine per hour, [$/h]."""
        rate, years = self.discount_rate, self.life_years
        growth = (1.0 + rate) ** years
        recovery = rate * growth / (growth - 1.0) if rate else 1.0 / years
        sinking = rate / (growth - 1.0) if rate else 1.0 / years
        return self.capex * (recovery - self.salvage * sinking) / 8760.0 + self.running


class OwnedFleet(Sourced):
    """Machines already there, or signed for: what was spent on them is sunk, so only what is still to decide or to pay counts."""

    model_config = ConfigDict(populate_by_name=True)

    instance: Identifier
    """The machine, a name in `instances`."""
    region: Identifier
    """Where it stands."""
    region_group: RegionGroup
    """Continent-level group used by data rules."""
    count: PositiveInt
    """How many there are."""
    hourly: NonNegativeFloat = 0.0
    """Cost of one machine, in $/h: while it is used, or if it is committed, for as long as it is there."""
    committed: bool = False
    """Whether it is paid whether it is used or not: the same in every plan, so the solver uses it freely."""
    starts: NonNegativeInt = Field(default=0, alias="from")
    """Months from the start of the horizon until it is there: what is ordered and not yet delivered."""
    until: NonNegativeInt | None = None
    """Months from the start of the horizon until its term or life ends; absent = it stays, 0 = it is gone."""
    paid: Literal["fleet", "owned", "reserved_1y", "reserved_3y"] = "fleet"
    """The way to pay that quotas and `choose.offers` take it for."""
    pays: NonNegativeFloat | None = None
    """What of `hourly` is still paid as time goes by, in $/h; absent = all of it. The rest was paid before. For payments."""
    due: Dollars = 0.0
    """Payment for one when it comes, such as the price of a machine ordered before. For payments."""
    worth: Dollars = 0.0
    """What one is worth when the horizon starts, or when it comes. For payments."""
    salvage: Dollars = 0.0
    """What one is worth `until` its life ends; it is written off evenly to that. For payments."""

    power: Watts | None = None
    """Draw of one machine under load; absent = by the board power of its accelerators."""
    pue: PositiveFloat = 1.56
    """Facility power over IT power (survey average 2024, handbook §8)."""
    energy_price: EnergyPrice | None = None
    """Price of electricity, paid on top of `hourly` while a machine is used; 24 or 168 figures, or `grid`, as of owned machines.
    Absent = `hourly` holds it."""
    timezone: Zone = 0
    """Whole hours by which the clock of its hourly energy prices is ahead of UTC."""

    @model_validator(mode="after")
    def _draw_known(self) -> OwnedFleet:
        if self.energy_price is not None and self.power is None:
            raise ValueError("energy is paid by what a machine draws; give power beside energy_price")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> OwnedFleet:
        if self.until is not None and 0 < self.until <= self.starts:
            raise ValueError(f"it comes after {self.starts} months and is gone after {self.until}; give a later `until`")
        if self.pays is not None and self.pays > self.hourly:
            raise ValueError(f"{self.pays:g} $/h are paid of a cost of {self.hourly:g}; give `hourly` with all that it costs")
        if self.paid != "fleet" and not self.committed:
            raise ValueError(f"machines paid as {self.paid} are paid in any case; give `committed: true`")
        if self.salvage > self.worth:
            raise ValueError("salvage is more than it is worth now; give `worth`, from which it is written off")
        return self
