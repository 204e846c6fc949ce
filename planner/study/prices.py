"""Prices of catalogs all moved together: `prices.machines`, `prices.apis`, or those of one accelerator's machines."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.catalog.api_prices import price
from planner.catalog.problem import LoadedProblem, undotted
from planner.catalog.suggest import remedy_for
from planner.errors import InvalidInput, MissingFact

if TYPE_CHECKING:
    from planner.domain.catalog import Catalog
    from planner.domain.hardware import Instance, Price
    from planner.domain.offers import ApiOffer
    from planner.study.overrides import Override

ROOT = "prices"
"""First part of such paths; no section of a problem file has this name."""
MACHINES, APIS = "machines", "apis"
_PAID = ("on_demand", "spot", "reserved_1y", "reserved_3y")


def is_price(override: Override) -> bool:
    """Whether an override moves prices of the catalogs."""
    return undotted(override.path)[0] == ROOT


def repriced(loaded: LoadedProblem, overrides: Sequence[Override]) -> LoadedProblem:
    """Return the problem with prices of its catalogs multiplied.

    Raises
    ------
    InvalidInput
        If a path names no prices, or a value is no multiple.
    """
    catalog = loaded.catalog
    for override in overrides:
        catalog = _moved(catalog, override, loaded.document.file)
    if catalog is loaded.catalog:
        return loaded
    told = "\n".join([loaded.catalog.digest, *map(str, overrides)])
    return replace(loaded, catalog=catalog.model_copy(update={"digest": hashlib.sha256(told.encode()).hexdigest()}))


def _moved(catalog: Catalog, override: Override, file: str) -> Catalog:
    parts, factor = undotted(override.path), override.times
    known = (MACHINES, APIS, *catalog.accelerators)
    if len(parts) != 2 or parts[1] not in known:
        what = str(parts[-1])
        remedy = remedy_for(what, known, "`planner catalog list accelerators`")
        raise InvalidInput.at(file, f"there are no prices of {what!r}", remedy, path=override.path)
    if factor is None or factor <= 0:
        message = f"prices of catalogs are moved by a factor, got {override.value!r}"
        raise InvalidInput.at(file, message, "write x1.2 for 20 % more", path=override.path)
    if parts[1] == APIS:
        return catalog.model_copy(update={"apis": {n: _api(n, row, factor) for n, row in catalog.apis.items()}})
    device = None if parts[1] == MACHINES else parts[1]
    instances = {name: _machine(row, device, factor) for name, row in catalog.instances.items()}
    owned = {
        name: row.model_copy(update={"capex": row.capex * factor, "yearly_opex": row.yearly_opex * factor})
        if device in (None, catalog.instances[row.instance].accelerator)
        else row
        for name, row in catalog.owned.items()
    }
    return catalog.model_copy(update={"instances": instances, "owned": owned})


def _machine(row: Instance, device: str | int | None, factor: float) -> Instance:
    if device not in (None, row.accelerator):
        return row
    return row.model_copy(update={"prices": tuple(_price(paid, factor) for paid in row.prices)})


def _price(row: Price, factor: float) -> Price:
    paid = {name: getattr(row, name) for name in _PAID}
    return row.model_copy(update={name: value * factor for name, value in paid.items() if value is not None})


def _api(name: str, row: ApiOffer, factor: float) -> ApiOffer:
    """Return an offer at other prices per token and unit; one without known prices as it is, since no plan can use it.

    Of sellers with tiers by length the first is taken: moved prices are those of short prompts.
    """
    try:
        now = price(row, name)
    except MissingFact:
        return row
    prices = {"input_price": now.input, "cached_input_price": now.cached_input, "output_price": now.output}
    moved: dict[str, Any] = {field: value * factor for field, value in prices.items()}
    moved["max_context"] = row.max_context if row.max_context is not None else now.context_window
    if row.batch is not None:
        stated = {field: getattr(row.batch, field) for field in prices}
        moved["batch"] = row.batch.model_copy(update={f: value * factor for f, value in stated.items() if value is not None})
    if row.provisioned is not None:
        moved["provisioned"] = row.provisioned.model_copy(update={"unit_price": row.provisioned.unit_price * factor})
    return row.model_copy(update=moved)
