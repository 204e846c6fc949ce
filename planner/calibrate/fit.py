"""Robust least squares on logarithms of errors, held near what was believed before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from planner.calibrate.effects import SHARED, Design, Effect, design
from planner.catalog.coefficients import Case, at_most
from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficient
from planner.perf.columns import CoefficientColumns
from planner.points.loops import Group, Seen, as_shipped, groups

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NOISE = {"tpot": 0.1, "ttft": 0.7}
"""What the logarithm of a prediction's error is measured in, by metric. Times to first token also tell of waiting rooms and
pollers outside the model, hence the coarse scale: at 0.35 a fit to some configurations predicts those of others worse."""

ROBUST = {"tpot": 1.0, "ttft": 0.36}
"""Residuals beyond this count linearly, not squared (soft L1): labels are wrong now and then, and servers stall."""

ALIKE = 0.5
"""n points of one model, accelerator, engine and precision count as n^(1 − ALIKE): what one of them gets wrong, all do."""

BROAD_TRUST = 1.0
"""Weight of a lone point of a collection against the beliefs: n = 30 points weigh as five. Found by leaving out whole
configurations: a quarter of it leaves the fit behind the data, three times as much follows their quirks."""

OWN_TRUST = 4.0
"""The same for measurements of one's own deployments, which are what is to be predicted."""

STEP = 1e-4
"""Step of the differences the Jacobian is made of."""

FEW = 256
"""Points up to which the moves of all effects are evaluated at once: so few cost hardly more than one."""

ROUNDS = 14
"""Most iterations of the solver: enough for changes below a thousandth."""

LOST = 50.0
"""Residual of a prediction that is not a number."""


@dataclass(frozen=True, eq=False)
class Points:
    """Measured points ready to be predicted with any coefficients."""

    table: pd.DataFrame
    """The rows, names resolved, without problems, with measured `ttft_ms` and `tpot_ms` (NaN where only one is known)."""
    parts: list[tuple[NDArray[np.intp], Group]]
    """Their groups, with positions."""
    cases: tuple[Case, ...]
    """Distinct cases."""
    case: NDArray[np.intp]
    """[point] which case."""

    @property
    def measured(self) -> dict[str, Floats]:
        """Means by metric [s]."""
        return {name: self.table[f"{name}_ms"].to_numpy(float) / 1e3 for name in ("tpot", "ttft")}

    def likeness(self) -> Floats:
        """[point] Points of its model, accelerator, engine and precision."""
        keys = ["model", "accelerator", "engine", "precision"]
        return self.table.groupby(keys)["model"].transform("size").to_numpy(float)


def points_of(table: pd.DataFrame, catalog: Catalog) -> Points:
    """Return points ready to be predicted; the table's rows must be without problems."""
    parts = groups(table, catalog)
    cases: dict[Case, int] = {}
    case = np.zeros(len(table), dtype=np.intp)
    for rows, group in parts:
        first = group.roles[0]
        index = np.array([cases.setdefault(one, len(cases)) for one in first.cases], dtype=np.intp)
        case[rows] = index[first.case]
    return Points(table, parts, tuple(cases), case)


def seen_with(points: Points, logs: Mapping[Coefficient, Floats] | None = None) -> Seen:
    """Return what clients see at all points, with the catalog's coefficients times e^logs (by name, one a point)."""
    out = Seen.nothing(len(points.table))
    for rows, group in points.parts:
        shipped = as_shipped(group)
        used = shipped if logs is None else tuple(_scaled(one, logs, rows) for one in shipped)
        out.put(rows, group.seen(used))
    return out


def _scaled(columns: CoefficientColumns, logs: Mapping[Coefficient, Floats], rows: NDArray[np.intp]) -> CoefficientColumns:
    changed = {}
    for name, values in logs.items():
        changed[name] = np.minimum(getattr(columns, name) * np.exp(values[rows]), at_most(name))
    return replace(columns, **changed)


@dataclass(frozen=True, eq=False)
class Fit:
    """Effects with the factors found."""

    design: Design
    """Effects and levels."""
    logs: Floats
    """[parameter] Logarithm of each factor over its effect's center."""

    def seen(self, points: Points) -> Seen:
        """Return what clients see with these factors; the points must be those of the design."""
        return seen_with(points, self.design.logs(self.logs))


def residuals(points: Points, seen: Seen) -> dict[str, Floats]:
    """Return log(predicted/measured) by metric; NaN where nothing was measured."""
    measured = points.measured
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: np.log(getattr(seen, name) / measured[name]) for name in measured}


