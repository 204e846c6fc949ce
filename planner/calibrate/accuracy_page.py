"""`docs/accuracy.md`: how far to trust the performance model, and where not, from the scored points alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from planner.calibrate import causes, elsewhere, scores
from planner.calibrate.bars import BARS, verdicts
from planner.calibrate.elsewhere import Elsewhere
from planner.calibrate.page_text import (
    correlation,
    escape,
    left_out,
    percent,
    rows_of,
    signed,
    table,
    verdict_text,
    whole,
    wrap,
)  # fmt: skip
from planner.calibrate.scaling import Law, exponent
from planner.calibrate.scores import BY, CROSS, KINDS, METRICS

WEAK = 6
"""Groups named as weak, for each metric."""
FEWEST = 4
"""Points of a group that is called weak."""
ONE_SIDED = 0.5
"""Share of the median error that a bias must reach for errors to be called one-sided."""

_HEADINGS = {"accelerator": "GPU", "engine": "engine", "model": "model", "precision": "format"}
_MEANING = {
    "shipped": "the coefficients in the catalogs",
    "fitted": "coefficients fitted to all of these points",
    "without_model": "fitted without any point of the model that is predicted",
    "without_gpu": "fitted without any point of the GPU that is predicted",
}
_TITLES = {"groups": "Error by group", "scaling": "Best latency over model size and bandwidth"}


@dataclass(frozen=True)
class Evidence:
    """What the page is written from."""

    points: pd.DataFrame
    """Measured points with every kind of prediction; see `cross_validate`."""
    sources: Sequence[str]
    """Names of the files the points are from."""
    apart: Elsewhere | None = None
    """What other groups measured, predicted with the shipped coefficients only."""
    seen: bool = False
    """Whether the shipped coefficients were themselves fitted to these points."""
    laws: Sequence[Law] = ()
    """Exponents of the best latency, over size and over bandwidth."""
    depth: float = np.nan
    """Exponent of layers over size among the models of the first law."""
    figures: Sequence[str] = ()
    """Where the figures lie, as seen from the page."""
    command: str = "planner validate"
    """What wrote the page."""


def render(evidence: Evidence) -> str:
    """Write the page.

    Parameters
    ----------
    evidence : what was measured and predicted

    Returns
    -------
    Markdown, the same text for the same evidence, prose in lines of at most 130 columns.
    """
    compared = scores.compare(evidence.points)
    kinds = scores.kinds_in(evidence.points)
    overall, grouped = _overall(compared, evidence.apart), scores.table(compared, BY)
    sections = (
        _head(kinds, seen=evidence.seen), _data(evidence), _bars(overall, kinds, evidence.figures),
        causes.section(evidence.points, compared), _weak(grouped, kinds), _groups(grouped, kinds), _apart(evidence.apart),
        _laws(evidence), _again(evidence.command),
    )  # fmt: skip
    return "\n".join(line for section in sections for line in section).rstrip() + "\n"


def _overall(compared: pd.DataFrame, apart: Elsewhere | None) -> pd.DataFrame:
    """Score all points together, and KV capacity where it was measured."""
    scored = scores.table(compared)
    if apart is None or not (apart.capacity["measured"] > 0.0).any():
        return scored
    capacity = scores.capacities(apart.capacity[apart.capacity["measured"] > 0.0])
    return pd.concat([scored, scores.table(capacity)], ignore_index=True)


def _head(kinds: Sequence[str], *, seen: bool) -> Iterator[str]:
    yield from ("# Accuracy", "")
    yield from wrap(
        "How far predictions of the performance model are from published measurements. `planner validate` writes this page; no "
        "figure on it is written by hand. An error is |predicted/measured − 1|. Bias is the median of predicted/measured less 1: "
        "above 0 the model is too slow and plans are too large, below 0 latency promises are at risk."
    )
    yield ""
    yield from (f"- *{KINDS[kind]}*: {_MEANING[kind]}." for kind in kinds)
    yield ""
    if set(CROSS) & set(kinds):
        yield from wrap("The last tell what to expect of a model or GPU that nobody has measured; the bars below are for them.")
        yield ""
    if seen and "shipped" in kinds:
        yield from wrap(
            "The coefficients shipped were fitted to these very points: how near they are here says how well the form of the "
            "model suits, not how well it predicts."
        )
        yield ""


def _data(evidence: Evidence) -> Iterator[str]:
    known = evidence.points[evidence.points["problem"].fillna("") == ""]
    counts = {name: known[name].nunique() for name in BY}
    yield from ("## What was measured", "")
    yield from wrap(
        f"{len(known):,} points from {', '.join(f'`{name}`' for name in evidence.sources)}: mean TTFT and mean TPOT of "
        f"{rows_of(counts['model'], 'model')} on {rows_of(counts['accelerator'], 'kind')} of GPU, with "
        f"{rows_of(counts['engine'], 'engine')}, in {rows_of(counts['precision'], 'format')}. "
        "E2E is TTFT + (O − 1)·TPOT, tokens/s/GPU is concurrency·O/E2E/GPUs."
    )
    yield ""
    sizes = known["accelerator"].value_counts().sort_index()
    yield from table(["GPU", ">points"], [[escape(str(name)), f"{n:,}"] for name, n in sizes.items()])
    yield ""
    yield from left_out(scores.unpredicted(evidence.points))


def _bars(overall: pd.DataFrame, kinds: Sequence[str], figures: Sequence[str]) -> Iterator[str]:
    yield from ("## Bars", "")
    yield from wrap("Over all points; a missed bar is followed by how far, in points of a per cent or of the correlation.")
    yield ""
    rows = []
    for bar in BARS:
        found = verdicts(overall, kinds, [bar])
        if any(one.known for one in found):
            limit = f"{'≥' if bar.at_least else '≤'} {percent(bar.limit) if bar.percent else correlation(bar.limit)}"
            rows.append([bar.text, limit, *(verdict_text(one) if one.known else "–" for one in found)])
    yield from table(["", "bar", *(KINDS[kind] for kind in kinds)], rows)
    yield ""
    for kind in kinds:
        yield from wrap(summary(overall, kind), "- ")
    yield ""
    broad = overall[overall["metric"] == "tokens"].set_index("kind")["rank_broad"]
    said = ", ".join(f"{KINDS[kind]} {correlation(broad[kind])}" for kind in kinds if kind in broad.index)
    yield from wrap(
        f"Ranks are compared among {scores.LEAST_RANKED} or more points that share model, GPU, engine, format and lengths, "
        f"pooled by their number. Over all lengths of a model, GPU, engine and format together: {said or 'not measured'}."
    )
    yield ""
    for name in figures:
        stem = name.rpartition("/")[2].rpartition(".")[0]
        yield from (f"![{_TITLES.get(stem.rpartition('-')[2], 'Predicted against measured')}]({name})", "")


def summary(overall: pd.DataFrame, kind: str) -> str:
    """Say how many bars predictions of one kind meet, and which they miss.

    Parameters
    ----------
    overall : `planner.calibrate.scores.table` of all points together
    kind : the coefficients
    """
    found = [one for one in verdicts(overall, [kind]) if one.known]
    met, missed = sum(one.met for one in found), [one.bar.text for one in found if not one.met]
    return f"{KINDS[kind]}: {met} of {len(found)} bars met{'; missed: ' + '; '.join(missed) if missed else ''}."


def _apart(apart: Elsewhere | None) -> Iterator[str]:
    if apart is None:
        return
    yield from elsewhere.section(apart)
    if len(apart.capacity):
        yield from elsewhere.capacity_section(apart.capacity)


def _groups(grouped: pd.DataFrame, kinds: Sequence[str]) -> Iterator[str]:
    drawn = [kind for kind in kinds if kind != "shipped"] or list(kinds)
    headings = [*_HEADINGS.values(), ">n", *(f">{KINDS[kind]}" for kind in drawn)]
    yield from ("## By GPU, engine, model and format", "")
    yield from wrap(
        "Each cell: mean error / median / 90th percentile; bias; all in %. With the output rate, the rank correlation within the "
        "group's lengths follows. Models are named without their organization."
    )
    yield ""
    for metric, title in METRICS.items():
        yield from (f"### {title}", "")
        yield from table(headings, _group_rows(grouped[grouped["metric"] == metric], drawn))
        yield ""


def _group_rows(scored: pd.DataFrame, kinds: Sequence[str]) -> Iterator[list[str]]:
    """Yield a row of text for every group."""
    for key, group in scored.groupby(list(BY), sort=True):
        found = {str(row["kind"]): row for _, row in group.iterrows()}
        yield [*_names(key), f"{int(group['n'].iloc[0]):,}", *(_cell(found[kind]) for kind in kinds)]


def _cell(row: pd.Series) -> str:
    """Write the figures of one group, metric and kind."""
    errors = "/".join(whole(float(row[name])) for name in ("mape", "median", "p90"))
    rank = f"; {correlation(float(row['rank']), 2)}" if np.isfinite(row["rank"]) else ""
    return f"{errors}; {signed(float(row['bias']))}{rank}"


def _weak(grouped: pd.DataFrame, kinds: Sequence[str]) -> Iterator[str]:
    judged = [kind for kind in CROSS if kind in kinds] or list(kinds)[-1:]
    yield from ("## Where the model is weak", "")
    named = " or ".join(KINDS[kind] for kind in judged)
    worse = ", whichever is worse" if len(judged) > 1 else ""
    yield from wrap(f"The groups of {FEWEST} points or more with the largest median error ({named}{worse}).")
    for metric in ("tpot", "ttft"):
        rows = grouped[(grouped["metric"] == metric) & grouped["kind"].isin(judged) & (grouped["n"] >= FEWEST)]
        rows = rows.sort_values(["median", *BY, "kind"], ascending=[False, *[True] * (len(BY) + 1)]).drop_duplicates(list(BY))
        yield from ("", f"{METRICS[metric]}:", "")
        for _, row in rows.head(WEAK).iterrows():
            yield from wrap(f"{' · '.join(_names(tuple(row[name] for name in BY)))}, {KINDS[row['kind']]}: {weakness(row)}", "- ")
    yield ""


def weakness(row: pd.Series) -> str:
    """Say in a sentence how a group is wrong, from its figures.

    Examples
    --------
    >>> weakness(pd.Series({"n": 12, "median": 0.31, "bias": 0.3, "within_25": 0.25}))
    'median error 31 % over 12 points; predicted too slow, by 30 % in the median; 25 % of points within 25 %.'
    """
    median, bias = float(row["median"]), float(row["bias"])
    if not np.isfinite(bias):
        way = "nothing could be predicted"
    elif abs(bias) < ONE_SIDED * median:
        way = "wrong both ways, with little bias"
    else:
        way = f"predicted too {'slow' if bias > 0 else 'fast'}, by {whole(abs(bias))} % in the median"
    near = f"{whole(float(row['within_25']))} % of points within 25 %"
    return f"median error {whole(median)} % over {rows_of(int(row['n']), 'point')}; {way}; {near}."


def _laws(evidence: Evidence) -> Iterator[str]:
    if not evidence.laws:
        return
    yield from ("## A published scaling law", "")
    yield from wrap(
        "Epoch AI (E. Erdil, Inference economics of language models, arXiv 2506.04645, section 2.2.3, equations 18 and 19) "
        "derives that the best latency of a dense model grows with the square root of its size and falls with the cube root of "
        "memory bandwidth. Ours is the least TPOT of one short request over all tensor-parallel layouts up to eight GPUs."
    )
    yield ""
    rows = [
        [
            law.name,
            f"{law.count}",
            exponent(law.published),
            exponent(law.exponent),
            f"{exponent(law.low)} to {exponent(law.high)}",
        ]
        for law in evidence.laws
    ]
    yield from table(["over", ">points", ">published", ">ours", ">95 % interval"], rows)
    yield ""
    yield from wrap(
        "The law lets an instance grow without end over links that stay the same. Ours stops at eight GPUs, where reading "
        "weights takes more of the time, adds host time, and compares GPUs whose links differ too. The published exponent of "
        "size takes depth to grow with the 0.25th power of size; among the models compared here the power is "
        f"{exponent(evidence.depth)}."
    )
    yield ""
    missing = [law for law in evidence.laws if len(law.left_out)]
    for law in missing:
        names = ", ".join(_short(str(name)) for name in law.left_out["label"])
        yield from wrap(f"Without a prediction over {law.name.partition(' [')[0]}: {escape(names)}.", "- ")
    yield from [""] if missing else []


def _again(command: str) -> Iterator[str]:
    yield from ("## How to regenerate", "", "```sh")
    yield from command.replace(" --", " \\\n  --").splitlines()
    yield "```"


def _names(key: Sequence[object]) -> list[str]:
    """Write a group's accelerator, engine, model and precision."""
    return [escape(_short(str(name))) for name in key]


def _short(name: str) -> str:
    """Leave out the organization of a model's name."""
    return name.rpartition("/")[2]
