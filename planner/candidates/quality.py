"""Whether a model at a precision is good enough for a workload, from published scores and measured recovery."""

from __future__ import annotations

from dataclasses import dataclass

from planner.domain.llm import KvPrecision, Model, Precision, Recovery, Score
from planner.domain.workload import QualityFloor

SIXTEEN_BIT = ("bf16", "fp16")
"""Precisions that lose nothing against each other's published scores."""


@dataclass(frozen=True)
class Verdict:
    """Whether a floor holds, with the figures it was judged by."""

    holds: bool
    """Whether the floor is reached."""
    reason: str
    """Sentence with the numbers."""
    value: float | None = None
    """Score after recovery; None if unknown."""


def best_score(scores: tuple[Score, ...], benchmark: str) -> Score | None:
    """Return the highest published score on a benchmark, None if there is none."""
    found = [score for score in scores if score.benchmark == benchmark]
    return max(found, key=lambda score: score.score) if found else None


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
    Of several rows that apply, the most pessimistic end counts. Recoveries are not multiplied with other effects as if
    independent without a floor (handbook §10): KV precision is the only other factor.
    """
    if name == model.native_precision or (name in SIXTEEN_BIT and model.native_precision in SIXTEEN_BIT):
        return 1.0, "published weights"
    rows = [row for row in precision.recoveries if _applies(row, model, context)]
    exact = [row for row in rows if benchmark in row.tasks] or [row for row in rows if not row.tasks] or rows
    if not exact:
        return None, ""
    worst = min(exact, key=lambda row: row.low if row.low is not None else row.recovery)
    return (worst.low if worst.low is not None else worst.recovery), worst.source


def _applies(row: Recovery, model: Model, context: float) -> bool:
    """Whether a recovery row speaks of models this large and contexts this long."""
    return model.parameters.total >= row.min_parameters and (row.max_context is None or context <= row.max_context)


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
    score = best_score(model.scores, floor.benchmark)
    if score is None:
        return Verdict(False, f"no published {floor.benchmark} score")
    weights, source = recovery_of(precision, precision_name, model, floor.benchmark, context)
    cache = kv.recovery_low if kv.recovery_low is not None else kv.recovery
    for share, what in ((weights, precision_name), (cache, kv_name)):
        if share is None and floor.unknown_recovery is None:
            return Verdict(False, f"no measured quality recovery of {what} at this size and context")
    assumed = floor.unknown_recovery or 1.0
    value = score.score * (assumed if weights is None else weights) * (assumed if cache is None else cache)
    sentence = f"{floor.benchmark} {score.score:g} × recovery = {value:.1f} against {floor.at_least:g} ({source or 'assumed recovery'})"
    return Verdict(value >= floor.at_least, sentence, value)
