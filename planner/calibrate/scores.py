"""How far predictions are from measurements: errors, tables by group, rank correlation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

KINDS = {
    "shipped": "as shipped",
    "fitted": "fitted",
    "without_model": "model left out",
    "without_gpu": "GPU left out",
}
"""Which coefficients a prediction was made with, by the ending of its columns."""

CROSS = ("without_model", "without_gpu")
"""Predictions of points that had no part in the fit."""

METRICS = {"tpot": "TPOT", "ttft": "TTFT", "e2e": "E2E", "tokens": "tokens/s/GPU"}
"""What is compared: two measured means, and what follows from both."""

BY = ("accelerator", "engine", "model", "precision")
"""Groups of the accuracy table."""

ALIKE = ("model", "accelerator", "engine", "precision", "input_tokens", "output_tokens")
"""Points that differ in concurrency and layout alone: what a planner ranks."""

BROADLY_ALIKE = ALIKE[:4]
"""The same, over all lengths."""

LEAST_RANKED = 4
"""Fewest points in a group whose ranking says anything."""

STATISTICS = (
    "n",
    "mape",
    "capped",
    "median",
    "p90",
    "worst",
    "within_15",
    "within_25",
    "within_50",
    "bias",
    "rank",
    "rank_broad",
)
"""Columns of a table of scores."""

_KEPT = (*ALIKE, "mode", "tp", "pp", "dp", "ep", "gpus", "concurrency", "source")
_HUGE = 1e300


def end_to_end(ttft: Floats, tpot: Floats, output: Floats) -> Floats:
    """Return the mean time of a whole answer.

    E2E = TTFT + (O − 1)·TPOT

    Parameters
    ----------
    ttft, tpot : mean time to the first token, and between tokens [ms]
    output : tokens of an answer, O [token]

    Returns
    -------
    Time [ms].

    Examples
    --------
    >>> float(end_to_end(np.array(100.0), np.array(10.0), np.array(11.0)))
    200.0
    """
    return ttft + (output - 1.0) * tpot


def tokens_per_gpu(ttft: Floats, tpot: Floats, output: Floats, concurrency: Floats, gpus: Floats) -> Floats:
    """Return the output rate of a closed loop by Little's law.

    R = c·O / (E2E · gpus)

    Parameters
    ----------
    ttft, tpot : [ms]
    output : tokens of an answer, O [token]
    concurrency : clients, c, each with one request at a time [1]
    gpus : accelerators of the replica [1]

    Returns
    -------
    Rate [token/s per accelerator].

    Notes
    -----
    No time passes between a client's requests.

    Examples
    --------
    >>> one = np.array(1.0)
    >>> float(tokens_per_gpu(100.0 * one, 10.0 * one, 11.0 * one, 4.0 * one, 2.0 * one))  # 4 · 11 / 0.2 s / 2
    110.0
    """
    return 1e3 * concurrency * output / (end_to_end(ttft, tpot, output) * gpus)


def kinds_in(points: pd.DataFrame) -> list[str]:
    """Return which predictions a table of points holds."""
    return [kind for kind in KINDS if f"tpot_ms_{kind}" in points]


def compare(points: pd.DataFrame) -> pd.DataFrame:
    """Lay measurement and prediction side by side, one row a point, metric and kind of coefficients.

    Parameters
    ----------
    points : one row a measured point, with the predictions of `cross_validate`

    Returns
    -------
    What names the point, and `metric`, `kind`, `measured`, `predicted`, `error` = |predicted/measured − 1|, `log_ratio`.

    Notes
    -----
    Points with a `problem` cannot be predicted and are left out here, whatever was measured; `unpredicted` counts them. A point
    that has no problem and yet no finite prediction is an infinite error, never dropped. A metric that was not measured at a
    point is left out for that point.
    """
    known = points[points["problem"].fillna("") == ""]
    named = known[[name for name in _KEPT if name in known]]
    measured = dict(_metrics(known, ""))
    parts = [
        named.assign(metric=metric, kind=kind, measured=measured[metric], predicted=predicted)
        for kind in kinds_in(points)
        for metric, predicted in _metrics(known, f"_{kind}")
    ]
    made = pd.concat(parts, ignore_index=True) if parts else _nothing(named)
    return with_errors(made[made["measured"] > 0.0])


def _nothing(named: pd.DataFrame) -> pd.DataFrame:
    """Return no rows, with the columns of a comparison."""
    empty = named.iloc[:0]
    return empty.assign(metric="", kind="", measured=0.0, predicted=0.0)


def with_errors(compared: pd.DataFrame) -> pd.DataFrame:
    """Add relative error and log ratio to rows with `measured` and `predicted`."""
    predicted = compared["predicted"].to_numpy(dtype=float)
    usable = np.isfinite(predicted) & (predicted > 0.0)
    ratio = np.where(usable, predicted, np.nan) / compared["measured"].to_numpy(dtype=float)
    error = np.where(usable, np.abs(ratio - 1.0), np.inf)
    return compared.assign(error=error, log_ratio=np.log(ratio))


def _metrics(points: pd.DataFrame, ending: str) -> Iterator[tuple[str, Floats]]:
    """Yield every metric of the points, as measured or as one kind of coefficients predicts it."""
    ttft, tpot = _floats(points, f"ttft_ms{ending}"), _floats(points, f"tpot_ms{ending}")
    output, concurrency, gpus = (_floats(points, name) for name in ("output_tokens", "concurrency", "gpus"))
    yield "tpot", tpot
    yield "ttft", ttft
    yield "e2e", end_to_end(ttft, tpot, output)
    yield "tokens", tokens_per_gpu(ttft, tpot, output, concurrency, gpus)


def _floats(points: pd.DataFrame, name: str) -> Floats:
    return points[name].to_numpy(dtype=np.float64, na_value=np.nan)


def quantile(errors: Floats, share: float) -> float:
    """Return a quantile, linear between neighbours; infinite where an infinite error takes part.

    Examples
    --------
    >>> quantile(np.array([0.1, 0.3]), 0.5), quantile(np.array([0.1, np.inf, np.inf]), 0.5)
    (0.2, inf)
    """
    found = float(np.quantile(np.minimum(errors, _HUGE), share))
    return found if found < 1e-9 * _HUGE else np.inf


def statistics(errors: Floats, log_ratios: Floats) -> dict[str, float]:
    """Return the figures of one group.

    With e = |predicted/measured − 1|: mape = mean e; capped = mean min(e, 1); median and p90 = quantiles of e; worst = max e;
    within_x = share of points with e ≤ x %; bias = exp(median ln(predicted/measured)) − 1.

    Parameters
    ----------
    errors : relative errors, e [1]
    log_ratios : ln(predicted/measured), NaN where there is no prediction [1]

    Returns
    -------
    Figures by name, as shares of 1.

    Notes
    -----
    Beyond e = 1 an error is one of labels or of a regime the model does not know rather than of degree, hence the capped mean.
    The median ratio does not favour predictions that are too short, as a mean of e does.
    """
    known = log_ratios[np.isfinite(log_ratios)]
    return {
        "n": float(errors.size),
        "mape": float(np.mean(errors)),
        "capped": float(np.mean(np.minimum(errors, 1.0))),
        "median": quantile(errors, 0.5),
        "p90": quantile(errors, 0.9),
        "worst": float(np.max(errors)),
        **{f"within_{limit}": float(np.mean(errors <= limit / 100.0)) for limit in (15, 25, 50)},
        "bias": float(np.expm1(np.median(known))) if known.size else np.nan,
    }


def spearman(measured: Floats, predicted: Floats) -> float:
    """Return Spearman's rank correlation.

    ρ = corr(rank(measured), rank(predicted)), ties sharing their mean rank.

    Returns
    -------
    ρ in [−1, 1]; 0 if all predictions are alike, for then nothing is ranked; NaN if all measurements are alike.

    Notes
    -----
    A missing prediction ranks last.

    References
    ----------
    C. Spearman, The proof and measurement of association between two things, 1904.

    Examples
    --------
    >>> spearman(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0])), spearman(np.array([1.0, 2.0]), np.array([3.0, 3.0]))
    (1.0, 0.0)
    """
    truth, guess = rankdata(measured), rankdata(np.where(np.isfinite(predicted), predicted, -np.inf))
    truth, guess = truth - truth.mean(), guess - guess.mean()
    if not truth.any():
        return np.nan
    return float(truth @ guess / np.sqrt((truth @ truth) * (guess @ guess))) if guess.any() else 0.0


def rank_correlation(compared: pd.DataFrame, alike: Sequence[str] = ALIKE) -> float:
    """Return how well deployments are ranked by output rate within groups.

    ρ̄ = Σ n_g·ρ_g / Σ n_g over groups g with n_g ≥ 4 points

    Parameters
    ----------
    compared : rows of the metric `tokens` and one kind of coefficients
    alike : columns that points of a group share

    Returns
    -------
    ρ̄ in [−1, 1], NaN if no group is large enough.
    """
    if len(compared) < LEAST_RANKED:
        return np.nan
    measured, predicted = _floats(compared, "measured"), _floats(compared, "predicted")
    group = compared.groupby(list(alike), dropna=False, sort=True).ngroup().to_numpy()
    weights, found = [], []
    for number in np.flatnonzero(np.bincount(group) >= LEAST_RANKED):
        mine = group == number
        rho = spearman(measured[mine], predicted[mine])
        if np.isfinite(rho):
            weights.append(int(mine.sum()))
            found.append(rho)
    return float(np.average(found, weights=weights)) if found else np.nan


def table(compared: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Score a comparison, by group.

    Parameters
    ----------
    compared : see `compare`
    by : columns to group by; none = all points together

    Returns
    -------
    One row a group, metric and kind, in the order of groups by name, METRICS and KINDS, with the STATISTICS; `rank` and
    `rank_broad` stand in the rows of `tokens`.
    """
    rows = []
    for key, group in compared.groupby([*by, "metric", "kind"], dropna=False, sort=True):
        figures = statistics(_floats(group, "error"), _floats(group, "log_ratio"))
        if key[-2] == "tokens":
            figures |= {"rank": rank_correlation(group, ALIKE), "rank_broad": rank_correlation(group, BROADLY_ALIKE)}
        rows.append(dict(zip([*by, "metric", "kind"], key, strict=True)) | figures)
    made = pd.DataFrame(rows, columns=[*by, "metric", "kind", *STATISTICS])
    orders = {"metric": list(METRICS), "kind": list(KINDS)}
    made = made.sort_values([*by, "metric", "kind"], key=lambda column: _order(column, orders), ignore_index=True)
    return made.astype({"n": int})


def _order(column: pd.Series, orders: dict[str, list[str]]) -> pd.Series:
    """Return what to sort a column by: its place in a given order, else itself."""
    order = orders.get(str(column.name))
    return column if order is None else column.map(lambda name: order.index(name) if name in order else len(order))


def unpredicted(points: pd.DataFrame) -> pd.DataFrame:
    """Count the points that could not be predicted, by what stood in the way.

    Returns
    -------
    Columns `problem`, `n`, most points first.
    """
    problems = points["problem"].fillna("")
    counts = problems[problems != ""].value_counts()
    made = pd.DataFrame({"problem": counts.index.astype(str), "n": counts.to_numpy(dtype=int)})
    return made.sort_values(["n", "problem"], ascending=[False, True], ignore_index=True)


def capacities(rows: pd.DataFrame) -> pd.DataFrame:
    """Compare KV capacity as rows of the metric `kv`.

    Parameters
    ----------
    rows : what names each row, with `measured` and `predicted` memory for the cache [GB]

    Returns
    -------
    The rows with `metric`, `kind`, `error` and `log_ratio`; capacity has no fitted coefficients, so the kind is `shipped`.
    """
    return with_errors(rows.assign(metric="kv", kind="shipped"))