def weights(points: Points, trust: float) -> Floats:
    """[point] Weight against the beliefs: trust·n^(−ALIKE) for each of n alike points."""
    return np.asarray(trust * points.likeness() ** -ALIKE)


def fit(
    points: Points,
    effects: Sequence[Effect],
    catalog: Catalog,
    *,
    trust: float,
    use: Bools | None = None,
) -> Fit:
    """Find the factors of effects that bring predictions to measurements, held near their centers.

    min Σ_points w·Σ_metrics ρ(log(predicted/measured)/noise) + Σ_factors (log factor/spread)²

    Parameters
    ----------
    points : measurements
    effects : what may be found
    catalog : whose coefficients are scaled
    trust : weight of a lone point, see `weights`
    use : points to learn from; all if None. Levels that only others are on stay at their centers

    Returns
    -------
    Fit

    Notes
    -----
    ρ is soft L1, 2(√(1 + z²) − 1) at the scale of `ROBUST`. Levels of one effect touch different points, so the Jacobian
    takes one evaluation an effect, however many levels it has; where points are few, all of them at once. Deterministic.

    References
    ----------
    scipy.optimize.least_squares (trust-region reflective); handbook §12 "Calibration recipe".
    """
    laid = design(effects, points.cases, points.case, catalog)
    learned = np.ones(len(points.table), dtype=bool) if use is None else use
    scale = np.sqrt(weights(points, trust))

    count = len(points.table)
    together = len(laid.effects) if count <= FEW else 1
    copies = points if together == 1 else points_of(pd.concat([points.table] * together, ignore_index=True), catalog)

    def losses(at: Points, logs: Mapping[Coefficient, Floats]) -> Floats:
        """[copy, metric · point] What the data say against some factors."""
        found = residuals(at, seen_with(at, logs))
        parts = [_robust(name, found[name], at.measured[name]).reshape(-1, count) * scale for name in found]
        return np.asarray(np.concatenate(parts, axis=1))

    def data(parameters: Floats) -> Floats:
        return np.asarray(losses(points, laid.logs(parameters))[0])

    def moved(parameters: Floats) -> Iterator[Floats]:
        """Yield the data's losses with the levels of one effect after the other moved by `STEP`."""
        steps = []
        for start, stop in zip(laid.starts[:-1], laid.starts[1:], strict=True):
            steps.append(parameters.copy())
            steps[-1][start:stop] += STEP
        for first in range(0, len(steps), together):
            logs = [laid.logs(step) for step in steps[first : first + together]]
            yield from losses(copies, {name: np.concatenate([each[name] for each in logs]) for name in logs[0]})

    mask = np.concatenate([learned, learned])
    prior = np.diag(1.0 / laid.spread)

    def jacobian(parameters: Floats) -> Floats:
        at = data(parameters)
        rows = np.zeros((len(at), len(parameters)))
        for codes, start, other in zip(laid.codes, laid.starts[:-1], moved(parameters), strict=True):
            both = np.concatenate([codes, codes])
            touched = np.flatnonzero(both >= 0)
            rows[touched, start + both[touched]] = ((other - at) / STEP)[touched]
        return np.vstack([rows[mask], prior])

    def residual(parameters: Floats) -> Floats:
        return np.concatenate([data(parameters)[mask], parameters / laid.spread])

    solved = least_squares(
        residual,
        np.zeros(len(laid.spread)),
        jac=jacobian,
        x_scale=laid.spread,
        max_nfev=ROUNDS,
    )
    return Fit(laid, np.asarray(solved.x))


def fit_shared(points: Points, catalog: Catalog, effects: Sequence[Effect] = SHARED, use: Bools | None = None) -> Fit:
    """Find what a collection of measurements tells of all deployments and of engine versions; see `fit`."""
    return fit(points, effects, catalog, trust=BROAD_TRUST, use=use)


def _robust(name: str, logs: Floats, measured: Floats) -> Floats:
    """Return residuals whose squares are soft-L1 losses; 0 where nothing was measured."""
    bend = ROBUST[name]
    z = np.nan_to_num(logs / NOISE[name], nan=LOST, posinf=LOST, neginf=-LOST) / bend
    # √(2(√(1 + z²) − 1)) without the cancellation near 0
    loss = np.sign(z) * bend * np.abs(z) * np.sqrt(2.0 / (np.sqrt(1.0 + z * z) + 1.0))
    return np.asarray(np.where(np.isnan(measured), 0.0, loss))
