"""Which coefficients hold for an accelerator, an engine, a compute format and a kind of model.

Of the rows of kernel and host values the most specific one wins; all factors that speak of the case multiply it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from planner.catalog.variants import origin
from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficients, Evidence, Factor, Kind
from planner.domain.llm import Model, Precision
from planner.errors import MissingFact

Row = TypeVar("Row", Coefficients, Evidence)

CEILING = 0.97
"""No kernel reaches more of a peak than this, whatever the factors say."""

_SIXTEEN_BIT = ("bf16", "fp16")


@dataclass(frozen=True)
class Case:
    """What coefficients depend on."""

    accelerator: str
    """Name in the catalog."""
    engine: str
    """Name in the catalog."""
    format: str
    """Compute format of the multiplication, `Precision.compute`; weight-only precisions multiply in 16 bits."""
    kinds: frozenset[Kind] = frozenset()
    """What the model brings into play."""
    version: str = ""
    """Version of the engine, where known."""


def kinds_of(model: Model, precision: Precision) -> frozenset[Kind]:
    """Return what a model in a precision brings into play."""
    kinds: list[Kind] = ["dense" if model.experts is None else "mixture"]
    kinds.append("heads" if model.attention.kv_lora_rank is None else "latent")
    if model.linear_attention is not None:
        kinds.append("recurrent")
    if precision.compute not in _SIXTEEN_BIT:
        kinds.append("quantized")
    return frozenset(kinds)


def effective(catalog: Catalog, case: Case) -> dict[str, float]:
    """Return the coefficients of a case: those of its row, each times the factors that speak of the case.

    Parameters
    ----------
    catalog : Catalog
        With its `coefficients` and `factors`.
    case : Case

    Returns
    -------
    dict
        Every number of `Coefficients` by name; shares of a peak are at most `CEILING`, other shares at most 1.

    Raises
    ------
    MissingFact
        If no row fits.
    """
    row = coefficients_for(catalog, case.accelerator, case.engine, case.format)
    values = {name: float(value) for name, value in row if isinstance(value, int | float)}
    values.setdefault("expert_bandwidth_efficiency", row.bandwidth_efficiency)
    for factor in catalog.factors.values():
        if speaks_of(factor, case, catalog):
            values[factor.coefficient] *= factor.factor
    return {name: min(value, at_most(name)) for name, value in values.items()}


def speaks_of(factor: Factor, case: Case, catalog: Catalog) -> bool:
    """Say whether a factor holds for a case."""
    if factor.generation != "*" and factor.generation not in catalog.accelerators[case.accelerator].architecture.split():
        return False
    named = ((factor.accelerator, origin(catalog, case.accelerator)), (factor.engine, case.engine), (factor.format, case.format))
    if any(wanted not in ("*", found) for wanted, found in named):
        return False
    if factor.kind != "*" and factor.kind not in case.kinds:
        return False
    return _begins(case.version, factor.version)


def _begins(version: str, start: str) -> bool:
    """Say whether a version begins with whole numbers of another: 0.5.1.post2 with 0.5.1, 0.5.10 not."""
    rest = version.removeprefix(start)
    return version.startswith(start) and not (start[-1:].isdigit() and rest[:1].isdigit())


def at_most(coefficient: str) -> float:
    """Return the largest value a coefficient may have, whatever the factors say."""
    if coefficient == "synchrony":
        return 1.0
    return CEILING if coefficient.endswith("_efficiency") else math.inf


_STANDS_IN = {"fp16": "bf16"}
"""Formats that use another's rows where they have none of their own: both 16-bit formats run at one rate on all matrix units."""


def coefficients_for(catalog: Catalog, accelerator: str, engine: str, fmt: str) -> Coefficients:
    """Return the coefficients of an accelerator under an engine in a compute format.

    Parameters
    ----------
    catalog : Catalog
        With its `coefficients`.
    accelerator, engine : str
        Names in the catalog.
    fmt : str
        Compute format of the multiplication, `Precision.compute`; weight-only precisions multiply in 16 bits.

    Returns
    -------
    Coefficients
        The row naming the accelerator before one naming the engine, that before one naming the format; `*` names none.

    Raises
    ------
    MissingFact
        If no row fits.

    Notes
    -----
    fp16 takes bf16 rows where no fp16 row is as specific otherwise. Of rows equally specific, the later in the catalog wins.
    """
    found = most_specific(catalog.coefficients.values(), origin(catalog, accelerator), engine, fmt)
    if found is None:
        raise MissingFact(
            f"no coefficients for {accelerator} under {engine} in {fmt}: "
            f"add a row `{accelerator}/{engine}/{fmt}`, or one with `*`, to a catalog's `coefficients`"
        )
    return found


def most_specific(rows: Iterable[Row], accelerator: str, engine: str, fmt: str) -> Row | None:
    """Return the row that names an accelerator, an engine and a format most specifically, None if none speaks of them."""
    wanted = (accelerator, engine, fmt)
    near = [row for row in rows if row.accelerator in (accelerator, "*")]  # nine in ten go here, cheaply
    fitting = [(fit, row) for row in near if (fit := _fit(row, wanted)) is not None]
    return max(reversed(fitting), key=lambda pair: pair[0])[1] if fitting else None


def _fit(row: Coefficients | Evidence, wanted: tuple[str, str, str]) -> tuple[int, ...] | None:
    """Return how specifically a row names what is wanted, None if it speaks of something else."""
    levels = []
    for named, sought in zip((row.accelerator, row.engine, row.format), wanted, strict=True):
        level = _level(named, sought)
        if level is None:
            return None
        levels.append(level)
    return tuple(levels)


def _level(named: str, sought: str) -> int | None:
    """Return 3 for the name itself, 2 for a format standing in, 1 for `*`, None for another name."""
    if named == sought:
        return 3
    if named == _STANDS_IN.get(sought):
        return 2
    return 1 if named == "*" else None
