"""One calibration from beginning to end: points in, a catalog overlay out, and what there is to say about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.calibrate.cross import cross_validate, usable, without_factors
from planner.calibrate.effects import OWN, Effect, Level
from planner.calibrate.fit import OWN_TRUST, Fit, fit, fit_shared, points_of
from planner.calibrate.held_out import predict_held_out, quarters
from planner.calibrate.overlay import UNCHANGED, as_yaml, evidence_rows, factor_rows
from planner.calibrate.own_evidence import own_evidence
from planner.calibrate.shipped import shipped
from planner.domain.catalog import Catalog
from planner.domain.engine import Coefficient, Factor
from planner.errors import InvalidInput, Issue
from planner.points.columns import PROBLEM
from planner.points.predict import predict_table

Progress = Callable[[str], None]
Row = dict[str, Any]

SHARED_NAME = "shared"
"""Start of the names of shipped rows."""

SHARED_COMMENT = "Found by `planner calibrate --shared` from closed-loop measurements; do not edit by hand."
OWN_COMMENT = """\
Found by `planner calibrate` from measurements of one's own; do not edit by hand.
Use it in a problem file under `catalogs: {{files: […]}}`, with the catalogs whose coefficients it scales. Their digest:
{digest}"""

BEYOND = 2.0
"""Spreads from its center from which on a factor is suspect."""

_REASONS = 8


@dataclass(frozen=True)
class Label:
    """What rows of an overlay say of themselves."""

    name: str
    """Start of their names."""
    source: str
    """Where the measurements are from."""
    as_of: str
    """When they were taken."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was found."""

    points: pd.DataFrame
    """All rows that were read: `problem` says why one was left out, `ttft_ms_X` and `tpot_ms_X` are predictions with the catalog
    before (`shipped`), with what was found (`fitted`), and by fits that had not seen the point (`held_out`, if `left_out`
    says so; of a shared calibration `without_model` and `without_gpu`)."""
    fit: Fit
    """Effects and their factors."""
    factors: Mapping[str, Row]
    """Catalog rows."""
    evidence: Mapping[str, Row]
    """Catalog rows."""
    comment: str
    """What stands at the head of the file."""
    left_out: str
    """What predictions in `…_held_out` had not seen of a point, '' where there are none."""

    @property
    def text(self) -> str:
        """The overlay as a catalog file."""
        sections = {"factors": self.factors, "evidence": self.evidence}
        return as_yaml({name: rows for name, rows in sections.items() if rows}, self.comment)

    @property
    def used(self) -> int:
        """Points that were fitted to."""
        return int((self.points[PROBLEM] == "").sum())


@dataclass(frozen=True)
class Departure:
    """One factor that was found, beside what was believed."""

    factors: tuple[tuple[Coefficient, float], ...]
    """On which coefficients, and how much."""
    where: str
    """What it speaks of."""
    spreads: float
    """How far it is from its effect's center, in standard deviations of the belief."""


def calibrate_own(table: pd.DataFrame, catalog: Catalog, label: Label, progress: Progress) -> Calibration:
    """Find what sets deployments of one's own apart from what the catalog holds.

    Parameters
    ----------
    table : measured points, names resolved
    catalog : whose coefficients are scaled, its factors included
    label : what the rows say of themselves
    progress : told what is being done

    Returns
    -------
    Calibration

    Raises
    ------
    InvalidInput
        If no point can be used, or the catalog holds rows of that name already, whose factors the new ones would displace.

    Notes
    -----
    Effects `OWN`, trust `OWN_TRUST`. Before and after are predictions as `planner predict` makes them, after with the rows of
    the overlay in the catalog.
    """
    _refuse_displacing(catalog, label)
    judged = shipped(usable(table, catalog), lambda rows: predict_table(rows, catalog))
    good = _good(judged)
    part = judged.iloc[good].reset_index(drop=True)
    points = points_of(part, catalog)

    def learn(use: NDArray[np.bool_]) -> tuple[Fit, dict[str, Row]]:
        found = fit(points, OWN, catalog, trust=OWN_TRUST, use=use)
        return found, factor_rows(found, label.name, label.source, label.as_of)

    progress(f"fitting {len(part):,} points")
    found, factors = learn(np.ones(len(part), dtype=bool))
    after = predict_table(part, _with(catalog, factors))
    part = part.assign(**{f"{name}_fitted": after[name] for name in ("ttft_ms", "tpot_ms")})
    divided = quarters(part)
    if divided is not None:
        progress("cross-checking, a quarter left out at a time")
        part = predict_held_out(part, divided[0], lambda rows: predict_table(part, _with(catalog, learn(~rows)[1])))
    left_out = "" if divided is None else divided[1]
    sourced = {"source": label.source, "as_of": label.as_of}
    evidence = {f"{label.name}/{name}": row | sourced for name, row in own_evidence(part, catalog, left_out).items()}
    comment = OWN_COMMENT.format(digest=catalog.digest)
    return Calibration(_spread(judged, part, good), found, factors, evidence, comment, left_out)


