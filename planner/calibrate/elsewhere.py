"""Measurements of other groups: compared with the coefficients as shipped, apart from every fit and bar."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from planner.calibrate import scores
from planner.calibrate.bars import BARS, verdicts
from planner.calibrate.page_text import correlation, escape, left_out, percent, rows_of, signed, table, verdict_text, whole, wrap
from planner.calibrate.scores import METRICS
from planner.points.survey import MEASURES, STANDS_FOR, TWINS

BY = ("source", "what", "accelerator", "engine")
"""Groups of the table."""

RATE = MEASURES["output_tok_s_total"]
MEMORY = MEASURES["kv_gib"]

SOUGHT = ("a10g", "l4")
"""Accelerators that many rent and few publish: said to be missing where they are."""

_ALIKE = ("model", "accelerator", "engine", "precision", "input_tokens", "output_tokens")
_COLUMNS = (
    "source", "what", "accelerator", "engine", "model", "precision", "tp", "pp", "input_tokens", "output_tokens", "measured",
    "predicted",
)  # fmt: skip


@dataclass(frozen=True)
class Note:
    """What is known of rows that predictions miss."""

    where: Mapping[str, tuple[str, ...]]
    """Column → values of which they have one."""
    who: str
    """What they are called."""
    text: str
    """Why they are missed, as far as is known."""
    least_tp: float = 1.0
    """Fewest tensor-parallel devices."""


NOTES = (
    Note(
        {"what": (MEASURES["decode_step_ms"], MEASURES["tpot_mean_ms"]), "engine": ("tgis", "vllm(splitwise fork)")},
        "steps of engines of 2023",
        "their hosts took more time per layer than those of today, and all the more of the step the more devices share a layer",
    ),
    Note(
        {"what": (MEASURES["prefill_time_ms"],), "engine": ("tgis",)},
        "short prompts of a lone client",
        "the time of a request outside iterations is fitted to servers under load, and longer than some of these took in all",
    ),
    Note(
        {"accelerator": ("mi300x",)},
        "MI300X",
        "nothing of AMD took part in a fit: what its kernels and hosts reach is assumed, and the vLLM measured did not reach it",
    ),
    Note(
        {"what": (RATE,), "accelerator": ("a100-pcie-80gb", "l40s", "rtx-pro-6000-server")},
        "four and more GPUs on PCIe",
        "collectives over PCIe seem to be assumed too slow, for one such GPU alone is predicted much better",
        4.0,
    ),
    Note(
        {
            "what": (RATE,),
            "source": ("TensorRT-LLM-docs",),
            "model": ("meta-llama/Llama-4-Maverick-17B-128E-Instruct", "Qwen/Qwen3-235B-A22B"),
        },
        "large mixtures of experts in TensorRT-LLM's documentation",
        "how experts and attention are spread is not said, and tensor parallelism is assumed",
    ),
)
"""Rows looked into by hand. A note is printed only while such rows are there and predictions miss them."""

STANDS_OUT = 0.25
"""Least median error of rows that are missed."""


@dataclass(frozen=True)
class Elsewhere:
    """What other groups measured, beside predictions."""

    compared: pd.DataFrame
    """A row a measured quantity: `source`, `what`, `accelerator`, `engine` as written, `model`, `precision`, `tp`, lengths,
    `measured`, `predicted`, `error`, `log_ratio`. Output rates are per accelerator."""
    left_out: pd.DataFrame
    """`problem`, `n`."""
    capacity: pd.DataFrame
    """The rows of `compared` on memory for the cache [GiB per device]."""
    stand_ins: tuple[str, ...] = ()
    """Engines written that others stand in for."""
    twins: tuple[str, ...] = ()
    """Models written that others stand in for."""


def of_points(points: pd.DataFrame) -> Elsewhere:
    """Return points of other groups, which `source` tells apart, as predicted with the coefficients as shipped."""
    compared = scores.compare(points)
    chosen = compared[(compared["kind"] == "shipped") & compared["metric"].isin(["tpot", "ttft", "tokens"])]
    made = chosen.assign(what=chosen["metric"].map({**METRICS, "tokens": RATE}))
    kept = made[[*_COLUMNS, "error", "log_ratio"]]
    return Elsewhere(kept, scores.unpredicted(points), kept.iloc[:0])


def of_survey(compared: pd.DataFrame) -> Elsewhere:
    """Return a survey as `planner.points.survey_predict.compare_survey` compares it."""
    known = compared[compared["problem"] == ""].rename(columns={"written_engine": "engine"})
    per = np.where(known["what"] == RATE, known["tp"] * known["pp"], 1.0)
    made = known[list(_COLUMNS)].assign(measured=known["measured"] / per, predicted=known["predicted"] / per)
    memory = made["what"] == MEMORY
    lost = scores.unpredicted(compared)
    engines, models = (
        tuple(sorted(set(known[name]) & set(others))) for name, others in (("engine", STANDS_FOR), ("written_model", TWINS))
    )
    return Elsewhere(scores.with_errors(made[~memory]), lost, made[memory], engines, models)


def together(parts: Sequence[Elsewhere]) -> Elsewhere:
    """Return several as one."""
    lost = pd.concat([part.left_out for part in parts]).groupby("problem")[["n"]].sum().reset_index()
    return Elsewhere(
        pd.concat([part.compared for part in parts], ignore_index=True),
        lost.sort_values(["n", "problem"], ascending=[False, True], ignore_index=True),
        pd.concat([part.capacity for part in parts], ignore_index=True),
        tuple(sorted({name for part in parts for name in part.stand_ins})),
        tuple(sorted({name for part in parts for name in part.twins})),
    )


def scored(compared: pd.DataFrame) -> pd.DataFrame:
    """Score what other groups measured, one row a source, quantity, accelerator and engine.

    Returns
    -------
    The columns of `BY` and of `planner.calibrate.scores.statistics`, and `rank` for output rates.
    """
    rows = []
    for key, group in compared.groupby(list(BY), sort=True):
        figures = scores.statistics(group["error"].to_numpy(float), group["log_ratio"].to_numpy(float))
        rank = scores.rank_correlation(group, _ALIKE) if key[1] == RATE else np.nan
        rows.append(dict(zip(BY, key, strict=True)) | figures | {"rank": rank})
    return pd.DataFrame(rows).astype({"n": int}) if rows else pd.DataFrame(columns=[*BY, *scores.STATISTICS])


def section(elsewhere: Elsewhere) -> Iterator[str]:
    """Write what other groups measured, as Markdown."""
    compared = elsewhere.compared
    yield from ("## Other sources", "")
    yield from wrap(
        "Measurements of other groups, on other GPUs, engines and versions. They take part neither in a fit nor in the bars; "
        "the figures are of the coefficients as shipped. A decode step and a prompt are single iterations; a static batch is a "
        "closed loop whose calls come at once; a maximum throughput is one of as many calls as fit. What was measured and does "
        "not fit by our memory budget counts as an infinite error (∞)."
    )
    yield ""
    for text in _notes(elsewhere):
        yield from wrap(text, "- ")
    yield ""
    rows = [
        [
            *(escape(str(row[name])) for name in BY),
            f"{row['n']:,}",
            *(f"{whole(float(row[name]))} %" for name in ("median", "p90", "within_25")),
            f"{signed(float(row['bias']))} %",
            correlation(float(row["rank"]), 2),
        ]
        for _, row in scored(compared).iterrows()
    ]
    headings = ["source", "what", "GPU", "engine", ">n", ">median", ">p90", ">within 25 %", ">bias", ">rank"]
    yield from table(headings, rows)
    yield ""
    yield from _by_size(compared[compared["what"] == RATE])
    known = [text for note in NOTES if (text := note_text(compared, note))]
    if known:
        yield from ("Why, as far as is known:", "")
        for text in known:
            yield from wrap(text, "- ")
        yield ""
    yield from left_out(elsewhere.left_out)


def _by_size(rates: pd.DataFrame) -> Iterator[str]:
    """Tabulate errors of the output rate by the accelerators of a replica: what links add shows from two on."""
    if rates.empty:
        return
    yield from wrap("Output rates by the GPUs of a replica: rows, median error, bias.")
    yield ""
    gpus = (rates["tp"] * rates["pp"]).to_numpy(float)
    sizes = {"1 GPU": gpus == 1.0, "2 GPUs": gpus == 2.0, "more": gpus > 2.0}
    rows = []
    for key, group in rates.groupby(["accelerator", "engine"], sort=True):
        cells = []
        for among in sizes.values():
            chosen = group[among[rates.index.get_indexer(group.index)]]
            found = (
                scores.statistics(chosen["error"].to_numpy(float), chosen["log_ratio"].to_numpy(float)) if len(chosen) else None
            )
            cells.append(f"{len(chosen):,}; {whole(found['median'])} %; {signed(found['bias'])} %" if found else "–")
        rows.append([*(escape(str(name)) for name in key), *cells])
    yield from table(["GPU", "engine", *(f">{name}" for name in sizes)], rows)
    yield ""


def note_text(compared: pd.DataFrame, note: Note) -> str:
    """Write a note with the figures of its rows; empty where there are none or predictions are near them.

    Parameters
    ----------
    compared : what other groups measured
    note : what was found

    Returns
    -------
    One sentence.
    """
    among = compared["tp"] >= note.least_tp
    for column, values in note.where.items():
        among &= compared[column].isin(values)
    rows = compared[among]
    if rows.empty:
        return ""
    figures = scores.statistics(rows["error"].to_numpy(float), rows["log_ratio"].to_numpy(float))
    if not figures["median"] > STANDS_OUT:
        return ""
    size = f"{rows_of(len(rows), 'row')}, median error {whole(figures['median'])} %, bias {signed(figures['bias'])} %"
    return f"{note.who} ({size}): {note.text}."


def _notes(elsewhere: Elsewhere) -> Iterator[str]:
    """Yield what to know before reading the table."""
    compared = elsewhere.compared
    if elsewhere.stand_ins:
        yield f"{', '.join(elsewhere.stand_ins)}: not in the catalogs; the coefficients of vLLM stand in."
    if elsewhere.twins:
        yield (
            f"{', '.join(escape(name) for name in elsewhere.twins)}: predicted as their twins in the catalogs, which have the "
            "same layers and other weights."
        )
    absent = [name for name in SOUGHT if name not in set(compared["accelerator"])]
    if absent:
        yield f"No row is of {' or '.join(absent)}: predictions for them are unchecked."
    lost = compared[~np.isfinite(compared["predicted"])]
    if len(lost):
        yield f"{rows_of(len(lost), 'row')} ran that do not fit by our memory budget: it keeps more back than their engines did."


def capacity_section(capacity: pd.DataFrame) -> Iterator[str]:
    """Write measured and predicted memory for the cache, as Markdown.

    Parameters
    ----------
    capacity : `model`, `accelerator`, `engine`, `precision`, `tp`, `measured` and `predicted` memory per device [GiB]; negative =
        by how much the weights are too large
    """
    yield from ("## KV capacity", "")
    fits = capacity["measured"] > 0.0
    compared = scores.capacities(capacity[fits])
    bar = next(bar for bar in BARS if bar.metric == "kv")
    verdict = verdicts(scores.table(compared), ["shipped"], [bar])[0]
    near = int((compared["error"] <= bar.limit).sum())
    yield from wrap(
        "Memory left for the cache on each GPU, as engines report it on starting, and as the budget of the catalogs predicts it "
        "with the same share of memory and nothing kept back (the planner keeps the engine's tolerance back besides). "
        f"Worst error {verdict_text(verdict)} (bar: {percent(bar.limit)}); {near} of {len(compared)} are within the bar, median "
        f"error {percent(float(compared['error'].median()))}."
    )
    yield ""
    rows = [
        [*(escape(str(row[name]).rpartition("/")[2]) for name in scores.BY), f"{row['tp']:g}", f"{row['measured']:.1f} GiB",
         f"{row['predicted']:.1f} GiB", f"{signed(float(row['predicted'] / row['measured'] - 1.0))} %"]
        for _, row in compared.iterrows()
    ]  # fmt: skip
    yield from table(["GPU", "engine", "model", "format", ">TP", ">measured", ">predicted", ">error"], rows)
    yield ""
    for _, row in capacity[~fits].iterrows():
        who = f"{escape(str(row['model']).rpartition('/')[2])} on {row['tp']:g} × {row['accelerator']}"
        short = f"{-row['measured']:.1f} GiB short"
        ours = f"{-row['predicted']:.1f} GiB short as well" if row["predicted"] <= 0.0 else f"{row['predicted']:.1f} GiB left"
        yield from wrap(f"{who} did not start, {short}; by the budget {ours}.", "- ")
    yield from [""] if (~fits).any() else []
