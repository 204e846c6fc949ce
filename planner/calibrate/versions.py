"""How far versions of an engine lie apart where nothing else differs: an error that no model without the version can avoid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from planner.calibrate.page_text import percent, signed, table, wrap

SAME = ("model", "accelerator", "engine", "precision", "kv_precision", "mode", "tp", "pp", "dp", "input_tokens", "output_tokens",
        "length_ratio_min", "concurrency")  # fmt: skip
"""Columns in which two points must agree to differ by the version alone. Expert parallelism is not among them: one collection
leaves it open where another states it."""

DEPLOYED = SAME[:4]
"""Columns that a pair of versions is told by."""

ONE_RUN = 0.01
"""Versions whose median TPOT agrees this closely are taken for one run under two labels (assumption)."""


def version_gaps(points: pd.DataFrame) -> pd.DataFrame:
    """Compare versions of an engine on the same deployment under the same load.

    Parameters
    ----------
    points : measured points; replicas whose prompts and decoding have workers of their own are left out

    Returns
    -------
    DataFrame
        A row for each pair of versions of a model, accelerator, engine and precision: `slow` and `fast`, the versions; `points`,
        loads measured under both; `ratio`, median of TPOT of the slow one over the fast one [1].
    """
    known = points[(points["problem"].fillna("") == "") & (points["tpot_ms"] > 0.0) & (points["mode"] == "agg")]
    known = known.assign(version=known["engine_version"].fillna("").astype(str))
    loads = known.groupby([*SAME, "version"], dropna=False)["tpot_ms"].median().reset_index()
    pairs = loads.merge(loads, on=list(SAME), suffixes=("", "_other"))
    pairs = pairs[pairs["version"] < pairs["version_other"]]
    ratios = (pairs["tpot_ms"] / pairs["tpot_ms_other"]).groupby(
        [pairs[name] for name in (*DEPLOYED, "version", "version_other")]
    )
    found = []
    for key, group in ratios:
        middle = float(np.log(group.median()))
        if abs(middle) > ONE_RUN:
            *where, first, second = key
            slow, fast = (first, second) if middle > 0 else (second, first)
            found.append((*where, slow, fast, len(group), float(np.exp(abs(middle)))))
    gaps = pd.DataFrame(found, columns=[*DEPLOYED, "slow", "fast", "points", "ratio"])
    return gaps.sort_values([*DEPLOYED, "slow", "fast"], ignore_index=True)


def section(points: pd.DataFrame) -> Iterator[str]:
    """Write how far versions lie apart; nothing where no deployment was measured under two."""
    gaps = version_gaps(points)
    if gaps.empty:
        return
    middle = float(np.median(np.repeat(gaps["ratio"], gaps["points"])))
    yield from wrap(
        "The same deployment under the same load, measured with two versions of its engine: TPOT differs by "
        f"{percent(middle - 1.0)} in the median. What a version adds to a model is known only from that model, or from others "
        "measured under the same version, and most versions here were measured with one model alone: such a gap stays in the "
        "error of a model left out, whatever the physics. Pairs that agree within 1 % are one run under two labels and are not "
        "counted."
    )
    yield ""
    where = (
        gaps["accelerator"] + " · " + gaps["engine"] + " · " + gaps["model"].str.rpartition("/")[2] + " · " + gaps["precision"]
    )
    columns = (where, gaps["slow"], gaps["fast"], gaps["points"], gaps["ratio"])
    rows = [
        [str(name), str(slow) or "not given", str(fast) or "not given", str(count), f"{signed(float(ratio) - 1.0)} %"]
        for name, slow, fast, count, ratio in zip(*(column.tolist() for column in columns), strict=True)
    ]
    yield from table(["deployment", "slower version", "faster version", ">loads", ">TPOT"], rows)
    yield ""
