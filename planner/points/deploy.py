"""From the rows of a table to the columns the formulas take, and why a row has none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.candidates.columns import ColumnFactory, DeploymentColumns
from planner.candidates.drafts import PLAIN
from planner.candidates.layouts import BOARD, Hardware
from planner.candidates.pairs import cut_problem, engine_problem, format_problem
from planner.candidates.space import Space
from planner.catalog.coefficients import Case, coefficients_for, effective, kinds_of
from planner.domain.catalog import Catalog
from planner.domain.hardware import Accelerator
from planner.domain.layout import Shape
from planner.errors import MissingFact
from planner.perf.columns import CoefficientColumns, LayoutColumns

Index = NDArray[np.intp]
Floats = NDArray[np.float64]

NETWORK = 50e9
"""Network rate per accelerator between machines [B/s]: one 400 Gb/s adapter each, as in DGX H100 and later (assumption)."""
NETWORK_FABRIC = "infiniband"
"""Its kind (assumption)."""
RACK_NODE = 4
"""Accelerators of a machine in a rack-wide link domain (GB200 and GB300 NVL72 compute trays)."""

KEYS = ("model", "accelerator", "engine", "precision", "kv_precision")


@dataclass(frozen=True, eq=False)
class Deployed:
    """Rows of the table as deployments of one role."""

    columns: DeploymentColumns
    """What the formulas take, with the coefficients of the catalog."""
    cases: tuple[Case, ...]
    """The distinct cases coefficients were looked up for."""
    case: Index
    """[row] which of them."""
    copies: Floats
    """[row] replicas or workers of this role."""

    @property
    def gpus(self) -> Floats:
        """[row] Accelerators of all copies."""
        return np.asarray(self.copies * self.columns.layout.gpus)


def refusals(table: pd.DataFrame, catalog: Catalog, role: str = "") -> NDArray[Any]:
    """Return why each row cannot be deployed, '' where it can; every distinct combination is judged once.

    Parameters
    ----------
    table : resolved names
    catalog : facts
    role : '', `prefill` or `decode`: whose degrees count
    """
    degrees = _degrees(table, role)
    keys = pd.concat([table[list(KEYS)], degrees], axis=1)
    codes, firsts = _distinct(keys)
    found = [_refusal(catalog, *values) for values in keys.iloc[firsts].itertuples(index=False)]
    return np.array(found, dtype=object)[codes]


def deploy(table: pd.DataFrame, catalog: Catalog, role: str = "") -> Deployed:
    """Return rows that can be deployed as columns.

    Parameters
    ----------
    table : rows without a problem
    catalog : facts
    role : '', `prefill` or `decode`

    Returns
    -------
    Deployed

    Notes
    -----
    With attention data parallelism routed experts are spread over all tp·dp devices, whatever `ep` says: engines cut or
    place them over the whole group. Machines are those the accelerator is sold in: boards of 8, trays of 4 in a rack.
    """
    degrees = _degrees(table, role)
    models, model = _names(table["model"])
    precisions, precision = _names(table["precision"])
    caches, cache = _names(table["kv_precision"])
    engines, engine = _names(table["engine"])
    devices, machine = _names(table["accelerator"])
    codes, firsts = _distinct(degrees[["tp", "pp", "dp"]])
    shapes = tuple(Shape(int(tp), int(pp), int(dp)) for tp, pp, dp in degrees[["tp", "pp", "dp"]].iloc[firsts].to_numpy())
    hardware = tuple(_machine(name, catalog.accelerators[name]) for name in devices)
    plain = np.zeros_like(model)
    space = Space(
        models, precisions, caches, engines, hardware, shapes, PLAIN, model, precision, cache, engine, machine, codes, plain
    )  # fmt: skip
    cases, case = _cases(catalog, table)
    columns = ColumnFactory(catalog, space).columns(np.arange(len(table)), _coefficients(catalog, cases, case))
    tp, dp, ep = (degrees[name].to_numpy(float) for name in ("tp", "dp", "ep"))
    spread = np.where(dp > 1, np.where(columns.model.experts > 0, tp * dp, 1.0), np.minimum(ep, tp))
    layout = LayoutColumns(tp=tp, pp=degrees["pp"].to_numpy(float), dp=dp, ep=spread)
    workers = table[f"{role}_workers"].to_numpy(float) if role else np.ones(len(table))
    return Deployed(replace(columns, layout=layout), cases, case, workers)


def _degrees(table: pd.DataFrame, role: str) -> pd.DataFrame:
    start = f"{role}_" if role else ""
    return table[[f"{start}{name}" for name in ("tp", "pp", "dp", "ep")]].set_axis(["tp", "pp", "dp", "ep"], axis=1)


def _names(column: pd.Series[Any]) -> tuple[tuple[str, ...], Index]:
    """Return the distinct names of a column and which of them each row has."""
    codes, names = pd.factorize(column, sort=True)
    return tuple(str(name) for name in names), codes.astype(np.intp)


def _distinct(frame: pd.DataFrame) -> tuple[Index, Index]:
    """Return which distinct row each row is, and where each distinct row first stands."""
    if not len(frame):
        return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
    codes = frame.groupby(list(frame.columns), sort=False, dropna=False).ngroup().to_numpy().astype(np.intp)
    return codes, np.unique(codes, return_index=True)[1].astype(np.intp)


def _machine(name: str, device: Accelerator) -> Hardware:
    """Return the machine an accelerator is usually sold in."""
    node = RACK_NODE if device.scale_up_domain > BOARD else BOARD
    return Hardware(name, node, device.fabric, NETWORK * node, NETWORK_FABRIC)


def _cases(catalog: Catalog, table: pd.DataFrame) -> tuple[tuple[Case, ...], Index]:
    keys = table[["accelerator", "engine", "model", "precision", "engine_version"]]
    codes, firsts = _distinct(keys)
    cases = []
    for accelerator, engine, model, precision, version in keys.iloc[firsts].itertuples(index=False):
        kinds = kinds_of(catalog.models[model], catalog.precisions[precision])
        cases.append(Case(accelerator, engine, catalog.precisions[precision].compute, kinds, version))
    return tuple(cases), codes


def _coefficients(catalog: Catalog, cases: Sequence[Case], case: Index) -> CoefficientColumns:
    """Return each row's coefficients; its case names the engine's version, which a space does not."""
    rows = [effective(catalog, one) for one in cases]
    return CoefficientColumns(**{f.name: np.array([row[f.name] for row in rows])[case] for f in fields(CoefficientColumns)})


def _refusal(
    catalog: Catalog,
    model: str,
    accelerator: str,
    engine: str,
    precision: str,
    cache: str,
    tp: float,
    pp: float,
    dp: float,
    ep: float,
) -> str:
    device, runner, shape = catalog.accelerators[accelerator], catalog.engines[engine], Shape(int(tp), int(pp), int(dp))
    checks: Sequence[Callable[[], str | None]] = (
        lambda: engine_problem(runner, device),
        lambda: (
            None
            if runner.batching == "continuous"
            else f"{runner.name} runs whole batches; only engines with continuous batching"
        ),
        lambda: format_problem(device, precision, catalog.precisions[precision]),
        lambda: format_problem(device, cache, catalog.kv_precisions[cache]),
        lambda: _cut(shape, catalog, model, engine, int(ep)),
        lambda: _uncalibrated(catalog, accelerator, engine, precision),
    )
    return next((said for check in checks if (said := check())), "")


def _cut(shape: Shape, catalog: Catalog, model: str, engine: str, ep: int) -> str | None:
    if ep > 1 and catalog.models[model].experts is None:
        return f"ep{ep}: {model} has no routed experts"
    if shape.dp > 1 and catalog.models[model].experts is None:
        shape = replace(shape, dp=1)  # plain copies
    return cut_problem(shape, catalog.models[model], catalog.engines[engine])


def _uncalibrated(catalog: Catalog, accelerator: str, engine: str, precision: str) -> str | None:
    try:
        coefficients_for(catalog, accelerator, engine, catalog.precisions[precision].compute)
    except MissingFact as missing:
        return str(missing)
    return None
