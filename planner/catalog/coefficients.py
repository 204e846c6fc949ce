"""Which calibration row holds for an accelerator, an engine and a compute format: the most specific one wins."""

from __future__ import annotations

from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficients
from planner.errors import MissingFact

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
    wanted = (accelerator, engine, fmt)
    near = [row for row in catalog.coefficients.values() if row.accelerator in (accelerator, "*")]  # nine in ten go here, cheaply
    rows = [(_fit(row, wanted), row) for row in near]
    fitting = [(fit, row) for fit, row in rows if fit is not None]
    if not fitting:
        raise MissingFact(
            f"no coefficients for {accelerator} under {engine} in {fmt}: "
            f"add a row `{accelerator}/{engine}/{fmt}`, or one with `*`, to a catalog's `coefficients`"
        )
    return max(reversed(fitting), key=lambda pair: pair[0])[1]


def _fit(row: Coefficients, wanted: tuple[str, str, str]) -> tuple[int, ...] | None:
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
