"""The calls of a point on its deployment: lengths, cache, attention, and how many fit."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from planner.candidates.columns import DeploymentColumns
from planner.domain.catalog import Catalog
from planner.perf.attention import attention_flops, compile_attention
from planner.perf.memory import MemoryBudget, kv_held, kv_read, memory_budget
from planner.points.deploy import Deployed

Floats = NDArray[np.float64]

RAISED = 0.97
"""Largest share of device memory an engine is given by hand (assumption: what users report to work)."""

SHORTEST = 2.0
"""Fewest output tokens of a call: a time per token after the first needs a second one [token]."""


@dataclass(frozen=True, eq=False)
class Calls:
    """Mean calls of each row, on the deployment of one role."""

    prompt: Floats
    """I, mean prompt [token]."""
    output: Floats
    """O, mean output [token]."""
    read: Floats
    """Bytes a decode iteration reads for a call at its mean context [B]."""
    held: Floats
    """Bytes the same call holds [B]."""
    whole: Floats
    """Bytes of a call at its end, per token [B/token]."""
    attention: Floats
    """Attention FLOP of a prompt token, mean over the prompt [FLOP]."""
    room: Floats
    """Calls that fit into slots and KV memory of one replica [1]; below 1 where not even one does."""
    budget: MemoryBudget
    """Memory of the fullest device."""


def calls_on(deployed: Deployed, table: pd.DataFrame, catalog: Catalog) -> Calls:
    """Return the calls of rows of the table on their deployments.

    Parameters
    ----------
    deployed : `deploy` of the same rows
    table : with `input_tokens`, `output_tokens`, `length_ratio_min`
    catalog : engines

    Returns
    -------
    Calls

    Notes
    -----
    Real lengths are uniform between r and 1 of the nominal, (1 + r)/2 of it on average. Slots are those of a server
    started with its own defaults. So is its share of memory, unless that leaves no room for one call: whoever runs such a
    deployment has given the engine more, `RAISED`.
    """
    columns = deployed.columns
    share = (1.0 + table["length_ratio_min"].to_numpy(float)) / 2.0
    prompt = table["input_tokens"].to_numpy(float) * share
    output = np.maximum(table["output_tokens"].to_numpy(float) * share, SHORTEST)
    held, read = kv_held(columns.model, columns.precision), kv_read(columns.model, columns.precision)
    context, end = prompt + output / 2.0, prompt + output
    budget = _budget(columns, held.at(context))
    slots = {name: engine.server_sequences or engine.max_sequences for name, engine in catalog.engines.items()}
    limit = table["engine"].map(slots).to_numpy(float) * columns.layout.dp
    flop = attention_flops(compile_attention(columns.model, columns.coefficients, columns.layout), prompt, np.zeros(1))
    return Calls(
        prompt=prompt,
        output=output,
        read=read.at(context),
        held=held.at(context),
        whole=held.at(end) / end,
        attention=flop / prompt,
        room=np.minimum(limit, budget.replica_kv / held.at(context)),
        budget=budget,
    )


def _budget(columns: DeploymentColumns, call: Floats) -> MemoryBudget:
    """Return the memory of the fullest device, with the engine's share raised where a call [B] would not fit otherwise."""
    shared = columns.model, columns.precision, columns.hardware
    usual = memory_budget(*shared, columns.engine, columns.layout)
    more = np.maximum(columns.engine.memory_fraction, RAISED)
    raised = replace(columns.engine, memory_fraction=more, tolerance=np.zeros(more.shape))
    most = memory_budget(*shared, raised, columns.layout)
    tight = usual.replica_kv < call
    return MemoryBudget(**{f.name: np.where(tight, getattr(most, f.name), getattr(usual, f.name)) for f in fields(MemoryBudget)})
