"""Reads the survey of published measurements: single iterations, static batches, loads and memory in one table.

Each row says in `kind` what was measured. What the performance model can be asked about becomes a row of the table of points
with a `load` (how the calls came) and one measured quantity or two; every other row says in `problem` why it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from planner.domain.catalog import Catalog
from planner.points import csvfile
from planner.points.columns import PROBLEM
from planner.points.names import resolve
from planner.points.table import Objects, Problems, normalize, sentences, shown

HEADER = (
    "source", "kind", "gpu", "tp", "pp", "ep", "model", "precision_weights", "precision_kv", "engine", "engine_version",
    "input_len", "output_len", "batch_or_concurrency", "prefill_time_ms", "decode_step_ms", "tpot_mean_ms",
    "output_tok_s_total", "notes",
)  # fmt: skip
"""Columns by which the table is recognised, all of them used."""

MEASURES = {
    "decode_step_ms": "decode step",
    "prefill_time_ms": "prompt",
    "tpot_mean_ms": "TPOT",
    "output_tok_s_total": "tokens/s",
    "kv_gib": "KV memory",
}
"""Measured columns, and what they are called."""

_MEASURED = {
    "decode_step": ("decode_step_ms",),
    "prefill": ("prefill_time_ms",),
    "serving_load": ("tpot_mean_ms", "output_tok_s_total"),
    "offline_throughput": ("output_tok_s_total",),
    "memory": ("kv_gib",),
}
"""Kind of row → what of it is compared. A load's TTFT is a median, and the model gives means."""

STEP, BATCH, CLIENTS, FULL = "step", "batch", "clients", "full"
"""Loads: one iteration alone; a batch that starts at once; clients whose calls differ in length; as many calls as fit."""

STANDS_FOR = {"tgis": "vllm", "vllm(splitwise fork)": "vllm", "deepspeed-mii": "vllm", "fastertransformer": "vllm"}
"""Engines that the catalogs lack, and the one whose coefficients stand in (assumption)."""

_DEVICES = {"RTXPRO6000-96GB": "rtx-pro-6000-server"}
"""TensorRT-LLM 1.0 documentation, perf-overview.md: RTX 6000 Pro Blackwell Server Edition."""


@dataclass(frozen=True)
class Twin:
    """A model of the catalogs with the same layers."""

    model: str
    """Its name there."""
    context: float = np.inf
    """Longest context at which both do the same [token]."""


TWINS = {
    "huggyllama/llama-7b": Twin("meta-llama/Llama-2-7b-chat-hf"),
    "huggyllama/llama-13b": Twin("meta-llama/Llama-2-13b-chat-hf"),
    "mistralai/Mistral-7B-v0.1": Twin("mistralai/Mistral-7B-Instruct-v0.2", 4096.0),
    "Qwen/Qwen2-7B": Twin("Qwen/Qwen2.5-7B-Instruct"),
    "Qwen/Qwen2-72B": Twin("Qwen/Qwen2.5-72B-Instruct"),
}
"""Models that differ from another in their weights alone (config.json of both on Hugging Face); Mistral 0.1 also in a window."""


def recognises(text: str) -> bool:
    """Say whether a text is such a table, by its first line."""
    return set(HEADER) <= {cell.strip(' "') for cell in text.partition("\n")[0].split(",")}


def read_survey(path: Path | str, catalog: Catalog) -> pd.DataFrame:
    """Read the table.

    Parameters
    ----------
    path : CSV that `recognises`
    catalog : whose names are wanted

    Returns
    -------
    The table of points, names resolved, `concurrency` 1 where none was said; and `kind`, `load`, `written_engine`,
    `written_model`, `served` (whether times include a server), `memory_fraction`, the columns of MEASURES with NaN for what was
    not measured, and `problem`.

    Raises
    ------
    InvalidInput
        The file cannot be read, is malformed or holds no rows.

    Notes
    -----
    Memory is given in the notes: `kv_cache` [GiB per GPU] and the share of the device the engine may take.
    """
    file = csvfile.parse(csvfile.read_text(path), str(path))
    cells = file.cells.set_axis(list(file.header), axis=1)
    notes, kind = cells["notes"], cells["kind"]
    raw = pd.DataFrame(
        {
            "model": cells["model"].replace({name: twin.model for name, twin in TWINS.items()}),
            "accelerator": cells["gpu"].replace(_DEVICES),
            "engine": cells["engine"].replace(STANDS_FOR),
            "engine_version": cells["engine_version"],
            "precision": cells["precision_weights"].str.removesuffix("(assumed)"),
            "kv_precision": cells["precision_kv"],
            **{degree: cells[degree] for degree in ("tp", "pp", "ep")},
            "input_tokens": cells["input_len"].where(kind != "memory", "1"),
            "output_tokens": cells["output_len"].where(~kind.isin(["memory", "prefill"]), "1"),
            "concurrency": cells["batch_or_concurrency"].where(cells["batch_or_concurrency"] != "", "1"),
            "source": cells["source"],
        }
    )
    table = resolve(normalize(raw), catalog)
    table[PROBLEM] = _problems(cells, table)
    return table.assign(
        kind=kind,
        load=_loads(cells),
        written_engine=cells["engine"],
        written_model=cells["model"],
        served=notes.str.contains("requests"),
        memory_fraction=_noted(notes, "gpu_memory_utilization"),
        **_measured(cells),
    )


