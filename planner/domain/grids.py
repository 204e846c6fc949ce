"""Electricity grids: what a kilowatt-hour costs and how much carbon it takes, by the hour where that is known."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from planner.domain.base import PositiveFloat, Sourced, Strict
from planner.domain.horizon import HOURS_PER_WEEK
from planner.units import CarbonIntensity, DollarsPerKwh

HOURS_PER_DAY = 24


def _hours(values: tuple[float, ...]) -> tuple[float, ...]:
    """Require one figure for each hour of a day, or of a week."""
    if len(values) not in (HOURS_PER_DAY, HOURS_PER_WEEK):
        raise ValueError(
            f"{len(values)} figures; give 24, one for each hour of the day, or 168, from Monday 0:00 to Sunday 23:00"
        )
    return values


HourlyPrice = Annotated[tuple[DollarsPerKwh, ...], AfterValidator(_hours)]
"""A price for each hour of a day or a week."""
HourlyCarbon = Annotated[tuple[CarbonIntensity, ...], AfterValidator(_hours)]
"""A carbon intensity for each hour of a day or a week."""


def _kind(value: object) -> str:
    """Tell one figure from several, and from the word."""
    return "hours" if isinstance(value, list | tuple) else "grid" if value == "grid" else "one"


Carbon = Annotated[
    Annotated[CarbonIntensity, Tag("one")] | Annotated[HourlyCarbon, Tag("hours")],
    Discriminator(lambda value: "hours" if isinstance(value, list | tuple) else "one"),
]
"""A carbon intensity, or one for each hour of a day or week."""
Price = Annotated[
    Annotated[DollarsPerKwh, Tag("one")] | Annotated[HourlyPrice, Tag("hours")],
    Discriminator(lambda value: "hours" if isinstance(value, list | tuple) else "one"),
]
"""A price of electricity, or one for each hour of a day or week."""
EnergyPrice = Annotated[
    Annotated[DollarsPerKwh, Tag("one")] | Annotated[HourlyPrice, Tag("hours")] | Annotated[Literal["grid"], Tag("grid")],
    Discriminator(_kind),
]
"""A price, one for each hour of a day or week, or what the grid of the region charges."""
Zone = Annotated[int, Field(ge=-12, le=14)]
"""Hours by which a clock is ahead of UTC."""


class Grid(Sourced):
    """What feeds some regions."""

    regions: tuple[str, ...] = Field(min_length=1)
    """Regions it feeds: names or patterns, with the seller where sellers share a name (`gcp/us-central1`). Names win over
    patterns."""
    carbon: Carbon | None = None
    """Carbon dioxide and its equivalents of a kWh (`380 g/kWh`), or 24 or 168 such figures; absent = not known."""
    energy_price: Price | None = None
    """Price of electricity for machines of one's own, or 24 or 168 such figures; absent = not known."""
    timezone: Zone = 0
    """Whole hours by which the clock of hourly figures is ahead of UTC."""


class Energy(Strict):
    """How energy and carbon are counted; writing this section, even empty, puts both into the plan."""

    pue: Annotated[PositiveFloat, Field(ge=1)] = 1.56
    """Facility power over IT power of machines whose row states none (survey average 2024, handbook §8)."""
