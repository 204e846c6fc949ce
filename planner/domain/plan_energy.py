"""What a plan draws and emits."""

from __future__ import annotations

from planner.domain.base import Strict


class PoolEnergy(Strict):
    """Energy of a pool."""

    pool: str
    """Name."""
    rated_kw: float | None
    """Rated draw of its share of the machines held, hosts included, on average [kW]; absent = not known."""
    expected_kw: float | None
    """Draw to be expected under its load, hosts included, on average [kW]; absent = board power not known."""
    kwh_per_million_tokens: float | None
    """Energy to be expected per million tokens, in and out, of the whole facility [kWh]; absent = not known."""
    carbon: float | None
    """What its share of the machines emits, as rated [kg CO2e/h]; absent = not known."""
    assumed: bool = False
    """Whether the expected draw takes the line of another accelerator."""


class PlaceEnergy(Strict):
    """Energy of all machines of a seller in a region."""

    seller: str
    """Seller."""
    region: str
    """Region."""
    grid: str | None
    """Grid that feeds it; absent = not known."""
    facility_kw: dict[str, float | None]
    """Rated draw of the machines held times PUE, by period [kW]; absent = not known."""
    carbon: dict[str, float | None]
    """What that emits, by period [kg CO2e/h]; absent = not known."""


class EnergyPart(Strict):
    """What the machines of a plan draw and emit; APIs are not in it, nothing is known of them."""

    facility_kw: float
    """Rated draw of all machines of known draw, hosts included, times PUE, on average [kW]."""
    carbon: float
    """What machines on known grids emit, as rated, on average [kg CO2e/h]."""
    carbon_price: float
    """What a tonne is taken to cost [$]."""
    unknown: tuple[str, ...]
    """Machines, and APIs, of which draw or grid is not known: what they emit is in no figure."""
    pools: tuple[PoolEnergy, ...]
    """By pool."""
    places: tuple[PlaceEnergy, ...]
    """By seller, region and period."""