def calibrate_shared(table: pd.DataFrame, catalog: Catalog, label: Label, progress: Progress) -> Calibration:
    """Find what a large collection of measurements tells of all deployments: the factors that ship with the planner.

    Parameters
    ----------
    table : measured points, names resolved
    catalog : facts; its factors are replaced, and count only for what is said of predictions before
    label : what the rows say of themselves
    progress : told what is being done

    Returns
    -------
    Calibration

    Raises
    ------
    InvalidInput
        If no point can be used.
    MissingFact
        If times to first token, or times per token, were measured nowhere.

    Notes
    -----
    See `fit_shared`; errors by leaving out whole models and accelerators (`cross_validate`).
    """
    bare = without_factors(catalog)
    judged = usable(table, catalog)
    part = judged.iloc[_good(judged)].reset_index(drop=True)
    progress(f"fitting {len(part):,} points")
    found = fit_shared(points_of(part, bare), bare)
    predicted = cross_validate(table, catalog, progress=progress, found=found)
    factors = factor_rows(found, label.name, label.source, label.as_of)
    evidence = evidence_rows(predicted, catalog, label.name, label.source, label.as_of)
    return Calibration(predicted, found, factors, evidence, SHARED_COMMENT, "")


def departures(found: Fit) -> list[Departure]:
    """Return every factor that says something, those farthest from belief first."""
    laid, made = found.design, []
    for effect, levels, start in zip(laid.effects, laid.levels, laid.starts[:-1], strict=True):
        for index, level in enumerate(levels):
            log = float(found.logs[start + index])
            factors = tuple((name, float((effect.center * np.exp(log)) ** power)) for name, power in effect.coefficients)
            if any(abs(np.log(factor)) > UNCHANGED for _, factor in factors):
                made.append(Departure(factors, _where(effect, level), log / effect.spread))
    return sorted(made, key=lambda one: -abs(one.spreads))


def _where(effect: Effect, level: Level) -> str:
    """Say in words what a level of an effect is about."""
    named = [name for name in (*level, effect.engine if effect.engine not in level else "") if name not in ("*", "")]
    kinds = {"heads": "attention by heads", "latent": "latent attention", "quantized": "quantized activations"}
    of = [] if effect.kind == "*" else [kinds.get(effect.kind, f"{effect.kind} models")]
    return ", ".join(filter(None, [" ".join(named), *of])) or "everywhere"


def _with(catalog: Catalog, factors: Mapping[str, Row]) -> Catalog:
    """Return the catalog with more factors."""
    rows = {name: Factor.model_validate(row) for name, row in factors.items()}
    return catalog.model_copy(update={"factors": catalog.factors | rows})


def _good(judged: pd.DataFrame) -> NDArray[np.intp]:
    """Return where rows without a problem stand; refuse a table without any."""
    problems = judged[PROBLEM]
    good = np.flatnonzero((problems == "").to_numpy(bool))
    if good.size:
        return good
    reasons = problems.value_counts(sort=False)
    said = [f"{count:,} row{'' if count == 1 else 's'} left out: {reason}" for reason, count in reasons.items()][:_REASONS]
    remedy = "there must be one usable point: mend the rows, or say by options what the files do not"
    raise InvalidInput([Issue("measurements", 0, "", text, remedy) for text in said])


def _refuse_displacing(catalog: Catalog, label: Label) -> None:
    """Refuse a name whose rows are in the catalog: later rows of a name replace earlier ones, they do not multiply."""
    start = f"{label.name}/"
    if any(name.startswith(start) for name in _names(catalog)):
        message = f"the catalogs hold rows named {start}… already, which the new ones would replace"
        raise InvalidInput.at("command line", message, "leave that catalog out, or choose another --name")


def _names(catalog: Catalog) -> Iterable[str]:
    return (*catalog.factors, *catalog.evidence)


def _spread(judged: pd.DataFrame, part: pd.DataFrame, good: NDArray[np.intp]) -> pd.DataFrame:
    """Return all rows with the predictions of the good ones."""
    out = judged.copy()
    for name in part.columns.difference(judged.columns, sort=False):
        values = np.full(len(judged), np.nan)
        values[good] = part[name].to_numpy(float)
        out[name] = values
    return out