def _measured(cells: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Return the measured columns, each with numbers only in rows of the kind it is compared in."""
    found = {name: _numbers(cells[name]) for name in MEASURES if name in cells}
    found["kv_gib"] = _noted(cells["notes"], "kv_cache")
    wanted = {kind: set(names) for kind, names in _MEASURED.items()}
    return {
        name: values.where(np.array([name in wanted.get(kind, ()) for kind in cells["kind"]], dtype=bool))
        for name, values in found.items()
    }


def _loads(cells: pd.DataFrame) -> Objects:
    """Return how the calls of each row came."""
    kind, static = cells["kind"], cells["notes"].str.contains("static batch")
    return np.select(
        [kind.isin(["decode_step", "prefill", "memory"]), static, kind == "serving_load"], [STEP, BATCH, CLIENTS], FULL
    ).astype(object)


def _problems(cells: pd.DataFrame, table: pd.DataFrame) -> Objects:
    """Return why rows cannot be compared: the first reason of each, without what it may have meant."""
    notes = cells["notes"]
    context = _numbers(cells["input_len"]).fillna(0.0) + _numbers(cells["output_len"]).fillna(0.0)
    longest = np.array([TWINS[name].context if name in TWINS else np.inf for name in cells["model"]])
    first = [(sentences(problem) or [""])[0].partition(", near:")[0] for problem in table[PROBLEM]]
    cells = cells.assign(**{PROBLEM: first})
    unmeasured = pd.concat(_measured(cells), axis=1).isna().all(axis=1)
    checks: tuple[tuple[pd.Series[bool], Callable[[pd.Series[Any]], str]], ...] = (
        (~cells["kind"].isin(list(_MEASURED)), lambda row: f"nothing is known of rows of the kind {shown(row['kind'])}"),
        (notes.str.contains("FLAG:"), lambda row: f"marked in the table as {_flag(row['notes'])}"),
        (notes.str.contains("POWER_CAPPED"), lambda _: "a card with a power cap, which no catalog describes"),
        (cells["precision_weights"] == "int8", lambda _: "int8 weights, and not said in what activations are"),
        (cells[PROBLEM] != "", lambda row: str(row[PROBLEM])),
        (cells["tp"] == "", lambda _: "the layout is not said in full"),
        (context > longest, lambda row: f"{row['model']} beyond its window, which its twin in the catalogs does not have"),
        (unmeasured, lambda _: "nothing was measured that the model predicts"),
    )
    problems = Problems([""] * len(cells))
    for wrong, say in checks:
        rows = wrong.to_numpy(bool) & (problems.texts == "")
        said = np.full(len(cells), "", dtype=object)
        said[rows] = [say(row) for _, row in cells[rows].iterrows()]
        problems.add(rows, said)
    return problems.texts


def _flag(notes: str) -> str:
    """Return what a row is marked with, without its figures."""
    return notes.partition("FLAG:")[2].partition(";")[0].partition("(")[0].replace("_", " ").replace("/", " ")


def _numbers(cells: pd.Series[Any]) -> pd.Series[float]:
    """Return cells as numbers, NaN where they are none."""
    return pd.to_numeric(cells, errors="coerce").astype(float)


def _noted(notes: pd.Series[Any], name: str) -> pd.Series[float]:
    """Return the numbers that notes hold as `name=number`."""
    return _numbers(notes.str.extract(rf"\b{name}=(-?[\d.]+)")[0])
