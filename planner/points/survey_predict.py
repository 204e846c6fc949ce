"""What the performance model says to each row of the survey of published measurements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.domain.catalog import Catalog
from planner.perf.compile import compile_step
from planner.perf.memory import memory_budget
from planner.perf.step import CallStep
from planner.points.calls import Calls, calls_on
from planner.points.columns import PROBLEM
from planner.points.deploy import Deployed, deploy, refusals
from planner.points.loops import Shared, as_shipped, groups
from planner.points.survey import BATCH, CLIENTS, FULL, MEASURES, STEP

Floats = NDArray[np.float64]

GIB = 2.0**30

_KEPT = (
    "source", "kind", "accelerator", "written_engine", "written_model", "model", "precision", "tp", "pp", "input_tokens",
    "output_tokens", "concurrency",
)  # fmt: skip


def compare_survey(table: pd.DataFrame, catalog: Catalog) -> pd.DataFrame:
    """Lay measurement and prediction of a survey side by side, one row a measured quantity.

    Parameters
    ----------
    table : `planner.points.survey.read_survey`
    catalog : facts, coefficients and factors, as shipped

    Returns
    -------
    What names the row, `what` (see MEASURES), `measured`, `predicted` and `problem`. Rows with a problem have no prediction; a
    row without one whose prediction is missing was measured although the model says that it does not fit in memory.

    Notes
    -----
    - decode step: τ(B, K, 0, 0) at the mean context, prompt + half of the output.
    - prompt: the batch's prompts in iterations of at most the engine's chunk, (B·I/P)·τ(0, 0, P, G) with P = min(B·I, C); and
      the time of a request outside iterations where a server took part.
    - a static batch: closed loop whose calls come all at once; clients: one whose calls never come at once, as their lengths
      differ; full: one of as many calls as fit into slots and memory.
    - KV memory: per device, with the server's own number of slots and the share of memory that was noted, and nothing kept back.
    """
    problems = table[PROBLEM].to_numpy(dtype=object).copy()
    good = np.flatnonzero(problems == "")
    problems[good] = refusals(table.iloc[good], catalog)
    found = {name: np.full(len(table), np.nan) for name in MEASURES}
    loads, kinds = table["load"].to_numpy(dtype=object), table["kind"].to_numpy(dtype=object)
    for rows, predict in (
        ((loads == STEP) & (kinds != "memory"), _steps),
        (kinds == "memory", _memory),
        (np.isin(loads, (BATCH, CLIENTS, FULL)), _loops),
    ):
        chosen = np.flatnonzero(rows & (problems == ""))
        if chosen.size:
            for name, values in predict(table.iloc[chosen], catalog).items():
                found[name][chosen] = values
    named = table[list(_KEPT)].assign(**{PROBLEM: problems})
    parts = [named.assign(what=what, measured=table[name], predicted=found[name]) for name, what in MEASURES.items()]
    made = pd.concat(parts)
    lost = (made[PROBLEM] != "") & (made["what"] == next(iter(MEASURES.values())))  # once, whatever was measured
    return made[lost | ((made[PROBLEM] == "") & made["measured"].notna())].sort_index(kind="stable").reset_index(drop=True)


def _call(deployed: Deployed, calls: Calls) -> CallStep:
    """Return the iteration of these calls with the coefficients as shipped."""
    columns = deployed.columns
    step = compile_step(columns.model, columns.precision, columns.hardware, columns.link, columns.coefficients, columns.layout)
    return step.for_calls(calls.read, calls.attention, 1.0 / calls.prompt)


def _steps(part: pd.DataFrame, catalog: Catalog) -> dict[str, Floats]:
    """Return times of single iterations [ms]: of decoding, and of prompts alone."""
    deployed = deploy(part, catalog)
    calls = calls_on(deployed, part, catalog)
    call, batch = _call(deployed, calls), part["concurrency"].to_numpy(float)
    columns = deployed.columns
    tokens = batch * calls.prompt
    together = np.minimum(tokens, columns.engine.chunk_tokens * columns.layout.dp)
    iteration = call.host + call.prompt_host + call.prompt * together + call.layers(together)
    outside = np.where(part["served"].to_numpy(bool), columns.coefficients.host_per_request, 0.0)
    return {
        "decode_step_ms": 1e3 * call.decode(batch, call.layers(batch)),
        "prefill_time_ms": 1e3 * (outside + iteration * tokens / together),
    }


def _loops(part: pd.DataFrame, catalog: Catalog) -> dict[str, Floats]:
    """Return what clients see of whole calls: mean time between tokens [ms], and tokens of the deployment [1/s]."""
    ((_, group),) = groups(part, catalog)
    if not isinstance(group, Shared):
        raise TypeError("a survey holds closed loops on shared replicas only")
    load = part["load"].to_numpy(dtype=object)
    room = np.maximum(np.floor(group.calls.room), 1.0)
    (kernel,) = as_shipped(group)
    together = np.select([load == BATCH, load == CLIENTS], [1.0, 0.0], kernel.synchrony)
    asked = replace(group, clients=np.where(load == FULL, room, group.clients), alike=np.ones(len(part), dtype=bool))
    seen = asked.seen((replace(kernel, synchrony=together),))
    fits = group.calls.room >= 1.0
    rate = seen.rate * group.calls.output
    return {"tpot_mean_ms": np.where(fits, 1e3 * seen.tpot, np.nan), "output_tok_s_total": np.where(fits, rate, np.nan)}


def _memory(part: pd.DataFrame, catalog: Catalog) -> dict[str, Floats]:
    """Return memory for the cache on each device [GiB]; negative where the weights leave none."""
    deployed = deploy(part, catalog)
    columns = deployed.columns
    slots = part["engine"].map({name: one.server_sequences or one.max_sequences for name, one in catalog.engines.items()})
    noted = part["memory_fraction"].to_numpy(float)
    engine = replace(
        columns.engine,
        max_sequences=np.asarray(slots, dtype=np.float64),
        memory_fraction=np.where(np.isfinite(noted), noted, columns.engine.memory_fraction),
        tolerance=np.zeros(len(part)),
    )
    budget = memory_budget(columns.model, columns.precision, columns.hardware, engine, columns.layout)
    return {"kv_gib": budget.free / GIB}
