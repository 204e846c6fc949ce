"""Whether a model at a precision is good enough for a workload, from published scores and measured recovery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from planner.domain.calls import QualityFloor
from planner.domain.catalog import Catalog
from planner.domain.llm import KvPrecision, Model, Precision, Recovery, Score

SIXTEEN_BIT = ("bf16", "fp16")
"""Precisions that lose nothing against each other's published scores."""


@dataclass(frozen=True)
class Verdict:
    """Whether a floor holds, with the figures it was judged by."""

    holds: bool
    """Whether the floor is reached."""
    reason: str
    """Sentence with the numbers."""


def best_score(scores: tuple[Score, ...], benchmark: str) -> Score | None:
    """Return the highest published score on a benchmark, None if there is none."""
    found = [score for score in scores if score.benchmark == benchmark]
    return max(found, key=lambda score: score.score) if found else None


def score_of(floor: QualityFloor, scores: tuple[Score, ...]) -> float | None:
    """Return the score that a floor is held against: the one measured on the task, else the best published; None if unknown."""
    found = best_score(scores, floor.benchmark)
    return floor.measured if floor.measured is not None else (found.score if found else None)


def reachable(floor: QualityFloor, model: Model) -> bool:
    """Whether a model reaches a floor if no precision took anything away; recoveries above 1 are not counted on.

    A floor on average asks no more of a single model than that its score is known.
    """
    score = score_of(floor, model.scores)
    return score is not None and (score >= floor.at_least or floor.over == "average")


def recovery_of(precision: Precision, name: str, model: Model, benchmark: str, context: float) -> tuple[float | None, str]:
    """Return the share of its score a model keeps at a precision, and where that is known from.

    Parameters
    ----------
    precision, name : the weight format and its catalog name
    model : its `native_precision` loses nothing
    benchmark : rows measured on it count before suite averages
    context : longest context served [token]; rows measured at shorter contexts do not count for longer ones

    Returns
    -------
    (share or None if unknown, source)

    Notes
    -----
    Of the rows that apply, those measured on the largest models count, of these the ones at the shortest contexts that
    reach far enough, and of what is left the most pessimistic end. Recoveries are not multiplied with other effects as
    if independent without a floor (handbook §10): KV precision is the only other factor.
    """
    if name == model.native_precision or (name in SIXTEEN_BIT and model.native_precision in SIXTEEN_BIT):
        return 1.0, "published weights"
    rows = [row for row in precision.recoveries if _applies(row, model, context)]
    exact = [row for row in rows if benchmark in row.tasks] or [row for row in rows if not row.tasks] or rows
    if not exact:
        return None, ""
    worst = min(_closest(exact), key=_pessimistic)
    return _pessimistic(worst), worst.source


def _closest(rows: Sequence[Recovery]) -> list[Recovery]:
    """Return the rows nearest to the case among those that apply: by size of model, then by length of context."""
    size = max(row.min_parameters for row in rows)
    alike = [row for row in rows if row.min_parameters == size]
    reach = min(_reach(row) for row in alike)
    return [row for row in alike if _reach(row) == reach]


def _reach(row: Recovery) -> float:
    """Return the longest context a row speaks of [token]; inf if it does not say."""
    return row.max_context if row.max_context is not None else inf


def _pessimistic(row: Recovery) -> float:
    """Return the lowest recovery a row allows for."""
    return row.low if row.low is not None else row.recovery


def _applies(row: Recovery, model: Model, context: float) -> bool:
    """Whether a recovery row speaks of models this large and contexts this long."""
    return model.parameters.total >= row.min_parameters and context <= _reach(row)


def cache_recovery(kv: KvPrecision) -> float | None:
    """Return the share of its score a model keeps with a KV cache format, at its pessimistic end; None if unknown."""
    return kv.recovery_low if kv.recovery_low is not None else kv.recovery


def value_of(catalog: Catalog, floor: QualityFloor, model: str, precision: str, kv: str, context: float) -> float | None:
    """Return the score that a floor judges a model by, score · r_weights · r_kv · r_context; None where it is unknown."""
    row = catalog.models[model]
    score, long = score_of(floor, row.scores), floor.kept(model, context)
    weights = recovery_of(catalog.precisions[precision], precision, row, floor.benchmark, context)[0]
    shares = (weights, cache_recovery(catalog.kv_precisions[kv]))
    if score is None or long is None or (None in shares and floor.unknown_recovery is None):
        return None
    kept = [share if share is not None else floor.unknown_recovery or 0.0 for share in shares]
    return score * kept[0] * kept[1] * long


def api_score(catalog: Catalog, floor: QualityFloor, api: str) -> float | None:
    """Return the score that a floor is held against of what an API serves: its own, or the open model's; None if unknown."""
    offer = catalog.apis[api]
    return score_of(floor, offer.scores + (catalog.models[offer.open_model].scores if offer.open_model else ()))


def api_value(catalog: Catalog, floor: QualityFloor, api: str, context: float) -> float | None:
    """Return the same at a length of context [token]; None where it is unknown."""
    value, kept = api_score(catalog, floor, api), floor.kept(catalog.apis[api].open_model, context)
    return None if value is None or kept is None else value * kept


def at_length(floor: QualityFloor, model: str, context: float) -> QualityFloor | None:
    """Return a floor as the score at short contexts must reach it, floor / share kept; None if the share is not known."""
    kept = floor.kept(model, context)
    if kept is None or kept == 1.0:
        return floor if kept is not None else None
    return floor.model_copy(update={"at_least": floor.at_least / kept if kept > 0 else inf})


def unknown_length(floor: QualityFloor, context: float) -> str:
    """Say that nobody knows what a context leaves of a score."""
    curves = f" by {floor.context.curves}" if floor.context is not None and floor.context.curves else ""
    return f"{floor.benchmark}: what it keeps of its score at {context:,.0f} tokens{curves} is not known"


def judge(
    floor: QualityFloor, model: Model, precision: Precision, precision_name: str, kv: KvPrecision, kv_name: str, context: float
) -> Verdict:
    """Say whether a model at a weight and KV precision reaches a floor.

    score · r_weights · r_kv ≥ floor

    Parameters
    ----------
    floor : benchmark and least score
    model : with its published scores
    precision, precision_name : weight format
    kv, kv_name : KV cache format
    context : longest context served [token]

    Returns
    -------
    Verdict
    """
    score = score_of(floor, model.scores)
    if score is None:
        return Verdict(False, f"no published {floor.benchmark} score")
    weights, source = recovery_of(precision, precision_name, model, floor.benchmark, context)
    cache = cache_recovery(kv)
    for share, what in ((weights, precision_name), (cache, kv_name)):
        if share is None and floor.unknown_recovery is None:
            return Verdict(False, f"no measured quality recovery of {what} at this size and context")
    kept = [share if share is not None else floor.unknown_recovery or 0.0 for share in (weights, cache)]
    value = score * kept[0] * kept[1]
    figures = f"{score:g} × {kept[0]:.3g} (weights) × {kept[1]:.3g} (cache) = {value:.1f}"
    return Verdict(
        value >= floor.at_least or floor.over == "average",
        f"{floor.benchmark} {figures} against {floor.at_least:g} ({source or 'assumed recovery'})",
    )
